package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/openid/openidsim"
)

// heard is something that has left imbot.
type heard struct{ channel, to, text string }

// ears hear what leaves imbot by HTTP: to all vendors but Teams, which keeps its
// calls itself, to hooks and to the tool of standby.
type ears struct {
	mu   sync.Mutex
	told []heard
}

func (e *ears) add(channel, to, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, heard{channel, to, text})
}

func (e *ears) from(n int) []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.told[n:])
}

// listen starts a server that hears what it is told.
func (e *ears) listen(t *testing.T, channel, answer string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := httputil.DumpRequest(r, true)
		must(t, err)
		e.add(channel, r.URL.Path, string(b))
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// plain is text in lower case, with what it carries escaped for a URL or in Base64.
func plain(s string) string {
	out := s
	if u, err := url.QueryUnescape(s); err == nil {
		out += "\n" + u
	}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("\"\r\n <>", r) }) {
		if b, err := base64.StdEncoding.DecodeString(w); err == nil && len(w) > 15 {
			out += "\n" + string(b)
		}
	}
	return strings.ToLower(out)
}

// tappedOffice is the office with everything on that imbot can tell something to
// (hooks, pages, a tool of standby, a broadcast channel, a project for private
// tickets, the whole log), and all of it overheard.
type tappedOffice struct {
	*office
	ears
	idp      *openidsim.Server
	sessions map[string][]*http.Cookie // by name
	passed   struct{ calls, mails, told, log int }

	envelopes map[string][]byte // by user and conversation, see send
	sent      int
}

func newTappedOffice(t *testing.T) *tappedOffice {
	c := &tappedOffice{sessions: map[string][]*http.Cookie{}, envelopes: map[string][]byte{}}
	var err error
	c.idp, err = openidsim.Start(openidsim.Options{
		ClientID: "pages", Tenant: rigTenant, RedirectURL: "https://imbot.example.com/sign-in/callback",
		Now: func() time.Time { return c.Now() },
		Users: []openidsim.User{
			{Object: objectOf("ani@example.com"), Name: "Ani", Mail: "ani@example.com"},
			{Object: objectOf("budi@example.com"), Name: "Budi", Mail: "budi@example.com"},
			{Object: objectOf("citra@example.com"), Name: "Citra", Mail: "citra@example.com"},
			{Object: objectOf("dewi@example.com"), Name: "Dewi", Mail: "dewi@example.com"},
		},
	})
	must(t, err)
	t.Cleanup(func() { _ = c.idp.Close() })
	extra := fmt.Sprintf(`
api: {tokens: [{name: ci, role: admin, token: %q}]}
web: {oidc: {issuer: %q, client_id: pages, client_secret: %q}}
standby: {token: the-token-of-standby, hosts: [127.0.0.1]}
reminders: {rca: 1d, hours: "00:00-24:00"}
hooks: [{name: other, url: %q, secret: 0123456789abcdef, allow_private: true}]
levels:
  - {key: service-down, title: Service down, rank: 1, postmortem: true, room: true, always_visible: true}
  - {key: security, title: Security, rank: 2, postmortem: true, room: true, private: true}
  - {key: other, title: Other, rank: 9}
`, rigToken, c.idp.Issuer(), c.idp.ClientSecret(), c.listen(t, "hook", ""))
	c.office = newOffice(t, plan{extra: extra, tap: &c.ears})
	tool := c.listen(t, "standby tool", `{"on_call":[{"email":"citra@example.com"}]}`)
	text, err := os.ReadFile(c.app.cfg.Catalog)
	must(t, err)
	more := strings.NewReplacer("lead: ani", "mail: payments-list@example.com, lead: ani",
		"standby:\n", "  - {key: cart, name: Cart, squad: payments, owner: citra@example.com, depends_on: [checkout]}\nstandby:\n").Replace(string(text))
	must(t, os.WriteFile(c.app.cfg.Catalog, []byte(more+"  network: {url: \""+tool+"/network\"}\n"), 0o600))
	must(t, c.app.loadCatalog(t.Context()))
	for _, name := range []string{"citra", "dewi"} {
		must(t, c.teams.Install(t.Context(), c.user(name), c.own(name)))
	}
	must(t, c.teams.Install(t.Context(), c.ani, c.office.other))
	c.settle(time.Minute)
	return c
}

// user is the id in Teams of a person by first name, and own their 1:1 chat with
// imbot.
func (c *tappedOffice) user(name string) string { return c.teamsIDs[objectOf(name+"@example.com")] }
func (c *tappedOffice) own(name string) string  { return c.teams.Personal(c.user(name)) }

// session gives the cookies of a person who is signed in to the pages.
func (c *tappedOffice) session(name string) []*http.Cookie {
	c.t.Helper()
	if c.sessions[name] != nil {
		return c.sessions[name]
	}
	resp, _ := c.page("/sign-in?return=/", nil)
	back, err := c.idp.Answer(c.t.Context(), resp.Header.Get("Location"), objectOf(name+"@example.com"))
	must(c.t, err)
	u, err := url.Parse(back)
	must(c.t, err)
	resp, _ = c.page(u.RequestURI(), resp.Cookies())
	if resp.StatusCode != http.StatusSeeOther {
		c.t.Fatalf("%s can not sign in: %s", name, resp.Status)
	}
	c.sessions[name] = resp.Cookies()
	return c.sessions[name]
}

// since gives all that has left imbot since the last call.
func (c *tappedOffice) since() (out []heard) {
	calls := c.teams.Calls()
	for _, call := range calls[c.passed.calls:] {
		to, _, _ := strings.Cut(call.ConversationID, ";")
		out = append(out, heard{"teams " + call.Op, to, string(call.Body) + " " + call.Path})
	}
	mails := c.mail.Mails()
	for _, m := range mails[c.passed.mails:] {
		out = append(out, heard{"mail", strings.Join(m.To, " "), string(m.Raw) + m.Subject + m.Text + m.HTML})
	}
	told := c.ears.from(c.passed.told)
	log := c.log.String()
	out = append(append(out, told...), heard{"log", "", log[c.passed.log:]})
	c.passed.calls, c.passed.mails, c.passed.told, c.passed.log = len(calls), len(mails), c.passed.told+len(told), len(log)
	return out
}

// members are where a private incident may be told of.
type members struct{ conversations, mails []string }

// kept reports what has left imbot with the word in it to others than members,
// and returns how often members were told.
func (c *tappedOffice) kept(phase, word string, m members) (told int) {
	c.t.Helper()
	for _, h := range c.since() {
		p := plain(h.text)
		i := strings.Index(p, word)
		switch {
		case i < 0:
		case strings.HasPrefix(h.channel, "teams") && slices.Contains(m.conversations, h.to), h.channel == "mail" && slices.Contains(m.mails, h.to):
			told++
		case h.channel == "jira" && !strings.Contains(h.text, `"PAY"`) && !strings.Contains(h.text, `"OPS"`): // of the private project: see below
		default:
			c.t.Errorf("%s: %s to %q carries %q: …%s…", phase, h.channel, h.to, word, p[max(0, i-300):min(len(p), i+100)])
		}
	}
	for _, issue := range c.jira.Issues() {
		if !strings.HasPrefix(issue.Key, "SEC-") && strings.Contains(plain(fmt.Sprintf("%+v", issue)), word) {
			c.t.Errorf("%s: %s in Jira carries %q: %+v", phase, issue.Key, word, issue)
		}
	}
	return told
}
