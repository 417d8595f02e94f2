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

	"imbot/bot"
	"imbot/incident"
	"imbot/integrations/openid/openidsim"
)

// heard is something that has left imbot.
type heard struct{ channel, to, text string }

// ears hear every byte that leaves imbot, on every channel.
type ears struct {
	mu   sync.Mutex
	told []heard // by HTTP: all vendors but Teams, the hooks and the tool of standby
}

func (e *ears) add(channel, to, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, heard{channel, to, text})
}

// listen is a server that hears what it is told.
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

// plain is text without the disguises that it travels in.
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

// town is the office with everything else on as well: hooks, pages, a tool of
// standby, a broadcast channel, a project for private tickets, all of the log.
type town struct {
	*office
	ears
	idp          *openidsim.Server
	citra, dewi2 string // in Teams
	pages        map[string][]*http.Cookie
	from         struct{ calls, mails, other, log int }
}

func newTown(t *testing.T) *town {
	c := &town{pages: map[string][]*http.Cookie{}}
	var err error
	c.idp, err = openidsim.Start(openidsim.Options{
		ClientID: "pages", Tenant: rigTenant, RedirectURL: "https://imbot.example.com/sign-in/callback",
		Now:   func() time.Time { return c.Now() },
		Users: []openidsim.User{{Object: objectOf("budi"), Name: "Budi", Mail: "budi@example.com"}, {Object: objectOf("ani"), Name: "Ani", Mail: "ani@example.com"}, {Object: objectOf("citra"), Name: "Citra", Mail: "citra@example.com"}},
	})
	must(t, err)
	t.Cleanup(func() { _ = c.idp.Close() })
	tool := c.listen(t, "standby tool", `{"on_call":[{"email":"citra@example.com"}]}`)
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
	text, err := os.ReadFile(c.app.cfg.Catalog)
	must(t, err)
	text = []byte(strings.Replace(string(text), "lead: ani", "mail: payments-list@example.com, lead: ani", 1) + "  network: {url: \"" + tool + "/network\"}\n")
	text = []byte(strings.Replace(string(text), "standby:\n", `  - {key: cart, name: Cart, squad: payments, owner: citra@example.com, depends_on: [checkout]}
standby:
`, 1))
	must(t, os.WriteFile(c.app.cfg.Catalog, text, 0o600))
	must(t, c.app.loadCatalog(t.Context()))
	for aad, name := range c.names {
		switch name {
		case "citra":
			c.citra = c.teamsIDs[aad]
		case "dewi":
			c.dewi2 = c.teamsIDs[aad]
		}
	}
	for _, u := range []string{c.citra, c.dewi2} {
		must(t, c.teams.Install(t.Context(), u, c.teams.Personal(u)))
	}
	must(t, c.teams.Install(t.Context(), c.ani, c.office.other))
	c.settle(time.Minute)
	return c
}

func objectOf(name string) string {
	return map[string]string{"ani": rigAni, "budi": "44444444-4444-4444-8444-444444444444", "citra": "55555555-5555-4555-8555-555555555555"}[name]
}

// signIn gives the cookies of a person's session.
func (c *town) signIn(name string) []*http.Cookie {
	if got := c.pages[name]; got != nil {
		return got
	}
	resp, _ := c.page("/sign-in?return=/", nil)
	back, err := c.idp.Answer(c.t.Context(), resp.Header.Get("Location"), objectOf(name))
	must(c.t, err)
	u, err := url.Parse(back)
	must(c.t, err)
	resp, _ = c.page(u.RequestURI(), resp.Cookies())
	if resp.StatusCode != http.StatusSeeOther {
		c.t.Fatalf("%s can not sign in: %s", name, resp.Status)
	}
	c.pages[name] = resp.Cookies()
	return c.pages[name]
}

// since gives all that has left imbot since the last call.
func (c *town) since() (out []heard) {
	calls := c.teams.Calls()
	for _, call := range calls[c.from.calls:] {
		to, _, _ := strings.Cut(call.ConversationID, ";")
		out = append(out, heard{"teams " + call.Op, to, string(call.Body) + " " + call.Path})
	}
	c.from.calls = len(calls)
	mails := c.mail.Mails()
	for _, m := range mails[c.from.mails:] {
		out = append(out, heard{"mail", strings.Join(m.To, " "), string(m.Raw) + m.Subject + m.Text + m.HTML})
	}
	c.from.mails = len(mails)
	c.locked(func() { out = append(out, c.ears.told[c.from.other:]...); c.from.other = len(c.ears.told) })
	log := c.log.String()
	out = append(out, heard{"log", "", log[c.from.log:]})
	c.from.log = len(log)
	return out
}

func (c *town) locked(f func()) {
	c.ears.mu.Lock()
	defer c.ears.mu.Unlock()
	f()
}

// run has somebody say things in a conversation, one after the other.
func (c *town) all(user, conv string, texts ...string) {
	for _, text := range texts {
		c.say(user, conv, text)
		c.settle(time.Minute)
	}
}

// kept reports what carries the word beyond the places that may.
func (c *town) kept(phase, word string, mayTeams, mayMail []string) (members int) {
	c.t.Helper()
	for _, h := range c.since() {
		if !strings.Contains(plain(h.text), word) {
			continue
		}
		switch {
		case strings.HasPrefix(h.channel, "teams") && slices.Contains(mayTeams, h.to), h.channel == "mail" && slices.Contains(mayMail, h.to):
			members++
		case h.channel == "jira" && !strings.Contains(h.text, `"PAY"`) && !strings.Contains(h.text, `"OPS"`):
			members++ // of the private project: see below
		default:
			i := strings.Index(plain(h.text), word)
			p := plain(h.text)
			c.t.Errorf("%s: %s to %q carries %q: …%s…", phase, h.channel, h.to, word, p[max(0, i-300):min(len(p), i+100)])
		}
	}
	for _, issue := range c.jira.Issues() {
		if !strings.HasPrefix(issue.Key, "SEC-") && strings.Contains(plain(fmt.Sprintf("%+v", issue)), word) {
			c.t.Errorf("%s: %s in Jira carries %q: %+v", phase, issue.Key, word, issue)
		}
	}
	return members
}

// peeks has a person who is no member try all ways to an incident; nothing that
// they are shown may carry the word.
func (c *town) peeks(phase, user, name, id, word string) {
	c.t.Helper()
	ctx := c.t.Context()
	own := c.teams.Personal(user)
	n := strings.TrimPrefix(id, "INC-")
	for _, text := range []string{
		"show ", "ack ", "note %s hello", "similar ", "update %s all is well", "subscribe ", "unsubscribe ", "page %s dba hello", "page %s me", "room %s join", "room ", "room %s add me",
		"room %s rename x", "remind %s snooze 1h", "member %s add me", "public %s because", "rca ", "action %s list", "action add %s x", "assign %s me", "link 99 caused-by %s", "unlink ", "undo ", "retry ", "close %s waive:x", "level %s other",
		"time %s detected 10:00", "resolve ", "reopen ", "cause %s x",
	} {
		if !strings.Contains(text, "%s") {
			text += "%s"
		}
		c.say(user, own, fmt.Sprintf(text, n))
		c.say(user, c.channel, fmt.Sprintf(text, n))
	}
	c.say(user, own, "list")
	c.say(user, own, "list "+word)
	c.settle(time.Minute)
	carries := func(where string, b []byte) {
		c.t.Helper()
		if strings.Contains(plain(string(b)), word) {
			c.t.Errorf("%s: %s is shown %q by %s: %s", phase, name, word, where, b)
		}
	}
	for _, words := range []string{word, id, n, ""} {
		for _, conv := range []string{own, c.channel} {
			if out, err := c.teams.Search(ctx, user, conv, bot.CommandFind, bot.ParameterWords, words, 0); err == nil {
				if words != word {
					carries("search", out.Body)
				} else if len(out.Results) > 0 {
					c.t.Errorf("%s: %s finds %d by %q", phase, name, len(out.Results), word)
				}
			}
		}
	}
	for _, verb := range []string{"show", "ack", "subscribe", "room", "remind", "page", "update", "rca", "note", "action", "similar", "level", "member"} {
		for _, data := range []map[string]any{{"verb": verb, "incident": id}, {"v": 1, "verb": verb, "id": id, "incident": id, "form": verb}} {
			value := map[string]any{"action": map[string]any{"type": "Action.Execute", "verb": verb, "data": data}, "trigger": "manual"}
			if out, err := c.teams.Invoke(ctx, user, own, "adaptiveCard/action", value); out != nil {
				carries("forged button "+verb+fmt.Sprint(err), out.Body)
			}
			if out, _ := c.teams.TaskSubmit(ctx, user, own, "1", data); out != nil {
				carries("forged dialog "+verb, out.Body)
			}
		}
	}
	link := "https://imbot.example.com/incidents/" + id
	if out, err := c.teams.PasteLink(ctx, user, c.channel, link); err == nil {
		carries("a link", out.Body)
	}
	for _, path := range []string{"/", "/incidents", "/incidents/" + id, "/incidents/" + id + "/rca", "/incidents/" + id + "/postmortem", "/incidents?q=", "/?q=" + id} {
		if resp, body := c.page(path, c.signIn(name)); strings.Contains(body, word) {
			c.t.Errorf("%s: %s is shown %q by the page %s (%s)", phase, name, word, path, resp.Status)
		}
	}
	for _, path := range []string{"", "/1", "/" + n, "/" + n + "/timeline", "/" + n + "/similar", "/" + n + "/postmortem", "/" + n + "/postmortem?format=markdown", "?limit=100"} {
		if _, body := c.get("/api/v1/incidents" + path); strings.Contains(strings.ToLower(body), word) {
			c.t.Errorf("%s: the API shows %q by %s: %s", phase, word, path, body)
		}
	}
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/api/v1/labels.csv", "/api/v1/stats/links", "/api/v1/mutes", "/api/v1/oncall?service=checkout"} {
		if _, body := c.get(path); strings.Contains(strings.ToLower(body), word) {
			c.t.Errorf("%s: %s shows %q", phase, path, word)
		}
	}
}

func (c *town) incident(id incident.ID) *incident.Incident {
	c.t.Helper()
	var out *incident.Incident
	must(c.t, c.app.store.View(c.t.Context(), func(tx incident.Tx) (err error) {
		out, err = tx.Incident(id)
		return err
	}))
	return out
}

// TestPrivateEverywhere: with every channel on, an incident is declared private,
// lives its whole life, loses a member on the way, and no channel tells anybody
// else of it.
func TestPrivateEverywhere(t *testing.T) {
	c := newTown(t)
	budi, dewi := c.teams.Personal(c.budi), c.teams.Personal(c.dewi2)
	// What others do beside it, and is public.
	c.all(c.citra, c.teams.Personal(c.citra), "declare cart is slow service:cart")
	c.since()
	const word = "xylophone"
	c.all(c.budi, budi,
		`declare "Leak of `+word+` keys" service:checkout level:security private:true description:"the `+word+` again"`,
		"member 2 add dewi@example.com", "ack 2", "note 2 the "+word+" was seen", "room 2", "update 2 "+word+` is hot customers:"`+word+` customers"`,
		"page 2 dewi@example.com "+word+" needs you", "page 2 dba "+word, "page 2 network "+word, "subscribe 2", "subscribe 2 dewi@example.com", "subscribe 2 citra@example.com",
		"remind 2 snooze 5m", "action add 2 \"rotate "+word+"\" owner:dewi@example.com due:friday", "assign 2 dewi@example.com", "assign 2 scribe me", "time 2 detected 08:00 "+word,
		"room 2 rename "+word+" room", "room 2 add citra@example.com", "link 1 caused-by 2", "note 1 see INC-2")
	c.settle(2 * time.Hour) // reminders
	inc := c.incident(2)
	if !inc.Private || inc.Room == nil || inc.Room.Chat == "" || !inc.Room.Private {
		t.Fatalf("private %t, room %+v", inc.Private, inc.Room)
	}
	room := inc.Room.Chat
	if n := c.kept("declared", word, []string{budi, dewi, room}, []string{"budi@example.com", "dewi@example.com"}); n < 5 {
		t.Errorf("the members were told %d times only: the test proves nothing", n)
	}
	for _, who := range []struct{ user, name string }{{c.citra, "citra"}, {c.ani, "ani"}} {
		c.peeks("declared", who.user, who.name, "INC-2", word)
		c.kept("others try", word, []string{budi, dewi, room}, []string{"budi@example.com", "dewi@example.com"})
	}

	const after = "zeppelin" // what is said once Dewi is no member any more
	c.all(c.budi, budi, "assign 2 me", "member 2 remove dewi@example.com")
	c.since()
	c.all(c.budi, budi, "note 2 "+after, "update 2 "+after+" is known", "action add 2 \"tell "+after+"\"", "room 2 rename "+after, "resolve 2 "+after+" revoked", "reopen 2 "+after, "resolve 2 "+after+" revoked",
		`rca 2 summary:"`+after+`" impact:"`+after+`" root_cause:"`+after+`" resolution_steps:"`+after+`" category:security complete`, "show 2")
	c.settle(72 * time.Hour) // what is overdue
	if n := c.kept("a member less", after, []string{budi}, []string{"budi@example.com"}); n < 2 {
		t.Errorf("the member was told %d times only: the test proves nothing", n)
	}
	c.peeks("a member less", c.dewi2, "citra", "INC-2", after)
	c.kept("the former member tries", after, []string{budi}, []string{"budi@example.com"})
	if chats := c.graph.Chats(); len(chats) != 1 || strings.Contains(chats[0].Topic, word) || strings.Contains(chats[0].Topic, after) {
		t.Errorf("chats: %+v", chats)
	}
	if got := c.incident(2); got.Status != incident.Closed {
		t.Errorf("status %s, postmortem %+v", got.Status, got.Postmortem)
	}
}
