package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// TestServeStops sends SIGTERM while webhooks come in, one of them half sent,
// and while Teams does not answer. imbot is gone within 15 s, and everything
// that it has accepted is there after the next start.
func TestServeStops(t *testing.T) {
	r := newRig(t)
	p := r.serve()
	r.teams.Fault(func(botframeworksim.Call) botframeworksim.Outcome { return botframeworksim.Hang() })
	var accepted, sent atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(1)
				switch code := r.webhook(fmt.Sprintf("QSTOP%d%04d", w, i), "Node "+word("stop", i*4+w)+" is down"); code {
				case http.StatusAccepted:
					accepted.Add(1)
				case 0: // the connection was refused: it has stopped
					return
				default:
					t.Errorf("a webhook was answered %d", code)
				}
			}
		})
	}
	finish := r.halfWebhook("QHALF")
	r.halfWebhook("QNEVER") // whoever sends that goes to sleep
	if !until(t, func() bool { return accepted.Load() > 20 }) {
		t.Fatalf("only %d webhooks were accepted", accepted.Load())
	}
	began := time.Now()
	p.signal(syscall.SIGTERM)
	if code := finish(); code != http.StatusAccepted {
		t.Errorf("the webhook that was half sent when imbot was told to stop is answered %d, want 202", code)
	}
	accepted.Add(1)
	if code := p.wait(15 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, tail([]byte(p.out.String())))
	}
	close(stop)
	wg.Wait()
	t.Logf("stopped %s after SIGTERM; %d of %d webhooks were accepted", time.Since(began).Round(time.Millisecond), accepted.Load(), sent.Load())
	if !strings.Contains(p.out.String(), `"msg":"imbot has stopped"`) {
		t.Error("the log does not say that imbot has stopped")
	}
	r.teams.Fault(nil)
	r.serve()
	if n := int64(len(r.all())); n < accepted.Load() || n > sent.Load()+1 { // and the half one
		t.Errorf("%d webhooks were accepted and %d sent, but there are %d incidents", accepted.Load(), sent.Load(), n)
	}
}

// halfWebhook sends the first half of a webhook; finish sends the rest and
// returns the status of the answer.
func (r *rig) halfWebhook(id string) (finish func() int) {
	r.t.Helper()
	body, header := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		ID: id, Title: "Half a webhook is down", Service: pagerdutysim.Service{ID: "PSVCCO1", Name: "Checkout"}, At: time.Now(),
	}, r.secret)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	var head strings.Builder
	fmt.Fprintf(&head, "POST /webhooks/pagerduty HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.addr, len(body))
	for name := range header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, header.Get(name))
	}
	if _, err := fmt.Fprintf(c, "%s\r\n%s", head.String(), body[:len(body)/2]); err != nil {
		r.t.Fatal(err)
	}
	return func() int {
		if _, err := c.Write(body[len(body)/2:]); err != nil {
			r.t.Errorf("the second half: %v", err)
			return 0
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			r.t.Errorf("the answer: %v", err)
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
}

// all lists all incidents.
func (r *rig) all() []listed {
	r.t.Helper()
	var out []listed
	for cursor := ""; ; {
		var page struct {
			Incidents []listed
			Next      string `json:"next_cursor"`
		}
		r.read("/api/v1/incidents?limit=200&cursor="+cursor, &page)
		out = append(out, page.Incidents...)
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// SIGHUP takes over a good catalog, and leaves all as it was with a bad one.
func TestServeReload(t *testing.T) {
	r := newRig(t)
	p := r.serve()
	squad := func(title string) string {
		var inc struct{ Squad string }
		r.read("/api/v1/incidents/"+r.declare(title), &inc)
		return inc.Squad
	}
	if s := squad("first"); s != "payments" {
		t.Fatalf("squad %q", s)
	}
	good := strings.ReplaceAll(fmt.Sprintf(rigCatalog, r.channel), "payments", "cashiers")
	write(t, r.path("catalog.yaml"), good)
	p.signal(syscall.SIGHUP)
	p.see(`"msg":"catalog, levels, rules and notices reloaded"`)
	if s := squad("second"); s != "cashiers" {
		t.Errorf("after the reload the squad is %q", s)
	}
	write(t, r.path("catalog.yaml"), good+"  - {key: search, squad: nobody}\n")
	p.signal(syscall.SIGHUP)
	p.see(`reload refused, all stays as it was.*catalog.yaml`)
	if s := squad("third"); s != "cashiers" {
		t.Errorf("after a refused reload the squad is %q", s)
	}
	conf, err := os.ReadFile(r.path("imbot.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.path("catalog.yaml"), good)
	write(t, r.path("imbot.yaml"), string(conf)+"levels: [{key: page, title: Page, rank: one}]\n")
	p.signal(syscall.SIGHUP)
	p.see(`reload refused, all stays as it was.*imbot.yaml`)
	if s := squad("fourth"); s != "cashiers" {
		t.Errorf("after a refused configuration the squad is %q", s)
	}
}

// A dry run records everything and touches nothing outside; whoever asks is
// answered.
func TestServeDryRun(t *testing.T) {
	r := newRig(t)
	r.configuration["dry_run"] = "true"
	r.configure()
	p := r.serve()
	st := r.pd.Trigger(pagerdutysim.Spec{Title: "Checkout is down", Service: "PSVCCO1"})
	if code := r.webhook(st.ID, "Checkout is down"); code != http.StatusAccepted {
		t.Fatalf("webhook: %d", code)
	}
	r.say("ack 1", "INC-1")
	r.say("show 1", "dry run")
	for _, kind := range []string{"card", "pagerduty.ack"} {
		line := fmt.Sprintf("imbot_effects_total{kind=%q,outcome=%q}", kind, "skipped")
		if !until(t, func() bool { return r.metric(line) >= 1 }) {
			t.Errorf("%s is %v, want it skipped:\n%s", line, r.metric(line), p.out)
		}
	}
	if n := r.teams.PostCount(r.channel); n != 0 {
		t.Errorf("%d posts in the channel", n)
	}
	if now, err := r.pd.State(st.ID); err != nil || now.Status != "triggered" {
		t.Errorf("PagerDuty was touched: %+v, %v", now, err)
	}
	var inc struct {
		Acknowledged *time.Time `json:"acknowledged_at"`
	}
	if r.read("/api/v1/incidents/INC-1", &inc); inc.Acknowledged == nil {
		t.Error("the acknowledgement is not recorded")
	}
	if !strings.Contains(p.out.String(), `dry_run: cards, replies and writes to PagerDuty are skipped`) {
		t.Error("the log does not say at start what is off")
	}
}

// Without a section its part is off: its address answers 404, and what it would
// have done is skipped, and said.
func TestServeSectionsOff(t *testing.T) {
	r := newRig(t)
	delete(r.configuration, "teams")
	r.configure()
	p := r.serve()
	if code, _ := ask(t, http.MethodPost, r.url("/api/messages"), "", []byte(`{}`), http.Header{"Content-Type": {"application/json"}}); code != http.StatusNotFound {
		t.Errorf("/api/messages without a teams section: %d, want 404", code)
	}
	if code := r.webhook("QOFF", "Checkout is down"); code != http.StatusAccepted {
		t.Errorf("webhook: %d", code)
	}
	line := `imbot_effects_total{kind="card",outcome="skipped"}`
	if !until(t, func() bool { return r.metric(line) >= 1 }) {
		t.Errorf("%s is %v:\n%s", line, r.metric(line), p.out)
	}
	p.see(`teams off`)
	r.stop()
	delete(r.configuration, "pagerduty")
	r.configure()
	r.serve()
	if code := r.webhook("QOFF2", "Checkout is down again"); code != http.StatusNotFound {
		t.Errorf("/webhooks/pagerduty without its section: %d, want 404", code)
	}
	if n := len(r.all()); n != 1 {
		t.Errorf("%d incidents, want the 1 of before", n)
	}
}
