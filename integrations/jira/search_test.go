package jira_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

func TestJQL(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	const order = " ORDER BY created ASC, key ASC"
	for want, q := range map[string]jira.Query{
		`project = "OPS"`:                               {Project: "OPS"},
		`labels = "a" AND labels = "b"`:                 {Labels: []string{"a", "b"}},
		`labels = "a\"b\\"`:                             {Labels: []string{`a"b\`}},
		`project = "OPS" AND statusCategory != "Done"`:  {Project: "OPS", Open: true},
		`updated >= -1442m`:                             {UpdatedSince: now.Add(-24 * time.Hour)},
		`updated >= -4m`:                                {UpdatedSince: now.Add(-61 * time.Second)},
		`updated >= -2m`:                                {UpdatedSince: now.Add(time.Hour)},
		`project = "OPS" AND updated >= -3m`:            {Project: "OPS", UpdatedSince: now.Add(-time.Minute)},
		`labels = "a" AND updated >= -5256002m`:         {Labels: []string{"a"}, UpdatedSince: now.Add(-3650 * 24 * time.Hour)},
		`project = "OPS" AND labels = "a"`:              {Project: "OPS", Labels: []string{"a"}},
		`labels = "x" AND statusCategory != "Done"`:     {Labels: []string{"x"}, Open: true},
		`statusCategory != "Done" AND updated >= -122m`: {Open: true, UpdatedSince: now.Add(-2 * time.Hour)},
	} {
		if got := q.JQL(now); got != want+order {
			t.Errorf("JQL(%+v) = %s, want %s", q, got, want+order)
		}
	}
}

func TestSearchPages(t *testing.T) {
	both(t, jirasim.Options{PageSize: 7, IndexDelay: -1}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		var want []string
		for n := range 40 {
			i := sim.Create(jirasim.Spec{Project: "OPS", Summary: fmt.Sprint(n), Labels: []string{"imbot"}})
			want = append(want, i.Key)
			if n%3 == 0 { // several are as old
				ck.Pass(time.Second)
			}
		}
		sim.Create(jirasim.Spec{Project: "OPS", Summary: "other"})
		if got := search(t, c, jira.Query{Labels: []string{"imbot"}}); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
		n := 0
		must(t, "some", c.Search(t.Context(), jira.Query{Project: "OPS"}, func(jira.Issue) bool { n++; return n < 10 }))
		if n != 10 {
			t.Errorf("%d issues before the end was called, want 10", n)
		}
	})
}

// A page later, an issue may have left the result: nothing else gets lost by it.
func TestSearchWhileIssuesChange(t *testing.T) {
	both(t, jirasim.Options{PageSize: 25, IndexDelay: -1}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, _ *clock) {
		keys := map[string]bool{}
		for n := range 100 {
			keys[sim.Create(jirasim.Spec{Project: "OPS", Summary: fmt.Sprint(n)}).Key] = true
		}
		n := 0
		got := map[string]int{}
		must(t, "search", c.Search(t.Context(), jira.Query{Project: "OPS", Open: true}, func(i jira.Issue) bool {
			got[i.Key]++
			if n++; n%10 == 0 { // it is behind us
				must(t, "move", sim.Move(ani, i.Key, "Done"))
			}
			return true
		}))
		for key := range keys {
			if got[key] != 1 {
				t.Errorf("%s was given %d times", key, got[key])
			}
		}
	})
}

func TestUpdatedSince(t *testing.T) {
	both(t, jirasim.Options{IndexDelay: -1}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		old := sim.Create(jirasim.Spec{Project: "OPS", Summary: "old", Labels: []string{"imbot"}})
		moved := sim.Create(jirasim.Spec{Project: "OPS", Summary: "moved", Labels: []string{"imbot"}})
		ck.Pass(24*time.Hour - 30*time.Second)
		since := ck.Now()
		ck.Pass(30 * time.Second)
		must(t, "move", sim.Move(ani, moved.Key, "Done"))
		ck.Pass(time.Hour)
		if got := search(t, c, jira.Query{Labels: []string{"imbot"}, UpdatedSince: since}); !slices.Equal(got, []string{moved.Key}) {
			t.Errorf("found %v, want %s and not %s", got, moved.Key, old.Key)
		}
	})
}

func TestSearchRefused(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, _ *jirasim.Server, c *jira.Client, _ *clock) {
		none := func(jira.Issue) bool { return true }
		wantError(t, "everything", c.Search(t.Context(), jira.Query{Open: true}, none), 0, true)
		e := wantError(t, "unknown field", c.SearchJQL(t.Context(), `flavour = "sweet"`, none), 400, true)
		if !strings.Contains(e.Message, "'flavour' does not exist") {
			t.Errorf("unknown field: %v", e)
		}
		wantError(t, "unknown project", c.Search(t.Context(), jira.Query{Project: "NONE"}, none), 400, true)
	})
}

func TestSearchHasAnEnd(t *testing.T) {
	sim, _, ck := start(t, jirasim.Options{IndexDelay: -1, PageSize: 2}, jira.Config{})
	for range 7 {
		sim.Create(jirasim.Spec{Project: "OPS", Summary: "x"})
	}
	c := connect(t, sim, false, jira.Config{MaxIssues: 5}, ck)
	n := 0
	err := c.Search(t.Context(), jira.Query{Project: "OPS"}, func(jira.Issue) bool { n++; return true })
	if e := wantError(t, "too many", err, 200, true); n != 5 || !strings.Contains(e.Message, "more than 5") {
		t.Errorf("%d issues, then %v", n, e)
	}
	exact := connect(t, sim, false, jira.Config{MaxIssues: 7}, ck)
	if got := search(t, exact, jira.Query{Project: "OPS"}); len(got) != 7 {
		t.Errorf("found %v", got)
	}

	// The same page for ever.
	sim.Inject(jirasim.Fault{Path: "/rest/api/2/search/jql", Status: 200, Body: `{"issues":[{"id":"1"}],"nextPageToken":"again"}`, Type: "application/json"})
	err = exact.Search(t.Context(), jira.Query{Project: "OPS"}, func(jira.Issue) bool { return true })
	wantError(t, "same page", err, 200, false)
}

func TestFindByMarker(t *testing.T) {
	both(t, jirasim.Options{IndexDelay: 30 * time.Second}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		ctx := t.Context()
		_, ok, err := c.FindByMarker(ctx, "imbot-1", time.Time{})
		must(t, "never tried", err)
		if ok {
			t.Error("found what is not there")
		}
		tried := ck.Now()
		create(t, c, jira.NewIssue{Summary: "x", Marker: "imbot-1", Labels: []string{"imbot"}})
		_, _, err = c.FindByMarker(ctx, "imbot-1", tried)
		if e := wantError(t, "too early", err, 200, false); e.RetryAfter() != 80*time.Second || e.MayBeDone() {
			t.Errorf("too early: %v, retry after %s", e, e.RetryAfter())
		}
		ck.Pass(31 * time.Second)
		found, ok, err := c.FindByMarker(ctx, "imbot-1", tried)
		if err != nil || !ok || found.Key != "OPS-1" {
			t.Errorf("found %+v, %v, %v", found, ok, err)
		}
		// It is found in whatever project it is, and the oldest if there are two.
		sim.AddProject(jirasim.Project{Key: "PAY"})
		must(t, "relocate", sim.Relocate(ani, "OPS-1", "PAY"))
		ck.Pass(time.Minute)
		create(t, c, jira.NewIssue{Summary: "x", Marker: "imbot-1"})
		ck.Pass(time.Minute)
		if found, _, err = c.FindByMarker(ctx, "imbot-1", tried); err != nil || found.Key != "PAY-1" {
			t.Errorf("found %+v, %v", found, err)
		}
		// No other marker is taken for it: Jira's searches know no upper and lower case.
		create(t, c, jira.NewIssue{Summary: "x", Marker: "Imbot-2"})
		ck.Pass(time.Minute)
		if found, ok, err = c.FindByMarker(ctx, "imbot-2", tried); err != nil || ok {
			t.Errorf("another marker: %+v, %v", found, err)
		}
		if _, ok, err = c.FindByMarker(ctx, "imbot", tried); err != nil || !ok {
			t.Errorf("the label imbot: %v, %v", ok, err)
		}
		if _, ok, err = c.FindByMarker(ctx, "imbot-", tried); err != nil || ok {
			t.Errorf("part of a label: %v, %v", ok, err)
		}
		_, _, err = c.FindByMarker(ctx, "a b", tried)
		wantError(t, "no label", err, 0, true)
	})
}

func TestCreateOnceFindsWhatWasMade(t *testing.T) {
	both(t, jirasim.Options{IndexDelay: 30 * time.Second}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, ck *clock) {
		ctx := t.Context()
		must(t, "server", func() error { _, err := c.Server(ctx); return err }())
		n := jira.NewIssue{Type: "Task", Summary: "x", Marker: "imbot-INC-1"}
		sim.Inject(jirasim.Fault{Method: http.MethodPost, Times: 1, After: true, Drop: true})
		tried := ck.Now()
		_, err := c.CreateOnce(ctx, n, time.Time{})
		if e := wantError(t, "lost answer", err, 0, false); !e.MayBeDone() {
			t.Errorf("lost answer: %v is said not to be done", e)
		}
		var made jira.Created
		for attempt := 0; ; attempt++ {
			if attempt == 20 {
				t.Fatal("no end")
			}
			if made, err = c.CreateOnce(ctx, n, tried); err == nil {
				break
			}
			e := wantError(t, "again", err, 200, false)
			if e.RetryAfter() <= 0 {
				t.Fatalf("again: %v without a time", e)
			}
			ck.Pass(10 * time.Second)
		}
		if all := sim.Issues(); len(all) != 1 || all[0].Key != made.Key || made.URL == "" {
			t.Errorf("%d issues, made %+v", len(all), made)
		}
	})
}

// A request that never arrived is repeated once that is sure.
func TestCreateOnceMakesWhatWasNotMade(t *testing.T) {
	sim, c, ck := start(t, jirasim.Options{}, jira.Config{})
	ctx := t.Context()
	_, err := c.CreateOnce(ctx, jira.NewIssue{Type: "Task", Summary: "x"}, time.Time{})
	wantError(t, "no marker", err, 0, true)
	n := jira.NewIssue{Type: "Task", Summary: "x", Marker: "imbot-INC-1"}
	sim.Inject(jirasim.Fault{Method: http.MethodPost, Times: 1, Drop: true})
	tried := ck.Now()
	_, err = c.CreateOnce(ctx, n, time.Time{})
	wantError(t, "lost request", err, 0, false)
	_, err = c.CreateOnce(ctx, n, tried)
	ck.Pass(wantError(t, "too early", err, 200, false).RetryAfter())
	if _, err = c.CreateOnce(ctx, n, tried); err != nil {
		t.Error(err)
	}
	if all := sim.Issues(); len(all) != 1 {
		t.Errorf("%d issues", len(all))
	}
}
