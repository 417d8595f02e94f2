package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

const (
	crashApp    = "11111111-1111-4111-8111-111111111111"
	crashTenant = "22222222-2222-4222-8222-222222222222"
	crashToken  = "a-token-of-the-tests"
	crashSecret = "a-webhook-secret-of-the-tests"
	services    = 4000 // one for each incident: those of one service would be duplicates
	channels    = 40   // so that Teams' limits for one conversation do not rule the test
	people      = 10   // likewise
)

// crash is a running imbot that is killed again and again.
type crash struct {
	t     *testing.T
	dir   string
	addr  string
	teams *botframeworksim.Server
	who   []string // people who talk with imbot
	conv  []string // one channel for each squad

	mu  sync.Mutex
	cmd *exec.Cmd
}

// TestCrash kills the built binary (SIGKILL) under load, and starts it again.
// Every webhook that was answered 202 is an incident, once; every chat command
// that was answered 200 was carried out, once; every card was posted, once but
// for the rare second post that Teams gives no way to avoid, and shows how the
// incident stands at last.
//
// IMBOT_CRASH=full runs 1,000 webhooks at 200/s and twenty kills.
func TestCrash(t *testing.T) {
	webhooks, rate, kills, chats := 150, 100, 2, 15
	if os.Getenv("IMBOT_CRASH") == "full" {
		webhooks, rate, kills, chats = 1000, 200, 20, 100
	}
	c := newCrash(t)
	c.start()
	c.first()
	began := time.Now()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { c.kill(kills, time.Duration(webhooks)*time.Second/time.Duration(rate), stop) })
	wg.Go(func() { c.chat(chats) })
	c.deliver(webhooks, rate)
	close(stop)
	wg.Wait()
	t.Logf("load with %d kills: %s", kills, time.Since(began).Round(time.Second))
	c.drain(webhooks + chats + 1)
	t.Logf("and until everything was said in Teams: %s", time.Since(began).Round(time.Second))
	c.check(webhooks, chats)
}

func newCrash(t *testing.T) *crash {
	c := &crash{t: t, dir: t.TempDir(), addr: freePort(t)}
	var err error
	c.teams, err = botframeworksim.New(botframeworksim.Options{
		AppID: crashApp, TenantID: crashTenant, Dir: c.dir, BotEndpoint: "http://" + c.addr + "/api/messages", NoRateLimits: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.teams.Close() })
	for i := range people {
		c.who = append(c.who, c.teams.AddUser(botframeworksim.User{Name: word("Person ", i), Mail: word("", i) + "@example.com"}).ID)
	}
	team := c.teams.AddTeam("Shop", c.who...)
	var catalogue strings.Builder
	catalogue.WriteString("squads:\n")
	for i := range channels {
		ch, err := c.teams.AddChannel(team, fmt.Sprintf("Squad %d", i))
		if err != nil {
			t.Fatal(err)
		}
		c.conv = append(c.conv, ch)
		fmt.Fprintf(&catalogue, "  - {key: squad%d, channel: %q}\n", i, ch)
	}
	catalogue.WriteString("services:\n")
	for i := range services {
		fmt.Fprintf(&catalogue, "  - {key: service%d, squad: squad%d, pagerduty_service_id: PSVC%d}\n", i, i%channels, i)
	}
	conf := fmt.Sprintf(`listen: %q
store: bolt:imbot.db
catalog: catalog.yaml
pagerduty: {webhook_secrets: [%q]}
api: {tokens: [{name: test, role: admin, token: %q}]}
teams: {app_id: %q, tenant_id: %q, client_secret: %q, default_channel: %q, authority: %q, ca_file: %q, openid_metadata_url: %q, default_service_url: %q, service_url_hosts: [%q]}
`, c.addr, crashSecret, crashToken, crashApp, crashTenant, c.teams.ClientSecret(), c.conv[0], c.teams.Authority(), c.teams.CAFile(),
		c.teams.OpenIDMetadataURL(), c.teams.ServiceURL(), c.teams.Host())
	for name, text := range map[string]string{"catalog.yaml": catalogue.String(), "imbot.yaml": conf} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, conv := range append(c.personal(), c.conv[0]) {
		if err := c.teams.SetInstalled(conv, true); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// personal are the 1:1 chats.
func (c *crash) personal() []string {
	var out []string
	for _, id := range c.who {
		out = append(out, c.teams.Personal(id))
	}
	return out
}

// start starts imbot, and returns when it can take work.
func (c *crash) start() {
	log, err := os.OpenFile(filepath.Join(c.dir, "imbot.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer log.Close()
	cmd := exec.Command(imbot(c.t), "serve", "-config", filepath.Join(c.dir, "imbot.yaml"))
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	c.cmd = cmd
	c.mu.Unlock()
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill() // gone already is as good
		_ = cmd.Wait()
	})
	if !c.until(func() bool { return c.status("/readyz") == http.StatusOK }) {
		text, _ := os.ReadFile(log.Name()) // only for the message
		c.t.Errorf("imbot does not become ready:\n%s", tail(text))
	}
}

// first declares the incident that gets the notes.
func (c *crash) first() {
	code, body := ask(c.t, http.MethodPost, "http://"+c.addr+"/api/v1/incidents", crashToken, []byte(`{"title":"Notebook is odd","service":"service0"}`),
		http.Header{"Content-Type": {"application/json"}})
	if code != http.StatusCreated {
		c.t.Fatalf("declare: %d %s", code, body)
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-3000):] }

// kill kills imbot n times, at random moments of the given span of load, and
// starts it again.
func (c *crash) kill(n int, span time.Duration, stop <-chan struct{}) {
	r := rand.New(rand.NewPCG(1, 2)) // the moments are repeatable, as far as a machine is
	for range n {
		wait := time.Duration((0.3 + 1.2*r.Float64()) * float64(span) / float64(n+1))
		select {
		case <-time.After(wait):
		case <-stop:
		}
		c.mu.Lock()
		cmd := c.cmd
		c.mu.Unlock()
		if err := cmd.Process.Kill(); err != nil {
			c.t.Error(err)
			return
		}
		_ = cmd.Wait() // "signal: killed" is what we want
		c.start()
	}
}

// word names the i-th thing in letters only: numbers would be masked away.
func word(prefix string, i int) string {
	return prefix + string([]byte{'a' + byte(i/676%26), 'a' + byte(i/26%26), 'a' + byte(i%26)}) + "x"
}

// deliver sends the webhooks at the rate, each again until it is answered 202,
// as PagerDuty does. Every third incident is resolved a little later.
func (c *crash) deliver(n, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		<-tick.C
		wg.Go(func() {
			c.webhook(i, "incident.triggered", began)
			if resolved(i) {
				c.webhook(i, "incident.resolved", began)
			}
		})
	}
	wg.Wait()
}

func resolved(i int) bool { return i%3 == 0 }

func (c *crash) webhook(i int, kind string, created time.Time) {
	body, header := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		Type: kind, ID: fmt.Sprintf("QCRASH%04d", i), Title: "Service " + word("web", i) + " is down", At: time.Now(), Created: created,
		Service: pagerdutysim.Service{ID: fmt.Sprintf("PSVC%d", i%services), Name: "Service"},
	}, crashSecret)
	ok := c.until(func() bool {
		code, _ := ask(c.t, http.MethodPost, "http://"+c.addr+"/webhooks/pagerduty", "", body, header)
		return code == http.StatusAccepted
	})
	if !ok {
		c.t.Errorf("webhook %d, %s, was not accepted within %s", i, kind, 2*patience)
	}
}

// chat declares incidents and writes notes on the first one, by message; an
// activity that is not answered 200 is sent again, as Teams does.
func (c *crash) chat(n int) {
	ctx := c.t.Context()
	for i := range n {
		who := c.who[i%people]
		for _, text := range []string{"declare Page " + word("chat", i) + " looks odd", "note INC-1 " + word("note", i)} {
			d, err := c.teams.Say(ctx, who, c.teams.Personal(who), text, botframeworksim.SayOptions{})
			ok := (err == nil && d.Status == http.StatusOK) || c.until(func() bool {
				again, err := c.teams.Redeliver(ctx, d)
				return err == nil && again.Status == http.StatusOK
			})
			if !ok {
				c.t.Errorf("message %q was not taken within %s", text, 2*patience)
			}
		}
	}
}

// until asks again and again, with short pauses, until cond holds.
func (c *crash) until(cond func() bool) bool {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (c *crash) status(path string) int {
	code, _ := c.get(path)
	return code
}

func (c *crash) get(path string) (int, []byte) {
	return ask(c.t, http.MethodGet, "http://"+c.addr+path, crashToken, nil, nil)
}

// drain waits until nothing is left to be done outside.
func (c *crash) drain(cards int) {
	ok := c.until(func() bool {
		_, body := c.get("/metrics")
		return bytes.Contains(body, []byte("\nimbot_effects_oldest_seconds 0\n")) && c.teams.PostCount("") >= cards
	})
	if !ok {
		c.t.Errorf("the outbox is not empty after %s; %d posts", 2*patience, c.teams.PostCount(""))
	}
}

// listed is an incident as the API lists it.
type listed struct {
	ID, Title, Status string
	Refs              []struct{ System, Role, ID string }
}

func (c *crash) incidents() []listed {
	var all []listed
	for cursor := ""; ; {
		code, body := c.get("/api/v1/incidents?limit=200&cursor=" + cursor)
		var page struct {
			Incidents []listed
			Next      string `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &page); err != nil || code != http.StatusOK {
			c.t.Fatalf("list: %d %v %s", code, err, tail(body))
		}
		all = append(all, page.Incidents...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// check counts incidents, notes and cards.
func (c *crash) check(webhooks, chats int) {
	all := c.incidents()
	byAlert, byTitle := map[string]listed{}, map[string]int{}
	for _, inc := range all {
		byTitle[inc.Title]++
		for _, r := range inc.Refs {
			if r.Role != "alert" {
				continue
			}
			if first, there := byAlert[r.ID]; there {
				c.t.Errorf("%s is both %s and %s", r.ID, first.ID, inc.ID)
			}
			byAlert[r.ID] = inc
		}
	}
	for i := range webhooks {
		inc, there := byAlert[fmt.Sprintf("QCRASH%04d", i)]
		want := map[bool]string{true: "resolved", false: "open"}[resolved(i)]
		if !there || inc.Status != want {
			c.t.Errorf("webhook %d: incident %q is %q, want %s", i, inc.ID, inc.Status, want)
		}
	}
	notes := c.notes()
	for i := range chats {
		if title := "Page " + word("chat", i) + " looks odd"; byTitle[title] != 1 {
			c.t.Errorf("command %q was carried out %d times, want 1", title, byTitle[title])
		}
		if n := notes[word("note", i)]; n != 1 {
			c.t.Errorf("note %d was written %d times, want 1", i, n)
		}
	}
	twice := c.checkCards(all)
	c.t.Logf("%d webhooks and %d commands, each carried out once; %d incidents, %d cards posted a second time because imbot died before it knew of the first",
		webhooks+(webhooks+2)/3, 2*chats, len(all), twice)
	if want := webhooks + chats + 1; len(all) != want {
		c.t.Errorf("%d incidents, want %d", len(all), want)
	}
	if twice > 20+len(all)/20 {
		c.t.Errorf("%d cards were posted again: that is not rare", twice)
	}
}

// notes counts the notes on the first incident by their text.
func (c *crash) notes() map[string]int {
	code, body := c.get("/api/v1/incidents/INC-1/timeline")
	var doc struct {
		Events []struct{ Kind, Text string }
	}
	if err := json.Unmarshal(body, &doc); err != nil || code != http.StatusOK {
		c.t.Fatalf("timeline: %d %v %s", code, err, tail(body))
	}
	out := map[string]int{}
	for _, e := range doc.Events {
		if e.Kind == "note" {
			out[e.Text]++
		}
	}
	return out
}

// checkCards wants a card of each incident that shows its present state, and
// returns how many posts there are besides.
func (c *crash) checkCards(all []listed) (twice int) {
	posts, byTitle := map[string]botframeworksim.Post{}, map[string]int{}
	for _, conv := range append(c.personal(), c.conv...) {
		for _, p := range c.teams.Posts(conv) {
			if p.Card() == nil {
				continue
			}
			posts[conv+";messageid="+p.ID] = p
			for _, inc := range all {
				if p.Contains(inc.Title) {
					byTitle[inc.Title]++
					break
				}
			}
		}
	}
	for _, inc := range all {
		cards := 0
		for _, ref := range inc.Refs {
			if ref.Role != "card" {
				continue
			}
			cards++
			if p := posts[ref.ID]; !p.Contains(inc.Title) || !p.Contains(strings.ToUpper(inc.Status)) {
				c.t.Errorf("the card of %s, which is %s, shows:\n%s", inc.ID, inc.Status, p.Card())
			}
		}
		if cards == 0 {
			c.t.Errorf("%s has no card", inc.ID)
		}
		twice += byTitle[inc.Title] - cards
	}
	return twice
}
