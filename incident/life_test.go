package incident

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// anything draws a command of a person or of the pager, sensible or not.
func anything(t *rapid.T, now time.Time) Command {
	who := rapid.SampledFrom([]Actor{ani, budi, dewi, robot, pdUser}).Draw(t, "who")
	text := rapid.SampledFrom([]string{"", "x", "two\nlines", "tidak bisa"}).Draw(t, "text")
	person := rapid.SampledFrom([]*Actor{nil, &citra, &pdUser, &budi}).Draw(t, "person")
	when := now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "age")) * time.Minute)
	switch verb := rapid.SampledFrom([]Verb{
		Ack, Unack, Resolve, Reopen, Close, WriteRCA, DoAction, AddNote, SetLevel, SetTime, Assign, Member, Publicise, Trigger, Update, Enrich, Attach, Reroute,
	}).Draw(t, "verb"); verb {
	case Trigger, Update, Enrich:
		return told(verb, when, alert(rapid.SampledFrom(append(orderTitles, "data leak", "planned maintenance")).Draw(t, "title")))
	case Attach:
		return Command{Verb: verb, Actor: System, Args: Args{Ref: &Ref{System: "teams", Role: RoleCard, ID: text, Target: text}}}
	case Reroute:
		return Command{Verb: verb, Actor: System, Args: Args{Target: text}}
	default:
		cmd := Command{Verb: verb, Actor: who, Role: rapid.SampledFrom([]Role{RoleViewer, RoleResponder, RoleAdmin}).Draw(t, "role")}
		cmd.Args = Args{
			Text: text, Reason: text, Waive: text, Person: person, Value: when, Remove: rapid.Bool().Draw(t, "remove"),
			Complete: rapid.Bool().Draw(t, "complete"), Role: rapid.SampledFrom([]string{"", "scribe"}).Draw(t, "as"),
			Level:  rapid.SampledFrom(testLevels().Keys()).Draw(t, "level"),
			Time:   rapid.SampledFrom(TimeNames).Draw(t, "time"),
			RCA:    rapid.SampledFrom([]map[string]string{nil, fullRCA, {"five_whys": "a\nb"}}).Draw(t, "rca"),
			Action: &ActionArgs{Op: rapid.SampledFrom([]string{"add", "done", "reopen"}).Draw(t, "op"), N: 1, Title: text, Owner: person},
		}
		if rapid.Bool().Draw(t, "merged") {
			cmd.Args.Merge = &Ref{System: SourcePagerDuty, Role: RoleAlert, ID: "Q9"}
		}
		return cmd
	}
}

// TestAnything walks an incident through whatever people and the pager may do.
// At each step it is whole; its JSON loses nothing; its clone shares nothing.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		if rapid.Bool().Draw(t, "by hand") {
			w.do(by(dewi, Declare, Args{Title: "x", Service: "checkout", Private: rapid.Bool().Draw(t, "private")}))
		} else {
			w.do(told(Trigger, t0, alert(down)))
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "wait")) * time.Second)
			before := w.inc.Clone()
			if err := w.try(anything(t, w.now)); err != nil {
				if d := cmp.Diff(before, w.inc); d != "" {
					t.Fatalf("an error (%v) left something behind:\n%s", err, d)
				}
				continue
			}
			checkInvariants(t, w)
			if w.inc.Private && len(w.inc.Members) == 0 && !w.inc.VisibleTo(citra, RoleAdmin) {
				t.Fatalf("a private incident that nobody sees")
			}
			b, err := json.Marshal(w.inc)
			if err != nil {
				t.Fatalf("to JSON: %v", err)
			}
			var back Incident
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatalf("from JSON: %v", err)
			}
			if d := cmp.Diff(w.inc, &back, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("JSON and back (-before +after):\n%s", d)
			}
			c := w.inc.Clone()
			if d := cmp.Diff(w.inc, c); d != "" {
				t.Fatalf("the clone differs:\n%s", d)
			}
			if s := shared(reflect.ValueOf(w.inc), reflect.ValueOf(c), "inc"); s != "" {
				t.Fatalf("the clone shares %s", s)
			}
		}
	})
}

// shared names the first thing that two values have in common through a
// pointer, slice or map; "" where there is none.
func shared(a, b reflect.Value, path string) string {
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if a.IsNil() || b.IsNil() || (a.Kind() != reflect.Pointer && a.Len() == 0) {
			return ""
		}
		if a.Pointer() == b.Pointer() {
			return path
		}
	}
	switch a.Kind() {
	case reflect.Pointer:
		return shared(a.Elem(), b.Elem(), path)
	case reflect.Slice:
		for i := range a.Len() {
			if s := shared(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); s != "" {
				return s
			}
		}
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() {
			return "" // its location is a constant
		}
		for i := range a.NumField() {
			if s := shared(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name); s != "" {
				return s
			}
		}
	}
	return ""
}

// TestCloneOfEverything sets every field that holds something by reference.
func TestCloneOfEverything(t *testing.T) {
	five := func() RCA { return RCA{FiveWhys: []string{"why"}} }
	inc := &Incident{
		ID: 1, Members: []Actor{ani}, Responders: []Actor{ani}, Refs: []Ref{alertRef}, Cards: []string{"x"}, Children: []Child{{ID: 2}}, Actions: []Action{{N: 1}}, Causes: []Cause{{ID: "x"}}, Failing: []Failing{{}},
		Alert:   &Alert{Labels: map[string]string{"a": "b"}, Links: []LinkURL{{}}, Assignees: []Actor{ani}},
		Link:    &Link{ParentRef: &Ref{ID: "Q"}, Evidence: []string{"e"}},
		LinkWas: &LinkWas{Link: &Link{Path: []Via{{}}, Evidence: []string{"e"}}}, Apart: []ID{3},
		Postmortem: Postmortem{RCA: five(), Revisions: []Revision{{RCA: five()}}},
		Marks:      []Mark{{}}, Base: &Life{Intervals: []Interval{{}}}, Room: &Room{Sharers: []ID{2}, People: []RoomPerson{{}}}, Pages: []Paged{{}}, Subscribers: []Actor{ani}, Update: &StatusUpdate{}, Life: Life{Intervals: []Interval{{}}},
	}
	var empty []string
	for v, i := reflect.ValueOf(inc).Elem(), 0; i < v.NumField(); i++ {
		switch f := v.Field(i); f.Kind() {
		case reflect.Slice, reflect.Map, reflect.Pointer:
			if f.IsNil() {
				empty = append(empty, v.Type().Field(i).Name)
			}
		}
	}
	if empty != nil {
		t.Errorf("this test leaves out %v", empty)
	}
	if s := shared(reflect.ValueOf(inc), reflect.ValueOf(inc.Clone()), "inc"); s != "" {
		t.Errorf("the clone shares %s", s)
	}
}

func TestDuration(t *testing.T) {
	l := Life{Intervals: []Interval{{at(0), at(10)}, {at(100), at(105)}, {From: at(200)}}}
	for now, want := range map[time.Time]time.Duration{
		at(207): 22 * time.Minute, at(200): 15 * time.Minute, at(150): 15 * time.Minute, {}: 15 * time.Minute,
	} {
		if got := l.Duration(now); got != want {
			t.Errorf("Duration(%s) = %s, want %s: healthy days do not count", now, got, want)
		}
	}
	if got := (&Life{Intervals: []Interval{{at(5), at(1)}}}).Duration(at(9)); got != 0 {
		t.Errorf("an interval that ends before it begins lasts %s", got)
	}
}

// TestFold: an incident that flaps without end keeps a bounded number of marks,
// and the same life as if all were kept. What comes later than that is too late.
func TestFold(t *testing.T) {
	w := triggered(t, slow)
	all := Life{}
	all.step(Mark{At: t0, Kind: MarkOpen, By: pager})
	verbs := []struct {
		verb Verb
		kind MarkKind
	}{{Ack, MarkAck}, {Unack, MarkUnack}, {Ack, MarkAck}, {Resolve, MarkResolve}, {Reopen, MarkOpen}}
	for i := range 3000 {
		v, when := verbs[i%len(verbs)], t0.Add(time.Duration(i+1)*time.Second)
		w.do(told(v.verb, when, alert(slow)))
		all.step(Mark{At: when, Kind: v.kind, By: pager})
		if len(w.inc.Marks) > maxMarks {
			t.Fatalf("%d marks after %d events", len(w.inc.Marks), i)
		}
	}
	same := func() string { // but for the open times that are only counted
		is := w.inc.Life
		n := len(is.Intervals) - 1
		if is.Intervals[0] != all.Intervals[0] || is.Duration(clock) != all.Duration(clock) {
			t.Errorf("first %v, lasted %s, want %s", is.Intervals[0], is.Duration(clock), all.Duration(clock))
		}
		return cmp.Diff(all, is, cmpopts.IgnoreFields(Life{}, "Intervals", "Earlier")) + cmp.Diff(all.Intervals[len(all.Intervals)-n:], is.Intervals[1:])
	}
	if d := same(); d != "" {
		t.Fatalf("folding changed the life (-all marks +folded):\n%s", d)
	}
	if w.inc.Episode != 601 || w.inc.Base == nil {
		t.Fatalf("episode %d", w.inc.Episode)
	}
	for _, when := range []time.Time{at(1), w.inc.BaseAt} {
		if w.do(told(Resolve, when, alert(slow))); w.kinds() != "stale" || w.events[0].Data["verb"] != "resolve" {
			t.Errorf("an event of %s made %q", when, w.kinds())
		}
	}
	if d := same(); d != "" {
		t.Errorf("what came too late changed the life:\n%s", d)
	}
	// Within the marks that are left, any order is still good.
	mid := w.inc.Marks[10].At.Add(time.Millisecond)
	w.do(told(Resolve, mid, alert(slow)))
	w.do(told(Reopen, mid.Add(time.Millisecond), alert(slow)))
	checkInvariants(t, w)
	wantProblem(t, w.try(by(ani, SetTime, Args{Time: "opened", Value: at(1), Reason: "r"})), ErrConflict, "time_order")
}

// TestFoldKeepsInstantsTogether folds where many marks have one time.
func TestFoldKeepsInstantsTogether(t *testing.T) {
	inc := &Incident{ID: 1}
	var all Life
	for i := range 400 {
		when := t0.Add(time.Duration(i/3) * time.Second)
		m := Mark{At: when, Kind: []MarkKind{MarkOpen, MarkAck, MarkResolve}[i%3]}
		inc.mark(m)
		all.step(m)
	}
	if d := cmp.Diff(all, inc.live()); d != "" {
		t.Errorf("folding changed the life:\n%s", d)
	}
	if inc.Base == nil || !inc.Marks[0].At.After(inc.BaseAt) {
		t.Fatalf("marks of one time were torn apart at %s", inc.BaseAt)
	}
	if inc.mark(Mark{At: inc.BaseAt, Kind: MarkUnack}) || inc.mark(Mark{At: t0, Kind: MarkUnack}) {
		t.Error("a mark from before the fold was taken")
	}
}
