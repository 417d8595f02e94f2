package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"imbot/incident"
	"imbot/store/boltstore"
)

// webhook does what a pager's new incident costs the store: look-ups of unknown
// keys, the document with its indexes, two timeline entries, two keys, one
// effect and the packed body.
func webhook(s *boltstore.Store, body []byte, n int64) error {
	delivery, ref := fmt.Sprintf("in/pagerduty/01F%022X", rand.Uint64()), fmt.Sprintf("ref/pagerduty/Q%013X", rand.Uint64())
	ctx := context.Background()
	if err := s.View(ctx, func(tx incident.Tx) error {
		_, err := tx.Key(delivery, false)
		return err
	}); err != nil {
		return err
	}
	return s.Update(ctx, func(tx incident.Tx) error {
		_, err := tx.Key(delivery, false)
		_, err2 := tx.Key(ref, true)
		id, err3 := tx.NextID()
		inc := benchIncident(id, n)
		_, err4 := tx.Key(ref, true)
		events := []incident.Event{
			{Incident: id, N: 1, At: inc.OpenedAt, Recorded: inc.OpenedAt, Kind: incident.EvTriggered, Actor: inc.Marks[0].By, Source: "pagerduty", Data: map[string]string{"title": inc.Title, "level": inc.Level}},
		}
		card := incident.Effect{Key: id.String() + "/card/" + inc.Cards[0], Kind: incident.KindCard, Mode: incident.Latest, Incident: id, Lane: id.String() + "/teams/" + inc.Cards[0], Target: inc.Cards[0]}
		return errors.Join(err, err2, err3, err4,
			tx.PutKey(ref, id.String(), true), tx.PutIncident(inc), tx.AddEvents(events), tx.PutEffects([]incident.Effect{card}),
			tx.PutKey(delivery, id.String(), false),
			tx.PutRaw(incident.Inbound{Source: "pagerduty", ID: delivery, At: inc.OpenedAt, Encoding: "zstd", Body: body}))
	})
}

func benchIncident(id incident.ID, n int64) *incident.Incident {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
	pager := incident.Actor{Kind: incident.KindVendor, ID: "pagerduty", Name: "PagerDuty"}
	inc := &incident.Incident{
		ID: id, Title: fmt.Sprintf("[Prometheus] High error rate on checkout-%d: 5xx ratio 12.%d %% for 5m", n%512, n%97),
		Service: fmt.Sprintf("checkout-%d", n%512), ServiceName: fmt.Sprintf("Checkout %d", n%512), Squad: "payments",
		Level: "high-error-rate", LevelRule: "errors by title", Status: incident.Open,
		Responders: []incident.Actor{{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi Lestari"}},
		Alert: &incident.Alert{
			Title: fmt.Sprintf("[Prometheus] High error rate on checkout-%d: 5xx ratio 12.%d %% for 5m", n%512, n%97), Service: fmt.Sprintf("checkout-%d", n%512),
			ServiceID: fmt.Sprintf("PSVC%03d", n%512), Key: fmt.Sprintf("%032x", n), Urgency: "high", Priority: "P2", CreatedAt: at,
			Assignees: []incident.Actor{{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi Lestari"}},
			Links:     []incident.LinkURL{{Title: "PagerDuty", URL: fmt.Sprintf("https://example.pagerduty.com/incidents/Q%013X", n)}},
		},
		AlertAt: at, Refs: []incident.Ref{{System: "pagerduty", Role: incident.RoleAlert, ID: fmt.Sprintf("Q%013X", n), URL: fmt.Sprintf("https://example.pagerduty.com/incidents/Q%013X", n)}},
		Cards: []string{"19:0123456789abcdef0123456789abcdef@thread.tacv2"},
		Marks: []incident.Mark{{At: at, Kind: incident.MarkOpen, By: pager}}, UpdatedAt: at, Events: 1,
	}
	inc.OpenedAt, inc.Episode, inc.Intervals = at, 1, []incident.Interval{{From: at}}
	return inc
}

func open(b testing.TB, noSync bool) *boltstore.Store {
	b.Helper()
	s, err := boltstore.Open(filepath.Join(b.TempDir(), "imbot.db"), boltstore.Options{Logger: slog.New(slog.DiscardHandler), NoSync: noSync})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// packed stands for a webhook's body after compression: it does not shrink more.
func packed() []byte {
	body := make([]byte, 1800)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range body {
		body[i] = byte(rnd.Uint32())
	}
	return body
}

// BenchmarkUpdate stores new incidents from 1, 32 and 256 goroutines. NoSync
// shows what the writer itself costs.
func BenchmarkUpdate(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		for _, c := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("c=%d/nosync=%t", c, noSync), func(b *testing.B) {
				s, body := open(b, noSync), packed()
				var n atomic.Int64
				b.SetParallelism((c + 1) / 2)
				if c == 1 {
					for b.Loop() {
						if err := webhook(s, body, n.Add(1)); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := webhook(s, body, n.Add(1)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkGetKey asks for keys of deliveries in a store of 20,000 incidents:
// those that are known, and those that are not.
func BenchmarkGetKey(b *testing.B) {
	s := open(b, true)
	ctx := context.Background()
	for i := range 20 {
		if err := s.Update(ctx, func(tx incident.Tx) error {
			for j := range 1000 {
				if err := tx.PutKey(fmt.Sprintf("in/pagerduty/%d", 1000*i+j), "INC-1", false); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	for _, known := range []bool{true, false} {
		b.Run(fmt.Sprintf("known=%t", known), func(b *testing.B) {
			for b.Loop() {
				key := fmt.Sprintf("in/pagerduty/%d", rand.IntN(20_000))
				if !known {
					key += "x"
				}
				if err := s.View(ctx, func(tx incident.Tx) error {
					v, err := tx.Key(key, false)
					if (v != "") != known {
						return fmt.Errorf("Key(%s) = %q", key, v)
					}
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
