package postmortem

import (
	"slices"
	"strconv"
	"strings"

	"imbot/incident"
	"imbot/locale"
)

// field returns the text of a field of an RCA; the whys are one a line.
func field(r *incident.RCA, name string) string {
	switch name {
	case "summary":
		return r.Summary
	case "impact":
		return r.Impact
	case "detection":
		return r.Detection
	case "root_cause":
		return r.RootCause
	case "category":
		return r.Category
	case "five_whys":
		return strings.Join(r.FiveWhys, "\n")
	case "contributing_factors":
		return r.ContributingFactors
	case "resolution_steps":
		return r.ResolutionSteps
	case "lessons":
		return r.Lessons
	}
	return ""
}

// written is what people wrote in a field, and prompt what they are asked for
// where they did not: what the draft began with, else our own hint.
func (w *writer) written(name string) (text, prompt string) {
	text = strings.TrimSpace(field(&w.inc.Postmortem.RCA, name))
	asked := strings.TrimSpace(w.v.Level.Template[name])
	if text != "" && lines(text) != lines(asked) {
		return text, ""
	}
	if asked != "" {
		return "", asked
	}
	return "", w.say.Or("rca."+name+".hint", "")
}

// missing are the required fields in which nothing is written.
func (w *writer) missing() []string {
	var out []string
	for _, name := range incident.RequiredRCA {
		if text, _ := w.written(name); text == "" {
			out = append(out, name)
		}
	}
	return out
}

// rca is a section for each field. While it is owed, what nobody has written yet
// is asked for; once it is over, that is left out.
func (w *writer) rca() []Section {
	pm := &w.inc.Postmortem
	if pm.State == incident.PostmortemNone || (pm.State == incident.PostmortemWaived && pm.RCA.IsZero()) {
		return nil
	}
	var out []Section
	for _, name := range incident.RCAFields {
		if name == "category" { // it stands with the root cause
			continue
		}
		var blocks []Block
		if name == "root_cause" {
			blocks = append(blocks, w.category()...)
		}
		switch text, prompt := w.written(name); {
		case text != "":
			blocks = append(blocks, body(name, text))
		case prompt != "" && pm.State == incident.PostmortemDraft:
			blocks = append(blocks, Prompt(lines(prompt)))
		}
		if len(blocks) > 0 {
			out = append(out, Section{w.t("rca." + name), blocks})
		}
	}
	return out
}

// body is what people wrote in a field. The whys, of which each explains the one
// before, are numbered.
func body(name, s string) Block {
	t := text(s)
	if name != "five_whys" {
		return t
	}
	l := List{Numbered: true}
	for _, par := range t {
		for _, why := range par {
			l.Items = append(l.Items, Item{Cell: plain(why)})
		}
	}
	if len(l.Items) == 0 {
		return t
	}
	return l
}

// category is the kind of root cause. One that the template only proposes is not
// chosen yet.
func (w *writer) category() []Block {
	name, proposed := w.written("category")
	label := w.t("rca.category")
	switch {
	case name != "":
		return []Block{Facts{{label, plain(line(w.say.Category(name), maxName))}}}
	case w.inc.Postmortem.State != incident.PostmortemDraft:
		return nil
	case proposed != "":
		return []Block{Prompt(label + ": " + line(w.say.Category(proposed), maxName) + "?")}
	}
	return []Block{Prompt(label + ": " + strings.Join(categories(w.say), ", "))}
}

// categories are all of them in words, in their order.
func categories(say locale.Printer) []string {
	out := make([]string, len(incident.Categories))
	for i, c := range incident.Categories {
		out[i] = say.Category(c)
	}
	return out
}

// actions are the follow-ups, open ones first.
func (w *writer) actions() []Block {
	if len(w.inc.Actions) == 0 {
		return nil
	}
	t := Table{Head: []string{"#", w.t("doc.action"), w.t("field.owner"), w.t("doc.due"), w.t("doc.state"), w.t("field.key")}}
	for _, a := range w.inc.Actions {
		owner, state, ticket := person(a.Owner), Span{Text: w.t("ticket.status.open"), Tone: Warning}, Cell(nil)
		if owner == "" {
			owner = w.t("actions.nobody")
		}
		if a.Done() {
			state = Span{Text: w.t("ticket.status.done"), Tone: Good}
		}
		if a.Ticket.Made() {
			ticket = Cell{link(a.Ticket.Key, a.Ticket.URL)}
		}
		done := Cell{state}
		if a.Done() {
			done = append(done, Span{Text: " " + join(" · ", w.when(a.DoneAt), person(a.DoneBy))})
		}
		t.Rows = append(t.Rows, []Cell{plain(strconv.Itoa(a.N)), plain(line(a.Title, incident.MaxTitle)), plain(owner), plain(line(a.Due, 20)), done, ticket})
	}
	open := func(i int) int {
		if w.inc.Actions[i].Done() {
			return 1
		}
		return 0
	}
	order := make([]int, len(t.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return open(a) - open(b) })
	sorted := make([][]Cell, len(order))
	for i, at := range order {
		sorted[i] = t.Rows[at]
	}
	t.Rows = sorted
	return []Block{t}
}

// revisions are the completed versions of the RCA, newest first.
func (w *writer) revisions() []Block {
	var t Table
	for _, r := range slices.Backward(w.inc.Postmortem.Revisions) {
		t.Rows = append(t.Rows, []Cell{plain(strconv.Itoa(r.N)), plain(w.when(r.At)), plain(person(r.By))})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	t.Head = []string{w.t("doc.revision"), w.t("doc.when"), w.t("doc.who")}
	return []Block{t}
}
