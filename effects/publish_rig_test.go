package effects_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
	"imbot/outbox"
	"imbot/query"
	"imbot/store/boltstore"
)

// wikiRig runs the effects of a real store against a simulated Confluence. Time
// stands still until the test moves it.
type wikiRig struct {
	t      *testing.T
	wiki   *confluencesim.Server
	store  *boltstore.Store
	svc    *incident.Service
	reader *query.Reader
	pages  *effects.Publisher
	runner *outbox.Runner

	mu    sync.Mutex
	now   time.Time
	lost  bool // the store refuses changes
	dead  []string
	calls []time.Time // when the effect ran
}

const wikiCatalog = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com, members: [budi@example.com], channel: "19:payments@thread.tacv2", language: id}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com}
  - {key: finder, name: Finder}
`

func (r *wikiRig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *wikiRig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// Update makes the rig a store that can be lost.
func (r *wikiRig) Update(ctx context.Context, fn func(incident.Tx) error) error {
	r.mu.Lock()
	lost := r.lost
	r.mu.Unlock()
	if lost {
		return incident.ErrBusy
	}
	return r.store.Update(ctx, fn)
}

func (r *wikiRig) View(ctx context.Context, fn func(incident.Tx) error) error {
	return r.store.View(ctx, fn)
}

func newWikiRig(t *testing.T) *wikiRig {
	t.Helper()
	r := &wikiRig{t: t, now: time.Date(2026, 12, 31, 8, 30, 0, 0, time.UTC)}
	r.wiki = confluencesim.New(confluencesim.Options{Now: r.clock})
	t.Cleanup(r.wiki.Close)
	r.wiki.AddSpace("OPS", "Operations")
	var err error
	r.store, err = boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: r.clock, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	file, err := catalog.Parse([]byte(wikiCatalog), "catalog.yaml")
	must(t, err)
	levels := append(incident.DefaultLevels(), incident.Level{Key: "security", Title: "Security", Rank: 2, Postmortem: true, Private: true})
	cat, err := catalog.New(file, catalog.Settings{Levels: levels, Notices: incident.DefaultNotices(levels)}, nil)
	must(t, err)
	present := func() incident.Catalog { return cat }
	r.svc = &incident.Service{Store: r, Now: r.clock, Catalog: present}
	r.reader = &query.Reader{Store: r.store, Catalog: present, PublicURL: "https://imbot.example.com", Pages: true}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	api, err := confluence.New(confluence.Config{
		URL: r.wiki.URL(), Email: r.wiki.Email(), APIToken: r.wiki.Token(), Space: "OPS", Now: r.clock, HTTP: &http.Client{Transport: tr, Timeout: patience},
	})
	must(t, err)
	r.pages = &effects.Publisher{API: api, Service: r.svc, View: r.reader, Language: cat.Language}
	r.runner = r.newRunner()
	return r
}

// newRunner is a process that takes over.
func (r *wikiRig) newRunner() *outbox.Runner {
	others := effects.Off("not looked at here")
	handlers := map[string]outbox.Handler{incident.KindPublish: func(ctx context.Context, job outbox.Job) error {
		r.mu.Lock()
		r.calls = append(r.calls, r.now)
		r.mu.Unlock()
		return r.pages.Publish(ctx, job)
	}}
	for _, k := range []string{incident.KindCard, incident.KindReply, incident.KindRoom, incident.KindRoomSync, incident.KindRoomSay, incident.KindPage, incident.KindWake, incident.KindMail, incident.KindDirect, incident.KindNudge, incident.KindTicket, incident.KindTask, incident.KindTaskSync, incident.KindPDAck, incident.KindPDNote} {
		handlers[k] = others
	}
	return &outbox.Runner{
		Store: r.store, Now: r.clock, Logger: slog.New(slog.DiscardHandler), Rand: func() float64 { return 0 }, Handlers: handlers,
		OnDead: func(_ context.Context, job outbox.Job, err error) {
			r.mu.Lock()
			r.dead = append(r.dead, job.Key)
			r.mu.Unlock()
			r.do(incident.Command{Verb: incident.Fail, Incident: job.Incident, Actor: incident.System, Args: incident.Args{Text: err.Error(), Data: map[string]string{"effect": job.Kind}}})
		},
	}
}

func (r *wikiRig) do(cmd incident.Command) *incident.Incident {
	r.t.Helper()
	if cmd.Actor.IsZero() {
		cmd.Actor, cmd.Role = person, incident.RoleAdmin
	}
	inc, err := r.svc.Do(context.WithoutCancel(r.t.Context()), cmd)
	must(r.t, err)
	return inc
}

func (r *wikiRig) declare(args incident.Args) incident.ID {
	r.t.Helper()
	if args.Service == "" {
		args.Service = "checkout"
	}
	if args.Level == "" {
		args.Level = incident.HighErrorRate
	}
	return r.do(incident.Command{Verb: incident.Declare, Args: args}).ID
}

// settle runs what is due within the time.
func (r *wikiRig) settle(within time.Duration) {
	r.t.Helper()
	end := r.clock().Add(within)
	untilRest(r.t, r.runner, r.clock, r.pass, within)
	r.pass(end.Sub(r.clock()))
}

// effect is what became of the incident's page.
func (r *wikiRig) effect(id incident.ID) incident.EffectState {
	r.t.Helper()
	var out incident.EffectState
	must(r.t, r.store.View(r.t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(id)
		for _, e := range all {
			if e.Kind == incident.KindPublish {
				out = e
			}
		}
		return err
	}))
	return out
}

func (r *wikiRig) view(id incident.ID) *query.View {
	r.t.Helper()
	v, err := r.reader.Get(r.t.Context(), query.Self, id, true)
	must(r.t, err)
	return v
}

// one wants a single page that imbot made, which the incident knows of.
func (r *wikiRig) one(id incident.ID) confluencesim.Page {
	r.t.Helper()
	var ours []confluencesim.Page
	for _, p := range r.wiki.Pages() {
		if p.Author == confluencesim.Bot {
			ours = append(ours, p)
		}
	}
	if len(ours) != 1 {
		r.t.Fatalf("%d pages, want 1", len(ours))
	}
	ref, ok := r.view(id).Incident.PublicPage()
	if want := r.wiki.URL() + "/wiki/spaces/OPS/pages/" + ours[0].ID; !ok || ref.ID != ours[0].ID || ref.URL != want {
		r.t.Fatalf("the incident knows of the page %+v, want %s", ref, want)
	}
	return ours[0]
}

// published counts the entries on the timeline about a page.
func (r *wikiRig) published(id incident.ID) int {
	n := 0
	for _, e := range r.view(id).Timeline {
		if e.Kind == incident.EvPublished {
			n++
		}
	}
	return n
}

// writes counts the requests that change something, of this method or of any.
func (r *wikiRig) writes(method string) int {
	n := 0
	for _, q := range r.wiki.Requests() {
		if q.Method == method || method == "" && q.Method != http.MethodGet {
			n++
		}
	}
	return n
}

func wantBody(t *testing.T, p confluencesim.Page, parts ...string) {
	t.Helper()
	for _, s := range parts {
		if !strings.Contains(p.Body, s) {
			t.Errorf("no %q on the page %s", s, p.Body)
		}
	}
}
