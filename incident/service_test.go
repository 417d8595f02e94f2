package incident_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/catalog"
	"imbot/incident"
	"imbot/store/boltstore"
)

const catalogYAML = `
squads:
  - {key: payments, name: Payments, channel: "19:payments@thread.tacv2", lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: budi@example.com, tier: 1, pagerduty_service_id: PABC123}
people:
  - {mail: ani@example.com, name: Ani, pagerduty_id: PU1}
`

var (
	t0    = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	ctx   = context.Background()
	ani   = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	dewi  = incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}
	pager = incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: "PagerDuty"}
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

// house is a service over a real store.
type house struct {
	*incident.Service
	t     *testing.T
	store *boltstore.Store
	wakes int // guarded by mu
	mu    sync.Mutex
}

func newHouse(t *testing.T, o boltstore.Options) *house {
	t.Helper()
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return at(60) }
	o.Now, o.NoSync, o.Logger = now, true, slog.New(slog.DiscardHandler)
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	h := &house{t: t, store: store}
	h.Service = &incident.Service{Store: store, Catalog: func() incident.Catalog { return cat }, Now: now, Wake: func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.wakes++
	}}
	return h
}

func (h *house) do(cmd incident.Command) *incident.Incident {
	h.t.Helper()
	inc, err := h.Do(ctx, cmd)
	if err != nil {
		h.t.Fatalf("Do(%s): %v", cmd.Verb, err)
	}
	return inc
}

func (h *house) view(fn func(tx incident.Tx) error) {
	h.t.Helper()
	if err := h.store.View(ctx, fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) get(id incident.ID) (inc *incident.Incident) {
	h.t.Helper()
	h.view(func(tx incident.Tx) (err error) {
		inc, err = tx.Incident(id)
		return err
	})
	return inc
}

// all lists the ids of all incidents, oldest first.
func (h *house) all() (out []incident.ID) {
	h.t.Helper()
	h.view(func(tx incident.Tx) error {
		return tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			out = append(out, r.ID)
			return true
		})
	})
	slices.Sort(out)
	return out
}

func (h *house) timeline(id incident.ID) string {
	h.t.Helper()
	var out []string
	h.view(func(tx incident.Tx) error {
		events, err := tx.Timeline(id, 0, 0)
		for i, e := range events {
			if e.N != i+1 {
				h.t.Errorf("event %d of %s has the number %d", i+1, id, e.N)
			}
			out = append(out, string(e.Kind))
		}
		return err
	})
	return strings.Join(out, " ")
}

func (h *house) effects(id incident.ID) (out []incident.EffectState) {
	h.t.Helper()
	h.view(func(tx incident.Tx) (err error) {
		out, err = tx.Effects(id)
		return err
	})
	return out
}

func (h *house) bodies() (out []string) {
	h.t.Helper()
	h.view(func(tx incident.Tx) error {
		return tx.Raw(time.Time{}, func(in incident.Inbound) bool {
			out = append(out, string(in.Body))
			return true
		})
	})
	return out
}

// told is a command of the pager about its incident pd; its key is made of all
// that makes the event.
func told(verb incident.Verb, pd string, when time.Time, title string) incident.Command {
	body := fmt.Sprintf("%s %s %s %s", verb, pd, when.Format(time.RFC3339Nano), title)
	return incident.Command{
		Verb: verb, Actor: pager, Source: incident.SourcePagerDuty, At: when, Keys: []string{body},
		Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: pd},
		Args: incident.Args{Alert: &incident.Alert{Title: title, Service: "Checkout", ServiceID: "PABC123", CreatedAt: t0}},
		Raw:  &incident.Inbound{Source: incident.SourcePagerDuty, ID: body, At: at(60), Body: []byte(body)},
	}
}

func merged(cmd incident.Command, into string) incident.Command {
	cmd.Args.Merge = &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: into}
	return cmd
}

// about is an event that says nothing about the incident itself.
func about(cmd incident.Command, text string) incident.Command {
	cmd.Args = incident.Args{Text: text}
	if cmd.Verb == incident.Log {
		cmd.Args.Kind = incident.EvPager
	}
	return cmd
}

func TestDoOnce(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	cmd := told(incident.Trigger, "Q1", t0, "checkout is down")
	first := h.do(cmd)
	if first.ID != 1 || h.wakes != 1 {
		t.Errorf("id %s, %d wakes", first.ID, h.wakes)
	}
	second := h.do(cmd)
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("the second time (-first +second):\n%s", d)
	}
	// Another delivery of the same event shares one of the keys only.
	again := cmd
	again.Keys = []string{"another delivery", cmd.Keys[0]}
	h.do(again)
	if got := h.timeline(1); got != "triggered" || len(h.bodies()) != 1 || h.wakes != 1 || len(h.all()) != 1 {
		t.Errorf("timeline %q, %d bodies, %d wakes, incidents %v", got, len(h.bodies()), h.wakes, h.all())
	}
	h.view(func(tx incident.Tx) error {
		v, err := tx.Key(incident.InboundKey(cmd.Keys[0]), false)
		if v != "INC-1" {
			t.Errorf("the key is known as %q", v)
		}
		return err
	})
}

// TestDoConcurrently sends one event many times at the same time, and many
// events of one incident: there is one incident, and each event counts once.
func TestDoConcurrently(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	var cmds []incident.Command
	for range 16 {
		cmds = append(cmds, told(incident.Trigger, "Q1", t0, "checkout is down"), told(incident.Ack, "Q1", at(1), "checkout is down"),
			told(incident.Resolve, "Q1", at(2), "checkout is down"), told(incident.Trigger, "Q2", at(1), "checkout is slow"))
	}
	var wg sync.WaitGroup
	for _, cmd := range cmds {
		wg.Go(func() {
			if _, err := h.Do(ctx, cmd); err != nil {
				t.Errorf("Do(%s): %v", cmd.Verb, err)
			}
		})
	}
	wg.Wait()
	if got := h.all(); len(got) != 2 {
		t.Fatalf("incidents %v, want two", got)
	}
	if n := len(h.bodies()); n != 4 {
		t.Errorf("%d bodies, want 4", n)
	}
	for _, id := range h.all() {
		inc := h.get(id)
		if ref, _ := inc.AlertRef(); ref.ID == "Q1" && (inc.Status != incident.Resolved || !inc.AcknowledgedAt.Equal(at(1)) || inc.Duration(at(60)) != 2*time.Minute) {
			t.Errorf("%s = %s, %+v", id, inc.Status, inc.Life)
		}
		if strings.Count(h.timeline(id), "triggered") != 1 {
			t.Errorf("timeline of %s: %q", id, h.timeline(id))
		}
	}
}

func TestDoRefused(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	before := h.get(1)
	tests := []struct {
		name string
		cmd  incident.Command
		kind error
	}{
		{"nobody", incident.Command{Verb: incident.Ack, Incident: 1}, incident.ErrInvalid},
		{"no such incident", incident.Command{Verb: incident.Ack, Incident: 9, Actor: dewi, Role: incident.RoleResponder}, incident.ErrNotFound},
		{"no incident named", incident.Command{Verb: incident.Ack, Actor: dewi, Role: incident.RoleResponder}, incident.ErrNotFound},
		{"not allowed", incident.Command{Verb: incident.Close, Incident: 1, Actor: dewi, Role: incident.RoleResponder}, incident.ErrForbidden},
		{"not in this state", incident.Command{Verb: incident.Close, Incident: 1, Actor: ani, Role: incident.RoleResponder}, incident.ErrConflict},
		{"unknown ref without a body", incident.Command{Verb: incident.AddNote, Ref: &incident.Ref{System: "x", ID: "y"}, Actor: pager}, incident.ErrNotFound},
		{"a declaration without a title", incident.Command{Verb: incident.Declare, Actor: dewi, Role: incident.RoleResponder}, incident.ErrInvalid},
	}
	for _, tt := range tests {
		tt.cmd.Keys = []string{"key of " + tt.name}
		tt.cmd.Then = []incident.Effect{{Key: "answer/" + tt.name, Kind: incident.KindAnswer, Mode: incident.Once, Lane: "answer"}}
		if tt.name != "unknown ref without a body" {
			tt.cmd.Raw = &incident.Inbound{Source: "test", At: t0, Body: []byte("x")}
		}
		if _, err := h.Do(ctx, tt.cmd); !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.kind)
		}
		h.view(func(tx incident.Tx) error {
			v, err := tx.Key(incident.InboundKey(tt.cmd.Keys[0]), false)
			if v != "" {
				t.Errorf("%s: the key is remembered as %q", tt.name, v)
			}
			return err
		})
	}
	if d := cmp.Diff(before, h.get(1)); d != "" || h.timeline(1) != "triggered" || len(h.all()) != 1 || len(h.bodies()) != 1 || h.wakes != 1 {
		t.Errorf("refused commands left something: %d incidents, %d bodies, %d wakes, timeline %q\n%s", len(h.all()), len(h.bodies()), h.wakes, h.timeline(1), d)
	}
	// The number that a refused declaration has taken is given back.
	if inc := h.do(incident.Command{Verb: incident.Declare, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Title: "x"}}); inc.ID != 2 {
		t.Errorf("the next incident is %s, want INC-2", inc.ID)
	}
}

func TestDoThen(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	answer := incident.Effect{Key: "INC-1/answer/1", Kind: incident.KindAnswer, Mode: incident.Once, Lane: "answer", Incident: 1, Data: []byte(`{"a":1}`)}
	h.do(incident.Command{Verb: incident.Declare, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Title: "checkout is slow", Service: "checkout"}, Then: []incident.Effect{answer}})
	var kinds []string
	for _, e := range h.effects(1) {
		kinds = append(kinds, e.Kind+" "+e.State)
	}
	slices.Sort(kinds)
	if d := cmp.Diff([]string{"answer waiting", "card waiting", "confluence.page waiting", "jira.postmortem waiting", "mail waiting", "mail waiting"}, kinds); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
	// A command that changes nothing still gets its answer.
	again := answer
	again.Key = "INC-1/answer/2"
	h.do(incident.Command{Verb: incident.Unack, Incident: 1, Actor: dewi, Role: incident.RoleResponder, Then: []incident.Effect{again}})
	if got := h.timeline(1); got != "declared" || len(h.effects(1)) != 7 || h.wakes != 2 {
		t.Errorf("timeline %q, %d effects, %d wakes", got, len(h.effects(1)), h.wakes)
	}
	third := answer
	third.Key = "INC-1/answer/3"
	if err := h.Enqueue(ctx, third, answer); err != nil {
		t.Fatal(err)
	}
	if len(h.effects(1)) != 8 || h.wakes != 3 {
		t.Errorf("%d effects, %d wakes", len(h.effects(1)), h.wakes)
	}
}

func TestPrivateIsNotFound(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	inc := h.do(incident.Command{Verb: incident.Declare, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Title: "secret", Private: true}})
	for _, role := range []incident.Role{incident.RoleResponder, incident.RoleAdmin} {
		_, err := h.Do(ctx, incident.Command{Verb: incident.AddNote, Incident: inc.ID, Actor: ani, Role: role, Args: incident.Args{Text: "x"}})
		_, missing := h.Do(ctx, incident.Command{Verb: incident.AddNote, Incident: 99, Actor: ani, Role: role, Args: incident.Args{Text: "x"}})
		if !errors.Is(err, incident.ErrNotFound) || strings.ReplaceAll(err.Error(), inc.ID.String(), "INC-99") != missing.Error() {
			t.Errorf("role %s: %v, want the same as for one that is not there: %v", role, err, missing)
		}
	}
	h.do(incident.Command{Verb: incident.AddNote, Incident: inc.ID, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Text: "x"}})
}

// TestPersonIsJoined: whoever acts is known by the one identity of the catalog.
func TestPersonIsJoined(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(told(incident.Trigger, "Q1", t0, "checkout is down"))
	cmd := told(incident.Ack, "Q1", at(1), "checkout is down")
	cmd.Actor = incident.Actor{Kind: incident.KindUser, ID: "pd:PU1", Name: "Ani P."}
	if inc := h.do(cmd); inc.AcknowledgedBy.ID != ani.ID {
		t.Errorf("acknowledged by %v, want %v", inc.AcknowledgedBy, ani)
	}
}

func TestKeep(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	body := incident.Inbound{Source: "pagerduty", ID: "d1", At: at(1), Body: []byte("garbage")}
	for range 3 {
		if err := h.Keep(ctx, body, []string{"k1", "k2"}); err != nil {
			t.Fatal(err)
		}
	}
	body.Body = []byte("other garbage")
	if err := h.Keep(ctx, body, []string{"k3", "k2"}); err != nil {
		t.Fatal(err)
	}
	if got := h.bodies(); len(got) != 1 || got[0] != "garbage" {
		t.Errorf("bodies %q", got)
	}
	// A command with such a key has met no incident.
	inc := h.do(incident.Command{Verb: incident.Ack, Actor: pager, Keys: []string{"k1"}, Incident: 5})
	if inc == nil || inc.ID != 0 {
		t.Errorf("incident = %+v, want a bare one", inc)
	}
	if err := h.Keep(ctx, body, nil); err != nil || len(h.bodies()) != 2 {
		t.Errorf("without keys: %v, bodies %q", err, h.bodies())
	}
}

// TestBusy hands on what the store says when it has too much to do.
func TestBusy(t *testing.T) {
	h := newHouse(t, boltstore.Options{MaxQueue: 1})
	inside, release, blocked := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		blocked <- h.store.Update(ctx, func(incident.Tx) error {
			close(inside)
			<-release
			return nil
		})
	}()
	<-inside
	// The writer is held up: one command waits in the queue, for more there is no room.
	results := make(chan error)
	for range 8 {
		go func() {
			_, err := h.Do(ctx, told(incident.Trigger, "Q1", t0, "checkout is down"))
			results <- err
		}()
	}
	for range 7 {
		if err := <-results; !errors.Is(err, incident.ErrBusy) {
			t.Errorf("Do = %v, want ErrBusy", err)
		}
	}
	close(release)
	if err := errors.Join(<-blocked, <-results); err != nil {
		t.Error(err)
	}
	if got := h.all(); len(got) != 1 {
		t.Errorf("incidents %v, want the one that waited", got)
	}
}
