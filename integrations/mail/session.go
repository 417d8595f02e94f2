package mail

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// maxAnswers bounds all that the server sends in one connection, TLS included.
	maxAnswers = 1 << 20

	// quitTime is how long we wait for a server to say goodbye. Nothing depends
	// on it.
	quitTime = time.Second
)

var errTooLong = errors.New("the answers are too long")

// limitedConn reads at most left bytes: answers are lines that end when the
// server wants.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// session is one connection. It is used by one goroutine.
type session struct {
	ctx   context.Context // of the call that it serves; when it ends, so does whatever waits
	conn  net.Conn
	smtp  *smtp.Client
	hide  *strings.Replacer // takes secrets out of what the server says
	stop  func() bool       // from then on the end of ctx is of no interest
	token string
	slots chan struct{}
}

// open connects, encrypts and signs in. Whoever gets a session closes it.
func (c *Client) open(ctx context.Context) (*session, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &Error{Op: "connect", Message: fmt.Sprintf("not tried: all of the %d connections were busy", MaxConnections), Err: ctx.Err()}
	}
	s, err := c.connect(ctx)
	if err != nil {
		<-c.slots
		return nil, general(err)
	}
	if err := s.begin(c); err != nil {
		s.close()
		return nil, general(err)
	}
	return s, nil
}

func general(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.general = true
	}
	return err
}

func (c *Client) connect(ctx context.Context) (*session, error) {
	token, err := c.freshToken(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{ctx: ctx, token: token, hide: c.hiding(token), slots: c.slots}
	s.conn, err = new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(c.host, strconv.Itoa(c.port)))
	if err != nil {
		return nil, s.failed("connect", err)
	}
	s.stop = context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	return s, nil
}

func (s *session) begin(c *Client) error {
	if tcp, ok := s.conn.RemoteAddr().(*net.TCPAddr); c.mode == TLSNone && (!ok || !tcp.IP.IsLoopback()) {
		return &Error{Op: "connect", Message: "the host's address is no loopback address: without TLS no other is used", permanent: true}
	}
	var conn net.Conn = &limitedConn{Conn: s.conn, left: maxAnswers}
	if c.mode == TLSImplicit {
		t := tls.Client(conn, c.tls)
		if err := t.HandshakeContext(s.ctx); err != nil {
			return s.failed("start TLS", err)
		}
		conn = t
	}
	var err error
	if s.smtp, err = smtp.NewClient(conn, c.host); err != nil {
		return s.failed("connect", err)
	}
	// All that we send is ASCII; RFC 6531 would restrict who can get it.
	s.smtp.SkipSMTPUTF8(true)
	if err := s.hello(c); err != nil {
		return err
	}
	if c.mode == TLSStart {
		if ok, _ := s.smtp.Extension("STARTTLS"); !ok {
			return &Error{
				Op: "start TLS", permanent: true,
				Message: fmt.Sprintf("the server does not offer to switch to TLS: nothing was sent. Try TLS %s on port 465, and check host and port", TLSImplicit),
			}
		}
		if err := s.smtp.StartTLS(c.tls); err != nil {
			return s.failed("start TLS", err)
		}
	}
	return s.signIn(c)
}

// hello greets the server. go-mail greets once more in the old way where the
// server does not take EHLO, and then knows of no extension: from a server that
// is merely busy that would look like one that has neither TLS nor sign-in.
func (s *session) hello(c *Client) error {
	var busy busyHello
	s.smtp.ErrorHandlerRegistry.RegisterHandler(c.host, "ehlo", &busy)
	if err := s.smtp.Hello(c.hello); err != nil {
		return s.failed("say hello", err)
	}
	if busy.answer != nil {
		return s.failed("say hello", busy.answer)
	}
	return nil
}

// busyHello remembers that the server has put EHLO off.
type busyHello struct{ answer *textproto.Error }

// HandleError changes nothing.
func (b *busyHello) HandleError(_, _ string, _ *textproto.Conn, err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code/100 == 4 {
		b.answer = answer
	}
	return err
}

// signIn proves who we are. go-mail's guard that a password goes only over TLS
// or loopback is off, for begin has seen to it, for all of 127.0.0.0/8.
func (s *session) signIn(c *Client) error {
	if c.user == "" {
		return nil
	}
	const op = "sign in"
	_, ways := s.smtp.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(ways))
	var auth smtp.Auth
	switch {
	case s.token != "" && slices.Contains(offered, "XOAUTH2"):
		auth = smtp.XOAuth2Auth(c.user, s.token)
	case s.token == "" && slices.Contains(offered, "PLAIN"):
		auth = smtp.PlainAuth("", c.user, c.password, c.host, true)
	case s.token == "" && slices.Contains(offered, "LOGIN"):
		auth = smtp.LoginAuth(c.user, c.password, c.host, true)
	case len(offered) == 0:
		return &Error{Op: op, permanent: true, Message: "the server does not let anybody sign in: take user and password or token out if it is an open relay, or check host and port"}
	default:
		want := "a password by PLAIN or LOGIN"
		if s.token != "" {
			want = "a token by XOAUTH2"
		}
		return &Error{Op: op, permanent: true, Message: fmt.Sprintf("we sign in with %s, and the server takes only %s: change password for token or the other way round",
			want, oneLine(s.hide.Replace(strings.Join(offered, ", ")), 100))}
	}
	if err := s.smtp.Auth(auth); err != nil {
		return s.failed(op, err)
	}
	return nil
}

// deliver hands the mail over. Refused recipients are no error as long as one
// is left.
func (s *session) deliver(from string, to []Address, raw []byte) (refused []Refusal, err error) {
	if ok, size := s.smtp.Extension("SIZE"); ok {
		if most, err := strconv.Atoi(size); err == nil && most > 0 && len(raw) > most {
			return nil, &Error{Op: "send", permanent: true, Message: fmt.Sprintf("the mail has %d bytes, and the server takes at most %d: shorten it", len(raw), most)}
		}
	}
	if err := s.smtp.Mail("<" + from + ">"); err != nil {
		return nil, general(s.failed("name the sender", err))
	}
	for _, a := range to {
		err := s.smtp.Rcpt("<" + a.Mail + ">")
		if err == nil {
			continue
		}
		e := s.failed("name the recipient", err)
		if e.Code == 0 || e.Code == 421 { // the server hung up, or is about to
			return nil, e
		}
		refused = append(refused, Refusal{Address: a, Err: e})
	}
	if len(refused) == len(to) {
		return refused, nil
	}
	return refused, s.data(raw)
}

func (s *session) data(raw []byte) error {
	const op = "hand the mail over"
	w, err := s.smtp.Data()
	if err != nil {
		return s.failed(op, err)
	}
	// Without the dot that Close sends, the server throws the mail away.
	if _, err := w.Write(raw); err != nil {
		return s.failed(op, err)
	}
	if err := s.ctx.Err(); err != nil {
		return s.failed(op, err)
	}
	if err := w.Close(); err != nil {
		e := s.failed(op, err)
		e.MaybeSent = e.Code == 0
		return e
	}
	return nil
}

// quit says goodbye, so that the server does not log a broken connection.
func (s *session) quit() {
	s.stop()
	_ = s.conn.SetDeadline(time.Now().Add(quitTime))
	_ = s.smtp.Quit()
}

func (s *session) close() {
	s.stop()
	_ = s.conn.Close()
	<-s.slots
}

func (s *session) failed(op string, err error) *Error { return failure(s.ctx, op, err, s.hide) }

// freshToken returns "" for clients that use none.
func (c *Client) freshToken(ctx context.Context) (string, error) {
	if c.token == nil {
		return "", nil
	}
	const op = "get a token"
	token, err := c.token(ctx)
	if err != nil {
		var decided interface{ Permanent() bool }
		return "", &Error{Op: op, Message: "there is none to sign in with", Err: err, permanent: errors.As(err, &decided) && decided.Permanent()}
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return unicode.IsControl(r) || r == ' ' }) {
		return "", &Error{Op: op, Message: "what came is no token: it is empty, or has spaces or line breaks", permanent: true}
	}
	return token, nil
}

// hiding takes the password and the token out of texts, as they are and as they
// go over the wire.
func (c *Client) hiding(token string) *strings.Replacer {
	var pairs []string
	for _, secret := range []string{
		c.password, token,
		"\x00" + c.user + "\x00" + c.password,
		"user=" + c.user + "\x01auth=Bearer " + token + "\x01\x01",
	} {
		if secret == "" {
			continue
		}
		pairs = append(pairs, secret, "***", base64.StdEncoding.EncodeToString([]byte(secret)), "***")
	}
	return strings.NewReplacer(pairs...)
}
