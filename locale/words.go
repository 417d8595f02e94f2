package locale

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/incident"
)

// Problem returns the text of a problem for the person who asked: the
// catalogue's, else the problem's own English one.
func Problem(lang string, p *incident.Problem) string {
	printer := For(lang)
	if p.Key == "" {
		return p.Detail
	}
	pairs := make([]any, 0, 2*len(p.Args))
	for name, v := range p.Args {
		pairs = append(pairs, name, printer.word(p.Key, name, v))
	}
	text := printer.Or("err."+p.Key, "", pairs...)
	if text == "" || left(printer.find("err."+p.Key, ""), p.Args) {
		return p.Detail
	}
	return text
}

// left reports whether a placeholder of the text has no value: better a whole
// English sentence than one with a hole.
func left(text string, args map[string]any) bool {
	for _, name := range placeholders(text) {
		if _, ok := args[name]; !ok {
			return true
		}
	}
	return false
}

func placeholders(text string) []string {
	var out []string
	for {
		_, after, ok := strings.Cut(text, "{")
		if !ok {
			break
		}
		name, rest, ok := strings.Cut(after, "}")
		if !ok {
			break
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
		text = rest
	}
	slices.Sort(out)
	return out
}

// word translates the values that are words of ours, by the name of their
// placeholder; all else stays as it is, such as the names of fields that people
// have to type.
func (p Printer) word(key, name string, v any) any {
	switch name {
	case "missing":
		list, ok := v.([]string)
		if !ok {
			return v
		}
		out := make([]string, len(list))
		for i, f := range list {
			out[i] = p.Field(f)
		}
		return out
	case "field":
		if key == "too_long" || key == "field_empty" {
			return p.Field(fmt.Sprint(v))
		}
	case "status":
		return p.Status(incident.Status(fmt.Sprint(v)))
	case "time":
		return p.Or("time."+fmt.Sprint(v), fmt.Sprint(v))
	}
	return v
}

// System writes the name of another system as that system does.
func System(id string) string {
	for _, name := range []string{"PagerDuty", "Jira", "New Relic", "Prometheus", "Backstage", "Confluence", "Teams"} {
		if strings.EqualFold(strings.ReplaceAll(name, " ", ""), id) {
			return name
		}
	}
	return id
}

// Person is how somebody is called.
func Person(a incident.Actor) string {
	if a.Kind == incident.KindVendor && a.Name == "" {
		return System(a.ID)
	}
	return a.Label()
}

// Refs are what the incident's things in other systems are called, such as
// "Jira PAY-1 (action)", in their order. Ids of other systems than Jira tell
// people nothing; what would have the same name is numbered.
func (p Printer) Refs(inc *incident.Incident) []string {
	var out []string
	seen := map[string]int{}
	for _, r := range inc.Refs {
		name, role := System(r.System), r.Role
		if r.System == incident.SourceJira {
			name += " " + r.ID
		}
		if r.URL == "" { // no link
			out = append(out, name+" ("+p.Or("role."+role, role)+")")
			continue
		}
		if role == incident.RoleCard && inc.Room != nil && inc.Room.Chat != "" && r.Target == inc.Room.Chat {
			role = incident.RoleRoom
		}
		name += " (" + p.Or("role."+role, role) + ")"
		if seen[name]++; seen[name] > 1 {
			name += " " + strconv.Itoa(seen[name])
		}
		out = append(out, name)
	}
	return out
}

// Rule is the words for a rule by which incidents are linked.
func (p Printer) Rule(rule string) string {
	if rule == incident.RuleMerged {
		return p.Text("rule.merged")
	}
	return p.Or("rule."+rule, rule)
}

// Sure is a confidence from 0 to 1 in a word and a number.
func (p Printer) Sure(confidence float64) string {
	key := "sure.possible"
	switch {
	case confidence >= 0.97:
		key = "sure.certain"
	case confidence >= 0.8:
		key = "sure.likely"
	}
	return p.Text(key, "n", int(100*min(max(confidence, 0), 1)+0.5))
}

// Field names an argument or a field of the RCA, by its JSON name.
func (p Printer) Field(name string) string {
	return p.Or("field."+name, p.Or("rca."+name, name))
}

// Status is the word for a status, such as "open".
func (p Printer) Status(s incident.Status) string { return p.Or("status."+string(s), string(s)) }

// Category is the word for a category of root causes.
func (p Printer) Category(c string) string { return p.Or("category."+c, c) }

// Level is the title of a level. A title that the company has chosen itself is
// never translated.
func (p Printer) Level(l incident.Level) string {
	for _, d := range incident.DefaultLevels() {
		if d.Key == l.Key && (l.Title == d.Title || l.Title == "" || l.Title == l.Key) {
			return p.Or("level."+l.Key, d.Title)
		}
	}
	if l.Title == "" {
		return l.Key
	}
	return l.Title
}

// LevelWord is the level in a word or two, in capitals where the language has
// one for it: what fits the preview on a phone.
func (p Printer) LevelWord(l incident.Level) string {
	for _, d := range incident.DefaultLevels() {
		if d.Key == l.Key && (l.Title == d.Title || l.Title == "" || l.Title == l.Key) {
			return p.Text("level.word." + l.Key)
		}
	}
	return strings.ToUpper(p.Level(l))
}

// Duration writes a final duration as people say it: the two largest units,
// such as "1 h 12 min"; seconds only below one minute.
func (p Printer) Duration(d time.Duration) string {
	d = d.Round(time.Second)
	if d < 0 {
		d = 0
	}
	if d >= time.Minute {
		d = d.Round(time.Minute)
	}
	days, h, m := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0 && h > 0:
		return p.N("duration.d", days) + " " + p.N("duration.h", h)
	case days > 0:
		return p.N("duration.d", days)
	case h > 0 && m > 0:
		return p.N("duration.h", h) + " " + p.N("duration.m", m)
	case h > 0:
		return p.N("duration.h", h)
	case m > 0:
		return p.N("duration.m", m)
	}
	return p.N("duration.s", int(d/time.Second))
}
