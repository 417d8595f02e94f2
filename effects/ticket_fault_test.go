package effects_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

// ticketStory makes two tickets and changes both. It is run with everything that
// can go wrong, and must always end the same. afterEach is called when all has
// come to rest, for what a person does then about what has failed for good.
func ticketStory(d *desk, afterEach func(id incident.ID)) incident.ID {
	id := d.declare(incident.HighErrorRate)
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it", Owner: user("ani@example.com"), Due: "2026-03-20"})
	d.settle(3 * time.Hour)
	afterEach(id)
	d.act(id, incident.ActionArgs{Op: "done", N: 1})
	d.act(id, incident.ActionArgs{Op: "due", N: 1, Due: "2026-03-30"})
	d.settle(3 * time.Hour)
	afterEach(id)
	d.do(incident.Resolve, id, incident.Args{})
	d.writeRCA(id)
	d.settle(3 * time.Hour)
	afterEach(id)
	return id
}

func wantStory(d *desk, id incident.ID) {
	d.t.Helper()
	if n := len(d.sim.Issues()); n != 2 {
		d.t.Fatalf("%d issues, want 2: %+v", n, d.sim.Issues())
	}
	rca, task := d.issue(id, 0), d.issue(id, 1)
	if rca.Category != "done" || task.Category != "done" || task.Due != "2026-03-30" || task.Assignee != d.ani || len(rca.Links)+len(task.Links) != 2 {
		d.t.Errorf("the RCA's task %+v\nthe follow-up's %+v", rca, task)
	}
	inc := d.get(id).Incident
	for n, t := range inc.Tickets() {
		if !t.Made() || !t.TriedAt.IsZero() || inc.TicketFields(n).Done != t.There.Done || t.Here.Due != t.There.Due {
			d.t.Errorf("ticket %d: %+v", n, t)
		}
	}
	created := 0
	for _, e := range d.said(id, incident.EvTicket) {
		if e.Data["action"] == "created" || e.Data["action"] == "found" {
			created++
		}
	}
	if created != 2 {
		d.t.Errorf("%d entries on the timeline say that a ticket was made, want 2", created)
	}
}

// requests is how many requests the story takes where nothing goes wrong.
func requests(t *testing.T) int {
	d := newDesk(t, jirasim.Options{})
	wantStory(d, ticketStory(d, func(incident.ID) {}))
	n := len(d.sim.Requests())
	if n < 15 {
		t.Fatalf("the story has %d requests only", n)
	}
	return n
}

// TestTicketFaults lets each request of the story go wrong in each way: there is
// always exactly one issue for each ticket, and both sides end the same.
func TestTicketFaults(t *testing.T) {
	faults := map[string]jirasim.Fault{
		"500":                      {Status: 500},
		"502 with a page":          {Status: 502, Body: "<html>bad gateway</html>"},
		"200 with a page":          {Status: 200, Body: "<html>log in</html>"},
		"400 with a page":          {Status: 400, Body: "no"},
		"429":                      {Status: 429, RetryAfter: 90 * time.Second, Code: jira.ReasonQuotaTenant},
		"403":                      {Status: 403},
		"401":                      {Status: 401},
		"no answer":                {Drop: true},
		"done, answer lost":        {After: true, Drop: true},
		"done, 500":                {After: true, Status: 500},
		"done, 503 with a page":    {After: true, Status: 503, Body: "<html>busy</html>"},
		"done, answer is no JSON":  {After: true, Status: 201, Body: "<html>", Type: "application/json"},
		"moved somewhere else":     {Status: 302, Location: "https://evil.example.com/"},
		"JSON of an unknown shape": {Status: 500, Body: `{"errorMessages": {"a": [1]}, "errors": "x"}`, Type: "application/json"},
	}
	total := requests(t)
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for k := 1; k <= total; k++ {
				if t.Failed() {
					return
				}
				faultAt(t, k, func(d *desk) lateness {
					fault.Times = 1
					d.sim.Inject(fault)
					return inTime
				})
			}
		})
	}
	for name, late := range map[string]lateness{"timeout": neverArrives, "done, too late": answerLate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for k := 1; k <= total && !t.Failed(); k++ {
				faultAt(t, k, func(*desk) lateness { return late })
			}
		})
	}
}

// faultAt lets request k of the story go wrong.
func faultAt(t *testing.T, k int, wrong func(d *desk) lateness) {
	t.Helper()
	d := newDesk(t, jirasim.Options{})
	n := 0
	d.before = func(*http.Request) lateness {
		if n++; n == k {
			return wrong(d)
		}
		return inTime
	}
	id := ticketStory(d, func(id incident.ID) {
		if len(d.dead) > 0 { // a person sees it on the card, mends the cause, and presses the button
			d.dead = nil
			d.do(incident.Retry, id, incident.Args{})
			d.settle(3 * time.Hour)
		}
	})
	// What Jira has refused for good stays so until somebody changes it again:
	// for a 4xx that was not meant, that is said, and nothing is done twice.
	if len(d.said(id, incident.EvTicketMoved)) > 0 {
		if len(d.sim.Issues()) != 2 {
			t.Errorf("request %d: %d issues", k, len(d.sim.Issues()))
		}
		return
	}
	wantStory(d, id)
	if t.Failed() {
		t.Errorf("request %d", k)
	}
}

// killer ends the process, so to say, at one of its steps: before it or after.
type killer struct {
	effects.TicketAPI
	svc   effects.Doer
	at    int // which step; counted down
	after bool
	kills int
}

func (k *killer) step(do func()) {
	k.at--
	if k.at == 0 && !k.after {
		k.kills++
		panic("killed")
	}
	do()
	if k.at == 0 {
		k.kills++
		panic("killed")
	}
}

func (k *killer) Do(ctx context.Context, cmd incident.Command) (inc *incident.Incident, err error) {
	k.step(func() { inc, err = k.svc.Do(ctx, cmd) })
	return inc, err
}

func (k *killer) CreateOnce(ctx context.Context, n jira.NewIssue, tried time.Time) (c jira.Created, err error) {
	k.step(func() { c, err = k.TicketAPI.CreateOnce(ctx, n, tried) })
	return c, err
}

func (k *killer) Update(ctx context.Context, key string, u jira.Update) (err error) {
	k.step(func() { err = k.TicketAPI.Update(ctx, key, u) })
	return err
}

func (k *killer) Transition(ctx context.Context, key, category string) (i jira.Issue, err error) {
	k.step(func() { i, err = k.TicketAPI.Transition(ctx, key, category) })
	return i, err
}

func (k *killer) SetLink(ctx context.Context, key string, l jira.Link) (err error) {
	k.step(func() { err = k.TicketAPI.SetLink(ctx, key, l) })
	return err
}

// TestTicketKilled ends the process before and after each step that leaves
// something behind, here or there: the next one finds what was done.
func TestTicketKilled(t *testing.T) {
	for _, after := range []bool{false, true} {
		steps := 0
		for at := 1; ; at++ {
			d := newDesk(t, jirasim.Options{})
			k := &killer{TicketAPI: d.api, svc: d.svc, at: at, after: after}
			d.wire(k, k)
			id := ticketStory(d, func(incident.ID) { d.wire(k, k) }) // whoever is started next remembers nothing
			wantStory(d, id)
			if t.Failed() {
				t.Fatalf("killed at step %d, after it: %v", at, after)
			}
			if k.kills == 0 {
				steps = at
				break
			}
		}
		if steps < 10 {
			t.Errorf("the story has %d steps only", steps)
		}
	}
}

// TestTicketTokenExpired: all tickets fail for the same reason, in the same words,
// so that the timeline says it once.
func TestTicketTokenExpired(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	for n := 1; n <= 2; n++ {
		d.act(id, incident.ActionArgs{Op: "add", Title: fmt.Sprint("fix ", n)})
	}
	d.settle(time.Hour)
	d.sim.Inject(jirasim.Fault{Status: 401})
	for n := 1; n <= 2; n++ {
		d.act(id, incident.ActionArgs{Op: "done", N: n})
	}
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix 3"})
	d.settle(time.Hour)
	words := map[string]int{}
	for _, key := range []string{"jira.sync/1", "jira.sync/2", "jira.action/3"} {
		e := d.state(id, key)
		words[e.State+": "+e.Error]++
	}
	if len(words) != 1 || len(d.dead) != 3 {
		t.Errorf("%d dead letters say %v", len(d.dead), words)
	}
}

// TestTicketLostAnswerWaits: as long as a search may not know of an issue, no
// second one is made, however often it is tried.
func TestTicketLostAnswerWaits(t *testing.T) {
	d := newDesk(t, jirasim.Options{IndexDelay: 40 * time.Second})
	d.before = func(r *http.Request) lateness {
		if r.Method == http.MethodPost && r.URL.Path == "/rest/api/2/issue" {
			return answerLate
		}
		return inTime
	}
	id := d.declare(incident.Other)
	for n := 1; n <= 3; n++ {
		d.act(id, incident.ActionArgs{Op: "add", Title: fmt.Sprint("fix ", n)})
	}
	d.settle(time.Hour)
	for n := 1; n <= 3; n++ {
		d.issue(id, n)
	}
	if got := len(d.sim.Issues()); got != 3 {
		t.Errorf("%d issues, want 3", got)
	}
}
