package pagerduty_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// everyEvent makes the simulator send each of its events, and returns the
// bodies by type.
func everyEvent(t *testing.T) map[string][]byte {
	t.Helper()
	var mu sync.Mutex
	sent := map[string][]byte{}
	var secret string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := pagerduty.VerifySignature(r.Header, body, []string{secret}); err != nil {
			t.Error(err)
		}
		e, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		sent[e.Type] = body
	}))
	defer receiver.Close()
	sim, _ := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	sub, s := sim.Subscribe(receiver.URL)
	secret = s
	sim.AddService(pagerdutysim.Service{ID: "PCART", Name: "Cart", TeamID: "PTEAM"})
	id := sim.Trigger(pagerdutysim.Spec{Title: "cart is down", Service: "PCART", Assignee: "PANI", Priority: "P1"}).ID
	const by = "PANI"
	steps := []error{
		sim.ChangeType(id, by, "major"), sim.SetConferenceBridge(id, by, "+62", "https://meet.example"),
		sim.Acknowledge(id, by), sim.Unacknowledge(id), sim.AddNote(id, by, "text"),
		sim.RequestResponder(id, by, "PIMBOT", "help"), sim.ReplyResponder(id, "PIMBOT", "joined"),
		sim.Reassign(id, by, "PIMBOT"), sim.ChangePriority(id, by, "P2"), sim.PublishStatus(id, by, "working on it"),
		sim.SetField(id, by, "env", "prod"), sim.AssignRole(id, by, "Commander", by), sim.MoveToService(id, by, "PCHECK"),
		sim.Resolve(id, by), sim.Reopen(id, by), sim.Ping(sub, by),
	}
	for _, kind := range []string{
		"delegated", "escalated", "task.created", "task.updated", "task.completed", "workflow.started", "workflow.completed",
		"action_invocation.created", "action_invocation.updated", "action_invocation.terminated",
	} {
		steps = append(steps, sim.Emit(id, by, "incident."+kind))
	}
	for _, kind := range []string{"created", "updated", "deleted", "custom_field_values.updated"} {
		steps = append(steps, sim.EmitService("PCART", by, "service."+kind))
	}
	for n, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
	sim.Deliver(t.Context())
	return sent
}

// The simulator sends every event that there is, and the package understands it.
func TestEveryEvent(t *testing.T) {
	sent := everyEvent(t)
	for _, name := range append(pagerdutysim.AllEvents(), pagerduty.PingType) {
		body, ok := sent[name]
		if !ok {
			t.Errorf("no %s", name)
			continue
		}
		e, err := pagerduty.ParseWebhook(body)
		if err != nil || !pagerduty.Known(e) || e.OccurredAt.IsZero() {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if len(sent) != len(pagerdutysim.AllEvents())+1 {
		t.Errorf("%d events, want %d", len(sent), len(pagerdutysim.AllEvents())+1)
	}
}
