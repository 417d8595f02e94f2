package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/integrations/pagerduty"
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
	g := grid{}
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
	l, err := b.send(im.hook, conns, true)
	if err == nil {
		err = im.checkOnce(seeded(stored), stored-min(known, stored), stored)
	}
	return l, errors.Join(err, im.store.Close())
}

// checkOnce makes sure that the bodies of these webhooks are stored once: when
// they came first, before the end of the seed.
func (im *imbot) checkOnce(src source, first, last int) error {
	deliveries := map[string]bool{}
	for n := first; n < last; n++ {
		_, h := src.webhook(n)
		deliveries[h.Get(pagerduty.WebhookIDHeader)] = true
	}
	return im.store.View(context.Background(), func(tx incident.Tx) error {
		again := 0
		err := tx.Raw(seedEnd.Add(time.Nanosecond), func(in incident.Inbound) bool {
			if deliveries[in.ID] {
				again++
			}
			return true
		})
		if err == nil && again > 0 {
			err = fmt.Errorf("%d duplicates were stored", again)
		}
		return err
	})
}

func (b *bench) reportDuplicates(g grid) error {
	t := table{
		title: "Duplicate deliveries",
		note:  fmt.Sprintf("%d connections deliver the last webhooks of the store again and again. Afterwards nothing new is stored.", duplicateConns),
		head:  slices.Concat([]string{"cell"}, figuresHead, []string{"of no store", "target"}),
	}
	names := []string{cellNoStore}
	for _, n := range b.stored {
		names = append(names, cellStored(n))
	}
	const c = duplicateConns
	for i, name := range names {
		target, f := "", g[name][c]
		of := f.rate.over(g[cellNoStore][c].rate)
		if i > 0 {
			target = b.verdict(of.median() >= 0.5, "≥ 50 % of no store", f, g[cellNoStore][c])
		}
		if i == 2 {
			slow := g[names[1]][c].rate.over(f.rate)
			target += "; " + b.verdict(slow.median() <= 1.2, "≤ 1.2×", f, g[names[1]][c]) + fmt.Sprintf(": %s× slower", slow.spread("%.2f"))
		}
		t.add(slices.Concat([]string{name}, f.cells(), []string{of.ratio(), target})...)
	}
	return t.write(b.out)
}
