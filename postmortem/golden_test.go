package postmortem_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/effects"
	"imbot/incident"
	"imbot/postmortem"
	"imbot/query"
)

var update = flag.Bool("update", false, "write the golden files anew")

var samples = map[string]func(t testing.TB) *query.View{
	"open":     func(t testing.TB) *query.View { return opened(t).View() },
	"draft":    func(t testing.TB) *query.View { return resolved(t).View() },
	"half":     func(t testing.TB) *query.View { return resolved(t).RCA(false).View() },
	"complete": full,
	"waived": func(t testing.TB) *query.View {
		return resolved(t).Do(incident.Close, ani, incident.Args{Waive: "a test\nof the alert"}).View()
	},
	"bare": func(t testing.TB) *query.View {
		w := newWorld(t)
		w.Facts.Service, w.Facts.Squad = incident.ServiceInfo{}, incident.SquadInfo{}
		w.Facts.Verdict = incident.Verdict{Level: incident.Other}
		v := w.Do(incident.Declare, ani, incident.Args{Title: "Certificate expires", Description: "Seen by hand.\n\nOf the shop only."}).View()
		v.Page, v.Links, v.Timeline = "", nil, nil
		return v
	},
}

// TestGolden: what each document says, in both languages and formats.
func TestGolden(t *testing.T) {
	for name, make := range samples {
		for _, lang := range []string{"en", "id"} {
			d := postmortem.Document(make(t), postmortem.Options{Lang: lang, Zone: wib, Kept: name != "bare"})
			golden(t, name+"."+lang+".md", d.Markdown())
			golden(t, name+"."+lang+".xml", strings.ReplaceAll(effects.Storage(&d), "><", ">\n<")+"\n")
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// TestSame: nothing in a document is of the time or the order in which it is
// made, so that it is the same as long as the incident is.
func TestSame(t *testing.T) {
	v := full(t)
	first := postmortem.Document(v, postmortem.Options{})
	for range 20 {
		again := postmortem.Document(v, postmortem.Options{})
		if d := cmp.Diff(first.Markdown(), again.Markdown()); d != "" {
			t.Fatalf("made anew (-first +again):\n%s", d)
		}
	}
}

// TestTimes: figures are sums over episodes; what was not said is left out, and
// what can't be is not counted.
func TestTimes(t *testing.T) {
	say := func(v *query.View) string {
		d := postmortem.Document(v, postmortem.Options{})
		return d.Markdown()
	}
	v := full(t)
	md := say(v)
	for _, want := range []string{
		"| Detected | 2026-12-31 01:02 | 8 min after the impact began |", "| Acknowledged | 2026-12-31 01:15 | 11 min after it was opened |",
		"| Mitigated | 2026-12-31 01:34 | the impact lasted 40 min |", "lasted 1 h 17 min, the sum of 2 episodes",
	} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md)
		}
	}
	v.Incident.Times = incident.Times{ImpactStarted: t0, Detected: t0.Add(-time.Hour)}
	if md = say(v); strings.Contains(md, "after the impact began") || strings.Contains(md, "| Mitigated |") {
		t.Errorf("counts what can't be:\n%s", md)
	}
}

// TestLongTimeline: the beginning and the end of a long one are there.
func TestLongTimeline(t *testing.T) {
	v := opened(t).View()
	for i := range 1000 {
		v.Timeline = append(v.Timeline, incident.Event{N: i + 2, At: t0.Add(time.Duration(i) * time.Second), Kind: incident.EvNote, Actor: ani, Text: "note " + strings.Repeat("x", i%3)})
	}
	n := len(v.Timeline)
	d := postmortem.Document(v, postmortem.Options{})
	md := d.Markdown()
	if !strings.Contains(md, "601 entries are left out here") || strings.Count(md, "Ani: note") != 399 || len(v.Timeline) != n {
		t.Errorf("%d notes in\n%s", strings.Count(md, "Ani: note"), md)
	}
}

// TestPrompts: what a template asks is asked, and no answer.
func TestPrompts(t *testing.T) {
	w := resolved(t)
	d := postmortem.Document(w.View(), postmortem.Options{})
	md := d.Markdown()
	for _, want := range []string{"_Who could not do what, and for how long?_", "_Category: Code?_", "_Why?_\\\n_And why that?_", "Still to be written: Summary, Impact, Root cause, Category, Resolution steps"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in\n%s", want, md)
		}
	}
	d = postmortem.Document(w.RCA(true).View(), postmortem.Options{})
	if md = d.Markdown(); strings.Contains(md, "What went well") || !strings.Contains(md, "1. the pool was empty\n2. connections leaked") {
		t.Errorf("the complete one asks still:\n%s", md)
	}
}
