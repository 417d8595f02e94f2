package effects_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	kiota "github.com/microsoft/kiota-abstractions-go"

	"imbot/bot"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/outbox"
)

const manifestID = "44444444-4444-4444-8444-444444444444"

var consent = []graphrest.RSC{{Name: "Chat.Manage.Chat"}, {Name: "ChatMember.Read.Chat"}, {Name: "ChatSettings.ReadWrite.Chat"}}

// token is the credential of the simulated Graph.
type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: graphsim.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// chats speaks to the simulated Graph as package graph does, whose SDK takes too
// much to compile for a test: with the same client, and plain bodies.
type chats struct{ *graphrest.Client }

func (c chats) ask(ctx context.Context, op string, method kiota.HttpMethod, path string, body, out any) error {
	return c.Call(ctx, op, func(ctx context.Context) error {
		u, err := url.Parse(c.BaseURL() + path)
		if err != nil {
			return err
		}
		info := kiota.NewRequestInformation()
		info.Method = method
		info.SetUri(*u)
		info.Headers.Add("Accept", "application/json")
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				return err
			}
			info.SetStreamContentAndContentType(b, "application/json")
		}
		answer, err := c.Adapter().SendPrimitive(ctx, info, "[]byte", nil)
		if b, ok := answer.([]byte); err == nil && ok && out != nil {
			return json.Unmarshal(b, out)
		}
		return err
	})
}

func (c chats) member(m graphrest.Member) map[string]any {
	role := "owner"
	if m.Guest {
		role = "guest"
	}
	return map[string]any{
		"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": []string{role},
		"user@odata.bind": c.BaseURL() + "/users('" + m.UserID + "')",
	}
}

func (c chats) CreateChat(ctx context.Context, n graphrest.NewChat) (graphrest.Chat, error) {
	const op = "create the chat"
	n, err := n.Clean(op)
	if err != nil {
		return graphrest.Chat{}, err
	}
	var members []any
	var ids []string
	for _, m := range n.Members {
		members, ids = append(members, c.member(m)), append(ids, m.UserID)
	}
	var made struct{ ID, WebURL string }
	err = c.ask(ctx, op, kiota.POST, "/chats", map[string]any{"chatType": "group", "topic": n.Topic, "members": members}, &made)
	return graphrest.Chat{ID: made.ID, WebURL: made.WebURL}, c.MemberError(ctx, err, ids)
}

func (c chats) AddMembers(ctx context.Context, id string, members []graphrest.Member) ([]graphrest.LeftOut, error) {
	var there struct {
		Value []struct{ UserID string }
	}
	const op = "add members"
	if err := c.ask(ctx, op, kiota.GET, "/chats/"+id+"/members", nil, &there); err != nil && !errors.Is(err, graphrest.ErrForbidden) {
		return nil, err
	}
	var out []graphrest.LeftOut
	for _, m := range members {
		if slices.ContainsFunc(there.Value, func(v struct{ UserID string }) bool { return strings.EqualFold(v.UserID, m.UserID) }) {
			continue
		}
		body := c.member(m)
		body["visibleHistoryStartDateTime"] = "0001-01-01T00:00:00Z"
		err := c.ask(ctx, op, kiota.POST, "/chats/"+id+"/members", body, nil)
		var e *graphrest.Error
		switch {
		case err == nil:
		case errors.As(err, &e) && e.Status == http.StatusConflict:
		case errors.As(err, &e) && e.Reason == "" && e.Permanent():
			out = append(out, graphrest.LeftOut{UserID: m.UserID, Err: err})
		default:
			return out, err
		}
	}
	return out, nil
}

func (c chats) Rename(ctx context.Context, id, topic string) error {
	return c.ask(ctx, "rename the chat", kiota.PATCH, "/chats/"+id, map[string]any{"topic": topic}, nil)
}

// roster is who is on standby in a test.
type roster map[string]string

func (r roster) On(_ context.Context, roles []string) (out []effects.Duty, gaps []effects.Gap) {
	for _, role := range roles {
		if who := r[role]; who != "" {
			out = append(out, effects.Duty{Role: role, Person: incident.Actor{Kind: incident.KindUser, ID: who}, Till: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)})
		} else {
			gaps = append(gaps, effects.Gap{Role: role, Why: "nobody is on standby in dba-oncall"})
		}
	}
	return out, gaps
}

func (roster) Next(context.Context, string, incident.Actor) (effects.Duty, bool) {
	return effects.Duty{}, false
}

// rooms is a rig with a simulated Graph, whose chats are there in Teams, too.
type rooms struct {
	*rig
	graph  *graphsim.Server
	fx     *effects.Rooms
	die    func(step string, before bool) bool // kills imbot at a step, when set
	killed bool                                // nothing works until it is started again
	slow   bool                                // Teams does not let imbot in yet
	ids    map[string]string                   // object id in Entra -> id in Teams
}

var errKilled = errors.New("killed")

// Do makes the rig a service that can be killed between its steps.
func (r *rooms) Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error) {
	step := ""
	if cmd.Args.Room != nil {
		step = cmd.Args.Room.Step
	}
	if r.die != nil && !r.killed && r.die(step, true) {
		r.killed = true
	}
	if r.killed {
		return nil, errKilled
	}
	inc, err := r.svc.Do(ctx, cmd)
	if r.die != nil && r.die(step, false) {
		r.killed = true
		return nil, errKilled
	}
	return inc, err
}

// roomConfig is what differs between tests.
type roomConfig struct {
	blind     bool // imbot may not look for chats
	minimal   bool // no permissions in the chat
	organizer string
	size      int
	roster    roster
	off       bool // rooms are turned off
}

func newRooms(t *testing.T, c roomConfig) *rooms {
	t.Helper()
	r := &rooms{rig: newRig(t), ids: map[string]string{}}
	r.graph = graphsim.New(graphsim.Options{TenantID: tenant, AppID: appID, Now: r.Now, Changed: r.mirror})
	t.Cleanup(r.graph.Close)
	if c.blind {
		r.graph.Revoke("Chat.ReadBasic.All")
	}
	r.people()
	r.catalog(t)
	set := consent
	if c.minimal {
		set = nil
	}
	app := graphsim.App{ExternalID: manifestID, Name: "imbot", Version: "1.0.0"}
	for _, p := range set {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Name})
	}
	r.graph.PutApp(app)
	tr := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	rest, err := graphrest.New(graphrest.Config{
		TenantID: tenant, Credential: token{}, BaseURL: r.graph.URL(), Timeout: patience, Now: r.Now, HTTP: &http.Client{Transport: tr},
	})
	must(t, err)
	r.start(c, set, chats{rest})
	return r
}

// start makes the handlers anew, as a new process does.
func (r *rooms) start(c roomConfig, set []graphrest.RSC, api effects.Chats) {
	if c.roster == nil {
		c.roster = roster{"dba": "dewi@example.com", "squad:payments": "budi@example.com"}
	}
	r.killed, r.die = false, nil
	r.fx = &effects.Rooms{
		Service: r, View: r.say.View, Book: r.book, Chats: api, Standby: c.roster, App: &effects.App{ManifestID: manifestID, Consent: set},
		Size: c.size, Organizer: c.organizer, Now: r.Now, Logger: r.say.Logger,
	}
	if c.off {
		r.fx.Chats = nil
	}
	h := map[string]outbox.Handler{
		incident.KindCard: r.say.Card, incident.KindReply: r.say.Reply, incident.KindRoomSay: r.say.RoomSay,
		incident.KindRoom: r.fx.Open, incident.KindRoomSync: r.fx.Sync,
	}
	for _, k := range []string{incident.KindPage, incident.KindWake, incident.KindMail, incident.KindDirect, incident.KindNudge, incident.KindTicket, incident.KindTask, incident.KindTaskSync, incident.KindPublish, incident.KindHook, incident.KindRelink, incident.KindUnpause} {
		h[k] = effects.Off("not part of this test")
	}
	r.runner = &outbox.Runner{Store: r.store, Now: r.Now, Logger: r.say.Logger, Rand: func() float64 { return 0 }, Handlers: h, Workers: 1}
}

// mirror shows in Teams what Graph has made.
func (r *rooms) mirror(c graphsim.Chat) {
	var ids []string
	for _, m := range c.Members {
		ids = append(ids, r.ids[m.UserID])
	}
	if r.teams.SetMembers(c.ID, ids...) != nil {
		r.teams.AddGroupChat(c.ID, c.Topic, ids...)
	}
	if len(c.Apps) > 0 && !r.slow {
		_ = r.teams.SetInstalled(c.ID, true) // it is there: see above
	}
}

// people are those of the rig and some more, in Entra. imbot has met Ani, Budi
// and Eko only.
func (r *rooms) people() {
	for _, id := range []string{"ani@example.com", "budi@example.com", "eko@example.com"} {
		p, err := r.store.Person(r.t.Context(), id)
		must(r.t, err)
		r.graph.AddUser(graphsim.User{ID: p.AADObjectID, Name: p.Name, Mail: p.Mail})
		r.ids[p.AADObjectID] = p.TeamsID
	}
	for _, name := range []string{"Dewi", "Fitri", "Gita"} {
		u := r.teams.AddUser(botframeworksim.User{Name: name, Mail: strings.ToLower(name) + "@example.com"})
		r.graph.AddUser(graphsim.User{ID: u.AADObjectID, Name: name, Mail: u.Mail, Disabled: name == "Gita"})
		r.ids[u.AADObjectID] = u.ID
	}
	must(r.t, r.store.SavePerson(r.t.Context(), bot.Person{ID: "hana@partner.example", Mail: "hana@partner.example", Name: "Hana", TeamsID: "29:hana", AADObjectID: "99999999-9999-4999-8999-999999999999", TenantID: "another"}))
}

func (r *rooms) catalog(t *testing.T) {
	t.Helper()
	file, err := catalog.Parse([]byte(strings.ReplaceAll(`
squads:
  - {key: payments, name: Payments, channel: "CHANNEL", lead: ani@example.com, members: [budi@example.com], bridge_url: "https://meet.example.com/payments"}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC01, standby: [dba], stakeholders: [fitri@example.com]}
  - {key: cart, name: Cart, squad: payments, owner: fitri@example.com, standby: [dba]}
  - {key: db, name: Database, squad: payments, owner: ani@example.com, standby: [dba]}
  - {key: stock, name: Stock, squad: payments, owner: gita@example.com, standby: [dba, nobody], stakeholders: [hana@partner.example, nobody@example.com]}
standby:
  dba: {pagerduty_schedule: PDBA001}
  nobody: {pagerduty_schedule: PDBA002}
people:
  - {mail: dewi@example.com, name: Dewi}
`, "CHANNEL", r.payments)), "catalog.yaml")
	must(t, err)
	r.cat, err = catalog.New(file, catalog.Settings{
		DefaultChannel: r.def,
		Notices: map[string]incident.Notice{
			incident.ServiceDown: {Card: true, Room: true}, "other": {Card: true},
		},
	}, nil)
	must(t, err)
}

// down declares that a service is down.
func (r *rooms) down(service string) incident.ID {
	r.t.Helper()
	return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: service + " is down", Service: service, Level: incident.ServiceDown}}).ID
}

func (r *rooms) room(id incident.ID) *incident.Room {
	r.t.Helper()
	inc := r.view(id).Incident
	if inc.Room == nil {
		return &incident.Room{}
	}
	return inc.Room
}

// ask asks something of the room, as Budi.
func (r *rooms) ask(id incident.ID, args incident.Args) *incident.Incident {
	r.t.Helper()
	return r.do(incident.Command{Verb: incident.OpenRoom, Incident: id, Args: args})
}

// names lists who is in a state, by name or role, in their order.
func names(room *incident.Room, state string) string {
	var out []string
	for _, p := range room.People {
		if p.State == state {
			name, _, _ := strings.Cut(p.Person.ID, "@")
			if name == "" {
				name = p.Part
			}
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// inChat lists who is in a chat in Graph.
func (r *rooms) inChat(id string) string {
	c, _ := r.graph.Chat(id)
	var out []string
	for _, m := range c.Members {
		p, err := r.store.Person(r.t.Context(), "aad:"+m.UserID)
		if err != nil {
			p.Mail = r.mailOf(m.UserID)
		}
		name, _, _ := strings.Cut(p.Mail, "@")
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (r *rooms) mailOf(objectID string) string {
	u, err := r.fx.Chats.User(r.t.Context(), objectID)
	must(r.t, err)
	return u.Mail
}
