package cards

import (
	"slices"
	"time"

	"imbot/commands"
	"imbot/query"
)

// TimesFields are the inputs of TimesForm, by the names of their times in
// incident.TimeNames. Their values are as in timeLayout, in Options.Location.
var TimesFields = map[string]string{"impact_started_at": "impact_started", "detected_at": "detected", "mitigated_at": "mitigated"}

// timesOrder is the order in which they happen.
var timesOrder = []string{"impact_started_at", "detected_at", "mitigated_at"}

// TimesForm asks when the impact began, was detected and was mitigated, and why
// that is known: "reason".
func TimesForm(v *query.View, values, errs map[string]string, o Options) Card {
	t := v.Incident.Times
	have := map[string]string{}
	for i, at := range []time.Time{t.ImpactStarted, t.Detected, t.Mitigated} {
		if !at.IsZero() {
			have[timesOrder[i]] = at.In(o.location()).Format(timeLayout)
		}
	}
	for _, id := range append(slices.Clone(timesOrder), "reason") {
		if s, ok := values[id]; ok {
			have[id] = s
		}
	}
	f := o.form(have, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.time.title", "id", id))
	for _, id := range timesOrder {
		f.input(id, f.clock(id, f.p("form.time", "field", f.p("rca."+id), "zone", f.location().String()), "2026-12-31 15:04"))
	}
	f.input("reason", f.text("reason", f.p("field.reason"), true, maxReason))
	return f.finish(f.p("form.time.title", "id", id), f.send("form.save_times", commands.FormTime, v))
}

// maxReason bounds the reason, in runes: it is one line of the timeline.
const maxReason = 500
