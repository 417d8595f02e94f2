package incident

import (
	"slices"
	"strings"
	"time"
)

// writeRCA saves fields of the RCA as a draft; absent ones stay. With Complete
// it finishes the RCA too, which closes the incident.
func (a *change) writeRCA() error {
	rca := a.inc.Postmortem.clone().RCA
	if stale := rca.changed(a.cmd.Args.RCA, a.cmd.Args.RCAWas); len(stale) > 0 {
		return conflict("rca_changed", "%s: somebody else has changed %s meanwhile. Nothing was saved: look at it again.", a.inc.ID, strings.Join(stale, ", ")).
			With("id", a.inc.ID.String()).With("fields", stale)
	}
	fields, err := rca.set(a.cmd.Args.RCA)
	if err != nil {
		return err
	}
	pm := &a.inc.Postmortem
	if len(fields) > 0 {
		pm.RCA, pm.By, pm.At = rca, a.cmd.Actor, a.at
		a.event(EvRCASaved, "", map[string]string{"fields": strings.Join(fields, ",")})
	}
	if !a.cmd.Args.Complete {
		if len(fields) == 0 {
			return a.unchanged()
		}
		return nil
	}
	if err := a.mayReview(); err != nil {
		return err
	}
	if a.inc.reviewed() && !a.inc.Waived && pm.completed() {
		return a.unchanged()
	}
	return a.completeRCA()
}

// changed names the fields to be written that say something else than what their
// writer saw, and than what is to be written.
func (r *RCA) changed(values, was map[string]string) []string {
	var out []string
	for _, name := range RCAFields {
		to, written := values[name]
		seen, told := was[name]
		if now := r.text(name); written && told && now != asStored(name, seen) && now != asStored(name, to) {
			out = append(out, name)
		}
	}
	return out
}

// text is what a field says; of the five whys, a line each.
func (r *RCA) text(name string) string {
	if name == "five_whys" {
		return strings.Join(r.FiveWhys, "\n")
	}
	if p := r.field(name); p != nil {
		return *p
	}
	return ""
}

// asStored is a text as it is kept in a field.
func asStored(name, v string) string {
	v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
	if name == "five_whys" {
		return strings.Join(nonEmpty(strings.Split(v, "\n")), "\n")
	}
	return v
}

// set changes the named fields and returns those that differ.
func (r *RCA) set(values map[string]string) ([]string, error) {
	var changed []string
	for name, v := range values {
		v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
		if err := short(name, v, MaxText); err != nil {
			return nil, err
		}
		switch p := r.field(name); {
		case name == "five_whys":
			lines := nonEmpty(strings.Split(v, "\n"))
			if !slices.Equal(lines, r.FiveWhys) {
				r.FiveWhys = lines
				changed = append(changed, name)
			}
		case p == nil:
			return nil, invalid(name, "unknown_field", "An RCA has no field %q.", Clip(name, 40)).With("field", Clip(name, 40))
		case name == "category" && v != "" && !slices.Contains(Categories, v):
			return nil, invalid(name, "bad_category", "%q is not a category. Categories are: %s.", Clip(v, 40), strings.Join(Categories, ", ")).
				With("category", Clip(v, 40)).With("categories", strings.Join(Categories, ", "))
		case *p != v:
			*p = v
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

func nonEmpty(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// mayReview refuses to finish the papers of trouble that lasts.
func (a *change) mayReview() error {
	if a.inc.Active() {
		return conflict("still_open", "%s is still open: resolve it first.", a.inc.ID).With("id", a.inc.ID.String())
	}
	return nil
}

// draft begins the RCA from the template of the level, as soon as one is owed.
func (a *change) draft(level Level) {
	pm := &a.inc.Postmortem
	if !pm.Required || a.was.owed || !pm.RCA.IsZero() {
		return
	}
	for name, prompt := range level.Template {
		if name == "five_whys" {
			pm.RCA.FiveWhys = nonEmpty(strings.Split(prompt, "\n"))
		} else if p := pm.RCA.field(name); p != nil {
			*p = strings.TrimSpace(prompt)
		}
	}
}

// lacking names the required fields that are empty, or say no more than the
// prompt of the level's template.
func (a *change) lacking() []string {
	level, _ := a.f.Levels.Get(a.inc.Level)
	rca := a.inc.Postmortem.RCA
	for name, prompt := range level.Template {
		if p := rca.field(name); p != nil && *p == strings.TrimSpace(prompt) {
			*p = ""
		}
	}
	return rca.Missing()
}

func (a *change) completeRCA() error {
	pm := &a.inc.Postmortem
	if miss := a.lacking(); len(miss) > 0 {
		return invalid(miss[0], "rca_missing", "The RCA of %s still lacks: %s.", a.inc.ID, strings.Join(miss, ", ")).
			With("id", a.inc.ID.String()).With("missing", miss)
	}
	a.put(MarkComplete)
	pm.complete(a.cmd.Actor, a.at)
	pm.Reason = ""
	a.event(EvRCADone, "", map[string]string{"revision": itoa(pm.Revision)})
	return nil
}

// close needs a complete RCA, or a reason why none is wanted.
func (a *change) close() error {
	reason := strings.TrimSpace(a.cmd.Args.Waive)
	if err := short("waive", reason, MaxText); err != nil {
		return err
	}
	if err := a.mayReview(); err != nil {
		return err
	}
	if a.inc.Status == Closed {
		return a.unchanged()
	}
	if reason != "" {
		a.inc.Postmortem.Reason = reason
		a.put(MarkWaive)
		a.event(EvWaived, reason, nil)
		return nil
	}
	if miss := a.lacking(); len(miss) > 0 {
		return conflict("rca_owed", "%s needs its RCA before it closes (missing: %s), or a reason to do without one.", a.inc.ID, strings.Join(miss, ", ")).
			With("id", a.inc.ID.String()).With("missing", miss)
	}
	return a.completeRCA()
}

func (a *change) doAction() error {
	args := a.cmd.Args.Action
	if args == nil {
		return invalid("action", "action_missing", "Say what to do: add, done or list.")
	}
	if args.Op == "add" {
		return a.addAction(args)
	}
	i := slices.IndexFunc(a.inc.Actions, func(x Action) bool { return x.N == args.N })
	if i < 0 {
		return invalid("n", "no_action", "%s has no action %d. GET /api/v1/incidents/%[1]s/actions lists those that it has.", a.inc.ID, args.N).With("id", a.inc.ID.String()).With("n", args.N).With("prefix", "")
	}
	act := &a.inc.Actions[i]
	switch args.Op {
	case "done":
		if act.Done() {
			return a.unchanged()
		}
		act.DoneAt, act.DoneBy = a.at, a.cmd.Actor
		a.event(EvActionDone, act.Title, map[string]string{"n": itoa(act.N)})
	case "reopen":
		if !act.Done() {
			return a.unchanged()
		}
		act.DoneAt, act.DoneBy = time.Time{}, Actor{}
		a.event(EvActionAgain, act.Title, map[string]string{"n": itoa(act.N)})
	case "edit", "due", "assign":
		return a.editAction(act, args)
	default:
		return invalid("op", "action_missing", "Say what to do: add, done or list.")
	}
	return nil
}

func (a *change) addAction(args *ActionArgs) error {
	title := Line(args.Title)
	if title == "" {
		return invalid("title", "action_title", "Say what is to be done.")
	}
	if err := short("title", title, MaxTitle); err != nil {
		return err
	}
	if err := checkDue(args.Due); err != nil {
		return err
	}
	if len(a.inc.Actions) >= maxActions {
		return tooMany(a.inc.ID, "too_many_actions", maxActions, "%s has %d actions already. Put several into one instead: action edit %[1]s 1 \"…\"")
	}
	act := Action{N: len(a.inc.Actions) + 1, Title: title, Due: args.Due, By: a.cmd.Actor, At: a.at}
	if args.Owner != nil {
		act.Owner = a.f.Person(*args.Owner)
	}
	a.inc.Actions = append(a.inc.Actions, act)
	a.event(EvActionAdded, title, map[string]string{"n": itoa(act.N), "owner": act.Owner.Label(), "due": act.Due})
	return nil
}
