package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/query"
)

// past lets the pager report an incident that ends after ten minutes, and writes
// its RCA where a cause is given.
func (l *library) past(ref, service, title string, minute int, cause string) incident.ID {
	l.t.Helper()
	inc := l.alarm(ref, service, title, minute)
	l.do(incident.Command{Verb: incident.Resolve, Incident: inc, Actor: dewi, Role: incident.RoleAdmin, At: at(minute + 10)})
	if cause != "" {
		l.do(incident.Command{Verb: incident.WriteRCA, Incident: inc, Actor: dewi, Role: incident.RoleAdmin, At: at(minute + 20), Args: incident.Args{
			Complete: true, RCA: map[string]string{"summary": "s", "impact": "i", "root_cause": cause, "category": "code", "resolution_steps": "1. rolled back\n2. went home"},
		}})
	}
	return inc
}

func (l *library) alarm(ref, service, title string, minute int) incident.ID {
	l.t.Helper()
	return l.do(incident.Command{
		Verb: incident.Trigger, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, At: at(minute), Source: incident.SourcePagerDuty,
		Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: ref},
		Args: incident.Args{Alert: &incident.Alert{Title: title, Service: service, ServiceID: map[string]string{"ledger": "PLEDGER"}[service]}},
	})
}

func (l *library) do(cmd incident.Command) incident.ID {
	l.t.Helper()
	inc, err := l.svc.Do(ctx, cmd)
	if err != nil {
		l.t.Fatalf("%s: %v", cmd.Verb, err)
	}
	return inc.ID
}

func found(list []query.Similar) string {
	var out []string
	for _, s := range list {
		x := s.ID.String()
		if s.Same {
			x += "="
		}
		out = append(out, x)
	}
	return strings.Join(out, " ")
}

const day = 24 * 60

// TestSimilar: the same alert comes first, then what is alike on the service,
// and, where asked for, on others.
func TestSimilar(t *testing.T) {
	l := newLibrary(t)
	l.past("Q1", "checkout", "checkout is down on host-1", -20*day, "")                          // INC-1, resolved, no RCA yet
	l.past("Q2", "checkout", "checkout is down on host-2", -15*day, "a leak")                    // INC-2
	l.past("Q3", "checkout", "Certificate expires in 3 days", -12*day, "")                       // INC-3, closed: none owed
	l.past("Q4", "checkout", "Checkout unreachable: payment provider times out", -10*day, "dns") // INC-4
	l.past("Q5", "ledger", "ledger certificate expires in 9 days", -8*day, "")                   // INC-5
	l.alarm("Q6", "ledger", "certificate expires in 5 days", -6*day)                             // INC-6, open
	l.alarm("Q7", "checkout", "checkout is down on host-3", 0)                                   // INC-7
	l.alarm("Q8", "checkout", "certificate expires in 2 days", 5)                                // INC-8

	v, err := l.Get(ctx, query.Everybody, 7, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := found(v.Similar); got != "INC-2=" {
		t.Errorf("on the card: %s", got)
	}
	if s := v.Similar[0]; s.Cause != "a leak" || s.Fix != "1. rolled back 2. went home" || s.Lasted != 10*time.Minute || !s.ResolvedAt.Equal(at(-15*day+10)) {
		t.Errorf("similar = %+v", s)
	}
	for id, want := range map[incident.ID]string{7: "INC-2= INC-1=", 8: "INC-3= INC-5"} {
		v, list, err := l.Similar(ctx, query.Everybody, id)
		if got := found(list); err != nil || v.Incident.ID != id || got != want {
			t.Errorf("similar to %s = %s, %v; want %s", id, got, err, want)
		}
	}
	// What is over shows none on its card.
	if v, err := l.Get(ctx, query.Everybody, 3, false); err != nil || v.Similar != nil {
		t.Errorf("on the card of what is closed: %s, %v", found(v.Similar), err)
	}
	// Once INC-2 is private, it is an example for members only.
	l.hideFrom(2)
	for viewer, want := range map[string]string{"": "INC-1=", dewi.ID: "INC-2= INC-1="} {
		v := query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: viewer}, Role: incident.RoleResponder}
		if _, list, err := l.Similar(ctx, v, 7); err != nil || found(list) != want {
			t.Errorf("%q finds %s, %v; want %s", viewer, found(list), err, want)
		}
		view, err := l.Get(ctx, v, 7, false)
		if err != nil || (len(view.Similar) == 1) != (viewer != "") {
			t.Errorf("%q sees on the card: %s, %v", viewer, found(view.Similar), err)
		}
	}
	if _, _, err := l.Similar(ctx, query.Everybody, 2); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("similar to a private one: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := l.Similar(cancelled, query.Everybody, 7); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// hideFrom makes an incident private to Dewi.
func (l *library) hideFrom(id incident.ID) {
	l.t.Helper()
	err := l.store.Update(ctx, func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if err != nil {
			return err
		}
		inc.Private, inc.Members = true, []incident.Actor{dewi}
		return tx.PutIncident(inc)
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestLike compares titles.
func TestLike(t *testing.T) {
	const here, elsewhere = "checkout", "ledger"
	for _, tt := range []struct {
		a, service, b string
		want          bool
	}{
		{"checkout is down", here, "checkout is down", true},
		{"checkout is down on host-1", here, "checkout is DOWN on host-22", true},
		{"checkout is down", here, "checkout is slow", false},
		{"checkout errors are high", here, "checkout: high error rate", true},
		{"checkout errors are high", elsewhere, "checkout: high error rate", false},
		{"queue depth is high", elsewhere, "Queue depth high", true},
		{"queue depth is high", elsewhere, "memory use is high", false},
		{"queue depth is high", here, "disk is full", false},
		{"12:30 10.0.0.1", here, "13:45 10.0.0.2", false},
		{"", here, "", false},
		{"pembayaran gagal di checkout", here, "pembayaran gagal untuk kartu kredit", true},
	} {
		inc := &incident.Incident{Title: tt.a, Service: here, ServiceName: "Checkout", Level: incident.Other}
		if got := query.Like(inc, tt.service, tt.b); (got > 0) != tt.want || got > 1 {
			t.Errorf("%q is like %q of %s: %v, want %v", tt.a, tt.b, tt.service, got, tt.want)
		}
		if back := query.Like(&incident.Incident{Title: tt.b, Service: tt.service, Level: incident.Other, ServiceName: "Checkout"}, here, tt.a); (back > 0) != tt.want {
			t.Errorf("%q of %s is like %q: %v, want %v", tt.b, tt.service, tt.a, back, tt.want)
		}
	}
}

// TestLabelsAndFigures: corrections count and are listed as far as the viewer may
// know of the incidents that they name.
func TestLabelsAndFigures(t *testing.T) {
	l := newLibrary(t)
	for i := range 5 {
		l.alarm(fmt.Sprint("Q", i), "checkout", fmt.Sprintf("checkout is down on host-%d", i), i)
	}
	l.alarm("Q9", "ledger", "ledger certificate expires", 9) // INC-6
	correct := func(verb incident.Verb, id incident.ID, args incident.Args) {
		t.Helper()
		l.do(incident.Command{Verb: verb, Incident: id, Actor: dewi, Role: incident.RoleAdmin, Args: args})
	}
	correct(incident.Unlink, 2, incident.Args{})
	correct(incident.Unlink, 3, incident.Args{})
	correct(incident.Unlink, 4, incident.Args{})
	correct(incident.Undo, 4, incident.Args{})
	correct(incident.SetLink, 6, incident.Args{LinkKind: incident.LinkCascade, Parent: 1})
	check := func(v query.Viewer, since time.Time, labels string, want query.LinkFigures) {
		t.Helper()
		list, err := l.Labels(ctx, v, since)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %s", x.Incident, x.Verdict))
		}
		if s := strings.Join(got, ", "); s != labels {
			t.Errorf("labels = %s, want %s", s, labels)
		}
		f, err := l.LinkStats(ctx, v, since)
		if err != nil {
			t.Fatal(err)
		}
		f.Rules = f.Rules[2:5] // title, trouble, calls
		if d := cmp.Diff(want, f); d != "" {
			t.Errorf("figures (-want +got):\n%s", d)
		}
	}
	figures := func(wrong, missed int) query.LinkFigures {
		return query.LinkFigures{
			Rules: []incident.RuleStats{{Rule: incident.RuleTitle, Made: 4, Wrong: wrong}, {Rule: incident.RuleTrouble}, {Rule: incident.RuleCalls, Missed: missed}},
			Kinds: []query.KindFigures{{Kind: incident.LinkDuplicate, Right: 4 - wrong}, {Kind: incident.LinkCascade, Missed: missed}},
		}
	}
	const all = "INC-2 not_related, INC-3 not_related, INC-4 not_related, INC-6 also_related"
	check(query.Everybody, time.Time{}, all, figures(2, 1))
	later := figures(0, 0)
	later.Since = at(601)
	check(query.Everybody, at(601), "", later)
	l.hideFrom(3)
	l.hideFrom(6)
	check(query.Everybody, time.Time{}, "INC-2 not_related, INC-4 not_related", figures(1, 0))
	check(member(dewi), time.Time{}, all, figures(2, 1))
	if k := (query.KindFigures{Right: 3, Missed: 1}); k.Recall() != .75 || (query.KindFigures{}).Recall() != 0 {
		t.Errorf("recall = %v", k.Recall())
	}
}

func BenchmarkSimilar(b *testing.B) {
	l := newLibrary(b)
	list := make([]incident.Incident, 5000)
	words := strings.Fields("queue latency error rate disk memory certificate backup api worker payment search index cache timeout high low missing failed slow")
	for i := range list {
		list[i] = incident.Incident{
			Title:   fmt.Sprintf("%s %s %s on host-%d.example.com", words[i%7], words[i%11], words[i%len(words)], i),
			Service: []string{"checkout", "ledger"}[i%2], Level: incident.Other, Status: incident.Closed, Life: opened(at(i)),
		}
	}
	list[0].Status = incident.Open
	for len(list) > 0 {
		n := min(len(list), 1000)
		l.put(list[:n]...)
		list = list[n:]
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := l.Similar(ctx, query.Everybody, 1); err != nil {
			b.Fatal(err)
		}
	}
}
