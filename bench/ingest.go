package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"imbot/catalog"
	"imbot/store/boltstore"
)

// warm is how long each cell runs before it is counted, in seconds.
const warm = 0.25

// mostPerSecond bounds how many requests are made for a second beforehand. A
// cell that is quicker ends early.
const mostPerSecond = 9000

// Cells without a store.
const (
	cellEcho    = "echo"
	cellNoStore = "no store"
)

func cellStored(n int) string { return fmt.Sprintf("store of %d", n) }

// grid holds the rates and latencies by cell and number of connections.
type grid struct {
	rate, p50, p99 map[string]map[int]sample
	cpu            map[string]map[int]sample // of the server, microseconds per request: what neighbours on the machine disturb least
}

func newGrid() *grid {
	return &grid{map[string]map[int]sample{}, map[string]map[int]sample{}, map[string]map[int]sample{}, map[string]map[int]sample{}}
}

func (g *grid) add(cell string, conns int, l *load, cpu time.Duration) {
	for _, m := range []struct {
		to map[string]map[int]sample
		v  float64
	}{{g.rate, l.rate()}, {g.p50, l.P50}, {g.p99, l.P99}, {g.cpu, float64(cpu) / float64(time.Microsecond) / float64(l.answers())}} {
		if m.to[cell] == nil {
			m.to[cell] = map[int]sample{}
		}
		m.to[cell][conns] = append(m.to[cell][conns], m.v)
	}
}

// cells are measured one after the other, in another order each round.
type cell struct {
	name string
	run  func(conns int) (*load, error)
}

func (b *bench) rotate(g *grid, conns []int, cells []cell, prepare func(conns int) error) error {
	for round := range b.rounds {
		for _, c := range conns {
			if err := prepare(c); err != nil {
				return err
			}
			for i := range cells {
				cell := cells[(i+round)%len(cells)]
				var l *load
				var err error
				cpu := cpuTime()
				// The label finds the cell in a profile: go tool pprof -tagfocus cell=echo
				pprof.Do(context.Background(), pprof.Labels("cell", cell.name), func(context.Context) { l, err = cell.run(c) })
				if err != nil {
					return fmt.Errorf("%s, %d connections: %w", cell.name, c, err)
				}
				g.add(cell.name, c, l, cpuTime()-cpu)
				fmt.Fprintf(b.log, "  round %d, %3d connections, %-16s %7.0f/s  p50 %.2f ms  p99 %.2f ms  cpu %s µs  %s\n",
					round+1, c, cell.name, l.rate(), l.P50, l.P99, sample(g.cpu[cell.name][c][round:]).spread("%.0f"), ranOut(l))
			}
		}
	}
	return nil
}

func ranOut(l *load) string {
	if l.RanOut {
		return fmt.Sprintf("(ended after %.1f s: no more requests)", l.Seconds)
	}
	return ""
}

// fresh orders requests that are in no store yet.
func (b *bench) fresh(src source, count int) error {
	_, err := b.load.do(job{Make: &src, First: b.made, Count: count})
	b.made += count
	return err
}

// newIncidents is the source of the incidents of this run. They happen after all
// that a seeded store has.
func (b *bench) newIncidents() source {
	return source{Name: b.name, First: seedEnd, Step: time.Millisecond}
}

// send sends what was made to a handler.
func (b *bench) send(h http.Handler, conns int, repeat bool) (*load, error) {
	s, err := serve(h)
	if err != nil {
		return nil, err
	}
	l, err := b.load.do(job{Addr: s.addr, Conns: conns, Warm: warm, Window: b.seconds, Repeat: repeat, List: !repeat})
	return l, errors.Join(err, s.close())
}

// ingest compares storing with doing everything but that, and with nothing.
func (b *bench) ingest() error {
	cat, err := catalogOf(channels())
	if err != nil {
		return err
	}
	first := 0
	cells := []cell{
		{cellEcho, func(c int) (*load, error) { return b.send(http.HandlerFunc(echo), c, true) }},
		{cellNoStore, func(c int) (*load, error) { return b.send(hook(noStore{}, time.Now), c, true) }},
	}
	for _, n := range b.stored {
		cells = append(cells, cell{cellStored(n), func(c int) (*load, error) { return b.durable(n, cat, first, c) }})
	}
	g := newGrid()
	err = b.rotate(g, b.conns, cells, func(c int) error {
		first = b.made
		most := mostPerSecond
		if c == 1 {
			most /= 3
		}
		return b.fresh(b.newIncidents(), int(float64(most)*(b.seconds+warm)))
	})
	if err != nil {
		return err
	}
	return b.reportIngest(g)
}

// durable sends new incidents to a seeded store, with syncs, and then reads some
// of them back.
func (b *bench) durable(stored int, cat *catalog.Catalog, first, conns int) (*load, error) {
	im, err := b.open(stored, cat, boltstore.Options{})
	if err != nil {
		return nil, err
	}
	started := im.service.Now()
	l, err := b.send(im.hook, conns, false)
	if err == nil {
		err = im.checkStored(b.newIncidents(), first, l.Accepted, started)
	}
	return l, errors.Join(err, im.store.Close())
}

// open opens a seeded store: a copy, if it is small.
func (b *bench) open(stored int, cat *catalog.Catalog, o boltstore.Options) (*imbot, error) {
	path := b.stores[stored]
	if stored <= small {
		path = filepath.Join(b.dir, "run.db")
		if err := copyFile(path, b.stores[stored]); err != nil {
			return nil, err
		}
	}
	o.Now = clock()
	return openImbot(path, cat, o)
}

// copyFile makes a durable copy.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func (b *bench) reportIngest(g *grid) error {
	t := table{
		title: "New incidents by webhook",
		note: "Closed loop over keep-alive connections, bodies of about 6 KB. *echo* reads the body; *no store* is the real handler (verify, parse, map, compress) " +
			"without the store; the others also commit incident, timeline, keys, body and card, durably. A sample of each is read back.",
		head: []string{"connections", "cell", "requests/s", "p50 ms", "p99 ms", "CPU µs", "of echo", "of no store", "target"},
	}
	for _, c := range b.conns {
		names := []string{cellEcho, cellNoStore}
		for _, n := range b.stored {
			names = append(names, cellStored(n))
		}
		for i, name := range names {
			target := ""
			ofNone := g.rate[name][c].over(g.rate[cellNoStore][c])
			if want, ok := map[int]float64{32: 0.20, 256: 0.40}[c]; ok && i == 2 {
				target = b.verdict(ofNone.median() >= want, fmt.Sprintf("≥ %.0f %% of no store", 100*want))
			}
			if i == 3 {
				slow := g.rate[names[2]][c].over(g.rate[name][c])
				target = fmt.Sprintf("%s× slower", slow.spread("%.2f"))
				if c > 1 {
					target = b.verdict(slow.median() <= 1.5, "≤ 1.5×") + ": " + target
				}
			}
			t.add(fmt.Sprint(c), name, g.rate[name][c].spread("%.0f"), g.p50[name][c].spread("%.1f"), g.p99[name][c].spread("%.1f"), g.cpu[name][c].spread("%.0f"),
				g.rate[name][c].over(g.rate[cellEcho][c]).ratio(), ofNone.ratio(), target)
		}
	}
	return t.write(b.out)
}
