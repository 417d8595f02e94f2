package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	down = "checkout is down"         // service-down: an RCA and a room
	slow = "checkout is slow"         // high-response-time: an RCA
	odd  = "certificate expires soon" // other: no RCA
)

// TestLife walks the whole table of states: what follows from each verb in each
// status, for a level that owes an RCA and for one that does not.
func TestLife(t *testing.T) {
	no := Status("")
	tests := []struct {
		title string
		from  Status
		cmd   Command
		to    Status // no: refused
		kinds string // timeline entries, or the key of the error
	}{
		{down, Open, by(dewi, Ack, Args{}), Open, "acknowledged"},
		{down, Resolved, by(dewi, Ack, Args{}), no, "not_open"},
		{down, Closed, by(dewi, Ack, Args{}), no, "not_open"},
		{down, Open, by(dewi, Unack, Args{}), Open, ""},
		{down, Closed, by(dewi, Unack, Args{}), Closed, ""},
		{down, Open, by(dewi, Resolve, Args{Text: "restarted"}), Resolved, "resolved"},
		{odd, Open, by(dewi, Resolve, Args{}), Closed, "resolved closed"},
		{down, Resolved, by(dewi, Resolve, Args{}), Resolved, ""},
		{odd, Closed, by(dewi, Resolve, Args{}), Closed, ""},
		{down, Open, by(dewi, Reopen, Args{}), Open, ""},
		{down, Resolved, by(dewi, Reopen, Args{Reason: "again"}), Open, "reopened"},
		{down, Closed, by(dewi, Reopen, Args{}), Open, "reopened"},
		{odd, Closed, by(dewi, Reopen, Args{}), Open, "reopened"},
		{down, Open, by(ani, Close, Args{Waive: "test"}), no, "still_open"},
		{down, Resolved, by(ani, Close, Args{}), no, "rca_owed"},
		{down, Resolved, by(ani, Close, Args{Waive: "test"}), Closed, "waived closed"},
		{down, Closed, by(ani, Close, Args{Waive: "other"}), Closed, ""},
		{odd, Closed, by(ani, Close, Args{}), Closed, ""},
		{down, Open, by(dewi, WriteRCA, Args{RCA: fullRCA}), Open, "rca_saved"},
		{down, Open, by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}), no, "still_open"},
		{down, Resolved, by(dewi, WriteRCA, Args{RCA: fullRCA}), Resolved, "rca_saved"},
		{down, Resolved, by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}), Closed, "rca_saved rca_complete closed"},
		{down, Resolved, by(ani, WriteRCA, Args{Complete: true}), no, "rca_missing"},
		{odd, Closed, by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}), Closed, "rca_saved rca_complete"},
		{down, Open, by(ani, SetLevel, Args{Level: Other}), Open, "level"},
		{down, Resolved, by(ani, SetLevel, Args{Level: Other}), Closed, "level closed"},
		{odd, Closed, by(ani, SetLevel, Args{Level: ServiceDown}), Resolved, "level"},
		{down, Open, by(dewi, AddNote, Args{Text: "look"}), Open, "note"},
		{down, Closed, by(dewi, AddNote, Args{Text: "look"}), Closed, "note"},
		{down, Open, by(dewi, DoAction, Args{Action: &ActionArgs{Op: "add", Title: "x"}}), Open, "action_added"},
		{down, Closed, by(dewi, DoAction, Args{Action: &ActionArgs{Op: "add", Title: "x"}}), Closed, "action_added"},
		{down, Open, by(dewi, Assign, Args{Person: &citra}), Open, "assigned"},
		{down, Open, by(dewi, Member, Args{Person: &citra}), no, "not_private"},

		{down, Open, told(Trigger, at(20), alert(down)), Open, ""},
		{down, Resolved, told(Trigger, at(20), alert(down)), Open, "triggered"},
		{down, Closed, told(Reopen, at(20), alert(down)), Open, "reopened"},
		{odd, Closed, told(Trigger, at(20), alert(odd)), Open, "triggered"},
		{down, Open, told(Ack, at(20), alert(down)), Open, "acknowledged"},
		{down, Resolved, told(Ack, at(20), alert(down)), Resolved, ""},
		{down, Resolved, told(Ack, at(5), alert(down)), Resolved, "acknowledged"}, // it comes late, and counts
		{down, Open, told(Resolve, at(20), alert(down)), Resolved, "resolved"},
		{odd, Open, told(Resolve, at(20), alert(odd)), Closed, "resolved closed"},
		{down, Resolved, told(Resolve, at(20), alert(down)), Resolved, ""},
		{down, Resolved, told(Resolve, at(5), alert(down)), Resolved, "resolved"}, // it ended earlier than we knew
		{down, Open, told(Update, at(20), alert(down)), Open, ""},
		{down, Open, told(Update, at(20), alert(slow)), Open, "changed level"},
	}
	for _, tt := range tests {
		name := strings.Join([]string{tt.title, string(tt.from), string(tt.cmd.Verb), tt.cmd.Actor.Kind, tt.kinds}, "/")
		t.Run(name, func(t *testing.T) {
			w := in(t, tt.title, tt.from)
			err := w.try(tt.cmd)
			if tt.to == no {
				kind := ErrConflict
				if tt.kinds == "rca_missing" {
					kind = ErrInvalid
				}
				wantProblem(t, err, kind, tt.kinds)
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tt.cmd.Verb, err)
			}
			if w.inc.Status != tt.to || w.kinds() != tt.kinds {
				t.Errorf("status = %s with events %q, want %s with %q", w.inc.Status, w.kinds(), tt.to, tt.kinds)
			}
			if tt.kinds == "" {
				w.silent()
			}
			// Done once more, it changes nothing, unless it adds something each time.
			switch tt.cmd.Verb {
			case AddNote, DoAction:
				return
			}
			before := w.inc.Clone()
			w.do(tt.cmd).silent()
			if d := cmp.Diff(before, w.inc); d != "" {
				t.Errorf("the second time it changed something (-before +after):\n%s", d)
			}
		})
	}
}

func TestTriggered(t *testing.T) {
	al := alert("checkout is down\n")
	al.Assignees = []Actor{pdUser, {Kind: KindUser, ID: "pd:PX"}, pdUser}
	w := newWorld(t)
	w.details = true
	w.do(told(Trigger, at(1), al))
	inc := w.inc
	if inc.Title != down || inc.Level != ServiceDown || inc.LevelRule != "is down" || inc.Service != "checkout" || inc.Squad != "payments" {
		t.Errorf("incident = %q %s by %q of %s/%s", inc.Title, inc.Level, inc.LevelRule, inc.Service, inc.Squad)
	}
	if !inc.OpenedAt.Equal(t0) || inc.Episode != 1 || !inc.AlertAt.Equal(at(1)) {
		t.Errorf("opened at %s in episode %d, alert of %s; want %s, 1, %s", inc.OpenedAt, inc.Episode, inc.AlertAt, t0, at(1))
	}
	if d := cmp.Diff([]Actor{ani, {Kind: KindUser, ID: "pd:PX"}}, inc.Responders); d != "" {
		t.Errorf("responders (-want +got):\n%s", d)
	}
	if ref, ok := inc.AlertRef(); !ok || ref != alertRef {
		t.Errorf("alert ref = %v", ref)
	}
	kinds := map[string]int{}
	for _, e := range w.effects {
		kinds[e.Kind]++
	}
	if d := cmp.Diff(map[string]int{KindDetails: 1, KindCard: 2, KindRoom: 1, KindNudge: 1, KindMail: 3, KindTicket: 1, KindPublish: 1}, kinds); d != "" || w.effects[0].Kind != KindDetails || !w.effects[0].Urgent {
		t.Errorf("effects %v (-want +got):\n%s", w.effects[0], d)
	}
	if inc.Postmortem.State != PostmortemDraft || !inc.Postmortem.Required {
		t.Errorf("postmortem = %+v, want an owed draft", inc.Postmortem)
	}
}

func TestTriggerNeedsAlert(t *testing.T) {
	wantProblem(t, newWorld(t).try(told(Trigger, t0, nil)), ErrInvalid, "alert_missing")
	cmd := told(Trigger, t0, alert(down))
	cmd.Ref = nil
	wantProblem(t, newWorld(t).try(cmd), ErrInvalid, "alert_missing")
	w := newWorld(t).do(told(Trigger, t0, &Alert{Title: " \n "}))
	if w.inc.Title != "(no title)" {
		t.Errorf("title = %q", w.inc.Title)
	}
	w = newWorld(t).do(told(Trigger, t0, &Alert{Title: strings.Repeat("é", 400)}))
	if n := len([]rune(w.inc.Title)); n != MaxTitle {
		t.Errorf("a title of 400 runes became %d, want %d", n, MaxTitle)
	}
}

func TestUnknownService(t *testing.T) {
	al := alert(down)
	al.Service, al.ServiceID = "Ledger", "PZZZ"
	w := newWorld(t).do(told(Trigger, t0, al))
	if w.inc.Service != "pd:PZZZ" || w.inc.ServiceName != "Ledger" || w.inc.Squad != "" {
		t.Errorf("service = %q (%q) of squad %q, want pd:PZZZ (Ledger) of none", w.inc.Service, w.inc.ServiceName, w.inc.Squad)
	}
	if got := strings.Join(w.inc.Cards, " "); got != "19:default 19:all" || !w.inc.DefaultChan {
		t.Errorf("cards = %q (default %v), want the default channel", got, w.inc.DefaultChan)
	}
}

// TestServiceLost is a reload of the catalog without the incident's service: the
// incident keeps its squad, and with it who may do what.
func TestServiceLost(t *testing.T) {
	for _, w := range []*world{triggered(t, down), declared(t, Args{Title: down, Service: "checkout"})} {
		w.cat.service.Key, w.cat.service.Name = "gone", "gone"
		cat := &lost{w.cat}
		f := factsFor(cat, w.inc, &Command{Verb: SetLevel}, false)
		if f.Service.Key != "checkout" || f.Squad.Key != "payments" {
			t.Errorf("service = %+v, squad = %+v; want what the incident remembers", f.Service, f.Squad)
		}
	}
}

type lost struct{ *static }

func (lost) Service(string, string) ServiceInfo { return ServiceInfo{} }

func TestMovedToAnotherService(t *testing.T) {
	w := triggered(t, down)
	al := alert(down)
	al.Service, al.ServiceID = "Ledger", "PZZZ"
	w.do(told(Update, at(2), al))
	if w.inc.Service != "pd:PZZZ" || w.inc.Squad != "" || w.kinds() != "changed" {
		t.Errorf("service = %s, squad = %q, events %q", w.inc.Service, w.inc.Squad, w.kinds())
	}
}

func TestDeclare(t *testing.T) {
	w := declared(t, Args{Title: "  checkout\tis   down ", Service: "Checkout", Description: " d ", Target: "19:here"})
	inc := w.inc
	if inc.Title != down || inc.Description != "d" || inc.Service != "checkout" || inc.Level != ServiceDown || !inc.LevelBy.IsZero() || inc.DeclaredBy != dewi {
		t.Errorf("incident = %+v", inc)
	}
	if d := cmp.Diff([]string{"19:here", "19:payments", "19:all"}, inc.Cards); d != "" {
		t.Errorf("cards (-want +got):\n%s", d)
	}
	if w.kinds() != "declared" || !inc.OpenedAt.Equal(clock) {
		t.Errorf("events %q, opened at %s", w.kinds(), inc.OpenedAt)
	}
	w = declared(t, Args{Title: "x", Level: "High Error Rate", Service: "no such"})
	if w.inc.Level != HighErrorRate || w.inc.LevelBy != dewi || w.inc.LevelRule != "" || w.inc.Service != "" || w.inc.ServiceName != "no such" {
		t.Errorf("incident = %+v, want the level by hand, and an unknown service by name only", w.inc)
	}
	for _, tt := range []struct {
		args Args
		key  string
	}{
		{Args{Title: "\n"}, "title_missing"},
		{Args{Title: strings.Repeat("x", MaxTitle+1)}, "too_long"},
		{Args{Title: "x", Description: strings.Repeat("x", MaxText+1)}, "too_long"},
		{Args{Title: "x", Level: "sev9"}, "unknown_level"},
	} {
		wantProblem(t, newWorld(t).try(by(dewi, Declare, tt.args)), ErrInvalid, tt.key)
	}
	declared(t, Args{Title: strings.Repeat("é", MaxTitle), Description: strings.Repeat("é", MaxText)})
}

// TestSameTick does everything within one tick of the clock: a person's word
// still takes effect after what is known.
func TestSameTick(t *testing.T) {
	w := declared(t, Args{Title: down, Service: "checkout"})
	steps := []struct {
		cmd  Command
		want Status
	}{
		{by(dewi, Ack, Args{}), Open},
		{by(dewi, Unack, Args{}), Open},
		{by(dewi, Ack, Args{}), Open},
		{by(dewi, Resolve, Args{}), Resolved},
		{by(dewi, Reopen, Args{}), Open},
		{by(dewi, Resolve, Args{}), Resolved},
		{by(ani, Close, Args{Waive: "w"}), Closed},
		{by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}), Closed},
		{by(dewi, Reopen, Args{}), Open},
		{by(dewi, Ack, Args{}), Open},
	}
	for i, s := range steps {
		w.do(s.cmd)
		if w.inc.Status != s.want || len(w.events) == 0 {
			t.Fatalf("step %d, %s: status %s with events %q, want %s", i, s.cmd.Verb, w.inc.Status, w.kinds(), s.want)
		}
	}
	if w.inc.Episode != 3 || w.inc.AcknowledgedBy != dewi || w.inc.Postmortem.State != PostmortemDraft || w.inc.Postmortem.Revision != 1 {
		t.Errorf("episode %d, acknowledged by %v, postmortem %s, revision %d", w.inc.Episode, w.inc.AcknowledgedBy, w.inc.Postmortem.State, w.inc.Postmortem.Revision)
	}
}

// TestPagersClockAhead has the pager's clock run five minutes ahead.
func TestPagersClockAhead(t *testing.T) {
	w := newWorld(t).do(told(Trigger, clock.Add(5*time.Minute), &Alert{Title: down}))
	w.do(by(dewi, Ack, Args{}))
	w.do(by(dewi, Resolve, Args{}))
	if w.inc.Status != Resolved || w.inc.AcknowledgedBy != dewi || w.inc.Duration(clock) < 0 {
		t.Errorf("status %s, acknowledged by %v, duration %s", w.inc.Status, w.inc.AcknowledgedBy, w.inc.Duration(clock))
	}
}

func TestUnknownVerb(t *testing.T) {
	wantProblem(t, triggered(t, down).try(by(dewi, "explode", Args{})), ErrInvalid, "unknown_verb")
	wantProblem(t, triggered(t, down).try(Command{Verb: "explode", Actor: System}), ErrInvalid, "unknown_verb")
}

func TestMergedDuplicate(t *testing.T) {
	w := triggered(t, down)
	cmd := told(Resolve, at(3), alert(down))
	cmd.Args.Merge = &Ref{System: SourcePagerDuty, Role: RoleAlert, ID: "Q9"}
	w.do(cmd)
	inc := w.inc
	if inc.Status != Closed || inc.Postmortem.Required || inc.Link == nil || inc.Link.Kind != LinkDuplicate || inc.Link.ParentRef.ID != "Q9" {
		t.Errorf("status %s, postmortem %+v, link %+v; want closed as a duplicate of Q9, without an RCA", inc.Status, inc.Postmortem, inc.Link)
	}
	if w.kinds() != "linked resolved closed" || w.events[2].Data["why"] != "duplicate" || w.replies() != "" {
		t.Errorf("events %q, replies %q", w.kinds(), w.replies())
	}
	w.do(cmd).silent()

	w = triggered(t, down)
	cmd.Args.Merge = &Ref{System: SourcePagerDuty, Role: RoleAlert, ID: alertRef.ID}
	if w.do(cmd); w.inc.Link != nil || w.inc.Status != Resolved {
		t.Errorf("merged into itself: link %+v, status %s", w.inc.Link, w.inc.Status)
	}
	// The resolution was known before its reason was.
	w = in(t, down, Resolved)
	cmd.At, cmd.Args.Merge = at(10), &Ref{System: SourcePagerDuty, ID: "Q9"}
	if w.do(cmd); w.inc.Status != Closed || w.kinds() != "linked closed" {
		t.Errorf("status %s, events %q", w.inc.Status, w.kinds())
	}
}

func TestAttach(t *testing.T) {
	w := triggered(t, down)
	attach := func(r *Ref) Command { return Command{Verb: Attach, Actor: System, Args: Args{Ref: r}} }
	card := Ref{System: "teams", Role: RoleCard, Target: "19:payments", ID: "1"}
	w.do(attach(&card))
	if got, ok := w.inc.HasRef("teams", RoleCard, "19:payments"); !ok || got != card || w.kinds() != "attached" || len(w.effects) != 0 {
		t.Errorf("ref = %v, events %q, effects %v", got, w.kinds(), w.effects)
	}
	w.do(attach(&card)).silent()
	newer := card
	newer.ID = "2"
	if w.do(attach(&newer)); len(w.inc.Refs) != 2 {
		t.Errorf("refs = %v, want the new card in the place of the old", w.inc.Refs)
	}
	for _, r := range []*Ref{nil, {}, {System: "x", Role: "y"}, {System: "x", ID: "z"}, {Role: "x", ID: "z"}} {
		wantProblem(t, w.try(attach(r)), ErrInvalid, "ref_missing")
	}
	wantProblem(t, w.try(Command{Verb: Log, Actor: System}), ErrInvalid, "kind_missing")
	w.do(Command{Verb: Fail, Actor: System, Args: Args{Text: strings.Repeat("x", MaxText+9), Data: map[string]string{"effect": KindCard}}})
	if n := len([]rune(w.events[0].Text)); n != MaxText || len(w.effects) != 0 {
		t.Errorf("a logged text has %d runes, want %d; effects %v", n, MaxText, w.effects)
	}
}
