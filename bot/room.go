package bot

import (
	"context"
	"errors"

	"imbot/cards"
	"imbot/incident"
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
	return locale.For(t.lang).Text(key, "id", inc.ID.String(), "url", r.URL, "with", r.With.String(), "person", cards.Plain(who), "name", cards.Plain(r.Name))
}
