package mail_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
)

func TestNew(t *testing.T) {
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "no.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := func(context.Context) (string, error) { return "", nil }
	for _, tt := range []struct {
		name string
		c    mail.Config
		says string // of the error; empty: none
	}{
		{"plain", mail.Config{From: "a@example.com", Host: "smtp.example.com"}, ""},
		{"all", mail.Config{From: `"A, B" <a@example.com>`, Host: "smtp.example.com", Port: 2525, TLS: mail.TLSImplicit, User: "a", Password: "b", Hello: "imbot.example.com"}, ""},
		{"token", mail.Config{From: "a@example.com", Host: "192.0.2.1", User: "a", Token: token}, ""},
		{"loopback", mail.Config{From: "a@example.com", Host: "::1", TLS: mail.TLSNone}, ""},
		{"localhost", mail.Config{From: "a@example.com", Host: "localhost", TLS: mail.TLSNone}, ""},
		{"no sender", mail.Config{Host: "smtp.example.com"}, "is no mail address: write"},
		{"two senders", mail.Config{From: "a@example.com, b@example.com", Host: "smtp.example.com"}, "is no mail address"},
		{"sender with lines", mail.Config{From: "a@example.com\r\nBcc: b@example.com", Host: "smtp.example.com"}, "is no mail address"},
		{"quoted sender", mail.Config{From: `"a b"@example.com`, Host: "smtp.example.com"}, "the part before @"},
		{"no host", mail.Config{From: "a@example.com"}, "write the server's name alone"},
		{"host with port", mail.Config{From: "a@example.com", Host: "smtp.example.com:25"}, "the port apart"},
		{"host is URL", mail.Config{From: "a@example.com", Host: "smtp://smtp.example.com"}, "name alone"},
		{"bad port", mail.Config{From: "a@example.com", Host: "smtp.example.com", Port: 70000}, "use 1 to 65535"},
		{"bad mode", mail.Config{From: "a@example.com", Host: "smtp.example.com", TLS: "ssl"}, `TLS "ssl" is unknown: use starttls, implicit or none`},
		{"no TLS outside", mail.Config{From: "a@example.com", Host: "smtp.example.com", TLS: mail.TLSNone}, "loopback addresses only"},
		{"no TLS by address", mail.Config{From: "a@example.com", Host: "10.0.0.1", TLS: mail.TLSNone}, "loopback addresses only"},
		{"no TLS, loopback in name", mail.Config{From: "a@example.com", Host: "127.0.0.1.example.com", TLS: mail.TLSNone}, "loopback addresses only"},
		{"password alone", mail.Config{From: "a@example.com", Host: "smtp.example.com", Password: "hunter2"}, "the user is missing"},
		{"user alone", mail.Config{From: "a@example.com", Host: "smtp.example.com", User: "a"}, "the password or the source of tokens is missing"},
		{"both", mail.Config{From: "a@example.com", Host: "smtp.example.com", User: "a", Password: "hunter2", Token: token}, "use one of them"},
		{"password with line", mail.Config{From: "a@example.com", Host: "smtp.example.com", User: "a", Password: "hunter2\n"}, "copy it again"},
		{"bad greeting", mail.Config{From: "a@example.com", Host: "smtp.example.com", Hello: "me\r\nMAIL"}, "the name for the greeting"},
		{"no file", mail.Config{From: "a@example.com", Host: "smtp.example.com", CAFile: filepath.Join(dir, "none.pem")}, "read the certificates"},
		{"no certificate in it", mail.Config{From: "a@example.com", Host: "smtp.example.com", CAFile: noPEM}, "BEGIN CERTIFICATE"},
	} {
		_, err := mail.New(tt.c)
		switch {
		case err == nil && tt.says == "":
		case err == nil || tt.says == "" || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\r\n"):
			t.Errorf("%s: New = %v, want an error that says %q", tt.name, err, tt.says)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: %v holds the password", tt.name, err)
		}
	}
}

// The sender's domain is our name where none is given.
func TestHello(t *testing.T) {
	for _, tt := range []struct{ hello, want string }{{"", "bot.example.com"}, {"imbot.example.com", "imbot.example.com"}} {
		sim, c := start(t, mailsim.Options{}, mail.Config{From: "a@bot.example.com", Hello: tt.hello})
		if err := c.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		if got := sim.Mails()[0].Hello; got != tt.want {
			t.Errorf("Hello %q: said %q, want %q", tt.hello, got, tt.want)
		}
	}
}
