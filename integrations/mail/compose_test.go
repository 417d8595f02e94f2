package mail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func testClient(t testing.TB, from string) *Client {
	t.Helper()
	c, err := New(Config{From: from, Host: "smtp.example.com", Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read is a mail as others read it.
type read struct {
	header netmail.Header
	parts  []string // "text/plain: …"
}

// parseMail reads a mail, and checks what holds for all.
func parseMail(t testing.TB, raw []byte) read {
	t.Helper()
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") || slices.ContainsFunc(line, func(b byte) bool { return b >= utf8.RuneSelf }) {
			t.Errorf("line %q", line)
		}
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("the mail can't be read: %v\n%s", err, raw)
	}
	r := read{header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("content type: %v", err)
	}
	if kind == "text/plain" {
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || m.Header.Get("Content-Transfer-Encoding") != "quoted-printable" || params["charset"] != "UTF-8" {
			t.Fatalf("body: %v, %v", err, m.Header)
		}
		r.parts = append(r.parts, kind+": "+string(body))
		return r
	}
	if kind != "multipart/alternative" {
		t.Fatalf("content type %q", kind)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextPart() // decodes quoted-printable
		if err == io.EOF {
			return r
		}
		if err != nil {
			t.Fatalf("parts: %v\n%s", err, raw)
		}
		body, err := io.ReadAll(p)
		kind, params, err2 := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || err2 != nil || len(p.Header) != 1 || params["charset"] != "UTF-8" {
			t.Fatalf("part %v: %v, %v", p.Header, err, err2)
		}
		r.parts = append(r.parts, kind+": "+string(body))
	}
}

func decode(t testing.TB, s string) string {
	t.Helper()
	out, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil {
		t.Fatalf("header %q: %v", s, err)
	}
	return out
}

// wantHeaders checks that exactly those headers are there that the message asks
// for, each once.
func wantHeaders(t testing.TB, m *Message, h netmail.Header) {
	t.Helper()
	want := []string{"Content-Type", "Date", "From", "Message-Id", "Mime-Version", "To"}
	for name, there := range map[string]bool{
		"Subject": oneLine(m.Subject, MaxSubject) != "", "Content-Transfer-Encoding": cleanBody(m.HTML) == "",
		"In-Reply-To": m.InReplyTo != "", "References": m.InReplyTo != "" || len(m.References) > 0, "List-Id": m.ListID != "",
		"List-Unsubscribe": m.Unsubscribe != "", "List-Unsubscribe-Post": m.OneClick, "Auto-Submitted": m.Auto, "X-Auto-Response-Suppress": m.Auto,
	} {
		if there {
			want = append(want, name)
		}
	}
	var got []string
	for name, values := range h {
		for range values {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
}

func valid() Message {
	return Message{To: []Address{{Name: "Ani", Mail: "ani@example.com"}}, Subject: "s", Text: "t", MessageID: "a@b"}
}

// composed is the mail that Send would send.
func composed(t testing.TB, c *Client, m *Message) (read, []Address, []Refusal, error) {
	t.Helper()
	to, refused, err := recipients(m.To)
	if err != nil {
		return read{}, nil, nil, err
	}
	raw, err := c.compose(m, to)
	if err != nil {
		return read{}, nil, nil, err
	}
	return parseMail(t, raw), to, refused, nil
}

func TestInjection(t *testing.T) {
	c := testClient(t, "bot@example.com")
	for _, tt := range []struct{ name, subject, want string }{
		{"line", "down\r\nBcc: x@example.com", "down Bcc: x@example.com"},
		{"bare line feeds", "down\n\n<script>", "down <script>"},
		{"other ends of lines", "a\u2028b\u2029c\u0085d\ve", "a b c d e"},
		{"control", "a\x00b\x1b[31mc\x7f", "a b [31mc"},
		{"bidi", "invoice \u202egnp.exe\u2066\u200f", "invoice gnp.exe"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"encoded word", "=?utf-8?b?DQpCY2M6IHhAZXhhbXBsZS5jb20=?=", "=?utf-8?b?DQpCY2M6IHhAZXhhbXBsZS5jb20=?="},
		{"non-ASCII", "Kasir mati – 結帳 💥", "Kasir mati – 結帳 💥"},
		{"long", strings.Repeat("ä", 300), strings.Repeat("ä", 199) + "…"},
		{"long word", strings.Repeat("a", 201), strings.Repeat("a", 199) + "…"},
		{"spaces", "  a \t  b  ", "a b"},
		{"looks like a header", "x: y", "x: y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := valid()
			m.Subject, m.To[0].Name = tt.subject, tt.subject
			r, _, _, err := composed(t, c, &m)
			if err != nil {
				t.Fatal(err)
			}
			wantHeaders(t, &m, r.header)
			if got := decode(t, r.header.Get("Subject")); got != tt.want {
				t.Errorf("subject %q, want %q", got, tt.want)
			}
			to, err := r.header.AddressList("To")
			if want := oneLine(tt.want, MaxName); err != nil || len(to) != 1 || to[0].Name != want || to[0].Address != "ani@example.com" {
				t.Errorf("To %v, %v; want %q", to, err, want)
			}
		})
	}
	m := valid()
	m.To[0].Name = `"Ani" <x@example.com>, \`
	r, _, _, err := composed(t, c, &m)
	if to, err2 := r.header.AddressList("To"); err != nil || err2 != nil || len(to) != 1 || to[0].Name != m.To[0].Name {
		t.Errorf("To = %v, %v, %v", to, err, err2)
	}
	// From is written by the same rules, whatever New was given.
	c = testClient(t, `"=?utf-8?q?x=0d=0ay?= Störung" <bot@example.com>`)
	m = valid()
	r, _, _, err = composed(t, c, &m)
	if from, err2 := r.header.AddressList("From"); err != nil || err2 != nil || len(from) != 1 || from[0].Address != "bot@example.com" || strings.ContainsAny(from[0].Name, "\r\n") {
		t.Errorf("From = %v, %v, %v", from, err, err2)
	}
}

// What can't be sent is named by its field, and is no use to try again.
func TestFields(t *testing.T) {
	c := testClient(t, "bot@example.com")
	for _, tt := range []struct {
		field, says string
		change      func(*Message)
	}{
		{"To", "there is no recipient", func(m *Message) { m.To = nil }},
		{"To", "51 recipients are more than 50", func(m *Message) { m.To = make([]Address, 51) }},
		{"To[0]", "no recipient was accepted", func(m *Message) { m.To[0].Mail = "ani@example.com\nBcc: x" }},
		{"MessageID", "is no Message-ID", func(m *Message) { m.MessageID = "" }},
		{"MessageID", "is no Message-ID", func(m *Message) { m.MessageID = "a@b>\r\nBcc: <x@y" }},
		{"MessageID", "at most 250", func(m *Message) { m.MessageID = strings.Repeat("a", 250) + "@b" }},
		{"InReplyTo", "is no Message-ID", func(m *Message) { m.InReplyTo = "a b@c" }},
		{"References", "is no Message-ID", func(m *Message) { m.References = []string{"a@b", "c"} }},
		{"ListID", "must look like", func(m *Message) { m.ListID = "a> <b" }},
		{"Unsubscribe", "https: or mailto:", func(m *Message) { m.Unsubscribe = "javascript:x" }},
		{"Unsubscribe", "https: or mailto:", func(m *Message) { m.Unsubscribe = "http://example.com" }},
		{"Unsubscribe", "https: or mailto:", func(m *Message) { m.Unsubscribe = "https://example.com/>,<mailto:x" }},
		{"Unsubscribe", "https: or mailto:", func(m *Message) { m.Unsubscribe = "https://" }},
		{"Unsubscribe", "more than 900", func(m *Message) { m.Unsubscribe = "https://example.com/" + strings.Repeat("a", 900) }},
		{"OneClick", "needs an https: URL", func(m *Message) { m.Unsubscribe, m.OneClick = "mailto:x@example.com", true }},
		{"OneClick", "no Unsubscribe", func(m *Message) { m.OneClick = true }},
		{"Text", "no plain text", func(m *Message) { m.Text = " \x00\r\n" }},
		{"Text", "more than 102400", func(m *Message) { m.Text = strings.Repeat("a", MaxBody+1) }},
		{"HTML", "more than 102400", func(m *Message) { m.HTML = strings.Repeat("a", MaxBody+1) }},
		{"Date", "the year 10000", func(m *Message) { m.Date = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		m := valid()
		tt.change(&m)
		_, _, _, err := composed(t, c, &m)
		var e *Error
		if !errors.As(err, &e) || e.Field != tt.field || !e.Permanent() || !strings.Contains(e.Error(), tt.says) || strings.ContainsAny(e.Error(), "\r\n") {
			t.Errorf("%s: %v, want permanent and that it says %q", tt.field, err, tt.says)
		}
		if err := c.Send(t.Context(), m); err == nil || err.Error() != e.Error() {
			t.Errorf("%s: Send = %v", tt.field, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := testClient(t, "bot@example.com")
	m := valid()
	m.InReplyTo, m.ListID, m.Unsubscribe, m.OneClick, m.Auto = "<open@example.com>", "incidents.example.com", "https://example.com/"+strings.Repeat("u", 800), true, true
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		m.References = append(m.References, name+"@example.com")
	}
	r, _, _, err := composed(t, c, &m)
	if err != nil {
		t.Fatal(err)
	}
	wantHeaders(t, &m, r.header)
	refs := strings.Fields(r.header.Get("References"))
	for name, want := range map[string]string{
		"Message-ID": "<a@b>", "In-Reply-To": "<open@example.com>", "List-ID": "<incidents.example.com>", "List-Unsubscribe": "<" + m.Unsubscribe + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Auto-Submitted": "auto-generated", "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
		"From": "<bot@example.com>", "MIME-Version": "1.0", "Content-Transfer-Encoding": "quoted-printable",
	} {
		if got := strings.TrimSpace(r.header.Get(name)); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if len(refs) != 20 || refs[0] != "<a@example.com>" || refs[1] != "<h@example.com>" || refs[19] != "<z@example.com>" {
		t.Errorf("References = %v", refs)
	}
	m.References, m.Unsubscribe, m.OneClick = nil, "mailto:stop@example.com", false
	if r, _, _, err = composed(t, c, &m); err != nil || r.header.Get("References") != "<open@example.com>" || r.header.Get("List-Unsubscribe") != "<mailto:stop@example.com>" {
		t.Errorf("%v, %v", r.header, err)
	}
	wantHeaders(t, &m, r.header)
}

func TestBody(t *testing.T) {
	m := valid()
	m.Text = "a\r\nb\rc\n.\n.. \n\tFrom here\x00\x1b[0m – 結帳\xff" + strings.Repeat("x", 2000)
	m.HTML = "<p>" + strings.Repeat("ä ", 3000) + "</p>"
	r, _, _, err := composed(t, testClient(t, "bot@example.com"), &m)
	want := []string{
		"text/plain: a\r\nb\r\nc\r\n.\r\n.. \r\n\tFrom here[0m – 結帳\uFFFD" + strings.Repeat("x", 2000),
		"text/html: " + m.HTML,
	}
	if d := cmp.Diff(want, r.parts); d != "" || err != nil {
		t.Errorf("%v; parts (-want +got):\n%s", err, d)
	}
}

func TestAddresses(t *testing.T) {
	domain := strings.Repeat("d", 61) + "." + strings.Repeat("d", 61) + "." + strings.Repeat("d", 61) + ".example"
	for s, ok := range map[string]bool{
		"ani@example.com": true, "ani.b+inc_1@mail.example.co.id": true, "a@localhost": true, "o'neil=x@xn--bcher-kva.example": true,
		strings.Repeat("a", 60) + "@" + domain: true, strings.Repeat("a", 63) + "@" + domain: false, strings.Repeat("a", 65) + "@b": false,
		strings.Repeat("a", 64) + "@b": true, "a@" + strings.Repeat("d", 64): false,
		"": false, "@": false, "a@": false, "@b": false, "ani": false, "a@b@c": false, "a b@c": false, "a@b c": false, ".a@b": false, "a..b@c": false, "a.@b": false,
		"a@b.": false, "a@-b": false, "a@b-": false, "a@.b": false, "a@[127.0.0.1]": false, `"a b"@c`: false, "<a@b>": false, "Ani <a@b>": false,
		"a@b,c@d": false, "a@b;c@d": false, "a@b\r\n": false, "a\n@b": false, "a@b\x00": false, "ä@b": false, "a@ä": false, "a@b\u202e": false, "a\u2028@b": false,
		"a@b> SIZE=1": false, "a(comment)@b": false,
	} {
		if err := checkAddress(s); (err == nil) != ok {
			t.Errorf("checkAddress(%q) = %v, want ok %v", s, err, ok)
		}
	}
	to, refused, err := recipients([]Address{{Mail: "a@b"}, {Mail: "x"}, {Name: "A", Mail: "A@B"}, {Mail: "c@d"}})
	if err != nil || cmp.Diff([]Address{{Mail: "a@b"}, {Mail: "c@d"}}, to) != "" || len(refused) != 1 || refused[0].Err.Field != "To[1]" {
		t.Errorf("recipients = %v, %v, %v", to, refused, err)
	}
}
