package boltstore

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"imbot/bot"
	"imbot/incident"
	"imbot/outbox"
)

var update = flag.Bool("update", false, "write testdata anew; only for a schema that was never released")

var fixtureTime = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// fixture writes testdata/schema1.db.gz: a file of schema 1 with something of
// each kind.
func fixture(t *testing.T, path string) {
	t.Helper()
	o := quiet()
	o.Now = func() time.Time { return fixtureTime }
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	inc := &incident.Incident{ID: 1, Title: "checkout is down", Level: "service-down", Status: incident.Open, Events: 1}
	inc.OpenedAt, inc.Episode = fixtureTime, 1
	ctx := t.Context()
	err = errors.Join(
		s.Update(ctx, func(tx incident.Tx) error {
			_, err := tx.NextID()
			return errors.Join(err,
				tx.PutIncident(inc),
				tx.AddEvents([]incident.Event{{Incident: 1, N: 1, At: fixtureTime, Recorded: fixtureTime, Kind: incident.EvDeclared, Actor: incident.System}}),
				tx.PutKey("in/1", "INC-1", false), tx.PutKey("ref/pagerduty/Q1", "INC-1", true),
				tx.PutEffects([]incident.Effect{{Key: "INC-1/card/19:a", Kind: "card", Mode: incident.Latest, Incident: 1, Lane: "INC-1/teams/19:a"}}),
				tx.PutRaw(incident.Inbound{Source: "pagerduty", ID: "1", At: fixtureTime, Body: []byte("{}")}))
		}),
		s.SaveConversation(ctx, bot.Conversation{ID: "19:a", Name: "payments"}),
		s.SavePerson(ctx, bot.Person{ID: "dewi@example.com", AADObjectID: "1"}),
		s.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// oldFile unpacks the file that was made by schema 1.
func oldFile(t *testing.T) string {
	t.Helper()
	name, path := filepath.Join("testdata", "schema1.db.gz"), filepath.Join(t.TempDir(), "old.db")
	if *update {
		fixture(t, path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		w, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), os.WriteFile(name, buf.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ensure that a file of schema 1 can be read, as it is and after later
// migrations; that a migration that fails changes nothing; and that the program
// before a migration refuses the file instead of spoiling it.
func TestMigration(t *testing.T) {
	path := oldFile(t)
	present := len(migrations)
	steps := append(migrations[:present:present],
		migration{"add a bucket", func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("new")); return err }},
		migration{"fail", func(tx *bolt.Tx) error {
			if _, err := tx.CreateBucket([]byte("never")); err != nil {
				return err
			}
			return errors.New("on purpose")
		}},
	)
	if _, err := open(path, quiet(), steps); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("schema %d (fail): on purpose", present+2)) {
		t.Fatalf("open with a migration that fails = %v", err)
	}
	o := quiet()
	o.Now = func() time.Time { return fixtureTime.Add(time.Hour) }
	s, err := open(path, o, steps[:present+1])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.View(func(tx *bolt.Tx) error {
		n, err := schemaOf(tx)
		if n != present+1 || tx.Bucket([]byte("new")) == nil || tx.Bucket([]byte("never")) != nil {
			t.Errorf("schema %d, want %d with the bucket of the last step but one and without that of the last", n, present+1)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	checkFixture(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, quiet()); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("Open of a file of the next schema = %v", err)
	}
}

func checkFixture(t *testing.T, s *Store) {
	t.Helper()
	err := s.View(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(1)
		if err != nil || inc.Title != "checkout is down" || !inc.OpenedAt.Equal(fixtureTime) {
			t.Errorf("incident %+v, %v", inc, err)
		}
		n := 0
		err = tx.Rows(incident.Cursor{}, true, func(r incident.Row) bool { n++; return r.Title == "checkout is down" })
		events, err2 := tx.Timeline(1, 0, 0)
		effects, err3 := tx.Effects(1)
		raw := 0
		err4 := tx.Raw(fixtureTime, func(in incident.Inbound) bool { raw++; return string(in.Body) == "{}" })
		in, err5 := tx.Key("in/1", false)
		ref, err6 := tx.Key("ref/pagerduty/Q1", true)
		if n != 1 || len(events) != 1 || len(effects) != 1 || raw != 1 || in != "INC-1" || ref != "INC-1" {
			t.Errorf("%d rows, %d events, %d effects, %d bodies, keys %q and %q: want one of each", n, len(events), len(effects), raw, in, ref)
		}
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
	if err != nil {
		t.Fatal(err)
	}
	now := fixtureTime.Add(time.Hour)
	jobs, err := s.Lease(t.Context(), now, now.Add(time.Minute), 5)
	if err != nil || len(jobs) != 1 || jobs[0].Key != "INC-1/card/19:a" {
		t.Fatalf("Lease = %v, %v", jobs, err)
	}
	if err := s.Finish(t.Context(), jobs[0], outbox.Outcome{State: incident.EffectDone, At: now}); err != nil {
		t.Error(err)
	}
	if p, err := s.Person(t.Context(), "aad:1"); err != nil || p.ID != "dewi@example.com" {
		t.Errorf("person %+v, %v", p, err)
	}
	if c, err := s.Conversation(t.Context(), "19:a"); err != nil || c.Name != "payments" {
		t.Errorf("conversation %+v, %v", c, err)
	}
}
