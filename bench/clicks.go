package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"imbot/incident"
)

// perSecond is how many buttons are pressed a second, whatever the answers take.
const perSecond = 100

// clicks measures buttons of cards: people press Acknowledge while the outbox
// posts the cards.
func (b *bench) clicks() error {
	t, err := b.openTeams()
	if err != nil {
		return err
	}
	var p50, p99, trip sample
	var first []time.Duration
	posted := 0
	err = func() error {
		// Whoever presses for the first time is looked up in the roster, and keys and
		// tokens are fetched.
		if first, _, err = b.clickRound(t, people, 1); err != nil {
			return err
		}
		for range b.rounds {
			server, whole, err := b.clickRound(t, max(10, int(perSecond*b.seconds)), perSecond)
			if err != nil {
				return err
			}
			p50, p99, trip = append(p50, quantile(server, 0.5)), append(p99, quantile(server, 0.99)), append(trip, quantile(whole, 0.99))
		}
		posted = t.sim.PostCount("") + t.sim.UpdateCount("")
		return nil
	}()
	if err := errors.Join(err, t.close()); err != nil {
		return err
	}
	tab := table{
		title: "Buttons",
		note: fmt.Sprintf("%d people press Acknowledge %d times a second in all, open loop, with signed tokens that are checked; the answer is the card. "+
			"Meanwhile the outbox posted or updated %d cards in a simulated Teams, at Teams' rate limits.", people, perSecond, posted),
		head: []string{"", "ms", "target"},
	}
	tab.add("in the bot, p50", p50.spread("%.1f"), b.verdict(p50.median() <= 50, "≤ 50 ms"))
	tab.add("in the bot, p99", p99.spread("%.1f"), b.verdict(p99.median() <= 50, "≤ 50 ms"))
	tab.add("first press of each person, who is looked up in Teams: slowest", fmt.Sprintf("%.1f", quantile(first, 1)), "")
	tab.add("as the client sees it, signing of its token included, p99", trip.spread("%.1f"), "")
	return tab.write(b.out)
}

// clickRound makes incidents, then presses their buttons. It returns sorted
// times.
func (b *bench) clickRound(t *teams, count, perSecond int) (server, whole []time.Duration, err error) {
	src, first := b.newIncidents(), b.made
	b.made += count
	err = each(0, count, func(i int) error {
		body, h := src.webhook(first + i)
		return deliver(t.hook, h, body)
	})
	if err != nil {
		return nil, nil, err
	}
	ids := make([]incident.ID, count)
	err = t.store.View(context.Background(), func(tx incident.Tx) error {
		for i := range ids {
			inc, err := find(tx, src, first+i)
			if err != nil {
				return err
			}
			ids[i] = inc.ID
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	t.times() // what came before does not count
	whole, err = t.press(ids, perSecond)
	server = t.times()
	slices.Sort(server)
	slices.Sort(whole)
	return server, whole, errors.Join(err, t.acked(ids))
}

// press acknowledges the incidents, so many a second, whatever the answers take;
// 1 stands for one after the other.
func (t *teams) press(ids []incident.ID, perSecond int) ([]time.Duration, error) {
	var wg sync.WaitGroup
	took, errs := make([]time.Duration, len(ids)), make([]error, len(ids))
	one := func(i int) {
		start := time.Now()
		errs[i] = t.ack(i, ids[i])
		took[i] = time.Since(start)
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for i := range ids {
		if perSecond == 1 {
			one(i)
			continue
		}
		<-tick.C
		wg.Go(func() { one(i) })
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

func (t *teams) ack(i int, id incident.ID) error {
	value := map[string]any{"trigger": "manual", "action": map[string]any{
		"type": "Action.Execute", "verb": "ack", "data": map[string]any{"verb": "ack", "incident": id.String()},
	}}
	r, err := t.sim.Invoke(context.Background(), t.users[i%len(t.users)].ID, t.rooms[i%len(t.rooms)], "adaptiveCard/action", value)
	if err != nil {
		return err
	}
	if r.Status != 200 || !strings.Contains(string(r.Body), "application/vnd.microsoft.card.adaptive") {
		return fmt.Errorf("the button of %s was answered %d: %.200s", id, r.Status, r.Body)
	}
	return nil
}

// acked makes sure that every button has done what it says.
func (t *teams) acked(ids []incident.ID) error {
	return t.store.View(context.Background(), func(tx incident.Tx) error {
		for _, id := range ids {
			inc, err := tx.Incident(id)
			if err != nil {
				return err
			}
			if inc.AcknowledgedAt.IsZero() {
				return fmt.Errorf("%s is not acknowledged", id)
			}
		}
		return nil
	})
}
