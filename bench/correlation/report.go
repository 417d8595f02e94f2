package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// What imbot has to reach, over all scenarios.
const (
	wantDupP   = 0.98
	wantDupR   = 0.92
	wantCasP   = 0.95
	wantCasR   = 0.85
	wantJoined = 0.005 // at most
)

// report is what a run has brought.
type report struct {
	options
	results []*result
	all     result // the sum
	targets []target
}

// target is one thing that imbot has to reach.
type target struct {
	text string
	got  string
	ok   bool
}

func newReport(o options, results []*result) *report {
	r := &report{options: o, results: results, all: result{baselines: make([]score, len(baselines))}}
	for _, res := range results {
		if res.scenario.apart {
			continue
		}
		r.all.worlds += res.worlds
		r.all.alerts += res.alerts
		r.all.services += res.services
		r.all.imbot.merge(&res.imbot)
		for i := range baselines {
			r.all.baselines[i].merge(&res.baselines[i])
		}
	}
	r.judge()
	return r
}

// judge compares with the targets.
func (r *report) judge() {
	s := &r.all.imbot
	atLeast := func(what string, got ratio, want float64) {
		r.targets = append(r.targets, target{fmt.Sprintf("%s at least %.2f", what, want), three(got), got.value() >= want})
	}
	atLeast("duplicates: precision", s.dupP, wantDupP)
	atLeast("duplicates: recall", s.dupR, wantDupR)
	atLeast("causes: precision", s.casP, wantCasP)
	atLeast("causes: recall", s.casR, wantCasR)
	r.targets = append(r.targets, target{
		fmt.Sprintf("independent roots that were put under something else: at most %.1f %%", 100*wantJoined),
		percent(s.joined), s.joined.all == 0 || s.joined.value() <= wantJoined,
	})
	if s.trees > 0 {
		r.targets = append(r.targets, target{"any order of arrival leads to the same tree", fmt.Sprintf("%d of %d", s.equal, s.trees), s.equal == s.trees})
	}
	worse := r.worse()
	r.targets = append(r.targets, target{"in no scenario worse than the best baseline, by F1", some(worse), len(worse) == 0})
}

// worse are the scenarios in which a baseline beats imbot.
func (r *report) worse() []string {
	var out []string
	for _, res := range r.results {
		if res.scenario.apart {
			continue
		}
		beaten := func(figure func(s *score) float64) bool {
			return slices.ContainsFunc(res.baselines, func(b score) bool { return figure(&b) > figure(&res.imbot) })
		}
		if beaten(func(s *score) float64 { return f1(s.dupP, s.dupR) }) {
			out = append(out, res.scenario.name+" (duplicates)")
		}
		if beaten(func(s *score) float64 { return f1(s.casP, s.casR) }) {
			out = append(out, res.scenario.name+" (causes)")
		}
	}
	return out
}

// some are the first of a list, and how many more there are.
func some(list []string) string {
	const most = 4
	switch {
	case len(list) == 0:
		return "nowhere worse"
	case len(list) > most:
		return fmt.Sprintf("worse in %s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return "worse in " + strings.Join(list, ", ")
}

func (r *report) missed() bool {
	return slices.ContainsFunc(r.targets, func(t target) bool { return !t.ok })
}

// three is a share with three digits; a dash where nothing was asked.
func three(r ratio) string {
	if r.all == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", r.value())
}

// share is in percent; a dash where nothing was asked.
func share(r ratio) string {
	if r.all == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*r.value())
}

// percent is a share with its numbers.
func percent(r ratio) string {
	if r.all == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% (%d of %d)", 100*r.value(), r.right, r.all)
}

// text is the report in Markdown.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Seed %d, %d worlds, %d alerts. A scenario in brackets is in no sum and no target.\n\n### Targets\n\n", r.seed, r.all.worlds, r.all.alerts)
	t := table{head: []string{"target", "measured", ""}}
	for _, x := range r.targets {
		t.add(x.text, x.got, map[bool]string{true: "PASS", false: "**MISS**"}[x.ok])
	}
	t.write(&b)
	b.WriteString("\n### imbot\n\n")
	t = table{head: []string{
		"scenario", "worlds", "alerts", "duplicates P", "R", "causes P", "R", "root right", "roots joined", "noise joined", "shown", "same tree",
	}}
	row := func(name string, res *result) {
		s := &res.imbot
		t.add(name, fmt.Sprint(res.worlds), fmt.Sprint(res.alerts), three(s.dupP), three(s.dupR), three(s.casP), three(s.casR), three(s.root),
			fmt.Sprintf("%d/%d", s.joined.right, s.joined.all), fmt.Sprintf("%d/%d", s.noise.right, s.noise.all),
			fmt.Sprintf("%.0f %%", 100*s.shown.value()), fmt.Sprintf("%d/%d", s.equal, s.trees))
	}
	for _, res := range r.results {
		row(res.scenario.title(), res)
	}
	row("**all**", &r.all)
	t.write(&b)
	b.WriteString("\n### Duplicates: F1\n\n")
	r.compare(&b, func(s *score) string { return fmt.Sprintf("%.3f", f1(s.dupP, s.dupR)) })
	b.WriteString("\n### Causes: F1\n\n")
	r.compare(&b, func(s *score) string { return fmt.Sprintf("%.3f", f1(s.casP, s.casR)) })
	b.WriteString("\n### All scenarios together\n\n")
	r.sums(&b)
	return b.String()
}

// compare is a table of one figure, by scenario and rule.
func (r *report) compare(b *strings.Builder, figure func(*score) string) {
	t := table{head: []string{"scenario", "imbot"}}
	for _, base := range baselines {
		t.head = append(t.head, base.name)
	}
	row := func(name string, res *result) {
		cells := []string{name, figure(&res.imbot)}
		for i := range baselines {
			cells = append(cells, figure(&res.baselines[i]))
		}
		t.add(cells...)
	}
	for _, res := range r.results {
		row(res.scenario.title(), res)
	}
	row("**all**", &r.all)
	t.write(b)
}

// sums has one row for each rule.
func (r *report) sums(b *strings.Builder) {
	t := table{head: []string{"rule", "duplicates P", "R", "F1", "causes P", "R", "F1", "root right", "roots joined", "noise joined", "shown"}}
	row := func(name string, s *score) {
		t.add(name, three(s.dupP), three(s.dupR), fmt.Sprintf("%.3f", f1(s.dupP, s.dupR)), three(s.casP), three(s.casR), fmt.Sprintf("%.3f", f1(s.casP, s.casR)),
			three(s.root), share(s.joined), share(s.noise), share(s.shown))
	}
	row("**imbot**", &r.all.imbot)
	for i, base := range baselines {
		row(base.name, &r.all.baselines[i])
	}
	t.write(b)
}

// table is a Markdown table whose columns are aligned in the source, too.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(b *strings.Builder) {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)), 1)
		}
	}
	line := func(cells []string, fill string) {
		for i := range width {
			c := ""
			if i < len(cells) {
				c = cells[i]
			}
			b.WriteString("| " + c + strings.Repeat(fill, width[i]-len([]rune(c))) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.head, " ")
	line(nil, "-")
	for _, row := range t.rows {
		line(row, " ")
	}
}

// The tables of the document lie between these.
const (
	tablesBegin = "<!-- tables: begin (made by go run ./bench/correlation) -->"
	tablesEnd   = "<!-- tables: end -->"
)

// replaceTables writes the tables of a document anew, and leaves the text around
// them alone.
func replaceTables(path, tables string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the document (run this from the module's root, or name it with -md): %w", err)
	}
	text, err := between(string(old), tables)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func between(doc, tables string) (string, error) {
	head, rest, ok := strings.Cut(doc, tablesBegin)
	_, tail, ok2 := strings.Cut(rest, tablesEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("there must be %q, and after it %q", tablesBegin, tablesEnd)
	}
	return head + tablesBegin + "\n\n" + tables + "\n" + tablesEnd + tail, nil
}

// showMistakes counts imbot's mistakes by what seems to be their reason, and
// shows at most n of each.
func showMistakes(results []*result, n int) string {
	by := map[string][]string{}
	for _, r := range results {
		if r.scenario.apart {
			continue // not to be tuned to
		}
		for _, m := range r.mistakes {
			key := m.what + ": " + m.why
			by[key] = append(by[key], m.text)
		}
	}
	var b strings.Builder
	b.WriteString("\n### Mistakes\n\n")
	keys := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return strings.Compare(a, b) })
	for _, k := range keys {
		fmt.Fprintf(&b, "%d × %s\n", len(by[k]), k)
		for i, t := range by[k] {
			if i == n {
				break
			}
			fmt.Fprintf(&b, "    %s\n", t)
		}
	}
	return b.String()
}

// showWords lists the words whose trouble imbot takes for another one, or for
// none.
func showWords(results []*result) string {
	all := map[wording]int{}
	for _, r := range results {
		if r.scenario.apart {
			continue // not to be tuned to
		}
		for k, n := range r.words {
			all[k] += n
		}
	}
	var lines []string
	for k, n := range all {
		if !tookRight(k) {
			lines = append(lines, fmt.Sprintf("%4d × %s %s taken for %q: %s", n, k.vendor, k.kind, k.took, k.words))
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) })
	return "\n### Words not understood\n\n" + strings.Join(lines, "\n") + "\n"
}

func tookRight(k wording) bool {
	_, chore, _ := strings.Cut(k.took, ": ") // "housekeeping: disk"
	return k.took == string(k.kind) || chore == string(k.kind)
}
