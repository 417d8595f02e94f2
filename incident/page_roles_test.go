package incident

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// holdsAll is that the level finds the same people for each of these roles.
func holdsAll(roles []string, who ...Actor) Command {
	c := PageChange{Step: PageFound}
	for _, role := range roles {
		for _, p := range who {
			c.Found = append(c.Found, Paged{Role: role, Person: p})
		}
	}
	return pageStep(c)
}

// asked lists for which roles somebody is looked for, and after whom.
func asked(t *testing.T, w *world) (out []string) {
	t.Helper()
	keys := map[string]bool{}
	for _, e := range w.effects {
		if e.Kind != KindPage {
			continue
		}
		var d PageData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		if keys[e.Key] {
			t.Errorf("%s is there twice: it happens once", e.Key)
		}
		keys[e.Key] = true
		out = append(out, strings.TrimSpace(strings.Join(d.Roles, ",")+" "+d.After.Name))
	}
	return out
}

func wantAsked(t *testing.T, what string, w *world, want ...string) {
	t.Helper()
	if got := asked(t, w); !slices.Equal(got, want) {
		t.Errorf("%s: looked for is %q, want %q; pages %+v", what, got, want, w.inc.Pages)
	}
}

// TestTwoRoles: whoever holds two roles is woken once, and followed by the next
// one of each; who is next for both is woken once, too.
func TestTwoRoles(t *testing.T) {
	both := []string{"dba", "devops"}
	for _, step := range []string{PageWaited, PageNo} {
		w := triggered(t, down)
		wantWakes(t, "found", w.do(holdsAll(both, budi)), "Budi 0")
		w.keep(holdsAll(both, budi)).silent()
		w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
		wantAsked(t, step, w.do(pageStep(PageChange{Step: step, Who: budi})), "dba Budi", "devops Budi")
		next := func(role string, who Actor) *world {
			return w.keep(pageStep(PageChange{Step: PageFound, After: true, Found: []Paged{{Role: role, Person: who}}}))
		}
		wantWakes(t, "next for the one", next("dba", citra), "Citra 0")
		wantWakes(t, "next for the other", next("devops", citra))
		w.do(pageStep(PageChange{Step: PageDone, Who: citra}))
		wantAsked(t, "and silent", w.do(pageStep(PageChange{Step: PageWaited, Who: citra})), "dba Citra", "devops Citra")
	}
	w := triggered(t, down).do(holdsAll(both, budi))
	wantAsked(t, "not known to the pager", w.do(pageStep(PageChange{Step: PageRefused, Who: budi, Why: "pager_unknown", Next: true})), "dba Budi", "devops Budi")
	w = triggered(t, down).do(holdsAll(both, budi))
	wantAsked(t, "nobody can be woken", w.do(pageStep(PageChange{Step: PageRefused, Who: budi, Why: "no_token"})))
}

// TestRoleFoundLate: a source of standby that answers when its holder has been
// called for another role in vain is followed by whoever comes next, at once.
func TestRoleFoundLate(t *testing.T) {
	for name, end := range map[string]PageChange{
		"silent": {Step: PageWaited}, "declined": {Step: PageNo}, "not known": {Step: PageRefused, Why: "pager_unknown", Next: true},
	} {
		w := triggered(t, down).do(found("dba", budi))
		if end.Step != PageRefused {
			w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
		}
		end.Who = budi
		wantAsked(t, name, w.do(pageStep(end)), "dba Budi")
		late := found("squad:payments", budi)
		wantAsked(t, name+", found late", w.keep(late), "squad:payments Budi")
		wantWakes(t, name+", found late", w)
		wantAsked(t, name+", found again", w.keep(late))
		wantAsked(t, name+", the first found again", w.keep(found("dba", budi)))
	}
}

// TestTwoRolesByPeople: a person who asks for the other role of somebody who is
// being woken finds them woken once, and followed for both.
func TestTwoRolesByPeople(t *testing.T) {
	w := triggered(t, down)
	wantWakes(t, "first", w.asks("dba", budi), "Budi 0")
	wantWakes(t, "second", w.asks("devops", budi))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
	wantAsked(t, "silent", w.do(pageStep(PageChange{Step: PageWaited, Who: budi})), "dba Budi", "devops Budi")
	wantWakes(t, "asked for again", w.asks("devops", budi), "Budi 1")
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, Again: 1}))
	wantAsked(t, "silent again", w.do(pageStep(PageChange{Step: PageWaited, Who: budi, Again: 1})), "devops Budi")
}

// TestSquadAsleep: whom the pager has called for the squad, and who is on standby
// for a role, too, is not woken twice, but followed by the next one of that role
// where they do not answer.
func TestSquadAsleep(t *testing.T) {
	begin := func() *world {
		al := alert(down)
		al.Assignees = []Actor{budi}
		return newWorld(t).do(told(Trigger, t0, al)).roomStep(RoomChange{Step: RoomBegin})
	}
	w := begin().keep(holdsAll([]string{"dba", "devops"}, budi))
	wantWakes(t, "called by the pager", w)
	if len(w.inc.Pages) != 1 || w.inc.Pages[0].State != PageSent || kindsOf(w)[KindWaited] != 1 {
		t.Fatalf("nobody waits for his answer: %+v, %v", w.inc.Pages, kindsOf(w))
	}
	w.keep(holdsAll([]string{"dba", "devops"}, budi)).silent()
	wantAsked(t, "asleep", w.do(pageStep(PageChange{Step: PageWaited, Who: budi})), "dba Budi", "devops Budi")

	for name, w := range map[string]*world{
		"acknowledges then":   begin().keep(found("dba", budi)).do(by(budi, Ack, Args{})),
		"acknowledged before": begin().do(by(budi, Ack, Args{})).keep(found("dba", budi)),
	} {
		if len(w.inc.Pages) != 1 || w.inc.Pages[0].State != PageAnswered {
			t.Errorf("%s: pages %+v", name, w.inc.Pages)
		}
		if w.keep(pageStep(PageChange{Step: PageWaited, Who: budi})); len(asked(t, w)) != 0 {
			t.Errorf("%s: somebody comes next", name)
		}
	}
}
