// Package mail sends mails through an SMTP server: over TLS, signed in with a
// password or with a token, with a text and an HTML part ([Client.Send]), and
// checks that the server can be reached and lets us in ([Client.Check]).
//
// SMTP can't be asked whether a mail went out. When the connection breaks after
// the mail was handed over and before the server said so, only a second try
// makes sure, and then the mail may come twice. So the caller gives each mail a
// Message-ID that stays the same with every try: mail programs and people then
// can tell that it is the same one. [Error.MaybeSent] tells when that happened.
//
// It keeps no queue and tries nothing twice by itself, it does not render
// anything, and it receives no mail.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"os"
	"strings"
	"time"
	"unicode"
)

// Ways to encrypt the connection.
const (
	// TLSStart begins in plain text and must switch to TLS before anything is
	// said, mostly on port 587. A server that does not offer it gets nothing.
	TLSStart = "starttls"

	// TLSImplicit speaks TLS from the first byte, mostly on port 465.
	TLSImplicit = "implicit"

	// TLSNone does not encrypt. It is for servers on loopback addresses only.
	TLSNone = "none"
)

// What Exchange Online takes from one mailbox over SMTP: mails in a minute, and
// connections at once.
// https://learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements
const (
	DefaultPerMinute = 30
	MaxConnections   = 3
)

// Config says how to reach the server, and who sends.
type Config struct {
	// From is the sender, as imbot@example.com or "Incidents <imbot@example.com>".
	// Required.
	From string

	// Host is the server's name, which its certificate must hold. Required.
	Host string

	// Port is the server's port. Default 587 with TLSStart, 465 with TLSImplicit,
	// 25 with TLSNone.
	Port int

	// TLS is TLSStart, TLSImplicit or TLSNone. Default TLSStart.
	TLS string

	// User signs in with Password or Token. Default: nobody signs in, as relays
	// inside a company have it.
	User string

	// Password is the user's, for PLAIN or LOGIN, whatever the server offers.
	Password string

	// Token returns an access token for XOAUTH2, instead of a password. It is
	// called once for each connection, and should remember what is still valid.
	// Exchange Online needs one of scope https://outlook.office365.com/.default.
	// https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
	Token func(ctx context.Context) (string, error)

	// Hello is the name under which we introduce ourselves to the server. Default:
	// the domain of From.
	Hello string

	// Timeout bounds one call of Send or Check, and what it waits for one of
	// MaxConnections. Default 1 min.
	Timeout time.Duration

	// PerMinute is how many mails are sent in any minute. A quarter of them may go
	// at once. What is more gets an error that says when to come again. Default
	// DefaultPerMinute.
	PerMinute int

	// Now tells the time that PerMinute is counted by, and the date of mails that
	// bring none. Default time.Now.
	Now func() time.Time

	// CAFile has certificates (PEM) of authorities that are trusted besides the
	// system's. Default: none.
	CAFile string
}

// Client sends mails, each over a connection of its own, at most MaxConnections
// at once. It is safe for concurrent use.
type Client struct {
	from     Address
	host     string
	port     int
	mode     string
	tls      *tls.Config
	user     string
	password string
	token    func(ctx context.Context) (string, error)
	hello    string
	timeout  time.Duration
	budget   *budget
	slots    chan struct{} // holds one for each connection
	now      func() time.Time
}

// New returns a client. It makes no connection. It returns an error, which says
// what to write instead, if something is missing or contradicts itself.
func New(c Config) (*Client, error) {
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("mail: the sender %.80q is no mail address: write imbot@example.com or \"Incidents <imbot@example.com>\"", c.From)
	}
	if err := checkAddress(from.Address); err != nil {
		return nil, fmt.Errorf("mail: the sender %.80q can't be used: %w", from.Address, err)
	}
	port, err := checkServer(&c)
	if err != nil {
		return nil, err
	}
	if err := checkUser(&c); err != nil {
		return nil, err
	}
	roots, err := rootsOf(c.CAFile)
	if err != nil {
		return nil, err
	}
	if c.Hello == "" {
		c.Hello = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	}
	if err := checkDomain(c.Hello); err != nil {
		return nil, fmt.Errorf("mail: the name for the greeting %.80q can't be used: %w", c.Hello, err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		from: Address{Name: from.Name, Mail: from.Address},
		host: c.Host, port: port, mode: c.TLS,
		tls:  &tls.Config{ServerName: c.Host, RootCAs: roots, MinVersion: tls.VersionTLS12},
		user: c.User, password: c.Password, token: c.Token,
		hello: c.Hello, timeout: orElse(c.Timeout, time.Minute), now: c.Now,
		budget: newBudget(orElse(c.PerMinute, DefaultPerMinute)), slots: make(chan struct{}, MaxConnections),
	}, nil
}

func orElse[T int | time.Duration](n, otherwise T) T {
	if n <= 0 {
		return otherwise
	}
	return n
}

// checkServer fills in TLS, and returns the port.
func checkServer(c *Config) (port int, err error) {
	if net.ParseIP(c.Host) == nil && checkDomain(c.Host) != nil {
		return 0, fmt.Errorf("mail: the host %.80q can't be used: write the server's name alone, such as smtp.example.com, and the port apart", c.Host)
	}
	switch c.TLS {
	case "", TLSStart:
		c.TLS, port = TLSStart, 587
	case TLSImplicit:
		port = 465
	case TLSNone:
		port = 25
		if ip := net.ParseIP(c.Host); c.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return 0, fmt.Errorf("mail: TLS %s is for servers on loopback addresses only: use %s or %s for %s", TLSNone, TLSStart, TLSImplicit, c.Host)
		}
	default:
		return 0, fmt.Errorf("mail: TLS %.20q is unknown: use %s, %s or %s", c.TLS, TLSStart, TLSImplicit, TLSNone)
	}
	if c.Port < 0 || c.Port > 65535 {
		return 0, fmt.Errorf("mail: the port %d is none: use 1 to 65535", c.Port)
	}
	return orElse(c.Port, port), nil
}

func checkUser(c *Config) error {
	switch {
	case c.Password != "" && c.Token != nil:
		return errors.New("mail: there is a password and a source of tokens: use one of them")
	case c.User == "" && (c.Password != "" || c.Token != nil):
		return errors.New("mail: the user is missing, who signs in with the password or token")
	case c.User != "" && c.Password == "" && c.Token == nil:
		return errors.New("mail: the password or the source of tokens is missing, with which the user signs in")
	case strings.ContainsFunc(c.User+c.Password, unicode.IsControl):
		return errors.New("mail: the user or password has a line break or control character: copy it again")
	}
	return nil
}

// rootsOf returns the system's authorities and those of the file; nil without a
// file, which stands for the system's.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("mail: read the certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("mail: %s has no certificate: it must be a PEM file with BEGIN CERTIFICATE", file)
	}
	return pool, nil
}
