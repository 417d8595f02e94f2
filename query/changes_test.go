package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/changes"
	"imbot/incident"
	"imbot/query"
)

// calls is a graph in which checkout calls these.
type calls []string

func (c calls) Callees(service string) []incident.Call {
	var out []incident.Call
	if service == "checkout" {
		for _, to := range c {
			out = append(out, incident.Call{From: service, To: to}, incident.Call{From: service, To: to, Source: "catalog"})
		}
	}
	return out
}
func (calls) Callers(string) []incident.Call { return nil }
func (calls) Ring(string) int                { return 0 }

// began is what an incident that is changed later on is made of.
func began(when time.Time) []incident.Mark {
	return []incident.Mark{{At: when, Kind: incident.MarkOpen, By: ani}}
}

// report stores a change that was made n minutes after t0.
func (l *library) report(id, service string, n int) {
	l.t.Helper()
	if _, err := l.store.SaveChanges(ctx, []changes.Change{{Source: "api", ID: id, Service: service, Title: "Deploy " + id, URL: "https://ci.example.com/" + id, At: at(n)}}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *library) watch(to ...string) {
	l.Changes = &query.Changes{List: l.store.Changes, Calls: func() incident.Topology { return calls(to) }}
}

// claims lists the claims of an incident as "id", "id of callee" and "id=verdict".
func (l *library) claims(id incident.ID) string {
	l.t.Helper()
	v, err := l.Get(ctx, query.Self, id, false)
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for i := range v.Changes {
		c := &v.Changes[i]
		s := c.ID
		if c.Callee {
			s += " of " + c.ServiceName
		}
		if c.Verdict != "" {
			s += "=" + c.Verdict + " by " + c.DecidedBy.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// judge says what a person says, as an edge does.
func (l *library) judge(id incident.ID, change string, was bool) error {
	cmd := incident.Command{Verb: incident.Judge, Incident: id, Actor: dewi, Role: incident.RoleResponder, Args: incident.Args{Change: change, Was: was}}
	if err := l.ResolveChange(ctx, member(dewi), &cmd); err != nil {
		return err
	}
	_, err := l.svc.Do(ctx, cmd)
	return err
}

func problemKey(err error) string {
	var p *incident.Problem
	if errors.As(err, &p) {
		return p.Key
	}
	return fmt.Sprint(err)
}

func TestClaims(t *testing.T) {
	l := newLibrary(t)
	l.put(
		incident.Incident{Title: "x", Service: "checkout", Life: opened(at(300))},
		incident.Incident{Title: "y", Service: "search", Life: opened(at(300))},
		incident.Incident{Title: "of no service", Life: opened(at(300))},
	)
	l.report("too-early", "checkout", 179)
	l.report("just-in-time", "checkout", 180)
	l.report("too-late", "checkout", 305)
	l.report("other", "search", 290)
	if got := l.claims(1); got != "" {
		t.Errorf("without a source there are claims: %s", got)
	}
	l.watch("payments-db")
	if got := l.claims(1); got != "just-in-time" {
		t.Errorf("claims = %s", got)
	}
	if got := l.claims(2); got != "other" {
		t.Errorf("claims = %s", got)
	}
	if got := l.claims(3); got != "" {
		t.Errorf("claims of no service = %s", got)
	}
	// Its own come before those of callees, the newest first; three at most.
	l.report("db", "payments-db", 304)
	if got := l.claims(1); got != "just-in-time, db of payments-db" {
		t.Errorf("claims = %s", got)
	}
	l.report("after", "checkout", 304)
	l.report("mid", "checkout", 250)
	if got := l.claims(1); got != "after, mid, just-in-time" {
		t.Errorf("claims = %s", got)
	}
	if page := l.list(query.Everybody, query.Filter{}); page.Incidents[0].Changes != nil {
		t.Error("a list looks for changes")
	}
}

// TestVerdicts: what was judged stays, what was not the cause makes room, and a
// confirmed cause is never pushed out.
func TestVerdicts(t *testing.T) {
	l := newLibrary(t)
	l.watch("payments-db")
	l.put(incident.Incident{Title: "x", Service: "checkout", Level: "other", Life: opened(at(300)), Marks: began(at(300))})
	for i, id := range []string{"a", "b", "c", "d"} {
		l.report(id, "checkout", 290-i)
	}
	l.report("db", "payments-db", 299)
	steps := []struct {
		change string
		was    bool
		want   string
	}{
		{"api/a", false, "b, c, d"},
		{"db", true, "b, c, db of payments-db=cause by Dewi"},
		{"c", false, "b, d, db of payments-db=cause by Dewi"},
		{"d", false, "a=not by Dewi, b, db of payments-db=cause by Dewi"},
		{"a", true, "a=cause by Dewi, b, db of payments-db=cause by Dewi"},
	}
	for _, s := range steps {
		if err := l.judge(1, s.change, s.was); err != nil {
			t.Fatalf("%s: %v", s.change, err)
		}
		if got := l.claims(1); got != s.want {
			t.Errorf("after %s is %v: %s, want %s", s.change, s.was, got, s.want)
		}
	}
	// The changes are forgotten; what was said is not, and can be taken back.
	if err := l.store.PruneChanges(ctx, at(1000)); err != nil {
		t.Fatal(err)
	}
	if got, want := l.claims(1), "a=cause by Dewi, c=not by Dewi, db of payments-db=cause by Dewi"; got != want {
		t.Errorf("claims = %s, want %s", got, want)
	}
	if err := l.judge(1, "a", false); err != nil {
		t.Error(err)
	}
	if got := problemKey(l.judge(1, "b", true)); got != "no_change" {
		t.Errorf("a change that is forgotten: %s", got)
	}
}

func TestResolveChange(t *testing.T) {
	l := newLibrary(t)
	l.watch()
	l.put(
		incident.Incident{Title: "x", Service: "checkout", Level: "other", Life: opened(at(300)), Marks: began(at(300))},
		incident.Incident{Title: "secret", Service: "checkout", Level: "other", Private: true, Members: []incident.Actor{ani}, Life: opened(at(300)), Marks: began(at(300))},
	)
	l.report("a", "checkout", 290)
	l.report("far", "checkout", 100)
	if _, err := l.store.SaveChanges(ctx, []changes.Change{{Source: "newrelic", ID: "a", Service: "checkout", Title: "x", At: at(291)}}); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"api/a": "<nil>", "newrelic/a": "<nil>", "a": "no_change", "far": "no_change", "api/far": "no_change", "": "change_missing", "  ": "change_missing",
		"API/A": "no_change", strings.Repeat("x", 9999): "no_change",
	} {
		if got := problemKey(l.judge(1, change, true)); got != want {
			t.Errorf("%.40q: %s, want %s", change, got, want)
		}
	}
	if got := problemKey(l.judge(2, "api/a", true)); got != "no_incident" {
		t.Errorf("somebody else's private incident: %s", got)
	}
	if got := problemKey(l.judge(9, "api/a", true)); got != "no_incident" {
		t.Errorf("no incident: %s", got)
	}
	// Other commands are left as they are.
	cmd := incident.Command{Verb: incident.Ack, Incident: 1, Args: incident.Args{Change: "api/a"}}
	if err := l.ResolveChange(ctx, member(dewi), &cmd); err != nil || cmd.Args.Cause != nil {
		t.Errorf("ResolveChange of another verb = %v, %+v", err, cmd.Args.Cause)
	}
	// Everything that is shown comes from the store, nothing from whoever asks.
	cmd = incident.Command{Verb: incident.Judge, Incident: 1, Args: incident.Args{Change: "api/a", Cause: &incident.Cause{ID: "z", Title: "forged"}}}
	if err := l.ResolveChange(ctx, member(dewi), &cmd); err != nil {
		t.Fatal(err)
	}
	want := &incident.Cause{Source: "api", ID: "a", Title: "Deploy a", URL: "https://ci.example.com/a", Service: "checkout", At: at(290)}
	if d := cmp.Diff(want, cmd.Args.Cause); d != "" {
		t.Errorf("cause (-want +got):\n%s", d)
	}
}

// TestClaimsOfReopened: trouble that is back may have another cause than at first.
func TestClaimsOfReopened(t *testing.T) {
	l := newLibrary(t)
	l.watch()
	inc := incident.Incident{Title: "x", Service: "checkout", Life: opened(at(100))}
	inc.Intervals = []incident.Interval{{From: at(100), To: at(110)}, {From: at(200), To: at(210)}, {From: at(500)}}
	l.put(inc)
	l.report("first", "checkout", 90)
	l.report("between", "checkout", 190)
	l.report("again", "checkout", 490)
	if got := l.claims(1); got != "again, first" {
		t.Errorf("claims = %s", got)
	}
	for minute, want := range map[int]bool{90: true, 110: false, 490: true, 504: true, 505: false, 380: true, 379: false} {
		if got := query.NearChange(&inc, at(minute)); got != want {
			t.Errorf("NearChange(%d) = %v, want %v", minute, got, want)
		}
	}
}

// TestClaimsBounded: a service that calls hundreds, or whose changes can not be
// read.
func TestClaimsBounded(t *testing.T) {
	l := newLibrary(t)
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprint("s", i))
	}
	asked := 0
	l.Changes = &query.Changes{
		Calls: func() incident.Topology { return calls(many) },
		List: func(_ context.Context, _ string, _, _ time.Time, limit int) ([]changes.Change, error) {
			if asked++; limit > 100 {
				t.Errorf("limit = %d", limit)
			}
			return nil, nil
		},
	}
	l.put(incident.Incident{Title: "x", Service: "checkout", Life: opened(at(300))})
	if l.claims(1); asked > 201 {
		t.Errorf("%d services were asked for", asked)
	}
	l.Changes.List = func(context.Context, string, time.Time, time.Time, int) ([]changes.Change, error) {
		return nil, errors.New("disk full")
	}
	if _, err := l.Get(ctx, query.Self, 1, false); err == nil {
		t.Error("what can not be read is not said")
	}
}
