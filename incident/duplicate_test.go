package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/incident"
)

func TestDuplicates(t *testing.T) {
	const down, slow = "checkout is down", "checkout is slow"
	keyed := func(e ev, key string) ev { e.key = key; return e }
	tests := map[string]struct {
		events []ev
		want   string
	}{
		"same title, numbers apart": {
			[]ev{opens("A", "checkout", at(0), "[#4711] pod checkout-7d9f8b6c5d-x2x9q on 10.0.0.7: job has not run for 61 min"), opens("B", "checkout", at(5), "[#9] pod checkout-aa1-bb2 on 10.9.0.1: job has not run for 5 min")},
			"A 10:00:00- [duplicate B]\nB duplicate of A by title 10:05:00-",
		},
		"other words, same trouble": {
			[]ev{opens("A", "checkout", at(0), down), opens("B", "checkout", at(5), "TargetDown: no healthy upstream for checkout")},
			"A 10:00:00- [duplicate B]\nB duplicate of A by trouble 10:05:00-",
		},
		"the monitor's key wins": {
			[]ev{keyed(opens("A", "checkout", at(0), down), "k1"), keyed(opens("B", "checkout", at(5), "checkout mati"), "k1")},
			"A 10:00:00- [duplicate B]\nB duplicate of A by alert_key 10:05:00-",
		},
		"a key of a known vendor without a service": {
			[]ev{keyed(opens("A", "", at(0), "x"), "k1"), keyed(opens("B", "", at(5), "y"), "k1"), opens("C", "", at(6), down), opens("D", "", at(7), down)},
			"A 10:00:00- [duplicate B]\nB duplicate of A by alert_key 10:05:00-\nC 10:06:00-\nD 10:07:00-",
		},
		"other trouble": {[]ev{opens("A", "checkout", at(0), down), opens("B", "checkout", at(5), slow)}, "A 10:00:00-\nB 10:05:00-"},
		"other chores": {
			[]ev{opens("A", "checkout", at(0), "Certificate expires soon"), opens("B", "checkout", at(5), "Backup failed")},
			"A 10:00:00-\nB 10:05:00-",
		},
		"other service": {[]ev{opens("A", "checkout", at(0), "cpu"), opens("B", "lonely", at(5), "cpu")}, "A 10:00:00-\nB 10:05:00-"},
		"within the grace the parent opens again, and ends with its duplicate": {
			[]ev{opens("A", "checkout", at(0), down), ends("A", "checkout", at(10), down), opens("B", "checkout", at(39), down), ends("B", "checkout", at(50), down)},
			"A 10:00:00-10:10:00 10:39:00-10:50:00 [duplicate B]\nB duplicate of A by title 10:39:00-10:50:00",
		},
		"after the grace": {
			[]ev{opens("A", "checkout", at(0), down), ends("A", "checkout", at(10), down), opens("B", "checkout", at(41), down)},
			"A 10:00:00-10:10:00\nB 10:41:00-",
		},
		"past the window": {
			[]ev{opens("A", "checkout", at(0), down), opens("B", "checkout", at(24*60), down), opens("C", "checkout", at(24*60+1), down)},
			"A 10:00:00- [duplicate B]\nB duplicate of A by title 10:00:00-\nC 10:01:00-",
		},
		"the earlier by event time is the parent": {
			[]ev{opens("B", "checkout", at(5), down), opens("A", "checkout", at(0), down)},
			"A 10:00:00- [duplicate B]\nB duplicate of A by title 10:05:00-",
		},
		"still ringing: promoted after the grace, and the others follow it": {
			[]ev{opens("A", "checkout", at(0), down), opens("B", "checkout", at(5), down), opens("C", "checkout", at(6), down), ends("A", "checkout", at(10), down), ends("C", "checkout", at(70), down)},
			"A 10:00:00-10:10:00\nB 10:05:00- [duplicate C]\nC duplicate of B by title 10:06:00-11:10:00",
		},
		"resolved within the grace: follows": {
			[]ev{opens("A", "checkout", at(0), down), opens("B", "checkout", at(5), down), ends("A", "checkout", at(10), down), ends("B", "checkout", at(39), down)},
			"A 10:00:00-10:10:00 [duplicate B]\nB duplicate of A by title 10:05:00-10:39:00",
		},
		"flapping: the fourth opening within two hours is one incident": {
			[]ev{
				opens("A", "checkout", at(0), down), ends("A", "checkout", at(1), down), opens("B", "checkout", at(35), down), ends("B", "checkout", at(36), down),
				opens("C", "checkout", at(70), down), ends("C", "checkout", at(71), down), opens("D", "checkout", at(105), down), ends("D", "checkout", at(106), down),
				opens("E", "checkout", at(150), down), ends("E", "checkout", at(151), down),
			},
			"A 10:00:00-10:01:00\nB 10:35:00-10:36:00\nC 11:10:00-11:11:00 11:45:00-11:46:00 12:30:00-12:31:00 [duplicate D, duplicate E] flapping 4\n" +
				"D duplicate of C by title 11:45:00-11:46:00\nE duplicate of C by title 12:30:00-12:31:00",
		},
		"private ones are tied to nothing": {[]ev{opens("A", "checkout", at(0), "leak: "+down), opens("B", "checkout", at(1), "leak: "+down)}, "A 10:00:00-\nB 10:01:00-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, shop)
			w.now = at(30 * 60)
			w.tell(tt.events...)
			w.later(at(30 * 60))
			if got := w.tree(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestDuplicateIsSilent(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("A", "checkout", at(0), "checkout is down"), opens("B", "checkout", at(5), "checkout is down"))
	a, b := w.pd("A"), w.pd("B")
	if got := w.cards(b.ID); got != nil {
		t.Errorf("cards of a duplicate: %v", got)
	}
	if got := w.cards(a.ID); len(got) != 2 {
		t.Errorf("cards of the parent: %v, want the squad's and the broadcast channel's", got)
	}
	if b.Postmortem.Required || b.Status != incident.Open {
		t.Errorf("the duplicate is %s and owes an RCA: %t", b.Status, b.Postmortem.Required)
	}
	w.tell(ends("A", "checkout", at(10), "checkout is down"))
	w.later(at(41))
	b = w.pd("B")
	if b.Link != nil || len(w.cards(b.ID)) != 2 || !strings.Contains(w.timeline(b.ID), "promoted") || !b.Postmortem.Required {
		t.Errorf("promoted: link %v, cards %v, timeline %s, RCA owed %t", b.Link, w.cards(b.ID), w.timeline(b.ID), b.Postmortem.Required)
	}
}

// TestHandDeclared: what a person declares is nobody's duplicate, but may have
// some; and those that it has end with it where no pager rings for them.
func TestHandDeclared(t *testing.T) {
	w := newTown(t, shop)
	w.now = at(10)
	hand := func(title string) *incident.Incident {
		return w.do(incident.Command{Verb: incident.Declare, Actor: ani, Role: incident.RoleResponder, Args: incident.Args{Title: title, Service: "checkout"}})
	}
	first := hand("checkout is down")
	w.tell(opens("B", "checkout", at(12), "checkout is down"))
	second := hand("checkout is down")
	if got := w.pd("B").Link; got == nil || got.Parent != first.ID || second.Link != nil {
		t.Errorf("the pager's %+v, the second by hand %+v", got, second.Link)
	}
	w.do(incident.Command{Verb: incident.SetLink, Incident: second.ID, Actor: ani, Role: incident.RoleResponder, Args: incident.Args{Parent: first.ID, LinkKind: incident.LinkDuplicate}})
	w.now = at(20)
	w.do(incident.Command{Verb: incident.Resolve, Incident: first.ID, Actor: ani, Role: incident.RoleResponder})
	if got := w.get(second.ID); got.Status != incident.Closed || !got.ResolvedAt.Equal(at(20)) || got.ResolvedBy != incident.System {
		t.Errorf("the second is %s at %s by %v", got.Status, got.ResolvedAt, got.ResolvedBy)
	}
	if got := w.pd("B"); got.Status != incident.Open {
		t.Errorf("the pager still rings for B, and it is %s", got.Status)
	}
}

// TestDeclaredByImbot: what imbot itself says is of an incident's own life, not
// something that it follows.
func TestDeclaredByImbot(t *testing.T) {
	w := newTown(t, shop)
	w.now = at(10)
	inc := w.do(incident.Command{Verb: incident.Declare, Actor: incident.System, Args: incident.Args{Title: "checkout is down", Service: "checkout"}})
	w.tell(opens("B", "checkout", at(12), "checkout is down"), ends("B", "checkout", at(13), "checkout is down"))
	if inc = w.get(inc.ID); inc.Status != incident.Open || len(inc.Children) != 1 {
		t.Errorf("it is %s, with children %v", inc.Status, inc.Children)
	}
}

// TestResolvedByHand: a person's word ends a parent that only its duplicates
// kept open.
func TestResolvedByHand(t *testing.T) {
	w := newTown(t, shop)
	w.now = at(30)
	w.tell(opens("A", "checkout", at(0), "checkout is down"), ends("A", "checkout", at(10), "checkout is down"), opens("B", "checkout", at(20), "checkout is down"))
	if a := w.pd("A"); a.Status != incident.Open || a.Episode != 2 {
		t.Fatalf("A is %s, episode %d", a.Status, a.Episode)
	}
	w.do(incident.Command{Verb: incident.Resolve, Incident: w.pd("A").ID, Actor: ani, Role: incident.RoleResponder})
	if a := w.pd("A"); a.Status != incident.Resolved || !a.ResolvedAt.Equal(at(30)) {
		t.Errorf("A is %s at %s after a person resolved it", a.Status, a.ResolvedAt)
	}
	w.later(at(61))
	if b := w.pd("B"); b.Link != nil || b.Status != incident.Open {
		t.Errorf("B still rings: %s, link %v", b.Status, b.Link)
	}
}

// TestStorm: a flood of one alert stays one incident, whose board stays small.
func TestStorm(t *testing.T) {
	w := newTown(t, shop)
	for i := range 300 {
		w.tell(opens(fmt.Sprintf("Q%03d", i), "checkout", at(0).Add(time.Duration(i)*time.Second), "checkout is down"))
	}
	root := w.pd("Q000")
	if n := len(root.Children); n != 299 {
		t.Errorf("%d children", n)
	}
	for i := 299; i >= 0; i-- {
		w.tell(ends(fmt.Sprintf("Q%03d", i), "checkout", at(20).Add(time.Duration(300-i)*time.Second), "checkout is down"))
	}
	w.later(at(200))
	open := slices.DeleteFunc(w.all(), func(id incident.ID) bool { return w.get(id).Status != incident.Open })
	root = w.pd("Q000")
	if len(open) != 0 || root.Status != incident.Resolved {
		t.Errorf("%d are open, the first is %s", len(open), root.Status)
	}
	for _, id := range w.all()[1:] {
		if l := w.get(id).Link; l == nil || l.Parent != root.ID {
			t.Errorf("%s: link %+v", id, l)
		}
	}
}
