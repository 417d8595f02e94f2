package effects

import (
	"context"
	"errors"
	"slices"

	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/outbox"
	"imbot/query"
)

// Sync adds those who are to be added to the war room, and gives it its present
// topic. Whoever left is not added again.
func (r *Rooms) Sync(ctx context.Context, job outbox.Job) error {
	if len(job.Data) > 0 {
		return r.join(ctx, job)
	}
	v, err := r.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if r.Chats == nil || !v.Incident.Room.Usable() || !v.Incident.Room.Ready {
		return nil // it is put again when the room is open
	}
	o := &opening{Rooms: r, inc: v.Incident}
	if err := o.look(ctx); err != nil {
		return err
	}
	return errors.Join(o.add(ctx), o.rename(ctx), o.tellSharers(ctx))
}

// add adds those who are wanted, with all that was said before.
func (o *opening) add(ctx context.Context) error {
	if !o.inc.Room.Pending() {
		return nil
	}
	members, later := o.people(ctx)
	if len(members) == 0 {
		return later
	}
	left, err := o.Chats.AddMembers(ctx, o.inc.Room.Chat, accounts(members))
	var known []incident.RoomPerson
	for _, m := range members {
		i := slices.IndexFunc(left, func(l graphrest.LeftOut) bool { return l.UserID == m.UserID })
		switch {
		case i >= 0:
			known = append(known, missing(m, o.say.Text("room.gone.refused")))
		case err == nil:
			known = append(known, joined([]member{m})...)
		case errors.Is(err, graphrest.ErrForbidden) && outbox.Permanent(err):
			known = append(known, missing(m, o.say.Text("room.gone.add")))
		case outbox.Permanent(err):
			known = append(known, missing(m, reasonWords(o.say, err)))
		}
	}
	if len(known) > 0 {
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomPeople, People: known}); err != nil {
			return err
		}
	}
	if err != nil && !outbox.Permanent(err) {
		return err
	}
	return later
}

// rename gives the room its present topic. Where imbot may not, it stays as it
// is: that is noted once.
func (o *opening) rename(ctx context.Context) error {
	r, topic := o.inc.Room, o.topic()
	if r.Fixed || topic == r.Topic {
		return nil
	}
	err := o.Chats.Rename(ctx, r.Chat, topic)
	switch {
	case err == nil:
		return o.did(ctx, incident.RoomChange{Step: incident.RoomTopic, Topic: topic})
	case outbox.Permanent(err):
		return o.did(ctx, incident.RoomChange{Step: incident.RoomTopic, Reason: reasonWords(o.say, err)})
	}
	return err
}
