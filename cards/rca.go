package cards

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// RCASteps is the number of steps of the RCA form.
const RCASteps = 3

// rcaSteps are the fields of each step: at most four, so that a step fits a
// phone, and at most three long ones, so that a full draft fits a message.
var rcaSteps = [RCASteps][]string{
	{"summary", "impact", "detection"},
	{"root_cause", "category", "five_whys", "contributing_factors"},
	{"resolution_steps", "lessons", "impact_started_at", "detected_at"},
}

// RCATimes are the inputs of the RCA form that are no fields of the RCA, but
// times of the incident: input id -> name of the time in incident.TimeNames.
// Their values are as in timeLayout, in Options.Location.
var RCATimes = map[string]string{"impact_started_at": "impact_started", "detected_at": "detected"}

// timeLayout is how times are typed into forms.
const timeLayout = "2006-01-02 15:04"

// RCAFields are the ids of the inputs of a step, 1 to RCASteps; nil for another.
func RCAFields(step int) []string {
	if step < 1 || step > RCASteps {
		return nil
	}
	return slices.Clone(rcaSteps[step-1])
}

// RCAStepOf is the step that has the input of this id; 1 where none has.
func RCAStepOf(field string) int {
	for i, fields := range rcaSteps {
		if slices.Contains(fields, field) {
			return i + 1
		}
	}
	return 1
}

// RCAForm is one step, 1 to RCASteps, of the RCA form. values are what was typed,
// and win over the draft; errs say what is wrong, by field. No field is required
// by the client: each step must be savable half-written, and what is missing to
// finish is said by the label and judged by the server.
func RCAForm(v *query.View, step int, values, errs map[string]string, o Options) Card {
	step = min(max(step, 1), RCASteps)
	inc := v.Incident
	draft := rcaValues(inc, o.location())
	maps.Copy(draft, values)
	f := o.form(draft, errs)
	title := f.t("form.rca.title", "id", inc.ID.String())
	f.about(v, title+" · "+f.t("form.rca.step", "step", step, "steps", RCASteps))
	for _, id := range rcaSteps[step-1] {
		f.rcaInput(id)
	}
	if step == RCASteps {
		f.rcaActions(inc)
	}
	if v.Page != "" {
		if a := anchor(f.p("form.browser"), v.Page+"/rca"); a != "" {
			f.add(text(a))
		}
	}
	var buttons []button
	add := func(key, op string) {
		b := button{title: f.p(key), data: Data{Form: commands.FormRCA, Incident: inc.ID.String(), Step: strconv.Itoa(step), Op: op}}
		b.primary = op == commands.OpNext || op == commands.OpFinish
		buttons = append(buttons, b)
	}
	if step < RCASteps {
		add("form.next", commands.OpNext)
	} else {
		add("form.finish", commands.OpFinish)
	}
	add("form.save", commands.OpSave)
	if step > 1 {
		add("form.back", commands.OpBack)
	}
	return f.finish(string(title), buttons...)
}

func (f *form) rcaInput(id string) {
	label := f.p("rca." + id)
	if slices.Contains(incident.RequiredRCA, id) {
		label = f.p("form.needed", "field", label)
	}
	if _, ok := RCATimes[id]; ok {
		f.input(id, f.clock(id, f.p("form.time", "field", label, "zone", f.location().String()), "2026-12-31 15:04"))
		return
	}
	if id == "category" {
		e := inputChoice{Type: "Input.ChoiceSet", ID: id, Label: label, Style: "compact", Placeholder: f.p("form.choose")}
		for _, c := range incident.Categories {
			e.Choices = append(e.Choices, Choice{Title: f.say.Category(c), Value: c})
			if c == f.values[id] {
				e.Value = c
			}
		}
		f.input(id, e)
		return
	}
	e := f.text(id, label, true, incident.MaxText)
	e.Placeholder = f.p("rca." + id + ".hint")
	f.input(id, e)
}

// rcaActions shows the follow-ups, and how to add one: a button here would lose
// what is typed.
func (f *form) rcaActions(inc *incident.Incident) {
	if len(inc.Actions) > 0 {
		f.add(bold(f.t("actions.title", "open", len(inc.OpenActions()), "all", len(inc.Actions))))
	}
	for i, a := range inc.Actions {
		if i == showActions {
			f.add(subtle(f.n("card.more", len(inc.Actions)-i)))
			break
		}
		s := f.p("actions.item", "n", a.N, "title", clip(a.Title, 160))
		if a.Done() {
			s = "✔ " + s
		}
		f.add(rich(run(s)))
	}
	f.add(subtle(f.t("actions.add", "hint", f.Hint("action "+inc.ID.String()+" "+f.p("actions.example")))))
}

// rcaValues are the values of the draft, by input.
func rcaValues(inc *incident.Incident, zone *time.Location) map[string]string {
	r := &inc.Postmortem.RCA
	out := map[string]string{
		"summary": r.Summary, "impact": r.Impact, "detection": r.Detection, "root_cause": r.RootCause, "category": r.Category,
		"five_whys": strings.Join(r.FiveWhys, "\n"), "contributing_factors": r.ContributingFactors,
		"resolution_steps": r.ResolutionSteps, "lessons": r.Lessons,
	}
	if t := inc.Times.ImpactStarted; !t.IsZero() {
		out["impact_started_at"] = t.In(zone).Format(timeLayout)
	}
	if t := inc.Times.Detected; !t.IsZero() {
		out["detected_at"] = t.In(zone).Format(timeLayout)
	}
	return out
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
