package effects_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
	"imbot/outbox"
	"imbot/query"
	"imbot/store/boltstore"
)

const ticketCatalog = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com, members: [budi@example.com, citra@example.com], jira_project: PAY}
  - {key: search, name: Search, lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com}
  - {key: finder, name: Finder, squad: search, owner: ani@example.com}
people:
  - {mail: citra@example.com, name: Citra, jira_account: "712020:citra"}
`

// desk is imbot's side of Jira over a real store and a simulated Jira. Time
// stands still until the test moves it.
type desk struct {
	t      testing.TB
	sim    *jirasim.Server
	store  *boltstore.Store
	svc    *incident.Service
	view   *query.Reader
	config effects.TicketConfig
	cat    *catalog.Catalog
	api    *jira.Client
	runner *outbox.Runner
	before func(r *http.Request) lateness // called before each request; may be nil

	ani, budi, citra, other string // accounts

	mu   sync.Mutex
	now  time.Time
	dead []string
}

func (d *desk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// RoundTrip makes the desk a transport that tells of requests, and lets them run
// into their timeout, without waiting, where before says so.
func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	late := inTime
	if d.before != nil {
		late = d.before(r)
	}
	if late == neverArrives {
		return nil, context.DeadlineExceeded
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && late == answerLate {
		resp.Body.Close()
		return nil, context.DeadlineExceeded
	}
	return resp, err
}

// lateness is how a request meets its timeout.
type lateness int

const (
	inTime lateness = iota
	neverArrives
	answerLate // it is carried out
)

func newDesk(t testing.TB, o jirasim.Options) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	o.Now, o.Seed = d.Now, 7
	d.sim = jirasim.New(o)
	t.Cleanup(d.sim.Close)
	d.ani = d.sim.AddUser(jirasim.User{AccountID: "712020:ani", Name: "ani", FullName: "Ani", Email: "ani@example.com"})
	d.budi = d.sim.AddUser(jirasim.User{AccountID: "712020:budi", Name: "budi", FullName: "Budi", Email: "budi@example.com", HideEmail: true})
	d.citra = d.sim.AddUser(jirasim.User{AccountID: "712020:citra", Name: "citra", FullName: "Citra", Email: "c@elsewhere.example", HideEmail: true})
	d.other = d.sim.AddUser(jirasim.User{AccountID: "712020:other", Name: "other", FullName: "Somebody Else", Email: "else@example.org", HideEmail: true})
	for _, p := range []string{"OPS", "PAY", "SEC"} {
		d.sim.AddProject(jirasim.Project{Key: p})
	}
	file, err := catalog.Parse([]byte(ticketCatalog), "catalog.yaml")
	must(t, err)
	d.cat, err = catalog.New(file, catalog.Settings{DefaultChannel: "19:default@thread.tacv2"}, nil)
	must(t, err)
	d.store, err = boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: d.Now, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, d.store.Close()) })
	present := func() incident.Catalog { return d.cat }
	d.svc = &incident.Service{Store: d.store, Now: d.Now, Catalog: present}
	d.view = &query.Reader{Store: d.store, Catalog: present, PublicURL: "https://imbot.example.com"}
	d.config = effects.TicketConfig{
		Label: "imbot", Project: "OPS", Type: "Task", PostmortemType: "Task", Labels: []string{"incident"},
		Priorities: map[string]string{incident.ServiceDown: "Highest"}, PostmortemDue: 5 * 24 * time.Hour, Location: time.UTC,
	}
	conf := jira.Config{URL: d.sim.URL(), Email: d.sim.Email(), APIToken: d.sim.Token(), Now: d.Now, Timeout: 20 * time.Second, HTTP: &http.Client{Transport: d}}
	if o.DataCenter {
		conf.Email, conf.APIToken, conf.PersonalToken = "", "", d.sim.Token()
	}
	d.api, err = jira.New(conf)
	must(t, err)
	d.wire(d.api, d.svc)
	return d
}

// wire makes a new process on the same store: nothing in memory is left.
func (d *desk) wire(api effects.TicketAPI, svc effects.Doer) {
	t := &effects.Tickets{
		API: api, Service: svc, View: d.view, Config: d.config, Now: d.Now,
		Project: func(squad string) string { return d.cat.JiraProject(squad) },
		Account: func(mail string) string {
			p, _ := d.cat.PersonByMail(mail)
			return p.JiraAccount
		},
	}
	off := effects.Off("of no interest here")
	d.runner = &outbox.Runner{
		Store: d.store, Now: d.Now, Logger: slog.New(slog.DiscardHandler), Rand: func() float64 { return 0 }, Workers: 1,
		Handlers: map[string]outbox.Handler{
			incident.KindTicket: t.Postmortem, incident.KindTask: t.Task, incident.KindTaskSync: t.Sync,
			incident.KindCard: off, incident.KindReply: off, incident.KindMail: off, incident.KindDirect: off, incident.KindRoom: off, incident.KindNudge: off,
			incident.KindPage: off, incident.KindPublish: off, incident.KindHook: off, incident.KindRoomSay: off, incident.KindRoomSync: off, incident.KindUnpause: off, incident.KindRelink: off,
		},
		OnDead: func(_ context.Context, job outbox.Job, _ error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.dead = append(d.dead, job.Key)
		},
	}
}

// settle runs what is due within the time.
func (d *desk) settle(within time.Duration) {
	d.t.Helper()
	untilRest(d.t, d.runner, d.Now, d.advance, within)
}

func (d *desk) do(verb incident.Verb, id incident.ID, args incident.Args) *incident.Incident {
	d.t.Helper()
	d.advance(time.Second)
	inc, err := d.svc.Do(d.t.Context(), incident.Command{Verb: verb, Incident: id, Actor: person, Role: incident.RoleAdmin, Args: args})
	must(d.t, err)
	return inc
}

func (d *desk) act(id incident.ID, a incident.ActionArgs) *incident.Incident {
	d.t.Helper()
	return d.do(incident.DoAction, id, incident.Args{Action: &a})
}

func (d *desk) declare(level string) incident.ID {
	d.t.Helper()
	return d.do(incident.Declare, 0, incident.Args{Title: "Checkout answers with *errors*", Service: "checkout", Level: level}).ID
}

func (d *desk) get(id incident.ID) *query.View {
	d.t.Helper()
	v, err := d.view.Get(d.t.Context(), query.Self, id, true)
	must(d.t, err)
	return v
}

// issue returns the one issue with a ticket's marker.
func (d *desk) issue(id incident.ID, n int) jirasim.Issue {
	d.t.Helper()
	marker := incident.TicketMarker("imbot", id, n)
	var found []jirasim.Issue
	for _, i := range d.sim.Issues() {
		if slices.Contains(i.Labels, marker) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		d.t.Fatalf("%d issues with the marker %s, want 1", len(found), marker)
	}
	return found[0]
}

// writes counts the requests so far that change something in Jira.
func (d *desk) writes() int {
	n := 0
	for _, r := range d.sim.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// said are the texts of the timeline's entries about tickets: kind, data, text.
func (d *desk) said(id incident.ID, kind incident.EventKind) (out []incident.Event) {
	d.t.Helper()
	for _, e := range d.get(id).Timeline {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// writeRCA completes the RCA.
func (d *desk) writeRCA(id incident.ID) {
	d.t.Helper()
	d.do(incident.WriteRCA, id, incident.Args{Complete: true, RCA: map[string]string{
		"summary": "s", "impact": "i", "root_cause": "r", "category": "code", "resolution_steps": "r",
	}})
}

func (d *desk) state(id incident.ID, key string) incident.EffectState {
	d.t.Helper()
	var out incident.EffectState
	must(d.t, d.store.View(d.t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(id)
		for _, e := range all {
			if e.Key == id.String()+"/"+key {
				out = e
			}
		}
		return err
	}))
	return out
}
