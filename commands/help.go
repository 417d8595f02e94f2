package commands

import (
	"cmp"
	"slices"

	"imbot/incident"
)

// HelpRow is what there is to say about one verb, besides its text "help.<verb>"
// in the message catalogue.
type HelpRow struct {
	Verb    string
	Usage   string // "level <incident> [level] [reason]", without prefix
	Example string // as it works where it is shown
	Common  bool   // one of the ten commonest
}

// Help returns one row for each verb, in the order in which they are met.
func Help(env Env) []HelpRow {
	out := make([]HelpRow, len(table))
	for i := range table {
		v := &table[i]
		out[i] = HelpRow{Verb: v.name, Usage: v.usage(), Example: env.exampleFor(v), Common: v.menu > 0}
	}
	return out
}

// Commonest returns the ten verbs of the menu that Teams shows behind the bot's
// name, the first one first. Choosing one only types it.
func Commonest() []string {
	var rows []*verb
	for i := range table {
		if table[i].menu > 0 {
			rows = append(rows, &table[i])
		}
	}
	slices.SortFunc(rows, func(a, b *verb) int { return cmp.Compare(a.menu, b.menu) })
	out := make([]string, len(rows))
	for i, v := range rows {
		out[i] = v.name
	}
	return out
}

// finishHelp finds the verb that help is wanted for.
func finishHelp(r *Request, _ map[string]value, env *Env) *incident.Problem {
	if r.Topic == "" {
		return nil
	}
	v := verbByName[verbWord(r.Topic)]
	if v == nil {
		if near := nearest(verbWord(r.Topic), verbNames); near != "" {
			v = verbByName[near]
			return problem("topic", "no_such_verb", "typed", quote(r.Topic), "verb", v.name, "example", env.Prefix+"help "+v.name)
		}
		return problem("topic", "verb_unknown", "typed", quote(r.Topic), "example", env.Prefix+"help")
	}
	r.Topic = v.name
	return nil
}
