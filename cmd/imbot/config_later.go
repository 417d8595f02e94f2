package main

// The sections of parts that this version does not have. They are read and
// checked, so that a configuration for the next version is no error, and
// Warnings names them.

// JiraConfig connects imbot with Jira.
type JiraConfig struct {
	URL           string `yaml:"url"`
	Email         string `yaml:"email"`
	APIToken      Secret `yaml:"api_token"`
	WebhookSecret Secret `yaml:"webhook_secret"`
	Project       string `yaml:"project"`
}

// MailConfig is how mails are sent.
type MailConfig struct {
	From  string     `yaml:"from"`
	SMTP  *SMTPMail  `yaml:"smtp"`
	Graph *GraphMail `yaml:"graph"`
}

// SMTPMail sends mails by a mail server.
type SMTPMail struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
}

// GraphMail sends mails by Microsoft Graph.
type GraphMail struct {
	URL string `yaml:"url"`
}

// WebConfig is about the pages.
type WebConfig struct {
	OIDC *OIDCConfig `yaml:"oidc"`
}

// OIDCConfig is how people sign in.
type OIDCConfig struct {
	Issuer       string `yaml:"issuer"`
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
}

// ReportsConfig is when reports are sent.
type ReportsConfig struct {
	Weekly  *Schedule `yaml:"weekly"`
	Monthly *Schedule `yaml:"monthly"`
}

func (k *configCheck) later() {
	c := k.c
	for _, s := range []struct {
		name  string
		given bool
		check func()
	}{
		{"jira", c.Jira != nil, k.jira},
		{"mail", c.Mail != nil, k.mail},
		{"web", c.Web != nil, k.web},
		{"reports", c.Reports != nil, k.reports},
	} {
		if s.given {
			s.check()
			k.warn("%s: not part of this version: ignored", s.name)
		}
	}
}

func (k *configCheck) jira() {
	k.url("jira.url", &k.c.Jira.URL)
	k.mailAddress("jira.email", k.c.Jira.Email)
}

func (k *configCheck) mail() {
	m := k.c.Mail
	k.mailAddress("mail.from", m.From)
	if m.SMTP != nil && (m.SMTP.Port < 0 || m.SMTP.Port > 65535) {
		k.doc.Errorf("mail.smtp.port", "%d is no port; use 1 to 65535", m.SMTP.Port)
	}
	if m.Graph != nil {
		k.url("mail.graph.url", &m.Graph.URL)
	}
}

func (k *configCheck) web() {
	if o := k.c.Web.OIDC; o != nil {
		k.url("web.oidc.issuer", &o.Issuer)
	}
}

func (k *configCheck) reports() {
	r := k.c.Reports
	if r.Weekly != nil && r.Weekly.Day != 0 {
		k.doc.Errorf("reports.weekly", `this is a day of the month; write a day of the week, as in "Mon 09:00"`)
	}
	if r.Monthly != nil && r.Monthly.Day == 0 && !k.failed("reports.monthly") {
		k.doc.Errorf("reports.monthly", `this is a day of the week; write a day of the month, as in "1 09:00"`)
	}
}
