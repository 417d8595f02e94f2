package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"

	"imbot/locale"
)

// unsubscribePath is where links in mails lead.
const unsubscribePath = "/unsubscribe"

// Unsubscribe ends mails to an address, by a link that stands in each of them.
// The link alone is the permission: it is signed, names one address, and does
// not run out, since mails lie around for years. It changes nothing but whether
// that address gets mails.
type Unsubscribe struct {
	Key       []byte // signs links; 32 random bytes that stay the same
	PublicURL string // base of links, without a slash at the end
	// NoMail reports whether the address wants no mails.
	NoMail func(ctx context.Context, address string) (bool, error)
	// SetNoMail keeps it. by is "page", or "one-click" for a mail program.
	SetNoMail func(ctx context.Context, address string, off bool, by string) error
}

// URL returns the link for an address, of at most 800 bytes; "" where there can
// be none: without a public https address, or for what is no address.
func (u *Unsubscribe) URL(address string) string {
	if !strings.HasPrefix(u.PublicURL, "https://") || address == "" || len(address) > 254 {
		return ""
	}
	address = strings.ToLower(address)
	q := url.Values{"a": {address}, "t": {u.token(address)}}
	if s := u.PublicURL + unsubscribePath + "?" + q.Encode(); len(s) <= 800 {
		return s
	}
	return ""
}

func (u *Unsubscribe) token(address string) string {
	mac := hmac.New(sha256.New, u.Key)
	_, _ = mac.Write([]byte("unsubscribe\n" + address)) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// address returns whom a link is for; "" for a link that is none of ours.
func (u *Unsubscribe) address(q url.Values) string {
	a := q.Get("a")
	if len(u.Key) == 0 || a == "" || len(a) > 254 || !hmac.Equal([]byte(u.token(a)), []byte(q.Get("t"))) {
		return ""
	}
	return a
}

// unsubscribeStyle is all that the page loads: nothing comes from elsewhere.
const unsubscribeStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
button{font:inherit;padding:.5rem 1rem;border:1px solid #444;border-radius:4px;background:#f3f3f3;color:inherit}
@media (prefers-color-scheme:dark){body{background:#1b1b1b;color:#eee}button{background:#333}}`

var unsubscribePolicy = func() string {
	sum := sha256.Sum256([]byte(unsubscribeStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

var unsubscribePage = template.Must(template.New("unsubscribe").Parse(`<!doctype html>
<html lang="{{.Lang}}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{if .Button}}<form method="post"><input type="hidden" name="mail" value="{{.Set}}"><button type="submit">{{.Button}}</button></form>
{{end}}</main></body>
</html>
`))

type unsubscribeView struct {
	Lang, Title, Text, Button string
	Set                       string // what the button asks for: "off" or "on"
	Style                     template.CSS
}

// showUnsubscribe asks: a GET changes nothing, for programs that scan mails follow
// every link.
func (s *server) showUnsubscribe(w http.ResponseWriter, r *http.Request) error {
	address := s.Unsubscribe.address(r.URL.Query())
	if address == "" {
		return s.unsubscribeAnswer(w, r, http.StatusForbidden, "", false, false)
	}
	off, err := s.Unsubscribe.NoMail(r.Context(), address)
	if err != nil {
		return err
	}
	return s.unsubscribeAnswer(w, r, http.StatusOK, address, off, off)
}

// unsubscribe carries it out, for the page's button and for mail programs, which
// post List-Unsubscribe=One-Click and nothing else (RFC 8058).
func (s *server) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	address := s.Unsubscribe.address(r.URL.Query())
	if address == "" {
		return s.unsubscribeAnswer(w, r, http.StatusForbidden, "", false, false)
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	set, by := r.PostFormValue("mail"), "page"
	if set == "" {
		by = "one-click"
	}
	off := set != "on"
	if err := s.Unsubscribe.SetNoMail(r.Context(), address, off, by); err != nil {
		return err
	}
	s.Logger.Info("web.server mail preference", "off", off, "by", by)
	return s.unsubscribeAnswer(w, r, http.StatusOK, address, off, true)
}

// unsubscribeAnswer writes the page: what is so where said, else the question.
func (s *server) unsubscribeAnswer(w http.ResponseWriter, r *http.Request, status int, address string, off, said bool) error {
	p := locale.For(accepted(r))
	v := unsubscribeView{Lang: p.Lang(), Style: unsubscribeStyle, Title: p.Text("unsubscribe.title"), Set: "off"}
	switch {
	case address == "":
		v.Text = p.Text("unsubscribe.bad")
	case off:
		v.Text, v.Button, v.Set = p.Text("unsubscribe.off", "address", address), p.Text("unsubscribe.again"), "on"
	case said:
		v.Text, v.Button = p.Text("unsubscribe.on", "address", address), p.Text("unsubscribe.button")
	default:
		v.Text, v.Button = p.Text("unsubscribe.ask", "address", address), p.Text("unsubscribe.button")
	}
	var page bytes.Buffer
	if err := unsubscribePage.Execute(&page, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", unsubscribePolicy)
	w.WriteHeader(status)
	_, err := io.Copy(w, &page)
	return written(err)
}

// accepted is the first language that the reader's browser asks for.
func accepted(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	lang, _, _ := strings.Cut(first, ";")
	return locale.Match(strings.TrimSpace(lang))
}
