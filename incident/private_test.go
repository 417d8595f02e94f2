package incident

import (
	"fmt"
	"strings"
	"testing"
)

// private is an incident that the rules have made private from its beginning.
func private(t testing.TB) *world {
	t.Helper()
	return triggered(t, "customer data leak")
}

func members(w *world) string {
	var out []string
	for _, m := range w.inc.Members {
		out = append(out, m.ID)
	}
	return strings.Join(out, " ")
}

func TestPrivateFromTheBeginning(t *testing.T) {
	w := private(t)
	if !w.inc.Private || members(w) != "budi@example.com sec@example.com" {
		t.Fatalf("private %v, members %q; want owner and the level's members", w.inc.Private, members(w))
	}
	if got := w.targets(KindCard); got != "user:budi@example.com user:sec@example.com" {
		t.Errorf("cards go to %q, want the members' 1:1 chats only", got)
	}
	w = declared(t, Args{Title: "x", Private: true, Service: "checkout", Target: "19:somewhere"})
	if got := strings.Join(w.inc.Cards, " "); members(w) != "dewi@example.com budi@example.com" || got != "user:dewi@example.com user:budi@example.com" {
		t.Errorf("members %q, cards %q; want the declarer and the owner, and no channel", members(w), got)
	}
	for _, tt := range []struct {
		who Actor
		ok  bool
	}{{dewi, true}, {budi, true}, {citra, false}, {ani, false}, {robot, false}, {Actor{}, false}, {pager, true}, {System, true}} {
		if got := w.inc.Visible(tt.who); got != tt.ok {
			t.Errorf("visible to %v: %v, want %v", tt.who, got, tt.ok)
		}
	}
}

// TestPrivateIsNeverLost: where neither an owner nor a level names anybody, the
// people whom the pager woke are members.
func TestPrivateIsNeverLost(t *testing.T) {
	al := alert("x")
	al.Assignees = []Actor{pdUser}
	w := newWorld(t)
	w.cat.service.Owner = ""
	w.inc.Private = true
	w.do(told(Trigger, t0, al))
	if members(w) != ani.ID || w.targets(KindCard) != "user:"+ani.ID {
		t.Errorf("members %q, cards %q", members(w), w.targets(KindCard))
	}
}

// TestPrivateAfterPublic has an incident become private when its card stands in
// a channel already: that card is brought up to date (which hides it), and not
// one more word goes there.
func TestPrivateAfterPublic(t *testing.T) {
	for _, cmd := range []Command{told(Update, at(1), alert("customer data leak")), by(ani, SetLevel, Args{Level: security})} {
		w := declared(t, Args{Title: slow, Service: "checkout"})
		w.inc.Alert, w.inc.AlertAt = alert(slow), t0 // the pager's word of it has been joined
		w.do(by(dewi, Assign, Args{Person: &citra}))
		w.do(cmd)
		if !w.inc.Private {
			t.Fatalf("%s: not private", cmd.Verb)
		}
		for _, id := range []string{dewi.ID, citra.ID, budi.ID, "sec@example.com"} {
			if !strings.Contains(members(w), id) {
				t.Errorf("%s: members %q lack %s (declarer, commander, owner, level's member)", cmd.Verb, members(w), id)
			}
		}
		if !strings.HasPrefix(w.targets(KindCard), "19:payments user:") {
			t.Errorf("%s: cards %q, want the one in the channel brought up to date", cmd.Verb, w.targets(KindCard))
		}
		w.do(by(dewi, Resolve, Args{Text: "secret"}))
		if r := w.replies(); strings.Contains(r, "19:") || !strings.Contains(r, "user:dewi@example.com resolved") {
			t.Errorf("%s: replies %q, want none in channels", cmd.Verb, r)
		}
	}
}

func TestMembers(t *testing.T) {
	w := private(t)
	add := func(a *Actor, remove bool) Command { return by(budi, Member, Args{Person: a, Remove: remove}) }
	w.do(add(&citra, false))
	if !w.inc.Visible(citra) || w.kinds() != "member_added" || !strings.Contains(w.targets(KindCard), "user:citra@example.com") {
		t.Errorf("members %q, events %q, cards %q", members(w), w.kinds(), w.targets(KindCard))
	}
	w.do(add(&citra, false)).silent()
	w.do(add(&citra, true))
	if w.inc.Visible(citra) || w.kinds() != "member_removed" {
		t.Errorf("members %q, events %q", members(w), w.kinds())
	}
	w.do(add(&citra, true)).silent()
	// The card in a former member's chat is brought up to date, which hides it; no reply goes there.
	if w.do(by(budi, Resolve, Args{Text: "secret"})); strings.Contains(w.replies(), "citra") || !strings.Contains(w.targets(KindCard), "citra") {
		t.Errorf("replies %q, cards %q", w.replies(), w.targets(KindCard))
	}
	w.do(by(budi, Assign, Args{Person: &citra}))
	if !w.inc.Visible(citra) {
		t.Error("the commander of a private incident is no member")
	}
	for _, p := range []*Actor{nil, {}} {
		wantProblem(t, w.try(add(p, false)), ErrInvalid, "person_missing")
	}
	w = declared(t, Args{Title: "x", Private: true})
	wantProblem(t, w.try(by(dewi, Member, Args{Person: &dewi, Remove: true})), ErrConflict, "last_member")
}

func TestPublicise(t *testing.T) {
	w := private(t)
	admin := func(reason string) Command {
		return Command{Verb: Publicise, Actor: budi, Role: RoleAdmin, Args: Args{Reason: reason}}
	}
	wantProblem(t, w.try(admin(" ")), ErrInvalid, "reason_missing")
	wantProblem(t, w.try(by(budi, Publicise, Args{Reason: "x"})), ErrForbidden, "forbidden_admin")
	w.do(admin("disclosed"))
	if w.inc.Private || len(w.inc.Members) != 0 || w.kinds() != "public" || !strings.Contains(w.targets(KindCard), "19:payments") {
		t.Errorf("private %v, members %q, events %q, cards %q; want it told as if it were new", w.inc.Private, members(w), w.kinds(), w.targets(KindCard))
	}
	w.do(admin("again")).silent()
	// A person has decided: the rules do not undo it as long as they say the same.
	if w.do(by(dewi, AddNote, Args{Text: "x"})); w.inc.Private {
		t.Error("private again after a note")
	}
}

// TestPager says what is mirrored to the pager, and that nothing which came from
// there goes back.
func TestPager(t *testing.T) {
	pd := func(w *world) string {
		var out []string
		for _, e := range w.effects {
			if strings.HasPrefix(e.Kind, "pagerduty.") {
				out = append(out, fmt.Sprint(e.Key, " ", e.Lane, " ", string(e.Data)))
			}
		}
		return strings.Join(out, "\n")
	}
	data := func(text string, n int) string {
		if text != "" {
			text = `,"text":"` + text + `"`
		}
		return fmt.Sprintf(`{"id":"Q1","by":{"kind":"user","id":"dewi@example.com","name":"Dewi"}%s,"n":%d}`, text, n)
	}
	system := Command{Verb: Resolve, Actor: System}
	fromPD := func(c Command) Command {
		c.Actor = pdUser
		return c
	}
	hidden := func() *world { // private, and Dewi is a member
		w := private(t)
		w.inc.Members = append(w.inc.Members, dewi)
		return w
	}
	tests := []struct {
		name string
		w    *world
		cmd  Command
		want string
	}{
		{"ack", triggered(t, down), by(dewi, Ack, Args{}), "INC-1/pagerduty.ack/2 INC-1/pagerduty " + data("", 2)},
		{"resolve", triggered(t, down), by(dewi, Resolve, Args{Text: "done"}), "INC-1/pagerduty.resolve/2 INC-1/pagerduty " + data("done", 2)},
		{"note", triggered(t, down), by(dewi, AddNote, Args{Text: "look"}), "INC-1/pagerduty.note/2 INC-1/pagerduty " + data("look", 2)},
		{"ack from there", triggered(t, down), told(Ack, at(1), alert(down)), ""},
		{"ack by a person there", triggered(t, down), fromPD(told(Ack, at(1), alert(down))), ""},
		{"resolve by a person there", triggered(t, down), fromPD(told(Resolve, at(1), alert(down))), ""},
		{"note by a person there", triggered(t, down), Command{Verb: AddNote, Actor: pdUser, Source: SourcePagerDuty, At: at(1), Args: Args{Text: "x"}}, ""},
		{"by imbot itself", triggered(t, down), system, ""},
		{"reopen: the pager can not", in(t, down, Resolved), by(dewi, Reopen, Args{}), ""},
		{"unack: the pager can not", triggered(t, down).do(by(dewi, Ack, Args{})), by(dewi, Unack, Args{}), ""},
		{"ack of what is acknowledged", triggered(t, down).do(by(dewi, Ack, Args{})), by(citra, Ack, Args{}), ""},
		{"declared by hand", declared(t, Args{Title: down}), by(dewi, Ack, Args{}), ""},
		{"private ack", hidden(), by(dewi, Ack, Args{}), "INC-1/pagerduty.ack/2 INC-1/pagerduty " + data("", 2)},
		{"private resolve: without its words", hidden(), by(dewi, Resolve, Args{Text: "secret"}), "INC-1/pagerduty.resolve/2 INC-1/pagerduty " + data("", 2)},
		{"private note: not at all", hidden(), by(dewi, AddNote, Args{Text: "secret"}), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.w.do(tt.cmd)
			if got := pd(tt.w); got != tt.want {
				t.Errorf("effects to the pager:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}
