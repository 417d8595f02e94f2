package effects

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"imbot/incident"
	"imbot/outbox"
	"imbot/query"
)

// maxClimb bounds the way from an incident to the one whose room it uses.
const maxClimb = 16

// share lets the incident use the room of the one that has caused it, or of the
// first one of its burst, and reports whether it does.
func (o *opening) share(ctx context.Context) (bool, error) {
	host, err := host(ctx, o.View, o.inc)
	if host == nil || err != nil {
		return false, err
	}
	if err := o.resolve(ctx); err != nil { // so that it is seen here who of them has joined there
		return false, err
	}
	room, url := host.Room, ""
	for _, id := range append(slices.Clone(o.inc.Room.Sharers), o.inc.ID) {
		c := incident.RoomChange{Step: incident.RoomLend, With: id}
		if id == o.inc.ID {
			c.People = lent(o.inc, wanted(o.inc.Room.People))
		}
		lent, err := o.step(ctx, host.ID, c)
		if err != nil {
			return false, err
		}
		room = lent.Room
	}
	switch {
	case room.State == incident.RoomThread:
		return true, o.refuse("host", "with", host.ID.String(), "why", room.Reason)
	case room.Usable():
		url = room.URL
	}
	for _, id := range append(slices.Clone(o.inc.Room.Sharers), o.inc.ID) {
		inc, err := o.step(ctx, id, incident.RoomChange{Step: incident.RoomShare, With: host.ID, URL: url, People: room.People})
		if err != nil {
			return false, err
		}
		if id == o.inc.ID {
			o.inc = inc
		}
	}
	return o.inc.Room.State != incident.RoomOpening, nil // it may have become private, or want its own, meanwhile
}

// lent are people of an incident, as they are known in the room of another.
func lent(inc *incident.Incident, people []incident.RoomPerson) []incident.RoomPerson {
	for i := range people {
		people[i].Service = cmp.Or(people[i].Service, inc.ServiceName)
	}
	return people
}

// wanted are those who are still to be added somewhere.
func wanted(people []incident.RoomPerson) []incident.RoomPerson {
	return slices.DeleteFunc(slices.Clone(people), func(p incident.RoomPerson) bool { return p.State != incident.PersonWanted })
}

// host finds the incident whose room serves this one: the farthest cause, or the
// first one of the burst, that is open or has a room; nil where there is none. A
// private incident keeps to itself, and one that has its own room keeps that.
func host(ctx context.Context, view Viewer, inc *incident.Incident) (*incident.Incident, error) {
	if r := inc.Room; inc.Private || r != nil && (r.Own || r.Chat != "" || !r.TriedAt.IsZero()) {
		return nil, nil
	}
	var best *incident.Incident
	seen := []incident.ID{inc.ID}
	for cur := inc; len(seen) < maxClimb; {
		id := above(cur, cur == inc)
		if id == 0 || slices.Contains(seen, id) {
			break
		}
		v, err := view.Get(ctx, query.Self, id, false)
		if errors.Is(err, incident.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		cur, seen = v.Incident, append(seen, id)
		if cur.Private {
			break
		}
		sharing := cur.Room != nil && cur.Room.State == incident.RoomShared
		if !sharing && (cur.Active() || cur.Room.Usable()) {
			best = cur
		}
	}
	return best, nil
}

// above is the incident of which this one is a part; 0 where it is none. own
// says that it is the one that looks for a room.
func above(inc *incident.Incident, own bool) incident.ID {
	if r := inc.Room; r != nil && !own {
		switch {
		case r.State == incident.RoomShared:
			return r.With
		case r.Own:
			return 0
		}
	}
	switch {
	case inc.Link != nil && inc.Link.Parent != 0:
		return inc.Link.Parent
	case inc.Major != 0 && inc.Major != inc.ID:
		return inc.Major
	}
	return 0
}

// tellSharers tells those who use this room whether and where it is.
func (o *opening) tellSharers(ctx context.Context) error {
	r := o.inc.Room
	if o.inc.Private { // it serves nobody else any more
		return o.leaveAlone(ctx)
	}
	for _, id := range r.Sharers {
		c := incident.RoomChange{Step: incident.RoomShare, With: o.inc.ID, URL: r.URL, People: r.People}
		if r.State == incident.RoomThread {
			c = incident.RoomChange{Step: incident.RoomRefused, Reason: o.say.Text("room.why.host", "with", o.inc.ID.String(), "why", r.Reason)}
			if v, err := o.View.Get(ctx, query.Self, id, false); err != nil || v.Incident.Room == nil || v.Incident.Room.With != o.inc.ID {
				if err != nil && !errors.Is(err, incident.ErrNotFound) {
					return err
				}
				continue // it has gone its own way
			}
		}
		if _, err := o.step(ctx, id, c); err != nil && !errors.Is(err, incident.ErrNotFound) {
			return err
		}
	}
	return nil
}

// leaveAlone tells those who wait for this room that it will not be opened.
func (o *opening) leaveAlone(ctx context.Context) error {
	for _, id := range o.inc.Room.Sharers {
		_, err := o.step(ctx, id, incident.RoomChange{Step: incident.RoomAlone, With: o.inc.ID})
		if err != nil && !errors.Is(err, incident.ErrNotFound) {
			return err
		}
	}
	return nil
}

// join brings a person into the room that an incident uses: that of another, or
// its own by now. They may, for they may join this incident's.
func (r *Rooms) join(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.JoinData](job)
	if err != nil {
		return err
	}
	v, err := r.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	id := job.Incident
	if room := v.Incident.Room; room != nil && room.State == incident.RoomShared {
		id = room.With
	}
	if d.Part != "" && id != job.Incident { // they belong there, however many do: not if they have left
		who := []incident.RoomPerson{{Person: d.Person, Part: d.Part, State: incident.PersonWanted, Asked: true}}
		_, err = r.step(ctx, id, incident.RoomChange{Step: incident.RoomLend, With: job.Incident, People: lent(v.Incident, who)})
		return err
	}
	_, err = r.Service.Do(ctx, incident.Command{
		Verb: incident.OpenRoom, Incident: id, Actor: incident.System, Source: incident.SourceSystem, Keys: []string{"effect/" + job.Key},
		Args: incident.Args{Op: incident.RoomOpAdd, Person: &d.Person},
	})
	if errors.Is(err, incident.ErrConflict) || errors.Is(err, incident.ErrNotFound) {
		return outbox.Skip(err.Error()) // it is private, full or gone
	}
	return err
}
