package mail_test

import (
	"errors"
	"strings"
	"testing"

	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
)

func TestSignInRefused(t *testing.T) {
	users := []mailsim.User{bot}
	for _, tt := range []struct {
		name      string
		o         mailsim.Options
		c         mail.Config
		permanent bool
		says      string
	}{
		{"wrong password", mailsim.Options{Users: users}, mail.Config{User: bot.Name, Password: "x"}, true, "sign in: Authentication credentials invalid; check user and password"},
		{"wrong password by login", mailsim.Options{Users: users, Mechanisms: []string{"LOGIN"}}, mail.Config{User: bot.Name, Password: "x"}, true, "check user and password"},
		{"wrong token", mailsim.Options{Users: users}, withToken("x", nil), true, "check user and password; a token must be"},
		{"password where tokens are wanted", mailsim.Options{Users: users, Mechanisms: []string{"XOAUTH2"}}, withPassword(), true, "a password by PLAIN or LOGIN, and the server takes only XOAUTH2"},
		{"token where passwords are wanted", mailsim.Options{Users: users, Mechanisms: []string{"PLAIN"}}, withToken(token, nil), true, "a token by XOAUTH2, and the server takes only PLAIN"},
		{"nobody can sign in", mailsim.Options{}, withPassword(), true, "does not let anybody sign in"},
		{"nobody signs in", mailsim.Options{Users: users}, mail.Config{}, true, "set user and password, or a token (530 5.7.57)"},
		{"not as this sender", mailsim.Options{Users: []mailsim.User{{Name: bot.Name, Password: password, Senders: []string{"x@example.com"}}}}, withPassword(), true, "may not send as the sender"},
		{"no token now", mailsim.Options{Users: users}, withToken("", errors.New("no network")), false, "get a token: there is none to sign in with: no network"},
		{"no token ever", mailsim.Options{Users: users}, withToken("", refusal{}), true, "get a token: there is none to sign in with: consent is missing"},
		{"empty token", mailsim.Options{Users: users}, withToken("", nil), true, "what came is no token"},
		{"token with lines", mailsim.Options{Users: users}, withToken(token+"\r\nRSET", nil), true, "what came is no token"},
		{"no STARTTLS", mailsim.Options{TLS: mailsim.TLSNone}, mail.Config{}, true, "does not offer to switch to TLS: nothing was sent"},
		{"TLS at once to a port without", mailsim.Options{}, mail.Config{TLS: mail.TLSImplicit}, false, "the port does not start with TLS"},
		{"unknown authority", mailsim.Options{}, mail.Config{CAFile: "-"}, true, "name its certificate file"},
		{"unknown authority, implicit", mailsim.Options{TLS: mailsim.TLSImplicit}, mail.Config{CAFile: "-", TLS: mail.TLSImplicit}, true, "name its certificate file"},
		{"other name", mailsim.Options{Names: []string{"mail.example.com"}}, mail.Config{Host: "localhost"}, true, "set the host to the name in the certificate"},
		{"expired", mailsim.Options{Expired: true}, mail.Config{}, true, "has expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, c := start(t, tt.o, tt.c)
			wantError(t, c.Send(t.Context(), message()), tt.permanent, tt.says)
			if !strings.Contains(tt.says, "sender") && tt.name != "nobody signs in" {
				wantError(t, c.Check(t.Context()), tt.permanent, tt.says)
			}
			if n := len(sim.Mails()); n != 0 {
				t.Errorf("%d mails", n)
			}
		})
	}
}

// refusal is an error of a source of tokens that knows itself to be final.
type refusal struct{}

func (refusal) Error() string   { return "consent is missing" }
func (refusal) Permanent() bool { return true }
