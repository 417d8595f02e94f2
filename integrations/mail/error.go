package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Error is what Send and Check fail with; after it, nobody has the mail, or it
// is not known whether they have it (MaybeSent). errors.Is finds
// context.Canceled and context.DeadlineExceeded in it. It never holds the
// password or token.
type Error struct {
	Op        string // what was tried, such as "sign in"
	Field     string // what of the Message is at fault, such as "To[2]", or ""
	Code      int    // the server's answer, such as 550; 0 if there was none
	Enhanced  string // the server's enhanced status code (RFC 3463), such as "5.7.30", or ""
	Message   string // the server's words or ours, and what to do
	Err       error  // the cause where it is not the server's answer
	MaybeSent bool   // the mail was handed over, and the answer to that did not come

	permanent  bool
	general    bool
	retryAfter time.Duration
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mail: ")
	for _, s := range []string{e.Op, e.Field} {
		if s != "" {
			b.WriteString(s + ": ")
		}
	}
	b.WriteString(e.Message)
	if e.Code != 0 {
		b.WriteString(strings.TrimRight(fmt.Sprintf(" (%d %s", e.Code, e.Enhanced), " ") + ")")
	}
	if e.MaybeSent {
		b.WriteString(" (it may have gone out)")
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return oneLine(b.String(), 1000)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying the same again can't help.
func (e *Error) Permanent() bool { return e.permanent }

// RetryAfter returns when to try again; 0 if unknown, which it is of all that
// servers say: SMTP has no word for it.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// General reports whether no other mail would have gone out either: it is about
// the server, the sign-in or the sender.
func (e *Error) General() bool { return e.general }

// Refusal is a recipient who did not get the mail, and why.
type Refusal struct {
	Address Address
	Err     *Error
}

// PartialError says that some recipients were refused and the others got the
// mail. Whoever tries again must give Retry as Message.To, or the others get it
// twice.
type PartialError struct {
	Refused []Refusal
	Sent    []string // addresses of those who got it
}

func (e *PartialError) Error() string {
	return oneLine(fmt.Sprintf("mail: %d of %d recipients were refused, the others got it: %s",
		len(e.Refused), len(e.Refused)+len(e.Sent), list(e.Refused)), 2000)
}

// Permanent reports whether Retry is empty.
func (e *PartialError) Permanent() bool { return len(e.Retry()) == 0 }

// RetryAfter returns 0: servers don't say.
func (e *PartialError) RetryAfter() time.Duration { return 0 }

// Retry returns the refused for whom a second try may help.
func (e *PartialError) Retry() []Address {
	var out []Address
	for _, r := range e.Refused {
		if !r.Err.Permanent() {
			out = append(out, r.Address)
		}
	}
	return out
}

// list names the refused and the reasons.
func list(refused []Refusal) string {
	var all []string
	for _, r := range refused {
		why := strings.TrimPrefix(r.Err.Error(), "mail: ")
		if r.Err.Field == "" { // else it is named there
			why = oneLine(r.Address.Mail, 80) + ": " + why
		}
		all = append(all, why)
	}
	return strings.Join(all, "; ")
}

// nobody is the error for a mail whose recipients were all refused. It is worth
// a second try if one of them is.
func nobody(refused []Refusal) *Error {
	first := refused[0].Err
	return &Error{
		Op: "send", Field: first.Field, Code: first.Code, Enhanced: first.Enhanced,
		Message:   "no recipient was accepted: " + list(refused),
		permanent: !slices.ContainsFunc(refused, func(r Refusal) bool { return !r.Err.permanent }),
	}
}

// invalid is the error for a mail that can't be sent as it is.
func invalid(field, format string, args ...any) *Error {
	return &Error{Op: "check the mail", Field: field, Message: fmt.Sprintf(format, args...), permanent: true}
}

// advice says what to do about answers that need somebody to change something,
// by enhanced status code or, less exactly, by code.
// https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
// and https://support.google.com/a/answer/3726730
var advice = map[string]string{
	"5.7.30":  "Exchange Online takes no passwords over SMTP any more: sign in with a token (XOAUTH2), or send through Microsoft Graph",
	"5.7.139": "SMTP sign-in is switched off for this tenant or mailbox, or needs a token: let an administrator allow authenticated SMTP for the mailbox, use a token (XOAUTH2), or send through Microsoft Graph",
	"5.7.60":  "the user may not send as the sender: use the user's own address as sender, or give the user the Send As right",
	"5.2.252": "the user may not send as the sender: use the user's own address as sender, or give the user the Send As right",
	"5.7.57":  "the server wants a sign-in: set user and password, or a token",
	"5.7.9":   "this account needs a password made for applications, or a token",
	"5.3.4":   "the mail is too large for the server: shorten it",
	"5.1.1":   "check the address",
	"5.1.10":  "check the address",
	"530":     "the server wants a sign-in or encryption: set user and password or a token, and TLS",
	"535":     "check user and password; a token must be of this user and for this server",
	"552":     "the mail is too large for the server, or the mailbox is full",
}

var enhancedCode = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}\b ?`)

// refusal turns an answer of the server into an error. It decides what is
// permanent: 5xx is, and nothing else (RFC 5321 4.2.1).
func refusal(op string, answer *textproto.Error, hide *strings.Replacer) *Error {
	e := &Error{Op: op, Code: answer.Code, permanent: answer.Code/100 == 5}
	said := strings.Split(answer.Msg, "\n")
	for n, line := range said {
		code := enhancedCode.FindString(line)
		if e.Enhanced == "" { // it may stand in each line, or in the last
			e.Enhanced = strings.TrimSpace(code)
		}
		said[n] = line[len(code):]
	}
	e.Message = strings.TrimRight(oneLine(hide.Replace(strings.Join(said, " ")), 300), ".")
	if e.Message == "" {
		e.Message = "the server refused without a reason"
	}
	if !e.permanent {
		return e
	}
	what, ok := advice[e.Enhanced]
	if !ok {
		what = advice[fmt.Sprint(e.Code)]
	}
	if what != "" {
		e.Message += "; " + what
	}
	return e
}

// failure turns any other end of a step into an error: what can be mended by
// waiting is worth a second try, and that is all but certificates.
func failure(ctx context.Context, op string, err error, hide *strings.Replacer) *Error {
	var answer *textproto.Error
	var strange textproto.ProtocolError
	var record tls.RecordHeaderError
	e := &Error{Op: op, Err: err}
	switch {
	case errors.As(err, &answer):
		return refusal(op, answer, hide)
	case ctx.Err() != nil:
		e.Err = ctx.Err()
		e.Message = "the time was up before the server answered; is this the right port, and does it start with TLS or switch to it (465, 587)?"
		if errors.Is(e.Err, context.Canceled) {
			e.Message = "stopped"
		}
	case certificate(err) != "":
		e.permanent = true
		e.Message = certificate(err)
	case errors.As(err, &record):
		e.Err = nil
		e.Message = fmt.Sprintf("the port does not start with TLS: with most servers it is %q on port 465, and %q on port 587", TLSImplicit, TLSStart)
	case errors.As(err, &strange):
		// It quotes what came, which may be anything.
		e.Err = nil
		e.Message = "this is no answer of a mail server: " + oneLine(hide.Replace(strange.Error()), 200)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.Message = "the server hung up"
	case errors.Is(err, errTooLong):
		e.Err = nil
		e.Message = fmt.Sprintf("the server's answers are longer than %d KB", maxAnswers>>10)
	default:
		e.Message = "the connection failed"
	}
	if e.Err != nil { // go-mail quotes some answers
		if said := e.Err.Error(); hide.Replace(said) != said {
			e.Err = errors.New(hide.Replace(said))
		}
	}
	return e
}

// certificate says what to do about a certificate that is not accepted, and ""
// if that is not what happened.
func certificate(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		other   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate is of an authority that is not trusted: name its certificate file in the configuration, or check host and port"
	case errors.As(err, &name):
		return "the server's certificate is for another name: set the host to the name in the certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet: it has to be renewed there, or this machine's clock is wrong"
	case errors.As(err, &invalid), errors.As(err, &other):
		return "the server's certificate is not accepted: it has to be replaced there"
	}
	return ""
}
