package graphrest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/internal/rig"
)

type clock = rig.Clock

// credential gives one token for ever, or an error.
type credential struct {
	token string
	err   error
}

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.token, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

const manifestID = "22222222-aaaa-4bbb-8ccc-333333333333"

var consent = []graphrest.RSC{{Name: "ChatMember.Read.Chat"}, {Name: "Chat.Manage.Chat"}}

// world is a simulator with people and an app, and a client, all with one clock.
type world struct {
	*graphsim.Server
	client         *graphrest.Client
	clock          *clock
	ani, budi, cin graphsim.User
	app            graphsim.App
}

func newWorld(t testing.TB, o graphsim.Options, cfg graphrest.Config) *world {
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
	w.app = w.PutApp(graphsim.App{
		ExternalID: manifestID, Name: "imbot", Version: "1.2.0",
		Permissions: []graphsim.Permission{{Name: "Chat.Manage.Chat"}, {Name: "ChatMember.Read.Chat"}},
	})
	w.client = w.connect(t, cfg)
	return w
}

func (w *world) connect(t testing.TB, cfg graphrest.Config) *graphrest.Client {
	t.Helper()
	cfg.BaseURL, cfg.TenantID, cfg.Now = w.URL(), w.TenantID(), w.clock.Now
	if cfg.Credential == nil {
		cfg.Credential = credential{token: graphsim.Token}
	}
	if cfg.HTTP == nil {
		tr := &http.Transport{DisableKeepAlives: true} // or reads are repeated when a connection ends
		t.Cleanup(tr.CloseIdleConnections)
		cfg.HTTP = &http.Client{Transport: tr}
	}
	c, err := graphrest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var must = rig.Must

// wantError checks an error, and returns it.
func wantError(t testing.TB, what string, err error, status int, permanent bool) *graphrest.Error {
	t.Helper()
	return rig.Failed(t, what, err, func(e *graphrest.Error) int { return e.Status }, status, permanent)
}
