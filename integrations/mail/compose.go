package mail

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"imbot/integrations/internal/fit"
)

// compose returns the mail as it goes over the wire, but for the dots. All of it
// is ASCII, with lines of at most 998 bytes that end in CR LF.
func (c *Client) compose(m *Message, to []Address) ([]byte, error) {
	header, err := c.header(m, to)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct{ field, body string }{{"Text", m.Text}, {"HTML", m.HTML}} {
		if len(part.body) > MaxBody {
			return nil, invalid(part.field, "%d bytes are more than %d: shorten it", len(part.body), MaxBody)
		}
	}
	text := cleanBody(m.Text)
	if strings.TrimSpace(text) == "" {
		return nil, invalid("Text", "the mail has no plain text")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	for name, value := range header {
		if value != "" {
			msg.SetGenHeader(gomail.Header(name), value)
		}
	}
	msg.SetBodyString(gomail.TypeTextPlain, text)
	if html := cleanBody(m.HTML); html != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, html)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		return nil, &Error{Op: "write the mail", Err: err, permanent: true}
	}
	return raw.Bytes(), nil
}

// header returns the values of all headers but those that describe the parts;
// empty ones are left out. The addresses stand here as text, not as go-mail's
// type, because that one leaves it to readers to see that a name such as
// "=?utf-8?b?…?=" is not encoded.
func (c *Client) header(m *Message, to []Address) (map[string]string, error) {
	id, err := messageID("MessageID", m.MessageID)
	if err != nil {
		return nil, err
	}
	replyTo, references, err := m.thread()
	if err != nil {
		return nil, err
	}
	unsubscribe, err := m.unsubscribe()
	if err != nil {
		return nil, err
	}
	date := m.Date
	if date.IsZero() {
		date = c.now()
	}
	if y := date.Year(); y < 1970 || y > 9999 {
		return nil, invalid("Date", "the year %d can't be written", y)
	}
	all := make([]string, len(to))
	for n, a := range to {
		all[n] = a.header()
	}
	h := map[string]string{
		"From": c.from.header(), "To": strings.Join(all, ", "), "Subject": encode(oneLine(m.Subject, MaxSubject)),
		"Date": date.Format(time.RFC1123Z), "Message-ID": id, "In-Reply-To": replyTo, "References": references,
		"List-Unsubscribe": unsubscribe,
	}
	if m.ListID != "" {
		if checkDomain(m.ListID) != nil {
			return nil, invalid("ListID", "%s must look like incidents.imbot.example.com", quote(m.ListID))
		}
		h["List-ID"] = "<" + m.ListID + ">"
	}
	if m.OneClick {
		h["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
	}
	if m.Auto {
		h["Auto-Submitted"] = "auto-generated"
		// Exchange's own, which out-of-office answers heed.
		// https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-oxcmail/ced68690-498a-4567-9d14-5c01f974d8b1
		h["X-Auto-Response-Suppress"] = "All"
	}
	return h, nil
}

// header returns the address as it stands in a header.
func (a Address) header() string {
	name := oneLine(a.Name, MaxName)
	switch {
	case name == "":
		return "<" + a.Mail + ">"
	case !plain(name):
		return encode(name) + " <" + a.Mail + ">"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" <` + a.Mail + ">"
}

// plain reports whether a header can hold s as it is. What looks like an encoded
// word can't: readers would decode it, and find what we took out.
func plain(s string) bool {
	return !strings.Contains(s, "=?") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// encode returns s as it is if it is plain, else as encoded words of at most 75
// bytes with a space between, none of which splits a character (RFC 2047).
func encode(s string) string {
	if plain(s) {
		return s
	}
	const room = (75 - len("=?UTF-8?B??=")) / 4 * 3
	var words []string
	for s != "" {
		n := 0
		for n < len(s) {
			_, size := utf8.DecodeRuneInString(s[n:])
			if n+size > room {
				break
			}
			n += size
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}

// oneLine returns s as a single line of at most n runes, of valid UTF-8 and
// without control characters and those that turn the direction of text.
func oneLine(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || fit.Hidden(r) }), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ") + "…"
}

// cleanBody returns valid UTF-8 with line feeds, tabs, and no other control
// characters.
func cleanBody(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// quote returns what was given, so that it can stand in an error.
func quote(s string) string { return fmt.Sprintf("%q", oneLine(s, 80)) }
