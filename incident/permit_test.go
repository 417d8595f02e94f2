package incident

import (
	"errors"
	"maps"
	"slices"
	"testing"
)

// TestPermissions is the whole permission table: who may use which verb.
func TestPermissions(t *testing.T) {
	commander := Actor{Kind: KindUser, ID: "eko@example.com"}
	inc := triggered(t, down).inc
	inc.Commander = commander
	f := Facts{Service: newStatic().service, Squad: newStatic().squad}
	people := []struct {
		name  string
		actor Actor
		role  Role
		rank  need // the most that they may
	}{
		{"guest", dewi, "", needAnybody},
		{"viewer", dewi, RoleViewer, needAnybody},
		{"viewer of the squad", citra, RoleViewer, needAnybody},
		{"viewer as commander", commander, RoleViewer, needAnybody},
		{"unknown role", ani, "root", needAnybody},
		{"responder", dewi, RoleResponder, needResponder},
		{"token", robot, RoleResponder, needResponder},
		{"token with a member's id", Actor{Kind: KindToken, ID: citra.ID}, RoleResponder, needResponder},
		{"lead", ani, RoleResponder, needSquad},
		{"member", citra, RoleResponder, needSquad},
		{"owner", budi, RoleResponder, needSquad},
		{"commander", commander, RoleResponder, needSquad},
		{"admin", dewi, RoleAdmin, needAdmin},
		{"admin token", robot, RoleAdmin, needAdmin},
		{"vendor", pager, "", needNobody},
		{"system", System, "", needNobody},
	}
	want := map[Verb]need{
		Declare: needResponder, Ack: needResponder, Unack: needResponder, Resolve: needResponder, Reopen: needResponder,
		AddNote: needResponder, WriteRCA: needResponder, DoAction: needResponder, Assign: needResponder, Member: needResponder,
		Retry: needResponder, Judge: needResponder, SetTime: needResponder, Close: needSquad, SetLevel: needSquad, Publicise: needAdmin,
		SetLink: needSquad, Unlink: needSquad, Undo: needSquad, Relink: needNobody, Follow: needNobody, Unpause: needNobody,
		OpenRoom: needResponder, RoomStep: needNobody, TicketStep: needNobody, Page: needResponder, PageStep: needNobody,
		Report: needResponder, Subscribe: needAnybody, Remind: needResponder, Nudge: needNobody,
		Trigger: needNobody, Update: needNobody, Enrich: needNobody, Log: needNobody, Attach: needNobody, Fail: needNobody, Reroute: needNobody,
	}
	for _, verb := range slices.Sorted(maps.Keys(handlers)) {
		if _, ok := want[verb]; !ok {
			t.Errorf("the verb %q is in no row of this table", verb)
		}
	}
	check := func(t *testing.T, verb Verb, complete bool, n need) {
		for _, p := range people {
			err := Allowed(verb, complete, p.actor, p.role, inc, &f)
			if allowed := p.rank >= n; allowed != (err == nil) {
				t.Errorf("%s by %s: %v, want allowed %v", verb, p.name, err, allowed)
			}
			if err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("%s by %s: %v is not ErrForbidden", verb, p.name, err)
			}
		}
	}
	for verb, n := range want {
		check(t, verb, false, n)
	}
	check(t, WriteRCA, true, needSquad)
	wantProblem(t, Allowed("explode", false, dewi, RoleResponder, inc, &f), ErrInvalid, "unknown_verb")
}

// TestNobodyNamed: where nobody is named as responsible, any person of the
// company is.
func TestNobodyNamed(t *testing.T) {
	inc := triggered(t, down).inc
	tests := []struct {
		name  string
		f     Facts
		actor Actor
		role  Role
		ok    bool
	}{
		{"nobody named", Facts{}, dewi, RoleResponder, true},
		{"nobody named, viewer", Facts{}, dewi, RoleViewer, false},
		{"nobody named, token", Facts{}, robot, RoleResponder, false},
		{"an owner is named", Facts{Service: ServiceInfo{Owner: budi.ID}}, dewi, RoleResponder, false},
		{"a lead is named", Facts{Squad: SquadInfo{Lead: ani.ID}}, dewi, RoleResponder, false},
		{"a member is named", Facts{Squad: SquadInfo{Members: []string{"", citra.ID}}}, dewi, RoleResponder, false},
		{"empty names are none", Facts{Squad: SquadInfo{Members: []string{""}}}, dewi, RoleResponder, true},
	}
	for _, tt := range tests {
		if err := Allowed(Close, false, tt.actor, tt.role, inc, &tt.f); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want allowed %v", tt.name, err, tt.ok)
		}
	}
}

// TestForbiddenChangesNothing also covers that the pager's people need no role.
func TestForbiddenChangesNothing(t *testing.T) {
	w := in(t, down, Resolved)
	wantProblem(t, w.try(by(dewi, Close, Args{Waive: "x"})), ErrForbidden, "forbidden_squad")
	wantProblem(t, w.try(Command{Verb: AddNote, Actor: dewi, Role: RoleViewer, Args: Args{Text: "x"}}), ErrForbidden, "forbidden_viewer")
	wantProblem(t, w.try(by(dewi, Publicise, Args{Reason: "x"})), ErrForbidden, "forbidden_admin")
	wantProblem(t, w.try(by(dewi, Trigger, Args{Alert: alert(down)})), ErrForbidden, "forbidden_vendor")
	wantProblem(t, w.try(Command{Verb: Attach, Actor: dewi, Role: RoleAdmin}), ErrForbidden, "forbidden_vendor")
	if w.inc.Status != Resolved {
		t.Errorf("status = %s", w.inc.Status)
	}
	w = triggered(t, down)
	cmd := told(Ack, at(1), alert(down))
	cmd.Actor = pdUser
	if w.do(cmd); w.inc.AcknowledgedBy != pdUser {
		t.Errorf("acknowledged by %v, want the pager's user without any role", w.inc.AcknowledgedBy)
	}
}
