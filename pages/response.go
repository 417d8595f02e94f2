package pages

import (
	"strings"

	"imbot/incident"
	"imbot/query"
)

// response is how the incident is being handled: the newest status update, the
// war room, and who was woken.
type response struct {
	Update *update
	Lines  []string
	Links  []link // to the room and its call
}

// update is a status update.
type update struct {
	By, Customers, Doing string
	At, Next             *clock
}

// response is nil where there is nothing to say.
func (u ui) response(q *query.View) *response {
	inc := q.Incident
	out := &response{}
	if s := inc.Update; s != nil {
		out.Update = &update{By: person(s.By), Customers: s.Customers, Doing: s.Doing, At: u.clock(s.At)}
		if inc.Active() {
			out.Update.Next = u.clock(s.Next)
		}
	}
	u.roomLines(out, inc)
	for i := range inc.Pages {
		out.Lines = append(out.Lines, u.pagedLine(&inc.Pages[i]))
	}
	if out.Update == nil && len(out.Lines) == 0 {
		return nil
	}
	return out
}

func (u ui) roomLines(out *response, inc *incident.Incident) {
	r := inc.Room
	if r == nil || r.State == incident.RoomNone {
		return
	}
	add := func(key string, pairs ...any) { out.Lines = append(out.Lines, u.T(key, pairs...)) }
	in := r.Count(incident.PersonIn)
	all := in + r.Count(incident.PersonWanted) + r.Count(incident.PersonMissing)
	switch {
	case r.State == incident.RoomOpen:
		add("room.open", "in", in, "all", all)
	case r.State == incident.RoomShared && r.URL == "":
		add("room.shared_soon", "with", r.With.String())
	case r.State == incident.RoomShared && all > 0:
		add("room.shared_in", "with", r.With.String(), "in", in, "all", all)
	case r.State == incident.RoomShared:
		add("room.shared", "with", r.With.String())
	case r.State == incident.RoomThread:
		add("room.thread", "why", r.Reason)
	case r.Reason != "":
		add("room.late", "why", r.Reason)
	case r.State == incident.RoomAsked && r.AskedBy.IsZero() && inc.RoomAfter.After(inc.UpdatedAt):
		add("room.held", "when", u.when(inc.RoomAfter))
	default:
		add("room.opening")
	}
	for i := range r.People {
		if p := &r.People[i]; p.State == incident.PersonMissing {
			who := person(p.Person)
			if p.Person.IsZero() {
				who = u.role(p.Part)
			}
			add("room.missing", "who", who, "why", p.Reason)
		}
	}
	var invited []string
	for _, p := range r.People {
		if p.State == incident.PersonInvited {
			invited = append(invited, person(p.Person))
		}
	}
	if n := len(invited); n > 0 {
		out.Lines = append(out.Lines, u.N("room.invited", n, "who", strings.Join(invited, ", ")))
	}
	for _, p := range r.Strangers(inc) {
		add("room.stranger", "who", person(p.Person), "hint", "member "+inc.ID.String()+" add "+p.Person.ID)
	}
	if r.Chats > 1 {
		out.Lines = append(out.Lines, u.N("room.extra", r.Chats-1))
	}
	for _, l := range []link{{u.T("room.go"), webURL(r.URL)}, {u.T("room.call"), webURL(r.Meeting)}} {
		if l.URL != "" {
			out.Links = append(out.Links, l)
		}
	}
}

func (u ui) pagedLine(p *incident.Paged) string {
	var roles []string
	for _, r := range p.Roles() {
		roles = append(roles, u.role(r))
	}
	who, role := person(p.Person), strings.Join(roles, ", ")
	switch {
	case p.Person.IsZero():
		who = role
	case role != "":
		who += " (" + role + ")"
	}
	s := u.T("page."+p.State, "who", who, "n", int(incident.PageWait.Minutes()), "with", p.Detail)
	if p.Detail != "" && p.State != incident.PageElsewhere {
		s += ": " + u.say.Or("standby."+p.Detail, p.Detail)
	}
	return s
}

// role is how a role of standby is called.
func (u ui) role(role string) string {
	if squad, ok := strings.CutPrefix(role, incident.PartSquad); ok {
		return u.T("part.squad", "squad", squad)
	}
	return role
}
