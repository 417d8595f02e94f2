package botframework_test

import (
	"net"
	"net/url"
	"testing"

	"imbot/integrations/botframework"
	"imbot/integrations/botframework/botframeworksim"
)

const (
	appID    = "11111111-aaaa-4bbb-8ccc-222222222222"
	tenantID = "33333333-dddd-4eee-8fff-444444444444"
)

// world is a simulator with a client that talks to it.
type world struct {
	*botframeworksim.Server
	client *botframework.Client
	alice  botframeworksim.User
	bob    botframeworksim.User
	team   string // team id, and its General channel
	dev    string // another channel
	chat   string // group chat
}

func newWorld(t *testing.T, change func(*botframeworksim.Options, *botframework.ClientConfig)) *world {
	t.Helper()
	o := botframeworksim.Options{AppID: appID, TenantID: tenantID, Dir: t.TempDir()}
	c := botframework.ClientConfig{AppID: appID}
	if change != nil {
		change(&o, &c)
	}
	sim, err := botframeworksim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Server: sim}
	w.alice = sim.AddUser(botframeworksim.User{Name: "Alice Sari", Mail: "alice@example.com"})
	w.bob = sim.AddUser(botframeworksim.User{Name: "Bob <b> & Co", Mail: "bob@example.com", Guest: true})
	w.team = sim.AddTeam("Payments", w.alice.ID, w.bob.ID)
	if w.dev, err = sim.AddChannel(w.team, "dev"); err != nil {
		t.Fatal(err)
	}
	w.chat = sim.AddGroupChat("", "INC-1", w.alice.ID, w.bob.ID)
	for _, id := range []string{w.team, w.chat, sim.Personal(w.alice.ID)} {
		if err := sim.SetInstalled(id, true); err != nil {
			t.Fatal(err)
		}
	}
	if c.Credential == nil {
		c.Credential, err = botframework.NewCredential(botframework.CredentialConfig{
			TenantID: tenantID, AppID: appID, ClientSecret: sim.ClientSecret(), Authority: sim.Authority(), CAFile: sim.CAFile(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.AllowHosts = append(c.AllowHosts, sim.Host())
	if w.client, err = botframework.NewClient(c); err != nil {
		t.Fatal(err)
	}
	return w
}

func text(s string) *botframework.Activity { return &botframework.Activity{Text: s} }

// freePort is an address where nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
