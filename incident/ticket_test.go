package incident

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ticketEffects are the keys of the last command's effects in the tracker.
func (w *world) ticketEffects() string {
	var out []string
	for _, e := range w.effects {
		if rest, ok := strings.CutPrefix(e.Key, "INC-1/jira."); ok {
			if e.Lane != "INC-1/jira" {
				w.t.Errorf("%s runs in the lane %s", e.Key, e.Lane)
			}
			out = append(out, rest)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (w *world) ticket(c TicketChange) *world {
	w.t.Helper()
	return w.do(Command{Verb: TicketStep, Actor: Jira, Source: SourceJira, Args: Args{Ticket: &c}})
}

func (w *world) act(a ActionArgs) *world {
	w.t.Helper()
	return w.do(by(dewi, DoAction, Args{Action: &a}))
}

// ticketed is an incident that owes an RCA and has a follow-up, both with a
// ticket.
func ticketed(t testing.TB) *world {
	w := triggered(t, down)
	w.act(ActionArgs{Op: "add", Title: "fix it", Owner: &citra, Due: "2026-12-31"})
	w.ticket(TicketChange{Step: TicketCreated, N: 0, ID: "10000", Key: "OPS-1", Fields: []FieldSync{{Field: FieldDone, Here: TicketOpen, There: TicketOpen}}})
	return w.ticket(TicketChange{Step: TicketCreated, N: 1, ID: "10001", Key: "OPS-2", URL: "https://jira.example.com/browse/OPS-2", Fields: []FieldSync{
		{Field: FieldTitle, Here: "fix it", There: "fix it"},
		{Field: FieldDone, Here: TicketOpen, There: TicketOpen},
		{Field: FieldDue, Here: "2026-12-31", There: "2026-12-31"},
		{Field: FieldOwner, Here: citra.ID, There: "712020:citra"},
	}})
}

// TestTicketWanted: who is given the task to write an RCA.
func TestTicketWanted(t *testing.T) {
	imported := told(Trigger, t0, alert(down))
	imported.History = true
	for _, c := range []struct {
		name string
		cmd  Command
		mode string
		want string
	}{
		{"down", told(Trigger, t0, alert(down)), ModeLive, "postmortem"},
		{"no RCA owed", told(Trigger, t0, alert("disk 80%")), ModeLive, ""},
		{"quiet", told(Trigger, t0, alert("maintenance: checkout is down")), ModeLive, ""},
		{"private", by(dewi, Declare, Args{Title: "leak", Service: "checkout"}), ModeLive, "postmortem"}, // the effect decides
		{"history", imported, ModeLive, ""},
		{"shadow", told(Trigger, t0, alert(down)), ModeShadow, ""},
		{"muted", told(Trigger, t0, alert(down)), ModeMuted, ""},
	} {
		w := newWorld(t)
		w.cat.route.Mode = c.mode
		if w.do(c.cmd); w.ticketEffects() != c.want {
			t.Errorf("%s: %q, want %q", c.name, w.ticketEffects(), c.want)
		}
		w.cat.route.Mode = ModeLive // going live does nothing for the past
		if w.do(by(dewi, AddNote, Args{Text: "x"})); w.ticketEffects() != "" {
			t.Errorf("%s, later: %q", c.name, w.ticketEffects())
		}
		if w.act(ActionArgs{Op: "add", Title: "x"}); w.ticketEffects() != "action/1" {
			t.Errorf("%s, follow-up: %q", c.name, w.ticketEffects())
		}
	}
}

// TestTicketAskedAgain: a ticket that was not wanted when its time came is asked
// for by another key.
func TestTicketAskedAgain(t *testing.T) {
	w := triggered(t, down)
	w.do(by(ani, SetLevel, Args{Level: Other, Reason: "x"}))
	w.ticket(TicketChange{Step: TicketUnwanted})
	if w.inc.Postmortem.Ticket.State != TicketNone {
		t.Fatalf("ticket %+v", w.inc.Postmortem.Ticket)
	}
	if w.do(by(ani, SetLevel, Args{Level: ServiceDown, Reason: "x"})); w.ticketEffects() != "postmortem/2" {
		t.Errorf("effects %q", w.ticketEffects())
	}
	// With an attempt whose outcome is not known, it stays asked for.
	w.ticket(TicketChange{Step: TicketTried, Tried: clock})
	if w.ticket(TicketChange{Step: TicketUnwanted}); w.inc.Postmortem.Ticket.State != TicketAsked {
		t.Errorf("ticket %+v", w.inc.Postmortem.Ticket)
	}
}

// TestTicketFollows: what is changed here is told, what is the same is not.
func TestTicketFollows(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world)
		want string
	}{
		{"done", func(w *world) { w.act(ActionArgs{Op: "done", N: 1}) }, "sync/1"},
		{"due", func(w *world) { w.act(ActionArgs{Op: "due", N: 1}) }, "sync/1"},
		{"owner", func(w *world) { w.act(ActionArgs{Op: "assign", N: 1, Owner: &ani}) }, "sync/1"},
		{"nobody", func(w *world) { w.act(ActionArgs{Op: "assign", N: 1}) }, "sync/1"},
		{"title", func(w *world) { w.act(ActionArgs{Op: "edit", N: 1, Title: "mend it"}) }, "sync/1"},
		{"the same title", func(w *world) { w.act(ActionArgs{Op: "edit", N: 1, Title: "fix it"}) }, ""},
		{"the same owner", func(w *world) { w.act(ActionArgs{Op: "assign", N: 1, Owner: &citra}) }, ""},
		{"a note", func(w *world) { w.do(by(dewi, AddNote, Args{Text: "x"})) }, ""},
		{"resolved", func(w *world) { w.do(by(dewi, Resolve, Args{})) }, ""},
		{"RCA", func(w *world) {
			w.do(by(dewi, Resolve, Args{})).do(by(ani, WriteRCA, Args{RCA: fullRCA, Complete: true}))
		}, "sync/0"},
		{"waived", func(w *world) { w.do(by(dewi, Resolve, Args{})).do(by(ani, Close, Args{Waive: "x"})) }, "sync/0"},
		{"demoted", func(w *world) { w.do(by(ani, SetLevel, Args{Level: Other, Reason: "x"})) }, "sync/0"},
		{"told", func(w *world) {
			w.act(ActionArgs{Op: "done", N: 1})
			w.ticket(TicketChange{Step: TicketSynced, N: 1, Fields: []FieldSync{{Field: FieldDone, Do: SyncPush, Was: TicketDone, Here: TicketDone, There: TicketDone}}})
		}, ""},
		{"refused, then a note", func(w *world) {
			w.act(ActionArgs{Op: "done", N: 1})
			w.ticket(TicketChange{Step: TicketSynced, N: 1, Fields: []FieldSync{{Field: FieldDone, Do: SyncPush, Was: TicketDone, Here: TicketDone, There: TicketOpen, Reason: "no way"}}})
			w.do(by(dewi, AddNote, Args{Text: "x"}))
		}, ""},
		{"lost", func(w *world) { w.ticket(TicketChange{Step: TicketLost, N: 1}).act(ActionArgs{Op: "done", N: 1}) }, ""},
		{"back", func(w *world) {
			w.ticket(TicketChange{Step: TicketLost, N: 1}).ticket(TicketChange{Step: TicketFound, N: 1, ID: "10001", Key: "OPS-2"})
		}, "sync/1"},
		{"taken from there", func(w *world) {
			w.ticket(TicketChange{Step: TicketSynced, N: 1, Fields: []FieldSync{{Field: FieldDone, Do: SyncTake, Was: TicketOpen, Here: TicketDone, There: TicketDone}}})
		}, ""},
		{"seen", func(w *world) { w.ticket(TicketChange{Step: TicketSeen, N: 1}) }, "sync/1"},
		{"seen before it is recorded", func(w *world) {
			w.act(ActionArgs{Op: "add", Title: "x"}).ticket(TicketChange{Step: TicketSeen, N: 2})
		}, "sync/2"},
		{"seen, of nothing", func(w *world) { w.ticket(TicketChange{Step: TicketSeen, N: 9}) }, ""},
		{"found after a lost answer", func(w *world) {
			w.act(ActionArgs{Op: "add", Title: "x"}).ticket(TicketChange{Step: TicketFound, N: 2, ID: "10002", Key: "OPS-3"})
		}, "sync/2"},
		{"changed while it was made", func(w *world) {
			w.act(ActionArgs{Op: "add", Title: "x"}).act(ActionArgs{Op: "done", N: 2})
			w.ticket(TicketChange{Step: TicketCreated, N: 2, ID: "10002", Key: "OPS-3", Fields: []FieldSync{
				{Field: FieldTitle, Here: "x", There: "x"}, {Field: FieldDone, Here: TicketOpen, There: TicketOpen},
			}})
		}, "sync/2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ticketed(t)
			if c.do(w); w.ticketEffects() != c.want {
				t.Errorf("effects %q, want %q", w.ticketEffects(), c.want)
			}
		})
	}
}

// TestTicketTaken: what was changed here meanwhile is not lost.
func TestTicketTaken(t *testing.T) {
	w := ticketed(t)
	w.act(ActionArgs{Op: "due", N: 1, Due: "2027-01-01"})
	w.ticket(TicketChange{Step: TicketSynced, N: 1, Key: "OPS-2", Fields: []FieldSync{
		{Field: FieldDue, Do: SyncTake, Was: "2026-12-31", Here: "2026-11-30", There: "2026-11-30"}, // it was compared before
		{Field: FieldOwner, Do: SyncTake, Was: citra.ID, Here: "pd:PU1", There: "712020:ani", Owner: Actor{Kind: KindUser, ID: "jira:712020:ani", Name: "A."}},
	}})
	a := w.inc.Actions[0]
	if a.Due != "2027-01-01" || a.Ticket.Here.Due != "2026-12-31" || a.Ticket.There.Due != "2026-12-31" || a.Owner.ID != "jira:712020:ani" {
		t.Errorf("the follow-up is %+v, its ticket %+v", a, a.Ticket)
	}
	if got := w.events; len(got) != 1 || got[0].Kind != EvTicketMoved || got[0].Data["field"] != FieldOwner || !got[0].Actor.Is(Jira) {
		t.Errorf("events %+v", got)
	}
	w.ticket(TicketChange{Step: TicketSynced, N: 1, Key: "PAY-7", URL: "https://jira.example.com/browse/PAY-7"})
	if ref, _ := w.inc.HasRef(SourceJira, RoleAction, "1"); ref.ID != "PAY-7" || w.events[0].Data["field"] != "key" {
		t.Errorf("ref %+v, events %+v", ref, w.events)
	}
}

func TestCompareTicket(t *testing.T) {
	agreed := Ticket{
		State: TicketMade,
		Here:  TicketFields{Title: "a", Done: TicketOpen, Due: "2026-01-01", Owner: "x@example.com"},
		There: TicketFields{Title: "a", Done: TicketOpen, Due: "2026-01-01", Owner: "acc-x"},
	}
	type fields = TicketFields
	for _, c := range []struct {
		name        string
		n           int
		here, there func(f *fields)
		account     string
		want        string // field: do, with a + where both have changed it
	}{
		{"nothing", 1, nil, nil, "acc-x", ""},
		{"here", 1, func(f *fields) { f.Done = TicketDone }, nil, "acc-x", "done:push"},
		{"there", 1, nil, func(f *fields) { f.Done = TicketDone }, "acc-x", "done:take"},
		{"both, the same", 1, func(f *fields) { f.Due = "" }, func(f *fields) { f.Due = "" }, "acc-x", "due:"},
		{"both, differently", 1, func(f *fields) { f.Due = "2026-02-02" }, func(f *fields) { f.Due = "" }, "acc-x", "due:take+"},
		{"different fields", 1, func(f *fields) { f.Title = "b" }, func(f *fields) { f.Due = "" }, "acc-x", "title:push due:take"},
		{"owner here", 1, func(f *fields) { f.Owner = "y@example.com" }, nil, "acc-y", "owner:push"},
		{"owner here, unknown there", 1, func(f *fields) { f.Owner = "y@example.com" }, func(f *fields) { f.Owner = "" }, "", "owner:take+"},
		{"nobody here", 1, func(f *fields) { f.Owner = "" }, nil, "", "owner:push"},
		{"owner on both sides, the same", 1, func(f *fields) { f.Owner = "y@example.com" }, func(f *fields) { f.Owner = "acc-y" }, "acc-y", "owner:"},
		{"RCA written", 0, func(f *fields) { f.Done = TicketDone }, nil, "", "done:push"},
		{"RCA's task closed", 0, nil, func(f *fields) { f.Done = TicketDone }, "", "done:"},
		{"RCA written and closed", 0, func(f *fields) { f.Done = TicketDone }, func(f *fields) { f.Done = TicketDone }, "", "done:"},
		{"RCA's task moved about", 0, nil, func(f *fields) { f.Due, f.Owner, f.Title = "", "z", "z" }, "", ""},
	} {
		here, there := agreed.Here, agreed.There
		if c.here != nil {
			c.here(&here)
		}
		if c.there != nil {
			c.there(&there)
		}
		var got []string
		for _, s := range agreed.Compare(c.n, here, there, c.account) {
			both := ""
			if s.Both {
				both = "+"
			}
			got = append(got, s.Field+":"+s.Do+both)
			if s.Was != here.Get(s.Field) || s.Here != here.Get(s.Field) || s.There != there.Get(s.Field) {
				t.Errorf("%s: %+v", c.name, s)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %q, want %q", c.name, g, c.want)
		}
	}
}

func TestEditAction(t *testing.T) {
	for _, c := range []struct {
		args ActionArgs
		key  string // of the problem
	}{
		{ActionArgs{Op: "edit", N: 1}, "action_title"},
		{ActionArgs{Op: "edit", N: 1, Title: strings.Repeat("é", MaxTitle+1)}, "too_long"},
		{ActionArgs{Op: "due", N: 1, Due: "2026-02-30"}, "bad_date"},
		{ActionArgs{Op: "edit", N: 3, Title: "x"}, "no_action"},
		{ActionArgs{Op: "paint", N: 1}, "action_missing"},
	} {
		w := ticketed(t)
		err := w.try(by(dewi, DoAction, Args{Action: &c.args}))
		if p, ok := err.(*Problem); !ok || p.Key != c.key {
			t.Errorf("%+v: %v, want %s", c.args, err, c.key)
		}
	}
	w := ticketed(t)
	w.act(ActionArgs{Op: "assign", N: 1, Owner: &pdUser})
	want := map[string]string{"n": "1", "field": FieldOwner, "from": "Citra", "to": "Ani"}
	if d := cmp.Diff(want, w.events[0].Data); d != "" || w.events[0].Kind != EvActionEdit || !w.inc.Actions[0].Owner.Is(ani) {
		t.Errorf("event %+v (-want +got):\n%s", w.events[0], d)
	}
}

func TestTicketClone(t *testing.T) {
	w := ticketed(t)
	c := w.inc.Clone()
	c.Postmortem.Ticket.Key, c.Actions[0].Ticket.Key = "X-1", "X-2"
	if w.inc.Postmortem.Ticket.Key != "OPS-1" || w.inc.Actions[0].Ticket.Key != "OPS-2" {
		t.Error("a clone shares its tickets")
	}
}

func TestTicketStepErrors(t *testing.T) {
	w := ticketed(t)
	for _, c := range []*TicketChange{nil, {Step: "paint"}} {
		if err := w.try(Command{Verb: TicketStep, Actor: Jira, Args: Args{Ticket: c}}); err == nil {
			t.Errorf("%+v is no error", c)
		}
	}
}

func TestTicketMarker(t *testing.T) {
	for s, want := range map[string]struct {
		id ID
		n  int
		ok bool
	}{
		"imbot-INC-42-rca": {42, 0, true}, "imbot-INC-42-a3": {42, 3, true}, "imbot-INC-7-a12": {7, 12, true},
		"imbot": {}, "imbot-INC-42": {}, "imbot-INC-42-a0": {}, "imbot-INC-42-a": {}, "imbot-inc-42-rca": {}, "imbot-INC-042-rca": {}, "imbot-42-rca": {},
		"prod-INC-42-rca": {}, "imbot-INC-42-a+3": {}, "imbot-INC-42-a03": {}, "imbot-INC-42-rca-a1": {}, "": {}, "imbot-INC-0-rca": {},
	} {
		id, n, ok := ParseTicketMarker("imbot", s)
		if id != want.id || n != want.n || ok != want.ok {
			t.Errorf("%q is %s, %d, %v", s, id, n, ok)
		}
	}
}

func FuzzTicketMarker(f *testing.F) {
	f.Add("imbot", "imbot-INC-42-rca")
	f.Add("a-b", "a-b-INC-1-a2")
	f.Add("", "-INC-1-a99999999999999999999")
	f.Fuzz(func(t *testing.T, label, s string) {
		if id, n, ok := ParseTicketMarker(label, s); ok && (TicketMarker(label, id, n) != s || n < 0) {
			t.Errorf("%q of %q is %s %d", s, label, id, n)
		}
	})
}
