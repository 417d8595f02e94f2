package effects_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
)

// installRig is a rig whose imbot may install itself: for Fajar, whom it has
// never met, and who is in no team with it.
type installRig struct {
	*mailRig
	graph  *graphsim.Server
	client *graphrest.Client
	app    graphsim.App
	fajar  botframeworksim.User
	tells  bool // Teams tells imbot of an installation
	enters bool // imbot is in the chat as soon as it is installed
}

func newInstallRig(t *testing.T) *installRig {
	t.Helper()
	r := &installRig{mailRig: newMailRig(t), tells: true, enters: true}
	r.graph = graphsim.New(graphsim.Options{Now: r.Now, TenantID: tenant, AppID: appID, Installed: r.installed})
	t.Cleanup(r.graph.Close)
	r.app = r.graph.PutApp(graphsim.App{ExternalID: "22222222-aaaa-4bbb-8ccc-333333333333", Name: "imbot", Version: "1.0.0", Permissions: []graphsim.Permission{{Name: "Chat.Manage.Chat"}}})
	r.fajar = r.teams.AddUser(botframeworksim.User{Name: "Fajar", Mail: "fajar@example.com"})
	r.graph.AddUser(graphsim.User{ID: r.fajar.AADObjectID, Name: "Fajar", Mail: "fajar@example.com"})
	var err error
	r.client, err = graphrest.New(graphrest.Config{TenantID: tenant, Credential: simToken{}, BaseURL: r.graph.URL(), Now: r.Now, Timeout: patience})
	must(t, err)
	r.say.Install = &effects.Installs{
		Graph: r.client, Book: r.book, App: &effects.App{ManifestID: r.app.ExternalID, Consent: []graphrest.RSC{{Name: "Chat.Manage.Chat"}}}, Now: r.Now,
	}
	return r
}

// installed is what Teams does when Graph has installed imbot for somebody.
func (r *installRig) installed(userID, chat string) {
	if userID != r.fajar.AADObjectID || chat != r.teams.GraphChat(r.fajar.ID) {
		r.t.Errorf("installed for %s, in the chat %s", userID, chat)
	}
	if r.enters {
		must(r.t, r.teams.SetInstalled(r.teams.Personal(r.fajar.ID), true))
	}
	if r.tells { // as the bot takes it over
		r.meet(r.teams.Personal(r.fajar.ID), bot.Personal)
		must(r.t, r.store.SavePerson(r.t.Context(), bot.Person{
			ID: r.fajar.Mail, Mail: r.fajar.Mail, Name: "Fajar", TeamsID: r.fajar.ID, AADObjectID: r.fajar.AADObjectID, TenantID: tenant,
			Conversation: r.teams.Personal(r.fajar.ID),
		}))
	}
}

// help says to Fajar that he is needed, and returns the key of that.
func (r *installRig) help(id incident.ID) string {
	r.t.Helper()
	return r.tell(id, incident.DirectData{Person: someone(r.fajar.Mail), Reason: incident.DirectHelp, By: person})
}

func (r *installRig) posts() int { return len(r.teams.Posts(r.teams.Personal(r.fajar.ID))) }

func (r *installRig) installs() (n int) {
	for _, q := range r.graph.Requests() {
		if q.Method == http.MethodPost && strings.HasSuffix(q.Path, "/installedApps") {
			n++
		}
	}
	return n
}

const own = "/teamwork/installedApps"

// TestInstall: whoever is needed and has no way to imbot gets one, whatever goes
// wrong on it; what can't be is said, and a mail goes. Once either way.
func TestInstall(t *testing.T) {
	const chat, mail = "fajar@example.com by installed, fajar@example.com by chat", "fajar@example.com by mail"
	for name, tt := range map[string]struct {
		prepare func(r *installRig)
		want    string // by the timeline
		why     string // of a mail
		calls   int    // installations that were asked for
		within  time.Duration
	}{
		"all is well":       {func(*installRig) {}, chat, "", 1, 0},
		"the event is lost": {func(r *installRig) { r.tells = false }, chat, "", 1, 0},
		"there already": {func(r *installRig) {
			r.tells = false
			must(r.t, r.client.InstallForUser(r.t.Context(), r.fajar.AADObjectID, r.app.ID, nil))
		}, chat, "", 2, 0},
		"consent is wanted":  {func(r *installRig) { r.graph.SetPersonalConsent(true); r.graph.Grant(consenting) }, chat, "", 2, 0},
		"the answer is lost": {func(r *installRig) { r.inject("POST", own, graphsim.Fault{After: true, Drop: true}) }, "fajar@example.com by chat", "", 1, time.Second}, // Teams tells of it
		"lost, and no event": {func(r *installRig) { r.tells = false; r.inject("POST", own, graphsim.Fault{After: true, Drop: true}) }, chat, "", 2, time.Second},
		"done, but a 500":    {func(r *installRig) { r.tells = false; r.inject("POST", own, graphsim.Fault{After: true, Status: 500}) }, chat, "", 2, time.Second},
		"429": {func(r *installRig) {
			r.inject("POST", own, graphsim.Fault{Status: 429, RetryAfter: 20 * time.Second})
		}, chat, "", 2, 20 * time.Second},
		"429 for an hour": {func(r *installRig) { r.inject("POST", own, graphsim.Fault{Status: 429, RetryAfter: time.Hour}) }, mail, "Teams takes no more requests for now", 1, 0},
		"not listed yet": {func(r *installRig) {
			r.tells = false
			r.inject("GET", own, graphsim.Fault{Status: 200, Body: `{"value":[]}`, Type: "application/json"})
		}, chat, "", 2, time.Second},
		"no chat yet": {func(r *installRig) { r.tells = false; r.inject("GET", "/chat", graphsim.Fault{Status: 404}) }, chat, "", 2, time.Second},
		"not let in yet": {func(r *installRig) {
			r.tells, r.enters = false, false
			r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
				if c.Op == "send" && r.Now().After(r.asked().Add(18*time.Second)) {
					_ = r.teams.SetInstalled(r.teams.Personal(r.fajar.ID), true) // it is there: see newInstallRig
				}
				return botframeworksim.Pass()
			})
		}, chat, "", 1, 20 * time.Second},
		"never let in":       {func(r *installRig) { r.tells, r.enters = false, false }, "fajar@example.com by installed, " + mail, "no 1:1 chat", 1, time.Minute},
		"Graph is down":      {func(r *installRig) { r.graph.Inject(graphsim.Fault{Status: 503}) }, mail, "Teams does not answer", 0, 70 * time.Second},
		"no permission":      {func(r *installRig) { r.graph.Revoke(selfForUser) }, mail, "imbot lacks a permission in Entra: " + selfForUser, 1, 0},
		"no consent":         {func(r *installRig) { r.graph.SetPersonalConsent(true) }, mail, "imbot lacks a permission in Entra: " + consenting, 2, 0},
		"a policy":           {func(r *installRig) { r.graph.SetAppPolicy(r.fajar.AADObjectID, false) }, mail, "an administrator of Teams has blocked imbot", 1, 0},
		"not in the catalog": {func(r *installRig) { r.graph.RemoveApp(r.app.ExternalID) }, mail, "imbot is not in the company's Teams catalog", 0, 0},
		"another's app":      {func(r *installRig) { a := r.app; a.ClientID = "another"; r.graph.PutApp(a) }, mail, "is not allowed to manage the Teams App", 1, 0},
		"left":               {func(r *installRig) { r.graph.RemoveUser(r.fajar.AADObjectID) }, mail, "Entra does not know them", 0, 0},
		"left just now": {func(r *installRig) {
			must(r.t, r.store.SavePerson(r.t.Context(), bot.Person{ID: r.fajar.Mail, Mail: r.fajar.Mail, AADObjectID: r.fajar.AADObjectID, TenantID: tenant}))
			r.graph.RemoveUser(r.fajar.AADObjectID)
			r.graph.Revoke("User.Read.All")
		}, mail, "Entra does not know them", 1, 0},
		"blocked": {func(r *installRig) {
			r.graph.RemoveUser(r.fajar.AADObjectID)
			r.graph.AddUser(graphsim.User{ID: r.fajar.AADObjectID, Mail: r.fajar.Mail, Disabled: true})
		}, mail, "their account is blocked", 0, 0},
		"a guest": {func(r *installRig) {
			r.graph.RemoveUser(r.fajar.AADObjectID)
			r.graph.AddUser(graphsim.User{ID: r.fajar.AADObjectID, Mail: r.fajar.Mail, Guest: true})
		}, mail, "they are a guest", 0, 0},
		"they removed it": {func(r *installRig) {
			must(r.t, r.say.Install.For(r.t.Context(), r.fajar.Mail))
			must(r.t, r.book.Gone(r.t.Context(), r.teams.Personal(r.fajar.ID), "imbot was removed from here"))
		}, mail, "they have removed imbot", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newInstallRig(t)
			id := r.declare("Checkout is slow")
			r.settle(time.Minute)
			tt.prepare(r)
			began := r.Now()
			key := r.help(id)
			r.settle(5 * time.Minute)
			if got := r.ways(id); got != tt.want {
				t.Fatalf("the timeline says: %q, want %q", got, tt.want)
			}
			if e := r.effect(id, strings.TrimPrefix(key, id.String())); e.State != done {
				t.Errorf("it is %s: %s", e.State, e.Error)
			}
			posts, mails := 1, 0
			if tt.why != "" {
				posts, mails = 0, 1
			}
			if r.posts() != posts || len(r.to(r.fajar.Mail)) != mails {
				t.Errorf("%d posts and %d mails, want %d and %d", r.posts(), len(r.to(r.fajar.Mail)), posts, mails)
			}
			if n := r.installs(); n != tt.calls && name != "Graph is down" {
				t.Errorf("%d installations were asked for, want %d", n, tt.calls)
			}
			line := r.view(id).Timeline
			last := line[len(line)-1]
			if !strings.Contains(last.Text, tt.why) || (last.Text == "") != (tt.why == "") {
				t.Errorf("the timeline says why: %q, want %q", last.Text, tt.why)
			}
			if took := last.At.Sub(began); took > tt.within+2*time.Second {
				t.Errorf("they were told after %s, want %s", took, tt.within)
			}
		})
	}
}

const (
	selfForUser = "TeamsAppInstallation.ReadWriteSelfForUser.All"
	consenting  = "TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All"
)

// inject lets the next call of a kind go wrong.
func (r *installRig) inject(method, path string, f graphsim.Fault) {
	f.Method, f.Path, f.Times = method, path, 1
	r.graph.Inject(f)
}

// asked is when Graph was asked to install imbot.
func (r *installRig) asked() time.Time {
	for _, q := range r.graph.Requests() {
		if q.Method == http.MethodPost && strings.HasSuffix(q.Path, own) {
			return q.At
		}
	}
	return r.Now()
}

// TestInstallForCard: a card of one's own is a reason to install imbot, while the
// incident is open; status updates and invitations are none. What was refused is
// not asked for again by each change of the incident.
func TestInstallForCard(t *testing.T) {
	r := newInstallRig(t)
	id := r.declare("Checkout is slow")
	r.tell(id, incident.DirectData{Person: someone(r.fajar.Mail), Reason: incident.DirectInvited})
	r.do(incident.Command{Verb: incident.Report, Incident: id, Args: incident.Args{Text: "one"}})
	r.tell(id, incident.DirectData{Person: someone(r.fajar.Mail), Reason: incident.DirectUpdate, N: r.view(id).Incident.Update.N})
	r.settle(time.Minute)
	if r.installs() != 0 || len(r.to(r.fajar.Mail)) != 2 {
		t.Errorf("%d installations and %d mails for what can wait, want none and 2", r.installs(), len(r.to(r.fajar.Mail)))
	}
	r.graph.SetAppPolicy(r.fajar.AADObjectID, false)
	private := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "A breach", Service: "checkout", Private: true}}).ID
	r.do(incident.Command{Verb: incident.Member, Incident: private, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: r.fajar.Mail}}})
	for range 5 { // within the minute
		r.do(incident.Command{Verb: incident.AddNote, Incident: private, Args: incident.Args{Text: "looking"}})
		r.settle(0)
	}
	if n := r.installs(); n != 1 {
		t.Errorf("imbot asked %d times for what was refused, want 1", n)
	}
	if got := r.ways(private); got != "fajar@example.com by mail" || r.posts() != 0 {
		t.Errorf("the timeline says %q, and there are %d posts", got, r.posts())
	}
	// Allowed by now, they get the card with the next change, once.
	r.graph.SetAppPolicy(r.fajar.AADObjectID, true)
	r.advance(2 * time.Minute)
	for range 3 {
		r.do(incident.Command{Verb: incident.AddNote, Incident: private, Args: incident.Args{Text: "looking"}})
		r.settle(time.Minute)
	}
	if n := len(r.cards(r.teams.Personal(r.fajar.ID))); n != 1 || r.installs() != 2 {
		t.Errorf("%d cards and %d installations, want 1 and 2", n, r.installs())
	}
}

// TestNoWayForCard: where there is neither a chat nor a mail, the timeline says
// that too, once.
func TestNoWayForCard(t *testing.T) {
	r := newMailRig(t)
	r.say.Enqueue = nil
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "A breach", Service: "checkout", Private: true}}).ID
	r.do(incident.Command{Verb: incident.Member, Incident: id, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com"}}})
	for range 3 {
		r.settle(time.Minute)
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "looking"}})
	}
	r.settle(time.Minute)
	if got := r.ways(id); got != "dewi@example.com by none" {
		t.Errorf("the timeline says %q", got)
	}
}
