package effects_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imbot/bot"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/hook"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
	"imbot/outbox"
	"imbot/reminders"
	"imbot/webhook"
)

// rapidTB is one walk as a testing.TB, so that what tests share serves here, too:
// its failures are rapid's, which then looks for a shorter walk that fails.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (w rapidTB) Helper()                   { w.rt.Helper() }
func (w rapidTB) Errorf(f string, a ...any) { w.rt.Errorf(f, a...) }
func (w rapidTB) Error(a ...any)            { w.rt.Error(a...) }
func (w rapidTB) Fatalf(f string, a ...any) { w.rt.Fatalf(f, a...) }
func (w rapidTB) Fatal(a ...any)            { w.rt.Fatal(a...) }
func (w rapidTB) Logf(f string, a ...any)   { w.rt.Logf(f, a...) }
func (w rapidTB) Cleanup(f func())          { w.rt.Cleanup(f) }
func (w rapidTB) Failed() bool              { return w.rt.Failed() }

const papersCatalog = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com, members: [budi@example.com, citra@example.com], jira_project: PAY, mode: %s}
  - {key: search, name: Search, lead: dewi@example.com, mail: search-list@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: "%s", stakeholders: [boss@example.com, budi@example.com], pagerduty_service_id: PSVC1}
  - {key: cart, name: Cart, squad: payments, pagerduty_service_id: PSVC2}
  - {key: finder, name: Finder, squad: search, owner: gone@example.com, stakeholders: [boss@example.com], pagerduty_service_id: PSVC3}
people:
  - {mail: citra@example.com, name: Citra, jira_account: "712020:citra"}
  - {mail: dewi@example.com, name: Dewi, timezone: Asia/Jakarta}
`

// papers is the paperwork of incidents: tickets, pages, mails, webhooks and
// reminders of one store, wired as the program does it without Teams, between
// Jira, Confluence, a mail server and another system, where people live their own
// lives.
type papers struct {
	*desk
	wiki *confluencesim.Server
	post *mailsim.Server
	ear  *receiver

	front      *httptest.Server // where Jira's webhooks go
	hook       *webhook.Jira
	reconciler *webhook.JiraReconciler
	rules      *reminders.Rules
	reminder   *reminders.Runner
	forget     int // so many outcomes of effects are lost: the program was killed before it stored them

	ids        []incident.ID
	alerts     []*alarm
	merge      *incident.Ref          // what the pager merges the next one into
	words      map[incident.ID]string // that stand in all that is said of an incident
	deleted    map[string]bool        // markers of issues that people deleted
	unlabelled map[string]bool        // markers that people took off an issue
	people     map[string]bool        // markers of issues whose status people changed
	letters    []letter
	wanted     map[string]bool      // reminders of RCAs, by person and day, that have to come
	muted      map[string]bool      // who has ever wanted no mails
	turned     map[incident.ID]bool // became private while an effect was being run
	loaded     bool                 // another catalog
	faults     int                  // how many were injected
	gaveUp     bool                 // on a webhook, which comes late then
	trashed    bool                 // somebody has deleted a page
	starts     int                  // of processes
	nextDay    time.Time            // of the reminders' hourly look
	night      time.Time            // of the next comparison with Jira
}

var wib = time.FixedZone("WIB", 7*3600)

func newPapers(tb testing.TB, unlimited, secret bool) *papers {
	p := &papers{
		words: map[incident.ID]string{}, deleted: map[string]bool{}, people: map[string]bool{}, unlabelled: map[string]bool{},
		muted: map[string]bool{}, turned: map[incident.ID]bool{}, wanted: map[string]bool{},
		desk: newDesk(tb, jirasim.Options{Unlimited: unlimited}),
	}
	if secret {
		p.config.PrivateProject = "SEC"
	}
	p.wiki = confluencesim.New(confluencesim.Options{Now: p.Now})
	tb.Cleanup(p.wiki.Close)
	p.wiki.AddSpace("OPS", "Operations")
	p.post = mailsim.New(mailsim.Options{TLS: mailsim.TLSNone, Now: p.Now})
	tb.Cleanup(p.post.Close)
	p.noMailbox()
	p.ear = receive(tb)
	p.load("ani@example.com", incident.ModeLive)
	p.svc.Hooks = func() []incident.HookWish {
		return []incident.HookWish{{Name: "all"}, {Name: "some", Events: []string{incident.HookOpened, incident.HookClosed}, Levels: []string{incident.ServiceDown}}}
	}
	p.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.hook.ServeHTTP(w, r) }))
	tb.Cleanup(p.front.Close)
	p.sim.SetWebhook(p.front.URL, hookSecret)
	p.before = p.watchJira
	p.start()
	p.nextDay, p.night = p.Now(), nightAfter(p.Now())
	return p
}

// load loads the catalog with this owner of checkout, whose squad is in this mode.
func (p *papers) load(owner, mode string) {
	file, err := catalog.Parse(fmt.Appendf(nil, papersCatalog, mode, owner), "catalog.yaml")
	must(p.t, err)
	levels := append(incident.DefaultLevels(), incident.Level{
		Key: "security", Title: "Security", Rank: 2, Postmortem: true, Private: true, Members: []string{"citra@example.com"},
	})
	p.cat, err = catalog.New(file, catalog.Settings{Levels: levels, DefaultChannel: "19:default@thread.tacv2"}, nil)
	must(p.t, err)
}

// noMailbox is what the mail server always says of somebody who left.
func (p *papers) noMailbox() {
	p.post.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "gone@example.com", Code: 550, Status: [3]int{5, 1, 1}, Message: "no such mailbox"})
}

// start begins a new process on the same store: nothing in memory is left.
func (p *papers) start() {
	p.starts++
	log := slog.New(slog.DiscardHandler)
	p.wire(p.api, p.svc)
	p.runner.Store, p.runner.Rand = &forgetful{p.store, p}, func() float64 { return 0.9 }
	p.runner.OnDead = func(ctx context.Context, job outbox.Job, err error) {
		if job.Incident == 0 {
			return
		}
		_, err = p.svc.Do(ctx, incident.Command{
			Verb: incident.Fail, Incident: job.Incident, Actor: incident.System,
			Args: incident.Args{Text: incident.Clip(incident.Line(err.Error()), 300), Data: map[string]string{"effect": job.Kind}},
		})
		must(p.t, err)
	}
	p.hook = &webhook.Jira{
		Secrets: []string{hookSecret}, Label: "imbot", Store: p.store, Service: p.svc, Now: p.Now, Logger: log, Self: func() string { return "712020:bot" },
	}
	p.reconciler = &webhook.JiraReconciler{
		API: p.api, Store: p.store, Service: p.svc, Label: "imbot", PrivateProject: p.config.PrivateProject, Fields: effects.TicketFieldsOf, Now: p.Now, Logger: log,
	}
	h := p.runner.Handlers
	for kind, off := range map[string][]string{
		"teams off":                   {incident.KindCard, incident.KindReply, incident.KindRoom, incident.KindRoomSync, incident.KindRoomSay},
		"pagerduty off: no api_token": {incident.KindPDAck, incident.KindPDResolve, incident.KindPDNote, incident.KindDetails, incident.KindPage, incident.KindWake, incident.KindWaited, incident.KindPageOver},
	} {
		for _, k := range off {
			h[k] = effects.Off(kind)
		}
	}
	h[incident.KindRelink], h[incident.KindUnpause] = effects.Again(p.svc, incident.Relink), effects.Again(p.svc, incident.Unpause)
	h[incident.KindNudge] = effects.Again(p.svc, incident.Nudge)
	p.startMail(h)
	p.startPages(h)
	client := hook.New(hook.Config{Private: true, Now: p.Now, Timeout: 5 * time.Second})
	hooks := map[string]effects.Hook{}
	for _, w := range p.svc.Hooks() {
		hooks[w.Name] = effects.Hook{API: &herald{client, p}, URL: p.ear.URL, Secret: sharedSecret}
	}
	h[incident.KindHook] = (&effects.Hooks{Hooks: hooks, View: p.view}).Send
}

func (p *papers) startMail(h map[string]outbox.Handler) {
	client, err := mail.New(mail.Config{From: "Incidents <imbot@example.com>", Host: p.post.Host(), Port: p.post.Port(), TLS: mailsim.TLSNone, Now: p.Now, Timeout: 5 * time.Second})
	must(p.t, err)
	mails := &effects.Mails{
		View: p.view, Sender: &postbox{client, p}, Domain: "example.com",
		NoMail: func(ctx context.Context, address string) (bool, error) {
			pref, err := p.store.Preference(ctx, strings.ToLower(address))
			return pref.NoMail, err
		},
		Unsubscribe: func(address string) string { return "https://imbot.example.com/unsubscribe?a=" + address },
	}
	p.rules = &reminders.Rules{Zone: zoneOf}
	p.reminder = &reminders.Runner{Rules: p.rules, List: p.view, Enqueue: p.svc.Enqueue, Now: p.Now}
	h[incident.KindMail] = mails.Send
	h[incident.KindDirect] = (&effects.Direct{Service: p.svc, View: p.view, Mails: mails, Now: p.Now, Logger: slog.New(slog.DiscardHandler)}).Tell
	h[incident.KindOverdue] = (&effects.Overdue{View: p.view, Rules: p.rules, Mails: mails, Now: p.Now}).Remind
}

func zoneOf(_ context.Context, person string) *time.Location {
	if person == "dewi@example.com" {
		return wib
	}
	return time.UTC
}

func (p *papers) startPages(h map[string]outbox.Handler) {
	tr := &http.Transport{}
	p.t.Cleanup(tr.CloseIdleConnections)
	api, err := confluence.New(confluence.Config{
		URL: p.wiki.URL(), Email: p.wiki.Email(), APIToken: p.wiki.Token(), Space: "OPS", Now: p.Now, HTTP: &http.Client{Transport: tr, Timeout: 5 * time.Second},
	})
	must(p.t, err)
	h[incident.KindPublish] = (&effects.Publisher{API: &scribe{api, p}, Service: p.svc, View: p.view}).Publish
}

// forgetful is the store of a program that may be killed before it has stored how
// an effect ended.
type forgetful struct {
	outbox.Store
	p *papers
}

func (f *forgetful) Finish(ctx context.Context, job outbox.Job, out outbox.Outcome) error {
	clear(f.p.turned)
	if f.p.forget > 0 {
		f.p.forget--
		return outbox.ErrOutdated
	}
	return f.Store.Finish(ctx, job, out)
}

// pass lets time pass, with all that happens in it: effects, webhooks from Jira,
// the hourly look for overdue RCAs, the comparison at night.
func (p *papers) pass(d time.Duration) {
	end := p.Now().Add(d)
	for range 100_000 {
		p.sim.Deliver(p.t.Context())
		_, next, err := p.runner.RunDue(hurried(p.t.Context()))
		must(p.t, err)
		if !p.nextDay.After(p.Now()) {
			must(p.t, p.reminder.Run(p.t.Context()))
			p.expectReminders()
			p.nextDay = p.nextDay.Add(time.Hour)
			continue
		}
		if !p.night.After(p.Now()) {
			p.compare()
			continue
		}
		if next.IsZero() || next.After(p.nextDay) {
			next = p.nextDay
		}
		if next.After(p.night) {
			next = p.night
		}
		if next.After(end) {
			p.advance(max(0, end.Sub(p.Now())))
			return
		}
		p.advance(max(0, next.Sub(p.Now())))
	}
	p.t.Fatal("the outbox never comes to rest")
}

// compare compares with Jira; where that fails it is tried again, as the program
// does.
func (p *papers) compare() {
	if _, err := p.reconciler.Run(p.t.Context()); err != nil {
		p.night = p.Now().Add(15 * time.Minute)
		return
	}
	p.night = nightAfter(p.Now())
}

func nightAfter(t time.Time) time.Time {
	n := time.Date(t.Year(), t.Month(), t.Day(), 3, 0, 0, 0, time.UTC)
	if !n.After(t) {
		n = n.AddDate(0, 0, 1)
	}
	return n
}

// now reads an incident as it is stored now.
func (p *papers) inc(id incident.ID) *incident.Incident {
	var out *incident.Incident
	must(p.t, p.store.View(p.t.Context(), func(tx incident.Tx) (err error) {
		out, err = tx.Incident(id)
		return err
	}))
	return out
}

// hidden lists the incidents that are private now and whose word is in a text.
func (p *papers) hidden(text string) (out []*incident.Incident) {
	for _, id := range p.ids {
		if strings.Contains(text, p.words[id]) {
			if inc := p.inc(id); inc.Private && !p.turned[id] {
				out = append(out, inc)
			}
		}
	}
	return out
}

// letter is a mail that was handed over.
type letter struct {
	at              time.Time
	to, id, subject string
}

// postbox looks at every mail that is handed over.
type postbox struct {
	effects.MailSender
	p *papers
}

func (b *postbox) Send(ctx context.Context, m mail.Message) error {
	p, to := b.p, m.To[0].Mail
	for _, inc := range p.hidden(m.Subject + m.Text + m.HTML) {
		if !inc.Visible(incident.Actor{Kind: incident.KindUser, ID: to}) {
			p.t.Errorf("%s: a mail to %s, who is no member: %s", inc.ID, to, m.Subject)
		}
		if strings.Contains(m.Subject, p.words[inc.ID]) {
			p.t.Errorf("%s is private, and its title is in the subject %q", inc.ID, m.Subject)
		}
	}
	if pref, err := p.store.Preference(ctx, to); err != nil || pref.NoMail {
		p.t.Errorf("a mail to %s, who wants none: %s (%v)", to, m.Subject, err)
	}
	err := b.MailSender.Send(ctx, m)
	if err == nil {
		p.letters = append(p.letters, letter{p.Now(), to, m.MessageID, m.Subject})
	}
	return err
}

// herald looks at every webhook that is sent.
type herald struct {
	effects.HookAPI
	p *papers
}

func (h *herald) Send(ctx context.Context, d hook.Delivery) error {
	for _, inc := range h.p.hidden(string(d.Body)) {
		h.p.t.Errorf("the webhook %s tells of %s, which is private", d.ID, inc.ID)
	}
	return h.HookAPI.Send(ctx, d)
}

// scribe looks at every page that is written.
type scribe struct {
	effects.PagePutter
	p *papers
}

func (s *scribe) Put(ctx context.Context, page confluence.Page, known string) (confluence.Made, error) {
	for _, inc := range s.p.hidden(page.Title + page.Body) {
		s.p.t.Errorf("the page %q tells of %s, which is private", page.Title, inc.ID)
	}
	return s.PagePutter.Put(ctx, page, known)
}

// watchJira looks at every request that changes something in Jira.
func (p *papers) watchJira(r *http.Request) lateness {
	if r.Method == http.MethodGet || r.Body == nil {
		return inTime
	}
	body, err := io.ReadAll(r.Body)
	must(p.t, err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	for _, inc := range p.hidden(string(body)) {
		if strings.Contains(r.URL.Path, "/search") {
			continue
		}
		key := ""
		if parts := strings.Split(r.URL.Path, "/issue/"); len(parts) == 2 {
			i, _ := p.sim.Issue(strings.Split(parts[1], "/")[0])
			key = i.Key
		}
		if p.config.PrivateProject == "" || !strings.HasPrefix(key, "SEC-") && !bytes.Contains(body, []byte(`"SEC"`)) {
			p.t.Errorf("%s is private, and Jira is told: %s %s %s", inc.ID, r.Method, r.URL.Path, body)
		}
	}
	return inTime
}

// mute sets whether somebody wants mails.
func (p *papers) mute(address string, off bool) {
	p.muted[address] = p.muted[address] || off
	must(p.t, p.store.SavePreference(p.t.Context(), bot.Preference{Address: address, NoMail: off, By: address, At: p.Now()}))
}
