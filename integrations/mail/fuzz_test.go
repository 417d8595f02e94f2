package mail

import (
	"errors"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/fit"
)

// Whatever comes in, the mail can be read by others, has exactly the headers
// that were asked for, and says what was to be said; or an error names the
// field.
func FuzzMessage(f *testing.F) {
	f.Add("bot", "Ani", "ani@example.com", "INC-42 is open", "text", "<p>html</p>", "a@b", "c@d", "list.example.com", "https://example.com/u", byte(3))
	f.Add("=?utf-8?q?x?=", "a\r\nBcc: x@y", "ani@example.com>\r\nDATA", "s\r\n\r\nbody", ".\r\n.", "--b\r\n", "a@b>\r\nX: <", "", "a> <b", "https://x/>", byte(0))
	f.Add("ä\u202e", "💥\"\\,<>", "a@b", "\xff=?utf-8?b?DQo=?=", "\x00\r", " \n", "<a@b>", "<c@d>", "l", "mailto:a@b", byte(2))
	f.Add("", strings.Repeat("結", 200), "a@b", strings.Repeat("a b", 200), strings.Repeat("=", 1200), strings.Repeat("ü", 1200), strings.Repeat("a", 248)+"@b", "", "", "https://x/"+strings.Repeat("u", 880), byte(1))
	f.Fuzz(func(t *testing.T, from, name, address, subject, text, html, id, replyTo, listID, unsubscribe string, flags byte) {
		c := testClient(t, "bot@example.com")
		c.from.Name = from
		m := Message{
			To: []Address{{Name: name, Mail: address}, {Mail: "second@example.com"}}, Subject: subject, Text: text, HTML: html, MessageID: id,
			InReplyTo: replyTo, ListID: listID, Unsubscribe: unsubscribe, OneClick: flags&1 != 0, Auto: flags&2 != 0, Date: time.Unix(1772366400, 0).UTC(),
		}
		r, to, refused, err := composed(t, c, &m)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Field == "" || !e.Permanent() || !utf8.ValidString(e.Error()) || strings.ContainsAny(e.Error(), "\r\n\x00\u202e") || len(e.Error()) > 4000 {
				t.Errorf("error %q", err)
			}
			return
		}
		wantHeaders(t, &m, r.header)
		if got, want := decode(t, r.header.Get("Subject")), oneLine(subject, MaxSubject); got != want || utf8.RuneCountInString(got) > MaxSubject {
			t.Errorf("subject %q, want %q", got, want)
		}
		got, err := r.header.AddressList("To")
		if err != nil || len(got) != len(to) || len(to)+len(refused) != 2 && !strings.EqualFold(address, "second@example.com") {
			t.Fatalf("To %q: %v, %v; refused %v", r.header.Get("To"), got, err, refused)
		}
		for n, a := range got {
			if a.Address != to[n].Mail || a.Name != oneLine(to[n].Name, MaxName) || strings.ContainsFunc(a.Name, fit.Hidden) {
				t.Errorf("To[%d] = %q, want %q", n, a, to[n])
			}
		}
		if got, err := r.header.AddressList("From"); err != nil || len(got) != 1 || got[0].Address != "bot@example.com" || got[0].Name != oneLine(from, MaxName) {
			t.Errorf("From %q: %v, %v", r.header.Get("From"), got, err)
		}
		if got := strings.TrimSpace(r.header.Get("Message-ID")); got != "<"+strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")+">" {
			t.Errorf("Message-ID %q of %q", got, id)
		}
		want := []string{"text/plain: " + crlf(text)}
		if cleanBody(html) != "" {
			want = append(want, "text/html: "+crlf(html))
		}
		if d := cmp.Diff(want, r.parts); d != "" {
			t.Errorf("parts (-want +got):\n%s", d)
		}
	})
}

func crlf(s string) string { return strings.ReplaceAll(cleanBody(s), "\n", "\r\n") }

// Whatever a server answers becomes one line without secrets, and is decided by
// its code alone.
func FuzzRefusal(f *testing.F) {
	f.Add(550, "5.7.30 Basic authentication is not supported")
	f.Add(451, "4.7.1 wait\n4.7.1 s3cret\r\n\u202e")
	f.Add(250, "")
	f.Add(535, "535 5.7.8 \xff\x00czNjcmV0")
	f.Fuzz(func(t *testing.T, code int, said string) {
		c := testClient(t, "bot@example.com")
		c.user, c.password = "u", "s3cret"
		e := refusal("sign in", &textproto.Error{Code: code, Msg: said}, c.hiding(""))
		s := e.Error()
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\u202e") || len(s) > 3000 || e.Permanent() != (code/100 == 5) || e.Code != code || e.Message == "" {
			t.Errorf("%q of %d %q", s, code, said)
		}
		if strings.Contains(s, "s3cret") || strings.Contains(s, "czNjcmV0") {
			t.Errorf("%q holds a secret", s)
		}
	})
}
