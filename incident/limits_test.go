package incident

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func numbered(n int) *Actor {
	return &Actor{Kind: KindUser, ID: fmt.Sprintf("p%d@example.com", n)}
}

// TestManyMembers: a private incident takes as many members as its war room,
// whichever way they come to it, and whoever is refused reads what to do.
func TestManyMembers(t *testing.T) {
	w := private(t)
	for i := 0; len(w.inc.Members) < maxMembers; i++ {
		w.do(by(budi, Member, Args{Person: numbered(i)}))
	}
	wantProblem(t, w.try(by(budi, Member, Args{Person: &citra})), ErrConflict, "too_many_members")
	wantProblem(t, w.try(by(budi, Assign, Args{Person: &citra})), ErrConflict, "too_many_members")
	w.do(by(budi, Member, Args{Person: numbered(0)})).silent()
	w.do(by(budi, Assign, Args{Person: numbered(0)}))
	w.do(by(budi, Member, Args{Person: numbered(1), Remove: true})).do(by(budi, Member, Args{Person: &citra}))
	if !w.inc.Visible(citra) || len(w.inc.Members) != maxMembers {
		t.Errorf("%d members after one was replaced", len(w.inc.Members))
	}
}

// TestManyFormerMembers: those who come and go leave their cards behind.
func TestManyFormerMembers(t *testing.T) {
	w := private(t)
	for i := 0; len(w.inc.Cards) < maxCards; i++ {
		if i > maxCards {
			t.Fatalf("%d members came and went, and there are %d cards", i, len(w.inc.Cards))
		}
		w.do(by(budi, Assign, Args{Person: numbered(i)})).do(by(budi, Member, Args{Person: numbered(i), Remove: true}))
	}
	wantProblem(t, w.try(by(budi, Member, Args{Person: &citra})), ErrConflict, "too_many_former")
	wantProblem(t, w.try(by(budi, Assign, Args{Person: &citra})), ErrConflict, "too_many_former")
	if w.do(by(budi, Member, Args{Person: numbered(0)})); !w.inc.Visible(*numbered(0)) {
		t.Error("a former member, who has a card, can't come back")
	}
}

// TestManyApart: a person's word that incidents have nothing to do with each
// other is kept, and thus bounded.
func TestManyApart(t *testing.T) {
	w := triggered(t, slow)
	for i := range maxApart {
		w.inc.Link, w.inc.LinkFixed = &Link{Kind: LinkCascade, Parent: ID(i + 2), By: dewi}, true
		w.do(by(ani, Unlink, Args{}))
	}
	w.inc.Link = &Link{Kind: LinkCascade, Parent: 5000, By: dewi}
	wantProblem(t, w.try(by(ani, Unlink, Args{})), ErrConflict, "too_many_apart")
	w.inc.Link.Parent = 2
	if w.do(by(ani, Unlink, Args{})); w.inc.Link != nil || len(w.inc.Apart) != maxApart {
		t.Errorf("link %v, %d apart", w.inc.Link, len(w.inc.Apart))
	}
}

// TestRoomOfAFlood: incidents without end may use one room, with people without
// end: the room lists as many as Teams takes, and goes on serving all.
func TestRoomOfAFlood(t *testing.T) {
	w := inRoom(t, ani, budi)
	for i := range 2 * maxSharers {
		w.roomStep(RoomChange{Step: RoomLend, With: ID(100 + i), People: []RoomPerson{{Person: *numbered(i), Part: PartOwner, State: PersonWanted}}})
	}
	if n := len(w.inc.Room.Sharers); n != maxSharers {
		t.Errorf("%d sharers are listed, want %d", n, maxSharers)
	}
	if n := len(w.inc.Room.People); n != maxListed {
		t.Errorf("%d people are listed, want %d", n, maxListed)
	}
	if w.state(ani) != PersonIn || w.state(*numbered(0)) != PersonWanted {
		t.Errorf("Ani is %q, the first one who was wanted %q", w.state(ani), w.state(*numbered(0)))
	}
	wanted := RoomPerson{Person: *numbered(1), Part: "dba", State: PersonMissing, Reason: "not in the directory"}
	if w.roomStep(RoomChange{Step: RoomPeople, People: []RoomPerson{wanted}}); w.state(*numbered(1)) != PersonMissing {
		t.Errorf("what is known of one who is listed is %q", w.state(*numbered(1)))
	}
}

// TestManyEpisodes: an incident that is reopened without end is not refused, and
// does not grow: of its open times the first and the newest are listed, and all
// of them are counted.
func TestManyEpisodes(t *testing.T) {
	w := newWorld(t)
	w.do(told(Trigger, t0, alert(slow)))
	const bouts = 1000
	for i := range bouts {
		end := t0.Add(time.Duration(i)*time.Hour + 10*time.Minute)
		w.now = end.Add(50 * time.Minute)
		w.do(told(Resolve, end, alert(slow))).do(told(Reopen, end.Add(50*time.Minute), alert(slow)))
	}
	inc := w.inc
	if inc.Episode != bouts+1 || !inc.OpenedAt.Equal(t0) || !inc.Active() {
		t.Errorf("episode %d, opened %v, active %v", inc.Episode, inc.OpenedAt, inc.Active())
	}
	if n := len(inc.Intervals); n > maxIntervals+maxMarks {
		t.Errorf("%d open times are listed", n)
	}
	if first, last := inc.Intervals[0], inc.Intervals[len(inc.Intervals)-1]; !first.From.Equal(t0) || !last.From.Equal(t0.Add(bouts*time.Hour)) {
		t.Errorf("first %v, last %v", first, last)
	}
	now := t0.Add(bouts*time.Hour + time.Minute)
	if got, want := inc.Duration(now), bouts*10*time.Minute+time.Minute; got != want {
		t.Errorf("lasted %v, want %v", got, want)
	}
	if own := inc.OwnLife(); own.Duration(now) != inc.Duration(now) {
		t.Errorf("its own life lasted %v", own.Duration(now))
	}
	moves := inc.moves()
	if moves[0].at != t0.UnixMilli() || !slices.IsSortedFunc(moves, func(a, b move) int { return int(a.at - b.at) }) {
		t.Errorf("moves begin %v", moves[:2])
	}
}

// TestLongWords: words that no form has a bound for are refused as others are.
func TestLongWords(t *testing.T) {
	long := strings.Repeat("x", MaxTitle+1)
	w := newWorld(t)
	wantProblem(t, w.try(by(dewi, Declare, Args{Title: "x", Service: long})), ErrInvalid, "too_long")
	w.do(by(dewi, Declare, Args{Title: "x", Service: long[:MaxTitle]}))
	wantProblem(t, w.try(by(dewi, Page, Args{Role: long})), ErrInvalid, "too_long")
}
