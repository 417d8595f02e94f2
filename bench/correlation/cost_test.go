package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"imbot/incident"
	"imbot/store/boltstore"
)

// yard is imbot's domain on a store, with so many open incidents that lie all
// over a graph.
type yard struct {
	b       testing.TB
	net     *network
	memory  *memory
	store   *boltstore.Store
	service *incident.Service
	r       *rng
	now     time.Time
	made    int
	open    []int // numbers of those that are open, oldest first
	step    time.Duration
}

func newYard(b testing.TB, shape string) *yard {
	b.Helper()
	y := &yard{b: b, r: newRNG(1, "cost "+shape), now: epoch}
	y.net = newNetwork(y.r, shape, 1000)
	y.memory = remember(y.r, y.net, nil, 0, 0, 0)
	clock := func() time.Time { return y.now }
	var err error
	y.store, err = boltstore.Open(filepath.Join(b.TempDir(), "imbot.db"), boltstore.Options{Now: clock, NoSync: true, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := y.store.Close(); err != nil {
			b.Error(err)
		}
	})
	cat, err := catalogOf(&world{net: y.net, unmapped: make([]bool, 1000)})
	if err != nil {
		b.Fatal(err)
	}
	y.service = &incident.Service{
		Store: y.store, Now: clock, Catalog: func() incident.Catalog { return cat },
		Topology: func() incident.Topology { return y.memory },
	}
	return y
}

// command is about number n: an alert of this service.
func (y *yard) command(verb incident.Verb, n, service int, at time.Time) incident.Command {
	k := []kind{errorRate, latency, down, saturation}[n%4]
	return incident.Command{
		Verb: verb, Source: incident.SourcePagerDuty, At: at, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty},
		Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: pagerID("cost", n)},
		Keys: []string{fmt.Sprintf("%s/%d", verb, n)},
		Args: incident.Args{Alert: &incident.Alert{
			Title: y.net.names[service] + " " + plain[k], Service: y.net.names[service], ServiceID: pagerService(service), Key: fmt.Sprint("key-", n), CreatedAt: at,
		}},
	}
}

// trigger makes one more open incident, and returns how long that took.
func (y *yard) trigger(service int, at time.Time) time.Duration {
	cmd := y.command(incident.Trigger, y.made, service, at)
	start := time.Now()
	if _, err := y.service.Do(context.Background(), cmd); err != nil {
		y.b.Fatal(err)
	}
	took := time.Since(start)
	y.open = append(y.open, y.made)
	y.made++
	return took
}

// resolve ends the oldest.
func (y *yard) resolve() {
	cmd := y.command(incident.Resolve, y.open[0], 0, y.now)
	cmd.Args.Alert = nil
	y.open = y.open[1:]
	if _, err := y.service.Do(context.Background(), cmd); err != nil {
		y.b.Fatal(err)
	}
}

// fill opens 1,000 incidents, this far apart.
func (y *yard) fill(step time.Duration) {
	y.step = step
	for range 1000 {
		y.trigger(y.r.IntN(1000), y.now)
		y.now = y.now.Add(step)
	}
}

// times are how long decisions took, beside what the same costs where there is
// nothing to decide.
func (y *yard) times(b *testing.B, next func() int) {
	topo := y.service.Topology
	var with, without []time.Duration
	alone := 0
	for b.Loop() {
		with = append(with, y.trigger(next(), y.now))
		y.resolve()
		// The same, of a service that nobody calls and that has no incident.
		y.service.Topology = nil
		cmd := y.command(incident.Trigger, 1_000_000_000+y.made, 0, y.now)
		cmd.Args.Alert.ServiceID, cmd.Args.Alert.Service = fmt.Sprint("PALONE", alone), ""
		alone++
		start := time.Now()
		if _, err := y.service.Do(context.Background(), cmd); err != nil {
			b.Fatal(err)
		}
		without = append(without, time.Since(start))
		y.service.Topology = topo
		y.now = y.now.Add(y.step)
	}
	slices.Sort(with)
	slices.Sort(without)
	at := func(list []time.Duration, share float64) float64 {
		return float64(list[min(int(share*float64(len(list))), len(list)-1)].Microseconds())
	}
	b.ReportMetric(at(with, 0.5), "p50-µs")
	b.ReportMetric(at(with, 0.99), "p99-µs")
	b.ReportMetric(at(with, 1), "worst-µs")
	b.ReportMetric(at(without, 0.5), "nothing-to-decide-p50-µs")
	b.ReportMetric(at(with, 0.5)-at(without, 0.5), "decision-p50-µs")
	b.ReportMetric(at(with, 0.99)-at(without, 0.99), "decision-p99-µs")
}

// How far apart the incidents of a day are, when a thousand stay open, and those
// of a storm: within ten minutes all of them may be one another's cause.
const (
	calm  = 24 * time.Hour / 1000
	storm = 10 * time.Minute / 1000
)

// BenchmarkDecide is one alert against 1,000 open incidents and 5,000 calls: of
// any service; of the one that most others call; and of any in a storm.
func BenchmarkDecide(b *testing.B) {
	for _, shape := range shapes {
		y := newYard(b, shape)
		y.fill(calm)
		busiest := 0
		for s, c := range y.net.callers {
			if len(c) > len(y.net.callers[busiest]) {
				busiest = s
			}
		}
		b.Run(shape+"/any", func(b *testing.B) { y.times(b, func() int { return y.r.IntN(1000) }) })
		b.Run(fmt.Sprintf("%s/called-by-%d", shape, len(y.net.callers[busiest])), func(b *testing.B) { y.times(b, func() int { return busiest }) })
		y = newYard(b, shape)
		y.fill(storm)
		b.Run(shape+"/storm", func(b *testing.B) { y.times(b, func() int { return y.r.IntN(1000) }) })
	}
}

// BenchmarkClosed is the same with 1,000 and with many closed incidents in the
// store: IMBOT_BENCH_CLOSED of them (20,000 by default; 1,000,000 take minutes).
func BenchmarkClosed(b *testing.B) {
	many := 20_000
	if v := os.Getenv("IMBOT_BENCH_CLOSED"); v != "" {
		var err error
		if many, err = strconv.Atoi(v); err != nil || many < 1000 {
			b.Fatalf("IMBOT_BENCH_CLOSED=%s is no number of at least 1,000", v)
		}
	}
	for _, closed := range []int{1000, many} {
		y := newYard(b, layered)
		y.bury(closed)
		y.fill(calm)
		b.Run(fmt.Sprintf("closed-%d", closed), func(b *testing.B) { y.times(b, func() int { return y.r.IntN(1000) }) })
	}
}

// bury makes closed incidents, 1,000 a day, many at a time.
func (y *yard) bury(count int) {
	const workers = 64
	days := time.Duration(count/1000+3) * day
	var wg sync.WaitGroup
	first := y.made
	y.made += count
	for w := range workers {
		wg.Go(func() {
			for n := first + w; n < first+count; n += workers {
				at := epoch.Add(-days).Add(time.Duration(n) * day / 1000)
				service := n * 7 % 1000
				if _, err := y.service.Do(context.Background(), y.command(incident.Trigger, n, service, at)); err != nil {
					y.b.Error(err)
					return
				}
				if _, err := y.service.Do(context.Background(), y.command(incident.Resolve, n, service, at.Add(20*time.Minute))); err != nil {
					y.b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
