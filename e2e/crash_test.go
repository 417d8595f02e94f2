package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	channels    = 40 // so that Teams' limits for one conversation do not rule the test
)

// crash is a running imbot that is killed again and again.
type crash struct {
	t     *testing.T
	dir   string
	addr  string
	teams *botframeworksim.Server
	ani   string
	conv  []string // one channel for each squad

	mu  sync.Mutex
	cmd *exec.Cmd
}

// TestCrash kills the built binary (SIGKILL) under load, and starts it again.
// Every webhook that was answered 202 is an incident, once; every chat command
// that was answered 200 was carried out, once; every card was posted, once but
// for the rare second post that Teams gives no way to avoid.
//
// IMBOT_CRASH=full runs 1,000 webhooks at 200/s and twenty kills.
func TestCrash(t *testing.T) {
	webhooks, rate, kills, chats := 150, 100, 2, 15
	if os.Getenv("IMBOT_CRASH") == "full" {
		webhooks, rate, kills, chats = 1000, 200, 20, 100
	}
	c := newCrash(t)
	c.start()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() { c.kill(kills, time.Duration(webhooks)*time.Second/time.Duration(rate), stop) })
	wg.Go(func() { c.chat(chats) })
	c.deliver(webhooks, rate)
	close(stop)
	wg.Wait()
	c.drain(webhooks + chats)
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
	c.ani = c.teams.AddUser(botframeworksim.User{Name: "Ani", Mail: "ani@example.com"}).ID
	team := c.teams.AddTeam("Shop", c.ani)
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
	for i := range channels {
		fmt.Fprintf(&catalogue, "  - {key: service%d, squad: squad%d, pagerduty_service_id: PSVC%d}\n", i, i, i)
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
	for _, conv := range []string{c.conv[0], c.teams.Personal(c.ani)} {
		if err := c.teams.SetInstalled(conv, true); err != nil {
			t.Fatal(err)
		}
	}
	return c
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
	if !c.until(20*time.Second, func() bool { return c.status("/readyz") == http.StatusOK }) {
		text, _ := os.ReadFile(log.Name()) // only for the message
		c.t.Errorf("imbot does not become ready:\n%s", tail(text))
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
// as PagerDuty does.
func (c *crash) deliver(n, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var wg sync.WaitGroup
	for i := range n {
		<-tick.C
		body, header := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
			ID: fmt.Sprintf("QCRASH%04d", i), Title: "Service " + word("web", i) + " is down", At: time.Now(),
			Service: pagerdutysim.Service{ID: fmt.Sprintf("PSVC%d", i%channels), Name: "Service"},
		}, crashSecret)
		wg.Go(func() {
			ok := c.until(time.Minute, func() bool {
				req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+c.addr+"/webhooks/pagerduty", bytes.NewReader(body))
				if err != nil {
					return false
				}
				req.Header = header.Clone()
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				return resp.StatusCode == http.StatusAccepted
			})
			if !ok {
				c.t.Errorf("webhook %d was not accepted within a minute", i)
			}
		})
	}
	wg.Wait()
}

// chat declares incidents by message; an activity that is not answered 200 is
// sent again, as Teams does.
func (c *crash) chat(n int) {
	ctx, personal := c.t.Context(), c.teams.Personal(c.ani)
	for i := range n {
		d, err := c.teams.Say(ctx, c.ani, personal, "declare Page "+word("chat", i)+" looks odd", botframeworksim.SayOptions{})
		ok := (err == nil && d.Status == http.StatusOK) || c.until(time.Minute, func() bool {
			again, err := c.teams.Redeliver(ctx, d)
			return err == nil && again.Status == http.StatusOK
		})
		if !ok {
			c.t.Errorf("message %d was not taken within a minute", i)
		}
	}
}

// until asks again and again, with short pauses, until cond holds.
func (c *crash) until(within time.Duration, cond func() bool) bool {
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
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
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+c.addr+path, nil)
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+crashToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}

// drain waits until nothing is left to be done outside.
func (c *crash) drain(cards int) {
	ok := c.until(5*time.Minute, func() bool {
		_, body := c.get("/metrics")
		return bytes.Contains(body, []byte("\nimbot_effects_waiting 0\n")) && c.teams.PostCount("") >= cards
	})
	if !ok {
		c.t.Errorf("the outbox is not empty after five minutes; %d posts", c.teams.PostCount(""))
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

// check counts incidents and cards.
func (c *crash) check(webhooks, chats int) {
	byAlert, byTitle := map[string]int{}, map[string]int{}
	for _, inc := range c.incidents() {
		byTitle[inc.Title]++
		for _, r := range inc.Refs {
			if r.Role == "alert" {
				byAlert[r.ID]++
			}
		}
	}
	for i := range webhooks {
		if id := fmt.Sprintf("QCRASH%04d", i); byAlert[id] != 1 {
			c.t.Errorf("webhook of %s is %d incidents, want 1", id, byAlert[id])
		}
	}
	for i := range chats {
		if title := "Page " + word("chat", i) + " looks odd"; byTitle[title] != 1 {
			c.t.Errorf("command %q was carried out %d times, want 1", title, byTitle[title])
		}
	}
	cards := map[string]int{}
	for _, conv := range append([]string{c.teams.Personal(c.ani)}, c.conv...) {
		for _, p := range c.teams.Posts(conv) {
			if p.Card() == nil {
				continue
			}
			for title := range byTitle {
				if p.Contains(title) {
					cards[title]++
					break
				}
			}
		}
	}
	twice := 0
	for title := range byTitle {
		switch n := cards[title]; {
		case n == 0:
			c.t.Errorf("no card for %q", title)
		case n > 1:
			twice += n - 1
		}
	}
	c.t.Logf("%d webhooks and %d commands: each an incident once; %d cards, %d of them posted again because imbot died before it knew of the first", webhooks, chats, len(byTitle), twice)
	if twice > 20+len(byTitle)/20 {
		c.t.Errorf("%d cards were posted again: that is not rare", twice)
	}
}
