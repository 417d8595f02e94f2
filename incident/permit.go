package incident

import "slices"

// Role is a person's standing in the company, as the edge knows it.
type Role string

// The roles, weakest first.
const (
	RoleViewer    Role = "viewer"    // reads; guests and foreign tenants are never more
	RoleResponder Role = "responder" // any member of the home tenant
	RoleAdmin     Role = "admin"
)

// need is who may use a verb.
type need int

const (
	needAnybody   need = iota // whoever sees the incident
	needResponder             // viewers may not
	needSquad                 // commander, squad's lead or member, service's owner, admin
	needAdmin
	needNobody // vendors and imbot itself only
)

// permissions is the one permission table, used by every edge.
var permissions = map[Verb]need{
	Declare: needResponder, Ack: needResponder, Unack: needResponder, Resolve: needResponder, Reopen: needResponder,
	Retry: needResponder, AddNote: needResponder, WriteRCA: needResponder, DoAction: needResponder, Assign: needResponder, Member: needResponder,
	Judge: needResponder, SetTime: needResponder, // and needSquad to correct a recorded time, see setTime
	Close: needSquad, SetLevel: needSquad, SetLink: needSquad, Unlink: needSquad, Undo: needSquad,
	OpenRoom: needResponder, Page: needResponder, Report: needResponder, Subscribe: needAnybody, Remind: needResponder,
	Publicise: needAdmin,
	Trigger:   needNobody, Update: needNobody, Enrich: needNobody, Log: needNobody, Attach: needNobody, Fail: needNobody, Reroute: needNobody,
	Relink: needNobody, Follow: needNobody, Unpause: needNobody,
	RoomStep: needNobody, PageStep: needNobody, TicketStep: needNobody, Nudge: needNobody,
}

// Allowed reports whether the verb may be used by this actor on inc (nil for
// Declare). complete marks a WriteRCA that finishes the RCA, which closes the
// incident and needs what closing needs.
func Allowed(verb Verb, complete bool, a Actor, role Role, inc *Incident, f *Facts) error {
	if a.Kind == KindVendor || a.Kind == KindSystem {
		return nil
	}
	n, ok := permissions[verb]
	if !ok {
		return invalid("verb", "unknown_verb", "There is no verb %q.", verb).With("verb", string(verb))
	}
	if verb == WriteRCA && complete {
		n = needSquad
	}
	switch {
	case n == needNobody:
		return forbidden(verb, "vendor", "%q is not for people.")
	case role == RoleAdmin, n == needAnybody:
		return nil
	case role != RoleResponder:
		return forbidden(verb, "viewer", "You may read, but not %s: guests and viewers read only.")
	case n == needAdmin:
		return forbidden(verb, "admin", "Only an admin may do this: %s.")
	case n == needSquad && !inSquad(a, inc, f):
		return forbidden(verb, "squad", forbiddenSquad)
	}
	return nil
}

// inSquad reports whether a is responsible for the incident. Where nobody is
// named as responsible, any responder is.
func inSquad(a Actor, inc *Incident, f *Facts) bool {
	if inc == nil {
		return true
	}
	if inc.Commander.Is(a) {
		return true
	}
	named := false
	for _, id := range slices.Concat([]string{f.Squad.Lead, f.Service.Owner}, f.Squad.Members) {
		if id == "" {
			continue
		}
		named = true
		if a.Kind == KindUser && a.ID == id {
			return true
		}
	}
	return !named && a.Kind == KindUser
}

const forbiddenSquad = "Only the commander, the squad, the service's owner or an admin may do this: %s."

func forbidden(verb Verb, key, format string) *Problem {
	return NewProblem(ErrForbidden, "", "forbidden_"+key, format, string(verb)).With("verb", string(verb))
}
