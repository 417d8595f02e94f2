package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/store/boltstore"
)

// duplicateConns are the connections that duplicates come over.
const duplicateConns = 32

// known is how many different webhooks are delivered again and again: those of
// the last day.
const known = perDay

// duplicates compares deliveries that are known already with doing all but the
// store.
func (b *bench) duplicates() error {
	cat, err := catalogOf(channels())
	if err != nil {
		return err
	}
	cells := []cell{{cellNoStore, func(c int) (*load, error) {
		if err := b.again(b.stored[0]); err != nil {
			return nil, err
		}
		return b.send(hook(noStore{}, time.Now), c, true)
	}}}
	for _, n := range b.stored {
		cells = append(cells, cell{cellStored(n), func(c int) (*load, error) { return b.delivered(n, cat, c) }})
	}
	g := newGrid()
	if err := b.rotate(g, []int{duplicateConns}, cells, func(int) error { return nil }); err != nil {
		return err
	}
	return b.reportDuplicates(g)
}

// again orders the last webhooks that a seeded store has got.
func (b *bench) again(stored int) error {
	src, count := seeded(stored), min(known, stored)
	_, err := b.load.do(job{Make: &src, First: stored - count, Count: count})
	return err
}

// delivered delivers what a store has, and makes sure that nothing was stored.
func (b *bench) delivered(stored int, cat *catalog.Catalog, conns int) (*load, error) {
	if err := b.again(stored); err != nil {
		return nil, err
	}
	im, err := b.open(stored, cat, boltstore.Options{})
	if err != nil {
		return nil, err
	}
	started := im.service.Now()
	l, err := b.send(im.hook, conns, true)
	if err == nil {
		err = im.store.View(context.Background(), func(tx incident.Tx) error {
			more := 0
			if err := tx.Raw(started, func(incident.Inbound) bool { more++; return true }); err != nil {
				return err
			}
			if more > 0 {
				return fmt.Errorf("%d duplicates were stored", more)
			}
			return nil
		})
	}
	return l, errors.Join(err, im.store.Close())
}

func (b *bench) reportDuplicates(g *grid) error {
	t := table{
		title: "Duplicate deliveries",
		note:  fmt.Sprintf("%d connections deliver the last webhooks of the store again and again. Afterwards nothing new is stored.", duplicateConns),
		head:  []string{"cell", "requests/s", "p50 ms", "p99 ms", "of no store", "target"},
	}
	names := []string{cellNoStore}
	for _, n := range b.stored {
		names = append(names, cellStored(n))
	}
	const c = duplicateConns
	for i, name := range names {
		target := ""
		of := g.rate[name][c].over(g.rate[cellNoStore][c])
		if i > 0 {
			target = b.verdict(of.median() >= 0.5, "≥ 50 % of no store")
		}
		if i == 2 {
			slow := g.rate[names[1]][c].over(g.rate[name][c])
			target += "; " + b.verdict(slow.median() <= 1.2, "≤ 1.2×") + fmt.Sprintf(": %s× slower", slow.spread("%.2f"))
		}
		t.add(name, g.rate[name][c].spread("%.0f"), g.p50[name][c].spread("%.1f"), g.p99[name][c].spread("%.1f"), of.ratio(), target)
	}
	return t.write(b.out)
}
