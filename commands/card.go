package commands

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"imbot/incident"
)

// Bounds on what a card sends back. Text has at most [incident.MaxText] runes
// of four bytes.
const (
	maxCardFields = 64
	maxCardValue  = 4 * incident.MaxText
)

// cardVerbs are the buttons: what each makes of the card's data.
var cardVerbs = map[string]func(*cardData) (Request, *incident.Problem){
	"ack":         func(d *cardData) (Request, *incident.Problem) { return d.command("ack") },
	"resolve":     func(d *cardData) (Request, *incident.Problem) { return d.command("resolve", "text") },
	"reopen":      func(d *cardData) (Request, *incident.Problem) { return d.command("reopen", "reason") },
	"retry":       func(d *cardData) (Request, *incident.Problem) { return d.command("retry") },
	"cause":       func(d *cardData) (Request, *incident.Problem) { return d.command("cause", "change", "was") },
	"assign_me":   (*cardData).assignMe,
	"room":        func(d *cardData) (Request, *incident.Problem) { return d.command("room", "op") },
	"action_done": (*cardData).actionDone,
	"form":        (*cardData).openForm,
	"submit":      (*cardData).submit,
	"remind":      func(d *cardData) (Request, *incident.Problem) { return d.command("remind", "op") },
	"subscribe":   (*cardData).subscribe,
	"show":        func(d *cardData) (Request, *incident.Problem) { return d.show("") },
	"unlink":      func(d *cardData) (Request, *incident.Problem) { return d.inList("unlink", "reason") },
	"undo":        func(d *cardData) (Request, *incident.Problem) { return d.inList("undo") },
	"related":     (*cardData).related,
	"similar":     (*cardData).similar,
	"unmute":      (*cardData).unmute,
	"list":        func(*cardData) (Request, *incident.Problem) { return listOpen(), nil },
	"connect":     (*cardData).connect,
	"refresh":     func(d *cardData) (Request, *incident.Problem) { return d.show(OpRefresh) },
}

// forms says what the submit of each form asks for, and which inputs it reads.
var forms = map[string]struct {
	verb   string
	inputs []string
	needs  bool // it is about an incident
}{
	FormDeclare: {"declare", []string{"title", "service", "level", "description", "private"}, false},
	FormRCA:     {"rca", []string{"summary", "impact", "detection", "root_cause", "category", "five_whys", "contributing_factors", "resolution_steps", "lessons"}, true},
	FormAction:  {"action", []string{"title", "owner", "due"}, true},
	FormNote:    {"note", []string{"text"}, true},
	FormLevel:   {"level", []string{"level", "reason"}, true},
	FormWaive:   {"close", []string{"waive"}, true},
	FormResolve: {"resolve", []string{"text"}, true},
	FormLink:    {"link", []string{"parent", "kind"}, true},
	FormTime:    {"time", nil, true},
	FormUpdate:  {"update", []string{"customers", "text", "next_update"}, true},
	FormPage:    {"page", []string{"who", "reason"}, true},
}

// extraInputs are those that are no arguments of the form's verb: a service that
// is not among the choices, and times, see [Request.TimeCommands].
var extraInputs = map[string][]string{
	FormDeclare: {"service_other"},
	FormRCA:     {"impact_started_at", "detected_at"},
	FormLink:    {"parent_other"},
	FormTime:    {"impact_started_at", "detected_at", "mitigated_at", "reason"},
}

// cardData is the data of a card, flat: every value as text.
type cardData map[string]string

// FromCard understands what a card sends back: the data of its button and the
// values of its inputs in one flat object. "verb" says what is wanted: ack,
// resolve, reopen, assign_me, action_done (with "n"), connect (with "squad"),
// show, refresh, form (with "form": ask for it) or submit (with "form": its
// inputs are there). "incident" is the id.
//
// Everything is checked as if a stranger had typed it: a card is no proof of
// anything. With an error, the Request still says form, step, incident and
// Values as far as they were understood, so that the form can be shown again.
func FromCard(data map[string]any) (Request, error) {
	d, p := flatten(data)
	if p != nil {
		return Request{}, p
	}
	handle := cardVerbs[d["verb"]]
	if handle == nil {
		return Request{}, problem("verb", "card_stale", "example", "show")
	}
	r, p := handle(&d)
	if p != nil {
		return r, p
	}
	return r, nil
}

// flatten makes text of all values. Teams adds objects of its own under
// "msteams", which are no business of ours; any other nesting is hostile.
func flatten(data map[string]any) (cardData, *incident.Problem) {
	if len(data) > maxCardFields {
		return nil, problem("", "card_bad", "field", "too many fields")
	}
	d := make(cardData, len(data))
	for k, v := range data {
		if k == "msteams" || v == nil {
			continue
		}
		if len(k) > 64 || !utf8.ValidString(k) {
			return nil, problem("", "card_bad", "field", "a field's name")
		}
		switch v := v.(type) {
		case string:
			if len(v) > maxCardValue {
				return nil, problem(k, "text_too_long", "limit", maxCardValue)
			}
			d[k] = clean(v)
		case bool:
			d[k] = strconv.FormatBool(v)
		case float64:
			if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
				return nil, problem(k, "field_type", "field", quote(k), "want", "a whole number")
			}
			d[k] = strconv.FormatInt(int64(v), 10)
		case int:
			d[k] = strconv.Itoa(v)
		default:
			return nil, problem(k, "card_bad", "field", quote(k))
		}
	}
	return d, nil
}

// id reads the incident's id again: what stands in a card may be anything.
func (d cardData) id() (incident.ID, *incident.Problem) {
	id, err := incident.ParseID(d["incident"])
	if err != nil {
		return 0, problem("incident", "card_bad", "field", "incident")
	}
	return id, nil
}

func (d *cardData) show(op string) (Request, *incident.Problem) {
	id, p := d.id()
	return Request{Verb: "show", Incident: id, Op: op}, p
}

// command makes the command of a verb, with those inputs that are there.
func (d *cardData) command(name string, inputs ...string) (Request, *incident.Problem) {
	id, p := d.id()
	if p != nil {
		return Request{Verb: name}, p
	}
	return d.fill(verbByName[name], id, inputs)
}

func (d *cardData) fill(v *verb, id incident.ID, inputs []string) (Request, *incident.Problem) {
	r, env := v.start(id), &Env{}
	got := map[string]value{}
	var first *incident.Problem
	for _, name := range inputs {
		raw, ok := (*d)[name]
		if !ok {
			continue
		}
		r.Values[name] = raw
		a := v.arg(name)
		if raw == "" && a.kind != kindText && a.kind != kindChoice {
			continue // an input that was left empty
		}
		val, p := a.read(raw, env)
		if p != nil && first == nil {
			first = p
		}
		got[name] = val
	}
	if first != nil {
		r.Command = nil
		return r, first
	}
	if v.name == "action" {
		got["op"] = value{str: "add"}
	}
	values := r.Values
	p := v.fill(&r, got, env)
	r.Values = values
	return r, p
}

func (d *cardData) assignMe() (Request, *incident.Problem) {
	r, p := d.command("assign", "role")
	if p != nil {
		return r, p
	}
	r.Me = true
	if r.args().Role == "" {
		r.args().Role = "commander"
	}
	return r, nil
}

func (d *cardData) subscribe() (Request, *incident.Problem) {
	if (*d)["op"] == "stop" {
		return d.command("unsubscribe")
	}
	return d.command("subscribe")
}

func (d *cardData) connect() (Request, *incident.Problem) {
	v, err := verbByName["connect"].arg("squad").read((*d)["squad"], &Env{})
	return Request{Verb: "connect", Squad: v.str}, err
}

func (d *cardData) actionDone() (Request, *incident.Problem) {
	id, p := d.id()
	if p != nil {
		return Request{Verb: "action"}, p
	}
	v := verbByName["action"]
	n, p := v.arg("n").read((*d)["n"], &Env{})
	r := v.start(id)
	if p != nil {
		r.Command = nil
		return r, p
	}
	return r, v.fill(&r, map[string]value{"op": {str: "done"}, "n": n}, &Env{})
}

// openForm asks for a form, at a step where it has several.
func (d *cardData) openForm() (Request, *incident.Problem) {
	f, ok := forms[(*d)["form"]]
	if !ok {
		return Request{}, problem("form", "card_stale", "example", "show")
	}
	r := Request{Verb: f.verb}
	var p *incident.Problem
	if f.needs {
		if r.Incident, p = d.id(); p != nil {
			return r, p
		}
	}
	if r.Step, p = d.step(); p != nil {
		return r, p
	}
	r.ask((*d)["form"])
	return r, nil
}

// step reads the number of the RCA's step; 0 where there is none.
func (d cardData) step() (int, *incident.Problem) {
	s, ok := d["step"]
	if !ok || s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 9 {
		return 0, problem("step", "card_bad", "field", "step")
	}
	return n, nil
}

func (d *cardData) submit() (Request, *incident.Problem) {
	form := (*d)["form"]
	f, ok := forms[form]
	if !ok {
		return Request{}, problem("form", "card_stale", "example", "show")
	}
	var id incident.ID
	var p *incident.Problem
	if f.needs {
		if id, p = d.id(); p != nil {
			return Request{Verb: f.verb}, p
		}
	}
	typed := map[string]string{}
	for _, name := range extraInputs[form] {
		if v, ok := (*d)[name]; ok {
			typed[name] = v
		}
	}
	if form == FormDeclare && (*d)["service"] == "" && typed["service_other"] != "" {
		(*d)["service"] = typed["service_other"]
	}
	if form == FormLink && typed["parent_other"] != "" {
		(*d)["parent"] = typed["parent_other"]
	}
	if form == FormTime { // several commands, see TimeCommands
		return Request{Verb: f.verb, Incident: id, Form: form, Op: OpSave, Values: typed}, nil
	}
	r, p := d.fill(verbByName[f.verb], id, f.inputs)
	maps.Copy(r.Values, typed)
	if p != nil {
		r.Form = form
		r.Step, _ = d.step()
		return r, p
	}
	if form == FormRCA {
		return d.submitRCA(r)
	}
	return d.checkSubmit(r, form)
}

// submitRCA saves the fields of the step that are there.
func (d *cardData) submitRCA(r Request) (Request, *incident.Problem) {
	r.Form, r.Op = FormRCA, (*d)["op"]
	if r.Op == "" {
		r.Op = OpSave
	}
	var p *incident.Problem
	if r.Step, p = d.step(); p != nil {
		return r, p
	}
	if !slices.Contains([]string{OpNext, OpBack, OpSave, OpFinish}, r.Op) {
		return r, problem("op", "card_bad", "field", "op")
	}
	if r.Command == nil { // no field was there: there is still something to finish
		r.Command = &incident.Command{Verb: incident.WriteRCA, Incident: r.Incident}
	}
	r.args().Complete = r.Op == OpFinish
	return r, nil
}

// checkSubmit asks again for what makes no sense without.
func (d *cardData) checkSubmit(r Request, form string) (Request, *incident.Problem) {
	if form == FormWaive && r.args().Waive == "" {
		r.ask(form)
		return r, problem("waive", "waive_missing")
	}
	if r.Form != "" { // the field that matters was left empty
		need := map[string]string{FormDeclare: "title", FormNote: "text", FormLevel: "level", FormAction: "title", FormLink: linkLacks(r.Values), FormUpdate: "text", FormPage: "who"}[form]
		return r, problem(need, "field_empty", "field", need)
	}
	return r, nil
}

// listOpen is the list of what is open.
func listOpen() Request {
	r := Request{Verb: "list"}
	filter(&r).Status = []incident.Status{incident.Open}
	return r
}

// TimeCommands returns the commands of the inputs that are times of the
// incident, of the RCA form and of FormTime: "impact_started_at", "detected_at"
// and "mitigated_at", typed as "2006-01-02 15:04" in env's zone. Those that are
// empty, or say what have says already, make none. The "reason" of FormTime goes
// with each. The caller sets actor, role, source and keys of each.
func (r *Request) TimeCommands(env Env, have incident.Times) ([]incident.Command, error) {
	var out []incident.Command
	for _, in := range []struct {
		input, name string
		have        time.Time
	}{{"impact_started_at", "impact_started", have.ImpactStarted}, {"detected_at", "detected", have.Detected}, {"mitigated_at", "mitigated", have.Mitigated}} {
		raw := strings.TrimSpace(r.Values[in.input])
		if raw == "" || raw == in.have.In(env.zone()).Format("2006-01-02 15:04") {
			continue
		}
		t, p := clock(in.input, raw, &env, false)
		if p != nil {
			return nil, p
		}
		out = append(out, incident.Command{
			Verb: incident.SetTime, Incident: r.Incident, Args: incident.Args{Time: in.name, Value: t, Reason: r.Values["reason"]},
		})
	}
	return out, nil
}
