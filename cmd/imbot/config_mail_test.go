package main

import (
	"strings"
	"testing"
	"time"
)

func TestMailConfig(t *testing.T) {
	c, err := loadText(minimal + "public_url: https://imbot.example.com\nmail: {from: \"Incidents <IMBOT@Mail.example.com>\", smtp: {host: smtp.example.com, user: imbot, password: x}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Mail.domain() != "mail.example.com" || c.Mail.ListID != "incidents.mail.example.com" || c.Mail.PerMinute != 30 || len(c.Warnings()) != 0 {
		t.Errorf("%+v, domain %q, warnings %q", c.Mail, c.Mail.domain(), c.Warnings())
	}
	for _, graph := range []string{"graph: {}", "graph:"} {
		c, err = loadText(minimal + goodTeams + secretKey + "mail:\n  from: imbot@example.com\n  " + graph + "\n")
		if err != nil || c.Mail.Graph == nil {
			t.Fatalf("%s: %+v, %v", graph, c, err)
		}
		m, err := newMailing(c, clock{now: time.Now})
		if err != nil || m.sender == nil || m.check == nil {
			t.Errorf("%s: newMailing = %+v, %v", graph, m, err)
		}
		if !strings.Contains(strings.Join(c.Warnings(), "\n"), "no link that ends them") {
			t.Errorf("%s: warnings %q", graph, c.Warnings())
		}
	}
	c, err = loadText(minimal + goodTeams + secretKey + "mail: {from: imbot@example.com, smtp: {host: smtp.office365.com, user: imbot@example.com, oauth: true}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := newMailing(c, clock{now: time.Now}); err != nil || m.sender == nil {
		t.Errorf("oauth: newMailing = %+v, %v", m, err)
	}
}

func TestMailConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"mail: {smtp: {host: a.example}}":               "mail.from is missing",
		"mail: {from: nobody, smtp: {host: a.example}}": `"nobody" is not a mail address`,
		"mail: {from: a@b.example}":                     "does not say how mails are sent",
		"mail:":                                         "the section mail is empty",
		"mail: {from: a@b.example, smtp: {host: a.example}, graph: {}}":                         "two ways",
		"mail: {from: a@b.example, smtp: {}}":                                                   "mail.smtp.host is missing",
		"mail: {from: a@b.example, smtp: {host: \"smtp://a.example\"}}":                         "is no host",
		"mail: {from: a@b.example, smtp: {host: a.example, port: 99999}}":                       "is no port",
		"mail: {from: a@b.example, smtp: {host: a.example, tls: ssl}}":                          `"ssl" is unknown`,
		"mail: {from: a@b.example, smtp: {host: a.example, tls: none}}":                         "on this machine only",
		"mail: {from: a@b.example, smtp: {host: a.example, user: u}}":                           "nothing that this user signs in with",
		"mail: {from: a@b.example, smtp: {host: a.example, password: p}}":                       "the user is missing",
		"mail: {from: a@b.example, smtp: {host: a.example, user: u, oauth: true}}":              "needs the credential of the section teams",
		"mail: {from: a@b.example, graph: {}}":                                                  "need the credential of the section teams",
		"mail: {from: a@b.example, smtp: {host: a.example, ca_file: none.pem}}":                 "cannot be used",
		"mail: {from: a@b.example, list_id: \"a b\", smtp: {host: a.example}}":                  "is no list id",
		"mail: {from: a@b.example, per_minute: -1, smtp: {host: a.example}}":                    "make no sense",
		"mail: {from: a@b.example, smtp: {host: a.example, user: u, password: p, oauth: true}}": "there are a password and oauth",
		"reminders: {hours: \"9-17\"}":                                                          "write them as in 09:00-17:00",
		"reminders: {hours: \"17:00-09:00\"}":                                                   "too short",
	} {
		if _, err := loadText(minimal + text + "\n"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
