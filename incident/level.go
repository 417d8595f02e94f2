package incident

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Level says how urgent an incident is and what it entails.
type Level struct {
	Key           string   `json:"key" yaml:"key"`
	Title         string   `json:"title" yaml:"title"`
	Rank          int      `json:"rank" yaml:"rank"`                     // 1 is the most urgent
	Postmortem    bool     `json:"postmortem" yaml:"postmortem"`         // an RCA is owed
	Room          bool     `json:"room" yaml:"room"`                     // a war room opens
	Private       bool     `json:"private" yaml:"private"`               // incidents of this level are private
	AlwaysVisible bool     `json:"always_visible" yaml:"always_visible"` // never hidden by a link
	Members       []string `json:"members,omitempty" yaml:"members"`     // mails of people who are members of its private incidents
	// Template is what the draft of an RCA begins with, by field: prompts for
	// whoever writes it. A required field that still says what its prompt says is
	// missing.
	Template map[string]string `json:"template,omitempty" yaml:"template"`
}

// Keys of the default levels.
const (
	ServiceDown      = "service-down"
	HighErrorRate    = "high-error-rate"
	HighResponseTime = "high-response-time"
	Other            = "other"
)

// Levels is the table of levels, most urgent first.
type Levels []Level

// DefaultLevels are those of a company that configures none.
func DefaultLevels() Levels {
	return Levels{
		{Key: ServiceDown, Title: "Service down", Rank: 1, Postmortem: true, Room: true, AlwaysVisible: true},
		{Key: HighErrorRate, Title: "High error rate", Rank: 2, Postmortem: true},
		{Key: HighResponseTime, Title: "High response time", Rank: 3, Postmortem: true},
		{Key: Other, Title: "Other", Rank: 9},
	}
}

// Get returns the level of this key. An unknown key, of a level that was
// removed from the configuration, is a level of its own that entails nothing.
func (ls Levels) Get(key string) (Level, bool) {
	for _, l := range ls {
		if l.Key == key {
			return l, true
		}
	}
	return Level{Key: key, Title: key, Rank: 1 << 20}, false
}

// Keys returns all keys, most urgent first.
func (ls Levels) Keys() []string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.Key
	}
	return out
}

// Match is the condition of a rule. All fields that are set must hold (AND);
// of a field with several values one is enough (OR). A Match without any field
// set matches everything.
type Match struct {
	TitleWords []string            `json:"title_words,omitempty" yaml:"title_words"` // whole words or phrases, any case
	TitleRegex string              `json:"title_regex,omitempty" yaml:"title_regex"` // RE2
	Service    []string            `json:"service,omitempty" yaml:"service"`         // catalog key, name or vendor's name, any case
	Tier       []int               `json:"tier,omitempty" yaml:"tier"`
	Priority   []string            `json:"priority,omitempty" yaml:"priority"`
	Urgency    []string            `json:"urgency,omitempty" yaml:"urgency"`
	Condition  []string            `json:"condition,omitempty" yaml:"condition"` // part of the condition's name, any case
	Labels     map[string][]string `json:"labels,omitempty" yaml:"labels"`       // custom detail -> accepted values
}

// Rule gives a level to the alerts that it matches. The first rule that
// matches wins.
type Rule struct {
	Name  string `json:"name" yaml:"name"`
	Level string `json:"level" yaml:"level"`
	Quiet bool   `json:"quiet,omitempty" yaml:"quiet"` // recorded, in digests, no card
	Match Match  `json:"match" yaml:"match"`
}

// DefaultRules find the three urgent levels by the words that monitors and
// people use, in English and Indonesian.
func DefaultRules() []Rule {
	return []Rule{
		{Name: "is down", Level: ServiceDown, Match: Match{TitleWords: []string{
			"down", "outage", "unreachable", "unavailable", "not responding", "no healthy upstream", "not reporting", "host not reporting",
			"mati", "tidak bisa diakses", "tidak bisa", "tidak dapat diakses",
		}}},
		{Name: "errors", Level: HighErrorRate, Match: Match{TitleWords: []string{
			"error rate", "error percentage", "error budget", "high errors", "errors", "5xx", "500s", "failure rate", "failed requests", "success rate",
			"gagal", "banyak error", "tingkat error",
		}}},
		{Name: "slow", Level: HighResponseTime, Match: Match{TitleWords: []string{
			"response time", "latency", "slow", "slow response", "apdex", "p95", "p99", "timeouts", "web transaction time",
			"lambat", "lemot", "waktu respons",
		}}},
	}
}

// Rules is a compiled, ordered list of rules, safe for concurrent use.
type Rules struct {
	list []compiledRule
}

type compiledRule struct {
	Rule
	words []string
	re    *regexp.Regexp
}

// maxTitleForRegex bounds the work of a regular expression on a hostile title.
const maxTitleForRegex = 4096

// CompileRules checks the rules against the levels. The error names the rule
// at fault and what is wrong with it.
func CompileRules(rules []Rule, levels Levels) (*Rules, error) {
	out := &Rules{}
	for i, r := range rules {
		if _, ok := levels.Get(r.Level); !ok {
			return nil, fmt.Errorf("rule %d (%q): there is no level %q; levels are %s", i+1, r.Name, r.Level, strings.Join(levels.Keys(), ", "))
		}
		c := compiledRule{Rule: r}
		for _, w := range r.Match.TitleWords {
			n := words(w)
			if strings.TrimSpace(n) == "" {
				return nil, fmt.Errorf("rule %d (%q): title_words has an entry without a word: %q", i+1, r.Name, w)
			}
			c.words = append(c.words, n)
		}
		if r.Match.TitleRegex != "" {
			re, err := regexp.Compile(r.Match.TitleRegex)
			if err != nil {
				return nil, fmt.Errorf("rule %d (%q): title_regex: %w", i+1, r.Name, err)
			}
			c.re = re
		}
		out.list = append(out.list, c)
	}
	return out, nil
}

// Verdict is what the rules say about an alert.
type Verdict struct {
	Level string
	Rule  string // name of the rule; "" where none matched
	No    int    // place of the rule, from 1; 0 where none matched
	Quiet bool
}

// Match returns the verdict of the first rule that matches. service is what
// the catalog knows of the alert's service. Where none matches, the level is
// "other".
func (rs *Rules) Match(a *Alert, service ServiceInfo) Verdict {
	if rs == nil {
		return Verdict{Level: Other}
	}
	title := wordsOf(a.Title)
	for i := range rs.list {
		r := &rs.list[i]
		if r.matches(a, title, service) {
			name := r.Name
			if name == "" {
				name = fmt.Sprintf("rule %d", i+1)
			}
			return Verdict{Level: r.Level, Rule: name, No: i + 1, Quiet: r.Quiet}
		}
	}
	return Verdict{Level: Other}
}

func (r *compiledRule) matches(a *Alert, title string, service ServiceInfo) bool {
	m := &r.Match
	if len(r.words) > 0 && !slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(title, w) }) {
		return false
	}
	if r.re != nil && !r.re.MatchString(Clip(a.Title, maxTitleForRegex)) {
		return false
	}
	if len(m.Service) > 0 && !anyFold(m.Service, service.Key, service.Name, a.Service, a.ServiceID) {
		return false
	}
	if len(m.Tier) > 0 && !slices.Contains(m.Tier, service.Tier) {
		return false
	}
	if len(m.Priority) > 0 && !anyFold(m.Priority, a.Priority) {
		return false
	}
	if len(m.Urgency) > 0 && !anyFold(m.Urgency, a.Urgency) {
		return false
	}
	if len(m.Condition) > 0 && !slices.ContainsFunc(m.Condition, func(c string) bool {
		return a.Condition != "" && strings.Contains(strings.ToLower(a.Condition), strings.ToLower(c))
	}) {
		return false
	}
	for k, want := range m.Labels {
		if have, ok := a.Labels[k]; !ok || !anyFold(want, have) {
			return false
		}
	}
	return true
}

func anyFold(want []string, have ...string) bool {
	for _, w := range want {
		for _, h := range have {
			if h != "" && strings.EqualFold(w, h) {
				return true
			}
		}
	}
	return false
}

// wordsOf is what words makes of text, and of its names in camel case taken
// apart, as alerting rules have them: " higherrorrate high error rate ".
func wordsOf(s string) string {
	s = Clip(s, maxTitleForRegex)
	text, split := words(s), splitCamel(s)
	if split == s {
		return text
	}
	return text + words(split)[1:]
}

// splitCamel puts a space between the words of names in camel case: before a
// capital that follows a small letter or begins one, and before a digit that
// follows a word. "Http5xxRatioHigh" is "Http 5xx Ratio High", "P99LatencyHigh"
// is "P99 Latency High".
func splitCamel(s string) string {
	var b strings.Builder
	runes := []rune(s)
	run := 0 // letters since the last space
	for i, r := range runes {
		prev, next := rune(0), rune(0)
		if i > 0 {
			prev = runes[i-1]
		}
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		capital := unicode.IsUpper(r) && (unicode.IsLower(prev) || unicode.IsDigit(prev) || (unicode.IsUpper(prev) && unicode.IsLower(next)))
		number := unicode.IsDigit(r) && unicode.IsLetter(prev) && run > 1
		if capital || number {
			b.WriteByte(' ')
			run = 0
		}
		if unicode.IsLetter(r) {
			run++
		} else {
			run = 0
		}
		b.WriteRune(r)
	}
	return b.String()
}

// words folds text to lower-case words between single spaces, with a space at
// both ends, so that " down " is found in "checkout is DOWN!" and not in
// "countdown".
func words(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte(' ')
	space := true
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
			space = false
		} else if !space {
			b.WriteByte(' ')
			space = true
		}
	}
	if !space {
		b.WriteByte(' ')
	}
	return b.String()
}
