package incident

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// wakes are the people whom effects wake, and how often they were before.
func wakes(t *testing.T, w *world) (out []string) {
	t.Helper()
	for _, e := range w.effects {
		if e.Kind != KindWake {
			continue
		}
		var d WakeData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, d.Person.Name+" "+itoa(d.Again))
	}
	return out
}

func wantWakes(t *testing.T, what string, w *world, want ...string) {
	t.Helper()
	if got := wakes(t, w); !slices.Equal(got, want) {
		t.Errorf("%s: woken are %v, want %v; pages %v", what, got, want, pagesOf(w))
	}
}

// asks has Dewi ask for a role, whose holders are found.
func (w *world) asks(role string, found ...Actor) *world {
	w.t.Helper()
	w.do(by(dewi, Page, Args{Role: role}))
	return w.finds(role, w.inc.Events, dewi, found...)
}

func (w *world) finds(role string, round int, by Actor, found ...Actor) *world {
	w.t.Helper()
	c := PageChange{Step: PageFound, Round: round, By: by}
	for _, p := range found {
		c.Found = append(c.Found, Paged{Role: role, Person: p})
	}
	return w.do(pageStep(c))
}

// TestPageAgain: somebody who has not answered is woken again where a person
// wants it; what is told of the first page does not end the second.
func TestPageAgain(t *testing.T) {
	w := triggered(t, down)
	wantWakes(t, "first", w.do(by(dewi, Page, Args{Person: &budi})), "Budi 0")
	if kindsOf(w)[KindDirect] != 1 {
		t.Errorf("Dewi needs Budi, and he is not told: %v", kindsOf(w))
	}
	w.do(pageStep(PageChange{Step: PageDone, Who: budi})).do(pageStep(PageChange{Step: PageNo, Who: budi}))
	first := WakeKey(1, budi, 0)
	wantWakes(t, "after declining", w.do(by(dewi, Page, Args{Person: &budi, Reason: "really"})), "Budi 1")
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, Again: 0}))
	if p := w.inc.Pages[1]; p.State != PageWaiting {
		t.Errorf("the first page's success is taken for the second's: %+v", p)
	}
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, Again: 1}))
	if w.do(pageStep(PageChange{Step: PageWaited, Who: budi})); w.inc.Pages[1].State != PageSent {
		t.Errorf("the first page's time ends the second: %v", pagesOf(w))
	}
	if w.do(pageStep(PageChange{Step: PageWaited, Who: budi, Again: 1})); w.inc.Pages[1].State != PageSilent {
		t.Errorf("the second page's time: %v", pagesOf(w))
	}
	if WakeKey(1, budi, 1) == first {
		t.Error("the pager would take the second page for the first")
	}
}

// TestRoleAgain: a person who asks for a role is heard again, with all who come
// after; the level's own page wakes nobody twice.
func TestRoleAgain(t *testing.T) {
	w := triggered(t, down)
	wantWakes(t, "the level", w.finds("dba", 0, Actor{}, budi), "Budi 0")
	wantWakes(t, "while he is being woken", w.asks("dba", budi))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi})).do(pageStep(PageChange{Step: PageWaited, Who: budi}))
	wantWakes(t, "the next", w.finds("dba", 0, Actor{}, citra), "Citra 0")
	w.do(pageStep(PageChange{Step: PageDone, Who: citra})).do(pageStep(PageChange{Step: PageWaited, Who: citra}))
	wantWakes(t, "the level once more", w.finds("dba", 0, Actor{}, budi, citra))
	wantWakes(t, "a person", w.asks("dba", budi), "Budi 1")
	round := w.inc.Pages[len(w.inc.Pages)-1].Round
	wantWakes(t, "the same wish", w.finds("dba", round, dewi, budi))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, Again: 1})).do(pageStep(PageChange{Step: PageNo, Who: budi}))
	if !w.inc.InVain(budi, round) || w.inc.InVain(citra, round) || !w.inc.InVain(citra, 0) {
		t.Errorf("in vain: %v", pagesOf(w))
	}
	wantWakes(t, "the next again", w.finds("dba", round, dewi, citra), "Citra 1")
	w.do(pageStep(PageChange{Step: PageDone, Who: citra, Again: 1})).do(pageStep(PageChange{Step: PageReply, Who: citra}))
	wantWakes(t, "who has just answered", w.asks("dba", citra))
	w.now = w.now.Add(2 * awakeFor)
	wantWakes(t, "an hour later", w.asks("dba", citra), "Citra 2")
}

// TestAwake: whoever has just declared, or asks, is not called out of bed, and
// the card says that they are on it; hours later they are.
func TestAwake(t *testing.T) {
	w := declaredDown(t)
	if wantWakes(t, "declared", w.finds("dba", 0, Actor{}, dewi)); len(w.inc.Pages) != 1 || w.inc.Pages[0].State != PageAnswered || kindsOf(w)[KindCard] == 0 {
		t.Errorf("pages %v, effects %v", pagesOf(w), kindsOf(w))
	}
	w = newWorld(t).do(by(dewi, Declare, Args{Title: "disk 80% full", Service: "checkout"}))
	w.now = w.now.Add(8 * time.Hour)
	wantWakes(t, "raised at night", w.do(by(ani, SetLevel, Args{Level: ServiceDown})).finds("dba", 0, Actor{}, dewi), "Dewi 0")
	w = triggered(t, down).do(by(budi, Ack, Args{}))
	wantWakes(t, "acknowledged", w.finds("dba", 0, Actor{}, budi))
	wantWakes(t, "asks for herself", w.asks("devops", dewi))
	w.do(pageStep(PageChange{Step: PageFound, Round: 99, By: dewi, After: true, Found: []Paged{{Role: "dba", Person: citra}}}))
	wantWakes(t, "is the next one", w, "Citra 0")
	w = declaredDown(t)
	w.do(pageStep(PageChange{Step: PageFound, After: true, Found: []Paged{{Role: "dba", Person: dewi}}}))
	wantWakes(t, "has declared, and is the next one", w, "Dewi 0")
}

// TestWokenComeIn: who is woken belongs into the war room, also those who come
// next, and those who found it full.
func TestWokenComeIn(t *testing.T) {
	w := inRoom(t, ani, budi)
	w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{
		{Person: citra, Part: PartStakeholder, State: PersonInvited}, {Part: "dba", State: PersonMissing}, {Part: "devops", State: PersonMissing},
	}})
	w.finds("dba", 0, Actor{}, dewi)
	if w.state(dewi) != PersonWanted || w.roomEffects() != "room.sync" || !w.inc.Woken(dewi) {
		t.Errorf("Dewi is %q in the room, effects %s", w.state(dewi), w.roomEffects())
	}
	w.do(by(dewi, Page, Args{Person: &citra}))
	if w.state(citra) != PersonWanted {
		t.Errorf("Citra is %q in the room", w.state(citra))
	}
	if w.finds("devops", 0, Actor{}, ani); w.state(ani) != PersonIn {
		t.Errorf("Ani is %q in the room", w.state(ani))
	}
	shared := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomShare, With: 7})
	if shared.do(by(dewi, Page, Args{Person: &citra})); shared.roomEffects() != "room.sync/join/woken/citra@example.com" {
		t.Errorf("in another's room: %s", shared.roomEffects())
	}
	if none := triggered(t, slow).do(by(dewi, Page, Args{Person: &citra})); none.inc.Room != nil || none.roomEffects() != "" {
		t.Errorf("without a room: %s", none.roomEffects())
	}
}

// TestPageOver: what was made in the pager to wake somebody ends with the
// incident, and its echo is no answer.
func TestPageOver(t *testing.T) {
	w := triggered(t, down).do(by(dewi, Page, Args{Person: &budi})).do(by(dewi, Page, Args{Person: &citra}))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, Ref: "Q1"}))
	w.do(by(dewi, Resolve, Args{}))
	ends := func() (out []string) {
		for _, e := range w.effects {
			if e.Kind == KindPageOver {
				out = append(out, e.Key)
			}
		}
		return out
	}
	if got := ends(); !slices.Equal(got, []string{"INC-1/page.over/Q1/1"}) {
		t.Errorf("ended are %v", got)
	}
	w.do(pageStep(PageChange{Step: PageDone, Who: citra, Ref: "Q2"})) // it was on its way
	if got := ends(); !slices.Equal(got, []string{"INC-1/page.over/Q2/1"}) {
		t.Errorf("ended are %v", got)
	}
	if w.do(Command{Verb: PageStep, Actor: pager, Source: SourcePagerDuty, Args: Args{Page: &PageChange{Step: PageReply, Who: budi}}}); w.inc.Pages[0].State != PageSent {
		t.Errorf("the echo is an answer: %v", pagesOf(w))
	}
}

// TestPagerKnowsThem: the pager tells of an answer by its own id of a person, whom
// the catalog need not know by that.
func TestPagerKnowsThem(t *testing.T) {
	w := triggered(t, down).do(by(dewi, Page, Args{Person: &budi}))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi, User: "PBUDI"}))
	w.do(Command{Verb: PageStep, Actor: pager, Source: SourcePagerDuty, Args: Args{Page: &PageChange{Step: PageNo, Who: Actor{Kind: KindUser, ID: "pd:pbudi"}}}})
	if w.inc.Pages[0].State != PageDeclined {
		t.Errorf("pages %v", pagesOf(w))
	}
}

// TestWhoIsPaged: a company without the default roles wakes those of the service
// and of the squad; an empty list wakes nobody; a room that a person opens wakes,
// whatever the level.
func TestWhoIsPaged(t *testing.T) {
	for _, tt := range []struct {
		name  string
		page  []string
		level string
		want  []string
	}{
		{"the service's and the squad's", nil, ServiceDown, []string{"network", "squad:payments"}},
		{"turned off", []string{}, ServiceDown, nil},
		{"a room by hand", nil, Other, []string{"network", "squad:payments"}},
	} {
		w := newWorld(t)
		w.cat.service.Standby, w.cat.squad.OnCall = []string{"network"}, true
		n := w.cat.notices[tt.level]
		n.Page = tt.page
		w.cat.notices[tt.level] = n
		w.do(by(dewi, Declare, Args{Title: "x", Service: "checkout", Level: tt.level}))
		effects := w.effects
		w.do(by(dewi, OpenRoom, Args{})).roomStep(RoomChange{Step: RoomBegin})
		roles := map[string][]string{}
		for _, e := range append(effects, w.effects...) {
			if e.Kind == KindPage {
				var d PageData
				if err := json.Unmarshal(e.Data, &d); err != nil {
					t.Fatal(err)
				}
				roles[e.Key] = d.Roles
			}
		}
		if got := roles["INC-1/page/standby"]; !slices.Equal(got, tt.want) || len(roles) > 1 {
			t.Errorf("%s: %v, want %v", tt.name, roles, tt.want)
		}
	}
}

// TestPagePrivate: for a private incident nobody is woken who is no member, not
// even by asking for their role: the members see why.
func TestPagePrivate(t *testing.T) {
	w := declared(t, Args{Title: "x", Service: "checkout", Level: ServiceDown, Private: true})
	n := kindsOf(w)[KindPage]
	w.roomStep(RoomChange{Step: RoomBegin})
	if n += kindsOf(w)[KindPage]; n != 0 {
		t.Errorf("the level has %d pages", n)
	}
	if wantWakes(t, "by role", w.asks("dba", citra)); len(w.inc.Pages) != 1 || w.inc.Pages[0].State != PageFailed || w.inc.Pages[0].Detail != "no_member" {
		t.Errorf("pages %+v", w.inc.Pages)
	}
	wantWakes(t, "a member", w.asks("owner", budi), "Budi 0")
}

// FuzzParseWakeKey: a key comes back from the pager, where anybody can write one;
// what is understood is an incident's id and a person.
func FuzzParseWakeKey(f *testing.F) {
	for _, s := range []string{WakeKey(42, ani, 0), WakeKey(42, ani, 3), "imbot/INC-1.x/a", "imbot/INC-/a/b", "imbot/INC-1.2.3/\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		id, who, ok := ParseWakeKey(key)
		if ok && (id <= 0 || who.Kind != KindUser || Line(who.ID) != who.ID) {
			t.Errorf("%q is %v %+v", key, id, who)
		}
	})
}
