package incident

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// deliveries lists those of the last command as "hook type event".
func (w *world) deliveries() string {
	w.t.Helper()
	var out []string
	for _, e := range w.effects {
		if e.Kind != KindHook {
			continue
		}
		var d HookData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			w.t.Fatalf("data of %s: %v", e.Key, err)
		}
		out = append(out, d.Hook+" "+d.Type+" "+string(d.Event.Kind))
	}
	return strings.Join(out, ", ")
}

func listened(t testing.TB, wishes ...HookWish) *world {
	t.Helper()
	w := newWorld(t)
	w.hooks = wishes
	return w
}

var everything = HookWish{Name: "all"}

// TestHookLife follows incidents from the first word to the last.
func TestHookLife(t *testing.T) {
	type step struct {
		cmd  Command
		want string
	}
	merge := func(al *Alert) Command {
		c := told(Resolve, at(3), al)
		c.Args.Merge = &Ref{System: SourcePagerDuty, Role: RoleAlert, ID: "Q7"}
		return c
	}
	tests := []struct {
		name  string
		wish  HookWish
		setup func(c *static)
		steps []step
	}{
		{"an incident without an RCA", everything, nil, []step{
			{told(Trigger, t0, alert(odd)), "all opened triggered"},
			{by(dewi, Ack, Args{}), "all changed acknowledged"},
			{by(dewi, Ack, Args{}), ""},
			{by(dewi, Resolve, Args{}), "all closed closed"},
			{by(dewi, AddNote, Args{Text: "x"}), "all changed note"},
			{by(dewi, Reopen, Args{}), "all changed reopened"},
		}},
		{"one that owes an RCA", everything, nil, []step{
			{by(dewi, Declare, Args{Title: slow, Service: "checkout"}), "all opened declared"},
			{by(dewi, Resolve, Args{}), "all changed resolved"},
			{by(ani, Close, Args{Waive: "known"}), "all closed closed"},
		}},
		{"some events only", HookWish{Name: "some", Events: []string{HookOpened, HookClosed}}, nil, []step{
			{told(Trigger, t0, alert(odd)), "some opened triggered"},
			{by(dewi, Ack, Args{}), ""},
			{by(dewi, Resolve, Args{}), "some closed closed"},
		}},
		{"other squads", HookWish{Name: "s", Squads: []string{"search"}}, nil, []step{
			{told(Trigger, t0, alert(down)), ""},
			{by(dewi, Resolve, Args{}), ""},
		}},
		{"its own squad", HookWish{Name: "s", Squads: []string{"search", "payments"}}, nil, []step{{told(Trigger, t0, alert(down)), "s opened triggered"}}},
		{"in and out of a level", HookWish{Name: "l", Levels: []string{HighErrorRate}}, nil, []step{
			{told(Trigger, t0, alert(odd)), ""},
			{by(ani, SetLevel, Args{Level: HighErrorRate}), "l opened level"},
			{by(ani, SetLevel, Args{Level: HighResponseTime}), "l changed level"},
			{by(dewi, Ack, Args{}), ""},
		}},
		{"quiet ones are shown to nobody", everything, nil, []step{
			{told(Trigger, t0, alert("planned maintenance")), ""},
			{by(dewi, Ack, Args{}), ""},
			{by(dewi, Resolve, Args{}), ""},
		}},
		{"private from the start", everything, nil, []step{
			{by(dewi, Declare, Args{Title: "leak", Service: "checkout"}), ""},
			{by(dewi, AddNote, Args{Text: "x"}), ""},
			{by(dewi, Resolve, Args{}), ""},
		}},
		{"what became a duplicate says so, and nothing more", everything, nil, []step{
			{told(Trigger, t0, alert(odd)), "all opened triggered"},
			{merge(alert(odd)), "all closed closed"},
			{by(dewi, AddNote, Args{Text: "x"}), ""},
		}},
		{"a failed delivery is no news", everything, nil, []step{
			{told(Trigger, t0, alert(odd)), "all opened triggered"},
			{Command{Verb: Fail, Actor: System, Args: Args{Text: "x", Data: map[string]string{"effect": KindHook}}}, ""},
			{Command{Verb: Fail, Actor: System, Args: Args{Text: "x", Data: map[string]string{"effect": KindMail}}}, ""},
		}},
		{"what nobody is shown", everything, nil, []step{
			{told(Trigger, t0, alert(odd)), "all opened triggered"},
			{Command{Verb: Attach, Actor: System, Args: Args{Ref: &Ref{System: "teams", Role: RoleCard, ID: "c", Target: "19:payments"}}}, ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := listened(t, tt.wish)
			for i, s := range tt.steps {
				w.do(s.cmd)
				if got := w.deliveries(); got != s.want {
					t.Errorf("step %d, %s: told %q, want %q", i+1, s.cmd.Verb, got, s.want)
				}
			}
		})
	}
}

// TestHookShown: what was hidden is told of as soon as it is shown.
func TestHookShown(t *testing.T) {
	w := listened(t, everything)
	w.do(told(Trigger, t0, alert(odd)))
	w.inc.PausedUntil = clock.Add(1) // as the pause of an alert that mostly resolves itself
	w.do(by(dewi, Ack, Args{}))
	if got := w.deliveries(); got != "all opened acknowledged" {
		t.Errorf("told %q when the pause ended", got)
	}
	w.inc.Private = true
	w.do(Command{Verb: Publicise, Actor: ani, Role: RoleAdmin, Source: SourceTeams, Args: Args{Reason: "over"}})
	if got := w.deliveries(); got != "all opened public" {
		t.Errorf("told %q when it became public", got)
	}
}

// TestHookEffect: one delivery for each change, by a key of its own, and in a
// lane of its own: one system waits for no other.
func TestHookEffect(t *testing.T) {
	w := listened(t, HookWish{Name: "a"}, HookWish{Name: "b", Events: []string{HookClosed}})
	w.do(told(Trigger, t0, alert(odd)))
	w.do(by(dewi, Ack, Args{}))
	w.do(by(dewi, Resolve, Args{Text: "done"}))
	var got [][3]string
	for _, e := range w.effects {
		if e.Kind == KindHook {
			got = append(got, [3]string{e.Key, e.Lane, string(e.Mode)})
		}
	}
	want := [][3]string{{"INC-1/hook/a/4", "INC-1/hook/a", "once"}, {"INC-1/hook/b/4", "INC-1/hook/b", "once"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
}
