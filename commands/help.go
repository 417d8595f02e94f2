package commands

import (
	"cmp"
	"slices"
	"strings"

	"imbot/incident"
)

// HelpRow is what there is to say about one verb.
type HelpRow struct {
	Verb     string
	Aliases  []string
	Usage    string            // "level <incident> [level] [reason]", without prefix
	Example  string            // as it works where it is shown
	Key      string            // of Text in the message catalogue: "help.level"
	Text     string            // one line, in English
	RoleKey  string            // of Role in the message catalogue: "may.squad"
	Role     string            // who may, in English
	Statuses []incident.Status // in which it changes something; empty: in all
	Common   bool              // one of the ten commonest
}

// Help returns one row for each verb, in the order in which they are met.
func Help(env Env) []HelpRow {
	out := make([]HelpRow, len(table))
	for i := range table {
		out[i] = table[i].row(&env)
	}
	return out
}

// HelpFor returns the row of one verb, by its name or an alias; false where
// there is none.
func HelpFor(env Env, name string) (HelpRow, bool) {
	v := verbByName[strings.ToLower(name)]
	if v == nil {
		return HelpRow{}, false
	}
	return v.row(&env), true
}

func (v *verb) row(env *Env) HelpRow {
	return HelpRow{
		Verb: v.name, Aliases: slices.Clone(v.aliases), Usage: v.usage(), Example: env.exampleFor(v),
		Key: "help." + v.name, Text: v.help, RoleKey: "may." + v.role, Role: mayTexts["may."+v.role],
		Statuses: slices.Clone(v.statuses), Common: v.menu > 0,
	}
}

// MenuItem is one entry of the menu that Teams shows behind the bot's name.
type MenuItem struct {
	Title       string // the verb; choosing it only types it
	Key         string // of Description in the message catalogue
	Description string // in English, at most 128 characters
}

// Commonest returns the ten verbs of the bot's menu, the first one first.
func Commonest() []MenuItem {
	var rows []*verb
	for i := range table {
		if table[i].menu > 0 {
			rows = append(rows, &table[i])
		}
	}
	slices.SortFunc(rows, func(a, b *verb) int { return cmp.Compare(a.menu, b.menu) })
	out := make([]MenuItem, len(rows))
	for i, v := range rows {
		out[i] = MenuItem{Title: v.name, Key: "help." + v.name, Description: v.help}
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
