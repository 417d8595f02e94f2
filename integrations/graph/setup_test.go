package graph_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/graph"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/internal/rig"
)

type clock = rig.Clock

// credential gives one token for ever.
type credential struct{}

func (credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: graphsim.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

const manifestID = "22222222-aaaa-4bbb-8ccc-333333333333"

var consent = []graphrest.RSC{{Name: "ChatMember.Read.Chat"}, {Name: "Chat.Manage.Chat"}, {Name: "ChatSettings.ReadWrite.Chat"}}

// world is a simulator with people and an app, and a client, all with one clock.
type world struct {
	*graphsim.Server
	client         *graph.Client
	clock          *clock
	ani, budi, cin graphsim.User
	app            graphsim.App
}

func newWorld(t testing.TB, o graphsim.Options, cfg graph.Config) *world {
	t.Helper()
	w := &world{clock: rig.NewClock()}
	if o.Now == nil {
		o.Now = w.clock.Now
	}
	w.Server = graphsim.New(o)
	t.Cleanup(w.Close)
	w.ani = w.AddUser(graphsim.User{Name: "Ani", Mail: "ani@example.com"})
	w.budi = w.AddUser(graphsim.User{Name: "Budi", Mail: "budi.o'neil@example.com", UPN: "bneil@corp.example.com"})
	w.cin = w.AddUser(graphsim.User{Name: "Cin", Mail: "cin@partner.example", UPN: "cin_partner.example#EXT#@example.onmicrosoft.com", Guest: true})
	a := graphsim.App{ExternalID: manifestID, Name: "imbot", Version: "1.2.0"}
	for _, p := range consent {
		a.Permissions = append(a.Permissions, graphsim.Permission{Name: p.Name})
	}
	w.app = w.PutApp(a)
	cfg.BaseURL, cfg.TenantID, cfg.Now = w.URL(), w.TenantID(), w.clock.Now
	if cfg.Credential == nil {
		cfg.Credential = credential{}
	}
	if cfg.HTTP == nil {
		tr := &http.Transport{DisableKeepAlives: true} // or reads are repeated when a connection ends
		t.Cleanup(tr.CloseIdleConnections)
		cfg.HTTP = &http.Client{Transport: tr}
	}
	var err error
	if w.client, err = graph.New(cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) newChat() graphrest.NewChat {
	return graphrest.NewChat{Topic: "INC-42: checkout down", Members: []graphrest.Member{{UserID: w.ani.ID}, {UserID: w.budi.ID}, {UserID: w.cin.ID, Guest: true}}}
}

// room makes a chat that has the app.
func (w *world) room(t testing.TB) string {
	t.Helper()
	c, err := w.client.CreateChat(t.Context(), w.newChat())
	must(t, "create", err)
	must(t, "install", w.client.InstallApp(t.Context(), c.ID, w.app.ID, consent))
	return c.ID
}

var must = rig.Must

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *graphrest.Error {
	t.Helper()
	return rig.Failed(t, what, err, func(e *graphrest.Error) int { return e.Status }, status, permanent)
}
