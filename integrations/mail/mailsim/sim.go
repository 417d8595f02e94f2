// Package mailsim is a mail server to test and demonstrate against: an SMTP
// server on a loopback port, with TLS, users who sign in with a password or a
// token, and a mailbox in memory that holds whatever it took. It can refuse,
// break off or hang at any step ([Fault]), also after it has stored a mail and
// before it says so.
//
// It is strict where servers differ: what one of them refuses, it refuses. The
// rules are:
//
//   - with users, nobody sends without signing in (530 5.7.57), and passwords are
//     taken over TLS only, unless the server has none
//   - a user with Senders sends as them only (550 5.7.60)
//   - an address has ASCII only, unless the mail was announced with SMTPUTF8 (553
//     5.6.7)
//   - at most MaxRecipients (452 4.5.3) and MaxBytes (552 5.3.4)
//   - lines end in CR LF, neither of them stands alone, and they have at most 998
//     bytes besides (554 5.6.0)
//   - a header has ASCII only; a body has bytes above 127 only after
//     BODY=8BITMIME, and then is UTF-8 (554 5.6.1)
//   - From, Date and Message-ID are there, and no header comes twice that RFC
//     5322 3.6 allows once (550 5.7.1)
//   - the parts can be read (554 5.6.0)
//
// It delivers nothing to anybody.
package mailsim

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"imbot/integrations/internal/fault"
)

// Ways to encrypt connections.
const (
	TLSStart    = "starttls" // begin in plain text, offer STARTTLS
	TLSImplicit = "implicit" // from the first byte
	TLSNone     = "none"     // not at all
)

// Options of a server. The zero value works: it offers STARTTLS, and takes mails
// from anybody.
type Options struct {
	// TLS is TLSStart, TLSImplicit or TLSNone. Default TLSStart.
	TLS string

	// Names are those in the certificate. Default 127.0.0.1, ::1 and localhost.
	Names []string

	// Expired makes the certificate one of last year.
	Expired bool

	// Users may send. Default: anybody may, without signing in.
	Users []User

	// Mechanisms are the offered ways to sign in. Default PLAIN, LOGIN, XOAUTH2.
	Mechanisms []string

	// MaxBytes bounds a mail. Default 1 MB.
	MaxBytes int64

	// MaxRecipients bounds the recipients of a mail. Default 100.
	MaxRecipients int

	// UTF8 offers SMTPUTF8 (RFC 6531), with which addresses may have all letters.
	UTF8 bool

	// Greylist refuses the first mail of each sender to each recipient with 451
	// 4.7.1.
	Greylist bool

	// Now tells the time that mails come in. Default time.Now.
	Now func() time.Time
}

// User may sign in.
type User struct {
	Name     string
	Password string   // for PLAIN and LOGIN; empty: none works
	Token    string   // for XOAUTH2; empty: none works
	Senders  []string // addresses that the user may send as; empty: any
}

// Server is a simulator. Its methods are safe for concurrent use.
type Server struct {
	opt    Options
	ca     []byte
	smtp   *smtp.Server
	lis    net.Listener
	served chan struct{} // closed when no connection is accepted any more
	closed chan struct{} // closed by Close: whatever hangs goes on
	once   sync.Once
	faults fault.Plan[Fault]

	mu          sync.Mutex // guards all below
	mails       []Mail
	arrived     chan struct{}   // closed and renewed with each mail
	greeted     map[string]bool // "sender recipient" that the grey list knows
	conns       map[*conn]bool
	connections int
}

// New starts a server on a free port of 127.0.0.1. It panics if there is none,
// for then nothing can be tested. Close ends it.
func New(o Options) *Server {
	if o.TLS == "" {
		o.TLS = TLSStart
	}
	if len(o.Names) == 0 {
		o.Names = []string{"127.0.0.1", "::1", "localhost"}
	}
	if len(o.Mechanisms) == 0 {
		o.Mechanisms = []string{mechPlain, mechLogin, mechXOAuth2}
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxRecipients <= 0 {
		o.MaxRecipients = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("mailsim: " + err.Error())
	}
	s := &Server{
		opt: o, lis: l, served: make(chan struct{}), closed: make(chan struct{}),
		arrived: make(chan struct{}), greeted: map[string]bool{}, conns: map[*conn]bool{},
	}
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.smtp.Domain = "mailsim"
	s.smtp.MaxMessageBytes = o.MaxBytes
	s.smtp.MaxRecipients = o.MaxRecipients
	s.smtp.EnableSMTPUTF8 = o.UTF8
	s.smtp.AllowInsecureAuth = o.TLS == TLSNone
	s.smtp.ErrorLog = log.New(io.Discard, "", 0) // broken connections are what tests are about
	var listener net.Listener = &listening{Listener: l, s: s}
	if o.TLS != TLSNone {
		var cert tls.Certificate
		s.ca, cert = certificate(o.Names, o.Expired)
		s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	if o.TLS == TLSImplicit {
		listener = tls.NewListener(listener, s.smtp.TLSConfig)
	}
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(listener) // ends by Close
	}()
	return s
}

// Close ends the server and all its connections, and waits for them.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.closed)
		_ = s.lis.Close()
		<-s.served
		s.mu.Lock()
		conns := s.conns
		s.conns = nil
		s.mu.Unlock()
		for c := range conns {
			_ = c.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.smtp.Shutdown(ctx)
	})
}

// Host returns the address without the port.
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the port.
func (s *Server) Port() int { return s.lis.Addr().(*net.TCPAddr).Port }

// Addr returns host and port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host(), strconv.Itoa(s.Port())) }

// CA returns the certificate (PEM) of the authority that signed the server's;
// nil with TLSNone. It is made anew for each server.
func (s *Server) CA() []byte { return slices.Clone(s.ca) }

// Mails returns the mails that were taken, in the order in which they came.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// ByMessageID returns how many mails came under each Message-ID.
func (s *Server) ByMessageID() map[string]int {
	out := map[string]int{}
	for _, m := range s.Mails() {
		out[m.MessageID]++
	}
	return out
}

// Wait returns the mails when there are at least n, or what there is when ctx
// ends.
func (s *Server) Wait(ctx context.Context, n int) ([]Mail, error) {
	for {
		s.mu.Lock()
		mails, arrived := slices.Clone(s.mails), s.arrived
		s.mu.Unlock()
		if len(mails) >= n {
			return mails, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return mails, ctx.Err()
		}
	}
}

// Clear empties the mailbox.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = nil
}

// Connections returns how many connections there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

func (s *Server) store(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// grey reports whether the sender is new to the recipient.
func (s *Server) grey(from, to string) bool {
	if !s.opt.Greylist {
		return false
	}
	key := strings.ToLower(from + " " + to)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.greeted[key]
	s.greeted[key] = true
	return !known
}
