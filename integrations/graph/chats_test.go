package graph_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/entrasim"
	"imbot/integrations/graph"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

// The way of a room: made, given the app, joined, renamed, read.
func TestRoom(t *testing.T) {
	w := newWorld(t, graphsim.Options{Permissions: []string{"User.ReadBasic.All", "Chat.Create", "TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All"}}, graph.Config{})
	ctx := t.Context()
	made, err := w.client.CreateChat(ctx, w.newChat())
	must(t, "create", err)
	want := graphrest.Chat{ID: made.ID, Topic: "INC-42 – checkout down", Type: "group", WebURL: made.WebURL, CreatedAt: w.clock.Now()}
	if made != want || !strings.HasPrefix(made.WebURL, "https://teams.microsoft.com/l/chat/") {
		t.Errorf("made %+v", made)
	}
	// Without the app in the chat its permissions do not hold.
	_, err = w.client.Chat(ctx, made.ID)
	if e := wantError(t, "read too early", err, 403, true); e.Reason != graphrest.ReasonPermission || !slices.Contains(e.Permissions, "Chat.Manage.Chat") {
		t.Errorf("%v", e)
	}
	must(t, "install", w.client.InstallApp(ctx, made.ID, w.app.ID, consent))
	if got, err := w.client.Chat(ctx, made.ID); err != nil || got != made {
		t.Errorf("Chat = %+v, %v", got, err)
	}
	w.clock.Pass(time.Hour)
	dewi := w.AddUser(graphsim.User{Name: "Dewi", Mail: "dewi@example.com"})
	for range 2 { // the second time they are there
		left, err := w.client.AddMembers(ctx, made.ID, []graphrest.Member{{UserID: strings.ToUpper(dewi.ID)}, {UserID: w.ani.ID}, {UserID: dewi.ID}})
		if err != nil || len(left) != 0 {
			t.Fatalf("AddMembers = %v, %v", left, err)
		}
	}
	must(t, "rename", w.client.Rename(ctx, made.ID, "INC-42: resolved"))
	members, err := w.client.Members(ctx, made.ID)
	must(t, "members", err)
	for i := range members {
		if members[i].ID == "" {
			t.Error("a membership has no id")
		}
		members[i].ID = ""
	}
	wantMembers := []graphrest.Member{
		{UserID: w.ani.ID, Name: "Ani", Mail: w.ani.Mail, Owner: true},
		{UserID: w.budi.ID, Name: "Budi", Mail: w.budi.Mail, Owner: true},
		{UserID: w.cin.ID, Name: "Cin", Mail: w.cin.Mail, Guest: true},
		{UserID: dewi.ID, Name: "Dewi", Mail: dewi.Mail, Owner: true},
	}
	if d := cmp.Diff(wantMembers, members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	c, _ := w.Chat(made.ID)
	if c.Topic != "INC-42 – resolved" || !c.Members[3].History.Equal(time.Time{}) || len(w.Chats()) != 1 {
		t.Errorf("the chat is %+v", c)
	}
	if n := count(w, "POST", "/members"); n != 1 {
		t.Errorf("%d people were added, want 1", n)
	}
}

func count(w *world, method, end string) int {
	n := 0
	for _, r := range w.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, end) {
			n++
		}
	}
	return n
}

// Who can't be a member is named, whether Graph says who it is or not.
func TestUnknownMembers(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{})
	ctx := t.Context()
	gone := w.AddUser(graphsim.User{Name: "Gone"})
	w.RemoveUser(gone.ID)
	off := w.AddUser(graphsim.User{Name: "Off", Disabled: true})
	n := w.newChat()
	n.Members = append(n.Members, graphrest.Member{UserID: gone.ID}, graphrest.Member{UserID: off.ID})
	_, err := w.client.CreateChat(ctx, n)
	e := wantError(t, "create", err, 404, true)
	if d := cmp.Diff([]string{gone.ID, off.ID}, e.UserIDs); d != "" || e.Reason != graphrest.ReasonMember || e.MayBeDone() {
		t.Errorf("%v: (-want +got):\n%s", e, d)
	}
	// Without permission to look, Graph's words count.
	w.Revoke("User.Read.All")
	w.Inject(graphsim.Fault{Path: "/chats", Times: 1, Status: 400, Message: "Failed to resolve user " + strings.ToUpper(w.budi.ID)})
	_, err = w.client.CreateChat(ctx, w.newChat())
	if e := wantError(t, "named by Graph", err, 400, true); !slices.Equal(e.UserIDs, []string{w.budi.ID}) {
		t.Errorf("%v names %q", e, e.UserIDs)
	}
	_, err = w.client.CreateChat(ctx, n)
	if e := wantError(t, "named by nobody", err, 404, true); len(e.UserIDs) != 0 || e.Reason != "" {
		t.Errorf("%v names %q", e, e.UserIDs)
	}
	w.Grant("User.Read.All")
	n.Members = n.Members[:3]
	_, err = w.client.CreateChat(ctx, n)
	must(t, "without them", err)

	// Adding: each is refused by itself, and the others get in.
	id := w.room(t)
	dewi := w.AddUser(graphsim.User{Name: "Dewi"})
	left, err := w.client.AddMembers(ctx, id, []graphrest.Member{{UserID: gone.ID}, {UserID: "x"}, {UserID: dewi.ID}, {UserID: off.ID}, {UserID: w.cin.ID, Guest: true}})
	must(t, "add", err)
	var names []string
	for _, l := range left {
		names = append(names, l.UserID)
		var e *graphrest.Error
		if !errors.As(l.Err, &e) || !e.Permanent() {
			t.Errorf("%s: %v", l.UserID, l.Err)
		}
	}
	if d := cmp.Diff([]string{gone.ID, "x", off.ID}, names); d != "" {
		t.Errorf("left out (-want +got):\n%s", d)
	}
	if c, _ := w.Chat(id); len(c.Members) != 4 {
		t.Errorf("members %+v", c.Members)
	}
}

// What concerns a whole chat is no fault of a member.
func TestAddMembersToNoChat(t *testing.T) {
	w := newWorld(t, graphsim.Options{}, graph.Config{})
	some := []graphrest.Member{{UserID: w.ani.ID}, {UserID: w.budi.ID}}
	const nowhere = "19:0000@thread.v2"
	left, err := w.client.AddMembers(t.Context(), nowhere, some)
	wantError(t, "no chat", err, 404, true)
	w.Revoke("Chat.ReadBasic.All")
	left2, err := w.client.AddMembers(t.Context(), nowhere, some)
	wantError(t, "no permission", err, 403, true)
	w.Grant("ChatMember.ReadWrite.All")
	w.Inject(graphsim.Fault{Method: "GET", Times: 1, Status: 403})
	left3, err := w.client.AddMembers(t.Context(), nowhere, some)
	wantError(t, "no chat, not readable", err, 404, true)
	if len(left)+len(left2)+len(left3) != 0 {
		t.Errorf("left out %v %v %v", left, left2, left3)
	}
	id := w.room(t)
	w.Inject(graphsim.Fault{Method: "POST", Path: "/members", Times: 1, Status: 429, RetryAfter: 3 * time.Second})
	dewi := w.AddUser(graphsim.User{Name: "Dewi"})
	_, err = w.client.AddMembers(t.Context(), id, []graphrest.Member{{UserID: dewi.ID}})
	if e := wantError(t, "limit", err, 429, false); e.RetryAfter() != 3*time.Second {
		t.Errorf("%v", e)
	}
}

// The members of a full chat come in pages.
func TestManyMembers(t *testing.T) {
	w := newWorld(t, graphsim.Options{PageSize: 30}, graph.Config{})
	n := graphrest.NewChat{Topic: "big"}
	for i := range graphrest.MaxMembers {
		n.Members = append(n.Members, graphrest.Member{UserID: w.AddUser(graphsim.User{Name: fmt.Sprint(i)}).ID})
	}
	made, err := w.client.CreateChat(t.Context(), n)
	must(t, "create", err)
	w.clock.Pass(time.Minute)
	got, err := w.client.Members(t.Context(), made.ID)
	if err != nil || len(got) != graphrest.MaxMembers || got[249].UserID != n.Members[249].UserID {
		t.Errorf("%d members, %v", len(got), err)
	}
	w.clock.Pass(time.Minute)
	w.Grant("ChatMember.ReadWrite.All")
	left, err := w.client.AddMembers(t.Context(), made.ID, []graphrest.Member{{UserID: w.ani.ID}})
	if err != nil || len(left) != 1 {
		t.Errorf("one too many: %v, %v", left, err)
	}
	before := len(w.Requests())
	for name, bad := range map[string]graphrest.NewChat{
		"too many": {Members: append(slices.Clone(n.Members), graphrest.Member{UserID: w.ani.ID})},
		"one":      {Members: []graphrest.Member{{UserID: w.ani.ID}, {UserID: strings.ToUpper(w.ani.ID)}}},
		"no id":    {Members: []graphrest.Member{{UserID: w.ani.ID}, {UserID: "x') or ('"}}},
	} {
		if _, err := w.client.CreateChat(t.Context(), bad); !errors.Is(err, graphrest.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.client.Rename(t.Context(), made.ID, " \n"); !errors.Is(err, graphrest.ErrInvalid) {
		t.Errorf("empty topic: %v", err)
	}
	for _, id := range []string{"", "x", "19:x@y/../z", "19:a b@c"} {
		_, read := w.client.Chat(t.Context(), id)
		_, members := w.client.Members(t.Context(), id)
		_, add := w.client.AddMembers(t.Context(), id, nil)
		for _, err := range []error{read, members, add, w.client.Rename(t.Context(), id, "x")} {
			if !errors.Is(err, graphrest.ErrInvalid) {
				t.Errorf("chat %q: %v", id, err)
			}
		}
	}
	if n := len(w.Requests()); n != before {
		t.Errorf("%d requests of what can't be", n-before)
	}
}

// With Entra's tokens, by way of the bot's own credential.
func TestWithEntra(t *testing.T) {
	const app, tenant = "11111111-aaaa-4bbb-8ccc-222222222222", "33333333-dddd-4eee-8fff-444444444444"
	entra, err := entrasim.Start(entrasim.Options{AppID: app, TenantID: tenant, Dir: t.TempDir()})
	must(t, "entra", err)
	defer entra.Close()
	cred, err := botframework.NewCredential(botframework.CredentialConfig{TenantID: tenant, AppID: app, ClientSecret: entra.ClientSecret(), Authority: entra.Authority(), CAFile: entra.CAFile()})
	must(t, "credential", err)
	verify := func(authorization string) error {
		return entra.CheckBearer(authorization, "https://graph.microsoft.com")
	}
	w := newWorld(t, graphsim.Options{Verify: verify}, graph.Config{Credential: cred})
	id := w.room(t)
	must(t, "rename", w.client.Rename(t.Context(), id, "x"))
	if n := entra.TokensGiven(); n != 1 {
		t.Errorf("%d tokens", n)
	}
	entra.RevokeTokens()
	_, err = w.client.Chat(t.Context(), id)
	wantError(t, "revoked", err, 401, false)

	wrong, err := botframework.NewCredential(botframework.CredentialConfig{TenantID: tenant, AppID: app, ClientSecret: "hunter2", Authority: entra.Authority(), CAFile: entra.CAFile()})
	must(t, "credential", err)
	w = newWorld(t, graphsim.Options{Verify: verify}, graph.Config{Credential: wrong})
	_, err = w.client.CreateChat(t.Context(), w.newChat())
	if e := wantError(t, "wrong secret", err, 0, false); e.Code != "AADSTS7000215" || strings.Contains(e.Error(), "hunter2") || strings.Contains(e.Error(), entra.Authority()) || e.MayBeDone() {
		t.Errorf("%v", e)
	}
}
