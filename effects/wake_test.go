package effects_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// TestWakeByRequest: where PagerDuty has the incident, somebody is asked to help
// with it, in the name of whoever wants it.
func TestWakeByRequest(t *testing.T) {
	r := newPageRig(t)
	id, pd := r.trigger("Odd things happen", pagerdutysim.Alert{})
	r.page(id, &aniActor, "")
	r.settle(time.Minute)
	r.wantPages(id, "Ani paged")
	if requests, made := r.woken("PANI"); requests != 1 || made != 0 {
		t.Errorf("%d requests and %d incidents, want one request", requests, made)
	}
	asked, err := r.pd.Responders(pd)
	must(t, err)
	if len(asked) != 1 || !strings.Contains(asked[0].Message, id.String()) || !strings.Contains(asked[0].Message, "Odd things happen") ||
		!strings.Contains(asked[0].Message, "the database is slow") {
		t.Errorf("asked %+v", asked)
	}
	if !bytes.Contains(r.pd.Dump(), []byte(`"requester_id":"PBUDI"`)) {
		t.Error("Budi wanted it, and PagerDuty was not told so")
	}
}

// TestWakeByIncident: where PagerDuty knows nothing of the incident, one is made
// there that is assigned to whoever is to be woken.
func TestWakeByIncident(t *testing.T) {
	r := newPageRig(t)
	id := r.declare("Odd things happen")
	r.page(id, &aniActor, "")
	r.settle(time.Minute)
	r.wantPages(id, "Ani paged")
	made := r.pd.Snapshot()
	if len(made) != 1 {
		t.Fatalf("%d incidents in PagerDuty, want 1", len(made))
	}
	st := made[0]
	if st.Key != incident.WakeKey(id, aniActor, 0) || st.Urgency != "high" || st.Service != "PSVC01" || strings.Join(st.Assignees, " ") != "PANI" {
		t.Errorf("made %+v", st)
	}
	if got := r.view(id).Incident.Pages[0].Ref; got != st.ID {
		t.Errorf("its id here is %q, want %q", got, st.ID)
	}
}

// TestWakeFaults: whatever goes wrong on the way, whoever is wanted is woken
// exactly once.
func TestWakeFaults(t *testing.T) {
	faults := map[string]pagerdutysim.Fault{
		"timeout":             {Hang: true},
		"dropped":             {Drop: true},
		"500":                 {Status: http.StatusInternalServerError},
		"503":                 {Status: http.StatusServiceUnavailable},
		"429":                 {Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Second},
		"answer lost":         {Drop: true, After: true},
		"done, but a 500":     {Status: http.StatusInternalServerError, After: true},
		"done, but a timeout": {Hang: true, After: true},
	}
	for _, path := range []string{"request", "incident"} {
		for step, at := range map[string]pagerdutysim.Fault{
			"look the person up": {Method: http.MethodGet, Path: "/users"},
			"ask":                {Method: http.MethodPost, Path: "/incidents"},
			"look after":         {Method: http.MethodGet, Path: "/incidents"},
		} {
			for name, f := range faults {
				for times := 1; times <= 2 && (times == 1 || step == "ask"); times++ {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", path, step, name, times), func(t *testing.T) {
						t.Parallel()
						f := f
						f.Method, f.Path, f.Times = at.Method, at.Path, times
						r := newPageRig(t)
						id := r.subject(path)
						if step == "look after" { // it comes to that only where the first word was lost
							r.pd.Inject(pagerdutysim.Fault{Method: http.MethodPost, Path: "/incidents", Times: 1, Drop: true, After: true})
						}
						r.pd.Inject(f)
						r.page(id, &aniActor, "")
						r.settle(4 * time.Minute)
						r.wantPages(id, "Ani paged")
						if requests, made := r.woken("PANI"); requests+made != 1 {
							t.Errorf("%d requests and %d incidents, want one of either", requests, made)
						}
						if len(r.dead) > 0 {
							t.Errorf("given up: %v", r.dead)
						}
					})
				}
			}
		}
	}
}

// subject is an incident that PagerDuty knows, or one that it does not.
func (r *rig) subject(path string) incident.ID {
	if path == "incident" {
		return r.declare("Odd things happen")
	}
	id, _ := r.trigger("Odd things happen", pagerdutysim.Alert{})
	r.settle(time.Second) // what follows from the trigger itself
	return id
}

// TestWakeKilled: imbot dies between the steps, before or after it has stored
// what it did; each person is woken once all the same.
func TestWakeKilled(t *testing.T) {
	for _, path := range []string{"request", "incident"} {
		for before := range 3 {
			for after := range 3 {
				t.Run(fmt.Sprintf("%s/%d before/%d after", path, before, after), func(t *testing.T) {
					t.Parallel()
					r := newPageRig(t)
					id := r.subject(path)
					r.chain["dba"] = []incident.Actor{aniActor}
					r.chain["devops"] = []incident.Actor{ekoActor}
					r.waker.Service = &mortal{Doer: r.svc, before: before, after: after}
					r.page(id, nil, "dba")
					r.page(id, nil, "devops")
					r.settle(4 * time.Minute)
					for _, user := range []string{"PANI", "PEKO"} {
						if requests, made := r.woken(user); requests+made != 1 {
							t.Errorf("%s: %d requests and %d incidents, want one of either", user, requests, made)
						}
					}
					for _, p := range r.view(id).Incident.Pages {
						if p.State != incident.PageSent {
							t.Errorf("%s is %s", p.Person.Name, p.State)
						}
					}
				})
			}
		}
	}
}

// TestWakeRefused: an account that has no requests for help gets an incident
// instead; where that is refused too, the card says that nobody was woken.
func TestWakeRefused(t *testing.T) {
	for _, status := range []int{http.StatusPaymentRequired, http.StatusForbidden} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			r := newPageRig(t)
			id, pd := r.trigger("Odd things happen", pagerdutysim.Alert{})
			r.settle(time.Second)
			r.pd.Inject(pagerdutysim.Fault{Method: http.MethodPost, Path: "/incidents/" + pd + "/responder_requests", Status: status})
			r.page(id, &aniActor, "")
			r.settle(time.Minute)
			if requests, made := r.woken("PANI"); requests != 0 || made != 1 {
				t.Errorf("%d requests and %d incidents, want one incident", requests, made)
			}
			r.wantPages(id, "Ani paged")
			r.pd.Inject(pagerdutysim.Fault{Method: http.MethodPost, Path: "/incidents", Status: status})
			r.page(id, &ekoActor, "")
			r.settle(time.Minute)
			if requests, made := r.woken("PEKO"); requests+made != 0 {
				t.Errorf("%d requests and %d incidents, want none", requests, made)
			}
			if p := r.view(id).Incident.Pages[1]; p.State != incident.PageFailed || !strings.Contains(p.Detail, fmt.Sprint(status)) {
				t.Errorf("page = %+v", p)
			}
			r.says(r.payments, "Eko: not woken")
		})
	}
}

// says wants a text on the one card of a conversation.
func (r *rig) says(conv, want string) {
	r.t.Helper()
	if card := string(r.one(conv).Card()); !strings.Contains(card, want) {
		r.t.Errorf("the card does not say %q:\n%s", want, card)
	}
}

// TestNobodyWoken: why nobody could be woken stands on the card, in words.
func TestNobodyWoken(t *testing.T) {
	tests := []struct {
		name  string
		setup func(r *rig)
		who   *incident.Actor
		role  string
		page  string
		says  string
	}{
		{"no token", func(r *rig) { r.waker.API, r.waker.Off = nil, effects.WhyNoToken }, &aniActor, "", "Ani not_paged no_token", "Ani: not woken: imbot has no API token"},
		{"no PagerDuty", func(r *rig) { r.waker.API, r.waker.Off = nil, effects.WhyNoPager }, &aniActor, "", "Ani not_paged no_pager", "Ani: not woken: PagerDuty is not configured"},
		{"not in PagerDuty", nil, &incident.Actor{Kind: incident.KindUser, ID: "new@example.com", Name: "New"}, "", "New not_paged pager_unknown", "New: not woken: PagerDuty does not know them"},
		{"no address", nil, &incident.Actor{Kind: incident.KindUser, ID: "aad:5", Name: "Five"}, "", "Five not_paged pager_unknown", "Five: not woken"},
		{"a role without standby", nil, nil, "network", "network not_paged unknown_role", "network: not woken: no standby is configured"},
		{"a service that PagerDuty does not have", func(r *rig) { r.waker.PagerService = func(string) string { return "" } }, &aniActor, "", "Ani not_paged no_pager_service", "Ani: not woken: the catalog does not say"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPageRig(t)
			id := r.declare("Odd things happen")
			if tt.setup != nil {
				tt.setup(r)
			}
			r.page(id, tt.who, tt.role)
			r.settle(time.Minute)
			r.wantPages(id, tt.page)
			r.says(r.payments, tt.says)
			if n := r.count(id, incident.EvNotPaged); n != 1 {
				t.Errorf("%d entries on the timeline, want 1", n)
			}
			if got := r.pd.Snapshot(); len(got) != 0 {
				t.Errorf("PagerDuty has %v", got)
			}
			if len(r.dead) > 0 {
				t.Errorf("given up: %v", r.dead)
			}
		})
	}
}

// TestNobodyAnswers: who does not answer in time, or declines, is followed by
// whoever comes next; each is woken once.
func TestNobodyAnswers(t *testing.T) {
	for _, how := range []string{"silent", "declined"} {
		t.Run(how, func(t *testing.T) {
			r := newPageRig(t)
			id := r.subject("request")
			r.chain["dba"] = []incident.Actor{aniActor, ekoActor}
			r.page(id, nil, "dba")
			r.settle(time.Minute)
			r.wantPages(id, "Ani paged")
			if how == "declined" {
				r.answer(id, aniActor, incident.PageNo)
				r.settle(time.Minute)
			} else {
				r.settle(incident.PageWait + time.Minute)
			}
			r.wantPages(id, "Ani "+how, "Eko paged")
			r.answer(id, ekoActor, incident.PageReply)
			r.settle(3 * incident.PageWait)
			r.wantPages(id, "Ani "+how, "Eko answered")
			for _, user := range []string{"PANI", "PEKO"} {
				if requests, made := r.woken(user); requests != 1 || made != 0 {
					t.Errorf("%s: %d requests and %d incidents, want one request", user, requests, made)
				}
			}
			r.says(r.payments, "Eko (dba): answered")
		})
	}
	t.Run("nobody is left", func(t *testing.T) {
		r := newPageRig(t)
		id := r.subject("incident")
		r.chain["dba"] = []incident.Actor{aniActor}
		r.page(id, nil, "dba")
		r.settle(incident.PageWait + time.Minute)
		r.wantPages(id, "Ani silent", "dba not_paged nobody_next")
		r.says(r.payments, "dba: not woken: nobody comes next")
	})
}

// TestWakeTooLate: nobody is woken for what is over, and who was is not followed
// by anybody.
func TestWakeTooLate(t *testing.T) {
	r := newPageRig(t)
	id := r.declare("Odd things happen")
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor}
	r.page(id, nil, "dba")
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Hour)
	if got := r.pd.Snapshot(); len(got) != 0 {
		t.Errorf("woken for nothing: %v", got)
	}
	r = newPageRig(t)
	id = r.declare("Odd things happen")
	r.page(id, &aniActor, "")
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Hour)
	if e := r.effect(id, "/ani@example.com/2"); e.State != incident.EffectSkipped {
		t.Errorf("the effect is %+v", e)
	}
	if got := r.pd.Snapshot(); len(got) != 0 {
		t.Errorf("woken for nothing: %v", got)
	}
}

// TestWakePrivate: PagerDuty learns no word of a private incident, only that
// there is one.
func TestWakePrivate(t *testing.T) {
	r := newPageRig(t)
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Canary leak", Service: "checkout", Private: true}}).ID
	r.do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Op: "add", Person: &aniActor}})
	r.page(id, &aniActor, "")
	r.settle(time.Minute)
	r.wantPages(id, "Ani paged")
	if dump := r.pd.Dump(); bytes.Contains(dump, []byte("Canary")) || bytes.Contains(dump, []byte("database is slow")) || !bytes.Contains(dump, []byte(id.String())) {
		t.Errorf("PagerDuty was told:\n%s", dump)
	}
}

// TestWakeBadData: what can't be read is given up at once.
func TestWakeBadData(t *testing.T) {
	r := newPageRig(t)
	for name, h := range map[string]outbox.Handler{"find": r.waker.Find, "wake": r.waker.Wake, "waited": r.waker.Waited} {
		job := outbox.Job{Effect: incident.Effect{Key: "INC-1/x", Kind: name, Incident: 1, Data: []byte("{")}, Attempt: 1}
		if err := h(t.Context(), job); err == nil || !strings.Contains(err.Error(), outbox.ErrPermanent.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
