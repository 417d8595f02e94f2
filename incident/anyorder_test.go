package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imbot/incident"
)

// story draws what happens in a town: incidents that open and end, again and
// again, at services that call each other or not.
func story(t *rapid.T) []ev {
	titles := []string{"is down", "error rate", "latency p99", "cpu", "Certificate expires", "something odd", "no healthy upstream"}
	var out []ev
	n := rapid.IntRange(2, 10).Draw(t, "incidents")
	for i := range n {
		service := rapid.SampledFrom(append(shopServices, "checkout", "payments", "db", "")).Draw(t, "service")
		title := fmt.Sprintf("%s %s", service, rapid.SampledFrom(titles).Draw(t, "title"))
		pd, key := fmt.Sprintf("Q%d", i), ""
		if rapid.IntRange(0, 4).Draw(t, "keyed") == 0 {
			key = fmt.Sprintf("k%d", rapid.IntRange(0, 2).Draw(t, "key"))
		}
		when := at(0).Add(time.Duration(rapid.SampledFrom([]int{0, 1, 2, 3, 5, 9, 12, 30, 45, 100, 1500}).Draw(t, "minute")) * time.Minute)
		when = when.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "second")) * time.Second)
		verb, began := incident.Trigger, when
		for range rapid.IntRange(1, 3).Draw(t, "bouts") {
			out = append(out, ev{verb, pd, service, when, title, key, began})
			verb = incident.Reopen
			when = when.Add(time.Duration(rapid.SampledFrom([]int{1, 4, 20, 50}).Draw(t, "lasts")) * time.Minute)
			if rapid.IntRange(0, 4).Draw(t, "lasting") == 0 {
				break
			}
			out = append(out, ev{incident.Resolve, pd, service, when, title, key, began})
			when = when.Add(time.Duration(rapid.SampledFrom([]int{1, 10, 29, 31, 90}).Draw(t, "pause")) * time.Minute)
		}
	}
	slices.SortStableFunc(out, func(a, b ev) int { return a.at.Compare(b.at) })
	return out
}

// TestAnyOrder: the same events, told as they happen or days late, shuffled and
// twice, end in the same tree.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := story(rt)
		live := newTown(t, shop)
		live.t = t
		for _, e := range events {
			live.later(e.at)
			live.tell(e)
		}
		live.later(at(5000))
		want := live.tree()
		checkTree(rt, live)

		late := newTown(t, shop)
		late.now = at(5000)
		order := rapid.Permutation(events).Draw(rt, "order")
		for i, e := range order {
			late.tell(e)
			if i%3 == 0 {
				late.tell(order[i/2])
			}
			if i%4 == 0 {
				late.later(late.now)
			}
		}
		late.later(at(5000))
		if got := late.tree(); got != want {
			rt.Fatalf("told late\n%s\ntold as it happened\n%s\nin the order %v", got, want, order)
		}
	})
}

// checkTree: a link never runs against the direction of calls, never makes a
// circle, never ties an unknown service; parents and children agree.
func checkTree(t *rapid.T, w *town) {
	byID := map[incident.ID]*incident.Incident{}
	for _, id := range w.all() {
		byID[id] = w.get(id)
	}
	for id, inc := range byID {
		for up, n := inc, 0; up.Link != nil; n++ {
			up = byID[up.Link.Parent]
			if up == nil || n > len(byID) {
				t.Fatalf("above %s there is a circle or nothing\n%s", id, w.tree())
			}
		}
		for _, c := range inc.Children {
			if l := byID[c.ID].Link; l == nil || l.Parent != id || l.Kind != c.Kind {
				t.Fatalf("%s has a child %v that does not agree", id, c)
			}
		}
		l := inc.Link
		if l == nil {
			continue
		}
		p := byID[l.Parent]
		if !slices.ContainsFunc(p.Children, func(c incident.Child) bool { return c.ID == id && c.Kind == l.Kind }) {
			t.Fatalf("%s does not list its child %s", p.ID, id)
		}
		switch l.Kind {
		case incident.LinkDuplicate:
			if p.Service != inc.Service || (inc.Service == "" && l.Rule != incident.RuleAlertKey) || p.OpenedAt.After(inc.Intervals[len(inc.Intervals)-1].From) || p.Link != nil && p.Link.Kind == incident.LinkDuplicate {
				t.Fatalf("%s is no duplicate of %s\n%s", id, p.ID, w.tree())
			}
		case incident.LinkCascade:
			if inc.Service == "" || p.Service == "" || !w.graph.reach(inc.Service)[p.Service] || !incident.Travels(inc.Trouble) {
				t.Fatalf("%s is no consequence of %s\n%s", id, p.ID, w.tree())
			}
		}
	}
}
