package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/store/boltstore"
	"imbot/webhook"
)

const (
	secret      = "the-secret-of-the-subscription"
	catalogYAML = `
squads:
  - {key: payments, name: Payments, channel: "19:payments@thread.tacv2", lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, pagerduty_service_id: PABC123}
people:
  - {mail: ani@example.com, name: Ani, pagerduty_id: PU1}
`
)

var (
	t0  = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	ctx = context.Background()
	ani = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

// clock is a clock that moves only when told.
type clock struct{ ns atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) set(at time.Time)        { c.ns.Store(at.UnixNano()) }
func (c *clock) Now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// house is the webhook's handler over a real service and a real store.
type house struct {
	t       testing.TB
	clock   *clock
	store   *boltstore.Store
	svc     *incident.Service
	handler *webhook.PagerDuty
	seen    atomic.Int64
	log     bytes.Buffer
}

func newHouse(t testing.TB, o boltstore.Options) *house {
	t.Helper()
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{DefaultChannel: "19:default@thread.tacv2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, clock: newClock(at(60))}
	o.Now, o.NoSync, o.Logger = h.clock.Now, true, slog.New(slog.DiscardHandler)
	if h.store, err = boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	h.svc = &incident.Service{Store: h.store, Catalog: func() incident.Catalog { return cat }, Now: h.clock.Now}
	h.handler = &webhook.PagerDuty{
		Secrets: []string{secret}, Service: h.svc, Now: h.clock.Now, Logger: slog.New(slog.NewTextHandler(&h.log, nil)),
		Seen: func() { h.seen.Add(1) },
	}
	return h
}

// deliver sends a body as PagerDuty does, signed with the secret.
func (h *house) deliver(id string, body []byte) *httptest.ResponseRecorder {
	return h.send(id, body, pagerduty.Sign(body, secret))
}

func (h *house) send(id string, body []byte, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/pagerduty", bytes.NewReader(body))
	if signature != "" {
		r.Header.Set(pagerduty.SignatureHeader, signature)
	}
	if id != "" {
		r.Header.Set(pagerduty.WebhookIDHeader, id)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

func (h *house) view(fn func(tx incident.Tx) error) {
	h.t.Helper()
	if err := h.store.View(ctx, fn); err != nil {
		h.t.Fatal(err)
	}
}

// all lists all incidents, newest first.
func (h *house) all() []*incident.Incident { return h.newest(-1) }

func (h *house) newest(n int) (out []*incident.Incident) {
	h.t.Helper()
	h.view(func(tx incident.Tx) error {
		var inner error
		err := tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			inc, err := tx.Incident(r.ID)
			out, inner = append(out, inc), err
			return err == nil && len(out) != n
		})
		if err == nil {
			err = inner
		}
		return err
	})
	return out
}

// raw lists the stored bodies as they arrived.
func (h *house) raw() (out []string) {
	h.t.Helper()
	h.view(func(tx incident.Tx) error {
		return tx.Raw(time.Time{}, func(in incident.Inbound) bool {
			b, err := webhook.Body(in)
			if err != nil {
				h.t.Errorf("stored body of %s: %v", in.ID, err)
			}
			out = append(out, string(b))
			return true
		})
	})
	return out
}

func (h *house) timeline(id incident.ID) []incident.Event {
	h.t.Helper()
	var out []incident.Event
	h.view(func(tx incident.Tx) (err error) {
		out, err = tx.Timeline(id, 0, 0)
		return err
	})
	return out
}

func kinds(events []incident.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, " ")
}

// event is a webhook about the incident Q1.
func event(id, kind string, when time.Time, title string) []byte {
	status := map[string]string{"incident.resolved": "resolved", "incident.acknowledged": "acknowledged"}[kind]
	if status == "" {
		status = "triggered"
	}
	return fmt.Appendf(nil, `{"event":{"id":%q,"event_type":%q,"resource_type":"incident","occurred_at":%q,
		"agent":{"id":"PU1","type":"user_reference","summary":"Ani"},"client":null,
		"data":{"id":"Q1","type":"incident","html_url":"https://acme.example.com/incidents/Q1","number":1,"status":%q,"title":%q,
		"incident_key":"k1","created_at":"2026-03-01T10:00:00Z","urgency":"high","service":{"id":"PABC123","summary":"Checkout","type":"service_reference"},
		"assignees":[],"priority":null,"resolve_reason":null}}}`, id, kind, when.Format(time.RFC3339Nano), status, title)
}

// note is a webhook about a note on the incident Q1.
func note(id, content string) []byte {
	return fmt.Appendf(nil, `{"event":{"id":%q,"event_type":"incident.annotated","resource_type":"incident","occurred_at":"2026-03-01T10:05:00Z",
		"agent":{"id":"PU1","type":"user_reference","summary":"Ani"},
		"data":{"type":"incident_note","id":"PN1","content":%q,"trimmed":false,"incident":{"id":"Q1","type":"incident_reference","summary":"x"}}}}`, id, content)
}

// contracts returns the folder of vendors' published contracts, or skips.
func contracts(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("IMBOT_CONTRACTS"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "..", "shared", "contracts")
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("no contract files: set IMBOT_CONTRACTS to their folder")
	return ""
}
