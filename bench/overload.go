package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"imbot/incident"
	"imbot/store/boltstore"
)

const (
	overloadConns = 2000
	overloadQueue = 64
)

// overload drives far more at a store than its queue holds: what is refused must
// say when to come back, and what is accepted must be there.
func (b *bench) overload() error {
	cat, err := catalogOf(channels())
	if err != nil {
		return err
	}
	im, err := b.open(b.stored[0], cat, boltstore.Options{MaxQueue: overloadQueue})
	if err != nil {
		return err
	}
	l, lost, err := b.drive(im)
	if err := errors.Join(err, im.store.Close()); err != nil {
		return err
	}
	t := table{
		title: "Overload",
		note:  fmt.Sprintf("%d connections, each with a request on its way all the time; %d changes may wait for the store.", overloadConns, overloadQueue),
		head:  []string{"answer", "count", "target"},
	}
	t.add("202", fmt.Sprint(l.Status[202]), b.verdict(lost == 0, fmt.Sprintf("each is there: %d lost", lost)))
	t.add("503", fmt.Sprint(l.Status[503]), b.verdict(l.Status[503] > 0 && l.NoRetry == 0, fmt.Sprintf("each with Retry-After: %d without", l.NoRetry)))
	others := l.answers() - l.Status[202] - l.Status[503]
	t.add("others", fmt.Sprint(others), b.verdict(others == 0, "none"))
	return t.write(b.out)
}

// drive returns what was answered, and how many accepted webhooks are not there.
func (b *bench) drive(im *imbot) (l *load, lost int, err error) {
	src, first := b.newIncidents(), b.made
	if err := b.fresh(src, int(3*mostPerSecond*(b.seconds+b.warm))); err != nil {
		return nil, 0, err
	}
	s, err := serve(im.hook)
	if err != nil {
		return nil, 0, err
	}
	l, err = b.load.do(job{Addr: s.addr, Conns: overloadConns, Warm: b.warm, Window: b.seconds, List: true, MaxBad: math.MaxInt})
	if err := errors.Join(err, s.close()); err != nil {
		return nil, 0, err
	}
	err = im.store.View(context.Background(), func(tx incident.Tx) error {
		for _, n := range l.Accepted {
			if _, err := find(tx, src, first+n); err != nil {
				fmt.Fprintf(b.log, "  accepted, but: %v\n", err)
				lost++
			}
		}
		return nil
	})
	return l, lost, err
}
