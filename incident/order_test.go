package incident

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// outcome is what must not depend on the order in which events arrive.
type outcome struct {
	Life       Life
	Status     Status
	ClosedAt   time.Time
	Title      string
	Level      string
	LevelRule  string
	LevelBy    Actor
	Priority   string
	AlertAt    time.Time
	Postmortem string
}

func outcomeOf(inc *Incident) outcome {
	return outcome{
		Life: inc.Life, Status: inc.Status, ClosedAt: inc.ClosedAt, Title: inc.Title, Level: inc.Level, LevelRule: inc.LevelRule,
		LevelBy: inc.LevelBy, Priority: inc.Alert.Priority, AlertAt: inc.AlertAt, Postmortem: inc.Postmortem.State,
	}
}

var (
	orderTitles = []string{down, slow, odd, "checkout: high error rate"}
	orderVerbs  = []Verb{Trigger, Ack, Unack, Resolve, Reopen, Update}
)

// pagersStory draws what the pager tells of one incident: the trigger, and up to
// 14 more events, some of them within one instant. Each carries the state of the
// alert at its time, as PagerDuty's do.
func pagersStory(t *rapid.T) []Command {
	n := rapid.IntRange(0, 14).Draw(t, "events")
	when, title, priority := t0, rapid.SampledFrom(orderTitles).Draw(t, "title"), ""
	alertNow := func() *Alert {
		al := alert(title)
		al.Priority = priority
		return al
	}
	story := []Command{told(Trigger, t0, alertNow())}
	for i := range n {
		if d := rapid.IntRange(0, 3).Draw(t, fmt.Sprint("gap", i)); d > 0 {
			when = when.Add(time.Duration(d) * 777 * time.Millisecond)
			if rapid.Bool().Draw(t, fmt.Sprint("renamed", i)) {
				title = rapid.SampledFrom(orderTitles).Draw(t, fmt.Sprint("title", i))
				priority = rapid.SampledFrom([]string{"", "P1", "P2"}).Draw(t, fmt.Sprint("priority", i))
			}
		}
		cmd := told(rapid.SampledFrom(orderVerbs).Draw(t, fmt.Sprint("verb", i)), when, alertNow())
		cmd.Actor = Actor{Kind: KindUser, ID: "pd:" + string(cmd.Verb) + when.Format("05.000")}
		story = append(story, cmd)
	}
	return story
}

// model computes the life of the story's incident directly.
func model(story []Command) Life {
	sorted := slices.Clone(story)
	rank := map[Verb]int{Trigger: 0, Reopen: 0, Ack: 1, Unack: 2, Resolve: 3, Update: 9}
	slices.SortStableFunc(sorted, func(a, b Command) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank[a.Verb], rank[b.Verb]))
	})
	var l Life
	open := false
	for _, c := range sorted {
		switch {
		case (c.Verb == Trigger || c.Verb == Reopen) && !open:
			open = true
			l = Life{OpenedAt: l.OpenedAt, Intervals: append(l.Intervals, Interval{From: c.At}), Episode: l.Episode + 1, FirstAcknowledgedAt: l.FirstAcknowledgedAt}
			if l.Episode == 1 {
				l.OpenedAt = c.At
			}
		case c.Verb == Ack && open && l.AcknowledgedAt.IsZero():
			l.AcknowledgedAt, l.AcknowledgedBy = c.At, c.Actor
			if l.FirstAcknowledgedAt.IsZero() {
				l.FirstAcknowledgedAt = c.At
			}
		case c.Verb == Unack:
			l.AcknowledgedAt, l.AcknowledgedBy = time.Time{}, Actor{}
		case c.Verb == Resolve && open:
			open = false
			l.Intervals[len(l.Intervals)-1].To = c.At
			l.ResolvedAt, l.ResolvedBy = c.At, c.Actor
		}
	}
	return l
}

// TestAnyOrder: events that arrive late, twice and out of order make the same
// incident.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		story := pagersStory(t)
		want := newWorld(t)
		for _, cmd := range story {
			want.do(cmd)
		}
		if d := gocmp.Diff(model(story), want.inc.Life); d != "" {
			t.Fatalf("in order, the life is not that of the model (-model +got):\n%s", d)
		}
		last := story[len(story)-1].Args.Alert
		if want.inc.Title != last.Title || want.inc.Alert.Priority != last.Priority {
			t.Fatalf("title %q, priority %q; want the newest, %q and %q", want.inc.Title, want.inc.Alert.Priority, last.Title, last.Priority)
		}
		copies := rapid.SliceOfN(rapid.SampledFrom(story), 0, 8).Draw(t, "copies")
		arrival := rapid.Permutation(append(slices.Clone(story), copies...)).Draw(t, "arrival")
		got := newWorld(t)
		for _, cmd := range arrival {
			got.do(cmd)
			checkInvariants(t, got)
		}
		if d := gocmp.Diff(outcomeOf(want.inc), outcomeOf(got.inc)); d != "" {
			t.Fatalf("another order of arrival made another incident (-in order +as arrived):\n%s", d)
		}
		for _, cmd := range story {
			if cmd.Verb == Update {
				continue
			}
			if got.do(cmd); len(got.events)+len(got.effects) != 0 {
				t.Fatalf("%s at %s, told once more, made events %q", cmd.Verb, cmd.At, got.kinds())
			}
		}
	})
}

// checkInvariants holds for every incident at any time.
func checkInvariants(t fataler, w *world) {
	t.Helper()
	inc := w.inc
	if inc.Duration(w.now) < 0 || inc.Duration(time.Time{}) < 0 {
		t.Errorf("duration %s", inc.Duration(w.now))
	}
	if n := len(inc.Intervals); n > inc.Episode || n < inc.Episode && inc.Earlier == 0 || inc.Episode < 1 {
		t.Errorf("%d intervals in episode %d", len(inc.Intervals), inc.Episode)
	}
	var end time.Time
	for i, iv := range inc.Intervals {
		if iv.From.Before(end) || (!iv.To.IsZero() && iv.To.Before(iv.From)) || (iv.To.IsZero() && i < len(inc.Intervals)-1) {
			t.Errorf("intervals %v are not in order", inc.Intervals)
		}
		end = iv.To
	}
	if (inc.Status == Open) != inc.Active() || (inc.Status == Closed) != !inc.ClosedAt.IsZero() {
		t.Errorf("status %s, active %v, closed at %s", inc.Status, inc.Active(), inc.ClosedAt)
	}
	if len(inc.Marks) > maxMarks {
		t.Errorf("%d marks", len(inc.Marks))
	}
	for i, e := range w.events {
		if e.N != inc.Events-len(w.events)+1+i || e.Incident != inc.ID || e.Kind == "" || e.At.IsZero() || e.Actor.IsZero() {
			t.Errorf("event %+v of %d", e, inc.Events)
		}
	}
	seen := map[string]bool{}
	for _, e := range w.effects {
		if seen[e.Key] || e.Incident != inc.ID || e.Lane == "" || e.Mode == Latest && e.Data != nil {
			t.Errorf("effect %+v", e)
		}
		seen[e.Key] = true
	}
}
