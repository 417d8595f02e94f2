// Package strictyaml reads a YAML file into a Go value, and tells all that is
// wrong with it at once: unknown keys with the nearest known one, keys that are
// there twice, values of the wrong shape; each with line and column. Checks of
// the caller's own are reported at the place of the value they are about.
//
// Values may come from the environment ("${NAME}") and from files (a key ending
// in "_file"), where the caller allows it; such values are never shown in a
// message, for they are mostly secrets.
//
// It reads what people write into configuration files, not all of YAML: one
// document, plain keys, no tags, no merge keys. Size, depth and the growth by
// aliases are bounded. It writes nothing.
package strictyaml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say how a file is read.
type Options struct {
	// Name of the file, for messages.
	Name string
	// MaxBytes bounds the file's size. 0 means 4 MB.
	MaxBytes int
	// Getenv looks up a variable for "${NAME}"; an empty value counts as not
	// set. "$$" is a plain "$". Nil means that "$" has no meaning.
	Getenv func(name string) string
	// ReadFile reads the file that a key ending in "_file" names, for a key
	// without that ending. Nil means that there are no such keys.
	ReadFile func(name string) ([]byte, error)
}

// Bounds of a file. They are far beyond what a company's configuration needs.
const (
	defaultMaxBytes = 4 << 20
	maxNodes        = 500_000 // values after aliases are expanded
	maxProblems     = 50      // of the text of an error: more help nobody
	maxKept         = 1000
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string
	Line   int // from 1; 0: it has no place in the file
	Column int // from 1
	Text   string
}

// String is "file:line:column: text".
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Error is all that is wrong with a file, in the order of its lines.
type Error []Problem

// Error has one line for each problem, of the first 50.
func (e Error) Error() string {
	lines := make([]string, 0, min(len(e), maxProblems+1))
	for i, p := range e {
		if i == maxProblems {
			lines = append(lines, fmt.Sprintf("%s: and %d more", p.File, len(e)-maxProblems))
			break
		}
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

type pos struct{ line, column int }

// Document is a file that was read: it knows where each value stood, and
// gathers what is wrong.
//
// Values are named by paths such as "services[3].links[0].url" and
// "notice.service-down.page"; the path of the whole file is "".
type Document struct {
	name     string
	at       map[string]pos    // where the value of a path stands
	hidden   map[string]string // what the file says for a value that came from elsewhere
	failed   map[string]bool   // paths with a problem, and those around them
	bare     bool              // there is no text: problems name the path instead of a place
	broken   bool
	problems Error
	dropped  int // problems that were not kept, for there are too many
}

// New returns a document without a text, for checking values that were made
// in the program.
func New(name string) *Document {
	return &Document{name: name, at: map[string]pos{}, hidden: map[string]string{}, failed: map[string]bool{}, bare: true}
}

// Decode reads data into the struct that into points to, and returns the
// document with all problems found so far; see [Document.Err]. It never
// returns nil. Fields are named by their yaml tag; a field without one, or
// with "-", is left alone. Durations, secrets and the like come in by
// [encoding.TextUnmarshaler].
func Decode(data []byte, into any, o Options) (d *Document) {
	d = New(o.Name)
	d.bare = false
	defer func() {
		// The YAML library is not ours; a fault in it must not end the service.
		if r := recover(); r != nil {
			d.broken = true
			d.add(pos{}, "this is not YAML that can be read; simplify the file, or quote its strings")
		}
	}()
	root, err := parse(data, o)
	if err != nil {
		d.broken = true
		d.problems = append(d.problems, *err)
		return d
	}
	dec := &decoder{doc: d, opts: o, anchors: map[string]anchor{}}
	dec.root(root, into)
	return d
}

// Errorf notes a problem with the value at path, or else with the nearest
// thing around it that stands in the file.
func (d *Document) Errorf(path, format string, args ...any) {
	if d.bare && path != "" {
		format, args = "%s: "+format, append([]any{path}, args...)
	}
	d.fail(path)
	d.add(d.near(path), format, args...)
}

// Fresh returns a document of the same places without the problems.
func (d *Document) Fresh() *Document {
	return &Document{name: d.name, at: d.at, hidden: d.hidden, failed: map[string]bool{}, bare: d.bare}
}

func (d *Document) add(p pos, format string, args ...any) {
	if len(d.problems) >= maxKept {
		d.dropped++
		return
	}
	d.problems = append(d.problems, Problem{File: d.name, Line: p.line, Column: p.column, Text: fmt.Sprintf(format, args...)})
}

// near returns the place of path, or of the nearest path around it.
func (d *Document) near(path string) pos {
	for path != "" {
		if p, ok := d.at[path]; ok {
			return p
		}
		path = around(path)
	}
	return pos{}
}

// Has reports whether the file says something at path.
func (d *Document) Has(path string) bool {
	_, ok := d.at[path]
	return ok
}

// Broken reports whether the text could not be read at all, so that nothing can
// be said of what is missing in it.
func (d *Document) Broken() bool { return d.broken }

// Failed reports whether a problem is known of the value at path or of
// something in it, so that the caller need not tell of what follows from it.
func (d *Document) Failed(path string) bool { return d.failed[path] }

// fail marks path, and all around it.
func (d *Document) fail(path string) {
	for path != "" && !d.failed[path] {
		d.failed[path] = true
		path = around(path)
	}
}

// around is the path of what holds the value at path.
func around(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// Line returns the line of the value at path, 0 where there is none.
func (d *Document) Line(path string) int { return d.at[path].line }

// Where is "line 12" for messages about a second place, or "" where path
// stands in no file.
func (d *Document) Where(path string) string {
	if p := d.near(path); p.line > 0 {
		return fmt.Sprintf("line %d", p.line)
	}
	return path
}

// Quote returns the value at path as a message may show it: as it is, but
// "${NAME}" for a value from the environment.
func (d *Document) Quote(path, value string) string {
	if raw, ok := d.hidden[path]; ok {
		value = raw
	}
	r := []rune(value)
	if len(r) > 80 {
		value = string(r[:79]) + "…"
	}
	return strconv.Quote(value)
}

// Hidden reports whether the value at path, or a part of it, came from the
// environment or a file, so that no message may show it.
func (d *Document) Hidden(path string) bool {
	_, ok := d.hidden[path]
	return ok
}

// Err returns all problems as an [Error], or nil.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	out := slices.Clone(d.problems)
	slices.SortStableFunc(out, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	out = slices.Compact(out)
	if d.dropped > 0 {
		out = append(out, Problem{File: d.name, Text: fmt.Sprintf("and %d more problems", d.dropped)})
	}
	return out
}

// Full reports whether so many problems are known that nobody will read more.
func (d *Document) Full() bool { return len(d.problems) > maxProblems }

// Hint is [Hint], but "" once so many problems are known that nobody will read
// this one: looking for the nearest name takes its time.
func (d *Document) Hint(s string, known []string) string {
	if d.Full() {
		return ""
	}
	return Hint(s, known)
}

// ParseDuration reads a duration in Go's style, with "d" for days of 24 hours
// besides: "90d", "1d12h", "30s". Negative ones are refused.
func ParseDuration(s string) (time.Duration, error) {
	const hint = "write it as in 30s, 15m, 24h or 90d"
	days, rest := time.Duration(0), s
	if n, after, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 32)
		if err != nil || v > maxDays {
			return 0, fmt.Errorf("this is not a duration; %s", hint)
		}
		days, rest = time.Duration(v)*24*time.Hour, after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, fmt.Errorf("this is not a duration; %s", hint)
	}
	if d += days; d < 0 {
		return 0, fmt.Errorf("this duration is too long; %s", hint)
	}
	return d, nil
}

// maxDays is a hundred years, well within time.Duration.
const maxDays = 36500
