package query_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/catalog"
	"imbot/incident"
	"imbot/query"
	"imbot/store/boltstore"
)

const catalogYAML = `
squads:
  - {key: payments, name: Payments, channel: "19:payments@thread.tacv2", lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: budi@example.com, pagerduty_service_id: PABC123, links: [{title: Runbook, url: "https://wiki.example.com/checkout"}]}
`

var (
	t0   = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	ctx  = context.Background()
	ani  = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	dewi = incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

type library struct {
	*query.Reader
	t     testing.TB
	store *boltstore.Store
	svc   *incident.Service
}

func newLibrary(t testing.TB) *library {
	t.Helper()
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return at(600) }
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: now, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	snapshot := func() incident.Catalog { return cat }
	return &library{
		Reader: &query.Reader{Store: store, Catalog: snapshot, PublicURL: "https://imbot.example.com"}, t: t, store: store,
		svc: &incident.Service{Store: store, Catalog: snapshot, Now: now},
	}
}

// put stores incidents as they are, with the next numbers where they have none.
func (l *library) put(list ...incident.Incident) {
	l.t.Helper()
	err := l.store.Update(ctx, func(tx incident.Tx) error {
		for _, inc := range list {
			if inc.ID == 0 {
				id, err := tx.NextID()
				if err != nil {
					return err
				}
				inc.ID = id
			}
			if inc.Status == "" {
				inc.Status = incident.Open
			}
			if err := tx.PutIncident(&inc); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func opened(when time.Time) incident.Life { return incident.Life{OpenedAt: when} }

// ids lists a page as "INC-2 INC-1".
func ids(p query.Page) string {
	var out []string
	for _, v := range p.Incidents {
		out = append(out, v.Incident.ID.String())
	}
	return strings.Join(out, " ")
}

func (l *library) list(v query.Viewer, f query.Filter) query.Page {
	l.t.Helper()
	p, err := l.List(ctx, v, f)
	if err != nil {
		l.t.Fatalf("List(%+v): %v", f, err)
	}
	return p
}

func member(a incident.Actor) query.Viewer {
	return query.Viewer{Actor: a, Role: incident.RoleResponder}
}

func TestFilters(t *testing.T) {
	l := newLibrary(t)
	l.put(
		incident.Incident{Title: "checkout is down", Level: "service-down", Squad: "payments", Service: "checkout", Life: opened(at(1))},
		incident.Incident{Title: "Checkout is slow", Level: "high-response-time", Squad: "payments", Service: "checkout", Life: opened(at(2)), Status: incident.Resolved},
		incident.Incident{Title: "ledger is down", Level: "service-down", Squad: "books", Service: "ledger", Life: opened(at(3)), Status: incident.Closed, Link: &incident.Link{Kind: incident.LinkCascade, Parent: 1}},
		incident.Incident{Title: "checkout is down again", Level: "service-down", Squad: "payments", Service: "checkout", Life: opened(at(4)), Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 1}},
		incident.Incident{Title: "disk 100%", Level: "other", Service: "pd:PX", Life: opened(at(5))},
	)
	tests := []struct {
		f    query.Filter
		want string
	}{
		{query.Filter{}, "5 4 3 2 1"},
		{query.Filter{Status: []incident.Status{incident.Open}}, "5 4 1"},
		{query.Filter{Status: []incident.Status{incident.Resolved, incident.Closed}}, "3 2"},
		{query.Filter{Status: []incident.Status{incident.Open, incident.Closed}}, "5 4 3 1"},
		{query.Filter{Level: "Service-Down"}, "4 3 1"},
		{query.Filter{Squad: "PAYMENTS"}, "4 2 1"},
		{query.Filter{Service: "checkout"}, "4 2 1"},
		{query.Filter{Service: "pd:px"}, "5"},
		{query.Filter{Q: "CHECKOUT down"}, "4 1"},
		{query.Filter{Q: "  "}, "5 4 3 2 1"},
		{query.Filter{Q: "100%"}, "5"},
		{query.Filter{Q: "nothing"}, ""},
		{query.Filter{Since: at(3)}, "5 4 3"},
		{query.Filter{Until: at(3)}, "2 1"},
		{query.Filter{Since: at(2), Until: at(4)}, "3 2"},
		{query.Filter{Since: at(9)}, ""},
		{query.Filter{Link: "none"}, "5 2 1"},
		{query.Filter{Link: "duplicate"}, "4"},
		{query.Filter{Link: "cascade"}, "3"},
		{query.Filter{Status: []incident.Status{incident.Open}, Level: "service-down", Squad: "payments", Q: "again", Since: at(1), Until: at(9), Link: "duplicate"}, "4"},
		{query.Filter{Status: []incident.Status{incident.Open}, Level: "other", Squad: "payments"}, ""},
		{query.Filter{Limit: 2}, "5 4"},
		{query.Filter{Limit: -1}, "5 4 3 2 1"},
	}
	for _, tt := range tests {
		p := l.list(query.Everybody, tt.f)
		if got := strings.ReplaceAll(ids(p), "INC-", ""); got != tt.want {
			t.Errorf("List(%+v) = %s, want %s", tt.f, got, tt.want)
		}
		if (p.Next != "") != (tt.f.Limit == 2) {
			t.Errorf("List(%+v): next = %q", tt.f, p.Next)
		}
	}
}

// TestLimits: a page has 50 incidents unless asked otherwise, and never more
// than 200.
func TestLimits(t *testing.T) {
	l := newLibrary(t)
	l.put(make([]incident.Incident, 201)...)
	for limit, want := range map[int]int{0: 50, 1: 1, 200: 200, 201: 200, 1 << 30: 200} {
		if p := l.list(query.Everybody, query.Filter{Limit: limit}); len(p.Incidents) != want || p.Next == "" {
			t.Errorf("limit %d: %d incidents, next %q; want %d and a next page", limit, len(p.Incidents), p.Next, want)
		}
	}
}

// TestWalk goes through all pages, of which many incidents began in the same
// instant, while new ones are added: each of the old ones comes once, in order.
func TestWalk(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 7} {
		l := newLibrary(t)
		var want []string
		for i := range 30 {
			l.put(incident.Incident{Title: fmt.Sprint("old ", i), Life: opened(t0.Add(time.Duration(i/5) * time.Nanosecond))})
			want = append([]string{fmt.Sprintf("INC-%d", i+1)}, want...)
		}
		var got []string
		cursor := ""
		for page := 0; ; page++ {
			p := l.list(query.Everybody, query.Filter{Limit: limit, Cursor: cursor, Q: "old"})
			for _, v := range p.Incidents {
				got = append(got, v.Incident.ID.String())
			}
			if cursor = p.Next; cursor == "" {
				break
			}
			if page > 40 {
				t.Fatal("the walk does not end")
			}
			l.put(incident.Incident{Title: "new", Life: opened(at(page + 1))}, incident.Incident{Title: "old by its name", Life: opened(at(page + 1))})
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, d)
		}
	}
}

// TestWalkBeforeAndAfterAllTime has times that do not fit into nanoseconds.
func TestWalkBeforeAndAfterAllTime(t *testing.T) {
	l := newLibrary(t)
	for _, y := range []int{1, 1600, 2026, 2300, 9999} {
		l.put(incident.Incident{Life: opened(time.Date(y, 1, 2, 3, 4, 5, 6, time.UTC))})
	}
	var got []string
	for f := (query.Filter{Limit: 1}); ; {
		p := l.list(query.Everybody, f)
		got = append(got, ids(p))
		if f.Cursor = p.Next; f.Cursor == "" || len(got) > 9 {
			break
		}
	}
	if d := cmp.Diff([]string{"INC-5", "INC-4", "INC-3", "INC-2", "INC-1"}, got); d != "" {
		t.Errorf("pages (-want +got):\n%s", d)
	}
}

// TestScanLimit: a filter that matches next to nothing ends with a cursor, and
// goes on from there.
func TestScanLimit(t *testing.T) {
	l := newLibrary(t)
	l.SetMaxScan(10)
	l.put(incident.Incident{Title: "needle"})
	for range 35 {
		l.put(incident.Incident{Title: "hay", Life: opened(t0)})
	}
	f, pages := query.Filter{Q: "needle"}, 0
	for ; pages < 9; pages++ {
		p := l.list(query.Everybody, f)
		if len(p.Incidents) == 1 && p.Next == "" {
			break
		}
		if len(p.Incidents) != 0 || p.Next == "" || p.Next == f.Cursor {
			t.Fatalf("page %d: %s, next %q", pages, ids(p), p.Next)
		}
		f.Cursor = p.Next
	}
	if pages != 3 {
		t.Errorf("the needle was on page %d, want 3", pages)
	}
}

func TestCancelled(t *testing.T) {
	l := newLibrary(t)
	l.put(make([]incident.Incident, 5)...)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if p, err := l.List(cancelled, query.Everybody, query.Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("List = %+v, %v", p, err)
	}
}

func TestBadCursor(t *testing.T) {
	l := newLibrary(t)
	l.put(incident.Incident{})
	good := query.FormatCursor(incident.Cursor{OpenedAt: t0, ID: 3})
	for _, c := range []string{"x", "AAAA", good[:len(good)-1], good + "A", good + "=", "!" + good[1:], strings.Repeat("A", 27), strings.Repeat("_", 27)} {
		_, err := l.List(ctx, query.Everybody, query.Filter{Cursor: c})
		var p *incident.Problem
		if !errors.As(err, &p) || p.Key != "bad_cursor" || p.Field != "cursor" || !errors.Is(err, incident.ErrInvalid) {
			t.Errorf("cursor %q: %v", c, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, c := range []incident.Cursor{{OpenedAt: t0, ID: 1}, {OpenedAt: time.Date(9999, 1, 1, 0, 0, 0, 999999999, time.UTC), ID: 1<<63 - 1}, {ID: 7}} {
		f.Add(query.FormatCursor(c))
	}
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAE")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := query.ParseCursor(s)
		if err != nil {
			if !errors.Is(err, incident.ErrInvalid) || c != (incident.Cursor{}) {
				t.Errorf("ParseCursor(%q) = %v, %v", s, c, err)
			}
			return
		}
		if s == "" {
			if c != (incident.Cursor{}) {
				t.Errorf("no cursor = %v", c)
			}
			return
		}
		if back := query.FormatCursor(c); back != s || c.ID <= 0 {
			t.Errorf("ParseCursor(%q) = %v, and back %q", s, c, back)
		}
	})
}
