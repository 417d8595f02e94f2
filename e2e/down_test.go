package e2e

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail/mailsim"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/manifest"
)

// office is a rig with everything that a service-down sets in motion: Graph,
// Jira, Confluence and a mail server.
type office struct {
	*rig
	graph *graphsim.Server
	jira  *jirasim.Server
	wiki  *confluencesim.Server
	mail  *mailsim.Server
	ids   map[string]string // object id -> Teams id
	mails map[string]string // object id -> mail
}

const officeCatalog = `squads:
  - {key: payments, name: Payments, channel: %q, mail: payments@example.com, lead: ani@example.com, jira_project: PAY, bridge_url: "https://meet.example.com/payments"}
services:
  - key: checkout
    name: Checkout
    squad: payments
    owner: budi@example.com
    pagerduty_service_id: PSVCCO1
    stakeholders: [citra@example.com, gone@example.com]
    standby: [dba]
    links: [{title: Runbook, url: "https://wiki.example.com/checkout"}]
standby:
  dba: {pagerduty_schedule: PDBA001}
`

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{rig: newRig(t), ids: map[string]string{}, mails: map[string]string{}}
	o.graph = graphsim.New(graphsim.Options{
		TenantID: rigTenant, AppID: rigApp, Changed: o.mirror,
		Verify: func(authorization string) error {
			if strings.Count(authorization, ".") != 2 {
				return fmt.Errorf("that is no token of Entra")
			}
			return nil
		},
	})
	t.Cleanup(o.graph.Close)
	for _, name := range []string{"Budi", "Citra", "Dewi"} {
		o.person(name)
	}
	o.graph.PutApp(graphsim.App{ExternalID: manifest.ID(rigApp), Name: "imbot", Version: "1.0.0"})
	o.jira = jirasim.New(jirasim.Options{})
	t.Cleanup(o.jira.Close)
	o.jira.AddProject(jirasim.Project{Key: "PAY"})
	o.jira.AddProject(jirasim.Project{Key: "OPS"})
	o.wiki = confluencesim.New(confluencesim.Options{})
	t.Cleanup(o.wiki.Close)
	o.wiki.AddSpace("OPS", "Operations")
	o.mail = mailsim.New(mailsim.Options{TLS: mailsim.TLSNone})
	t.Cleanup(o.mail.Close)
	write(t, o.path("catalog.yaml"), fmt.Sprintf(officeCatalog, o.channel))
	host, port, err := net.SplitHostPort(o.mail.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := o.configuration
	c["teams"] = strings.TrimSuffix(c["teams"], "}") + fmt.Sprintf(", rooms: true, graph_url: %q}", o.graph.URL())
	c["jira"] = fmt.Sprintf("{url: %q, email: %q, api_token: %q, webhook_secret: a-secret-of-jira, project: OPS}", o.jira.URL(), o.jira.Email(), o.jira.Token())
	c["confluence"] = fmt.Sprintf("{url: %q, email: %q, api_token: %q, space: OPS}", o.wiki.URL(), o.wiki.Email(), o.wiki.Token())
	c["mail"] = fmt.Sprintf("{from: imbot@example.com, smtp: {host: %q, port: %s, tls: none}}", host, port)
	c["correlation"] = "{hold: 0s}"
	o.configure()
	return o
}

// person is somebody in Teams, Entra and PagerDuty.
func (o *office) person(name string) {
	mail := strings.ToLower(name) + "@example.com"
	u := o.teams.AddUser(botframeworksim.User{Name: name, Mail: mail})
	o.graph.AddUser(graphsim.User{ID: u.AADObjectID, Name: name, Mail: mail})
	o.ids[u.AADObjectID], o.mails[u.AADObjectID] = u.ID, mail
	id := o.pd.AddUser(pagerdutysim.User{Name: name, Email: mail}).ID
	if name == "Dewi" {
		o.pd.AddSchedule(pagerdutysim.Schedule{ID: "PDBA001", Name: "DBA", Rotation: []string{id}})
		o.pd.AddPolicy(pagerdutysim.Policy{ID: "PPDBA01", Name: "DBA", Levels: [][]string{{"PDBA001"}}})
	}
}

// mirror shows in Teams what Graph has made.
func (o *office) mirror(c graphsim.Chat) {
	var ids []string
	for _, m := range c.Members {
		ids = append(ids, o.ids[m.UserID])
	}
	if o.teams.SetMembers(c.ID, ids...) != nil {
		o.teams.AddGroupChat(c.ID, c.Topic, ids...)
	}
	if len(c.Apps) > 0 {
		_ = o.teams.SetInstalled(c.ID, true)
	}
}

// members are the mails of a chat's members, sorted.
func (o *office) members(c graphsim.Chat) (out []string) {
	for _, m := range c.Members {
		out = append(out, o.mails[m.UserID])
	}
	slices.Sort(out)
	return out
}

// TestServiceDown is the main thing: PagerDuty says that a service is down, and
// within five seconds the right people sit in one chat, imbot with them, and
// the paperwork is begun, each piece once.
func TestServiceDown(t *testing.T) {
	o := newOffice(t)
	o.serve()
	defer o.stop()
	id := o.pd.Trigger(pagerdutysim.Spec{Service: "PSVCCO1", Title: "Checkout is down"}).ID
	began := time.Now()
	o.pd.Deliver(t.Context())
	var room graphsim.Chat
	ready := func() bool {
		all := o.graph.Chats()
		if len(all) != 1 || len(all[0].Apps) != 1 || o.teams.PostCount(all[0].ID) == 0 {
			return false
		}
		room = all[0]
		return true
	}
	if !until(t, ready) {
		t.Fatalf("no room with imbot and a card: %+v; imbot printed:\n%s", o.graph.Chats(), o.process.out)
	}
	took := time.Since(began)
	t.Logf("from the webhook to the card in the room: %s", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("it took %s, more than 5 s", took)
	}
	if got, want := o.members(room), []string{"budi@example.com", "citra@example.com", "dewi@example.com"}; !slices.Equal(got, want) {
		t.Errorf("in the room are %v, want %v", got, want)
	}
	if !strings.HasPrefix(room.Topic, "INC-1") || !strings.Contains(room.Topic, "Checkout") {
		t.Errorf("the room is called %q", room.Topic)
	}
	paper := func() bool {
		return len(o.jira.Issues()) == 1 && len(o.mail.ByMessageID()) == 4 && o.woken(id) == 1
	}
	if !until(t, paper) {
		t.Errorf("%d issues, %d mails, %d woken; imbot printed:\n%s", len(o.jira.Issues()), len(o.mail.ByMessageID()), o.woken(id), o.process.out)
	}
	for mid, n := range o.mail.ByMessageID() {
		if n != 1 {
			t.Errorf("the mail %s came %d times", mid, n)
		}
	}
	// The page waits a minute, so that a burst of changes is one version of it.
	if !until(t, func() bool { return len(o.wiki.Pages()) == 1 }) {
		t.Errorf("%d pages; imbot printed:\n%s", len(o.wiki.Pages()), o.process.out)
	}
	code, page := o.get("/api/v1/incidents/INC-1/postmortem?format=markdown")
	if code != http.StatusOK || !strings.Contains(string(page), "Checkout is down") {
		t.Errorf("the postmortem: %d %.200s", code, page)
	}
}

// woken counts who was asked to help with an incident.
func (o *office) woken(id string) int {
	asked, err := o.pd.Responders(id)
	if err != nil {
		o.t.Error(err)
	}
	return len(asked)
}
