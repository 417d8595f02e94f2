package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/bot"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/mail"
	"imbot/outbox"
	"imbot/reminders"
	"imbot/web"
)

// mailing is what imbot has of mail. The zero value is off.
type mailing struct {
	sender      effects.MailSender // nil: the mail section is absent
	check       func(ctx context.Context) error
	only        func(ctx context.Context, other string) error // tries another mailbox; nil: not by Microsoft Graph
	unsubscribe *web.Unsubscribe
}

// outlookScope is of tokens for SMTP at Exchange Online.
// https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
const outlookScope = "https://outlook.office365.com/.default"

// teamsCredential proves who imbot is to Entra, for Teams and all else there.
func teamsCredential(t *TeamsConfig) (azcore.TokenCredential, error) {
	if t == nil {
		return nil, errors.New("the section teams is missing, whose credential is used")
	}
	return botframework.NewCredential(botframework.CredentialConfig{
		TenantID: t.TenantID, AppID: t.AppID, ClientSecret: t.ClientSecret.Reveal(),
		CertificateFile: t.CertificateFile, CertificatePassword: t.CertificatePassword.Reveal(),
		ManagedIdentity: t.ManagedIdentity, WorkloadIdentity: t.WorkloadIdentity, Authority: t.Authority, CAFile: t.CAFile,
	})
}

// mailGraph is a client of Microsoft Graph with the credential of the teams
// section.
func mailGraph(t *TeamsConfig, url string, now func() time.Time) (*graphrest.Client, error) {
	cred, err := teamsCredential(t)
	if err != nil {
		return nil, err
	}
	return graphrest.New(graphrest.Config{TenantID: t.TenantID, Credential: cred, BaseURL: cmp.Or(url, t.GraphURL), Now: now})
}

// newMailing makes the client that the configuration asks for.
func newMailing(cfg *Config, k clock) (mailing, error) {
	m := cfg.Mail
	if m == nil {
		return mailing{}, nil
	}
	if m.Graph != nil {
		api, err := mailGraph(cfg.Teams, m.Graph.URL, k.now)
		if err != nil {
			return mailing{}, fmt.Errorf("mail: %w", err)
		}
		w, err := mail.NewWriter(m.From, m.PerMinute, k.now)
		if err != nil {
			return mailing{}, err
		}
		return mailing{
			sender: &effects.GraphMail{API: api, Writer: w},
			check:  func(ctx context.Context) error { return checkGraphMail(ctx, api, w.From()) },
			only:   func(ctx context.Context, other string) error { return checkGraphMail(ctx, api, other) },
		}, nil
	}
	s := m.SMTP
	c := mail.Config{
		From: m.From, Host: s.Host, Port: s.Port, TLS: s.TLS, User: s.User, Password: s.Password.Reveal(), CAFile: s.CAFile,
		PerMinute: m.PerMinute, Timeout: k.timeouts["mail"], Now: k.now,
	}
	if s.OAuth {
		cred, err := teamsCredential(cfg.Teams)
		if err != nil {
			return mailing{}, fmt.Errorf("mail: %w", err)
		}
		c.Token = func(ctx context.Context) (string, error) {
			t, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{outlookScope}})
			return t.Token, err
		}
	}
	client, err := mail.New(c)
	if err != nil {
		return mailing{}, err
	}
	return mailing{sender: client, check: client.Check}, nil
}

// checkGraphMail asks Graph to send a mail to nobody: it must refuse, and the
// status tells whether it would send others.
func checkGraphMail(ctx context.Context, api *graphrest.Client, from string) error {
	err := api.SendMIME(ctx, from, []byte("From: <"+from+">\r\nSubject: imbot doctor\r\n\r\n\r\n"))
	var e *graphrest.Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return nil
	}
	return err
}

func (a *app) wireMail() error {
	m, err := newMailing(a.cfg, a.clock)
	if err != nil || m.sender == nil {
		return err
	}
	key, err := a.linkKey(context.Background())
	if err != nil {
		return fmt.Errorf("mail: the key that signs links: %w", err)
	}
	m.unsubscribe = &web.Unsubscribe{
		Key: key, PublicURL: a.cfg.PublicURL, NoMail: a.noMail,
		SetNoMail: func(ctx context.Context, address string, off bool, by string) error {
			return a.store.SavePreference(ctx, bot.Preference{Address: address, NoMail: off, By: by, At: a.now().UTC()})
		},
	}
	a.mail = m
	return nil
}

// keyOfLinks is where the store has the key that signs links in mails.
const keyOfLinks = "secret/links"

// linkKey is the key that signs links in mails. It is made once, and is in
// backups: links in old mails go on working.
func (a *app) linkKey(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	var key string
	err := a.store.Update(ctx, func(tx incident.Tx) error {
		var err error
		if key, err = tx.Key(keyOfLinks, true); err != nil || key != "" {
			return err
		}
		key = hex.EncodeToString(fresh)
		return tx.PutKey(keyOfLinks, key, true)
	})
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(key)
}

func (a *app) noMail(ctx context.Context, address string) (bool, error) {
	p, err := a.store.Preference(ctx, strings.ToLower(address))
	return p.NoMail, err
}

// mailPreferences is what the bot's verb "mail" works on; nil where no mails are
// sent.
func (a *app) mailPreferences() bot.Preferences {
	if a.cfg.Mail == nil {
		return nil
	}
	return a.store
}

// mailHandlers adds what carries out mails, and what is told to one person. say
// is nil where Teams is off.
func (a *app) mailHandlers(h map[string]outbox.Handler, say *effects.Teams) {
	direct := &effects.Direct{Service: a.service, View: a.reader, Teams: say, MailOf: a.mailOf, Now: a.now, Logger: a.log}
	overdue := &effects.Overdue{View: a.reader, Rules: a.overdueRules(), Teams: say, MailOf: a.mailOf, Now: a.now}
	h[incident.KindMail] = effects.Off("mail off")
	if a.mail.sender != nil {
		m := a.mails()
		h[incident.KindMail], direct.Mails, overdue.Mails = m.Send, m, m
		if say != nil && !a.cfg.DryRun {
			say.Enqueue = a.service.Enqueue
		}
	}
	h[incident.KindDirect], h[incident.KindOverdue] = direct.Tell, overdue.Remind
	reason := ""
	switch {
	case a.cfg.DryRun:
		reason = "dry run"
		h[incident.KindMail] = effects.Off(reason)
	case say == nil && a.mail.sender == nil:
		reason = "teams and mail off"
	}
	if reason != "" {
		h[incident.KindDirect], h[incident.KindOverdue] = effects.Off(reason), effects.Off(reason)
	}
}

func (a *app) mails() *effects.Mails {
	m := a.cfg.Mail
	return &effects.Mails{
		View: a.reader, Sender: a.mail.sender, Domain: m.domain(), ListID: m.ListID, Company: m.Company,
		Reads: a.reads, NoMail: a.noMail, Unsubscribe: a.mail.unsubscribe.URL,
	}
}

// reads is the language and zone of whoever has an address: those whom the bot
// has met chose a language; a list reads that of the squad.
func (a *app) reads(ctx context.Context, address, squad string) (string, *time.Location) {
	zone := a.zoneOf(ctx, address)
	if p, err := a.store.Person(ctx, address); err == nil && p.Language != "" {
		return p.Language, zone
	}
	return a.catalog.Get().Language(squad), zone
}

// zoneOf is where a person lives, by id or address; the company's zone where that
// is not known.
func (a *app) zoneOf(ctx context.Context, person string) *time.Location {
	z, err := bot.Timezone(ctx, a.store, a.catalog.Get(), person)
	if err != nil || z == nil {
		return a.cfg.Location()
	}
	return z
}

// mailOf is a person's mail address, as far as it is known.
func (a *app) mailOf(ctx context.Context, who incident.Actor) string {
	if p, err := a.store.Person(ctx, who.ID); err == nil && p.Mail != "" {
		return p.Mail
	}
	if p, ok := a.catalog.Get().PersonByID(who.ID); ok {
		return p.Mail
	}
	return ""
}

// nameOf is what a person is called in Teams; "" where they were not met there.
func (a *app) nameOf(ctx context.Context, id string) string {
	p, err := a.store.Person(ctx, id)
	if err != nil {
		return "" // or not known at this moment: the address does as well
	}
	return p.Name
}

// overdueRules are when people are reminded of RCAs.
func (a *app) overdueRules() *reminders.Rules {
	hours, err := reminders.ParseHours(a.live.Load().Reminders.Hours)
	if err != nil { // of a configuration that was made in the program, without any
		hours = reminders.DefaultHours
	}
	return &reminders.Rules{
		After: a.live.Load().Reminders.RCA.Std(), Hours: hours,
		Zone: a.zoneOf,
		Live: func(squad string) bool { return a.catalog.Get().Route(squad).Mode == incident.ModeLive },
	}
}

// remind stores the reminders of overdue RCAs that are due now.
func (a *app) remind(ctx context.Context) error {
	if a.teams == nil && a.mail.sender == nil {
		return nil
	}
	r := &reminders.Runner{Rules: a.overdueRules(), List: a.reader, Enqueue: a.service.Enqueue, Now: a.now}
	return r.Run(ctx)
}

// offMail says in words that mail is off.
func (a *app) offMail() []string {
	if a.cfg.Mail == nil {
		return []string{"mail: no section in the configuration; mails are skipped"}
	}
	return nil
}

// mail checks that mails can be handed over. It sends none.
func (d *doctor) mail(ctx context.Context) {
	if d.cfg.Mail == nil {
		d.add("mail", checkOff, "no section: mails are skipped", "")
		return
	}
	m, err := newMailing(d.cfg, clock{now: time.Now})
	if err != nil {
		d.add("mail", checkFail, err.Error(), "mend the mail section")
		return
	}
	where, mend := "Microsoft Graph", "give the app Mail.Send for this mailbox (docs/permissions.md has the commands; it takes up to two hours), and check that the mailbox exists"
	if s := d.cfg.Mail.SMTP; s != nil {
		where, mend = s.Host, "check host, port, tls, user and password of mail.smtp; Exchange Online lets only oauth sign in"
	}
	err = m.check(ctx)
	if m.only != nil && err == nil {
		defer d.oneMailbox(ctx, m.only)
	}
	d.result("mail", err, where+" takes mails from "+d.cfg.Mail.From+"; after a lost answer one may come twice, with the same Message-ID", mend)
}

// oneMailbox proves that imbot may send from its own mailbox only: it tries that
// of an admin, with a mail to nobody, which Graph refuses in any case. Only how it
// does tells whether others would be sent.
func (d *doctor) oneMailbox(ctx context.Context, try func(ctx context.Context, mailbox string) error) {
	const name = "mail: from one mailbox only"
	for _, other := range d.cfg.Access.Admins {
		if !strings.Contains(other, "@") || strings.Contains(strings.ToLower(d.cfg.Mail.From), other) {
			continue
		}
		err := try(ctx, other)
		var e *graphrest.Error
		switch {
		case err == nil:
			d.add(name, checkWarn, "imbot can send mails as "+other+", and so as everybody", "limit Mail.Send to the mailbox of mail.from: docs/permissions.md has the commands")
			return
		case errors.As(err, &e) && e.Status == http.StatusForbidden:
			d.add(name, checkOK, "imbot may not send as "+other, "")
			return
		}
	}
	d.add(name, checkOff, "not tried: no admin under access has a mailbox", "")
}
