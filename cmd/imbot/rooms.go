package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/graph/graphrest"
	"imbot/manifest"
	"imbot/outbox"
)

// roomKinds are the effects of war rooms.
var roomKinds = []string{incident.KindRoom, incident.KindRoomSync, incident.KindRoomSay}

// wireRooms makes the client by which war rooms are opened, where they are
// turned on.
func (a *app) wireRooms() error {
	t := a.cfg.Teams
	if t == nil || !t.Rooms {
		return nil
	}
	cred, err := teamsCredential(t)
	if err != nil {
		return fmt.Errorf("teams: %w", err)
	}
	a.chats, err = newChats(graphrest.Config{TenantID: t.TenantID, Credential: cred, BaseURL: t.GraphURL, Timeout: a.timeouts["graph"], Now: a.now})
	if err != nil {
		return fmt.Errorf("teams.graph_url: %w", err)
	}
	return nil
}

// roomHandlers adds what opens war rooms and keeps them in step. Where they are
// turned off, threads serve. say is nil where Teams is off: then the roles of an
// incident are found all the same, and whoever is on standby is woken.
func (a *app) roomHandlers(h map[string]outbox.Handler, say *effects.Teams) {
	r := &effects.Rooms{
		Service: a.service, View: a.reader, Standby: a.standby, Chats: a.chats,
		Bridge: func(service string) string { return a.catalog.Get().BridgeURL(service) },
		Lang:   func(squad string) string { return a.catalog.Get().Language(squad) },
		Now:    a.now, Logger: a.log,
	}
	h[incident.KindRoom] = r.Open
	if say == nil {
		return
	}
	t := a.cfg.Teams
	r.Book, r.App, r.Size = say.Book, t.app(), t.RoomSize
	if t.Meetings != nil {
		r.Organizer = t.Meetings.Organizer
	}
	h[incident.KindRoomSync], h[incident.KindRoomSay] = r.Sync, say.RoomSay
}

// manifestID is the id in the manifest of the app package.
func (t *TeamsConfig) manifestID() string { return cmp.Or(t.ManifestID, manifest.ID(t.AppID)) }

// app is imbot's app package, for Graph.
func (t *TeamsConfig) app() *effects.App {
	return &effects.App{CatalogID: t.CatalogAppID, ManifestID: t.manifestID(), Consent: t.consent()}
}

// consent is what the app package of this profile asks for in a chat.
func (t *TeamsConfig) consent() []graphrest.RSC {
	var out []graphrest.RSC
	for _, p := range manifest.ConsentedPermissionSet(manifest.Profile(t.Profile)) {
		out = append(out, graphrest.RSC{Name: p.Value, Delegated: strings.EqualFold(p.Type, "delegated")})
	}
	return out
}

// MeetingsConfig makes a meeting for each war room.
type MeetingsConfig struct {
	Organizer string `yaml:"organizer"` // mail or object id of whoever it is made for; required
}

// maxRoomSize is how many people a group chat takes.
// https://learn.microsoft.com/microsoftteams/limits-specifications-teams
const maxRoomSize = 250

func (k *configCheck) rooms(t *TeamsConfig) {
	k.url("teams.graph_url", &t.GraphURL)
	if t.RoomSize == 0 {
		t.RoomSize = effects.DefaultRoomSize
	}
	if (t.RoomSize < 2 || t.RoomSize > maxRoomSize) && !k.failed("teams.room_size") {
		k.doc.Errorf("teams.room_size", "%d is no number of people for a group chat; use 2 to %d", t.RoomSize, maxRoomSize)
	}
	if m := t.Meetings; m != nil || k.doc.Has("teams.meetings") {
		organizer := ""
		if m != nil {
			organizer = m.Organizer
		}
		if !k.missing("teams.meetings.organizer", organizer, "write the mail address or object id of whoever the meetings are made for, or remove meetings") && strings.Contains(organizer, "@") {
			k.mailAddress("teams.meetings.organizer", organizer)
		} else if organizer != "" {
			k.guid("teams.meetings.organizer", &m.Organizer)
		}
	}
	switch {
	case t.Rooms && t.Profile == string(manifest.Minimal):
		k.warn("teams.rooms: with profile minimal imbot can neither add people to a room later nor rename it; use profile: rooms, and upload that app package")
	case !t.Rooms && t.Profile != "" && t.Profile != string(manifest.Minimal):
		k.warn("teams.profile: the app package of profile %s asks for permissions in chats that only war rooms use; set rooms: true, or profile: minimal", t.Profile)
	case !t.Rooms && t.Meetings != nil:
		k.warn("teams.meetings: meetings are made for war rooms, and rooms is not true")
	}
}

// lookups says what follows from a lost answer of Graph: with the permission to
// see chats one room is made always, without it there may be one more.
func (d *doctor) lookups(ctx context.Context, c *graphrest.Client) {
	const name = "war rooms: find a chat again"
	// Nobody has this id: where imbot may look, Graph says that.
	switch _, _, err := c.FindChat(ctx, d.cfg.Teams.AppID, "imbot doctor"); {
	case err == nil, errors.Is(err, graphrest.ErrNotFound):
		d.add(name, checkOK, "allowed: a room is made once, even where an answer of Graph gets lost", "")
	case errors.Is(err, graphrest.ErrForbidden):
		d.add(name, checkWarn, "not allowed: where an answer of Graph gets lost, one more chat may be made; it is counted and shown", "grant Chat.ReadBasic.All to the app in Entra, with admin consent")
	default:
		d.add(name, checkFail, err.Error(), "check that this machine reaches Microsoft Graph")
	}
}
