package bot

import (
	"context"
	"errors"
	"strings"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// members finds out whether the conversation is the room of a private
// incident's members, and nobody else is in it: there, and in 1:1 chats only,
// may be spoken of it.
func (t *turn) members(ctx context.Context) error {
	if t.env.Incident == 0 || t.kind != GroupChat {
		return nil
	}
	v, err := t.Reader.Get(ctx, query.Self, t.env.Incident, false)
	if errors.Is(err, incident.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	inc := v.Incident
	if inc.Private && inc.Visible(t.asker.actor) && inc.Room.For(inc, t.place) {
		t.group = inc.Members
	}
	return nil
}

// roomWords says what became of the war room.
func (t *turn) roomWords(cmd *incident.Command, v *query.View) string {
	inc, op := v.Incident, cmd.Args.Op
	if op == "" {
		op = incident.RoomOpOpen
	}
	key, r := "done.room."+op, inc.Room
	if r == nil {
		r = &incident.Room{}
	}
	switch {
	case op == incident.RoomOpOpen && r.Usable() && r.URL != "":
		key = "done.room.there"
	case op == incident.RoomOpOpen && r.State == incident.RoomShared:
		key = "done.room.shared"
	}
	who := ""
	if p := cmd.Args.Person; p != nil {
		who = p.Label()
	}
	for _, p := range cmd.Args.People {
		who += ", " + p.Label()
	}
	return locale.For(t.lang).Text(key, "id", inc.ID.String(), "url", r.URL, "with", r.With.String(), "person", cards.Plain(who), "name", cards.Plain(r.Name))
}

// comeAndGo records who has come into an incident's room, or left it: of a group
// chat that it is in Teams tells imbot so.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/subscribe-to-conversation-events
func (b *Bot) comeAndGo(ctx context.Context, act *botframework.Activity) error {
	if kindOf(act) != GroupChat {
		return nil
	}
	id, err := b.roomOf(ctx, act.Conversation.ID)
	if id == 0 || err != nil {
		return err
	}
	look, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	var came, left []incident.RoomPerson
	for _, m := range some(act.MembersAdded) {
		stranger := *act
		stranger.From, stranger.Locale = m, ""
		who, err := b.met(ctx, look, &stranger)
		if err != nil {
			return err
		}
		came = append(came, incident.RoomPerson{Person: who})
	}
	for _, m := range some(act.MembersRemoved) {
		p, err := b.find(ctx, &m) // the chat does not know them any more
		switch {
		case err == nil:
			left = append(left, incident.RoomPerson{Person: incident.Actor{Kind: incident.KindUser, ID: p.ID, Name: p.Name}})
		case errors.Is(err, incident.ErrNotFound) && m.AADObjectID != "":
			left = append(left, incident.RoomPerson{Person: incident.Actor{Kind: incident.KindUser, ID: "aad:" + strings.ToLower(m.AADObjectID)}})
		case !errors.Is(err, incident.ErrNotFound):
			return err
		}
	}
	for _, c := range []incident.RoomChange{{Step: incident.RoomCame, People: came}, {Step: incident.RoomLeft, People: left}} {
		if len(c.People) == 0 {
			continue
		}
		_, err := b.Service.Do(ctx, incident.Command{
			Verb: incident.RoomStep, Incident: id, Actor: incident.System, Source: incident.SourceTeams, Args: incident.Args{Room: &c},
		})
		if err != nil && !errors.Is(err, incident.ErrNotFound) {
			return err
		}
	}
	return nil
}

// some are the people among the members, as many as one activity may name.
func some(members []botframework.Account) []botframework.Account {
	var out []botframework.Account
	for _, m := range members {
		if isPerson(m.ID) && len(out) < maxMentions {
			out = append(out, m)
		}
	}
	return out
}
