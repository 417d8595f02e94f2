package effects

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/outbox"
)

// How Graph is looked at after a lost answer.
const (
	clockSkew = 2 * time.Minute // between Graph's clock and ours
	settles   = 5 * time.Second // a new chat may not be in Graph's lists before
)

// chat makes the chat, or finds the one that was made although nobody was told.
func (o *opening) chat(ctx context.Context, members []member) error {
	if len(members) < graphrest.MinMembers {
		return o.refuse("few")
	}
	if !o.inc.Room.TriedAt.IsZero() {
		found, err := o.find(ctx, members)
		if found || err != nil {
			return err
		}
	}
	return o.create(ctx, members)
}

// find looks for the chat of an earlier try. Where imbot may not look, or can't
// tell, another one is made, but only once.
func (o *opening) find(ctx context.Context, members []member) (bool, error) {
	r := o.inc.Room
	for _, m := range members[:2] {
		c, ok, err := o.Chats.FindChat(ctx, m.UserID, r.Topic)
		switch {
		case errors.Is(err, graphrest.ErrNotFound):
			continue
		case err != nil && !outbox.Permanent(err):
			return false, err
		case err != nil, ok && c.CreatedAt.Before(r.TriedAt.Add(-clockSkew)): // somebody else's, of the same name
			if r.Chats > 0 {
				return false, o.refuse("lost")
			}
			return false, nil
		case ok:
			return true, o.made(ctx, c, r.Topic, o.foundIn(members))
		}
	}
	if since := o.Now().Sub(r.TriedAt); since < settles {
		return false, outbox.Later(r.TriedAt.Add(settles), "it is not certain yet that no chat was made")
	}
	return false, o.did(ctx, incident.RoomChange{Step: incident.RoomTried}) // there is none
}

// foundIn is who is in a chat that was found. Where imbot can add people it
// makes sure of that later.
func (o *opening) foundIn(members []member) []member {
	if slices.Contains(o.App.Consent, graphrest.RSC{Name: "Chat.Manage.Chat"}) {
		return nil
	}
	return members
}

// create makes the chat. Whom Teams will not take is left out. Where it refuses
// without a name, the first two are tried, then the next: the rest are added one
// by one, and Teams says who is in the way.
func (o *opening) create(ctx context.Context, members []member) error {
	tries := [][]member{members}
	var err error
	for n := 0; n < len(tries) && n < 6; n++ {
		some := tries[n]
		if len(some) < graphrest.MinMembers {
			return o.refuse("few")
		}
		topic := o.topic()
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomTried, Topic: topic, Tried: o.Now().UTC()}); err != nil {
			return err
		}
		var c graphrest.Chat
		if c, err = o.Chats.CreateChat(ctx, graphrest.NewChat{Topic: topic, Members: accounts(some)}); err == nil {
			return o.made(ctx, c, topic, some)
		}
		var e *graphrest.Error
		if !errors.As(err, &e) || e.MayBeDone() {
			return err
		}
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomTried, Topic: topic}); err != nil {
			return err
		}
		switch {
		case e.Reason == graphrest.ReasonMember && len(e.UserIDs) > 0:
			left, err := o.leaveOut(ctx, some, e.UserIDs)
			if err != nil {
				return err
			}
			tries = append(tries, left)
		case !e.Permanent() || e.Reason != "" || len(some) <= 2:
		case len(members) >= 4:
			tries = append(tries, some[:2], some[2:4])
		default:
			tries = append(tries, some[:2])
		}
	}
	return err
}

func accounts(members []member) []graphrest.Member {
	out := make([]graphrest.Member, len(members))
	for i, m := range members {
		out[i] = m.Member
	}
	return out
}

// leaveOut notes whom Teams will not take, and returns the others.
func (o *opening) leaveOut(ctx context.Context, members []member, ids []string) ([]member, error) {
	var left []member
	var out []incident.RoomPerson
	for _, m := range members {
		if !slices.Contains(ids, m.UserID) {
			left = append(left, m)
			continue
		}
		out = append(out, missing(m, o.say.Text("room.gone.refused")))
	}
	if len(out) == 0 { // nobody of ours: the same again would end the same
		return nil, nil
	}
	return left, o.did(ctx, incident.RoomChange{Step: incident.RoomPeople, People: out})
}

func missing(m member, why string) incident.RoomPerson {
	p := m.RoomPerson
	p.State, p.Reason = incident.PersonMissing, why
	return p
}

// made records the chat, and who is in it.
func (o *opening) made(ctx context.Context, c graphrest.Chat, topic string, in []member) error {
	return o.did(ctx, incident.RoomChange{Step: incident.RoomMade, Chat: c.ID, URL: c.WebURL, Topic: topic, People: joined(in)})
}

func joined(members []member) []incident.RoomPerson {
	var out []incident.RoomPerson
	for _, m := range members {
		p := m.RoomPerson
		p.State, p.Reason = incident.PersonIn, ""
		out = append(out, p)
	}
	return out
}

// install brings imbot into the chat. That it is there already is no error.
func (o *opening) install(ctx context.Context) error {
	r := o.inc.Room
	if r.Ready {
		return nil
	}
	_, err := o.App.install(ctx, o.Chats, func(id string) error { return o.Chats.InstallApp(ctx, r.Chat, id, o.App.Consent) })
	if err != nil {
		return err
	}
	if err := o.Book.Joined(ctx, r.Chat, r.Topic); err != nil {
		return err
	}
	return o.did(ctx, incident.RoomChange{Step: incident.RoomReady})
}

// maxCallWait is how long imbot tries to make a call before the squad's own one
// has to do.
const maxCallWait = 10 * time.Minute

// call makes the incident's call, where that is configured; else the squad's
// standing one serves, but never a private incident.
func (o *opening) call(ctx context.Context) error {
	if o.inc.Room.Call {
		return nil
	}
	link := ""
	if !o.inc.Private {
		link = o.v.Squad.Bridge
		if o.Bridge != nil {
			link = o.Bridge(o.inc.Service)
		}
	}
	if o.Organizer != "" && o.Chats != nil {
		made, err := o.meeting(ctx)
		switch {
		case err == nil:
			link = made
		case !outbox.Permanent(err) && o.age < maxCallWait:
			return err
		default:
			o.Logger.Warn("effects.Rooms no call", "incident", o.inc.ID.String(), "err", err)
		}
	}
	return o.did(ctx, incident.RoomChange{Step: incident.RoomCall, URL: link})
}

// meeting makes one meeting for the incident however often it is asked for: its
// key also tells it from that of another imbot in the same tenant.
func (o *opening) meeting(ctx context.Context) (string, error) {
	organizer, err := o.user(ctx, o.Organizer)
	if err != nil {
		return "", err
	}
	key := "imbot/" + o.inc.ID.String() + "/" + strconv.FormatInt(o.inc.OpenedAt.UnixMilli(), 36)
	m, err := o.Chats.CreateMeeting(ctx, organizer.ID, graphrest.NewMeeting{Key: key, Subject: o.topic(), Start: o.Now()})
	return m.JoinURL, err
}
