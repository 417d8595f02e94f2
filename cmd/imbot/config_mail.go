package main

import (
	netmail "net/mail"
	"strings"

	"imbot/catalog"
	"imbot/integrations/mail"
	"imbot/reminders"
)

// MailConfig is how mails are sent: by a mail server or by Microsoft Graph.
type MailConfig struct {
	From      string     `yaml:"from"`       // imbot@example.com, or "Incidents <imbot@example.com>"; required
	SMTP      *SMTPMail  `yaml:"smtp"`       // this, or graph
	Graph     *GraphMail `yaml:"graph"`      // sends from the mailbox of from
	PerMinute int        `yaml:"per_minute"` // mails in a minute; default 30, what Exchange Online takes from a mailbox
	ListID    string     `yaml:"list_id"`    // for rules of mail programs; default incidents. and the domain of from
	Company   string     `yaml:"company"`    // named at the foot of mails; may be empty
}

// SMTPMail sends mails by a mail server.
type SMTPMail struct {
	Host     string `yaml:"host"`     // required
	Port     int    `yaml:"port"`     // default 587 with starttls, 465 with implicit, 25 with none
	TLS      string `yaml:"tls"`      // starttls (default), implicit, or none on this machine
	User     string `yaml:"user"`     // "": nobody signs in
	Password Secret `yaml:"password"` // this, or oauth
	OAuth    bool   `yaml:"oauth"`    // signs in with a token for Exchange Online, by the credential of the teams section
	CAFile   string `yaml:"ca_file"`  // PEM with roots to trust besides the system's
}

// GraphMail sends mails by Microsoft Graph, with the credential of the teams
// section.
type GraphMail struct {
	URL string `yaml:"url"` // "" for that of the teams section
}

// domain is that of the sender's address.
func (m *MailConfig) domain() string {
	a, err := netmail.ParseAddress(m.From)
	if err != nil {
		return ""
	}
	return strings.ToLower(a.Address[strings.LastIndexByte(a.Address, '@')+1:])
}

func (k *configCheck) mail(m *MailConfig) {
	if !k.missing("mail.from", m.From, "add the address that mails come from, as in from: imbot@example.com") {
		k.check("mail.from", m.From, func(s string) error {
			a, err := netmail.ParseAddress(s)
			if err != nil {
				return catalog.CheckMail(s)
			}
			return catalog.CheckMail(a.Address)
		})
	}
	switch smtp, graph := m.SMTP != nil || k.doc.Has("mail.smtp"), m.Graph != nil || k.doc.Has("mail.graph"); {
	case smtp && graph:
		k.doc.Errorf("mail.graph", "there are two ways to send mails, smtp and graph; keep one")
	case !smtp && !graph && !k.failed("mail"):
		k.doc.Errorf("mail", "the section mail does not say how mails are sent; add smtp: {host: …}, or graph: {}, or remove it to turn mail off")
	case m.SMTP != nil:
		k.smtp(m.SMTP)
	case m.Graph == nil: // "graph:" without anything: there is nothing that must be said
		m.Graph = &GraphMail{}
	}
	if m.Graph != nil {
		k.url("mail.graph.url", &m.Graph.URL)
		if k.c.Teams == nil && !k.doc.Has("teams") {
			k.doc.Errorf("mail.graph", "mails by Graph need the credential of the section teams; add that section, or use smtp")
		}
	}
	if m.PerMinute < 0 || m.PerMinute > 10_000 {
		k.doc.Errorf("mail.per_minute", "%d mails in a minute make no sense; use 1 to 10000", m.PerMinute)
	}
	if m.PerMinute == 0 {
		m.PerMinute = mail.DefaultPerMinute
	}
	if d := m.domain(); m.ListID == "" && d != "" {
		m.ListID = "incidents." + d
	}
	k.check("mail.list_id", m.ListID, func(s string) error { return checkListID(s) })
	if !strings.HasPrefix(k.c.PublicURL, "https://") {
		k.warn("mail: without a public_url that begins with https:// mails carry no link that ends them")
	}
}

// checkListID wants the form of a domain.
func checkListID(s string) error {
	if err := catalog.CheckMail("x@" + s); err != nil {
		return errListID
	}
	return nil
}

type plainError string

func (e plainError) Error() string { return string(e) }

const errListID = plainError("is no list id; write it as in incidents.example.com")

func (k *configCheck) smtp(s *SMTPMail) {
	if !k.missing("mail.smtp.host", s.Host, "add the name of the mail server, as in host: smtp.example.com") && !isHost(bracket(s.Host)) {
		k.doc.Errorf("mail.smtp.host", "%s is no host; write its name alone, as in smtp.example.com, and the port apart", k.doc.Quote("mail.smtp.host", s.Host))
	}
	if s.Port < 0 || s.Port > 65535 {
		k.doc.Errorf("mail.smtp.port", "%d is no port; use 1 to 65535", s.Port)
	}
	k.oneOf("mail.smtp.tls", s.TLS, mail.TLSStart, mail.TLSImplicit, mail.TLSNone)
	if s.TLS == mail.TLSNone && !isLoopback(s.Host) {
		k.doc.Errorf("mail.smtp.tls", "mails are sent without encryption on this machine only; use starttls or implicit")
	}
	given := s.Password != "" || k.failed("mail.smtp.password")
	switch {
	case given && s.OAuth:
		k.doc.Errorf("mail.smtp.oauth", "there are a password and oauth; keep one")
	case s.User == "" && (given || s.OAuth) && !k.failed("mail.smtp.user"):
		k.doc.Errorf("mail.smtp", "the user is missing, who signs in with the password or with oauth; add user: imbot@example.com")
	case s.User != "" && !given && !s.OAuth:
		k.doc.Errorf("mail.smtp.user", "there is nothing that this user signs in with; add password, password_file, or oauth: true")
	case s.OAuth && k.c.Teams == nil && !k.doc.Has("teams"):
		k.doc.Errorf("mail.smtp.oauth", "oauth needs the credential of the section teams; add that section, or use a password")
	}
	k.file("mail.smtp.ca_file", &s.CAFile)
}

// hours checks when people are reminded.
func (k *configCheck) hours(r *RemindersConfig) {
	if r.Hours == "" {
		r.Hours = reminders.DefaultHours.String()
	}
	if _, err := reminders.ParseHours(r.Hours); err != nil && !k.failed("reminders.hours") {
		k.doc.Errorf("reminders.hours", "%v", err)
	}
}
