package effects_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// permanent reports whether the outbox takes the error as one for good.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.Is(err, outbox.ErrPermanent) || errors.As(err, &p) && p.Permanent()
}

// TestTeamsFaults: each call of the connector, gone wrong in each way.
func TestTeamsFaults(t *testing.T) {
	type want struct {
		state string
		after time.Duration // until the next try; 0: not looked at
		posts int           // when all is well again
	}
	waiting, dead, skipped, done := incident.EffectWaiting, incident.EffectDead, incident.EffectSkipped, incident.EffectDone
	faults := map[string]botframeworksim.Outcome{
		"429":  botframeworksim.AnswerAfter(http.StatusTooManyRequests, 20*time.Second),
		"503":  botframeworksim.Answer(http.StatusServiceUnavailable),
		"hang": botframeworksim.Hang(), "drop": botframeworksim.Drop(), "lost": botframeworksim.LoseAnswer(),
		"403": botframeworksim.Answer(http.StatusForbidden), "404": botframeworksim.Answer(http.StatusNotFound), "413": botframeworksim.Answer(http.StatusRequestEntityTooLarge),
	}
	tests := map[string]map[string]want{
		"post": {
			"429": {waiting, 20 * time.Second, 1}, "503": {waiting, time.Second, 1}, "hang": {waiting, time.Second, 1}, "drop": {waiting, time.Second, 1},
			"lost": {waiting, time.Second, 2}, "403": {dead, 0, 1}, "404": {skipped, 0, 1}, "413": {dead, 0, 1},
		},
		"update": {
			"429": {waiting, 20 * time.Second, 1}, "503": {waiting, time.Second, 1}, "hang": {waiting, time.Second, 1}, "drop": {waiting, time.Second, 1},
			"lost": {waiting, time.Second, 1}, "403": {dead, 0, 1}, "404": {done, 0, 2}, "413": {dead, 0, 1}, // 404: deleted, so posted anew
		},
		"reply": {
			"429": {waiting, 20 * time.Second, 2}, "503": {waiting, time.Second, 2}, "hang": {waiting, time.Second, 2}, "drop": {waiting, time.Second, 2},
			"lost": {waiting, time.Second, 3}, "403": {dead, 0, 2}, "404": {dead, 0, 2}, "413": {dead, 0, 2},
		},
	}
	for what, table := range tests {
		for name, w := range table {
			t.Run(what+" "+name, func(t *testing.T) {
				r := newRig(t)
				id, part := r.declare("Checkout is slow"), "card/"+r.payments
				if what != "post" {
					r.settle(time.Hour)
					verb := incident.AddNote
					if what == "reply" {
						verb = incident.Resolve
					}
					r.do(incident.Command{Verb: verb, Incident: id, Args: incident.Args{Text: "x"}})
				}
				var last time.Time
				hit := false
				r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
					isReply := c.Op == "send" && strings.Contains(c.ConversationID, ";messageid=")
					if hit || (what == "update") != (c.Op == "update") || (what == "reply") != isReply {
						return botframeworksim.Pass()
					}
					hit, last = true, r.Now()
					return faults[name]
				})
				if what == "reply" {
					part = "reply/"
					r.advance(2 * time.Second)
					_, _, err := r.runner.RunDue(t.Context()) // the card first
					must(t, err)
				}
				r.advance(2 * time.Second)
				for !hit {
					_, _, err := r.runner.RunDue(t.Context())
					must(t, err)
				}
				if w.state == skipped {
					r.settle(time.Minute) // the rerouting has put it once more
				}
				got := r.find(id, part)
				if got.State != w.state {
					t.Fatalf("it is %s (%s), want %s", got.State, got.Error, w.state)
				}
				if after := got.NextAt.Sub(last); w.after != 0 && after != w.after {
					t.Errorf("tried again after %s, want %s", after, w.after)
				}
				if w.state == dead || w.state == skipped {
					if tr := r.view(id).Trouble; len(tr) != 1 || tr[0].Error == "" {
						t.Errorf("the incident shows the trouble %+v", tr)
					}
					if w.state == dead {
						r.do(incident.Command{Verb: incident.Retry, Incident: id})
					} else {
						r.meet(r.payments, "channel")
						r.do(incident.Command{Verb: incident.Retry, Incident: id})
					}
				}
				r.settle(time.Hour)
				if got := r.find(id, part); got.State != done {
					t.Errorf("in the end it is %s: %s", got.State, got.Error)
				}
				if n := r.teams.PostCount(r.payments); n != w.posts {
					t.Errorf("%d posts, want %d", n, w.posts)
				}
				if want := map[bool]int{true: 1}[name == "lost" && what != "update" || name == "hang" && what != "update" || name == "drop" && what != "update"]; r.repeated != want {
					t.Errorf("%d posts were counted as doubtful, want %d", r.repeated, want)
				}
				if n := len(r.view(id).Trouble); n != 0 {
					t.Errorf("%d troubles are left", n)
				}
			})
		}
	}
}

// TestPagerFaults: each call of PagerDuty, gone wrong in each way. In the end the
// thing is done there, and noted once.
func TestPagerFaults(t *testing.T) {
	faults := map[string]pagerdutysim.Fault{
		"429": {Status: 429, Reset: 20 * time.Second}, "503": {Status: 503}, "hang": {Hang: true}, "drop": {Drop: true},
		"lost": {After: true, Drop: true}, "done and 500": {After: true, Status: 500}, "403": {Status: 403}, "404": {Status: 404},
	}
	calls := map[string]struct {
		method, path, suffix string
		run                  func(r *rig, id incident.ID)
	}{
		"ack":     {"PUT", "/incidents", "pagerduty.ack/", func(r *rig, id incident.ID) { r.byEko(incident.Ack, id, "") }},
		"resolve": {"PUT", "/incidents", "pagerduty.resolve/", func(r *rig, id incident.ID) { r.byEko(incident.Resolve, id, "limit raised") }},
		"note":    {"POST", "/incidents/", "pagerduty.note/", func(r *rig, id incident.ID) { r.byEko(incident.AddNote, id, "restarted") }},
		"sign":    {"POST", "/incidents/", "pagerduty.ack/", func(r *rig, id incident.ID) { r.byEko(incident.Ack, id, "") }},
		"details": {"GET", "/incidents/", "pagerduty.alerts", func(*rig, incident.ID) {}},
	}
	for what, c := range calls {
		for name, f := range faults {
			t.Run(what+" "+name, func(t *testing.T) {
				r := newRig(t)
				id, pd := r.trigger("Checkout is down", pagerdutysim.Alert{Link: "https://example.com/alert"})
				if what != "details" {
					r.settle(time.Hour)
				}
				c.run(r, id)
				f.Method, f.Path, f.Times = c.method, c.path, 1
				r.pd.Inject(f)
				began := r.Now()
				_, _, err := r.runner.RunDue(t.Context())
				must(t, err)
				got := r.find(id, c.suffix)
				want := incident.EffectWaiting
				if name == "403" || name == "404" {
					want = incident.EffectDead
				}
				if got.State != want {
					t.Fatalf("it is %s (%s), want %s", got.State, got.Error, want)
				}
				if after := got.NextAt.Sub(began); name == "429" && (after < 19*time.Second || after > 21*time.Second) {
					t.Errorf("tried again after %s, want what PagerDuty asks for", after)
				}
				if want == incident.EffectDead {
					if len(r.dead) != 1 {
						t.Errorf("dead: %q", r.dead)
					}
					r.do(incident.Command{Verb: incident.Retry, Incident: id})
				}
				r.settle(time.Hour)
				if got := r.find(id, c.suffix); got.State != incident.EffectDone {
					t.Errorf("in the end it is %s: %s", got.State, got.Error)
				}
				st, err := r.pd.State(pd)
				must(t, err)
				wantStatus := map[string]string{"ack": "acknowledged", "sign": "acknowledged", "resolve": "resolved"}[what]
				wantNotes := map[string]int{"details": 0, "resolve": 2}
				if _, other := wantNotes[what]; !other {
					wantNotes[what] = 1
				}
				if wantStatus != "" && st.Status != wantStatus || len(st.Notes) != wantNotes[what] {
					t.Errorf("in PagerDuty it is %s with the notes %q", st.Status, st.Notes)
				}
				if what == "details" && len(r.view(id).Incident.Alert.Links) != 1 {
					t.Errorf("the details are %+v", r.view(id).Incident.Alert)
				}
			})
		}
	}
}
