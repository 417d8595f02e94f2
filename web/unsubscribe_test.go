package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"imbot/web"
)

// wishes keeps who wants no mails.
type wishes struct {
	off  map[string]bool
	said []string
	err  error
}

func (w *wishes) NoMail(_ context.Context, address string) (bool, error) {
	return w.off[address], w.err
}

func (w *wishes) Set(_ context.Context, address string, off bool, by string) error {
	if w.err != nil {
		return w.err
	}
	w.off[address] = off
	w.said = append(w.said, fmt.Sprintf("%s %v by %s", address, off, by))
	return nil
}

func newUnsubscribe() (*wishes, *web.Unsubscribe, http.Handler) {
	w := &wishes{off: map[string]bool{}}
	u := &web.Unsubscribe{Key: []byte("0123456789abcdef0123456789abcdef"), PublicURL: "https://imbot.example.com", NoMail: w.NoMail, SetNoMail: w.Set}
	return w, u, web.New(web.Config{Now: time.Now, Unsubscribe: u})
}

func ask(h http.Handler, method, link, body, lang string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, strings.TrimPrefix(link, "https://imbot.example.com"), strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", lang)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestUnsubscribe(t *testing.T) {
	w, u, h := newUnsubscribe()
	link := u.URL("Dewi+alerts@Example.com")
	const dewi = "dewi+alerts@example.com"

	// Looking at it changes nothing: programs that scan mails follow links.
	page := ask(h, "GET", link, "", "")
	if page.Code != 200 || !strings.Contains(page.Body.String(), "Stop sending emails about incidents to "+strings.ReplaceAll(dewi, "+", "&#43;")+"?") || len(w.said) != 0 {
		t.Errorf("GET: %d %v\n%s", page.Code, w.said, page.Body)
	}
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	// The mail program's one click (RFC 8058), and the button on the page.
	for body, by := range map[string]string{"List-Unsubscribe=One-Click": "one-click", "mail=off": "page"} {
		w.off, w.said = map[string]bool{}, nil
		got := ask(h, "POST", link, body, "id-ID,id;q=0.9")
		if got.Code != 200 || !w.off[dewi] || len(w.said) != 1 || !strings.HasSuffix(w.said[0], "by "+by) || !strings.Contains(got.Body.String(), `lang="id"`) || !strings.Contains(got.Body.String(), "tidak menerima email") {
			t.Errorf("POST %s: %d %v\n%s", body, got.Code, w.said, got.Body)
		}
	}
	// One-click bodies may come as multipart, too.
	w.off = map[string]bool{}
	r := httptest.NewRequest("POST", strings.TrimPrefix(link, "https://imbot.example.com"), strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, r); rec.Code != 200 || !w.off[dewi] {
		t.Errorf("multipart: %d %v", rec.Code, w.off)
	}
	if page = ask(h, "GET", link, "", ""); !strings.Contains(page.Body.String(), "Send emails again") {
		t.Errorf("GET after it:\n%s", page.Body)
	}
	if got := ask(h, "POST", link, "mail=on", ""); got.Code != 200 || w.off[dewi] {
		t.Errorf("POST mail=on: %d %v", got.Code, w.off)
	}
}

func TestUnsubscribeRefuses(t *testing.T) {
	w, u, h := newUnsubscribe()
	link, err := url.Parse(u.URL("dewi@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	other := link.Query()
	other.Set("a", "budi@example.com")
	cut := link.Query()
	cut.Set("t", cut.Get("t")[:20])
	upper := link.Query()
	upper.Set("a", "DEWI@example.com")
	for name, q := range map[string]string{"another's address": other.Encode(), "a token cut short": cut.Encode(), "no token": "a=dewi@example.com", "nothing": "", "another spelling": upper.Encode()} {
		for _, method := range []string{"GET", "POST"} {
			if got := ask(h, method, "/unsubscribe?"+q, "", ""); got.Code != http.StatusForbidden || len(w.said) != 0 || strings.Contains(got.Body.String(), "example.com") {
				t.Errorf("%s, %s: %d %v\n%s", name, method, got.Code, w.said, got.Body)
			}
		}
	}
	keyless := web.New(web.Config{Now: time.Now, Unsubscribe: &web.Unsubscribe{NoMail: w.NoMail, SetNoMail: w.Set}})
	if got := ask(keyless, "POST", link.String(), "", ""); got.Code != http.StatusForbidden {
		t.Errorf("without a key: %d", got.Code)
	}
	w.err = errors.New("the disk is gone")
	if got := ask(h, "POST", link.String(), "mail=off", ""); got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "disk") {
		t.Errorf("a store that fails: %d %s", got.Code, got.Body)
	}
	if got := ask(web.New(web.Config{Now: time.Now}), "POST", link.String(), "", ""); got.Code != http.StatusNotFound {
		t.Errorf("with mail off: %d", got.Code)
	}
}

func TestUnsubscribeURL(t *testing.T) {
	_, u, _ := newUnsubscribe()
	if s := u.URL("dewi@example.com"); s != u.URL("DEWI@example.com") || !strings.HasPrefix(s, "https://imbot.example.com/unsubscribe?a=dewi%40example.com&t=") {
		t.Errorf("URL = %q", s)
	}
	u.PublicURL = "http://127.0.0.1:8080"
	if s := u.URL("dewi@example.com"); s != "" {
		t.Errorf("without https: %q", s)
	}
	u.PublicURL = "https://imbot.example.com"
	if s := u.URL(strings.Repeat("x", 300) + "@example.com"); s != "" {
		t.Errorf("of no address: %q", s)
	}
}

// FuzzUnsubscribe: no link but ours does anything.
func FuzzUnsubscribe(f *testing.F) {
	w, u, h := newUnsubscribe()
	own, err := url.Parse(u.URL("dewi@example.com"))
	if err != nil {
		f.Fatal(err)
	}
	token := own.Query().Get("t")
	f.Add("dewi@example.com", token, "mail=off")
	f.Add("dewi@example.com\n", token, "List-Unsubscribe=One-Click")
	f.Add("", "", "")
	f.Add("budi@example.com", token, "mail=on&a=dewi@example.com")
	f.Fuzz(func(t *testing.T, address, given, body string) {
		w.off, w.said = map[string]bool{}, nil
		got := ask(h, "POST", "/unsubscribe?"+url.Values{"a": {address}, "t": {given}}.Encode(), body, "")
		ours := address == "dewi@example.com" && given == token
		if ours != (got.Code == http.StatusOK) || ours != (len(w.said) == 1) {
			t.Fatalf("%q %q: %d %v", address, given, got.Code, w.said)
		}
	})
}
