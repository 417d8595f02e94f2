package query_test

import (
	"context"
	"strings"
	"testing"

	"imbot/incident"
	"imbot/query"
)

// TestNames: whoever was told of by an address is shown by the name that the
// catalog, the incident or Teams knows.
func TestNames(t *testing.T) {
	l := newLibrary(t)
	asked := map[string]int{}
	l.Name = func(_ context.Context, id string) string {
		asked[id]++
		return map[string]string{"budi@example.com": "Budi", "citra@example.com": "Citra", ani.ID: "Somebody else"}[id]
	}
	citra := incident.Actor{Kind: incident.KindUser, ID: "citra@example.com"}
	eko := incident.Actor{Kind: incident.KindUser, ID: "eko@example.com"}
	id := l.do(incident.Command{Verb: incident.Declare, Actor: ani, Role: incident.RoleAdmin, Args: incident.Args{Title: "x", Service: "checkout"}})
	for _, cmd := range []incident.Command{
		{Verb: incident.DoAction, Args: incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "a", Owner: &citra}}},
		{Verb: incident.DoAction, Args: incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "b", Owner: &eko}}},
		{Verb: incident.Assign, Args: incident.Args{Person: &citra}},
	} {
		cmd.Incident, cmd.Actor, cmd.Role = id, ani, incident.RoleAdmin
		l.do(cmd)
	}
	v, err := l.Get(t.Context(), query.Everybody, id, true)
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{
		"owner Budi": v.Owner.Label(), "lead Ani": v.Lead.Label(), "commander Citra": v.Incident.Commander.Label(),
		"action Citra": v.Incident.Actions[0].Owner.Label(), "action eko@example.com": v.Incident.Actions[1].Owner.Label(),
	} {
		if _, want, _ := strings.Cut(what, " "); got != want {
			t.Errorf("%s: shown as %q", what, got)
		}
	}
	told := ""
	for _, e := range v.Timeline {
		told += string(e.Kind) + ":" + e.Data["owner"] + e.Data["person"] + " "
	}
	if want := "declared: action_added:Citra action_added:eko@example.com assigned:Citra "; told != want {
		t.Errorf("timeline %q, want %q", told, want)
	}
	for id, n := range asked {
		if n != 1 || id == ani.ID {
			t.Errorf("%s was looked up %d times", id, n)
		}
	}
	if v, err = l.Get(t.Context(), query.Self, id, false); err != nil || v.Owner.Name != "Budi" || v.Incident.Commander.Name != "" {
		t.Errorf("for itself: %v, owner %v, commander %v", err, v.Owner, v.Incident.Commander)
	}
}

// TestNameArgs: people are named before the timeline says who they are.
func TestNameArgs(t *testing.T) {
	l := newLibrary(t)
	args := incident.Args{
		Person: &incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}, People: []incident.Actor{{Kind: incident.KindUser, ID: "budi@example.com"}, {Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}},
		Action: &incident.ActionArgs{Op: "add"},
	}
	was := args.Person
	l.NameArgs(t.Context(), &args)
	if args.Person.Name != "" {
		t.Errorf("without anybody to ask: %v", args.Person)
	}
	l.Name = func(context.Context, string) string { return "Budi" }
	l.NameArgs(t.Context(), &args)
	if args.Person.Name != "Budi" || args.People[0].Name != "Budi" || args.People[1].Name != "Eko" || args.Action.Owner != nil || was.Name != "" {
		t.Errorf("%v, %v, %v", args.Person, args.People, args.Action.Owner)
	}
	l.NameArgs(t.Context(), &incident.Args{})
}
