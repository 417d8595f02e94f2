package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
)

// What a person asks of the form.
const (
	opSave   = commands.OpSave
	opAction = "action" // save, and add the action
	opFinish = commands.OpFinish
)

// actionFields are the inputs of the action that may be added with the RCA.
var actionFields = []string{"action_title", "action_owner", "action_due"}

// formNames are all names that the form sends.
var formNames = append(append(rcaFields(), actionFields...), "version", "op")

// rcaFields are the names of the RCA's inputs, in their order: those of the
// cards' form.
func rcaFields() []string {
	var out []string
	for step := 1; step <= cards.RCASteps; step++ {
		out = append(out, cards.RCAFields(step)...)
	}
	return out
}

// rcaValues are the values of the draft, by input.
func rcaValues(inc *incident.Incident, zone *time.Location) map[string]string {
	r := &inc.Postmortem.RCA
	out := map[string]string{
		"summary": r.Summary, "impact": r.Impact, "detection": r.Detection, "root_cause": r.RootCause, "category": r.Category,
		"five_whys": strings.Join(r.FiveWhys, "\n"), "contributing_factors": r.ContributingFactors,
		"resolution_steps": r.ResolutionSteps, "lessons": r.Lessons,
	}
	for name, t := range map[string]time.Time{"impact_started_at": inc.Times.ImpactStarted, "detected_at": inc.Times.Detected} {
		if !t.IsZero() {
			out[name] = t.In(zone).Format(timeLayout)
		}
	}
	return out
}

// form is what came back from a browser.
type form struct {
	values  map[string]string // by input
	version string            // as it was when the form was read
	op      string
}

// readForm takes what is known of a form. Line breaks come as CR LF, see
// https://html.spec.whatwg.org/#constructing-entry-list.
func readForm(post url.Values) *form {
	f := &form{values: map[string]string{}, version: post.Get("version"), op: post.Get("op")}
	for _, name := range slices.Concat(rcaFields(), actionFields) {
		f.values[name] = tidy(post.Get(name))
	}
	f.values["five_whys"] = lines(f.values["five_whys"])
	if f.op != opFinish && f.op != opAction {
		f.op = opSave
	}
	return f
}

// tidy writes text as it will be stored, so that what was not changed is seen as
// such.
func tidy(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"))
}

// maxVersion bounds what is read of a version, in bytes.
const maxVersion = 512

// versionOf names the RCA as it stands: when it was saved last, how far it is,
// how many actions there are, and the hash of each field. A form sends it back,
// so that what somebody else has saved meanwhile is noticed, field by field.
func versionOf(inc *incident.Incident, zone *time.Location) string {
	pm := &inc.Postmortem
	values := rcaValues(inc, zone)
	parts := []string{fmt.Sprintf("%d-%d-%s-%d", pm.At.UnixMilli(), pm.Revision, pm.State, len(inc.Actions))}
	for _, name := range rcaFields() {
		parts = append(parts, hash(values[name]))
	}
	return strings.Join(parts, ".")
}

func hash(s string) string {
	h := sha256.Sum256([]byte(tidy(s)))
	return hex.EncodeToString(h[:6])
}

// fieldHashes are those of a version, by input; none for what is no version.
func fieldHashes(version string) map[string]string {
	names := rcaFields()
	parts := strings.Split(version, ".")
	out := map[string]string{}
	if len(version) > maxVersion || len(parts) != len(names)+1 {
		return out
	}
	for i, name := range names {
		out[name] = parts[i+1]
	}
	return out
}

// merge puts what was typed and what was saved since the form was read together;
// nil where nothing was saved since, or nothing that differs from what was typed.
// A field that only one of both has changed takes that change; where both have,
// the form keeps what was typed and shows the other beside it.
func (f *form) merge(inc *incident.Incident, zone *time.Location) *draft {
	now, base := rcaValues(inc, zone), fieldHashes(f.version)
	d := &draft{values: maps.Clone(f.values), theirs: map[string]string{}, taken: map[string]bool{}, version: versionOf(inc, zone)}
	for _, name := range rcaFields() {
		mine, theirs := f.values[name], now[name]
		switch {
		case mine == theirs, hash(theirs) == base[name]:
		case hash(mine) == base[name]:
			d.values[name], d.taken[name] = theirs, true
		default:
			d.theirs[name] = theirs
		}
	}
	if len(d.theirs)+len(d.taken) == 0 {
		return nil
	}
	return d
}

// without is what remains to be done: an action that was added is not typed any
// more.
func (f *form) without(done string) map[string]string {
	out := maps.Clone(f.values)
	if done == "action" {
		for _, name := range actionFields {
			delete(out, name)
		}
	}
	return out
}

// commands are what the form asks for: times, action, and the text last, since
// completing it closes the incident. complete says that it shall be completed.
// What is wrong is noted in errs.
func (f *form) commands(v *visitor, inc *incident.Incident, now time.Time, complete bool, errs map[string]string) []incident.Command {
	id := inc.ID.String()
	data := map[string]any{"verb": "submit", "form": commands.FormRCA, "incident": id, "op": commands.OpSave}
	for _, name := range rcaFields() {
		data[name] = f.values[name]
	}
	req, err := commands.FromCard(data)
	var out []incident.Command
	if err != nil {
		v.note(errs, err, "")
	} else if out, err = req.TimeCommands(commands.Env{Now: now, Location: v.zone, Actor: v.Actor}, inc.Times); err != nil {
		v.note(errs, err, "")
	}
	if f.values["action_title"] != "" || f.op == opAction {
		action, err := commands.FromCard(map[string]any{
			"verb": "submit", "form": commands.FormAction, "incident": id,
			"title": f.values["action_title"], "owner": f.values["action_owner"], "due": f.values["action_due"],
		})
		if err != nil {
			v.note(errs, err, "action_title")
		} else {
			action.As(v.Actor, v.Role, source, f.key("action", inc.ID)+"/"+hash(f.values["action_title"]))
			out = append(out, *action.Command)
		}
	}
	if req.Command == nil {
		return out
	}
	return append(out, f.text(req.Command, inc, complete, v.zone)...)
}

// text is the command that saves the fields that were changed; none where there
// are none, and nothing is to be completed. Of several that were begun with the
// same version only the first is carried out: they share their key.
func (f *form) text(cmd *incident.Command, inc *incident.Incident, complete bool, zone *time.Location) []incident.Command {
	now := rcaValues(inc, zone)
	c := *cmd
	c.Args.Complete, c.Keys = complete, []string{f.key("rca", inc.ID)}
	maps.DeleteFunc(c.Args.RCA, func(name, value string) bool { return tidy(value) == now[name] })
	if len(c.Args.RCA) == 0 && !complete {
		return nil
	}
	// What differs from what the visitor saw was found by then: it is what stands
	// there now. A card may be saved before the command is carried out.
	c.Args.RCAWas = map[string]string{}
	for name := range c.Args.RCA {
		c.Args.RCAWas[name] = now[name]
	}
	return []incident.Command{c}
}

func (f *form) key(what string, id incident.ID) string {
	h := sha256.Sum256([]byte(f.version))
	return "web/" + what + "/" + id.String() + "/" + hex.EncodeToString(h[:8])
}

// stands reports whether what a command has written is there: a command that
// came second with its key was not carried out.
func stands(inc *incident.Incident, c *incident.Command) bool {
	if c.Verb != incident.WriteRCA || len(c.Args.RCA) == 0 {
		return true
	}
	now := rcaValues(inc, time.UTC)
	for name, value := range c.Args.RCA {
		if now[name] != tidy(value) {
			return false
		}
	}
	return true
}

// lines is text without empty lines and the spaces around the others: so are the
// five whys stored.
func lines(s string) string {
	var out []string
	for l := range strings.SplitSeq(tidy(s), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// inputOf is the input that a command was made of; "" for the whole form.
func inputOf(c *incident.Command) string {
	switch c.Verb {
	case incident.DoAction:
		return "action_title"
	case incident.SetTime:
		for input, name := range cards.RCATimes {
			if name == c.Args.Time {
				return input
			}
		}
	}
	return ""
}
