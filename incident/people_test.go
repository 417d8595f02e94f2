package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAssign(t *testing.T) {
	w := triggered(t, down)
	assign := func(role string, p *Actor) Command { return by(dewi, Assign, Args{Role: role, Person: p}) }
	w.do(assign("", &pdUser))
	if w.inc.Commander != ani || w.events[0].Data["role"] != "commander" || w.events[0].Data["person"] != "Ani" || w.events[0].Data["from"] != "" {
		t.Errorf("commander %v, event %v", w.inc.Commander, w.events[0].Data)
	}
	w.do(assign("commander", &ani)).silent()
	w.do(assign("commander", &citra))
	if w.events[0].Data["from"] != "Ani" {
		t.Errorf("event %v", w.events[0].Data)
	}
	if w.do(assign("scribe", &budi)); w.inc.Scribe != budi || w.inc.Commander != citra {
		t.Errorf("scribe %v, commander %v", w.inc.Scribe, w.inc.Commander)
	}
	wantProblem(t, w.try(assign("king", &ani)), ErrInvalid, "unknown_role")
	wantProblem(t, w.try(assign("", nil)), ErrInvalid, "person_missing")
	wantProblem(t, w.try(assign("", &Actor{})), ErrInvalid, "person_missing")
}

// TestLevelByHand: a person's decision is never undone by the rules.
func TestLevelByHand(t *testing.T) {
	w := triggered(t, slow)
	w.do(by(ani, SetLevel, Args{Level: "OTHER", Reason: "a test"}))
	if w.inc.Level != Other || w.inc.LevelBy != ani || w.inc.LevelRule != "" || w.events[0].Text != "a test" {
		t.Errorf("level %s by %v of rule %q", w.inc.Level, w.inc.LevelBy, w.inc.LevelRule)
	}
	w.do(told(Update, at(1), alert(down)))
	w.do(Command{Verb: Enrich, Actor: pager, Source: SourcePagerDuty, Args: Args{Alert: &Alert{Labels: map[string]string{"severity": "critical"}}}})
	if w.inc.Level != Other || w.inc.LevelBy != ani {
		t.Errorf("level %s by %v, want the person's", w.inc.Level, w.inc.LevelBy)
	}
	w.do(by(citra, SetLevel, Args{Level: Other})).silent()
	wantProblem(t, w.try(by(ani, SetLevel, Args{Level: "sev1"})), ErrInvalid, "unknown_level")
	wantProblem(t, w.try(by(ani, SetLevel, Args{})), ErrInvalid, "unknown_level")

	// Confirming what the rules say is a decision too.
	w = triggered(t, slow).do(by(ani, SetLevel, Args{Level: HighResponseTime}))
	if w.do(told(Update, at(1), alert(down))); w.inc.Level != HighResponseTime {
		t.Errorf("level %s", w.inc.Level)
	}
	// A level by hand at the declaration is one as well.
	w = declared(t, Args{Title: down, Level: Other, Service: "checkout"})
	w.inc.Alert = alert(down)
	if w.do(told(Update, at(90), alert(down))); w.inc.Level != Other {
		t.Errorf("level %s", w.inc.Level)
	}
}

// TestSecondLook: the details that are fetched after the webhook decide the level
// again, and later webhooks, which say nothing about them, do not undo it.
func TestSecondLook(t *testing.T) {
	al := alert(odd)
	al.Assignees = []Actor{{Kind: KindUser, ID: "pd:PX", Name: "X"}}
	w := newWorld(t).do(told(Trigger, t0, al))
	enrich := Command{Verb: Enrich, Actor: pager, Source: SourcePagerDuty, Args: Args{Alert: &Alert{
		Condition: "5xx", Labels: map[string]string{"severity": "critical"}, Links: []LinkURL{{Title: "Grafana", URL: "https://g.example.com"}},
		Description: " d ", Assignees: []Actor{{Kind: KindUser, ID: "x@example.com", Name: "X"}},
	}}}
	w.do(enrich)
	if w.inc.Level != HighErrorRate || w.inc.LevelRule != "prod critical" || w.kinds() != "details level" || w.events[1].Actor != System {
		t.Errorf("level %s of %q, events %q", w.inc.Level, w.inc.LevelRule, w.kinds())
	}
	if w.inc.Alert.Title != odd || w.inc.Alert.ServiceID != "PABC123" || w.inc.Alert.Description != "d" || w.inc.Responders[0].ID != "x@example.com" {
		t.Errorf("alert %+v, responders %v", w.inc.Alert, w.inc.Responders)
	}
	w.do(enrich).silent()
	next := alert(odd)
	next.Assignees = al.Assignees
	w.do(told(Ack, at(1), next))
	if w.inc.Level != HighErrorRate || w.kinds() != "acknowledged" || w.inc.Alert.Condition != "5xx" || w.inc.Responders[0].ID != "x@example.com" {
		t.Errorf("after the next webhook: level %s, events %q, condition %q, responders %v", w.inc.Level, w.kinds(), w.inc.Alert.Condition, w.inc.Responders)
	}
	next.Assignees = []Actor{pdUser}
	if w.do(told(Update, at(2), next)); w.kinds() != "responders" || w.inc.Responders[0] != ani || w.events[0].Data["people"] != "Ani" {
		t.Errorf("events %q, responders %v", w.kinds(), w.inc.Responders)
	}
	newWorld(t).do(by(dewi, Declare, Args{Title: "x"})).do(enrich).silent() // declared by hand: there is no alert
}

func TestPagersWords(t *testing.T) {
	w := triggered(t, slow)
	al := alert("checkout is down")
	al.Urgency, al.Priority = "low", "P1"
	w.do(told(Update, at(5), al))
	if w.kinds() != "changed changed changed level" || w.inc.Title != down || w.inc.Level != ServiceDown || w.inc.LevelRule != "p1" {
		t.Errorf("events %q, title %q, level %s", w.kinds(), w.inc.Title, w.inc.Level)
	}
	// What is older comes too late; its word for people is logged all the same.
	old := told(Update, at(4), alert(odd))
	old.Args.Text = "somebody changed the priority"
	if w.do(old); w.kinds() != "pager" || w.inc.Title != down {
		t.Errorf("events %q, title %q", w.kinds(), w.inc.Title)
	}
	// The end brings the last word with it.
	if w.do(told(Resolve, at(6), alert(odd))); w.inc.Title != odd || w.kinds() != "changed changed changed level resolved closed" {
		t.Errorf("events %q, title %q", w.kinds(), w.inc.Title)
	}
}

func TestSetTime(t *testing.T) {
	set := func(name string, v time.Time, reason string) Command {
		return by(citra, SetTime, Args{Time: name, Value: v, Reason: reason})
	}
	w := triggered(t, down).do(told(Ack, at(5), alert(down))).do(told(Resolve, at(10), alert(down)))
	w.do(by(ani, Close, Args{Waive: "x"}))
	for _, name := range []string{"impact_started", "detected", "mitigated"} {
		w.do(set(name, at(2).Add(300*time.Millisecond), ""))
		w.do(set(name, at(2), "")).silent()
	}
	if d := cmp.Diff(Times{ImpactStarted: at(2), Detected: at(2), Mitigated: at(2)}, w.inc.Times); d != "" {
		t.Errorf("times (-want +got):\n%s", d)
	}
	w.do(set("detected", at(3), ""))
	if d := cmp.Diff(map[string]string{"time": "detected", "from": "2026-03-01T10:02:00Z", "to": "2026-03-01T10:03:00Z"}, w.events[0].Data); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}

	w.do(set("opened", at(-5), "the monitor was late"))
	w.do(set("acknowledged", at(1), "by phone"))
	w.do(set("resolved", at(8), "it was well before"))
	inc := w.inc
	if !inc.OpenedAt.Equal(at(-5)) || !inc.AcknowledgedAt.Equal(at(1)) || !inc.FirstAcknowledgedAt.Equal(at(1)) || !inc.ResolvedAt.Equal(at(8)) ||
		inc.Duration(clock) != 13*time.Minute || inc.Status != Closed || inc.Episode != 1 {
		t.Errorf("life = %+v", inc.Life)
	}
	if w.events[0].Text != "it was well before" || w.events[0].Data["from"] != "2026-03-01T10:10:00Z" {
		t.Errorf("event = %+v", w.events[0])
	}
	// The pager tells the old times once more: the corrections hold.
	before := w.inc.Clone()
	for _, cmd := range []Command{
		told(Trigger, t0, alert(down)), told(Ack, at(5), alert(down)), told(Resolve, at(10), alert(down)), told(Resolve, at(10).Add(400*time.Millisecond), alert(down)),
	} {
		w.do(cmd)
	}
	if d := cmp.Diff(before.Life, w.inc.Life); d != "" {
		t.Errorf("told once more (-before +after):\n%s", d)
	}
}

func TestSetTimeRefused(t *testing.T) {
	// open 0, acknowledged 5, resolved 10, reopened 20, resolved 30, reviewed at the clock (60)
	w := triggered(t, down)
	for _, cmd := range []Command{
		told(Ack, at(5), nil), told(Resolve, at(10), nil), told(Reopen, at(20), nil), told(Ack, at(25), nil), told(Resolve, at(30), nil), by(ani, Close, Args{Waive: "x"}),
	} {
		w.do(cmd)
	}
	w.now = at(120)
	tests := []struct {
		who    Actor
		name   string
		value  time.Time
		reason string
		kind   error
		key    string
	}{
		{citra, "lunch", at(1), "r", ErrInvalid, "unknown_time"},
		{citra, "detected", time.Time{}, "", ErrInvalid, "bad_time"},
		{citra, "detected", time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), "", ErrInvalid, "bad_time"},
		{citra, "detected", at(122), "", ErrInvalid, "future_time"},
		{citra, "opened", at(21), "", ErrInvalid, "reason_missing"},
		{citra, "opened", at(21), " ", ErrInvalid, "reason_missing"},
		{dewi, "opened", at(21), "r", ErrForbidden, "forbidden_squad"},
		{citra, "opened", at(9), "into the first episode", ErrConflict, "time_order"},
		{citra, "opened", at(26), "after the acknowledgement", ErrConflict, "time_order"},
		{citra, "opened", at(31), "after the end", ErrConflict, "time_order"},
		{citra, "acknowledged", at(19), "before the beginning", ErrConflict, "time_order"},
		{citra, "acknowledged", at(31), "after the end", ErrConflict, "time_order"},
		{citra, "resolved", at(24), "before the acknowledgement", ErrConflict, "time_order"},
		{citra, "resolved", at(19), "before the beginning", ErrConflict, "time_order"},
		{citra, "resolved", at(61), "after the review", ErrConflict, "time_order"},
	}
	for _, tt := range tests {
		before := w.inc.Clone()
		err := w.try(by(tt.who, SetTime, Args{Time: tt.name, Value: tt.value, Reason: tt.reason}))
		wantProblem(t, err, tt.kind, tt.key)
		if d := cmp.Diff(before, w.inc); d != "" {
			t.Errorf("%s to %s changed something:\n%s", tt.name, tt.value, d)
		}
	}
	// What only people know, any responder may tell.
	w.do(by(dewi, SetTime, Args{Time: "detected", Value: at(1)}))
	w.do(by(citra, SetTime, Args{Time: "opened", Value: at(12), Reason: "r"}))
	if w.inc.Duration(w.now) != 28*time.Minute || w.inc.Episode != 2 {
		t.Errorf("duration %s in episode %d, want 10m + 18m in 2", w.inc.Duration(w.now), w.inc.Episode)
	}
	for _, name := range []string{"acknowledged", "resolved"} {
		wantProblem(t, triggered(t, down).try(by(citra, SetTime, Args{Time: name, Value: at(1), Reason: "r"})), ErrConflict, "no_time")
	}
}

// TestSetTimeEcho corrects times that the pager's echo has told a second time, a
// little later: the echo does not take the place of the correction.
func TestSetTimeEcho(t *testing.T) {
	w := newWorld(t).do(told(Trigger, t0.Add(300*time.Millisecond), alert(down)))
	w.do(told(Ack, at(2), nil)).do(told(Ack, at(2).Add(time.Second), nil))
	w.do(told(Resolve, at(10), nil)).do(told(Resolve, at(10).Add(time.Second), nil))
	for _, tt := range []struct {
		name string
		to   time.Time
	}{{"resolved", at(20)}, {"acknowledged", at(8)}, {"opened", at(5)}, {"opened", at(1)}, {"resolved", at(9)}} {
		w.do(by(citra, SetTime, Args{Time: tt.name, Value: tt.to, Reason: "r"}))
		got := map[string]time.Time{"opened": w.inc.OpenedAt, "acknowledged": w.inc.AcknowledgedAt, "resolved": w.inc.ResolvedAt}[tt.name]
		if !got.Equal(tt.to) {
			t.Errorf("%s corrected to %s is %s", tt.name, tt.to, got)
		}
		// Told once more, to the second or to the millisecond, nothing changes.
		before := w.inc.Life
		for _, cmd := range []Command{
			told(Trigger, t0, alert(down)), told(Trigger, t0.Add(300*time.Millisecond), alert(down)), told(Ack, at(2), nil), told(Ack, at(2).Add(time.Second), nil),
			told(Resolve, at(10), nil), told(Resolve, at(10).Add(400*time.Millisecond), nil),
		} {
			w.do(cmd)
		}
		if d := cmp.Diff(before, w.inc.Life); d != "" {
			t.Errorf("%s corrected to %s, then told once more (-before +after):\n%s", tt.name, tt.to, d)
		}
	}
	if w.inc.Episode != 1 || w.inc.Duration(clock) != 8*time.Minute {
		t.Errorf("life = %+v", w.inc.Life)
	}
}
