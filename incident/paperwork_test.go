package incident

import (
	"strings"
	"testing"
)

func mailsOf(w *world) string {
	var out []string
	for _, e := range w.effects {
		if e.Kind == KindMail {
			out = append(out, strings.TrimPrefix(e.Key, "INC-1/mail."))
		}
	}
	return strings.Join(out, " ")
}

// TestToldOfTheEnd: whoever was told by mail that it began is told that it ended,
// also if it is of a level without mails by then.
func TestToldOfTheEnd(t *testing.T) {
	w := triggered(t, down)
	begun := mailsOf(w)
	w.do(by(ani, SetLevel, Args{Level: Other, Reason: "not that bad"}))
	w.do(by(ani, Resolve, Args{}))
	if want := strings.ReplaceAll(begun, "declare/", "close/1/"); begun == "" || mailsOf(w) != want {
		t.Errorf("told of its end: %q, want %q", mailsOf(w), want)
	}
	if w.do(by(ani, Reopen, Args{})); mailsOf(w) != strings.ReplaceAll(begun, "declare/", "declare/2/") {
		t.Errorf("told that it is back: %q", mailsOf(w))
	}
	w.do(by(ani, SetLevel, Args{Level: security}))
	if w.do(by(ani, Resolve, Args{})).do(by(ani, Close, Args{Waive: "x"})); strings.Contains(mailsOf(w), citra.ID) || !strings.Contains(mailsOf(w), ani.ID) {
		t.Errorf("of a private one all were told who knew of it before: %q", mailsOf(w))
	}
}

// TestRemindersOfUpdatesEnd: who wanted no reminders of status updates is reminded
// of the RCA all the same, and who wants none of that says so afterwards.
func TestRemindersOfUpdatesEnd(t *testing.T) {
	w := triggered(t, down).do(by(ani, Remind, Args{Op: RemindStop}))
	if w.do(by(ani, AddNote, Args{Text: "x"})); !w.inc.Reminders.Off {
		t.Error("reminders of updates are back")
	}
	if w.do(by(ani, Resolve, Args{})); w.inc.Reminders.Off {
		t.Error("nobody is reminded of the RCA")
	}
	if w.do(by(ani, Remind, Args{Op: RemindStop})).do(by(ani, AddNote, Args{Text: "y"})); !w.inc.Reminders.Off {
		t.Error("reminders of the RCA are back")
	}
	if w.do(by(ani, Reopen, Args{})); w.inc.Reminders.Off || w.inc.Reminders.Next.IsZero() {
		t.Error("nobody is reminded of updates in the next episode")
	}
}

// TestLostTicketIsShown: cards and pages lead to a ticket no more that was deleted.
func TestLostTicketIsShown(t *testing.T) {
	w := ticketed(t).ticket(TicketChange{Step: TicketLost, N: 1})
	if w.targets(KindCard) == "" || kindsOf(w)[KindPublish] == 0 {
		t.Errorf("effects %v", w.effects)
	}
}

// TestTaskOpenedAgain: that somebody has opened the task of an RCA again which is
// written is not told as if it were owed.
func TestTaskOpenedAgain(t *testing.T) {
	for _, c := range []struct{ here, there, how string }{{TicketOpen, TicketDone, "owed"}, {TicketDone, TicketOpen, ""}} {
		w := ticketed(t).ticket(TicketChange{Step: TicketSynced, Fields: []FieldSync{{Field: FieldDone, Was: c.here, Here: c.here, There: c.there, From: c.here, To: c.there}}})
		if e := w.events[0]; e.Kind != EvTicketMoved || e.Data["how"] != c.how {
			t.Errorf("%s here and %s there: %+v", c.here, c.there, e)
		}
	}
}

// TestTicketsOfPublic: what a private incident had no tickets for is asked for
// once it is public, and tickets that were not told of changes are looked at.
func TestTicketsOfPublic(t *testing.T) {
	w := newWorld(t).do(by(dewi, Declare, Args{Title: down, Service: "checkout", Private: true}))
	w.act(ActionArgs{Op: "add", Title: "fix it"}).act(ActionArgs{Op: "add", Title: "and that"})
	w.ticket(TicketChange{Step: TicketCreated, N: 2, ID: "10001", Key: "SEC-2"})
	public := by(ani, Publicise, Args{Reason: "over"})
	public.Actor, public.Role = dewi, RoleAdmin
	if w.do(public); w.ticketEffects() != "action/1 postmortem sync/2" {
		t.Errorf("effects %q", w.ticketEffects())
	}
}
