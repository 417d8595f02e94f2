package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

func TestCascades(t *testing.T) {
	const dbDown = "db is down"
	tests := map[string]struct {
		events []ev
		want   string // kind and parent of S, the last word of the story
	}{
		"a direct callee":                  {[]ev{opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"over a service that is silent":    {[]ev{opens("T", "db", at(0), dbDown), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"three calls away":                 {[]ev{opens("T", "db", at(0), dbDown), opens("S", "web", at(3), "error rate")}, ""},
		"against direction":                {[]ev{opens("T", "web", at(0), "web is down"), opens("S", "checkout", at(3), "error rate")}, ""},
		"siblings":                         {[]ev{opens("T", "stock", at(0), "stock is down"), opens("S", "payments", at(3), "error rate")}, ""},
		"no way":                           {[]ev{opens("T", "lonely", at(0), "lonely is down"), opens("S", "checkout", at(3), "error rate")}, ""},
		"the deepest of a chain":           {[]ev{opens("P", "payments", at(0), "latency"), opens("T", "db", at(1), dbDown), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"the likelier of two":              {[]ev{opens("O", "stock", at(-5), "stock is down"), opens("T", "payments", at(2), "payments is down"), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"rather one before than one after": {[]ev{opens("O", "stock", at(4), "stock is down"), opens("T", "payments", at(1), "payments is down"), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"a direct one before a silent":     {[]ev{opens("O", "index", at(0), "index is down"), opens("T", "checkout", at(1), "checkout is down"), opens("S", "web", at(3), "error rate")}, "cascade T"},
		"two that are about as likely":     {[]ev{opens("O", "stock", at(2), "stock is down"), opens("T", "payments", at(2), "payments is down"), opens("S", "checkout", at(3), "error rate")}, ""},
		"two symptoms of one cause":        {[]ev{opens("T", "payments", at(1), "payments is down"), opens("O", "payments", at(2), "latency"), opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"a second symptom":                 {[]ev{opens("T", "payments", at(0), "payments is down"), opens("F", "checkout", at(1), "error rate"), opens("O", "stock", at(4), "stock is down"), opens("S", "checkout", at(5), "latency")}, "cascade T"},
		"the first symptom comes late":     {[]ev{opens("T", "payments", at(0), "payments is down"), opens("O", "stock", at(4), "stock is down"), opens("S", "checkout", at(5), "latency"), opens("F", "checkout", at(1), "error rate")}, "cascade T"},
		"the cause of both comes late":     {[]ev{opens("F", "checkout", at(1), "error rate"), opens("O", "stock", at(4), "stock is down"), opens("S", "checkout", at(5), "latency"), opens("T", "payments", at(0), "payments is down")}, "cascade T"},
		"no second symptom any more":       {[]ev{opens("O", "payments", at(0), "payments is down"), opens("F", "checkout", at(1), "error rate"), opens("T", "stock", at(6), "stock is down"), opens("S", "checkout", at(7), "latency")}, "cascade T"},
		"ten minutes before":               {[]ev{opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(10), "error rate")}, "cascade T"},
		"more than ten minutes before":     {[]ev{opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(11), "error rate")}, ""},
		"the caller alerts first":          {[]ev{opens("S", "checkout", at(0), "error rate"), opens("T", "payments", at(2), "payments down")}, "cascade T"},
		"the caller alerts long before":    {[]ev{opens("S", "checkout", at(0), "error rate"), opens("T", "payments", at(3), "payments down")}, ""},
		"the root comes late":              {[]ev{opens("S", "checkout", at(3), "error rate"), opens("T", "payments", at(0), "payments down")}, "cascade T"},
		"a deeper root comes late":         {[]ev{opens("O", "payments", at(1), "latency"), opens("S", "checkout", at(3), "error rate"), opens("T", "db", at(0), dbDown)}, "cascade T"},
		"over before":                      {[]ev{opens("T", "payments", at(0), "payments down"), ends("T", "payments", at(3), "payments down"), opens("S", "checkout", at(8), "error rate")}, ""},
		"just over":                        {[]ev{opens("T", "payments", at(0), "payments down"), ends("T", "payments", at(3), "payments down"), opens("S", "checkout", at(5), "error rate")}, "cascade T"},
		"the end comes late":               {[]ev{opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(8), "error rate"), ends("T", "payments", at(3), "payments down")}, ""},
		"a chore does not travel":          {[]ev{opens("T", "payments", at(0), "Certificate expires"), opens("S", "checkout", at(3), "error rate")}, ""},
		"a chore is no consequence":        {[]ev{opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "Backup too old")}, ""},
		"unclear trouble":                  {[]ev{opens("T", "payments", at(0), "something odd"), opens("S", "checkout", at(3), "error rate")}, ""},
		"unknown service":                  {[]ev{opens("T", "", at(0), "down"), opens("S", "", at(3), "error rate")}, ""},
		"a circle: the earlier is it":      {[]ev{opens("T", "red", at(0), "red is down"), opens("S", "blue", at(1), "latency")}, "cascade T"},
		"a circle: the later is not":       {[]ev{opens("S", "red", at(0), "red is down"), opens("T", "green", at(1), "latency")}, ""},
		"out of a circle":                  {[]ev{opens("S", "blue", at(0), "latency"), opens("T", "db", at(1), dbDown)}, "cascade T"},
		"a new bout soon after the last":   {[]ev{opens("T", "payments", at(-120), "payments down"), ends("T", "payments", at(-10), "payments down"), opens("U", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "error rate")}, ""},
		"a new bout long after the last":   {[]ev{opens("T", "payments", at(-120), "payments down"), ends("T", "payments", at(-60), "payments down"), {verb: incident.Reopen, pd: "T", service: "payments", at: at(0), title: "payments down", began: at(-120)}, opens("S", "checkout", at(3), "error rate")}, "cascade T"},
		"an old trouble without new bout":  {[]ev{opens("T", "payments", at(-120), "payments down"), opens("S", "checkout", at(3), "error rate")}, ""},
		"private ones are tied to nothing": {[]ev{opens("T", "payments", at(0), "leak: payments down"), opens("S", "checkout", at(3), "error rate")}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, shop)
			w.tell(tt.events...)
			got := ""
			if l := w.pd("S").Link; l != nil {
				ref, _ := w.get(l.Parent).AlertRef()
				got = l.Kind + " " + ref.ID
			}
			if got != tt.want {
				t.Errorf("S is %q, want %q\n%s", got, tt.want, w.tree())
			}
		})
	}
}

// TestRememberedEdge: an edge that was seen last before the outage, since a dead
// callee is not called, still proves the cascade, and its age is told; after the
// time that edges are remembered it does not.
func TestRememberedEdge(t *testing.T) {
	for _, tt := range []struct {
		seen time.Time
		want []string
	}{
		{at(-9), []string{"checkout → payments, edge last seen 12m before by newrelic", "payments began 3m0s before"}},
		{at(3 - 14*24*60), []string{"checkout → payments, edge last seen 14d0h before by newrelic", "payments began 3m0s before"}},
		{at(3 - 14*24*60 - 1), nil},
		{time.Time{}, []string{"checkout → payments, said by hand", "payments began 3m0s before"}},
	} {
		g := shop
		g.seen = tt.seen
		w := newTown(t, g)
		w.tell(opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "error rate"))
		l := w.pd("S").Link
		var got []string
		if l != nil {
			got = l.Evidence
			if l.Rule != incident.RuleCalls || len(l.Path) != 1 || !l.Path[0].SeenAt.Equal(tt.seen) || !l.Began.Equal(at(0)) || l.Confidence <= 0 || l.By != incident.System {
				t.Errorf("link %+v", l)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("seen %s: evidence (-want +got):\n%s", tt.seen, d)
		}
	}
}

// TestConsequenceIsShownSilently: in its own squad's channel without further
// notice, and not at all where the card of its cause stands; what is always
// visible is told as ever.
func TestConsequenceIsShownSilently(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("T", "db", at(0), "db is down"), opens("S", "payments", at(1), "error rate"), opens("U", "checkout", at(2), "error rate"))
	if got := w.cards(w.pd("S").ID); len(got) != 1 || got[0] != "19:one@thread.tacv2" {
		t.Errorf("cards in the channel of another squad: %v", got)
	}
	w = newTown(t, shop)
	w.tell(opens("T", "payments", at(0), "payments is down"), opens("S", "checkout", at(1), "error rate"), opens("V", "web", at(2), "web is down"))
	s, v := w.pd("S"), w.pd("V")
	if got := w.cards(s.ID); got != nil || !s.Link.Hidden {
		t.Errorf("cards beside that of the cause: %v", got)
	}
	if got := w.cards(v.ID); v.Link == nil || len(got) != 2 {
		t.Errorf("link %v and cards %v of what is always visible, want both", v.Link, got)
	}
	if got := w.pd("T"); len(got.Children) != 2 || strings.Count(w.timeline(got.ID), "child") != 2 {
		t.Errorf("children of the cause: %v", got.Children)
	}
	w.tell(ends("T", "payments", at(5), "payments is down"))
	if got := w.pd("S"); got.Status != incident.Open || got.Link == nil {
		t.Errorf("a consequence does not end with its cause: %s", got.Status)
	}
	w.do(incident.Command{Verb: incident.Unlink, Incident: s.ID, Actor: ani, Role: incident.RoleResponder})
	if got := w.cards(s.ID); len(got) != 1 {
		t.Errorf("cards after a person said that it is not related: %v", got)
	}
}

// TestAdoptedKeepsItsCard: the root that comes late adopts, and nothing outside
// is taken away.
func TestAdoptedKeepsItsCard(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("S", "checkout", at(3), "error rate"))
	before := w.cards(w.pd("S").ID)
	w.tell(opens("T", "payments", at(0), "payments down"))
	s := w.pd("S")
	if after := w.cards(s.ID); len(before) == 0 || !cmp.Equal(before, after) || s.Link == nil {
		t.Errorf("cards %v before, %v after; link %v", before, after, s.Link)
	}
	if tl := w.timeline(s.ID); !strings.HasSuffix(tl, "linked") {
		t.Errorf("timeline %s", tl)
	}
}

// TestSecondLook: the alert's details change the kind of trouble, and with it
// the link; a person's word stays.
func TestSecondLook(t *testing.T) {
	for _, byHand := range []bool{false, true} {
		w := newTown(t, shop)
		w.tell(opens("T", "payments", at(0), "payments down"), opens("S", "checkout", at(3), "checkout-api query result is > 5.0"))
		s := w.pd("S")
		if s.Link != nil {
			t.Fatalf("linked on unclear words: %+v", s.Link)
		}
		if byHand {
			w.do(incident.Command{Verb: incident.SetLink, Incident: s.ID, Actor: ani, Role: incident.RoleResponder, Args: incident.Args{Parent: w.pd("T").ID, LinkKind: incident.LinkCascade}})
			w.do(incident.Command{Verb: incident.Unlink, Incident: s.ID, Actor: ani, Role: incident.RoleResponder})
		}
		w.do(incident.Command{
			Verb: incident.Enrich, Incident: s.ID, Source: incident.SourcePagerDuty, Actor: pager, Keys: []string{"enrich"},
			Args: incident.Args{Alert: &incident.Alert{Condition: "Error percentage (High)", Labels: map[string]string{"a": "b"}}},
		})
		s = w.pd("S")
		if linked := s.Link != nil; linked == byHand {
			t.Errorf("by hand %t: link %+v", byHand, s.Link)
		}
		if s.Level != incident.Other && s.Level != incident.HighErrorRate {
			t.Errorf("level %s", s.Level)
		}
	}
}

// TestMovedToAnotherService: what belongs to another service now leaves the
// board of the old one.
func TestMovedToAnotherService(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("A", "checkout", at(0), "checkout is down"), opens("B", "checkout", at(2), "checkout is down"))
	w.tell(ev{verb: incident.Update, pd: "A", service: "lonely", at: at(4), title: "checkout is down"})
	a, b := w.pd("A"), w.pd("B")
	if a.Service != "lonely" || b.Link != nil || len(a.Children) != 0 || len(w.cards(b.ID)) == 0 {
		t.Errorf("A of %s with %v; B linked %v, cards %v", a.Service, a.Children, b.Link, w.cards(b.ID))
	}
}

func TestMajor(t *testing.T) {
	w := newTown(t, graph{})
	for i, s := range []string{"web", "checkout", "db"} {
		w.tell(opens("Q"+s, s, at(3*i), s+" is down"))
	}
	if got := w.pd("Qdb").Major; got != 0 {
		t.Errorf("three are a burst already: %s", got)
	}
	w.tell(opens("Qx", "index", at(10), "error rate"), opens("Qlate", "lonely", at(12), "lonely is down"))
	if got := w.pd("Qlate").Major; got != 0 {
		t.Errorf("the fourth after more than ten minutes is part of a burst: %s", got)
	}
	w.tell(opens("Q4", "stock", at(7), "stock is down"))
	first := w.pd("Qweb").ID
	for _, id := range []string{"Qweb", "Qcheckout", "Qdb", "Q4"} {
		if inc := w.pd(id); inc.Major != first || !strings.Contains(w.timeline(inc.ID), "major") {
			t.Errorf("%s: major %s, timeline %s", id, inc.Major, w.timeline(inc.ID))
		}
	}
	if got := w.pd("Qx").Major; got != 0 {
		t.Error("what opens no room is part of a burst")
	}
}

func TestRoomHold(t *testing.T) {
	w := newTown(t, shop)
	w.tell(opens("A", "db", at(0), "db is down"), opens("B", "payments", at(1), "payments is down"), opens("C", "red", at(2), "red is down"))
	want := map[string]time.Duration{"A": 0, "B": 0, "C": 30 * time.Second} // no callee; a linked root is open; a root may still come
	for id, hold := range want {
		if inc := w.pd(id); !inc.RoomAfter.Equal(w.now.Add(hold)) {
			t.Errorf("the room of %s waits until %s, want %s", id, inc.RoomAfter, w.now.Add(hold))
		}
	}
}
