package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/changes"
)

func deploy(id, service string, at time.Time) changes.Change {
	return changes.Change{
		Source: changes.SourceAPI, ID: id, Service: service, Title: "Deploy " + id, Description: "by the pipeline",
		URL: "https://ci.example.com/" + id, By: "Dewi", Version: "v2.3", At: at,
	}
}

func (e *env) save(list ...changes.Change) []changes.Saved {
	e.Helper()
	out, err := e.SaveChanges(e.ctx(), list)
	e.must(err)
	if len(out) != len(list) {
		e.Fatalf("SaveChanges of %d returns %d", len(list), len(out))
	}
	return out
}

// changed lists ids of what Changes returns.
func (e *env) changed(service string, since, until time.Time, limit int) []string {
	e.Helper()
	list, err := e.Changes(e.ctx(), service, since, until, limit)
	e.must(err)
	out := []string{}
	for i := range list {
		out = append(out, list[i].ID)
	}
	return out
}

func (e *env) wantChanged(service string, since, until time.Time, limit int, want ...string) {
	e.Helper()
	if d := cmp.Diff(append([]string{}, want...), e.changed(service, since, until, limit)); d != "" {
		e.Errorf("Changes(%q, %v, %v, %d) (-want +got):\n%s", service, since, until, limit, d)
	}
}

func minute(n int) time.Time { return Start.Add(time.Duration(n) * time.Minute) }

func testChanges(e *env) {
	none := time.Time{}
	e.wantChanged("checkout", none, none, 10)
	e.wantChanged("", none, none, 10)
	c := deploy("a", "checkout", minute(1).In(time.FixedZone("WIB", 7*3600)))
	saved := e.save(c, deploy("b", "checkout", minute(2)), deploy("c", "checkout-db", minute(2)), deploy("d", "checkout", minute(2).Add(time.Nanosecond)))
	c.At, c.Recorded = minute(1), Start
	if d := cmp.Diff(changes.Saved{Change: c, Added: true}, saved[0]); d != "" {
		e.Errorf("SaveChanges (-want +got):\n%s", d)
	}
	e.reopen()
	got, err := e.Changes(e.ctx(), "checkout", minute(1), minute(2), 10)
	e.must(err)
	if d := cmp.Diff([]changes.Change{c}, got); d != "" {
		e.Errorf("Changes (-want +got):\n%s", d)
	}
	for _, tt := range []struct {
		service      string
		since, until time.Time
		limit        int
		want         []string
	}{
		{"checkout", none, none, 10, []string{"d", "b", "a"}}, // newest first
		{"checkout", none, none, 2, []string{"d", "b"}},
		{"checkout", none, none, 0, nil},
		{"checkout", minute(2), none, 10, []string{"d", "b"}}, // since is inclusive
		{"checkout", none, minute(2), 10, []string{"a"}},      // until is not
		{"checkout", minute(2), minute(3), 10, []string{"d", "b"}},
		{"checkout", minute(3), none, 10, nil},
		{"checkout", none, minute(1), 10, nil},
		{"checkout-db", none, none, 10, []string{"c"}},
		{"check", none, none, 10, nil}, // no name's beginning is a name
		{"Checkout", none, none, 10, nil},
		{"", none, none, 10, []string{"d", "c", "b", "a"}},
		{"", minute(2), minute(2).Add(1), 10, []string{"c", "b"}},
		{"", none, none, 1, []string{"d"}},
	} {
		e.wantChanged(tt.service, tt.since, tt.until, tt.limit, tt.want...)
	}
	for _, bad := range []changes.Change{{}, deploy("", "checkout", Start), deploy("x", "", Start), {ID: "x", Service: "s"}, deploy("x", "a\x00b", Start)} {
		if _, err := e.SaveChanges(e.ctx(), []changes.Change{deploy("good", "checkout", Start), bad}); err == nil {
			e.Errorf("SaveChanges(%+v) succeeds", bad)
		}
	}
	e.wantChanged("", none, none, 10, "d", "c", "b", "a") // all or none
}

// testChangedAgain: the same source and id are the same change, whatever else is
// new about it.
func testChangedAgain(e *env) {
	none := time.Time{}
	first := deploy("a", "checkout", minute(1))
	e.save(first)
	e.clock.Add(time.Hour)
	again := e.save(first)[0]
	if again.Added || again.Updated || !again.Recorded.Equal(Start) {
		e.Errorf("the same again = %+v", again)
	}
	// Time and service move, and there is still one.
	moved := first
	moved.Service, moved.At, moved.Title = "payments", minute(5), "Deploy v2.4"
	if got := e.save(moved)[0]; got.Added || !got.Updated || !got.Recorded.Equal(Start) || got.Title != "Deploy v2.4" {
		e.Errorf("moved = %+v", got)
	}
	e.wantChanged("checkout", none, none, 10)
	e.wantChanged("payments", none, none, 10, "a")
	e.wantChanged("", none, none, 10, "a")
	// Without a time it keeps its own; a new one has happened now.
	still := moved
	still.At, still.By = none, "Budi"
	if got := e.save(still)[0]; !got.Updated || !got.At.Equal(minute(5)) || got.By != "Budi" {
		e.Errorf("without a time = %+v", got)
	}
	if got := e.save(deploy("b", "checkout", none))[0]; !got.Added || !got.At.Equal(e.clock.Now()) || !got.Recorded.Equal(e.clock.Now()) {
		e.Errorf("new and without a time = %+v", got)
	}
	// Twice in one call, the last counts; and another source has ids of its own.
	other := deploy("a", "checkout", minute(3))
	other.Source = changes.SourceNewRelic
	twice := e.save(deploy("c", "search", minute(1)), deploy("c", "search", minute(2)), other)
	if !twice[0].Added || twice[1].Added || !twice[1].Updated || !twice[2].Added {
		e.Errorf("twice in one call = %+v", twice)
	}
	e.wantChanged("search", none, none, 10, "c")
	e.wantChanged("search", minute(2), none, 10, "c")
	e.wantChanged("", none, none, 10, "b", "a", "a", "c")
	if got, err := e.SaveChanges(e.ctx(), nil); err != nil || len(got) != 0 {
		e.Errorf("SaveChanges of nothing = %v, %v", got, err)
	}
}

func testPruneChanges(e *env) {
	none := time.Time{}
	for i := range 700 {
		e.save(deploy(fmt.Sprint("old-", i), fmt.Sprint("service-", i%7), minute(-i)))
	}
	e.save(deploy("new", "service-1", minute(1)))
	e.must(e.PruneChanges(e.ctx(), Start)) // that of this very moment stays
	e.wantChanged("", none, none, 10, "new", "old-0")
	for i := range 7 {
		want := []string{}
		switch i {
		case 0:
			want = []string{"old-0"}
		case 1:
			want = []string{"new"}
		}
		e.wantChanged(fmt.Sprint("service-", i), none, none, 10, want...)
	}
	// What was forgotten is new when it comes again.
	if got := e.save(deploy("old-5", "service-5", minute(2)))[0]; !got.Added {
		e.Errorf("after it was forgotten = %+v", got)
	}
	e.must(e.PruneChanges(e.ctx(), minute(100)))
	e.must(e.PruneChanges(e.ctx(), minute(100)))
	e.wantChanged("", none, none, 10)
}

// testChangesAtOnce: of many at once with one id there is one in the end, and
// one only was new.
func testChangesAtOnce(e *env) {
	var wg sync.WaitGroup
	added := make([]bool, 40)
	for i := range added {
		wg.Go(func() {
			got, err := e.SaveChanges(e.ctx(), []changes.Change{deploy("same", fmt.Sprint("service-", i%3), minute(i))})
			if err != nil {
				e.Error(err)
				return
			}
			added[i] = got[0].Added
		})
	}
	wg.Wait()
	n := 0
	for _, a := range added {
		if a {
			n++
		}
	}
	if all := e.changed("", time.Time{}, time.Time{}, 100); n != 1 || len(all) != 1 {
		e.Errorf("%d were new, and there are %v; want one", n, all)
	}
}
