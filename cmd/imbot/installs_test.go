package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphsim"
	"imbot/manifest"
)

// newInstallRig is the whole app, which may install itself: for Fajar and Gita,
// whom it has never met and who are in no team with it. Teams tells it of that,
// unless lost.
func newInstallRig(t *testing.T, extra string, lost bool) (r *rig, graph *graphsim.Server, fajar botframeworksim.User) {
	t.Helper()
	ids := map[string]string{} // object id in Entra -> id in Teams
	graph = graphsim.New(graphsim.Options{
		TenantID: rigTenant, AppID: rigApp,
		Verify: func(authorization string) error {
			if !strings.HasPrefix(authorization, "Bearer ey") {
				return errors.New("no token")
			}
			return nil
		},
		Installed: func(userID, _ string) {
			conv := r.teams.Personal(ids[userID])
			if lost {
				must(t, r.teams.SetInstalled(conv, true))
			} else {
				must(t, r.teams.Install(t.Context(), ids[userID], conv))
			}
		},
	})
	t.Cleanup(graph.Close)
	graph.PutApp(graphsim.App{ExternalID: manifest.ID(rigApp), Name: "imbot", Version: "1.0.0"})
	r = newRig(t, fmt.Sprintf("  install_for_people: true\n  graph_url: %q\n", graph.URL())+extra)
	for _, name := range []string{"Gita", "Fajar"} {
		fajar = r.teams.AddUser(botframeworksim.User{Name: name, Mail: strings.ToLower(name) + "@example.com"})
		ids[fajar.AADObjectID] = fajar.ID
		graph.AddUser(graphsim.User{ID: fajar.AADObjectID, Name: name, Mail: fajar.Mail})
	}
	return r, graph, fajar
}

// installedFor lists those for whom imbot was installed.
func installedFor(graph *graphsim.Server) string {
	var out []string
	for _, q := range graph.Requests() {
		if q.Method == "POST" {
			out = append(out, strings.TrimPrefix(q.Path, "/v1.0"))
		}
	}
	return strings.Join(out, " ")
}

// TestInstallForPeople: somebody who never met imbot becomes the commander. They
// have it in their apps then, are told in their 1:1 chat, once, and can answer
// there; whether Teams tells imbot of the chat or not.
func TestInstallForPeople(t *testing.T) {
	for _, lost := range []bool{false, true} {
		r, graph, fajar := newInstallRig(t, "", lost)
		chat := r.teams.Personal(fajar.ID)
		r.trigger("Checkout is down")
		r.say(r.budi, r.channel, "assign INC-1 commander fajar@example.com")
		r.settle(time.Minute)
		told := 0
		for _, p := range r.teams.Posts(chat) {
			if p.Contains("INC-1") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("event lost %v: they were told %d times, of %d posts", lost, told, len(r.teams.Posts(chat)))
		}
		if got, want := installedFor(graph), "/users/"+fajar.AADObjectID+"/teamwork/installedApps"; got != want {
			t.Errorf("event lost %v: installed by %q, want %q", lost, got, want)
		}
		_, body := r.get("/api/v1/incidents/INC-1/timeline")
		for _, want := range []string{`"op":"installed"`, `"op":"chat"`} {
			if !strings.Contains(body, want) {
				t.Errorf("event lost %v: the timeline has no %s: %s", lost, want, body)
			}
		}
		p, err := r.app.store.Person(t.Context(), "aad:"+fajar.AADObjectID)
		must(t, err)
		if want := map[bool]string{false: chat, true: r.teams.GraphChat(fajar.ID)}[lost]; p.Conversation != want || p.ID != fajar.Mail {
			t.Errorf("event lost %v: %+v, want the chat %s", lost, p, want)
		}
		// They answer, and it is them.
		r.say(fajar.ID, chat, "ack INC-1")
		r.settle(time.Minute)
		if p, err = r.app.store.Person(t.Context(), fajar.ID); err != nil || p.ID != fajar.Mail || p.Conversation != chat || p.Guest {
			t.Errorf("event lost %v: then %+v, %v", lost, p, err)
		}
		if _, body := r.get("/api/v1/incidents/INC-1"); !strings.Contains(body, `"acknowledged_by":{"kind":"user","id":"fajar@example.com"`) {
			t.Errorf("event lost %v: the ack is not theirs: %s", lost, body)
		}
	}
}

// TestInstallPrivate: members of a private incident get its card, nobody else
// gets anything, and nobody's chat tells another.
func TestInstallPrivate(t *testing.T) {
	r, graph, fajar := newInstallRig(t, "", true)
	who := incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	do := func(c incident.Command) *incident.Incident {
		t.Helper()
		c.Actor, c.Role = who, incident.RoleAdmin
		inc, err := r.app.service.Do(t.Context(), c)
		must(t, err)
		return inc
	}
	id := do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "A breach", Service: "checkout", Private: true}}).ID
	do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: fajar.Mail}}})
	r.settle(time.Minute)
	if got := installedFor(graph); got != "/users/"+fajar.AADObjectID+"/teamwork/installedApps" {
		t.Errorf("installed by %q", got)
	}
	cards := 0
	for _, p := range r.teams.Posts(r.teams.Personal(fajar.ID)) {
		if p.Card() != nil && p.Contains("A breach") {
			cards++
		}
	}
	if cards != 1 {
		t.Errorf("the new member has %d cards, want 1", cards)
	}
	// Somebody who was a member for a moment, and is none when their card is due.
	gita := &incident.Actor{Kind: incident.KindUser, ID: "gita@example.com"}
	do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Person: gita}})
	do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Remove: true, Person: gita}})
	r.settle(time.Minute)
	if got := installedFor(graph); strings.Contains(got, " ") {
		t.Errorf("installed for somebody who is no member: %q", got)
	}
	if strings.Contains(string(graph.Dump()), "breach") {
		t.Error("Graph was told of the incident")
	}
}

// TestInstallOff: without the setting nothing is installed, and Graph is not
// asked.
func TestInstallOff(t *testing.T) {
	r := newRig(t, "")
	if r.app.people != nil {
		t.Error("there is a client that installs")
	}
	d := &doctor{cfg: r.app.cfg}
	d.installing(t.Context())
	if len(d.checks) != 0 {
		t.Errorf("the doctor says %+v", d.checks)
	}
}

// TestInstallDoctor: what stands in the way is named, with what to do, and
// nothing is installed for trying.
func TestInstallDoctor(t *testing.T) {
	r, graph, _ := newInstallRig(t, "", true)
	bad := func() map[string]check {
		d := &doctor{cfg: r.app.cfg, probing: probing{person: "fajar@example.com"}}
		d.installing(t.Context())
		out := map[string]check{}
		for _, c := range d.checks {
			if c.State != checkOK {
				out[c.Name] = c
			}
		}
		if len(d.checks) < 3 {
			t.Errorf("%d checks: %+v", len(d.checks), d.checks)
		}
		return out
	}
	if got := bad(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	const permission = "TeamsAppInstallation.ReadWriteSelfForUser.All"
	graph.Revoke(permission, "AppCatalog.Read.All")
	got := bad()
	if c := got["1:1 chats: install the app for people"]; c.State != checkFail || !strings.HasPrefix(c.Detail, "permission missing") || !strings.Contains(c.Mend, permission) {
		t.Errorf("%+v", c)
	}
	if c := got["1:1 chats: find the app in the catalog"]; c.State != checkFail || !strings.Contains(c.Mend, "AppCatalog.Read.All") {
		t.Errorf("%+v", c)
	}
	if len(got) != 2 {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{"fajar@example.com", "gita@example.com"} {
		if len(graph.OwnApps(id)) != 0 {
			t.Errorf("the doctor installed it for %s", id)
		}
	}
}

// TestInstallShares: with war rooms there is one client, and one budget, for both.
func TestInstallShares(t *testing.T) {
	r, _, _ := newInstallRig(t, "  rooms: true\n  profile: rooms\n", true)
	if r.app.people == nil || any(r.app.people) != any(r.app.chats) {
		t.Error("war rooms and installations have two clients")
	}
	o, err := manifestOptions(r.app.cfg, "1.0.0")
	must(t, err)
	if !o.SelfInstall {
		t.Error("the app package is not that of an app that installs itself")
	}
}
