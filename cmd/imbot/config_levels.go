package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"imbot/catalog"
	"imbot/incident"
)

var levelKey = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func checkLevelKey(s string) error {
	if !levelKey.MatchString(s) {
		return errors.New(`is no key of a level; use small letters, digits and "-", at most 40, as in service-down`)
	}
	return nil
}

// levels checks the table of levels, and completes it: "other" is always there,
// for what no rule matches.
func (k *configCheck) levels() {
	if !k.doc.Has("levels") {
		k.c.Levels = incident.DefaultLevels()
		return
	}
	seen := map[string]int{}
	lowest := 0
	k.lost = len(k.c.Levels) == 0 && k.failed("levels")
	for i := range k.c.Levels {
		l, at := &k.c.Levels[i], fmt.Sprintf("levels[%d]", i)
		k.level(l, at)
		if first, twice := seen[l.Key]; twice && l.Key != "" {
			k.doc.Errorf(at+".key", "the level %q is there twice, first in %s; remove one", l.Key, k.doc.Where(fmt.Sprintf("levels[%d].key", first)))
		}
		seen[l.Key] = i
		lowest = max(lowest, l.Rank)
	}
	if _, ok := seen[incident.Other]; !ok {
		k.c.Levels = append(k.c.Levels, incident.Level{Key: incident.Other, Title: "Other", Rank: lowest + 1})
	}
	slices.SortStableFunc(k.c.Levels, func(a, b incident.Level) int { return a.Rank - b.Rank })
}

// maxRank bounds ranks, so that those that imbot adds still have room.
const maxRank = 1000

func (k *configCheck) level(l *incident.Level, at string) {
	if l.Key == "" && !k.failed(at+".key") {
		k.doc.Errorf(at+".key", "the level has no key; add one, as in key: service-down")
	}
	k.check(at+".key", l.Key, checkLevelKey)
	k.check(at+".title", l.Title, catalog.CheckName)
	if l.Title == "" {
		l.Title = l.Key
	}
	if (l.Rank < 1 || l.Rank > maxRank) && !k.failed(at+".rank") {
		k.doc.Errorf(at+".rank", "the level needs a rank from 1 (the most urgent) to %d; add it, as in rank: 1", maxRank)
	}
	for i, m := range l.Members {
		k.mailAddress(fmt.Sprintf("%s.members[%d]", at, i), m)
		l.Members[i] = strings.ToLower(m)
	}
	k.template(l, at+".template")
}

// template checks what the draft of an RCA begins with.
func (k *configCheck) template(l *incident.Level, at string) {
	for _, field := range slices.Sorted(maps.Keys(l.Template)) {
		path, prompt := at+"."+field, strings.TrimSpace(l.Template[field])
		switch {
		case k.failed(path):
		case !slices.Contains(incident.RCAFields, field):
			k.doc.Errorf(path, "an RCA has no field %q%s; it has %s", field, k.doc.Hint(field, incident.RCAFields), list(incident.RCAFields))
		case prompt == "":
			k.doc.Errorf(path, "the prompt is empty; write what to answer there, or remove it")
		case utf8.RuneCountInString(prompt) > incident.MaxText:
			k.doc.Errorf(path, "the prompt is too long; use at most %d characters", incident.MaxText)
		case field == "category" && !slices.Contains(incident.Categories, prompt):
			k.doc.Errorf(path, "%s is not a category; use %s", k.doc.Quote(path, prompt), list(incident.Categories))
		}
	}
	if len(l.Template) > 0 && !l.Postmortem && !k.failed(at) {
		k.warn("levels: %q has a template, but owes no RCA; set postmortem: true, or remove the template", l.Key)
	}
}

// exists notes a level that is in no table.
func (k *configCheck) exists(path, level string) bool {
	if _, ok := k.c.Levels.Get(level); ok || k.lost {
		return true
	}
	k.doc.Errorf(path, "there is no level %s%s", k.doc.Quote(path, level), k.doc.Hint(level, k.c.Levels.Keys()))
	return false
}

func (k *configCheck) rules() {
	for i := range k.c.Rules {
		r, at := &k.c.Rules[i], fmt.Sprintf("rules[%d]", i)
		k.check(at+".name", r.Name, catalog.CheckName)
		switch {
		case k.failed(at + ".level"):
		case r.Level == "":
			k.doc.Errorf(at+".level", "the rule has no level; add one of %s", list(k.c.Levels.Keys()))
		default:
			k.exists(at+".level", r.Level)
		}
		k.match(&r.Match, at+".match")
		if i+1 < len(k.c.Rules) && matchesAll(&r.Match) && !k.failed(at) {
			k.warn("rules: %q matches everything, so the rules after it are never reached; give it a match, or move it to the end", ruleName(r, i))
		}
	}
	if k.doc.Has("rules") && k.c.Rules == nil && !k.failed("rules") {
		k.c.Rules = []incident.Rule{} // said, and empty: no rules, not the default ones
	}
}

func ruleName(r *incident.Rule, i int) string {
	if r.Name != "" {
		return r.Name
	}
	return fmt.Sprintf("rule %d", i+1)
}

func matchesAll(m *incident.Match) bool {
	return m.TitleRegex == "" && len(m.TitleWords)+len(m.Service)+len(m.Tier)+len(m.Priority)+len(m.Urgency)+len(m.Condition)+len(m.Labels) == 0
}

func (k *configCheck) match(m *incident.Match, at string) {
	for i, w := range m.TitleWords {
		path := fmt.Sprintf("%s.title_words[%d]", at, i)
		if !strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) && !k.failed(path) {
			k.doc.Errorf(path, "%s has no word in it; write whole words, or use title_regex", k.doc.Quote(path, w))
		}
	}
	if m.TitleRegex != "" {
		if _, err := regexp.Compile(m.TitleRegex); err != nil {
			k.doc.Errorf(at+".title_regex", "this is no regular expression (%s); see https://pkg.go.dev/regexp/syntax", regexpFault(err))
		}
	}
	for i, u := range m.Urgency {
		if !strings.EqualFold(u, "high") && !strings.EqualFold(u, "low") {
			k.oneOf(fmt.Sprintf("%s.urgency[%d]", at, i), u, "high", "low")
		}
	}
}

// regexpFault is what is wrong, without the expression.
func regexpFault(err error) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "error parsing regexp: "), ": `")
	return s
}

func (k *configCheck) notice() {
	for _, level := range slices.Sorted(maps.Keys(k.c.Notice)) {
		at := "notice." + level
		if k.exists(at, level) {
			k.c.Notice[level].Check(k.doc, at)
		}
	}
}
