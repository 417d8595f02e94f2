package commands

import (
	"maps"
	"slices"
	"strings"

	"imbot/incident"
)

// Parse understands the text of a message, after the bot's own mention was
// taken out. "/incident ack 42", "incident ack 42" and "ack INC-42" mean the
// same; in an incident's thread "ack" is enough. Empty text asks for help.
//
// The error is an *incident.Problem, whose text says what to type instead, as
// it works where it is shown.
func Parse(text string, env Env) (Request, error) {
	if len(text) > maxText {
		return Request{}, problem("", "text_too_long", "limit", maxText)
	}
	text = withoutSlash(clean(text))
	if text == "" {
		text = "help"
	}
	v, rest, p := findVerb(text, &env)
	if p != nil {
		return Request{}, p
	}
	r, p := v.parse(rest, &env)
	if p != nil {
		return r, p
	}
	return r, nil
}

// withoutSlash takes the name of the slash command away.
func withoutSlash(text string) string {
	word, rest := cutWord(text)
	switch strings.ToLower(word) {
	case "/incident", "incident":
		return rest
	}
	return strings.TrimPrefix(text, "/")
}

// cutWord returns the first word, and what follows it.
func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \n")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \n")
}

// findVerb returns the verb at the beginning, or behind the id, and the text of
// its arguments. An id alone shows the incident.
func findVerb(text string, env *Env) (*verb, string, *incident.Problem) {
	word, rest := cutWord(text)
	if v, rest := startsWith(text); v != nil {
		return v, rest, nil
	}
	if _, err := incident.ParseID(idWord(word)); err == nil {
		if rest == "" {
			return verbByName["show"], word, nil
		}
		if v, more := startsWith(rest); v != nil && v.id {
			return v, word + " " + more, nil
		}
		word, _ = cutWord(rest)
	}
	near := nearest(verbWord(word), verbNames)
	if near == "" {
		return nil, "", problem("", "verb_unknown", "typed", quote(word), "example", env.Prefix+"help")
	}
	v := verbByName[near]
	return nil, "", problem("", "no_such_verb", "typed", quote(word), "verb", v.name, "example", env.exampleFor(v))
}

// startsWith returns the verb that the text begins with, and what follows it:
// one word, or two that are written with a hyphen, such as "not related".
func startsWith(text string) (*verb, string) {
	word, rest := cutWord(text)
	if v := verbByName[verbWord(word)]; v != nil {
		return v, rest
	}
	second, more := cutWord(rest)
	if v := verbByName[verbWord(word+"-"+second)]; v != nil && second != "" {
		return v, more
	}
	return nil, ""
}

func verbWord(s string) string {
	if s == "?" {
		return s
	}
	return strings.ToLower(strings.TrimRight(s, "!.,:;?"))
}

func idWord(s string) string { return strings.TrimRight(s, ".,:;!?") }

// explicitID reads INC-42 and #42, which can not be meant as anything else.
func explicitID(t *token) (incident.ID, bool) {
	s := idWord(t.text)
	if t.quoted || t.field != "" || t.who != nil || !(strings.HasPrefix(s, "#") || len(s) > 4 && strings.EqualFold(s[:4], "INC-")) {
		return 0, false
	}
	id, err := incident.ParseID(s)
	return id, err == nil
}

func bareID(t *token) (incident.ID, bool) {
	if t.quoted || t.field != "" || t.who != nil {
		return 0, false
	}
	id, err := incident.ParseID(idWord(t.text))
	return id, err == nil
}

func (v *verb) parse(text string, env *Env) (Request, *incident.Problem) {
	r := v.start(0)
	tokens, p := tokenise(text, v.argNames(), env.Mentions)
	if p != nil {
		return r, p
	}
	switch {
	case v.arrange != nil:
		r.Incident, tokens, p = v.arrange(v, text, tokens, env)
	case v.id:
		r.Incident, tokens, p = v.takeID(tokens, env)
	}
	if p != nil {
		return r, p
	}
	r.Command.Incident = r.Incident
	got, places, p := v.fields(tokens, env)
	if p != nil {
		return r, p
	}
	if places, p = v.leading(places, got, env); p != nil {
		return r, p
	}
	if p = v.byPlace(text, places, got, env); p != nil {
		return r, p
	}
	if v.form != "" && len(got) == 0 {
		r.ask(v.form)
		return r, nil
	}
	if v.lacking(got) {
		return r, problem("", "usage", "verb", v.name, "usage", v.usage(), "example", env.exampleFor(v))
	}
	return r, v.fill(&r, got, env)
}

// takeID takes the id out of the tokens. It stands first, or behind the word
// that says what is done; where the words can not be text, and where no thread
// says which incident is meant, it may stand anywhere.
func (v *verb) takeID(tokens []token, env *Env) (incident.ID, []token, *incident.Problem) {
	inThread := env.Incident != 0
	if len(tokens) > 0 {
		id, ok := explicitID(&tokens[0])
		if !ok && !(inThread && v.loose) {
			id, ok = bareID(&tokens[0])
		}
		if ok {
			return id, tokens[1:], nil
		}
	}
	if len(tokens) > 1 && len(v.args) > 0 && v.args[0].words[strings.ToLower(tokens[0].text)] != "" {
		id, ok := explicitID(&tokens[1])
		if !ok && !inThread {
			id, ok = bareID(&tokens[1])
		}
		if ok {
			return id, slices.Delete(slices.Clone(tokens), 1, 2), nil
		}
	}
	if !inThread || v.rest() == nil {
		var found []int
		for i := range tokens {
			if _, ok := explicitID(&tokens[i]); ok {
				found = append(found, i)
			}
		}
		if len(found) == 1 {
			id, _ := explicitID(&tokens[found[0]])
			return id, slices.Delete(slices.Clone(tokens), found[0], found[0]+1), nil
		}
	}
	if inThread {
		return env.Incident, tokens, nil
	}
	return 0, nil, problem("id", "which_incident", "verb", v.name, "example", env.exampleFor(v))
}

// fields reads the named arguments, and returns the tokens that have only their
// place.
func (v *verb) fields(tokens []token, env *Env) (map[string]value, []token, *incident.Problem) {
	got, places := map[string]value{}, make([]token, 0, len(tokens))
	for i := range tokens {
		t := &tokens[i]
		if t.field == "" {
			if p := v.slip(t); p != nil {
				return nil, nil, p
			}
			places = append(places, *t)
			continue
		}
		first, twice := got[t.field]
		a := v.arg(t.field)
		if twice && !a.many {
			return nil, nil, problem(t.field, "field_twice", "field", t.field)
		}
		val, p := a.readToken(t, env)
		if p != nil {
			return nil, nil, p
		}
		if twice {
			first.more = append(first.more, val)
			val = first
		}
		got[t.field] = val
	}
	return got, places, nil
}

// slip reports a field whose name is nearly one of the verb's.
func (v *verb) slip(t *token) *incident.Problem {
	name, val, ok := strings.Cut(t.text, ":")
	if !ok || t.quoted || t.who != nil || len(name) < 4 || val == "" || strings.HasPrefix(val, "//") {
		return nil
	}
	if near := nearest(strings.ToLower(name), v.argNames()); near != "" {
		return problem(near, "field_typo", "typed", quote(name), "field", near)
	}
	return nil
}

func (a *arg) readToken(t *token, env *Env) (value, *incident.Problem) {
	if t.who != nil && a.kind == kindPerson {
		return value{raw: t.text, str: t.text, who: *t.who}, nil
	}
	return a.read(plainMentions(t.text, env), env)
}

// plainMentions takes the markup of mentions out of text.
func plainMentions(s string, env *Env) string {
	for _, m := range env.Mentions {
		if name, ok := strings.CutPrefix(m.Text, "<at>"); ok {
			s = strings.ReplaceAll(s, m.Text, strings.TrimSuffix(name, "</at>"))
		}
	}
	return s
}

// leading reads the words that introduce an argument when said first, such as
// waive in "close INC-42 waive false alarm".
func (v *verb) leading(places []token, got map[string]value, env *Env) ([]token, *incident.Problem) {
	if len(places) == 0 || places[0].quoted {
		return places, nil
	}
	word := strings.ToLower(places[0].text)
	if v.name == "declare" && word == "private" {
		return v.private(places, got, env)
	}
	a := v.arg(word)
	if a == nil || !a.lead {
		return places, nil
	}
	if _, twice := got[a.name]; twice {
		return nil, problem(a.name, "field_twice", "field", a.name)
	}
	if a.kind == kindFlag {
		got[a.name] = value{raw: "true", on: true}
		return places[1:], nil
	}
	if len(places) == 1 {
		return nil, problem(a.name, "waive_missing")
	}
	texts := make([]string, 0, len(places))
	for _, t := range places[1:] {
		texts = append(texts, t.text)
	}
	val, p := a.read(plainMentions(strings.Join(texts, " "), env), env)
	got[a.name] = val
	return nil, p
}

// private understands "declare private" and `declare private "title"`. In
// "declare private endpoint down" the word may belong to the title: to guess
// wrong would tell everybody, or nobody, so it is asked.
func (v *verb) private(places []token, got map[string]value, env *Env) ([]token, *incident.Problem) {
	if _, said := got["private"]; said {
		return places, nil
	}
	if len(places) > 2 || len(places) == 2 && !places[1].quoted {
		return nil, problem("private", "private_unclear", "example", env.Prefix+`declare private:yes "…"`)
	}
	got["private"] = value{raw: "true", on: true}
	return places[1:], nil
}

// byPlace reads the arguments that are given by their place.
func (v *verb) byPlace(text string, places []token, got map[string]value, env *Env) *incident.Problem {
	for i := range v.args {
		a := &v.args[i]
		if _, given := got[a.name]; given || !a.pos || len(places) == 0 {
			continue
		}
		used, p := v.take(a, text, places, got, env)
		if p != nil {
			return p
		}
		places = used
	}
	if len(places) > 0 {
		return problem("", "too_much", "typed", quote(places[0].text), "verb", v.name, "example", env.exampleFor(v))
	}
	return nil
}

// take reads one argument off the places, and returns those that are left.
func (v *verb) take(a *arg, text string, places []token, got map[string]value, env *Env) ([]token, *incident.Problem) {
	n := 1
	var val value
	var p *incident.Problem
	switch a.kind {
	case kindText:
		n = len(places)
		val, p = a.read(plainMentions(join(text, places), env), env)
	case kindChoice:
		return v.takeChoice(a, places, got, env)
	case kindNumber:
		if op := got["op"].str; op == "" || op == "add" || op == OpList {
			return places, nil
		}
		val, p = a.readToken(&places[0], env)
	case kindClock:
		if len(places) > 1 { // a date and an hour
			if val, p = a.read(places[0].text+" "+places[1].text, env); p == nil {
				n = 2
				break
			}
		}
		val, p = a.readToken(&places[0], env)
	default:
		val, p = a.readToken(&places[0], env)
	}
	if p != nil {
		return nil, p
	}
	got[a.name] = val
	return places[n:], nil
}

// takeChoice takes one of the words that a choice knows: the first, or where no
// free text follows, any. Another word is not for this argument, unless it
// looks like a slip of one that is.
func (v *verb) takeChoice(a *arg, places []token, got map[string]value, env *Env) ([]token, *incident.Problem) {
	look := 1
	if v.rest() == nil {
		look = len(places)
	}
	for i := range places[:look] {
		if t := &places[i]; !t.quoted && t.who == nil && a.words[strings.ToLower(t.text)] != "" {
			val, p := a.read(t.text, env)
			got[a.name] = val
			return slices.Delete(slices.Clone(places), i, i+1), p
		}
	}
	t := &places[0]
	near := ""
	if !t.quoted && t.who == nil {
		near = nearest(strings.ToLower(t.text), slices.Sorted(maps.Keys(a.words)))
	}
	if a.need || near != "" {
		_, p := a.read(t.text, env)
		return nil, p
	}
	return places, nil
}
