package mailsim

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-smtp"
)

// session is one connection from EHLO on, or from STARTTLS on.
type session struct {
	s        *Server
	conn     *conn
	tls      bool
	hello    string
	user     *User // nil: not signed in
	from     string
	to       []string
	eightBit bool
	utf8     bool
}

// newSession is called with each EHLO that is the first of a connection or of TLS.
func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	x := &session{s: s, hello: c.Hostname()}
	var below net.Conn = c.Conn()
	if t, ok := below.(*tls.Conn); ok {
		below, x.tls = t.NetConn(), true
	}
	x.conn = below.(*conn)
	if e := x.conn.act(AtHello, ""); e != nil {
		return nil, e
	}
	return x, nil
}

// Reset forgets the mail that was begun.
func (x *session) Reset() { x.from, x.to, x.eightBit, x.utf8 = "", nil, false, false }

// Logout does nothing: a session keeps nothing open.
func (x *session) Logout() error { return nil }

// Mail takes the sender.
func (x *session) Mail(from string, o *smtp.MailOptions) error {
	if e := x.conn.act(AtMail, ""); e != nil {
		return e
	}
	switch {
	case len(x.s.opt.Users) > 0 && x.user == nil:
		return refuse(530, 5, 7, 57, "Client not authenticated to send mail")
	case !ascii(from) && !o.UTF8:
		return refuse(553, 5, 6, 7, "Non-ASCII addresses not permitted for that sender")
	case x.user != nil && len(x.user.Senders) > 0 && !slices.ContainsFunc(x.user.Senders, func(s string) bool { return strings.EqualFold(s, from) }):
		return refuse(550, 5, 7, 60, "SMTP; Client does not have permissions to send as this sender")
	}
	x.from, x.to, x.eightBit, x.utf8 = from, nil, o.Body == smtp.Body8BitMIME, o.UTF8
	return nil
}

// Rcpt takes a recipient.
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if e := x.conn.act(AtRcpt, to); e != nil {
		return e
	}
	if !ascii(to) && !x.utf8 {
		return refuse(553, 5, 6, 7, "Non-ASCII addresses not permitted for that recipient")
	}
	if x.s.grey(x.from, to) {
		return refuse(451, 4, 7, 1, "Greylisted, please try again later")
	}
	x.to = append(x.to, to)
	return nil
}

// Data takes the mail.
func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if e := x.conn.act(AtData, ""); e != nil {
		return e
	}
	if e := lint(raw, x.eightBit); e != nil {
		return e
	}
	m, err := parse(raw)
	if err != nil {
		return refuse(554, 5, 6, 0, err.Error())
	}
	m.From, m.To, m.TLS, m.UTF8, m.Hello, m.At = x.from, x.to, x.tls, x.utf8, x.hello, x.s.opt.Now()
	if x.user != nil {
		m.User = x.user.Name
	}
	x.s.store(m)
	if e := x.conn.act(AtStored, ""); e != nil {
		return e
	}
	x.conn.act(AtSent, "")
	return nil
}

func refuse(code, class, subject, detail int, message string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: message}
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
