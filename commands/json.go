package commands

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imbot/incident"
)

// BadJSON is the key of the problem of a body that is no JSON object; all other
// problems are about what it says.
const BadJSON = "bad_json"

// FromJSON understands the body of the commands endpoint: {"verb":"resolve", …}
// with the verb's arguments by their names. The arguments of rca and action may
// also stand in an object of that name. The endpoint's path says which incident
// is meant: the caller sets it. Verbs that change nothing are refused.
func FromJSON(body []byte) (Request, error) {
	fields, p := object(body)
	if p != nil {
		return Request{}, p
	}
	raw, ok := fields["verb"]
	if !ok {
		return Request{}, problem("verb", "verb_missing", "verbs", changing())
	}
	name, ok := raw.(string)
	if !ok {
		return Request{}, problem("verb", "field_type", "field", "verb", "want", wants[kindWord])
	}
	v := verbByName[strings.ToLower(name)]
	switch {
	case v == nil:
		if near := nearest(strings.ToLower(name), verbNames); near != "" {
			return Request{}, problem("verb", "no_such_verb", "typed", quote(name), "verb", verbByName[near].name, "example", `{"verb":"`+verbByName[near].name+`"}`)
		}
		return Request{}, problem("verb", "choice", "field", "verb", "choices", changing(), "typed", quote(name))
	case v.name == "declare":
		return Request{}, problem("verb", "verb_elsewhere")
	case v.name == "mute" || v.name == "unmute":
		return Request{}, problem("verb", "verb_mutes")
	case !v.changes:
		return Request{}, problem("verb", "verb_read", "verb", v.name, "verbs", changing())
	}
	delete(fields, "verb")
	return v.fromJSON(fields)
}

// DeclareJSON understands the body that declares an incident: {"title", "service",
// "level", "description", "private"}.
func DeclareJSON(body []byte) (Request, error) {
	fields, p := object(body)
	if p != nil {
		return Request{}, p
	}
	return verbByName["declare"].fromJSON(fields)
}

// changing lists the verbs that the commands endpoint takes.
func changing() string {
	var out []string
	for i := range table {
		if table[i].changes && table[i].name != "declare" {
			out = append(out, table[i].name)
		}
	}
	return strings.Join(out, ", ")
}

// object reads one JSON object: valid UTF-8, no name twice, nothing behind it.
func object(body []byte) (map[string]any, *incident.Problem) {
	var fields map[string]any
	err := json.Unmarshal(body, &fields)
	if err == nil && fields == nil {
		err = errors.New("an object is expected")
	}
	if err != nil {
		return nil, problem("", BadJSON, "why", why(err))
	}
	return fields, nil
}

// why says what is wrong with JSON, and where, without our types' names.
func why(err error) string {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax):
		return strings.TrimPrefix(syntax.Err.Error(), "jsontext: ") + " at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
	case errors.As(err, &semantic):
		return "an object is expected"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func (v *verb) fromJSON(fields map[string]any) (Request, error) {
	r, env := v.start(0), &Env{}
	if p := v.unwrap(fields); p != nil {
		return r, p
	}
	was, p := v.rcaWas(fields)
	if p != nil {
		return r, p
	}
	got := map[string]value{}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names) // the same body always has the same answer
	for _, name := range names {
		if fields[name] == nil {
			continue
		}
		a := v.arg(name)
		if a == nil && name == "remove" && v.name == "member" {
			if p := memberRemove(fields[name], got); p != nil {
				return r, p
			}
			continue
		}
		if a == nil {
			return r, v.unknown(name)
		}
		val, p := a.fromJSON(fields[name], env)
		if p != nil {
			return r, p
		}
		got[name] = val
	}
	if p := v.fill(&r, got, env); p != nil {
		return r, p
	}
	if r.Command != nil {
		r.args().RCAWas = was
	}
	return r, v.wholeJSON(&r)
}

// wholeJSON completes what has no form here: the domain says what is missing.
func (v *verb) wholeJSON(r *Request) error {
	if r.Me {
		return problem("", "me_nobody")
	}
	if v.name == "action" && r.Op == OpList {
		return problem("op", "field_empty", "field", "op")
	}
	if r.Form == "" {
		return nil
	}
	form := r.Form
	r.Form, r.Step = "", 0
	switch form {
	case FormRCA:
		return problem("rca", "field_empty", "field", "rca")
	case FormNote:
		return problem("text", "field_empty", "field", "text")
	case FormLevel:
		return problem("level", "field_empty", "field", "level")
	case FormLink:
		lacks := linkLacks(r.Values)
		return problem(lacks, "field_empty", "field", lacks)
	}
	return problem("title", "field_empty", "field", "title")
}

// memberRemove reads the JSON form of "member remove".
func memberRemove(raw any, got map[string]value) *incident.Problem {
	remove, ok := raw.(bool)
	if !ok {
		return problem("remove", "field_type", "field", "remove", "want", wants[kindFlag])
	}
	if remove {
		got["op"] = value{raw: "remove", str: "remove"}
	}
	return nil
}

// rcaWas takes "rca_was" out of the arguments of rca: the texts that the writer
// saw, by field; nil where there are none.
func (v *verb) rcaWas(fields map[string]any) (map[string]string, *incident.Problem) {
	const name = "rca_was"
	raw, ok := fields[name]
	if v.name != "rca" || !ok {
		return nil, nil
	}
	delete(fields, name)
	in, ok := raw.(map[string]any)
	out := map[string]string{}
	for field, text := range in {
		if !slices.Contains(incident.RCAFields, field) {
			return nil, problem(name, "choice", "field", name, "choices", strings.Join(incident.RCAFields, ", "), "typed", quote(field))
		}
		s, isText := text.(string)
		if list, isList := text.([]any); isList && field == "five_whys" {
			var lines []string
			lines, isText = stringsOf(list)
			s = strings.Join(lines, "\n")
		}
		ok = ok && isText
		out[field] = clean(s)
	}
	if raw != nil && !ok {
		return nil, problem(name, "field_type", "field", name, "want", "an object of texts")
	}
	return out, nil
}

// unwrap lifts the arguments out of the object that bears the verb's name.
func (v *verb) unwrap(fields map[string]any) *incident.Problem {
	raw, ok := fields[v.name]
	if !ok || v.name != "rca" && v.name != "action" {
		return nil
	}
	inner, ok := raw.(map[string]any)
	if !ok {
		return problem(v.name, "field_type", "field", v.name, "want", "an object")
	}
	delete(fields, v.name)
	for name, val := range inner {
		if _, twice := fields[name]; twice {
			return problem(name, "field_twice", "field", quote(name))
		}
		fields[name] = val
	}
	return nil
}

func (v *verb) unknown(name string) *incident.Problem {
	if near := nearest(strings.ToLower(name), v.argNames()); near != "" {
		return problem(quote(name), "field_near", "typed", quote(name), "field", near)
	}
	fields := strings.Join(v.argNames(), ", ")
	if fields == "" {
		fields = "none"
	}
	return problem(quote(name), "field_unknown", "typed", quote(name), "verb", v.name, "fields", fields)
}

// fromJSON reads an argument, strict about its type.
func (a *arg) fromJSON(raw any, env *Env) (value, *incident.Problem) {
	wrong := problem(a.name, "field_type", "field", a.name, "want", wants[a.kind])
	switch x := raw.(type) {
	case bool:
		if a.kind != kindFlag {
			return value{}, wrong
		}
		return value{raw: strconv.FormatBool(x), on: x}, nil
	case float64:
		if a.kind != kindNumber || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return value{}, wrong
		}
		return a.read(strconv.FormatInt(int64(x), 10), env)
	case string:
		if a.kind == kindFlag || a.kind == kindNumber {
			return value{}, wrong
		}
		return a.read(clean(x), env)
	case []any:
		lines, ok := stringsOf(x)
		if a.name != "five_whys" || !ok {
			return value{}, wrong
		}
		return a.read(strings.Join(lines, "\n"), env)
	case map[string]any:
		if a.kind != kindPerson {
			return value{}, wrong
		}
		return a.personObject(x, env)
	}
	return value{}, wrong
}

func stringsOf(in []any) ([]string, bool) {
	out := make([]string, len(in))
	for i, v := range in {
		s, ok := v.(string)
		if !ok {
			return nil, false
		}
		out[i] = s
	}
	return out, true
}

// personObject reads {"kind":"user","id":"ani@example.com","name":"Ani"}, the
// form in which people appear in answers.
func (a *arg) personObject(in map[string]any, env *Env) (value, *incident.Problem) {
	text := map[string]string{}
	for k, v := range in {
		s, ok := v.(string)
		if !ok || !slices.Contains([]string{"kind", "id", "name"}, k) {
			return value{}, problem(a.name, "field_type", "field", a.name, "want", wants[kindPerson])
		}
		text[k] = s
	}
	if text["kind"] != incident.KindUser && text["kind"] != "" {
		return value{}, problem(a.name, "field_type", "field", a.name, "want", wants[kindPerson])
	}
	v, p := a.read(text["id"], env)
	v.who.Name = incident.Clip(incident.Line(text["name"]), 80)
	return v, p
}

// Canonical returns the body in a form that is the same for all ways to write
// the same JSON: to tell whether two requests are the same.
func Canonical(body []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(body))
	if err := v.Canonicalize(); err != nil {
		return nil, problem("", BadJSON, "why", why(err))
	}
	return v, nil
}
