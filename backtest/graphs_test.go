package backtest

import (
	"testing"
	"time"

	"imbot/incident"
)

// counted is a graph that knows of which time it is.
type counted struct {
	incident.NoTopology
	at time.Time
}

func TestGraphs(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }
	built := 0
	g := NewGraphs(func(at time.Time) incident.Topology {
		built++
		return counted{at: at}
	}, []time.Time{at(30), at(10), at(10), at(-5)})
	for _, tt := range []struct {
		at    int
		of    int // the time of the graph
		built int
	}{
		{0, 0, 1},
		{0, 0, 1},
		{9, 0, 1},
		{10, 10, 2},
		{29, 10, 2},
		{45, 45, 3},
		{46, 45, 3},
		{45 + 24*60 - 1, 45, 3},
		{45 + 24*60, 45 + 24*60, 4},
		{3000, 3000, 5},
		{0, 0, 6}, // back: never from the future
	} {
		got := g.At(at(tt.at)).(counted)
		if !got.at.Equal(at(tt.of)) || built != tt.built {
			t.Errorf("at minute %d: a graph of %s after %d were built, want one of %s after %d", tt.at, got.at, built, at(tt.of), tt.built)
		}
	}
}

// However many news there are, only so many graphs are built for them.
func TestGraphsAreBounded(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var news []time.Time
	for i := range 10 * maxNews {
		news = append(news, t0.Add(time.Duration(i)*time.Second))
	}
	built := 0
	g := NewGraphs(func(time.Time) incident.Topology {
		built++
		return incident.NoTopology{}
	}, news)
	for i := range 10*maxNews + 5 {
		g.At(t0.Add(time.Duration(i) * time.Second))
	}
	if built > maxNews+2 || built < maxNews/2 {
		t.Errorf("%d graphs were built for %d news", built, len(news))
	}
	if last := t0.Add(time.Duration(len(news)) * time.Second); g.from.After(last) || last.Sub(g.from) > 20*time.Second {
		t.Errorf("the last graph is of %s, long before %s", g.from, last)
	}
}

func TestTimers(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var ts timers
	for i, s := range []int{5, 1, 5, 3, 1} {
		ts.add(t0.Add(time.Duration(s)*time.Second), "k", incident.ID(i))
	}
	var got []incident.ID
	for _, by := range []int{0, 3, 9} {
		for {
			tm, ok := ts.next(t0.Add(time.Duration(by) * time.Second))
			if !ok {
				break
			}
			got = append(got, tm.id)
		}
		got = append(got, -1)
	}
	want := []incident.ID{-1, 1, 4, 3, -1, 0, 2, -1}
	if len(got) != len(want) {
		t.Fatalf("timers %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("timers %v, want %v", got, want)
		}
	}
}
