package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"imbot/integrations/botframework/authproxy"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail/mailsim"
	"imbot/manifest"
)

// outside is what the demo's imbot works with besides PagerDuty and the
// emulator of Teams: a simulated Jira, Confluence and mail server, and Graph
// where there is an emulator.
type outside struct {
	jira   *jirasim.Server
	secret string // of Jira's webhook
	wiki   *confluencesim.Server
	mail   *mailsim.Server
	graph  *graphsim.Server // nil: there is nothing to make chats in
}

const (
	demoProject = "PAY" // in Jira
	demoSpace   = "OPS" // in Confluence
	demoFrom    = "imbot@example.com"

	graphAudience = "https://graph.microsoft.com"
)

// newOutside starts them, for an imbot that listens at the address.
func newOutside(listen string) *outside {
	o := &outside{
		jira: jirasim.New(jirasim.Options{Live: true}), secret: rand.Text(),
		wiki: confluencesim.New(confluencesim.Options{}),
		mail: mailsim.New(mailsim.Options{TLS: mailsim.TLSNone}),
	}
	for _, p := range demoPeople {
		o.jira.AddUser(jirasim.User{FullName: p.name, Email: p.mail})
	}
	o.jira.AddProject(jirasim.Project{Key: demoProject, Name: "Payments"})
	o.jira.SetWebhook("http://"+listen+"/webhooks/jira", o.secret)
	o.wiki.AddSpace(demoSpace, "Operations")
	return o
}

// addGraph starts a Graph that makes one chat: the one that the emulator has,
// which can get no more of them while it runs. Other war rooms are refused, in
// words that then stand on the cards.
func (o *outside) addGraph(proxy *authproxy.Proxy) {
	o.graph = graphsim.New(graphsim.Options{
		TenantID: demoTenant, AppID: demoApp, ChatIDs: []string{demoGroup},
		ChatURL: func(string) string { return "" }, // the emulator has no addresses for its chats
		Verify:  func(authorization string) error { return proxy.CheckBearer(authorization, graphAudience) },
	})
	for _, p := range demoPeople {
		o.graph.AddUser(graphsim.User{ID: p.aad, Name: p.name, Mail: p.mail})
	}
	app := graphsim.App{ExternalID: manifest.ID(demoApp), Name: "imbot", Version: "1.0.0"}
	for _, p := range manifest.ConsentedPermissionSet(manifest.Rooms) {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Value, Delegated: strings.EqualFold(p.Type, "delegated")})
	}
	o.graph.PutApp(app)
	o.graph.Inject(graphsim.Fault{Method: http.MethodPost, Path: "/chats", Skip: 1, Status: http.StatusBadRequest, Message: oneChat})
}

// oneChat is why there is no second war room in the demo.
const oneChat = "the emulator of the demo has one group chat only"

// config is their part of the demo's imbot.yaml.
func (o *outside) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "jira: {url: %q, email: %q, api_token: %q, webhook_secret: %q, project: %s}\n", o.jira.URL(), o.jira.Email(), o.jira.Token(), o.secret, demoProject)
	fmt.Fprintf(&b, "confluence: {url: %q, email: %q, api_token: %q, space: %s}\n", o.wiki.URL(), o.wiki.Email(), o.wiki.Token(), demoSpace)
	fmt.Fprintf(&b, "mail: {from: %q, smtp: {host: %s, port: %d, tls: none}}\n", "Incidents <"+demoFrom+">", o.mail.Host(), o.mail.Port())
	fmt.Fprintln(&b, "correlation: {hold: 2s}     # a war room waits for a cause; half a minute by default")
	fmt.Fprintln(&b, "reminders: {update: {service-down: 2m}}   # of a status update; half an hour by default")
	return b.String()
}

func (o *outside) close() {
	o.jira.Close()
	o.wiki.Close()
	o.mail.Close()
	if o.graph != nil {
		o.graph.Close()
	}
}
