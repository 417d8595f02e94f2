package reminders_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/query"
	"imbot/reminders"
)

func TestHours(t *testing.T) {
	for text, want := range map[string]reminders.Hours{
		"09:00-17:00": {From: 9 * time.Hour, To: 17 * time.Hour}, "00:00-24:00": {To: 24 * time.Hour}, "07:30-08:30": {From: 7*time.Hour + 30*time.Minute, To: 8*time.Hour + 30*time.Minute},
	} {
		got, err := reminders.ParseHours(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseHours(%s) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "9-17", "09:00", "09:00-09:59", "17:00-09:00", "09:00-25:00", "24:00-24:00", "09:00 - 17:00", "9:00-17:00", "09:00-17:00-"} {
		if got, err := reminders.ParseHours(text); err == nil {
			t.Errorf("ParseHours(%q) = %v", text, got)
		}
	}
	h := reminders.DefaultHours
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for clock, want := range map[time.Duration]bool{
		9*time.Hour - time.Second: false, 9 * time.Hour: true, 17*time.Hour - time.Second: true, 17 * time.Hour: false,
		4*24*time.Hour + 10*time.Hour: true, 5*24*time.Hour + 10*time.Hour: false, 6*24*time.Hour + 10*time.Hour: false,
	} {
		if got := h.Contain(monday.Add(clock)); got != want {
			t.Errorf("%s is in working hours: %v", monday.Add(clock), got)
		}
	}
}

func FuzzHours(f *testing.F) {
	for _, s := range []string{"09:00-17:00", "00:00-24:00", "-", "24:00-09:00", "09:00-17:0O"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := reminders.ParseHours(s)
		if err != nil {
			return
		}
		if again, err := reminders.ParseHours(h.String()); err != nil || again != h || h.To-h.From < time.Hour || h.From < 0 || h.To > 24*time.Hour {
			t.Fatalf("ParseHours(%q) = %v, read again as %v, %v", s, h, again, err)
		}
	})
}

var (
	now   = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC) // Tuesday, 10:00 in Jakarta
	wib   = time.FixedZone("WIB", 7*3600)
	level = incident.Level{Key: incident.ServiceDown, Postmortem: true}
)

// owed is an incident that was resolved so long ago, of a service of Ani's in a
// squad that Lea leads.
func owed(id incident.ID, ago time.Duration, change func(v *query.View)) *query.View {
	inc := &incident.Incident{ID: id, Level: level.Key, Squad: "payments"}
	inc.Status, inc.ResolvedAt = incident.Resolved, now.Add(-ago)
	inc.Postmortem = incident.Postmortem{Required: true, State: incident.PostmortemDraft}
	v := &query.View{Incident: inc, Level: level, Service: incident.ServiceInfo{Owner: "ani@example.com"}, Squad: incident.SquadInfo{Lead: "lea@example.com"}}
	if change != nil {
		change(v)
	}
	return v
}

func rules() *reminders.Rules {
	return &reminders.Rules{Zone: func(context.Context, string) *time.Location { return wib }, Live: func(squad string) bool { return squad != "trial" }}
}

func TestWho(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		ago    time.Duration
		change func(v *query.View)
		want   string
	}{
		"not yet":      {ago: 5*day - time.Second},
		"overdue":      {ago: 5 * day, want: "ani@example.com"},
		"long overdue": {ago: 10 * day, want: "ani@example.com, lea@example.com as lead"},
		"no owner":     {ago: 5 * day, change: func(v *query.View) { v.Service.Owner = "" }, want: "lea@example.com as lead"},
		"owner leads":  {ago: 10 * day, change: func(v *query.View) { v.Squad.Lead = "ani@example.com" }, want: "ani@example.com"},
		"nobody but whoever commanded": {ago: 5 * day, change: func(v *query.View) {
			v.Service.Owner, v.Squad.Lead, v.Incident.Commander = "", "", incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}
		}, want: "budi@example.com"},
		"open again": {ago: 9 * day, change: func(v *query.View) { v.Incident.Status = incident.Open }},
		"closed":     {ago: 9 * day, change: func(v *query.View) { v.Incident.Status = incident.Closed }},
		"complete":   {ago: 9 * day, change: func(v *query.View) { v.Incident.Postmortem.State = incident.PostmortemComplete }},
		"waived":     {ago: 9 * day, change: func(v *query.View) { v.Incident.Postmortem.State = incident.PostmortemWaived }},
		"none owed":  {ago: 9 * day, change: func(v *query.View) { v.Incident.Postmortem.Required = false }},
		"duplicate":  {ago: 9 * day, change: func(v *query.View) { v.Incident.Link = &incident.Link{Kind: incident.LinkDuplicate, Parent: 1} }},
		"imported":   {ago: 9 * day, change: func(v *query.View) { v.Incident.Imported = true }},
		"shadow":     {ago: 9 * day, change: func(v *query.View) { v.Incident.Shadow = true }},
		"on trial":   {ago: 9 * day, change: func(v *query.View) { v.Incident.Squad = "trial" }},
		"stopped":    {ago: 9 * day, change: func(v *query.View) { v.Incident.Reminders.Off = true }},
		"private":    {ago: 11 * day, change: func(v *query.View) { v.Incident.Private = true }},
		"private, lead is a member": {ago: 5 * day, change: func(v *query.View) {
			v.Incident.Private, v.Incident.Members = true, []incident.Actor{{Kind: incident.KindUser, ID: "lea@example.com"}}
		}, want: "lea@example.com as lead"},
	} {
		var got []string
		for _, p := range rules().Who(owed(2, c.ago, c.change), now) {
			s := p.Person
			if p.Lead {
				s += " as lead"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

func TestPlan(t *testing.T) {
	const day = 24 * time.Hour
	list := []*query.View{owed(3, 6*day, nil), owed(1, 20*day, nil), owed(2, 6*day, nil), owed(4, day, nil)}
	want := []reminders.Reminder{
		{Person: "ani@example.com", Date: "2026-11-24", Incidents: []incident.ID{1, 2, 3}},
		{Person: "lea@example.com", Date: "2026-11-24", Incidents: []incident.ID{1}},
	}
	r := rules()
	if d := cmp.Diff(want, r.Plan(t.Context(), list, now)); d != "" {
		t.Errorf("Plan (-want +got):\n%s", d)
	}
	for _, at := range []time.Time{now.Add(-2 * time.Hour), now.Add(8 * time.Hour), now.Add(4 * day)} {
		if got := r.Plan(t.Context(), list, at); len(got) != 0 {
			t.Errorf("Plan at %s = %v", at.In(wib), got)
		}
	}
	// Whoever works elsewhere is reminded when it is day there, with the date there.
	r.Zone = func(_ context.Context, person string) *time.Location {
		if person == "lea@example.com" {
			return time.FixedZone("", -8*3600)
		}
		return wib
	}
	got := r.Plan(t.Context(), list, now.Add(22*time.Hour)) // Wednesday, 08:00 in Jakarta, Tuesday 17:00 there
	if len(got) != 0 {
		t.Errorf("Plan = %v", got)
	}
	got = r.Plan(t.Context(), list, now.Add(21*time.Hour))
	if len(got) != 1 || got[0].Person != "lea@example.com" || got[0].Date != "2026-11-24" {
		t.Errorf("Plan = %v", got)
	}
}

// broken is a store that answers once, and fails then.
type broken struct{ calls int }

func (b *broken) List(context.Context, query.Viewer, query.Filter) (query.Page, error) {
	if b.calls++; b.calls > 1 {
		return query.Page{}, errors.New("the disk is gone")
	}
	return query.Page{Incidents: []*query.View{owed(1, 240*time.Hour, nil)}, Next: "more"}, nil
}

// TestRunFails: half a list makes no reminder, for it would be that day's only one.
func TestRunFails(t *testing.T) {
	r := &reminders.Runner{
		Rules: rules(), List: &broken{}, Now: func() time.Time { return now },
		Enqueue: func(context.Context, ...incident.Effect) error { t.Error("something was stored"); return nil },
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("Run = %v", err)
	}
}
