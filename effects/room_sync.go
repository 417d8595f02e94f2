package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
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
		case errors.Is(err, graphrest.ErrForbidden) && forGood(err):
			known = append(known, missing(m, o.say.Text("room.gone.add")))
		case forGood(err):
			known = append(known, missing(m, reasonWords(o.say, err)))
		}
	}
	if len(known) > 0 {
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomPeople, People: known}); err != nil {
			return err
		}
	}
	if err != nil && !forGood(err) {
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
	case forGood(err):
		return o.did(ctx, incident.RoomChange{Step: incident.RoomTopic, Reason: reasonWords(o.say, err)})
	}
	return err
}

// roomQuiet lies between posts in a war room that nobody has asked for.
const roomQuiet = 10 * time.Minute

// RoomSay posts in the war room. Like every post it may, rarely, be there twice
// after a lost answer.
func (t *Teams) RoomSay(ctx context.Context, job outbox.Job) error {
	var d incident.SayData
	if err := json.Unmarshal(job.Data, &d); err != nil {
		return fmt.Errorf("%w: post in the war room: %w", outbox.ErrPermanent, err)
	}
	v, err := t.View.Get(ctx, query.Self, job.Incident, true)
	if err != nil {
		return err
	}
	host, err := t.hostOf(ctx, v.Incident)
	if err != nil {
		return err
	}
	r := host.Room
	switch {
	case r == nil || r.Chat == "" || v.Incident.Private && !r.For(v.Incident, r.Chat) || host.Private && !r.For(host, r.Chat):
		return nil
	case host.ID != job.Incident && !d.Asked && t.Now().Sub(job.FirstDue) > guestNews:
		return nil
	case r.State == incident.RoomAsked || r.State == incident.RoomOpening:
		return outbox.Later(t.Now().Add(5*time.Second), "the war room is not open yet")
	case !r.Usable():
		return nil
	}
	if next := r.SaidAt.Add(roomQuiet); !d.Asked && !r.SaidAt.IsZero() && next.After(t.Now()) {
		return outbox.Later(next, "something was posted in the war room a moment ago")
	}
	ref, place, lang, err := t.Book.Address(ctx, r.Chat)
	if err != nil {
		return skipForGood(err)
	}
	if v, err = t.View.Get(ctx, reader(v.Incident, r.Chat), job.Incident, true); err != nil {
		return err
	}
	post, ok := cards.Say(v, d, cards.Options{Lang: lang, Place: place, BotName: t.Bot.Name, Dialogs: t.Bot.Dialogs, Slash: t.Bot.Slash, Chat: r.Chat})
	if !ok {
		return nil
	}
	act, err := cardActivity(post.Card, post.Summary)
	if err != nil {
		return err
	}
	_, err = t.Poster.Send(ctx, ref, act)
	err = t.doubt(job, err)
	if later := t.notYet(job, false, err); later != nil {
		return later
	}
	if err != nil && botframework.ConversationGone(err) {
		return errors.Join(skipForGood(errors.Join(outbox.ErrPermanent, err)), t.Book.Gone(ctx, r.Chat, "Teams says that imbot can not write there"))
	}
	if err != nil || d.Asked {
		return err
	}
	return t.attach(ctx, incident.Command{
		Verb: incident.RoomStep, Incident: host.ID, Actor: incident.System, Source: incident.SourceSystem,
		Args: incident.Args{Room: &incident.RoomChange{Step: incident.RoomSaid}},
	})
}

// guestNews is how long a post of nobody's asking waits to be made in another
// incident's room: of many that end together the first few are enough there.
const guestNews = 30 * time.Minute

// hostOf is the incident whose room this one uses: mostly itself.
func (t *Teams) hostOf(ctx context.Context, inc *incident.Incident) (*incident.Incident, error) {
	if inc.Room == nil || inc.Room.State != incident.RoomShared {
		return inc, nil
	}
	v, err := t.View.Get(ctx, query.Self, inc.Room.With, false)
	if err != nil {
		return nil, err
	}
	return v.Incident, nil
}

// skipForGood turns an error that stays into one that is only shown.
func skipForGood(err error) error {
	if forGood(err) {
		return outbox.Skip(err.Error())
	}
	return err
}
