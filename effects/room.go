package effects

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/locale"
	"imbot/outbox"
	"imbot/query"
)

// Chats makes group chats in Teams and changes them, and finds people in Entra;
// *graph.Client is one. Its errors are *graphrest.Error.
type Chats interface {
	CreateChat(ctx context.Context, n graphrest.NewChat) (graphrest.Chat, error)
	FindChat(ctx context.Context, userID, topic string) (graphrest.Chat, bool, error)
	AddMembers(ctx context.Context, chat string, members []graphrest.Member) ([]graphrest.LeftOut, error)
	Rename(ctx context.Context, chat, topic string) error
	CatalogApp(ctx context.Context, externalID string) (graphrest.CatalogApp, error)
	InstallApp(ctx context.Context, chat, catalogID string, consent []graphrest.RSC) error
	CreateMeeting(ctx context.Context, organizerID string, m graphrest.NewMeeting) (graphrest.Meeting, error)
	User(ctx context.Context, idOrMail string) (graphrest.User, error)
}

// DefaultRoomSize is how many people are added to a war room: with more, Teams
// offers no calls in a group chat. Others may join by themselves.
// https://learn.microsoft.com/microsoftteams/limits-specifications-teams
const DefaultRoomSize = 20

// Rooms opens the war rooms of incidents, and keeps them in step. Each step is
// recorded with the incident, so that whoever takes over goes on where it
// stopped. Set the exported fields before the first call.
type Rooms struct {
	Service Doer
	View    Viewer
	Book    AddressBook
	Chats   Chats   // nil: rooms are turned off, and threads of cards serve
	Standby Standby // nil: nobody can be asked

	App       *App
	Size      int    // people who are added; 0 means DefaultRoomSize
	Organizer string // mail or object id of whoever the calls are made for; "": no calls are made
	// Bridge returns the standing call for a service; nil: that of its squad.
	Bridge func(service string) string
	Lang   func(squad string) string
	Now    func() time.Time
	Logger *slog.Logger

	mu        sync.Mutex // guards all below
	users     map[string]lookedUp
	refused   error // imbot may not look people up
	refusedAt time.Time
}

// How long people wait for a room, and imbot for Teams.
const (
	roomPatience = 2 * time.Minute  // then a thread is named, and the room comes later if it does
	roomGiveUp   = 2 * time.Hour    // then nobody needs it any more
	maxRoomPause = 20 * time.Second // between tries
)

// refusal says that there can be no room, in words for people.
type refusal struct{ why string }

func (r *refusal) Error() string { return "no room: " + r.why }

// opening is one run of the steps for one incident.
type opening struct {
	*Rooms
	inc *incident.Incident
	v   *query.View
	say locale.Printer
	age time.Duration // since the room was to be opened

	deaf bool // Entra did not answer
}

// Open carries out what is left of opening a room. Teams has no key by which a
// repeated request for a chat would be known: where an answer was lost, imbot
// looks for the chat by its topic if it may; else it makes another one, once,
// and says so.
func (r *Rooms) Open(ctx context.Context, job outbox.Job) error {
	o := &opening{Rooms: r, age: r.Now().Sub(job.FirstDue)}
	if err := o.begin(ctx, job.Incident); err != nil || o.inc.Room == nil {
		return err
	}
	switch o.inc.Room.State {
	case incident.RoomOpening:
		return o.outcome(ctx, job, o.run(ctx))
	case incident.RoomNone:
		return o.leaveAlone(ctx)
	case incident.RoomOpen, incident.RoomThread: // people talk in a call, whether or not they have a room
		return errors.Join(o.call(ctx), o.tellSharers(ctx))
	}
	return nil
}

// begin asks the rules whether it is still time to open a room.
func (o *opening) begin(ctx context.Context, id incident.ID) error {
	inc, err := o.step(ctx, id, incident.RoomChange{Step: incident.RoomBegin})
	if err != nil {
		return err
	}
	o.inc = inc
	return o.look(ctx)
}

// look reads the incident for its texts.
func (o *opening) look(ctx context.Context) error {
	v, err := o.View.Get(ctx, query.Self, o.inc.ID, false)
	if err != nil {
		return err
	}
	o.v, o.inc, o.say = v, v.Incident, locale.For(o.lang(v.Incident.Squad))
	return nil
}

func (r *Rooms) lang(squad string) string {
	if r.Lang == nil {
		return locale.English
	}
	return r.Lang(squad)
}

// step records one step: to lose one would mean to do it twice.
func (r *Rooms) step(ctx context.Context, id incident.ID, c incident.RoomChange) (*incident.Incident, error) {
	return insist(ctx, r.Service, incident.Command{
		Verb: incident.RoomStep, Incident: id, Actor: incident.System, Source: incident.SourceSystem, Args: incident.Args{Room: &c},
	})
}

// did records a step of this room.
func (o *opening) did(ctx context.Context, c incident.RoomChange) error {
	inc, err := o.step(ctx, o.inc.ID, c)
	if err == nil {
		o.inc = inc
	}
	return err
}

// run does the steps that are left, in their order.
func (o *opening) run(ctx context.Context) error {
	if o.Chats == nil {
		if _, err := o.people(ctx); err != nil { // whom the thread calls
			return err
		}
		return o.refuse("off")
	}
	if shared, err := o.share(ctx); shared || err != nil {
		return err
	}
	if o.Organizer == "" { // the standing call waits for nobody
		if err := o.call(ctx); err != nil {
			return err
		}
	}
	if o.inc.Room.Chat == "" {
		members, later := o.people(ctx)
		if later != nil && len(members) < graphrest.MinMembers {
			return later
		}
		if err := o.chat(ctx, members); err != nil {
			return err
		}
	}
	if err := o.install(ctx); err != nil {
		return err
	}
	late := o.call(ctx) // nobody waits for it
	if err := o.did(ctx, incident.RoomChange{Step: incident.RoomOpened}); err != nil {
		return err
	}
	return errors.Join(o.tellSharers(ctx), late)
}

func (o *opening) refuse(key string, pairs ...any) error {
	return &refusal{o.say.Text("room.why."+key, pairs...)}
}

// outcome decides what follows from an error: a thread instead of the room for
// good, or until it works.
func (o *opening) outcome(ctx context.Context, job outbox.Job, err error) error {
	if err == nil || o.inc.Room.State != incident.RoomOpening {
		return err
	}
	why := o.words(err)
	var no *refusal
	if errors.As(err, &no) || outbox.Permanent(err) || o.age > roomGiveUp {
		if err := o.did(ctx, incident.RoomChange{Step: incident.RoomRefused, Reason: why}); err != nil {
			return err
		}
		level := slog.LevelWarn
		if o.Chats == nil { // as it was configured
			level = slog.LevelInfo
		}
		o.Logger.Log(ctx, level, "effects.Rooms no room", "incident", o.inc.ID.String(), "err", err)
		return errors.Join(o.call(ctx), o.tellSharers(ctx))
	}
	wait := min(maxRoomPause, time.Second<<min(max(job.Attempt-1, 0), 10))
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) && later.RetryAfter() > 0 {
		wait = later.RetryAfter()
	}
	if o.age+wait >= roomPatience {
		if lateErr := o.did(ctx, incident.RoomChange{Step: incident.RoomLate, Reason: why}); lateErr != nil {
			return errors.Join(err, lateErr)
		}
	}
	return outbox.Later(o.Now().Add(wait), err.Error())
}

// words says what is behind an error so that people understand it.
func (o *opening) words(err error) string {
	var no *refusal
	if errors.As(err, &no) {
		return no.why
	}
	return reasonWords(o.say, err)
}

// whyKeys are the texts for what Graph refuses.
var whyKeys = map[graphrest.Reason]string{
	graphrest.ReasonConsentOff: "room.why.consent_off", graphrest.ReasonConsentMismatch: "room.why.app_version",
	graphrest.ReasonOldVersion: "room.why.app_version", graphrest.ReasonNotInCatalog: "room.why.not_in_catalog",
	graphrest.ReasonAppBlocked: "room.why.app_blocked", graphrest.ReasonMember: "room.why.member", graphrest.ReasonLimit: "room.why.limit",
}

func reasonWords(say locale.Printer, err error) string {
	why := func(key string, pairs ...any) string { return say.Text("room.why."+key, pairs...) }
	var e *graphrest.Error
	var p interface{ Permanent() bool }
	switch {
	case !errors.As(err, &e) && errors.As(err, &p) && p.Permanent():
		return err.Error() // written for people
	case e == nil:
		return why("error")
	case e.Reason == graphrest.ReasonPermission:
		names := "?"
		if len(e.Permissions) > 0 {
			names = e.Permissions[0]
		}
		return why("permission", "permission", names)
	case whyKeys[e.Reason] != "":
		return say.Text(whyKeys[e.Reason])
	case e.Status == 0 && e.Code != "":
		return why("token")
	case !e.Permanent():
		return why("silent")
	}
	return why("refused", "error", cards.Plain(incident.Clip(e.Message, 160)))
}

// topic is what the room is to be called.
func (o *opening) topic() string { return graphrest.CleanTopic(cards.Topic(o.v, o.lang(o.inc.Squad))) }
