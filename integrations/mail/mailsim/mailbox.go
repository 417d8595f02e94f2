package mailsim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

// Mail is a mail that was taken.
type Mail struct {
	From  string    // of the envelope
	To    []string  // of the envelope: who was accepted
	User  string    // who was signed in; may be empty
	TLS   bool      // it came encrypted
	UTF8  bool      // it was announced with SMTPUTF8
	Hello string    // the name that the client gave itself
	At    time.Time // when it came
	Raw   []byte    // as it came, without the dots of SMTP

	Header    mail.Header
	MessageID string // as in the header, with < and >
	Subject   string // decoded
	Parts     []Part // the leaves, in their order
	Text      string // of the first part of text/plain, with line feeds
	HTML      string // of the first part of text/html, with line feeds
}

// Part is what has no parts itself.
type Part struct {
	Type string // such as text/html
	Body []byte // decoded
}

// maxParts bounds the parts of a mail, and maxDepth how deep they lie.
const (
	maxParts = 100
	maxDepth = 10
)

// once are the headers that RFC 5322 3.6 allows once.
var once = []string{"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-Id", "In-Reply-To", "References", "Subject", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}

// lint says which of the rules a mail breaks.
func lint(raw []byte, eightBit bool) *smtp.SMTPError {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			return refuse(554, 5, 6, 0, "A line has more than 998 bytes")
		}
		if bytes.ContainsAny(line, "\r\n") {
			return refuse(554, 5, 6, 0, "A line does not end in CR LF")
		}
	}
	high := func(r byte) bool { return r >= utf8.RuneSelf }
	switch {
	case slices.ContainsFunc(head, high):
		return refuse(554, 5, 6, 1, "A header has bytes above 127")
	case slices.ContainsFunc(body, high) && !eightBit:
		return refuse(554, 5, 6, 1, "The body has bytes above 127 without BODY=8BITMIME")
	case !utf8.Valid(body):
		return refuse(554, 5, 6, 1, "The body is not UTF-8")
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return refuse(554, 5, 6, 0, "The header can't be read")
	}
	for _, name := range once {
		if len(m.Header[name]) > 1 {
			return refuse(550, 5, 7, 1, "More than one header "+name)
		}
	}
	if _, err := m.Header.Date(); err != nil {
		return refuse(550, 5, 7, 1, "No valid Date")
	}
	if from, err := m.Header.AddressList("From"); err != nil || len(from) != 1 {
		return refuse(550, 5, 7, 1, "No valid From")
	}
	if id := m.Header.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") || !strings.Contains(id, "@") {
		return refuse(550, 5, 7, 1, "No valid Message-ID")
	}
	return nil
}

// parse reads header and parts.
func parse(raw []byte) (Mail, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Raw: raw, Header: msg.Header, MessageID: msg.Header.Get("Message-Id")}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("subject: %w", err)
	}
	if err := m.read(textproto.MIMEHeader(msg.Header), msg.Body, 0); err != nil {
		return Mail{}, err
	}
	m.Text, m.HTML = m.first("text/plain"), m.first("text/html")
	return m, nil
}

func (m *Mail) first(kind string) string {
	for _, p := range m.Parts {
		if p.Type == kind {
			return strings.ReplaceAll(string(p.Body), "\r\n", "\n")
		}
	}
	return ""
}

// read reads a part, and those within.
func (m *Mail) read(h textproto.MIMEHeader, body io.Reader, depth int) error {
	kind, params := "text/plain", map[string]string(nil)
	if s := h.Get("Content-Type"); s != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(s); err != nil {
			return fmt.Errorf("content type: %w", err)
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.readParts(multipart.NewReader(body, params["boundary"]), depth)
	}
	switch encoding := strings.ToLower(h.Get("Content-Transfer-Encoding")); encoding {
	case "", "7bit", "8bit":
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	default:
		return fmt.Errorf("transfer encoding %q", encoding)
	}
	all, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if m.Parts = append(m.Parts, Part{Type: kind, Body: all}); len(m.Parts) > maxParts {
		return errors.New("too many parts")
	}
	return nil
}

func (m *Mail) readParts(parts *multipart.Reader, depth int) error {
	if depth >= maxDepth {
		return errors.New("parts too deep")
	}
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.read(p.Header, p, depth+1); err != nil {
			return err
		}
	}
}
