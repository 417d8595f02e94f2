package commands

import (
	"fmt"
	"maps"
	"strings"

	"imbot/incident"
)

// texts are the English texts of this package's problems, by the key that
// follows "err." in the message catalogue. {name} is a placeholder.
var texts = map[string]string{
	"text_too_long":   "That is too long: at most {limit} bytes.",
	"no_such_verb":    "There is no “{typed}”. Did you mean {verb}? Example: {example}",
	"verb_unknown":    "There is no “{typed}”. {example} lists what there is.",
	"which_incident":  "Which incident? Example: {example}. In an incident's own thread the number may be left out.",
	"too_much":        "“{typed}” is too much for {verb}. Example: {example}",
	"usage":           "{verb} needs more: {usage}. Example: {example}",
	"quote_open":      "The quotation mark after {field}: is never closed. Example: {example}",
	"field_twice":     "{field} is there twice: leave one.",
	"field_typo":      "There is no field {typed}:. Did you mean {field}:? Put the text in quotation marks if it is none.",
	"field_unknown":   "There is no field {typed}. Fields of {verb} are: {fields}.",
	"field_near":      "There is no field {typed}. Did you mean {field}?",
	"field_type":      "{field} must be {want}.",
	"choice":          "{field} is one of {choices}, not “{typed}”.",
	"person_unknown":  "Nobody is known as “{typed}”. Mention the person with @, or write the mail address.",
	"me_nobody":       "“me” means nobody here: write a mail address.",
	"time_unclear":    "“{typed}” is not a time: write it like 15:04 or 2026-12-31T15:04.",
	"ahead_unclear":   "“{typed}” is not a time to come: write it like 15:30, in 30m or tomorrow 09:00.",
	"time_rfc3339":    "“{typed}” is not a time: write it like 2026-12-31T15:04:00Z.",
	"date_unclear":    "“{typed}” is not a date: write it like 2026-12-31, tomorrow or +3d.",
	"since_unclear":   "“{typed}” is not a time: write it like 7d, 2026-12-31 or 2026-12-31T15:04:00Z.",
	"span_unclear":    "“{typed}” is not a duration: write it like 2h, 90m or 3d.",
	"word_near":       "“{typed}” is not understood. Did you mean {word}? Example: {example}",
	"link_unclear":    "“{typed}” is not understood: is it a duplicate-of the other incident, or caused-by it? Example: {example}",
	"verb_mutes":      "Mutes are set with POST /api/v1/mutes, and ended with DELETE.",
	"private_unclear": "Is it private? Write private:yes and a title, or put the title in quotation marks. Example: {example}",
	"key_unclear":     "“{typed}” is not a squad's key: letters, digits and hyphens, as in the catalog.",
	"card_stale":      "That button is not understood any more. Ask for the incident again: {example}",
	"card_bad":        "That form came back in a shape that is not understood: {field}.",
	"bad_json":        "The body is not the JSON that is expected: {why}.",
	"verb_missing":    "Say what to do: a verb is needed. Verbs are: {verbs}.",
	"verb_read":       "{verb} changes nothing: read it from its own address. Verbs here are: {verbs}.",
	"verb_elsewhere":  "An incident is declared with POST /api/v1/incidents.",
	"field_empty":     "{field} must not be empty.",
	"waive_missing":   "Say why no RCA is wanted.",
}

// Texts returns every text of this package that the message catalogue must
// have, by its full key, in English: "help.<verb>", "may.<role>" and "err.<key>".
func Texts() map[string]string {
	out := maps.Clone(mayTexts)
	for _, v := range table {
		out["help."+v.name] = v.help
	}
	for k, t := range texts {
		out["err."+k] = t
	}
	return out
}

// problem builds an error for the person who asked. args are name, value, …
func problem(field, key string, args ...any) *incident.Problem {
	p := incident.NewProblem(incident.ErrInvalid, field, key, "%s", "")
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		name, val := args[i].(string), args[i+1]
		p.With(name, val)
		pairs = append(pairs, "{"+name+"}", fmt.Sprint(val))
	}
	p.Detail = strings.NewReplacer(pairs...).Replace(texts[key])
	return p
}

// quote shortens what somebody typed so that it can be shown in an answer.
func quote(s string) string { return incident.Clip(incident.Line(s), 40) }
