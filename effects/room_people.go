package effects

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/outbox"
)

// member is somebody who can be added to a chat.
type member struct {
	incident.RoomPerson
	graphrest.Member
}

// How long what Entra says about somebody is believed, and how many are
// remembered.
const (
	userFresh    = time.Hour
	refusedFresh = time.Minute // whoever has granted the permission asks again soon
	maxUsers     = 10_000
)

type lookedUp struct {
	graphrest.User
	at time.Time
}

// people finds out who is meant: who holds the roles, and which account in Entra
// each person has. It records who that is, and who can't be added and why, and
// returns those who are to be added. The error is of a look-up that may work
// later; whoever it was about stays wanted.
func (o *opening) people(ctx context.Context) ([]member, error) {
	if err := o.resolve(ctx); err != nil || o.Chats == nil {
		return nil, err
	}
	var out []member
	var known []incident.RoomPerson
	var later error
	in := o.inc.Room.Count(incident.PersonIn)
	for _, p := range byUse(wanted(o.inc.Room.People)) {
		if p.Person.IsZero() {
			continue
		}
		m, why, err := o.account(ctx, p.Person)
		switch {
		case err != nil:
			later = errors.Join(later, err)
		case why != "":
			p.State, p.Reason = incident.PersonMissing, o.say.Text("room.gone."+why)
			known = append(known, p)
		case slices.ContainsFunc(out, func(q member) bool { return q.UserID == m.UserID }):
			p.State = incident.PersonIn // the same account by another name
			known = append(known, p)
		case in+len(out) >= graphrest.MaxMembers, in+len(out) >= o.size() && !always(p) && !o.needed(p.Person):
			p.State = incident.PersonInvited
			known = append(known, p)
		default:
			out = append(out, member{p, m})
		}
	}
	if len(known) > 0 {
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomPeople, People: known}); err != nil {
			return nil, err
		}
	}
	return out, later
}

func (r *Rooms) size() int {
	if r.Size <= 0 {
		return DefaultRoomSize
	}
	return r.Size
}

// always are those whom no number of people keeps out.
func always(p incident.RoomPerson) bool {
	return p.Asked || p.Part == incident.PartCommander || p.Part == incident.PartScribe || p.Part == incident.PartAsked
}

// needed reports whether somebody has more to do with it than their first part
// says.
func (o *opening) needed(who incident.Actor) bool {
	return o.inc.Woken(who) || o.inc.Commander.Is(who) || o.inc.Scribe.Is(who)
}

// byUse puts those last who only want to know.
func byUse(people []incident.RoomPerson) []incident.RoomPerson {
	rank := func(p incident.RoomPerson) int {
		switch {
		case always(p):
			return 0
		case p.Part == incident.PartStakeholder:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(people, func(a, b incident.RoomPerson) int { return rank(a) - rank(b) })
	return people
}

// resolve puts the holders of roles in their place.
func (o *opening) resolve(ctx context.Context) error {
	found := o.holders(ctx)
	if len(found) == 0 {
		return nil
	}
	return o.did(ctx, incident.RoomChange{Step: incident.RoomPeople, People: found})
}

// holders asks who is on standby for the roles that nobody was found for yet.
func (o *opening) holders(ctx context.Context) []incident.RoomPerson {
	var roles []string
	for _, p := range o.inc.Room.People {
		if p.Person.IsZero() && p.State == incident.PersonWanted {
			roles = append(roles, p.Part)
		}
	}
	if len(roles) == 0 {
		return nil
	}
	var duties []Duty
	var gaps []Gap
	if o.Standby != nil {
		duties, gaps = o.Standby.On(ctx, roles)
	}
	var out []incident.RoomPerson
	for _, role := range roles {
		found := false
		for _, d := range duties {
			if d.Role == role && d.Person.ID != "" {
				found = true
				out = append(out, incident.RoomPerson{Person: d.Person, Part: role, State: incident.PersonWanted, Since: d.Since, Until: d.Till})
			}
		}
		if found {
			continue
		}
		why := o.say.Text("standby.nobody")
		if i := slices.IndexFunc(gaps, func(g Gap) bool { return g.Role == role && g.Why != "" }); i >= 0 {
			why = o.say.Or("standby."+gaps[i].Why, gaps[i].Why)
		}
		out = append(out, incident.RoomPerson{Part: role, State: incident.PersonMissing, Reason: why})
	}
	return out
}

// account finds the account of a person: by what imbot knows already, else by
// asking Entra. why says that they can't be added, by the key of its text.
func (o *opening) account(ctx context.Context, p incident.Actor) (m graphrest.Member, why string, err error) {
	id, guest, external := o.Book.ObjectID(ctx, p.ID)
	switch {
	case external:
		return m, "external", nil
	case id == "" && strings.HasPrefix(p.ID, "pd:"):
		return m, "nobody", nil
	}
	ask := id
	if ask == "" {
		ask = p.ID
	}
	u, err := o.user(ctx, ask)
	var e *graphrest.Error
	o.deaf = o.deaf || err != nil && !outbox.Permanent(err) // one wait is enough
	switch {
	case err == nil && !u.Enabled:
		return m, "left", nil
	case err == nil:
		return graphrest.Member{UserID: u.ID, Guest: u.Guest}, "", nil
	case errors.Is(err, graphrest.ErrNotFound), errors.Is(err, graphrest.ErrInvalid):
		return m, "unknown", nil
	case id != "": // Entra need not be asked: Teams will say if they can't be added
		return graphrest.Member{UserID: strings.ToLower(id), Guest: guest}, "", nil
	case errors.As(err, &e) && e.Permanent():
		return m, "lookup", nil
	}
	return m, "", err
}

var errDeaf = errors.New("not asked: Entra did not answer for another person")

// user asks Entra for somebody, once an hour. What it refuses, or does not
// answer, is not asked for again at once.
func (o *opening) user(ctx context.Context, idOrMail string) (graphrest.User, error) {
	r, key, now := o.Rooms, strings.ToLower(idOrMail), o.Now()
	r.mu.Lock()
	known, ok := r.users[key]
	refused, since := r.refused, r.refusedAt
	r.mu.Unlock()
	switch {
	case ok && now.Sub(known.at) < userFresh:
		return known.User, nil
	case refused != nil && now.Sub(since) < refusedFresh:
		return graphrest.User{}, refused
	case o.deaf:
		return graphrest.User{}, errDeaf
	}
	u, err := r.Chats.User(ctx, idOrMail)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if errors.Is(err, graphrest.ErrForbidden) && outbox.Permanent(err) {
			r.refused, r.refusedAt = err, now
		}
		return u, err
	}
	if r.users == nil || len(r.users) >= maxUsers {
		r.users = map[string]lookedUp{}
	}
	r.users[key] = lookedUp{u, now}
	return u, nil
}
