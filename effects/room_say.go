package effects

import (
	"context"
	"errors"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/outbox"
	"imbot/query"
)

// roomQuiet lies between posts in a war room that nobody has asked for.
const roomQuiet = 10 * time.Minute

// RoomSay posts in the war room. Like every post it may, rarely, be there twice
// after a lost answer.
func (t *Teams) RoomSay(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.SayData](job)
	if err != nil {
		return err
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
	post, ok := cards.Say(v, d, t.options(lang, place, r.Chat))
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
	_, err = insist(ctx, t.Service, incident.Command{
		Verb: incident.RoomStep, Incident: host.ID, Actor: incident.System, Source: incident.SourceSystem,
		Args: incident.Args{Room: &incident.RoomChange{Step: incident.RoomSaid}},
	})
	return err
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
	if outbox.Permanent(err) {
		return outbox.Skip(err.Error())
	}
	return err
}
