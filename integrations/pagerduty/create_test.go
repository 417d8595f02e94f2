package pagerduty_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func TestCreateIncident(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	everyoneOnCall(sim)
	i, err := c.CreateIncident(t.Context(), ani, pagerduty.NewIncident{
		Title: "checkout\nis down", ServiceID: "PCHECK", PolicyID: "PPOLICY", Urgency: "low", IncidentKey: "imbot-INC-42", Details: "line 1\nline 2",
	})
	if err != nil {
		t.Fatal(err)
	}
	if i.Title != "checkout is down" || i.Status != pagerduty.StatusTriggered || i.Urgency != "low" || i.Service.ID != "PCHECK" ||
		i.IncidentKey != "imbot-INC-42" || i.EscalationPolicy == nil || i.EscalationPolicy.ID != "PPOLICY" || i.HTMLURL == "" {
		t.Errorf("created %+v", i)
	}
	st, err := sim.State(i.ID)
	if err != nil || st.Details != "line 1\nline 2" || len(st.Assignees) != 1 || (st.Assignees[0] != "PDEWI" && st.Assignees[0] != "PEKO") {
		t.Errorf("made %+v, %v; want it assigned to the DBA on call", st, err)
	}
	direct, err := c.CreateIncident(t.Context(), "", pagerduty.NewIncident{Title: "x", ServiceID: "PCHECK", Assignees: []string{"PANI", "PEKO"}})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := sim.State(direct.ID); err != nil || !cmp.Equal(st.Assignees, []string{"PANI", "PEKO"}) || st.Urgency != "high" {
		t.Errorf("made %+v, %v", st, err)
	}
}

// However the answer is lost, one incident is made.
func TestCreateIncidentOnce(t *testing.T) {
	for _, f := range []pagerdutysim.Fault{
		{After: true, Drop: true}, {After: true, Status: 502}, {Drop: true}, {Status: 503}, {After: true, Status: 400},
	} {
		sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
		n := pagerduty.NewIncident{Title: "help", ServiceID: "PCHECK", IncidentKey: "imbot-1"}
		f.Method, f.Path, f.Times = http.MethodPost, "/incidents", 1
		sim.Inject(f)
		var got *pagerduty.Incident
		var err error
		for range 3 {
			if got, err = c.CreateIncident(t.Context(), ani, n); err == nil {
				break
			}
			var e *pagerduty.Error
			if !errors.As(err, &e) || e.Permanent() {
				t.Fatalf("%+v: %v, which says not to try again", f, err)
			}
		}
		all := sim.Snapshot()
		if err != nil || len(all) != 1 || got.ID != all[0].ID {
			t.Errorf("%+v: %v, %v, and %d incidents", f, got, err, len(all))
		}
	}
}

func TestCreateIncidentKeys(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	sim.AddService(pagerdutysim.Service{ID: "PCART", Name: "Cart"})
	create := func(service string) *pagerduty.Incident {
		t.Helper()
		i, err := c.CreateIncident(t.Context(), ani, pagerduty.NewIncident{Title: "x", ServiceID: service, IncidentKey: "k"})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	first, other := create("PCHECK"), create("PCART")
	if first.ID == other.ID {
		t.Error("services share a key")
	}
	if err := sim.Acknowledge(first.ID, "PANI"); err != nil {
		t.Fatal(err)
	}
	if again := create("PCHECK"); again.ID != first.ID || again.Status != pagerduty.StatusAcknowledged {
		t.Errorf("again %+v, want the first as it is now", again)
	}
	if err := sim.Resolve(first.ID, "PANI"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.IncidentByKey(t.Context(), "PCHECK", "k"); err != nil || got.ID != first.ID || got.Open() {
		t.Errorf("IncidentByKey = %+v, %v, want the resolved one", got, err)
	}
	second := create("PCHECK")
	if second.ID == first.ID {
		t.Error("a resolved incident was taken for a new one")
	}
	if got, err := c.IncidentByKey(t.Context(), "PCHECK", "k"); err != nil || got.ID != second.ID {
		t.Errorf("IncidentByKey = %+v, %v, want the open one", got, err)
	}
	_, err := c.IncidentByKey(t.Context(), "PCHECK", "none")
	var e *pagerduty.Error
	if !errors.As(err, &e) || !e.NotFound() {
		t.Errorf("IncidentByKey(none) = %v", err)
	}
	_, err = c.IncidentByKey(t.Context(), "PCHECK", "")
	wantError(t, "no key", err, 400, true)
}

func TestCreateIncidentRefusals(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	everyoneOnCall(sim)
	good := pagerduty.NewIncident{Title: "x", ServiceID: "PCHECK", IncidentKey: "k"}
	for _, tt := range []struct {
		name   string
		from   string
		change func(*pagerduty.NewIncident)
		says   string
		sender bool
	}{
		{"an unknown sender", "nobody@example.com", func(*pagerduty.NewIncident) {}, "invite one", true},
		{"no title", ani, func(n *pagerduty.NewIncident) { n.Title = " \n" }, "title is empty", false},
		{"both assignments", ani, func(n *pagerduty.NewIncident) { n.PolicyID, n.Assignees = "PPOLICY", []string{"PANI"} }, "not both", false},
		{"an urgency", ani, func(n *pagerduty.NewIncident) { n.Urgency = "urgent" }, "urgent", false},
		{"an unknown service", ani, func(n *pagerduty.NewIncident) { n.ServiceID = "PNONE" }, "Service", false},
		{"an unknown policy", ani, func(n *pagerduty.NewIncident) { n.PolicyID = "PNONE" }, "policy", false},
		{"an unknown assignee", ani, func(n *pagerduty.NewIncident) { n.Assignees = []string{"PNONE"} }, "Assignee", false},
	} {
		n := good
		tt.change(&n)
		_, err := c.CreateIncident(t.Context(), tt.from, n)
		wantError(t, tt.name, err, 400, true)
		if errors.Is(err, pagerduty.ErrSender) != tt.sender || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q, ErrSender %v", tt.name, err, tt.says, tt.sender)
		}
	}
	if all := sim.Snapshot(); len(all) != 0 {
		t.Errorf("%d incidents were made", len(all))
	}
	_, err := c.CreateIncident(t.Context(), ani, pagerduty.NewIncident{Title: "x", ServiceID: "../users"})
	wantError(t, "a bad id", err, 404, true)
	_, nobody := start(t, pagerdutysim.Options{}, pagerduty.Config{From: "gone@example.com"})
	_, err = nobody.CreateIncident(t.Context(), "", good)
	if !errors.Is(err, pagerduty.ErrSender) {
		t.Errorf("CreateIncident by an unknown configured sender = %v", err)
	}
}

func TestPostStatusUpdate(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := trigger(sim, "checkout is down")
	if err := c.PostStatusUpdate(t.Context(), id, ani, "we are <looking>"); err != nil {
		t.Fatal(err)
	}
	if st, err := sim.State(id); err != nil || !cmp.Equal(st.Updates, []string{"we are <looking>"}) {
		t.Errorf("updates %q, %v", st.Updates, err)
	}
	wantError(t, "empty", c.PostStatusUpdate(t.Context(), id, ani, " "), 400, true)
	wantError(t, "nothing", c.PostStatusUpdate(t.Context(), "QNONE", ani, "x"), 404, true)
	if err := c.PostStatusUpdate(t.Context(), id, "nobody@example.com", "x"); !errors.Is(err, pagerduty.ErrSender) {
		t.Errorf("an unknown sender: %v", err)
	}
	sim.Inject(pagerdutysim.Fault{Path: "/incidents/" + id + "/status_updates", Status: 429, Times: 1})
	wantError(t, "429", c.PostStatusUpdate(t.Context(), id, ani, "x"), 429, false)
}
