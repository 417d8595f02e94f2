package pagerduty_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

var monday = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// everyoneOnCall adds three people, two schedules, and a policy of both.
func everyoneOnCall(sim *pagerdutysim.Server) {
	for _, name := range []string{"Dewi", "Eko", "Fitri"} {
		sim.AddUser(pagerdutysim.User{ID: "P" + strings.ToUpper(name), Name: name, Email: strings.ToLower(name) + "@example.com"})
	}
	sim.AddSchedule(pagerdutysim.Schedule{ID: "PDBA", Name: "DBA", Rotation: []string{"PDEWI", "PEKO"}, Start: monday, Turn: 12 * time.Hour})
	sim.AddSchedule(pagerdutysim.Schedule{ID: "PDEV", Name: "DevOps", Rotation: []string{"PFITRI"}, Start: monday, V3: true})
	sim.AddPolicy(pagerdutysim.Policy{ID: "PPOLICY", Name: "Database", Levels: [][]string{{"PDBA"}, {"PDEV", "PANI"}}})
}

// turns writes on-calls in short: level, name, mail and hours since monday.
func turns(all []pagerduty.OnCall) []string {
	hour := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprint(t.Sub(monday).Hours())
	}
	out := make([]string, len(all))
	for i, o := range all {
		schedule := "-"
		if o.Schedule != nil {
			schedule = o.Schedule.ID
		}
		out[i] = fmt.Sprintf("%d %s %s %s %s %s-%s", o.Level, o.User.ID, o.User.Name, o.User.Mail, schedule, hour(o.Start), hour(o.End))
	}
	return out
}

func TestOnCalls(t *testing.T) {
	now := monday.Add(13 * time.Hour)
	sim, c := start(t, pagerdutysim.Options{Now: func() time.Time { return now }}, pagerduty.Config{})
	everyoneOnCall(sim)
	sim.AddSchedule(pagerdutysim.Schedule{ID: "PALONE", Rotation: []string{"PANI"}, Start: monday})
	const (
		dewi0 = "1 PDEWI Dewi dewi@example.com PDBA 0-12"
		eko   = "1 PEKO Eko eko@example.com PDBA 12-24"
		dewi  = "1 PDEWI Dewi dewi@example.com PDBA 24-36"
		fitri = "2 PFITRI Fitri fitri@example.com PDEV 0-168"
		ani   = "2 PANI Ani ani@example.com - ---"
	)
	h := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	for _, tt := range []struct {
		name string
		q    pagerduty.OnCallQuery
		want []string
	}{
		{"a schedule now", pagerduty.OnCallQuery{Schedules: []string{"PDBA"}}, []string{eko}},
		{"two schedules", pagerduty.OnCallQuery{Schedules: []string{"PDBA", "PDEV"}}, []string{eko, fitri}},
		{"a policy now", pagerduty.OnCallQuery{Policies: []string{"PPOLICY"}}, []string{eko, fitri, ani}},
		{"a day", pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(0), Until: h(30)}, []string{dewi0, eko, dewi}},
		{"the earliest of a day", pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(0), Until: h(30), Earliest: true}, []string{dewi0, eko}},
		{"the moment of change", pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(24), Until: h(24)}, []string{dewi}},
		{"before all", pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(-5), Until: h(-1)}, []string{}},
		{"a schedule that no policy uses", pagerduty.OnCallQuery{Schedules: []string{"PALONE"}}, []string{}},
		{"an unknown schedule", pagerduty.OnCallQuery{Schedules: []string{"PNONE"}}, []string{}},
	} {
		got, err := c.OnCalls(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, turns(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	_, err := c.OnCalls(t.Context(), pagerduty.OnCallQuery{})
	wantError(t, "nothing named", err, 400, true)
	_, err = c.OnCalls(t.Context(), pagerduty.OnCallQuery{Schedules: []string{"a/b"}})
	wantError(t, "a bad id", err, 404, true)
	_, err = c.OnCalls(t.Context(), pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(2), Until: h(1)})
	wantError(t, "a backward range", err, 400, true)
	sim.Inject(pagerdutysim.Fault{Path: "/oncalls", Status: 503, Times: 1})
	_, err = c.OnCalls(t.Context(), pagerduty.OnCallQuery{Schedules: []string{"PDBA"}})
	wantError(t, "503", err, 503, false)
}

// An override takes the middle out of a turn; all pages are read.
func TestOnCallsOverridesAndPages(t *testing.T) {
	now := monday
	sim, c := start(t, pagerdutysim.Options{Now: func() time.Time { return now }}, pagerduty.Config{})
	everyoneOnCall(sim)
	h := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	sim.AddSchedule(pagerdutysim.Schedule{ID: "PDBA", Rotation: []string{"PDEWI"}, Start: monday, Turn: time.Hour, Shifts: []pagerdutysim.Shift{
		{User: "PANI", From: h(1).Add(15 * time.Minute), Until: h(1).Add(30 * time.Minute)}, {From: h(2), Until: h(3)},
	}})
	got, err := c.OnCalls(t.Context(), pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(1), Until: h(4)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 PDEWI Dewi dewi@example.com PDBA 1-1.25", "1 PANI Ani ani@example.com PDBA 1.25-1.5", "1 PDEWI Dewi dewi@example.com PDBA 1.5-2",
		"1 PDEWI Dewi dewi@example.com PDBA 3-4",
	}
	if diff := cmp.Diff(want, turns(got)); diff != "" {
		t.Errorf("an override (-want +got):\n%s", diff)
	}
	got, err = c.OnCalls(t.Context(), pagerduty.OnCallQuery{Schedules: []string{"PDBA"}, Since: h(10), Until: h(260)})
	if err != nil || len(got) != 250 || !got[249].End.Equal(h(260)) {
		t.Errorf("%d turns, %v; want 250", len(got), err)
	}
}
