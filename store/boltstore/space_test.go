package boltstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"imbot/bot"
	"imbot/incident"
	"imbot/outbox"
)

// commits returns the number of the last transaction.
func commits(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// count returns how many entries a bucket has.
func count(t *testing.T, s *Store, id bucketID) (n int) {
	t.Helper()
	if err := s.view(context.Background(), func(x *tx) error {
		n = 0
		x.ascend(id, nil, func(_, _ []byte) bool { n++; return true })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Ensure that a lot of old bodies is deleted in steps, so that others can write
// in between.
func TestPruneInSteps(t *testing.T) {
	s := openTest(t, Options{})
	now := time.Now()
	const n = 4*pruneStep + 1
	if err := s.Update(t.Context(), func(tx incident.Tx) error {
		for range n {
			if err := tx.PutRaw(incident.Inbound{At: now.Add(-200 * 24 * time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	before := commits(t, s)
	if err := s.Prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := commits(t, s) - before; got != 5 || count(t, s, bucketRaw) != 0 {
		t.Errorf("%d commits to delete %d bodies, %d are left; want 5, none", got, n, count(t, s, bucketRaw))
	}
}

// Ensure that a day can be forgotten in one batch with other changes, and costs
// no commit where there is nothing to forget.
func TestPruneInBatch(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s := openTest(t, Options{Now: func() time.Time { return now }})
	if err := s.Update(t.Context(), func(tx incident.Tx) error { return tx.PutKey("old", "x", false) }); err != nil {
		t.Fatal(err)
	}
	old := dayOf(now)
	now = now.Add(30 * 24 * time.Hour)
	h := hold(t, s)
	h.queue(t.Context(), func(itx incident.Tx) error {
		itx.(*tx).drops = append(itx.(*tx).drops, old)
		return nil
	})
	h.queue(t.Context(), func(tx incident.Tx) error { return tx.PutKey("new", "y", false) })
	h.queue(t.Context(), func(tx incident.Tx) error { return errors.New("fails") })
	if errs := h.run(); errs[0] != nil || errs[1] != nil || errs[2] == nil {
		t.Errorf("errors %v, want one from the last only", errs)
	}
	if got := getKey(t, s, "new"); got != "y" {
		t.Errorf("new = %q, want y", got)
	}
	before := commits(t, s)
	if err := s.Prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := commits(t, s) - before; got != 0 {
		t.Errorf("%d commits to forget nothing", got)
	}
}

// Ensure that what nobody will ask for again takes no space.
func TestNothingUseless(t *testing.T) {
	s := openTest(t, Options{})
	secret := strings.Repeat("the words of an answer ", 20)
	data, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{incident.EffectDone, incident.EffectDead} {
		key := "INC-1/answer/" + state
		if err := s.Update(t.Context(), func(tx incident.Tx) error {
			return tx.PutEffects([]incident.Effect{{Key: key, Kind: "answer", Mode: incident.Once, Data: data}})
		}); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		jobs, err := s.Lease(t.Context(), now, now.Add(time.Minute), 1)
		if err != nil || len(jobs) != 1 {
			t.Fatalf("Lease = %v, %v", jobs, err)
		}
		if err := s.Finish(t.Context(), jobs[0], outbox.Outcome{State: state, At: now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(1)
		for _, e := range all {
			if kept := len(e.Data) > 0; kept != (e.State == incident.EffectDead) {
				t.Errorf("the data of a %s effect: kept is %t; it is kept for a retry, and only for that", e.State, kept)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []bot.Person{{ID: "aad:1", AADObjectID: "1"}, {ID: "dewi@example.com", AADObjectID: "1"}} {
		if err := s.SavePerson(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s, bucketPerson); got != 1 {
		t.Errorf("%d records of one person", got)
	}
}

// Ensure that the documents of a busy day stay small: a page holds several.
func TestDocumentsAreSmall(t *testing.T) {
	s := openTest(t, Options{})
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range 20 {
		inc := &incident.Incident{
			ID: incident.ID(i + 1), Title: fmt.Sprintf("[New Relic] High CPU on host-%d above 90 %%", i), Service: "pd:PABC12", ServiceName: "Search",
			Level: "other", Status: incident.Open, Alert: &incident.Alert{Title: fmt.Sprintf("[New Relic] High CPU on host-%d above 90 %%", i), ServiceID: "PABC12", Urgency: "low", CreatedAt: at},
			AlertAt: at, Refs: []incident.Ref{{System: "pagerduty", Role: "alert", ID: fmt.Sprintf("Q%d", 7919*i), URL: fmt.Sprintf("https://acme.pagerduty.com/incidents/Q%d", 7919*i)}},
			Cards: []string{"19:0f3e9c@thread.tacv2"}, Marks: []incident.Mark{{At: at, Kind: incident.MarkOpen, By: incident.Actor{Kind: "vendor", ID: "pagerduty"}}},
			UpdatedAt: at, Events: 1,
		}
		inc.OpenedAt, inc.Episode, inc.Intervals = at, 1, []incident.Interval{{From: at}}
		if err := s.Update(t.Context(), func(tx incident.Tx) error { return tx.PutIncident(inc) }); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0
	if err := s.view(t.Context(), func(x *tx) error {
		x.ascend(bucketIncident, nil, func(_, v []byte) bool { sum += len(v); return true })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if mean := sum / 20; mean > 600 {
		t.Errorf("a small incident takes %d bytes, want at most 600", mean)
	} else {
		t.Logf("a small incident takes %d bytes", mean)
	}
}
