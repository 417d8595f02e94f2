package commands

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/incident"
)

// linkKinds is how people say what an incident is to another one.
var linkKinds = map[string]string{
	"duplicate": incident.LinkDuplicate, "duplicates": incident.LinkDuplicate, "duplicate-of": incident.LinkDuplicate,
	"dup": incident.LinkDuplicate, "dup-of": incident.LinkDuplicate, "dupe": incident.LinkDuplicate, "dupe-of": incident.LinkDuplicate,
	"same": incident.LinkDuplicate, "same-as": incident.LinkDuplicate,
	"cascade": incident.LinkCascade, "caused-by": incident.LinkCascade, "caused": incident.LinkCascade, "because": incident.LinkCascade,
	"because-of": incident.LinkCascade, "consequence": incident.LinkCascade, "consequence-of": incident.LinkCascade, "due-to": incident.LinkCascade,
	"due": incident.LinkCascade,
}

// linkFillers say nothing about the kind of a link.
var linkFillers = []string{"of", "by", "to", "as", "is", "a", "the", "with", "from", "was", "it", "and", "->", "→"}

var linkArgs = []arg{
	{name: "kind", kind: kindChoice, pos: true, words: linkKinds, show: "duplicate-of|caused-by", put: func(r *Request, v value) { r.args().LinkKind = v.str }},
	{name: "parent", kind: kindID, pos: true, show: "incident", put: func(r *Request, v value) { r.args().Parent = v.id }},
}

// arrangeLink tells the two incidents apart, and what the one is to the other:
// "INC-2 duplicate-of INC-1", "INC-2 is caused by INC-1". In an incident's own
// thread the other one is enough.
func arrangeLink(v *verb, _ string, tokens []token, env *Env) (incident.ID, []token, *incident.Problem) {
	var out, ids []token
	first := -1 // place of the word that says the kind
	given := map[string]bool{}
	for i := range tokens {
		t := tokens[i]
		word := strings.ToLower(strings.TrimRight(t.text, ".,:;!?"))
		switch _, isID := bareID(&t); {
		case t.field != "":
			given[t.field] = true
			out = append(out, t)
		case isID:
			ids = append(ids, t)
			given["after"] = given["after"] || first >= 0
		case t.quoted || t.who != nil:
			return 0, nil, v.unclear(t.text, env)
		case linkKinds[word] != "" && first < 0:
			first = i
			t.field, t.text = "kind", linkKinds[word]
			out = append(out, t)
		case slices.Contains(linkFillers, word):
		default:
			if near := nearest(word, slices.Sorted(maps.Keys(linkKinds))); near != "" && first < 0 {
				return 0, nil, problem("kind", "word_near", "typed", quote(t.text), "word", near, "example", env.exampleFor(v))
			}
			return 0, nil, v.unclear(t.text, env)
		}
	}
	return v.pair(ids, out, given, env)
}

// pair says which of the incidents is meant, and which is its parent.
func (v *verb) pair(ids, out []token, given map[string]bool, env *Env) (incident.ID, []token, *incident.Problem) {
	child := env.Incident
	alone := len(ids) == 1 && !given["parent"]
	if len(ids) > 0 && !(alone && child != 0) && !(alone && given["after"]) {
		child, _ = bareID(&ids[0])
		ids = ids[1:]
	}
	if child == 0 {
		return 0, nil, problem("id", "which_incident", "verb", v.name, "example", env.exampleFor(v))
	}
	if len(ids) > 0 {
		ids[0].field = "parent"
		out = append(out, ids[0])
	}
	if len(ids) > 1 {
		return 0, nil, problem("", "too_much", "typed", quote(ids[1].text), "verb", v.name, "example", env.exampleFor(v))
	}
	return child, out, nil
}

func (v *verb) unclear(typed string, env *Env) *incident.Problem {
	return problem("kind", "link_unclear", "typed", quote(typed), "example", env.exampleFor(v))
}

// finishLink asks for what was not said.
func finishLink(r *Request, _ map[string]value, _ *Env) *incident.Problem {
	if r.args().LinkKind == "" || r.args().Parent == 0 {
		r.ask(FormLink)
	}
	return nil
}

// linkLacks names the first argument of link that was not given.
func linkLacks(values map[string]string) string {
	if strings.TrimSpace(values["parent"]) == "" {
		return "parent"
	}
	return "kind"
}

var muteArgs = []arg{
	{name: "target", kind: kindWord, pos: true, show: "service or squad", put: func(r *Request, v value) { r.Target = v.str }},
	{name: "for", kind: kindSpan, pos: true, put: func(r *Request, v value) { r.For = v.span }},
	{name: "reason", kind: kindText, pos: true, put: func(r *Request, v value) { r.Reason = v.str }},
}

// arrangeMute finds the duration: what stands before it is the target, whose
// name may have spaces, and what stands behind it the reason.
func arrangeMute(_ *verb, text string, tokens []token, env *Env) (incident.ID, []token, *incident.Problem) {
	var before, after, out []token
	given, found := map[string]bool{}, false
	for _, t := range tokens {
		given[t.field] = true
	}
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		n := 0
		if !found && !given["for"] && (len(before) > 0 || given["target"]) {
			n = spanTokens(tokens[i:])
		}
		switch {
		case t.field != "":
			out = append(out, t)
			found = found || t.field == "for"
		case n > 0:
			found = true
			t.field, t.text = "for", join(text, tokens[i:i+n])
			out = append(out, t)
			i += n - 1
		case found || given["target"]:
			after = append(after, t)
		default:
			before = append(before, t)
		}
	}
	if n := len(before) - 1; found && n > 0 && strings.EqualFold(before[n].text, "for") {
		before = before[:n]
	}
	if n := len(after); n > 0 && strings.EqualFold(after[0].text, "because") {
		after = after[1:]
	}
	return 0, append(out, slices.Concat(joined("target", text, before, env), joined("reason", text, after, env))...), nil
}

// joined makes one field of several words.
func joined(field, text string, tokens []token, env *Env) []token {
	if len(tokens) == 0 {
		return nil
	}
	return []token{{from: tokens[0].from, to: tokens[len(tokens)-1].to, field: field, text: plainMentions(join(text, tokens), env)}}
}

// spanTokens returns how many of the first tokens are a duration: "2h" is one,
// "2 h" and "2 hours" are two; 0 where they are none.
func spanTokens(tokens []token) int {
	plain := func(t *token) bool { return t.field == "" && !t.quoted && t.who == nil }
	if !plain(&tokens[0]) {
		return 0
	}
	if _, ok := span(tokens[0].text); ok {
		return 1
	}
	if len(tokens) > 1 && plain(&tokens[1]) && strings.Trim(tokens[0].text, "0123456789") == "" {
		if _, ok := span(tokens[0].text + tokens[1].text); ok {
			return 2
		}
	}
	return 0
}

// finishMute tells muting and the list of what is muted apart.
func finishMute(r *Request, _ map[string]value, env *Env) *incident.Problem {
	v := verbByName["mute"]
	switch {
	case r.For == 0 && r.Reason == "" && (r.Target == "" || strings.EqualFold(r.Target, "list")):
		r.Target, r.Op = "", OpList
	case r.Target == "" || r.For == 0:
		return problem("for", "usage", "verb", v.name, "usage", v.usage(), "example", env.exampleFor(v))
	}
	return nil
}

// MuteJSON understands the body that mutes a service or a squad: {"target",
// "for", "reason"}, the duration like "2h".
func MuteJSON(body []byte) (Request, error) {
	fields, p := object(body)
	if p != nil {
		return Request{}, p
	}
	for _, need := range []string{"target", "for"} {
		if s, ok := fields[need].(string); fields[need] == nil || ok && strings.TrimSpace(s) == "" {
			return Request{}, problem(need, "field_empty", "field", need)
		}
	}
	return verbByName["mute"].fromJSON(fields)
}

// maxSpan is far above what anything takes, and far below what overflows.
const maxSpan = 10 * 366 * 24 * time.Hour

var spanUnits = func() map[string]time.Duration {
	out := map[string]time.Duration{}
	for unit, words := range map[time.Duration]string{
		time.Minute: "m min mins minute minutes menit", time.Hour: "h hr hrs hour hours jam",
		24 * time.Hour: "d day days hari", 7 * 24 * time.Hour: "w week weeks minggu",
	} {
		for w := range strings.FieldsSeq(words) {
			out[w] = unit
		}
	}
	return out
}()

// span reads a duration such as 2h, 90m, 1h30m, 3d or "2 hours".
func span(s string) (time.Duration, bool) {
	s = strings.ToLower(strings.ReplaceAll(s, " ", ""))
	var total time.Duration
	for s != "" {
		n, digits := 0, 0
		for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
			n = min(10*n+int(s[digits]-'0'), 9999)
			digits++
		}
		s = s[digits:]
		letters := 0
		for letters < len(s) && s[letters] >= 'a' && s[letters] <= 'z' {
			letters++
		}
		unit := spanUnits[s[:letters]]
		if digits == 0 || unit == 0 {
			return 0, false
		}
		total = min(total+time.Duration(n)*unit, maxSpan)
		s = s[letters:]
	}
	return total, total > 0
}

// inList makes the command of a button that may stand in the list of what is
// linked to an incident: the answer is that list again.
func (d *cardData) inList(name string, inputs ...string) (Request, *incident.Problem) {
	r, p := d.command(name, inputs...)
	if raw := (*d)["list"]; p == nil && raw != "" {
		id, err := incident.ParseID(raw)
		if err != nil {
			return r, problem("list", "card_bad", "field", "list")
		}
		r.List = id
	}
	return r, p
}

// related asks for the list of what is linked to an incident, from n on.
func (d *cardData) related() (Request, *incident.Problem) {
	r, p := d.show(OpRelated)
	if raw := (*d)["n"]; p == nil && raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 0 || n > 1_000_000 {
			return r, problem("n", "card_bad", "field", "n")
		}
		r.From = n
	}
	return r, p
}

func (d *cardData) similar() (Request, *incident.Problem) {
	id, p := d.id()
	return Request{Verb: "similar", Incident: id}, p
}

func (d *cardData) unmute() (Request, *incident.Problem) {
	target := incident.Line((*d)["target"])
	if target == "" {
		return Request{}, problem("target", "card_bad", "field", "target")
	}
	return Request{Verb: "unmute", Target: target}, nil
}
