package mailsim

import (
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	mechPlain   = sasl.Plain
	mechLogin   = sasl.Login
	mechXOAuth2 = "XOAUTH2"
)

// AuthMechanisms returns the offered ways to sign in.
func (x *session) AuthMechanisms() []string {
	if len(x.s.opt.Users) == 0 {
		return nil
	}
	return x.s.opt.Mechanisms
}

// Auth begins to sign a user in.
func (x *session) Auth(mech string) (sasl.Server, error) {
	if e := x.conn.act(AtAuth, ""); e != nil {
		return nil, e
	}
	if !slices.Contains(x.AuthMechanisms(), mech) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	switch mech {
	case mechPlain:
		return sasl.NewPlainServer(func(_, user, password string) error { return x.password(user, password) }), nil
	case mechLogin:
		return &loginServer{x: x}, nil
	case mechXOAuth2:
		return &xoauth2Server{x: x}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (x *session) password(user, password string) error {
	return x.signIn(user, password, func(u *User) string { return u.Password })
}

func (x *session) token(user, token string) error {
	return x.signIn(user, token, func(u *User) string { return u.Token })
}

func (x *session) signIn(name, secret string, of func(*User) string) error {
	for n := range x.s.opt.Users {
		u := &x.s.opt.Users[n]
		if want := of(u); u.Name == name && want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(secret)) == 1 {
			x.user = u
			return nil
		}
	}
	return refuse(535, 5, 7, 8, "Authentication credentials invalid")
}

// loginServer is LOGIN, which go-sasl has for clients only.
// https://datatracker.ietf.org/doc/html/draft-murchison-sasl-login-00
type loginServer struct {
	x    *session
	step int
	user string
}

// Next returns the next question.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.step == 0 && response != nil { // the name may come with the command
		l.step = 1
	}
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.x.password(l.user, string(response))
}

// xoauth2Server is XOAUTH2, which answers a bad token with a challenge that the
// client has to confirm before it is refused.
// https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
type xoauth2Server struct {
	x      *session
	failed error
}

// Next checks the token.
func (o *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case o.failed != nil:
		return nil, true, o.failed
	case response == nil:
		return []byte{}, false, nil
	}
	user, rest, ok := strings.Cut(string(response), "\x01")
	token, ok2 := strings.CutSuffix(rest, "\x01\x01")
	user, ok3 := strings.CutPrefix(user, "user=")
	token, ok4 := strings.CutPrefix(token, "auth=Bearer ")
	if !ok || !ok2 || !ok3 || !ok4 {
		return nil, true, refuse(501, 5, 5, 2, "Cannot decode response")
	}
	if o.failed = o.x.token(user, token); o.failed != nil {
		return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.example.com/"}`), false, nil
	}
	return nil, true, nil
}
