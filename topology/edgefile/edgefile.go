// Package edgefile reads files in which people write who calls whom, YAML or CSV,
// and finds the services that they name. It stores nothing.
package edgefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"imbot/catalog/strictyaml"
	"imbot/topology"
)

// Bounds of a file.
const (
	MaxBytes    = 4 << 20
	MaxProblems = 50 // that are told
)

// Edge is one call of a file, with the names as written there.
type Edge struct {
	From      string  `yaml:"from" json:"from"`
	To        string  `yaml:"to" json:"to"`
	Rate      float64 `yaml:"rate" json:"rate,omitempty"`            // calls a second; 0: not known
	FirstSeen Moment  `yaml:"first_seen" json:"first_seen,omitzero"` // zero: since ever
	LastSeen  Moment  `yaml:"last_seen" json:"last_seen,omitzero"`   // zero: holds always
	Line      int     `yaml:"-" json:"line"`                         // in the file
}

// Moment is a time in RFC 3339, or a date, which means its beginning in UTC.
type Moment struct{ time.Time }

// UnmarshalText reads a Moment.
func (m *Moment) UnmarshalText(b []byte) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			m.Time = t.UTC()
			return nil
		}
	}
	return errors.New("this is not a time; write it as in 2026-01-31T09:00:00Z or 2026-01-31")
}

// Parse reads a file: YAML or CSV, by its name's ending. The error
// tells all that is wrong, each with its line.
func Parse(name string, data []byte) ([]Edge, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%s: the file is larger than %d MB; split it", name, MaxBytes>>20)
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		return parseYAML(name, data)
	case ".csv":
		return parseCSV(name, data)
	}
	return nil, fmt.Errorf("%s: the name says neither YAML nor CSV; let it end in .yaml or .csv", name)
}

func parseYAML(name string, data []byte) ([]Edge, error) {
	var file struct {
		Edges []Edge `yaml:"edges"`
	}
	doc := strictyaml.Decode(data, &file, strictyaml.Options{Name: name, MaxBytes: MaxBytes})
	for i := range file.Edges {
		e, at := &file.Edges[i], fmt.Sprintf("edges[%d]", i)
		e.Line = doc.Line(at)
		if problem := e.problem(); problem != "" && !doc.Failed(at) {
			doc.Errorf(at, "%s", problem)
		}
	}
	if len(file.Edges) == 0 && doc.Err() == nil {
		doc.Errorf("", "there are no edges; write them as in edges: [{from: checkout, to: payments-db}]")
	}
	return bounded(file.Edges, doc.Err())
}

// bounded bounds the edges of a file without problems.
func bounded(edges []Edge, err error) ([]Edge, error) {
	if err != nil {
		return nil, err
	}
	if len(edges) > topology.MaxEdges {
		return nil, fmt.Errorf("there are %d edges, and at most %d are taken at once; split the file", len(edges), topology.MaxEdges)
	}
	return edges, nil
}

// columns of a CSV file, in the order that holds where the file does not name
// them itself.
var allColumns = []string{"from", "to", "rate", "first_seen", "last_seen"}

func parseCSV(name string, data []byte) ([]Edge, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // of spreadsheets
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: the file is not in UTF-8; save it as such", name)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.TrimLeadingSpace, r.Comment, r.ReuseRecord = -1, true, '#', true
	columns := allColumns
	var out []Edge
	var problems []string
	tell := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: ", name, line)+fmt.Sprintf(format, args...))
	}
	for first := true; len(problems) < MaxProblems; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				tell(pe.Line, "%v; write from,to or from,to,rate", pe.Err)
			} else {
				tell(0, "%v", err)
			}
			break // what follows can not be told apart
		}
		line, _ := r.FieldPos(0)
		if first && strings.EqualFold(strings.TrimSpace(record[0]), "from") {
			var problem string
			if columns, problem = header(record); problem != "" {
				tell(line, "%s", problem)
				break
			}
			continue
		}
		e := Edge{Line: line}
		problem := e.fill(columns, record)
		if problem == "" {
			problem = e.problem()
		}
		if problem != "" {
			tell(line, "%s", problem)
			continue
		}
		out = append(out, e)
	}
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "\n"))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: there are no edges; write one a line, as in checkout,payments-db", name)
	}
	return bounded(out, nil)
}

// header reads the names of the columns.
func header(record []string) (columns []string, problem string) {
	for _, c := range record {
		c = strings.ToLower(strings.TrimSpace(c))
		switch {
		case !slices.Contains(allColumns, c):
			return nil, fmt.Sprintf("unknown column %.60q%s", c, strictyaml.Hint(c, allColumns))
		case slices.Contains(columns, c):
			return nil, fmt.Sprintf("the column %s is there twice; remove one", c)
		}
		columns = append(columns, c)
	}
	if !slices.Contains(columns, "to") {
		return nil, "the column to is missing; write from,to or from,to,rate"
	}
	return columns, ""
}

// fill takes the values of a line, or returns what is wrong with them.
func (e *Edge) fill(columns, record []string) (problem string) {
	if len(record) > len(columns) {
		return fmt.Sprintf("there are %d values, and only %d columns (%s)", len(record), len(columns), strings.Join(columns, ", "))
	}
	for i, value := range record {
		value = strings.TrimSpace(value)
		var err error
		switch columns[i] {
		case "from":
			e.From = strings.Clone(value)
		case "to":
			e.To = strings.Clone(value)
		case "rate":
			if value != "" {
				e.Rate, err = strconv.ParseFloat(value, 64)
			}
			if err != nil {
				return fmt.Sprintf("the rate %.40q is no number; write calls a second, as in 2.5", value)
			}
		case "first_seen":
			err = e.FirstSeen.optional(value)
		case "last_seen":
			err = e.LastSeen.optional(value)
		}
		if err != nil {
			return columns[i] + ": " + err.Error()
		}
	}
	return ""
}

func (m *Moment) optional(value string) error {
	if value == "" {
		return nil
	}
	return m.UnmarshalText([]byte(value))
}

// problem says what is wrong with an edge, or "".
func (e *Edge) problem() string {
	for _, n := range []struct{ what, name string }{{"from", e.From}, {"to", e.To}} {
		switch {
		case strings.TrimSpace(n.name) == "":
			return fmt.Sprintf("%s is missing; an edge needs from and to", n.what)
		case len(n.name) > topology.MaxName:
			return fmt.Sprintf("%s is longer than %d bytes: that is no service", n.what, topology.MaxName)
		case !utf8.ValidString(n.name) || strings.ContainsFunc(n.name, func(r rune) bool { return !unicode.IsPrint(r) }):
			return fmt.Sprintf("%s has invisible characters: %.60q; write the service's key", n.what, n.name)
		}
	}
	switch {
	case !(e.Rate >= 0 && e.Rate <= math.MaxFloat64):
		return "the rate is no number of calls a second; write 0 or more, or leave it out"
	case !e.LastSeen.IsZero() && e.LastSeen.Before(e.FirstSeen.Time):
		return "last_seen is before first_seen; swap them"
	}
	return ""
}

// Problem is what is wrong with one line of a file.
type Problem struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Resolved are the edges of a file with services for names.
type Resolved struct {
	Edges    []topology.Edge
	Unknown  []string // names that no service has, once for each edge end
	Problems []Problem
}

// Resolve finds the services of the names. keys are those of all services, for
// hints. An unknown name is a problem, unless such edges are to be skipped.
func Resolve(edges []Edge, names *topology.Names, keys []string, skipUnknown bool, now time.Time) Resolved {
	var r Resolved
	for i := range edges {
		e := &edges[i]
		tell := func(format string, args ...any) {
			r.Problems = append(r.Problems, Problem{e.Line, fmt.Sprintf(format, args...)})
		}
		if problem := e.problem(); problem != "" {
			tell("%s", problem)
			continue
		}
		from, okFrom := names.Find(e.From)
		to, okTo := names.Find(e.To)
		if !okFrom || !okTo {
			for _, n := range []struct {
				name string
				ok   bool
			}{{e.From, okFrom}, {e.To, okTo}} {
				if n.ok {
					continue
				}
				r.Unknown = append(r.Unknown, strings.TrimSpace(n.name))
				if !skipUnknown && len(r.Problems) <= MaxProblems {
					tell("there is no service %q%s", n.name, Hint(n.name, keys))
				}
			}
			continue
		}
		switch {
		case from == to:
			tell("%q and %q are the same service; a service does not call itself", e.From, e.To)
		case e.LastSeen.After(now) || e.FirstSeen.After(now):
			tell("this edge was seen in the future; mend first_seen and last_seen")
		default:
			r.Edges = append(r.Edges, topology.Edge{
				From: from, To: to, Rate: e.Rate, Source: topology.SourceImport, FirstSeen: e.FirstSeen.UTC(), LastSeen: e.LastSeen.UTC(),
			})
		}
	}
	return r
}

// Hint is a hint for a name that no service has.
func Hint(name string, keys []string) string {
	if n := strictyaml.Nearest(name, keys); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return "; add it to the catalog, or as an alias"
}
