package pagerduty_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// states writes responders in short.
func states(all []pagerduty.Responder) []string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.User.ID + " " + r.State + " " + r.Message
	}
	return out
}

func TestResponders(t *testing.T) {
	now := monday
	sim, c := start(t, pagerdutysim.Options{Now: func() time.Time { return now }}, pagerduty.Config{})
	everyoneOnCall(sim)
	id := trigger(sim, "checkout is down")
	if got, err := c.Responders(t.Context(), id); err != nil || len(got) != 0 {
		t.Errorf("Responders of a fresh incident = %v, %v", got, err)
	}
	if err := c.RequestResponders(t.Context(), id, ani, "please help", []string{"PDEWI", "PEKO", "PFITRI"}); err != nil {
		t.Fatal(err)
	}
	for user, state := range map[string]string{"PDEWI": pagerduty.ResponderJoined, "PEKO": pagerduty.ResponderDeclined} {
		if err := sim.ReplyResponder(id, user, state, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Responders(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PDEWI joined please help", "PEKO declined please help", "PFITRI pending please help"}
	if diff := cmp.Diff(want, states(got)); diff != "" {
		t.Errorf("Responders (-want +got):\n%s", diff)
	}
	if r := got[0]; r.Requester == nil || r.Requester.ID != "PANI" || !r.RequestedAt.Equal(monday) || !r.UpdatedAt.Equal(monday.Add(time.Minute)) {
		t.Errorf("asked by %v at %v, answered at %v", r.Requester, r.RequestedAt, r.UpdatedAt)
	}
	if err := sim.ReplyResponder(id, "PANI", pagerduty.ResponderJoined); !errors.Is(err, pagerdutysim.ErrInvalid) {
		t.Errorf("the reply of somebody who was not asked: %v", err)
	}
}

// However the answer is lost, each person is asked exactly once.
func TestRequestRespondersOnce(t *testing.T) {
	for _, f := range []pagerdutysim.Fault{{After: true, Drop: true}, {After: true, Status: 500}, {Drop: true}, {Status: 503}} {
		sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
		everyoneOnCall(sim)
		id := trigger(sim, "checkout is down")
		f.Path, f.Times = "/incidents/"+id+"/responder_requests", 1
		sim.Inject(f)
		users := []string{"PDEWI", "PEKO"}
		for range 3 {
			have, err := c.Responders(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			left := slices.DeleteFunc(slices.Clone(users), func(id string) bool {
				return slices.ContainsFunc(have, func(r pagerduty.Responder) bool { return r.User != nil && r.User.ID == id })
			})
			if len(left) == 0 {
				break
			}
			var e *pagerduty.Error
			if err := c.RequestResponders(t.Context(), id, ani, "help", left); err != nil && (!errors.As(err, &e) || e.Permanent()) {
				t.Fatalf("%+v: %v, which says not to try again", f, err)
			}
		}
		got, err := sim.Responders(id)
		want := []pagerdutysim.Responder{
			{User: "PDEWI", State: "pending", Message: "help", Asked: 1}, {User: "PEKO", State: "pending", Message: "help", Asked: 1},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got):\n%s", f, err, diff)
		}
	}
}

func TestRequestRespondersRefusals(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id, done := trigger(sim, "checkout is down"), trigger(sim, "cart is down")
	if err := sim.Resolve(done, "PANI"); err != nil {
		t.Fatal(err)
	}
	one := []string{"PANI"}
	for _, tt := range []struct {
		name, id, from, message string
		users                   []string
		status                  int
		says                    string
	}{
		{"an unknown user", id, ani, "help", []string{"PANI", "PNONE"}, 400, `"PNONE"`},
		{"nobody", id, ani, "help", nil, 400, "at least one user"},
		{"no message", id, ani, " ", one, 400, "message"},
		{"an unknown sender", id, "nobody@example.com", "help", one, 400, "nobody@example.com is no PagerDuty user"},
		{"no incident", "QNONE", ani, "help", one, 404, "Not Found"},
		{"a bad incident", "Q/1", ani, "help", one, 404, "no PagerDuty id"},
		{"a bad user", id, ani, "help", []string{"a b"}, 404, "no PagerDuty id"},
		{"a resolved incident", done, ani, "help", one, 400, "Already Resolved"},
	} {
		err := c.RequestResponders(t.Context(), tt.id, tt.from, tt.message, tt.users)
		wantError(t, tt.name, err, tt.status, true)
		if !strings.Contains(err.Error(), tt.says) || errors.Is(err, pagerduty.ErrSender) != (tt.name == "an unknown sender") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	if got, err := sim.Responders(id); err != nil || len(got) != 0 {
		t.Errorf("asked %v, %v, though each request was refused", got, err)
	}
	sim.Inject(pagerdutysim.Fault{Method: http.MethodPost, Status: 402, Times: 1})
	err := c.RequestResponders(t.Context(), id, ani, "help", one)
	wantError(t, "a small plan", err, 402, true)
	if !strings.Contains(err.Error(), "plan does not have this") {
		t.Errorf("402 reads %v", err)
	}
	_, err = c.Responders(t.Context(), "QNONE")
	wantError(t, "the responders of nothing", err, 404, true)
}

// The simulator refuses members that PagerDuty does not know, and a From that
// is no user, whatever client sends them.
func TestSimulatorRefusesUnknownMembers(t *testing.T) {
	sim, _ := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := trigger(sim, "checkout is down")
	for _, tt := range []struct {
		path, from, body string
		want             int
	}{
		{"/incidents", ani, `{"incident":{"type":"incident","title":"x","service":{"id":"PCHECK","type":"service_reference"}}}`, 201},
		{"/incidents", ani, `{"incident":{"type":"incident","title":"x","service":{"id":"PCHECK","type":"service_reference"},"key":"k"}}`, 400},
		{"/incidents", ani, `{"incident":{"title":"x","service":{"id":"PCHECK","type":"service_reference"}}}`, 400},
		{"/incidents", "", `{"incident":{"type":"incident","title":"x","service":{"id":"PCHECK","type":"service_reference"}}}`, 400},
		{"/incidents/" + id + "/status_updates", ani, `{"message":"x"}`, 200},
		{"/incidents/" + id + "/status_updates", ani, `{"message":"x","text":"y"}`, 400},
		{"/incidents/" + id + "/status_updates", "nobody@example.com", `{"message":"x"}`, 400},
		{"/incidents/" + id + "/responder_requests", ani, `{"requester_id":"PANI","message":"x","responder_request_targets":[{"responder_request_target":{"id":"PANI","type":"user_reference"}}]}`, 200},
		{"/incidents/" + id + "/responder_requests", ani, `{"requester_id":"PANI","message":"x","responder_request_targets":[{"id":"PANI","type":"user_reference"}]}`, 400},
		{"/incidents/" + id + "/responder_requests", ani, `{"requester_id":"PNONE","message":"x","responder_request_targets":[{"responder_request_target":{"id":"PANI","type":"user_reference"}}]}`, 400},
		{"/incidents/" + id + "/responder_requests", "", `{"requester_id":"PANI","message":"x","responder_request_targets":[{"responder_request_target":{"id":"PANI","type":"user_reference"}}]}`, 400},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL()+tt.path, bytes.NewReader([]byte(tt.body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Token token="+sim.Token())
		req.Header.Set("From", tt.from)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("POST %s from %q %s = %d, want %d", tt.path, tt.from, tt.body, resp.StatusCode, tt.want)
		}
	}
}

// Being asked and answering are told by webhook.
func TestResponderWebhooks(t *testing.T) {
	var got []string
	var secret string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = pagerduty.VerifySignature(r.Header, body, []string{secret})
		}
		e, parseErr := pagerduty.ParseWebhook(body)
		if err != nil || parseErr != nil || e.Agent == nil || e.Responder == nil || e.Responder.User == nil {
			t.Errorf("webhook %s: %v, %v", body, err, parseErr)
			return
		}
		got = append(got, fmt.Sprintf("%s %s: %s asked %q is %s", e.Type, e.Agent.ID, e.Responder.User.ID, e.Responder.Message, e.Responder.State))
		if e.IncidentID() == "" || !strings.Contains(e.Text(), e.Responder.State) {
			t.Errorf("the event is about %q: %s", e.IncidentID(), e.Text())
		}
	}))
	defer receiver.Close()
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := trigger(sim, "checkout is down")
	_, secret = sim.Subscribe(receiver.URL, "incident.responder.added", "incident.responder.replied")
	if err := c.RequestResponders(t.Context(), id, ani, "help", []string{"PIMBOT", "PANI"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sim.ReplyResponder(id, "PANI", pagerduty.ResponderDeclined), sim.ReplyResponder(id, "PIMBOT", pagerduty.ResponderJoined)); err != nil {
		t.Fatal(err)
	}
	sim.Deliver(t.Context())
	want := []string{
		`incident.responder.added PANI: PIMBOT asked "help" is pending`,
		`incident.responder.added PANI: PANI asked "help" is pending`,
		`incident.responder.replied PANI: PANI asked "help" is declined`,
		`incident.responder.replied PIMBOT: PIMBOT asked "help" is joined`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
}
