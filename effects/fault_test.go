package effects_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// runUntil runs effects, each as soon as it is due, until something has happened.
func (r *rig) runUntil(happened func() bool) {
	r.t.Helper()
	for range 50 {
		_, next, err := r.runner.RunDue(hurried(r.t.Context()))
		must(r.t, err)
		if happened() {
			return
		}
		if d := next.Sub(r.Now()); d > 0 {
			r.advance(d)
		}
	}
	r.t.Fatal("it does not happen")
}

// outcome is what is to become of an effect after a fault.
type outcome struct {
	state string
	after time.Duration // until the next try; 0: not looked at
	posts int           // when all is well again
}

const (
	waiting, dead = incident.EffectWaiting, incident.EffectDead
	skipped, done = incident.EffectSkipped, incident.EffectDone
)

var teamsFaults = map[string]botframeworksim.Outcome{
	"429":  botframeworksim.AnswerAfter(http.StatusTooManyRequests, 20*time.Second),
	"503":  botframeworksim.Answer(http.StatusServiceUnavailable),
	"hang": botframeworksim.Hang(), "drop": botframeworksim.Drop(), "lost": botframeworksim.LoseAnswer(),
	"403": botframeworksim.Answer(http.StatusForbidden), "404": botframeworksim.Answer(http.StatusNotFound),
	"413": botframeworksim.Answer(http.StatusRequestEntityTooLarge),
}

// teamsOutcomes are by call and fault. A lost answer to a post may double it; a
// lost channel sends the card elsewhere; an update of a message that is not
// there posts it anew.
var teamsOutcomes = map[string]map[string]outcome{
	"post": {
		"429": {waiting, 20 * time.Second, 1}, "503": {waiting, time.Second, 1}, "hang": {waiting, time.Second, 1}, "drop": {waiting, time.Second, 1},
		"lost": {waiting, time.Second, 2}, "403": {dead, 0, 1}, "404": {skipped, 0, 1}, "413": {dead, 0, 1},
	},
	"update": {
		"429": {waiting, 20 * time.Second, 1}, "503": {waiting, time.Second, 1}, "hang": {waiting, time.Second, 1}, "drop": {waiting, time.Second, 1},
		"lost": {waiting, time.Second, 1}, "403": {dead, 0, 1}, "404": {done, 0, 2}, "413": {dead, 0, 1},
	},
	"reply": {
		"429": {waiting, 20 * time.Second, 2}, "503": {waiting, time.Second, 2}, "hang": {waiting, time.Second, 2}, "drop": {waiting, time.Second, 2},
		"lost": {waiting, time.Second, 3}, "403": {dead, 0, 2}, "404": {dead, 0, 2}, "413": {dead, 0, 2},
	},
}

// TestTeamsFaults: each call of the connector, gone wrong in each way.
func TestTeamsFaults(t *testing.T) {
	for what, table := range teamsOutcomes {
		for name, want := range table {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				teamsFault(t, what, name, want)
			})
		}
	}
}

func teamsFault(t *testing.T, what, name string, want outcome) {
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
	var last atomic.Pointer[time.Time]
	r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		isReply := c.Op == "send" && strings.Contains(c.ConversationID, ";messageid=")
		if last.Load() != nil || (what == "update") != (c.Op == "update") || (what == "reply") != isReply {
			return botframeworksim.Pass()
		}
		now := r.Now()
		last.Store(&now)
		return teamsFaults[name]
	})
	if what == "reply" {
		part = "reply/"
	}
	r.runUntil(func() bool { return last.Load() != nil })
	if want.state == skipped {
		r.settle(time.Minute) // the rerouting has put it once more
	}
	got := r.find(id, part)
	if got.State != want.state {
		t.Fatalf("it is %s (%s), want %s", got.State, got.Error, want.state)
	}
	if after := got.NextAt.Sub(*last.Load()); want.after != 0 && after != want.after {
		t.Errorf("tried again after %s, want %s", after, want.after)
	}
	if want.state == dead || want.state == skipped {
		if tr := r.view(id).Trouble; len(tr) != 1 || tr[0].Error == "" {
			t.Errorf("the incident shows the trouble %+v", tr)
		}
		r.meet(r.payments, "channel") // it is there after all
		r.do(incident.Command{Verb: incident.Retry, Incident: id})
	}
	r.settle(time.Hour)
	if got := r.find(id, part); got.State != done || len(r.view(id).Trouble) != 0 {
		t.Errorf("in the end it is %s: %s; trouble %+v", got.State, got.Error, r.view(id).Trouble)
	}
	if n := r.teams.PostCount(r.payments); n != want.posts {
		t.Errorf("%d posts, want %d", n, want.posts)
	}
	doubtful := 0
	if what != "update" && (name == "lost" || name == "hang" || name == "drop") {
		doubtful = 1
	}
	if r.repeated != doubtful {
		t.Errorf("%d posts were counted as doubtful, want %d", r.repeated, doubtful)
	}
}

var pagerFaults = map[string]pagerdutysim.Fault{
	"429": {Status: 429, RetryAfter: 20 * time.Second}, "503": {Status: 503}, "hang": {Hang: true}, "drop": {Drop: true},
	"lost": {After: true, Drop: true}, "done and 500": {After: true, Status: 500}, "403": {Status: 403}, "404": {Status: 404},
}

// pagerCall is a call that goes wrong, and what is so in PagerDuty in the end.
type pagerCall struct {
	method string
	kind   string
	verb   incident.Verb // what Eko does to cause it; "": nothing
	status string
	notes  int
}

var pagerCalls = map[string]pagerCall{
	"ack":     {"PUT", incident.KindPDAck, incident.Ack, "acknowledged", 1},
	"sign":    {"POST", incident.KindPDAck, incident.Ack, "acknowledged", 1},
	"resolve": {"PUT", incident.KindPDResolve, incident.Resolve, "resolved", 2}, // PagerDuty makes a note of the resolution
	"note":    {"POST", incident.KindPDNote, incident.AddNote, "triggered", 1},
	"details": {"GET", incident.KindDetails, "", "triggered", 0},
}

// TestPagerFaults: each call of PagerDuty, gone wrong in each way. In the end the
// thing is done there, and noted once.
func TestPagerFaults(t *testing.T) {
	for what, call := range pagerCalls {
		for name := range pagerFaults {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				pagerFault(t, call, name)
			})
		}
	}
}

func pagerFault(t *testing.T, call pagerCall, name string) {
	r := newRig(t)
	id, pd := r.trigger("Checkout is down", pagerdutysim.Alert{Link: "https://example.com/alert"})
	if call.verb != "" {
		r.settle(time.Hour)
		r.byEko(call.verb, id, "limit raised")
	}
	f := pagerFaults[name]
	f.Method, f.Path, f.Times = call.method, "/incidents", 1
	r.pd.Inject(f)
	began := r.Now()
	_, _, err := r.runner.RunDue(hurried(t.Context()))
	must(t, err)
	got, want := r.find(id, call.kind), waiting
	if name == "403" || name == "404" {
		want = dead
	}
	if got.State != want {
		t.Fatalf("it is %s (%s), want %s", got.State, got.Error, want)
	}
	if after := got.NextAt.Sub(began); name == "429" && (after < 19*time.Second || after > 21*time.Second) {
		t.Errorf("tried again after %s, want what PagerDuty asks for", after)
	}
	if want == dead {
		if len(r.dead) != 1 {
			t.Errorf("dead: %q", r.dead)
		}
		r.do(incident.Command{Verb: incident.Retry, Incident: id})
	}
	r.settle(time.Hour)
	if got := r.find(id, call.kind); got.State != done {
		t.Errorf("in the end it is %s: %s", got.State, got.Error)
	}
	st, err := r.pd.State(pd)
	must(t, err)
	if st.Status != call.status || len(st.Notes) != call.notes {
		t.Errorf("in PagerDuty it is %s with the notes %q", st.Status, st.Notes)
	}
	if call.verb == "" && len(r.view(id).Incident.Alert.Links) != 1 {
		t.Errorf("the details are %+v", r.view(id).Incident.Alert)
	}
}
