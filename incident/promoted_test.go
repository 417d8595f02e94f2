package incident_test

import (
	"testing"

	"imbot/incident"
)

// TestPromotedIsShown: a duplicate that has outlived its parent is shown and told
// of, also where its own timer finds that out and no command of anybody's.
func TestPromotedIsShown(t *testing.T) {
	w := newTown(t, shop)
	w.Service.Hooks = func() []incident.HookWish { return []incident.HookWish{{Name: "all"}} }
	w.tell(opens("A", "checkout", at(590), "checkout errors"))
	w.do(incident.Command{Verb: incident.Resolve, Incident: w.pd("A").ID, Actor: ani, Role: incident.RoleAdmin})
	w.tell(opens("B", "checkout", at(595), "checkout errors")) // its webhook comes late
	b := w.pd("B")
	if b.Link == nil || len(w.cards(b.ID)) != 0 {
		t.Fatalf("link %+v, cards %v", b.Link, w.cards(b.ID))
	}
	w.later(at(700))
	kinds := map[string]int{}
	for _, e := range w.effects(b.ID) {
		kinds[e.Kind]++
	}
	if b := w.pd("B"); b.Link != nil || len(w.cards(b.ID)) == 0 || kinds[incident.KindPublish] == 0 || kinds[incident.KindHook] == 0 {
		t.Errorf("link %+v, cards %v, effects %v", b.Link, w.cards(b.ID), kinds)
	}
}
