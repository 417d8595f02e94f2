package backtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/backtest"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
	"imbot/query"
	"imbot/store/boltstore"
	"imbot/topology"
	"imbot/webhook"
)

var (
	day   = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
	ani   = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
)

// tried is one set of rules, as a test writes it.
type tried struct {
	Name    string          `json:"name"`
	Catalog string          `json:"-"` // YAML
	Levels  incident.Levels `json:"levels"`
	Rules   []incident.Rule `json:"rules"`
	Grace   string          `json:"grace"`
	Hold    string          `json:"hold"`
	Hops    int             `json:"hops"`
	Edges   []topology.Edge `json:"-"`
}

// build makes rules of it.
func (s tried) build(t testing.TB) (backtest.Rules, *catalog.Catalog) {
	t.Helper()
	file, err := catalog.Parse([]byte(s.Catalog), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{
		Levels: s.Levels, Rules: s.Rules, DefaultChannel: "19:default@thread.tacv2", BroadcastChannel: "19:all@thread.tacv2", ReviewChannel: "19:review@thread.tacv2",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := incident.DefaultLinking()
	for text, to := range map[string]*time.Duration{s.Grace: &l.Grace, s.Hold: &l.Hold} {
		if text == "" {
			continue
		}
		if *to, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if s.Hops > 0 {
		l.Hops = s.Hops
	}
	var services []topology.Service
	for _, v := range cat.Services() {
		services = append(services, topology.Service{Key: v.Key, Name: v.Name, PagerDutyID: v.PagerDutyID, DependsOn: v.DependsOn})
	}
	var news []time.Time
	for _, e := range s.Edges {
		news = append(news, e.FirstSeen)
	}
	graphs := backtest.NewGraphs(func(at time.Time) incident.Topology { return topology.AsOf(s.Edges, services, at, l.EdgeMemory) }, news)
	return backtest.Rules{Name: s.Name, Catalog: cat, Linking: l, Topology: graphs.At}, cat
}

// live is an imbot that gets webhooks from a simulated PagerDuty, fetches the
// details of alerts there, and runs what is due. Its clock is moved by the test.
type live struct {
	t      testing.TB
	now    time.Time
	store  *boltstore.Store
	svc    *incident.Service
	sim    *pagerdutysim.Server
	hook   *webhook.PagerDuty
	secret string
	runner *outbox.Runner
}

func newLive(t testing.TB, s tried, begin time.Time, seed uint64) *live {
	t.Helper()
	l := &live{t: t, now: begin}
	clock := func() time.Time { return l.now }
	rules, cat := s.build(t)
	var err error
	if l.store, err = boltstore.Open(filepath.Join(t.TempDir(), "live.db"), boltstore.Options{Now: clock, NoSync: true, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if err := l.store.SaveEdges(t.Context(), s.Edges); err != nil {
		t.Fatal(err)
	}
	l.svc = &incident.Service{
		Store: l.store, Catalog: func() incident.Catalog { return cat }, Now: clock, Details: true,
		Linking: rules.Linking, Topology: func() incident.Topology { return rules.Topology(l.now) },
	}
	l.sim = pagerdutysim.New(pagerdutysim.Options{Now: clock, Seed: seed})
	l.hook = &webhook.PagerDuty{Service: l.svc, Now: clock, Logger: quiet}
	srv := httptest.NewServer(l.hook)
	_, l.secret = l.sim.Subscribe(srv.URL)
	l.hook.Secrets = []string{l.secret}
	client, err := pagerduty.New(pagerduty.Config{Token: l.sim.Token(), BaseURL: l.sim.URL(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	reader := &query.Reader{Store: l.store, Catalog: func() incident.Catalog { return cat }}
	done := func(context.Context, outbox.Job) error { return nil } // cards do not come back
	l.runner = &outbox.Runner{Store: l.store, Now: clock, Logger: quiet, Workers: 1, Handlers: map[string]outbox.Handler{
		incident.KindRelink: effects.Again(l.svc, incident.Relink), incident.KindUnpause: effects.Again(l.svc, incident.Unpause),
		incident.KindDetails: (&effects.Pager{API: client, Service: l.svc, View: reader, Now: clock}).Details,
		incident.KindCard:    done, incident.KindReply: done,
	}}
	t.Cleanup(func() {
		srv.Close()
		l.sim.Close()
		if err := l.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// until lets time pass: what is due is run, what is on its way is delivered.
func (l *live) until(at time.Time) {
	l.t.Helper()
	for range 100_000 {
		l.sim.Deliver(l.t.Context())
		_, next, err := l.runner.RunDue(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		if due, ok := l.sim.NextDue(); ok && (next.IsZero() || due.Before(next)) {
			next = due
		}
		if next.IsZero() || next.After(at) {
			if at.After(l.now) && !at.Equal(forever) {
				l.now = at
			}
			return
		}
		if next.After(l.now) {
			l.now = next
		}
	}
	l.t.Fatal("it never comes to rest")
}

// forever is after all that can become due.
var forever = day.AddDate(10, 0, 0)

// bare delivers a body that PagerDuty has signed, and that need make no sense.
func (l *live) bare(id, body string) {
	r := httptest.NewRequest("POST", "/webhooks/pagerduty", strings.NewReader(body))
	r.Header.Set(pagerduty.SignatureHeader, pagerduty.Sign([]byte(body), l.secret))
	r.Header.Set(pagerduty.WebhookIDHeader, id)
	w := httptest.NewRecorder()
	l.hook.ServeHTTP(w, r)
	if w.Code != 202 {
		l.t.Fatalf("a signed body: status %d", w.Code)
	}
}

// id finds an incident by the pager's id.
func (l *live) id(pd string) incident.ID {
	l.t.Helper()
	var id incident.ID
	err := l.store.View(l.t.Context(), func(tx incident.Tx) error {
		v, err := tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: pd}.Key(), true)
		if err == nil {
			id, err = incident.ParseID(v)
		}
		return err
	})
	if err != nil {
		l.t.Fatalf("find the incident of %s: %v", pd, err)
	}
	return id
}

// replay replays the log under rules.
func replay(t testing.TB, log backtest.Log, since time.Duration, rules backtest.Rules) *backtest.Outcome {
	t.Helper()
	r := backtest.Replay{Log: log, Since: since, Read: webhook.CommandOf, Scratch: scratch(t.TempDir())}
	out, err := r.Run(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func scratch(dir string) func(now func() time.Time) (backtest.Scratch, error) {
	return func(now func() time.Time) (backtest.Scratch, error) {
		return boltstore.Open(filepath.Join(dir, "scratch.db"), boltstore.Options{Now: now, NoSync: true, Logger: quiet})
	}
}

// text is a report for people.
func text(t testing.TB, r *backtest.Report, o backtest.Options) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func row(t testing.TB, out *backtest.Outcome, ref string) backtest.Row {
	t.Helper()
	i := slices.IndexFunc(out.Rows, func(r backtest.Row) bool { return r.Ref == ref })
	if i < 0 {
		t.Fatalf("no row for %s", ref)
	}
	return out.Rows[i]
}

// tell carries out one line of a story: TIME WHO VERB [WORD=VALUE…] [: TITLE].
// The time is that of arrival; "at" is when it happened, if that was before.
func (l *live) tell(line string) {
	l.t.Helper()
	head, title, _ := strings.Cut(line, " : ")
	f := strings.Fields(head)
	if len(f) < 3 {
		l.t.Fatalf("a line of a story that is too short: %q", line)
	}
	opt := map[string]string{}
	for _, o := range f[3:] {
		k, v, _ := strings.Cut(o, "=")
		opt[k] = v
	}
	now := clockTime(l.t, f[0])
	l.until(now)
	at := now
	if opt["at"] != "" {
		at = clockTime(l.t, opt["at"])
	}
	var err error
	pd, ctx := f[1], l.t.Context()
	switch f[2] {
	case "trigger":
		if opt["twice"] != "" {
			l.sim.SetMischief(pagerdutysim.Mischief{Duplicate: 1})
		}
		spec := pagerdutysim.Spec{ID: pd, Title: title, Service: opt["service"], Key: opt["key"], Priority: opt["priority"], At: at}
		if d := opt["details"]; d != "" {
			spec.Alert.Details = json.RawMessage(d)
		}
		l.sim.Trigger(spec)
		l.sim.SetMischief(pagerdutysim.Mischief{})
	case "ack":
		err = l.sim.Acknowledge(pd, "", at)
	case "resolve":
		err = l.sim.Resolve(pd, "", at)
	case "reopen":
		err = l.sim.Reopen(pd, "", at)
	case "merge":
		err = l.sim.Merge(pd, opt["into"], "", at)
	case "garbage":
		l.bare(pd, title)
	case "mute":
		_, err = l.svc.Mute(ctx, ani, incident.RoleAdmin, pd, time.Hour, title)
	default:
		err = l.correct(l.id(pd), f[2], opt, title)
	}
	if err != nil {
		l.t.Fatalf("%s: %v", line, err)
	}
	l.until(now)
}

// correct is what a person says in chat.
func (l *live) correct(id incident.ID, verb string, opt map[string]string, reason string) error {
	cmd := incident.Command{Verb: incident.Verb(verb), Incident: id, Actor: ani, Role: incident.RoleAdmin, Source: incident.SourceTeams, Args: incident.Args{Reason: reason}}
	switch cmd.Verb {
	case incident.Unlink, incident.Undo, incident.Resolve:
	case incident.SetLevel:
		cmd.Args.Level = opt["to"]
	case incident.SetLink:
		cmd.Args.LinkKind, cmd.Args.Parent = opt["kind"], l.id(opt["to"])
	default:
		return fmt.Errorf("there is no verb %q in stories", verb)
	}
	_, err := l.svc.Do(l.t.Context(), cmd)
	return err
}

func clockTime(t testing.TB, s string) time.Time {
	t.Helper()
	days := 0
	if d, rest, ok := strings.Cut(s, "/"); ok {
		if _, err := fmt.Sscan(d, &days); err != nil {
			t.Fatal(err)
		}
		s = rest
	}
	layout := "15:04"
	if strings.Count(s, ":") == 2 {
		layout = "15:04:05"
	}
	c, err := time.Parse(layout, s)
	if err != nil {
		t.Fatal(err)
	}
	return day.AddDate(0, 0, days).Add(time.Duration(c.Hour())*time.Hour + time.Duration(c.Minute())*time.Minute + time.Duration(c.Second())*time.Second)
}
