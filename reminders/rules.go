package reminders

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Rules say when an RCA is overdue, and whom that concerns.
type Rules struct {
	After time.Duration // since the end of the incident; 0: incident.DefaultRCAWithin. Twice that for the squad's lead
	Hours Hours         // zero: DefaultHours
	// Zone is where a person works. nil: UTC for all.
	Zone func(ctx context.Context, person string) *time.Location
	// Live reports whether people of a squad are to be told anything: not while it
	// is on trial. nil: all are.
	Live func(squad string) bool
}

func (r *Rules) after() time.Duration {
	if r.After <= 0 {
		return incident.DefaultRCAWithin
	}
	return r.After
}

// Local is a moment where a person works.
func (r *Rules) Local(ctx context.Context, person string, now time.Time) time.Time {
	if r.Zone != nil {
		if z := r.Zone(ctx, person); z != nil {
			return now.In(z)
		}
	}
	return now.UTC()
}

// Working reports whether a person may be reminded at this moment.
func (r *Rules) Working(ctx context.Context, person string, now time.Time) bool {
	h := r.Hours
	if h == (Hours{}) {
		h = DefaultHours
	}
	return h.Contain(r.Local(ctx, person, now))
}

// Date is the day, where the person works: 2006-01-02.
func (r *Rules) Date(ctx context.Context, person string, now time.Time) string {
	return r.Local(ctx, person, now).Format(time.DateOnly)
}

// Part is why somebody is reminded of an RCA.
type Part struct {
	Person string // id
	Lead   bool   // as the lead of the squad
}

// Who returns whom the RCA of an incident concerns at this moment; nobody where
// none is overdue, or a person has ended reminders. A service without an owner
// leaves it to the lead at once. Of a private incident only its members hear, and
// where neither owner nor lead is one, whoever commanded it.
func (r *Rules) Who(v *query.View, now time.Time) []Part {
	inc := v.Incident
	late := now.Sub(inc.ResolvedAt) - r.after()
	switch {
	case inc.Status != incident.Resolved || inc.ResolvedAt.IsZero() || late < 0:
		return nil
	case !inc.TicketWanted(v.Level) || inc.Reminders.Off:
		return nil
	case r.Live != nil && !r.Live(inc.Squad):
		return nil
	}
	var out []Part
	add := func(id string, lead bool) {
		known := slices.ContainsFunc(out, func(p Part) bool { return p.Person == id })
		if id != "" && !known && inc.Visible(incident.Actor{Kind: incident.KindUser, ID: id}) {
			out = append(out, Part{id, lead})
		}
	}
	add(v.Service.Owner, false)
	if len(out) == 0 || late >= r.after() {
		add(v.Squad.Lead, true)
	}
	if len(out) == 0 {
		add(inc.Commander.ID, false)
	}
	return out
}

// Concerns reports whether an RCA is overdue still, and concerns this person, and
// whether it does as the squad's lead.
func (r *Rules) Concerns(v *query.View, person string, now time.Time) (ok, lead bool) {
	for _, p := range r.Who(v, now) {
		if p.Person == person {
			return true, p.Lead
		}
	}
	return false, false
}

// Reminder is one message to one person.
type Reminder struct {
	Person    string
	Date      string // where the person is
	Incidents []incident.ID
}

// maxIncidents bounds what one reminder is about, the longest overdue first.
const maxIncidents = 100

// Plan returns who is to be reminded at this moment, by person, each once: those
// who are at work, of all that is overdue, the oldest first.
func (r *Rules) Plan(ctx context.Context, list []*query.View, now time.Time) []Reminder {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *query.View) int {
		return cmp.Or(a.Incident.ResolvedAt.Compare(b.Incident.ResolvedAt), cmp.Compare(a.Incident.ID, b.Incident.ID))
	})
	var out []Reminder
	for _, v := range list {
		for _, p := range r.Who(v, now) {
			if !r.Working(ctx, p.Person, now) {
				continue
			}
			i := slices.IndexFunc(out, func(o Reminder) bool { return o.Person == p.Person })
			if i < 0 {
				i, out = len(out), append(out, Reminder{Person: p.Person, Date: r.Date(ctx, p.Person, now)})
			}
			if len(out[i].Incidents) < maxIncidents {
				out[i].Incidents = append(out[i].Incidents, v.Incident.ID)
			}
		}
	}
	slices.SortFunc(out, func(a, b Reminder) int { return strings.Compare(a.Person, b.Person) })
	return out
}
