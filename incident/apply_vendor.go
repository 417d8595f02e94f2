package incident

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// trigger is the pager's word that there is trouble: a new incident, or the
// same one again. The same incident in the pager is the same incident here.
func (a *change) trigger() error {
	al := a.cmd.Args.Alert
	if al == nil || a.cmd.Ref == nil {
		return invalid("alert", "alert_missing", "a trigger needs an alert and a ref")
	}
	if !a.was.created {
		a.takeAlert(al)
		if !a.mark(MarkOpen) {
			return a.unchanged()
		}
		a.event(EvTriggered, "", nil)
		return nil
	}
	if !al.CreatedAt.IsZero() && al.CreatedAt.Before(a.at) {
		a.at = al.CreatedAt.UTC()
	}
	ref := *a.cmd.Ref
	ref.Role = RoleAlert
	a.inc.Refs = append(a.inc.Refs, ref)
	a.inc.Alert, a.inc.AlertAt = ptr(al.clone()), latest(a.at, a.cmd.At)
	a.inc.Title = vendorTitle(al)
	a.inc.Responders = a.people(al.Assignees)
	a.inc.Imported = a.cmd.History
	a.inc.Recurrences = a.f.Before
	a.place()
	a.judge()
	a.mute()
	a.inc.mark(Mark{At: a.at, Kind: MarkOpen, By: a.cmd.Actor})
	if a.cmd.At.After(a.at) {
		// It may be that it was triggered again, and we hear of that first.
		a.inc.mark(Mark{At: a.cmd.At, Kind: MarkOpen, By: a.cmd.Actor})
	}
	a.event(EvTriggered, "", map[string]string{"title": a.inc.Title, "level": a.inc.Level, "rule": a.inc.LevelRule})
	if a.inc.Imported {
		a.event(EvImported, "", nil).Actor = System
	}
	if a.f.Details && !a.inc.Imported {
		e := effect(a.inc.ID, KindDetails, Once, "", "")
		e.Urgent = a.urgent()
		a.effects = append(a.effects, e.with(PagerData{ID: ref.ID}))
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

func vendorTitle(al *Alert) string {
	if t := Clip(Line(al.Title), MaxTitle); t != "" {
		return t
	}
	return "(no title)"
}

// vendorChange takes over what the pager says now.
func (a *change) vendorChange() error {
	if !a.takeAlert(a.cmd.Args.Alert) && a.cmd.Args.Text != "" {
		a.event(EvPager, Clip(Line(a.cmd.Args.Text), MaxText), nil)
	}
	return a.unchanged()
}

// takeAlert takes over the pager's newer word; one that is older than what is
// known changes nothing. It reports whether anything changed.
func (a *change) takeAlert(al *Alert) bool {
	if al == nil || a.inc.Alert == nil || a.cmd.At.Before(a.inc.AlertAt) {
		return false
	}
	old := a.inc.Alert
	n := old.updated(al)
	a.inc.Alert, a.inc.AlertAt = &n, a.cmd.At.UTC()
	count := len(a.events)
	a.note(al.Urgency, old.Urgency, "urgency")
	a.note(al.Priority, old.Priority, "priority")
	if t := vendorTitle(al); t != a.inc.Title {
		a.note(t, a.inc.Title, "title")
		a.inc.Title = t
	}
	if al.ServiceID != old.ServiceID {
		a.note(al.Service, old.Service, "service")
		a.place()
	}
	if !slices.EqualFunc(al.Assignees, old.Assignees, Actor.Is) {
		a.inc.Responders = a.people(al.Assignees)
		a.event(EvResponders, "", map[string]string{"people": labels(a.inc.Responders)})
	}
	a.rejudge()
	return len(a.events) > count
}

func (a *change) note(to, from, field string) {
	if to != from {
		a.event(EvChanged, "", map[string]string{"field": field, "from": Clip(from, MaxTitle), "to": Clip(to, MaxTitle)})
	}
}

// judge lets the rules decide the level of a new incident.
func (a *change) judge() {
	v := a.f.Verdict
	a.inc.Level, a.inc.LevelRule, a.inc.LevelRuleNo, a.inc.Quiet = v.Level, v.Rule, v.No, v.Quiet || a.inc.Maintenance != ""
	level, _ := a.f.Levels.Get(v.Level)
	a.inc.Private = a.inc.Private || level.Private
}

// mute keeps an alert quiet that falls into a window of maintenance.
func (a *change) mute() {
	m := a.f.Mute
	if m == nil || a.inc.Private {
		return
	}
	target := m.Service
	if target == "" {
		target = m.Squad
	}
	a.inc.Quiet, a.inc.Maintenance = true, Clip(m.By.Label()+": "+m.Reason, MaxTitle)
	a.event(EvMuted, m.Reason, map[string]string{"target": target, "by": m.By.Label(), "until": m.Until.Format(time.RFC3339)}).Actor = System
}

// rejudge lets the rules decide again, never against a person's decision.
func (a *change) rejudge() {
	if !a.inc.LevelBy.IsZero() {
		return
	}
	from := a.inc.Level
	a.judge()
	if a.inc.Level != from {
		a.event(EvLevel, "", map[string]string{"from": from, "to": a.inc.Level, "rule": a.inc.LevelRule}).Actor = System
	}
}

// enrich is the second look: the alert's details, fetched after the webhook.
func (a *change) enrich() error {
	al := a.cmd.Args.Alert
	if al == nil || a.inc.Alert == nil {
		return a.unchanged()
	}
	n, people := a.inc.Alert.enriched(al), a.inc.Responders
	if len(al.Assignees) > 0 {
		// The pager's own names of them stay in the alert, to be compared with its
		// next word.
		people = a.people(al.Assignees)
	}
	if reflect.DeepEqual(n, *a.inc.Alert) && slices.Equal(people, a.inc.Responders) {
		return a.unchanged()
	}
	a.inc.Alert, a.inc.Responders = &n, people
	if r := a.inc.Room; r != nil && len(al.Assignees) == len(n.Assignees) {
		for i, p := range n.Assignees {
			r.identify(a.f.Person(p), a.f.Person(al.Assignees[i]))
		}
	}
	a.event(EvDetails, "", nil)
	a.rejudge()
	return nil
}

// outgrown reports whether this is what only the pager calls somebody, who is
// known by now.
func (a *change) outgrown(who Actor) bool {
	al := a.inc.Alert
	return al != nil && strings.HasPrefix(who.ID, "pd:") && slices.ContainsFunc(al.Assignees, who.Is) && !slices.ContainsFunc(a.inc.Responders, who.Is)
}

// people gives each person the one identity.
func (a *change) people(in []Actor) []Actor {
	var out []Actor
	for _, p := range in {
		if p = a.f.Person(p); !slices.ContainsFunc(out, p.Is) {
			out = append(out, p)
		}
	}
	return out
}

func labels(people []Actor) string {
	s := make([]string, len(people))
	for i, p := range people {
		s[i] = p.Label()
	}
	return strings.Join(s, ", ")
}

// toPager mirrors what a person did to the pager; what came from there makes no
// echo. A private incident's words stay here.
func (a *change) toPager(kind, text string, n int) {
	ref, ok := a.inc.AlertRef()
	if !ok || ref.System != "pagerduty" || a.cmd.FromVendor() || a.cmd.Actor.Kind == KindSystem {
		return
	}
	if a.inc.Private {
		if kind == KindPDNote {
			return
		}
		text = ""
	}
	e := effect(a.inc.ID, kind, Once, "", itoa(n))
	a.effects = append(a.effects, e.with(PagerData{ID: ref.ID, By: a.cmd.Actor, Text: text, N: n}))
}
