package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// printTopology prints the calls and how the sources do.
func printTopology(out io.Writer, r topologyReport, all bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	hidden := 0
	fmt.Fprintln(w, "FROM\tTO\tSOURCE\tKIND\tFIRST SEEN\tLAST SEEN\tCALLS/S\t")
	for _, e := range r.Edges {
		note := ""
		if !e.Counts {
			if !all {
				hidden++
				continue
			}
			note = "does not count"
		}
		rate := "-"
		if e.Rate > 0 {
			rate = strconv.FormatFloat(e.Rate, 'g', 3, 64)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.From, e.To, e.Source, orDash(e.Kind), ago(r.At, e.FirstSeen, "ever"), ago(r.At, e.LastSeen, "always"), rate, note)
	}
	if len(r.Edges) == 0 {
		fmt.Fprintln(w, "nobody has said yet who calls whom")
	}
	fmt.Fprintln(w)
	if hidden > 0 {
		fmt.Fprintf(w, "%d more do not count: not seen for %s, or of services that the catalog has not (any more). -all prints them.\n\n", hidden, brief(r.Memory))
	}
	fmt.Fprintln(w, "SOURCE\tSTATE\tASKED\tANSWERED\tCALLS\tLEFT OUT")
	for _, s := range r.Sources {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", s.Name, s.state(), ago(r.At, s.AskedAt, "never"), ago(r.At, s.OKAt, "never"), s.Edges, s.leftOut())
	}
	if len(r.Sources) == 0 {
		fmt.Fprintln(w, "none is configured: see newrelic, prometheus, backstage and topology in imbot.example.yaml")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range r.Sources {
		if s.Error != "" {
			if _, err := fmt.Fprintf(out, "\n%s: %s\n", s.Name, strings.TrimPrefix(s.Error, s.Name+": ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// state is how a source does, in a word.
func (s *reportSource) state() string {
	switch {
	case s.Error != "" && s.Failures > 1:
		return fmt.Sprintf("failed %d times", s.Failures)
	case s.Error != "":
		return "failed"
	case s.AskedAt.IsZero():
		return "not asked yet"
	case !s.On && s.Name != "import":
		return "off"
	}
	return "ok"
}

// leftOut says which calls of the last answer were not taken.
func (s *reportSource) leftOut() string {
	var out []string
	for _, n := range []struct {
		n    int
		what string
	}{{s.Unknown, "of unknown names"}, {s.Loops, "of a service by itself"}, {s.Refused, "impossible"}, {s.TooMany, "too many"}} {
		if n.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	return orDash(strings.Join(out, ", "))
}

// printService prints the neighbourhood of a service.
func printService(out io.Writer, r topologyReport) error {
	s := r.Service
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n", s.Key)
	if len(s.Ring) > 0 {
		fmt.Fprintf(w, "in a circle with %s\n", strings.Join(s.Ring, ", "))
	}
	for _, part := range []struct {
		title, none string
		calls       []reportCall
	}{{"calls", "it calls nobody, as far as is known", s.Callees}, {"is called by", "nobody calls it, as far as is known", s.Callers}} {
		fmt.Fprintln(w)
		if len(part.calls) == 0 {
			fmt.Fprintln(w, part.none)
			continue
		}
		fmt.Fprintf(w, "%s\n", part.title)
		for _, c := range part.calls {
			fmt.Fprintf(w, "%s%s → %s\t%s\t%s\n", strings.Repeat("  ", c.Hops), c.From, c.To, c.Source, ago(r.At, c.LastSeen, "always"))
		}
	}
	return w.Flush()
}
