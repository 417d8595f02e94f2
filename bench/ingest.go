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
	"slices"
	"time"

	"imbot/catalog"
	"imbot/store/boltstore"
)

// mostPerSecond bounds how many requests are made for a second beforehand. A
// cell that is quicker ends early.
const mostPerSecond = 9000

// Cells without a store.
const (
	cellEcho    = "echo"
	cellNoStore = "no store"
)

func cellStored(n int) string { return fmt.Sprintf("store of %d", n) }

// figures are those of one cell over the rounds.
type figures struct {
	rate, p50, p99 sample
	cpu            sample // of the server, microseconds a request: neighbours on the machine disturb it least
	others         sample // cores that somebody else used
}

// grid holds the figures by cell and number of connections.
type grid map[string]map[int]*figures

func (g grid) add(cell string, conns int, l *load) *figures {
	if g[cell] == nil {
		g[cell] = map[int]*figures{}
	}
	f := g[cell][conns]
	if f == nil {
		f = &figures{}
		g[cell][conns] = f
	}
	f.rate, f.p50, f.p99 = append(f.rate, l.rate()), append(f.p50, l.P50), append(f.p99, l.P99)
	f.cpu = append(f.cpu, float64(l.server)/float64(time.Microsecond)/float64(l.answers()))
	f.others = append(f.others, l.others)
	return f
}

// figuresHead and cells are the columns that figures have.
var figuresHead = []string{"requests/s", "p50 ms", "p99 ms", "CPU µs", "cores of others"}

func (f *figures) cells() []string {
	return []string{f.rate.spread("%.0f"), f.p50.spread("%.1f"), f.p99.spread("%.1f"), f.cpu.spread("%.0f"), f.others.spread("%.1f")}
}

// cells are measured one after the other, in another order each round.
type cell struct {
	name string
	run  func(conns int) (*load, error)
}

func (b *bench) rotate(g grid, conns []int, cells []cell, prepare func(conns int) error) error {
	for round := range b.rounds {
		for _, c := range conns {
			if err := prepare(c); err != nil {
				return err
			}
			for i := range cells {
				cell := cells[(i+round)%len(cells)]
				b.waitCalm()
				var l *load
				var err error
				// The label finds the cell in a profile: go tool pprof -tagfocus cell=echo
				pprof.Do(context.Background(), pprof.Labels("cell", cell.name), func(context.Context) { l, err = cell.run(c) })
				if err != nil {
					return fmt.Errorf("%s, %d connections: %w", cell.name, c, err)
				}
				f := g.add(cell.name, c, l)
				fmt.Fprintf(b.log, "  round %d, %3d connections, %-16s %7.0f/s  p50 %.2f ms  p99 %.2f ms  cpu %.0f µs  others %.1f cores  %s\n",
					round+1, c, cell.name, l.rate(), l.P50, l.P99, f.cpu[round], l.others, ranOut(l))
			}
		}
	}
	return nil
}

// calm is how much of one core others may use without disturbing: an idle
// system has its moments too.
const calm = 0.15

// disturbed reports whether others have used the processors in most rounds.
func (f *figures) disturbed() bool { return f.others.median() > calm }

// waitCalm waits until others leave the processors alone, or patience ends.
func (b *bench) waitCalm() {
	const look = 250 * time.Millisecond
	for end := time.Now().Add(b.wait); time.Now().Before(end); {
		before := machineTime() - cpuTime()
		time.Sleep(look)
		if others := machineTime() - cpuTime() - before; others.Seconds() < calm*look.Seconds() {
			return
		}
	}
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
	l, err := b.load.measure(job{Addr: s.addr, Conns: conns, Warm: b.warm, Window: b.seconds, Repeat: repeat, List: !repeat})
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
	g := grid{}
	err = b.rotate(g, b.conns, cells, func(c int) error {
		first = b.made
		most := mostPerSecond
		if c == 1 {
			most /= 3
		}
		return b.fresh(b.newIncidents(), int(float64(most)*(b.seconds+b.warm)))
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

func (b *bench) reportIngest(g grid) error {
	t := table{
		title: "New incidents by webhook",
		note: "Closed loop over keep-alive connections, bodies of about 6 KB. *echo* reads the body; *no store* is the real handler (verify, parse, map, compress) " +
			"without the store; the others also commit incident, timeline, keys, body and card, durably. A sample of each is read back.",
		head: slices.Concat([]string{"connections", "cell"}, figuresHead, []string{"of echo", "of no store", "target"}),
	}
	for _, c := range b.conns {
		names := []string{cellEcho, cellNoStore}
		for _, n := range b.stored {
			names = append(names, cellStored(n))
		}
		for i, name := range names {
			target, f := "", g[name][c]
			ofNone := f.rate.over(g[cellNoStore][c].rate)
			if want, ok := map[int]float64{32: 0.20, 256: 0.40}[c]; ok && i == 2 {
				target = b.verdict(ofNone.median() >= want, fmt.Sprintf("≥ %.0f %% of no store", 100*want), f, g[cellNoStore][c])
			}
			if i == 3 {
				slow := g[names[2]][c].rate.over(f.rate)
				target = fmt.Sprintf("%s× slower", slow.spread("%.2f"))
				if c > 1 {
					target = b.verdict(slow.median() <= 1.5, "≤ 1.5×", f, g[names[2]][c]) + ": " + target
				}
			}
			t.add(slices.Concat([]string{fmt.Sprint(c), name}, f.cells(), []string{f.rate.over(g[cellEcho][c].rate).ratio(), ofNone.ratio(), target})...)
		}
	}
	return t.write(b.out)
}
