package incident

import (
	"testing"
	"time"
)

// pageStep is what the outbox says about a page.
func pageStep(c PageChange) Command {
	return Command{Verb: PageStep, Actor: System, Source: SourceSystem, Args: Args{Page: &c}}
}

func pagesOf(w *world) (out []string) {
	for _, p := range w.inc.Pages {
		out = append(out, p.Role+":"+p.Person.ID+":"+p.State)
	}
	return out
}

func kindsOf(w *world) map[string]int {
	out := map[string]int{}
	for _, e := range w.effects {
		out[e.Kind]++
	}
	return out
}

func declaredDown(t *testing.T) *world {
	t.Helper()
	return newWorld(t).do(by(dewi, Declare, Args{Title: down, Service: "checkout"}))
}

// TestStandbyIsPagedOnce: declaring by hand and opening the room want the same
// people, and they are woken once.
func TestStandbyIsPagedOnce(t *testing.T) {
	w := declaredDown(t)
	if n := kindsOf(w)[KindPage]; n != 1 {
		t.Fatalf("declared by hand: %d pages", n)
	}
	first := w.effects
	w.do(Command{Verb: RoomStep, Actor: System, Args: Args{Room: &RoomChange{Step: RoomBegin}}})
	same := false
	for _, e := range w.effects {
		for _, f := range first {
			same = same || e.Kind == KindPage && e.Key == f.Key
		}
	}
	if !same {
		t.Errorf("the room's page has another key than that of the declaration: %v", w.effects)
	}
	found := pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Person: ani}, {Role: "devops", Person: ani}, {Role: "squad:payments", Detail: "nobody"}}})
	w.do(found)
	if n := kindsOf(w)[KindWake]; n != 1 {
		t.Errorf("%d people are woken, want Ani once: %v", n, pagesOf(w))
	}
	if w.do(found); len(w.effects)+len(w.events) != 0 {
		t.Errorf("found again: %v %v", w.effects, w.events)
	}
}

// TestPagerIncidentIsNotPagedTwice: what the pager brought has woken the squad.
func TestPagerIncidentIsNotPagedTwice(t *testing.T) {
	al := alert(down)
	al.Assignees = []Actor{ani}
	w := newWorld(t).do(Command{Verb: Trigger, Ref: &alertRef, Actor: pager, Source: SourcePagerDuty, At: t0, Args: Args{Alert: al}})
	if n := kindsOf(w)[KindPage]; n != 0 {
		t.Errorf("%d pages before the room opens", n)
	}
	w.do(Command{Verb: RoomStep, Actor: System, Args: Args{Room: &RoomChange{Step: RoomBegin}}})
	w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Person: ani}}}))
	if n := kindsOf(w)[KindWake]; n != 0 {
		t.Errorf("Ani, whom the pager has assigned, is woken again")
	}
}

// TestSquadIsPaged: whoever is on call for the squad is woken, unless the pager
// that brought the incident has done so.
func TestSquadIsPaged(t *testing.T) {
	for byPager, want := range map[bool]string{true: `{"roles":["dba"]}`, false: `{"roles":["dba","squad:payments"]}`} {
		w := newWorld(t)
		w.cat.service.Standby, w.cat.squad.OnCall = []string{"dba"}, true
		if byPager {
			w.do(told(Trigger, t0, alert(down)))
		} else {
			w.do(by(dewi, Declare, Args{Title: down, Service: "checkout"}))
		}
		w.roomStep(RoomChange{Step: RoomBegin})
		for _, e := range w.effects {
			if e.Kind == KindPage && string(e.Data) != want {
				t.Errorf("by the pager %v: %s, want %s", byPager, e.Data, want)
			}
		}
		if kindsOf(w)[KindPage] != 1 {
			t.Errorf("by the pager %v: %v", byPager, w.effects)
		}
	}
}

func TestPageLife(t *testing.T) {
	w := triggered(t, down)
	w.do(by(dewi, Page, Args{Person: &budi, Reason: "the primary is gone"}))
	if n := kindsOf(w)[KindWake]; n != 1 {
		t.Fatalf("effects %v", w.effects)
	}
	if w.do(by(dewi, Page, Args{Person: &budi})); kindsOf(w)[KindWake] != 0 {
		t.Error("Budi is woken twice at the same time")
	}
	w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
	if e := w.effects[0]; e.Kind != KindWaited || !e.Due.Equal(w.now.Add(PageWait)) {
		t.Errorf("after waking: %+v", e)
	}
	w.now = w.now.Add(PageWait)
	if w.do(pageStep(PageChange{Step: PageWaited, Who: budi})); w.inc.Pages[0].State != PageSilent || kindsOf(w)[KindPage] != 0 {
		t.Errorf("silent: %v, %v: nobody comes after somebody who was named", pagesOf(w), w.effects)
	}
	if w.do(Command{Verb: PageStep, Actor: pager, Source: SourcePagerDuty, Args: Args{Page: &PageChange{Step: PageReply, Who: budi}}}); w.inc.Pages[0].State != PageAnswered {
		t.Errorf("answered late: %v", pagesOf(w))
	}
	if w.do(pageStep(PageChange{Step: PageWaited, Who: budi})); w.inc.Pages[0].State != PageAnswered {
		t.Errorf("an answer does not get lost: %v", pagesOf(w))
	}
}

// TestNextIsPaged: who is silent, or declines, is followed by the next one of
// the role, as long as it lasts.
func TestNextIsPaged(t *testing.T) {
	for _, step := range []string{PageWaited, PageNo} {
		w := triggered(t, down)
		w.do(by(dewi, Page, Args{Role: "dba", Reason: "slow queries"}))
		if e := w.effects[0]; e.Kind != KindPage {
			t.Fatalf("effects %v", w.effects)
		}
		w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Person: budi}}, By: dewi, Note: "slow queries"}))
		w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
		if w.do(pageStep(PageChange{Step: step, Who: budi})); kindsOf(w)[KindPage] != 1 {
			t.Errorf("%s: effects %v", step, w.effects)
		}
		w.do(by(citra, Resolve, Args{}))
		if w.do(pageStep(PageChange{Step: PageFound, Found: []Paged{{Role: "dba", Person: citra}}})); kindsOf(w)[KindWake] != 0 {
			t.Errorf("%s: Citra is woken for what is over", step)
		}
	}
}

func TestAckAnswersPage(t *testing.T) {
	w := triggered(t, down)
	w.do(by(dewi, Page, Args{Person: &budi}))
	w.do(pageStep(PageChange{Step: PageDone, Who: budi}))
	if w.do(by(budi, Ack, Args{})); w.inc.Pages[0].State != PageAnswered {
		t.Errorf("pages %v", pagesOf(w))
	}
}

func TestPageRefused(t *testing.T) {
	w := triggered(t, down)
	w.do(by(dewi, Page, Args{Person: &budi}))
	w.do(pageStep(PageChange{Step: PageRefused, Who: budi, Why: "PagerDuty is off"}))
	if p := w.inc.Pages[0]; p.State != PageFailed || p.Detail != "PagerDuty is off" {
		t.Errorf("page %+v", p)
	}
	wantProblem(t, w.try(by(dewi, Page, Args{})), ErrInvalid, "person_missing")
	w.do(by(dewi, Resolve, Args{}))
	wantProblem(t, w.try(by(dewi, Page, Args{Person: &citra})), ErrConflict, "not_open")
}

func TestWakeKey(t *testing.T) {
	for again := range 3 {
		key := WakeKey(42, ani, again)
		id, who, ok := ParseWakeKey(key)
		if !ok || id != 42 || !who.Is(ani) || again > 0 && key == WakeKey(42, ani, again-1) {
			t.Errorf("%s: %v %v %v", key, id, who, ok)
		}
	}
	for _, bad := range []string{"", "imbot/", "imbot/INC-1", "imbot/INC-1/", "imbot/42/x", "imbot/INC-x/y", "other/INC-1/y"} {
		if _, _, ok := ParseWakeKey(bad); ok {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// TestNudges: a reminder comes when no update was given in time, is put off by
// one, and ends with the trouble.
func TestNudges(t *testing.T) {
	w := triggered(t, down)
	due := w.inc.Reminders.Next
	if !due.Equal(w.now.Add(defaultUpdateEvery)) || kindsOf(w)[KindNudge] != 1 {
		t.Fatalf("due %s, effects %v", due, w.effects)
	}
	nudge := Command{Verb: Nudge, Actor: System}
	if w.do(nudge); len(w.events) != 0 {
		t.Errorf("reminded too early: %v", w.events)
	}
	w.now = w.now.Add(20 * time.Minute)
	w.do(by(dewi, Report, Args{Text: "rolling back", Customers: "cannot pay"}))
	if got := w.inc.Reminders.Next; !got.Equal(w.now.Add(defaultUpdateEvery)) || w.inc.Update == nil || kindsOf(w)[KindNudge] != 1 {
		t.Errorf("after an update: due %s, update %+v, effects %v", got, w.inc.Update, w.effects)
	}
	w.now = due
	if w.do(nudge); len(w.events) != 0 {
		t.Errorf("reminded although there was an update: %v", w.events)
	}
	w.now = w.inc.Reminders.Next
	if w.do(nudge); len(w.events) != 1 || w.events[0].Kind != EvNudged || kindsOf(w)[KindReply] != 1 || kindsOf(w)[KindCard] != 0 {
		t.Errorf("reminder: %v, %v", w.events, w.effects)
	}
	recorded := func(op string) {
		t.Helper()
		for _, e := range w.events {
			if e.Kind == EvReminder && e.Actor.Is(dewi) && e.Data["op"] == op {
				return
			}
		}
		t.Errorf("%s is not on the timeline: %v", op, w.events)
	}
	w.do(by(dewi, Remind, Args{Op: RemindSnooze, For: time.Hour}))
	recorded(RemindSnooze)
	if got := w.inc.Reminders.Next; !got.Equal(w.now.Add(time.Hour)) {
		t.Errorf("put off until %s", got)
	}
	w.do(by(dewi, Remind, Args{Op: RemindMitigated}))
	if !w.inc.Times.Mitigated.Equal(w.now) {
		t.Errorf("mitigated at %s", w.inc.Times.Mitigated)
	}
	w.do(by(dewi, Remind, Args{Op: RemindStop}))
	recorded(RemindStop)
	w.now = w.now.Add(48 * time.Hour)
	if w.do(nudge); len(w.events) != 0 || !w.inc.Reminders.Next.IsZero() {
		t.Errorf("reminded although it was stopped: %v", w.events)
	}
	w.do(by(dewi, Remind, Args{Op: RemindStart}))
	if w.do(by(dewi, Resolve, Args{})); !w.inc.Reminders.Next.IsZero() {
		t.Errorf("reminders of what is over: %v", w.inc.Reminders)
	}
	for _, bad := range []Args{{Op: "dance"}, {Op: RemindSnooze, For: 48 * time.Hour}} {
		w := triggered(t, down)
		if err := w.try(by(dewi, Remind, bad)); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestNudgeInThread: where imbot could not come into the chat that was made, the
// thread of the card serves for reminders and updates, too.
func TestNudgeInThread(t *testing.T) {
	w := triggered(t, down).roomStep(RoomChange{Step: RoomBegin}).roomStep(RoomChange{Step: RoomMade, Chat: roomChat, Topic: "INC-1"})
	w.roomStep(RoomChange{Step: RoomRefused, Reason: "not in the catalog"})
	w.now = w.inc.Reminders.Next
	if w.do(Command{Verb: Nudge, Actor: System}); w.replies() != "19:payments nudge" {
		t.Errorf("reminded by %q, %v", w.replies(), w.effects)
	}
	if w.do(by(dewi, Report, Args{Text: "rolling back"})); w.replies() != "19:payments update, 19:all update" {
		t.Errorf("an update goes to %q", w.replies())
	}
}

// TestNudgesOfMajor: of many incidents that share a room the first one is
// reminded of.
func TestNudgesOfMajor(t *testing.T) {
	for major, want := range map[ID]bool{0: true, 1: true, 7: false} {
		w := triggered(t, down)
		w.inc.Major = major
		w.do(by(dewi, AddNote, Args{Text: "x"}))
		if got := !w.inc.Reminders.Next.IsZero(); got != want {
			t.Errorf("part of %s: reminded %v", major, got)
		}
	}
}

func TestReport(t *testing.T) {
	w := triggered(t, down)
	w.do(by(citra, Subscribe, Args{}))
	w.do(by(dewi, Subscribe, Args{Person: &budi}))
	if w.do(by(citra, Subscribe, Args{})); len(w.events) != 0 {
		t.Errorf("subscribed twice: %v", w.events)
	}
	w.do(by(citra, Report, Args{Text: "rolling back", NextUpdate: w.now.Add(time.Hour)}))
	var told []string
	for _, e := range w.effects {
		if e.Kind == KindDirect || e.Kind == KindReply {
			told = append(told, e.Key)
		}
	}
	// Citra has said it herself; the broadcast channel hears it, the squad's sees its card.
	if len(told) != 2 {
		t.Errorf("told %v", told)
	}
	// When it is over there may be more to say, but nothing more is due.
	w.do(by(ani, Resolve, Args{}))
	w.do(by(dewi, Report, Args{Text: "all orders are through"}))
	if u := w.inc.Update; u.Doing != "all orders are through" || !u.Next.IsZero() || !w.inc.Reminders.Next.IsZero() || kindsOf(w)[KindDirect] != 2 || kindsOf(w)[KindNudge] != 0 {
		t.Errorf("an update of what is over: %+v, %+v, %v", u, w.inc.Reminders, w.effects)
	}
	w.do(by(budi, Subscribe, Args{Remove: true}))
	if len(w.inc.Subscribers) != 1 || !w.inc.Subscribers[0].Is(citra) {
		t.Errorf("subscribers %v", w.inc.Subscribers)
	}
	wantProblem(t, w.try(by(dewi, Report, Args{})), ErrInvalid, "update_missing")
	wantProblem(t, w.try(by(dewi, Report, Args{Text: "x", NextUpdate: w.now})), ErrInvalid, "past_time")
	wantProblem(t, w.try(by(dewi, Report, Args{Text: "x", NextUpdate: w.now.Add(30 * 24 * time.Hour)})), ErrInvalid, "far_time")
}

// TestMails: who gets a mail, and when.
func TestMails(t *testing.T) {
	mails := func(w *world) (out []string) {
		for _, e := range w.effects {
			if e.Kind == KindMail {
				out = append(out, e.Key)
			}
		}
		return out
	}
	w := triggered(t, slow)
	if got := mails(w); len(got) != 3 || got[0] != "INC-1/mail.declare/budi@example.com" {
		t.Errorf("declared: %v", got)
	}
	if w.do(by(ani, SetLevel, Args{Level: ServiceDown})); len(mails(w)) != 3 || mails(w)[0] != "INC-1/mail.raise/service-down/budi@example.com" {
		t.Errorf("raised: %v", mails(w))
	}
	w.do(by(ani, Resolve, Args{}))
	if w.do(by(ani, Close, Args{Waive: "a drill"})); len(mails(w)) != 3 || mails(w)[0] != "INC-1/mail.close/1/budi@example.com" {
		t.Errorf("closed: %v", mails(w))
	}
	if w.do(by(ani, Reopen, Args{Reason: "again"})); len(mails(w)) != 3 || mails(w)[0] != "INC-1/mail.declare/2/budi@example.com" {
		t.Errorf("closed and back: %v", mails(w))
	}
	w.do(by(ani, SetLevel, Args{Level: HighErrorRate}))
	if w.do(by(ani, SetLevel, Args{Level: ServiceDown})); len(mails(w)) != 3 || mails(w)[0] != "INC-1/mail.raise/service-down/2/budi@example.com" {
		t.Errorf("raised in the second episode: %v", mails(w))
	}
	w.do(by(ani, Resolve, Args{}))
	// No mail has said that it was over: it is the one from before, which was sent,
	// or left out.
	if w.do(by(ani, Reopen, Args{})); len(mails(w)) != 3 || mails(w)[0] != "INC-1/mail.declare/2/budi@example.com" {
		t.Errorf("resolved and back: %v", mails(w))
	}
	if w := triggered(t, "disk 80% full"); len(mails(w)) != 0 {
		t.Errorf("a level without mail: %v", mails(w))
	}
	w = newWorld(t).do(by(dewi, Declare, Args{Title: slow, Service: "checkout", Private: true}))
	for _, key := range mails(w) {
		if key != "INC-1/mail.declare/budi@example.com" && key != "INC-1/mail.declare/dewi@example.com" {
			t.Errorf("a private incident: %v", mails(w))
		}
	}
	for _, mode := range []string{ModeShadow, ModeMuted} {
		w := newWorld(t)
		w.cat.route.Mode = mode
		if w.do(Command{Verb: Trigger, Ref: &alertRef, Actor: pager, Source: SourcePagerDuty, At: t0, Args: Args{Alert: alert(slow)}}); len(mails(w)) != 0 {
			t.Errorf("%s: %v", mode, mails(w))
		}
	}
}

// TestMailsOfLinked: duplicates and mere consequences are quiet; what is always
// visible is not.
func TestMailsOfLinked(t *testing.T) {
	for _, tt := range []struct {
		title, kind string
		mails       bool
	}{{slow, LinkDuplicate, false}, {slow, LinkCascade, false}, {down, LinkDuplicate, false}, {down, LinkCascade, true}} {
		w := in(t, tt.title, Resolved)
		w.inc.Link, w.inc.LinkFixed = &Link{Kind: tt.kind, Parent: 7, By: dewi}, true
		w.do(by(ani, Close, Args{Waive: "a drill"}))
		if got := kindsOf(w)[KindMail] > 0; got != tt.mails {
			t.Errorf("%s, a %s: mails %v", tt.title, tt.kind, got)
		}
	}
}
