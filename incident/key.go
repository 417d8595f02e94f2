package incident

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// MaskTitle is what remains of a title when all is taken away that differs from
// one occurrence to the next: numbers, times, ids, addresses, paths and names
// of machines. It is lower-case, one space between words, at most 255 runes;
// empty where nothing remains.
func MaskTitle(title string) string {
	var b strings.Builder
	title = Clip(title, MaxTitle)
	b.Grow(len(title))
	for field := range strings.FieldsSeq(title) {
		if machine(field) {
			continue
		}
		for part := range strings.FieldsFuncSeq(field, notWord) {
			if strings.ContainsFunc(part, unicode.IsDigit) {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			for _, r := range part {
				b.WriteRune(unicode.ToLower(r))
			}
		}
	}
	return b.String()
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// machine reports whether a field of a title names one machine, file or thing:
// an address, a path, a host, a pod, an id.
func machine(field string) bool {
	s := strings.TrimFunc(field, notWord)
	if s == "" {
		return true
	}
	if strings.ContainsAny(s, "@\\") || strings.Contains(s, "://") || strings.Count(s, "/") > 1 || (strings.HasPrefix(field, "/") && len(s) > 1) {
		return true
	}
	digit := strings.ContainsFunc(s, unicode.IsDigit)
	dots := strings.Count(s, ".")
	// "db-7.example.com:5432", "10.0.0.7", "v2.3.1", but not "e.g" or "Response.Time".
	if dots > 0 && (digit || dots > 1) && !strings.HasSuffix(s, "%") {
		return true
	}
	// "checkout-7d9f8b6c5d-x2x9q", "eu-west-1", a UUID.
	return digit && strings.Count(s, "-") > 1
}

// sameness are the keys of an alert, strongest first: two alerts with one of
// them in common are about the same trouble. The key's rule is its name's part
// before the colon.
type sameness []string

// samenessOf returns the keys of an incident. What is empty makes no key: it
// must never match. All of them hold within one service only.
func samenessOf(inc *Incident) sameness {
	var out sameness
	add := func(rule, what string) { out = append(out, rule+":"+shortHash(what)) }
	if a := inc.Alert; a != nil {
		if a.Key != "" {
			add(RuleAlertKey, a.Key)
		}
		if e := a.entity(); e != "" {
			add(RuleEntity, e)
		}
	}
	if inc.Service == "" {
		return out // unknown services never equal each other
	}
	if m := MaskTitle(inc.Title); m != "" {
		add(RuleTitle, m)
	}
	if inc.Trouble != "" {
		add(RuleTrouble, inc.Trouble)
	}
	return out
}

// Names of custom details, without case and punctuation, in which New Relic's
// templates give the condition and the entity.
var (
	conditionLabels = []string{"conditionid", "alertconditionid", "nrconditionid", "accumulationsconditionid"}
	entityLabels    = []string{"entityguid", "entityguids", "entityid", "nrentityguid", "impactedentityguid", "targetid"}
)

// entity names the monitor's condition and the entity that it watches; empty
// unless both are known.
func (a *Alert) entity() string {
	condition, entity := "", ""
	for name, v := range a.Labels {
		switch n := plainName(name); {
		case slices.Contains(conditionLabels, n):
			condition = v
		case slices.Contains(entityLabels, n):
			entity = max(entity, v) // any order of the labels gives the same
		}
	}
	if condition == "" {
		condition = a.Condition
	}
	if condition == "" || entity == "" {
		return ""
	}
	return condition + "\x00" + entity
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// shortHash shortens a key to 64 bits: within one service and a few days the
// chance of a collision is far below that of any other mistake.
func shortHash(s string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return strconv.FormatUint(h.Sum64(), 36)
}
