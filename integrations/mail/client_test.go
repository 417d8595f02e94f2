package mail_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
)

const (
	password = "s3cret passw0rd"
	token    = "eyJ0b2tlbiI6MX0"
)

var bot = mailsim.User{Name: "bot@example.com", Password: password, Token: token}

// start returns a server, and a client of it.
func start(t testing.TB, o mailsim.Options, c mail.Config) (*mailsim.Server, *mail.Client) {
	t.Helper()
	sim := mailsim.New(o)
	t.Cleanup(sim.Close)
	return sim, client(t, sim, c)
}

// client fills in what is the same everywhere. A CAFile of "-" stands for none.
func client(t testing.TB, sim *mailsim.Server, c mail.Config) *mail.Client {
	t.Helper()
	if c.Host == "" {
		c.Host = sim.Host()
	}
	if c.From == "" {
		c.From = "Incidents <bot@example.com>"
	}
	if c.Port = sim.Port(); c.CAFile == "" && sim.CA() != nil {
		c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(c.CAFile, sim.CA(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c.CAFile == "-" {
		c.CAFile = ""
	}
	if c.PerMinute == 0 {
		c.PerMinute = 6000
	}
	m, err := mail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func withPassword() mail.Config { return mail.Config{User: bot.Name, Password: password} }

func withToken(s string, err error) mail.Config {
	return mail.Config{User: bot.Name, Token: func(context.Context) (string, error) { return s, err }}
}

// message is a mail to ani and others.
func message(others ...string) mail.Message {
	m := mail.Message{
		To: []mail.Address{{Name: "Ani", Mail: "ani@example.com"}}, Subject: "INC-42 is open", Text: "checkout is down\n",
		HTML: "<p>checkout is down</p>\n", MessageID: "INC-42.open.1@example.com", Auto: true,
		Date: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	for _, o := range others {
		m.To = append(m.To, mail.Address{Mail: o})
	}
	return m
}

// wantError checks what all errors have in common.
func wantError(t testing.TB, err error, permanent bool, says string) *mail.Error {
	t.Helper()
	var e *mail.Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v (%T), want a *mail.Error that says %q", err, err, says)
	}
	if e.Permanent() != permanent {
		t.Errorf("%v: permanent %v, want %v", e, e.Permanent(), permanent)
	}
	wantText(t, err, says)
	return e
}

func wantText(t testing.TB, err error, says string) {
	t.Helper()
	s := err.Error()
	if !strings.Contains(s, says) || strings.ContainsAny(s, "\r\n\x00\u202e") || !strings.HasPrefix(s, "mail: ") {
		t.Errorf("error %q, want one line that says %q", s, says)
	}
	for _, secret := range []string{password, token, "czNjcmV0IHBhc3N3MHJk", "ZXlKMGIy"} {
		if strings.Contains(s, secret) {
			t.Errorf("error %q holds a secret", s)
		}
	}
}

func TestSend(t *testing.T) {
	users := []mailsim.User{{Name: "other", Password: "other"}, bot}
	for _, tt := range []struct {
		name string
		o    mailsim.Options
		c    mail.Config
		tls  bool
	}{
		{"starttls plain", mailsim.Options{Users: users}, withPassword(), true},
		{"starttls login", mailsim.Options{Users: users, Mechanisms: []string{"XOAUTH2", "LOGIN"}}, withPassword(), true},
		{"starttls xoauth2", mailsim.Options{Users: users}, withToken(token, nil), true},
		{"starttls, nobody", mailsim.Options{}, mail.Config{}, true},
		{"starttls, other letters", mailsim.Options{UTF8: true}, mail.Config{}, true},
		{"implicit plain", mailsim.Options{TLS: mailsim.TLSImplicit, Users: users}, mail.Config{TLS: mail.TLSImplicit, User: bot.Name, Password: password}, true},
		{"implicit, by name", mailsim.Options{TLS: mailsim.TLSImplicit}, mail.Config{TLS: mail.TLSImplicit, Host: "localhost"}, true},
		{"no TLS", mailsim.Options{TLS: mailsim.TLSNone}, mail.Config{TLS: mail.TLSNone}, false},
		{"no TLS, password", mailsim.Options{TLS: mailsim.TLSNone, Users: users}, mail.Config{TLS: mail.TLSNone, User: bot.Name, Password: password}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, tt.o, tt.c)
			if err := c.Check(t.Context()); err != nil {
				t.Fatalf("Check: %v", err)
			}
			if err := c.Send(t.Context(), message("budi@example.com")); err != nil {
				t.Fatalf("Send: %v", err)
			}
			mails := sim.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			m := mails[0]
			if d := cmp.Diff([]string{"ani@example.com", "budi@example.com"}, m.To); d != "" || m.From != "bot@example.com" || m.TLS != tt.tls || m.User != tt.c.User {
				t.Errorf("from %s, TLS %v, user %q; to:\n%s", m.From, m.TLS, m.User, d)
			}
			if m.UTF8 {
				t.Error("the mail needs SMTPUTF8 on its whole way, without reason")
			}
			want := map[string][]string{
				"From": {`"Incidents" <bot@example.com>`}, "To": {`"Ani" <ani@example.com>, <budi@example.com>`},
				"Subject": {"INC-42 is open"}, "Message-Id": {"<INC-42.open.1@example.com>"}, "Date": {"Sun, 01 Mar 2026 12:00:00 +0000"},
				"Auto-Submitted": {"auto-generated"}, "X-Auto-Response-Suppress": {"All"}, "Mime-Version": {"1.0"},
				"Content-Type": m.Header["Content-Type"],
			}
			if d := cmp.Diff(want, map[string][]string(m.Header)); d != "" || !strings.HasPrefix(m.Header.Get("Content-Type"), "multipart/alternative; boundary=") {
				t.Errorf("header (-want +got):\n%s", d)
			}
			if len(m.Parts) != 2 || m.Parts[0].Type != "text/plain" || m.Text != "checkout is down\n" || m.HTML != "<p>checkout is down</p>\n" {
				t.Errorf("parts %+v", m.Parts)
			}
		})
	}
}

// What the server has to say is refused or retried as it says so, with advice.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name      string
		fault     mailsim.Fault
		permanent bool
		says      string
	}{
		{"greeting", mailsim.Fault{At: mailsim.AtConnect, Code: 554, Message: "5.7.1 blocked"}, true, "connect: blocked (554 5.7.1)"},
		{"too busy", mailsim.Fault{At: mailsim.AtConnect, Code: 421, Message: "busy"}, false, "connect: busy (421)"},
		{"hello", mailsim.Fault{At: mailsim.AtHello, Code: 421, Status: [3]int{4, 3, 2}, Message: "try later"}, false, "say hello: try later (421 4.3.2)"},
		{"hello, once", mailsim.Fault{At: mailsim.AtHello, Code: 451, Status: [3]int{4, 3, 2}, Message: "try later", Times: 1}, false, "say hello: try later (451 4.3.2)"},
		{"basic auth off", mailsim.Fault{At: mailsim.AtAuth, Code: 550, Status: [3]int{5, 7, 30}, Message: "Basic authentication is not supported for Client Submission."}, true, "Submission; Exchange Online takes no passwords over SMTP any more: sign in with a token (XOAUTH2)"},
		{"tenant off", mailsim.Fault{At: mailsim.AtAuth, Code: 535, Status: [3]int{5, 7, 139}, Message: "Authentication unsuccessful"}, true, "let an administrator allow"},
		{"auth later", mailsim.Fault{At: mailsim.AtAuth, Code: 454, Status: [3]int{4, 7, 0}, Message: "Temporary authentication failure"}, false, "sign in: Temporary"},
		{"secret in answer", mailsim.Fault{At: mailsim.AtAuth, Code: 535, Message: "no user with " + password + " or czNjcmV0IHBhc3N3MHJk"}, true, "no user with *** or ***; check user and password"},
		{"sender later", mailsim.Fault{At: mailsim.AtMail, Code: 452, Status: [3]int{4, 3, 1}, Message: "full"}, false, "name the sender: full (452 4.3.1)"},
		{"sender not allowed", mailsim.Fault{At: mailsim.AtMail, Code: 550, Status: [3]int{5, 7, 60}, Message: "SendAsDenied"}, true, "Send As right"},
		{"recipient unknown", mailsim.Fault{At: mailsim.AtRcpt, Code: 550, Status: [3]int{5, 1, 1}, Message: "User unknown"}, true, "no recipient was accepted: ani@example.com: name the recipient: User unknown; check the address (550 5.1.1)"},
		{"recipient later", mailsim.Fault{At: mailsim.AtRcpt, Code: 450, Status: [3]int{4, 2, 0}, Message: "busy"}, false, "no recipient was accepted"},
		{"hangs up after", mailsim.Fault{At: mailsim.AtRcpt, Code: 421, Status: [3]int{4, 7, 0}, Message: "too many"}, false, "name the recipient: too many (421 4.7.0)"},
		{"mail later", mailsim.Fault{At: mailsim.AtData, Code: 451, Status: [3]int{4, 3, 0}, Message: "disk\nfull\x1b[31m"}, false, "disk full [31m (451 4.3.0)"},
		{"mail refused", mailsim.Fault{At: mailsim.AtData, Code: 554, Message: "spam"}, true, "hand the mail over: spam (554 5.0.0)"},
		{"no reason", mailsim.Fault{At: mailsim.AtData, Code: 554}, true, "refused without a reason"},
		{"dropped first", mailsim.Fault{At: mailsim.AtConnect, Drop: true}, false, "connect"},
		{"dropped in hello", mailsim.Fault{At: mailsim.AtHello, Drop: true}, false, "say hello"},
		{"dropped in TLS", mailsim.Fault{At: mailsim.AtTLS, Drop: true}, false, "start TLS"},
		{"dropped in auth", mailsim.Fault{At: mailsim.AtAuth, Drop: true}, false, "sign in"},
		{"dropped at sender", mailsim.Fault{At: mailsim.AtMail, Drop: true}, false, "name the sender"},
		{"dropped at recipient", mailsim.Fault{At: mailsim.AtRcpt, Drop: true}, false, "name the recipient"},
		{"dropped with mail", mailsim.Fault{At: mailsim.AtData, Drop: true}, false, "it may have gone out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, mailsim.Options{Users: []mailsim.User{bot}}, withPassword())
			sim.Inject(tt.fault)
			e := wantError(t, c.Send(t.Context(), message()), tt.permanent, tt.says)
			if e.MaybeSent != (tt.fault.At == mailsim.AtData && tt.fault.Drop) || e.RetryAfter() != 0 || len(sim.Mails()) != 0 {
				t.Errorf("%+v; %d mails", e, len(sim.Mails()))
			}
			if tt.fault.Code != 0 && e.Code != tt.fault.Code {
				t.Errorf("code %d, want %d", e.Code, tt.fault.Code)
			}
			// Nothing of it stays.
			sim.ClearFaults()
			if err := c.Send(t.Context(), message()); err != nil || len(sim.Mails()) != 1 {
				t.Errorf("afterwards: %v; %d mails", err, len(sim.Mails()))
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	sim.Close()
	wantError(t, c.Send(t.Context(), message()), false, "connect: the connection failed")
}

// A server that greylists takes the mail the second time.
func TestGreylist(t *testing.T) {
	sim, c := start(t, mailsim.Options{Greylist: true}, mail.Config{})
	wantError(t, c.Send(t.Context(), message()), false, "Greylisted")
	if err := c.Send(t.Context(), message()); err != nil || len(sim.Mails()) != 1 {
		t.Errorf("second try: %v, %d mails", err, len(sim.Mails()))
	}
}

// The promise: however often a mail is tried, there is one Message-ID.
func TestLostAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault mailsim.Fault
		mails int // after the second try
	}{
		{"dropped", mailsim.Fault{At: mailsim.AtStored, Drop: true, Times: 1}, 2},
		{"hangs", mailsim.Fault{At: mailsim.AtStored, Hang: true, Times: 1}, 2},
		{"not stored", mailsim.Fault{At: mailsim.AtData, Drop: true, Times: 1}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, m := start(t, mailsim.Options{}, mail.Config{})
			ctx := t.Context()
			if tt.fault.Hang {
				reached, up := make(chan struct{}), make(chan struct{})
				go func() { <-reached; close(up) }()
				tt.fault.Reached, ctx = reached, late{ctx, up}
			}
			sim.Inject(tt.fault)
			e := wantError(t, m.Send(ctx, message()), false, "it may have gone out")
			if !e.MaybeSent || tt.fault.Hang && !errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("%+v", e)
			}
			if err := m.Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(map[string]int{"<INC-42.open.1@example.com>": tt.mails}, sim.ByMessageID()); d != "" {
				t.Errorf("mails by Message-ID (-want +got):\n%s", d)
			}
		})
	}
	// Once the server said so, nothing that happens afterwards counts.
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	sim.Inject(mailsim.Fault{At: mailsim.AtSent, Drop: true})
	if err := c.Send(t.Context(), message()); err != nil || len(sim.Mails()) != 1 {
		t.Errorf("dropped after the answer: %v, %d mails", err, len(sim.Mails()))
	}
}

func TestPartial(t *testing.T) {
	sim, c := start(t, mailsim.Options{}, mail.Config{})
	sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "gone@example.com", Code: 550, Status: [3]int{5, 1, 1}, Message: "unknown"})
	sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "full@example.com", Code: 452, Status: [3]int{4, 2, 2}, Message: "mailbox full", Times: 1})
	m := message("gone@example.com", "full@example.com", "a@example.com\r\nRCPT TO:<x@example.com>", "ANI@example.com", "budi@example.com")
	err := c.Send(t.Context(), m)
	var p *mail.PartialError
	if !errors.As(err, &p) {
		t.Fatalf("Send = %v, want a PartialError", err)
	}
	wantText(t, err, "3 of 5 recipients were refused, the others got it")
	for _, says := range []string{"To[3]: \"a@example.com RCPT TO:<x@example.com>\" is refused: it has a line break", "gone@example.com: name the recipient: unknown", "full@example.com: name the recipient: mailbox full (452 4.2.2)"} {
		wantText(t, err, says)
	}
	if d := cmp.Diff([]string{"ani@example.com", "budi@example.com"}, p.Sent); d != "" || p.Permanent() || p.RetryAfter() != 0 {
		t.Errorf("permanent %v; sent:\n%s", p.Permanent(), d)
	}
	if d := cmp.Diff([]mail.Address{{Mail: "full@example.com"}}, p.Retry()); d != "" {
		t.Errorf("Retry (-want +got):\n%s", d)
	}
	if mails := sim.Mails(); len(mails) != 1 || len(mails[0].To) != 2 {
		t.Fatalf("mails: %+v", mails)
	}

	m.To = p.Retry()
	if err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if mails := sim.Mails(); len(mails) != 2 || cmp.Diff([]string{"full@example.com"}, mails[1].To) != "" {
		t.Errorf("mails: %+v", mails)
	}
	m.To = []mail.Address{{Mail: "gone@example.com"}, {Mail: "budi@example.com"}}
	if err := c.Send(t.Context(), m); !errors.As(err, &p) || !p.Permanent() {
		t.Errorf("Send = %v, want a permanent PartialError", err)
	}
	// The mail itself being refused is no partial success.
	sim.Inject(mailsim.Fault{At: mailsim.AtData, Code: 554, Message: "spam", Times: 1})
	wantError(t, c.Send(t.Context(), m), true, "spam")
	// Nor is it one if the server goes away before it has the mail.
	sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "budi@example.com", Code: 421, Message: "going down", Times: 1})
	before := len(sim.Mails())
	m.To = append(m.To, mail.Address{Mail: "citra@example.com"})
	if err := c.Send(t.Context(), m); errors.As(err, new(*mail.PartialError)) || len(sim.Mails()) != before {
		t.Errorf("Send = %v, %d mails more", err, len(sim.Mails())-before)
	} else {
		wantError(t, err, false, "name the recipient: going down (421")
	}
	// And if nobody is left, one who can be tried again is worth it.
	sim.ClearFaults()
	sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "full@example.com", Code: 452, Message: "full"})
	m.To = []mail.Address{{Mail: "nobody"}, {Mail: "full@example.com"}}
	wantError(t, c.Send(t.Context(), m), false, "no recipient was accepted")
}
