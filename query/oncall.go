package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// Standby knows who is on duty. What it answers may be some minutes old, and
// takes some seconds at most.
type Standby interface {
	// Roles are all roles that somebody can be on duty for: "dba",
	// "squad:payments".
	Roles() []string
	// On returns who is on duty for each of these roles, and for which of them
	// nobody was found, and why.
	On(ctx context.Context, roles []string) ([]Duty, []Gap)
}

// Duty is one person's turn at a role.
type Duty struct {
	Role        string
	Person      incident.Actor
	Since, Till time.Time // zero: not known
	Source      string    // where that was read, in words
	Stale       bool      // the source did not answer: this is the last that it said
}

// Gap is a role for which nobody was found.
type Gap struct {
	Role string
	Why  string // one of the reasons of package oncall; its words are in the message catalogue, under "standby."
}

// What an OnCallQuery can be about.
const (
	OnCallAnything = ""        // a role, a service or a squad of that name, the first that there is; without a name everybody
	OnCallService  = "service" // by any of its names
	OnCallSquad    = "squad"   // by its key
	OnCallRole     = "role"
)

// OnCall is who is on duty for something.
type OnCall struct {
	Name   string    // of the service, squad or role; "" where it is everybody
	Roles  []RoleDay // in the order in which the catalog has them
	Others int       // roles beyond those that are listed
}

// RoleDay is who is on duty for one role.
type RoleDay struct {
	Role   string
	Duties []Duty
	Gap    string // why there is none, see Gap; "" where there are
}

// maxRoles bounds how many roles are asked for at once.
const maxRoles = 40

// OnCall returns who is on duty for a service's roles and its squad, for a
// squad, or for a role. Names that nothing has are a problem for whoever asked.
func (r *Reader) OnCall(ctx context.Context, about, name string) (*OnCall, error) {
	out, roles, err := r.rolesOf(about, strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	if n := len(roles) - maxRoles; n > 0 {
		out.Others, roles = n, roles[:maxRoles]
	}
	if len(roles) == 0 {
		return out, nil
	}
	if r.Standby == nil {
		for _, role := range roles {
			out.Roles = append(out.Roles, RoleDay{Role: role, Gap: "unknown_role"})
		}
		return out, nil
	}
	duties, gaps := r.Standby.On(ctx, roles)
	for _, role := range roles {
		day := RoleDay{Role: role}
		for _, d := range duties {
			if d.Role == role {
				d.Person = r.Named(ctx, d.Person)
				day.Duties = append(day.Duties, d)
			}
		}
		for _, g := range gaps {
			if g.Role == role && len(day.Duties) == 0 {
				day.Gap = g.Why
			}
		}
		out.Roles = append(out.Roles, day)
	}
	return out, nil
}

// rolesOf finds what is meant, and which roles belong to it.
func (r *Reader) rolesOf(about, name string) (*OnCall, []string, error) {
	var known []string
	if r.Standby != nil {
		known = r.Standby.Roles()
	}
	any := about == OnCallAnything
	if name == "" && any {
		return &OnCall{}, known, nil
	}
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 && (any || about == OnCallRole) {
		return &OnCall{Name: known[i]}, known[i : i+1], nil
	}
	cat := r.Catalog()
	if svc := cat.Service(name, ""); svc.Known && (any || about == OnCallService) {
		return &OnCall{Name: svc.Name}, serviceRoles(cat, svc, known), nil
	}
	if sq := cat.Squad(strings.ToLower(name)); sq.Known && (any || about == OnCallSquad) {
		out := &OnCall{Name: sq.Name}
		if out.Name == "" {
			out.Name = sq.Key
		}
		return out, []string{incident.PartSquad + sq.Key}, nil
	}
	return nil, nil, incident.NewProblem(incident.ErrInvalid, "name", "unknown_oncall",
		"There is no service, squad or standby role %q. Write it as it stands in the catalog: checkout, payments or dba.", incident.Clip(incident.Line(name), 60)).With("name", incident.Clip(incident.Line(name), 60))
}

// serviceRoles are the roles that a service lists, or else those that the most
// urgent level pages, and its squad's own.
func serviceRoles(cat incident.Catalog, svc incident.ServiceInfo, known []string) []string {
	roles := slices.Clone(svc.Standby)
	if levels := cat.Levels(); len(roles) == 0 && len(levels) > 0 {
		first := slices.MinFunc(levels, func(a, b incident.Level) int { return a.Rank - b.Rank })
		for _, role := range cat.Notice(svc.Squad, first.Key).Page {
			if slices.Contains(known, role) {
				roles = append(roles, role)
			}
		}
	}
	if squad := incident.PartSquad + svc.Squad; svc.Squad != "" && (slices.Contains(known, squad) || len(roles) == 0) {
		roles = append(roles, squad)
	}
	return roles
}
