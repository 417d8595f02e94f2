package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"imbot/incident"
	"imbot/outbox"
	"imbot/store/boltstore"
)

// open is how many of a seeded store's incidents are not resolved: the newest.
const open = 200

// recentDays is how many of a store's last days come through the real handler:
// more than the retention of keys.
const recentDays = 10

// seedWorkers is how many deliveries are on their way while a store is seeded:
// as many changes go into one commit.
const seedWorkers = 512

// seed fills a new store with n incidents, perDay a day, as if it had been in
// use ever since. Those of the last days come by webhooks through the real
// handler, each card is shown, all but the newest are resolved, and what has
// outlived its retention is pruned. Older ones are made by the same rules, with
// timeline and refs, but written in bulk, and without the rows of effects that
// were carried out long ago. It does without syncs. The file gets its name when
// it is complete.
func seed(path string, n int, progress io.Writer) (err error) {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	cat, err := catalogOf(channels())
	if err != nil {
		return err
	}
	var now atomic.Int64
	im, err := openImbot(part, cat, boltstore.Options{NoSync: true, Now: func() time.Time { return time.Unix(0, now.Load()).UTC() }})
	if err != nil {
		return err
	}
	s := &seeder{im: im, src: seeded(n)}
	old := max(0, n-recentDays*perDay)
	if err = s.history(cat, old, &now, progress); err != nil {
		return errors.Join(err, im.store.Close())
	}
	for first := old; first < n && err == nil; first += perDay {
		last := min(first+perDay, n)
		now.Store(s.src.at(last).UnixNano())
		err = s.day(first, last, n)
	}
	if err == nil {
		err = im.store.Prune(context.Background(), s.src.at(n))
	}
	if err = errors.Join(err, im.store.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

type seeder struct {
	im  *imbot
	src source
}

// day lets one day's incidents happen.
func (s *seeder) day(first, last, total int) error {
	ctx := context.Background()
	if err := each(first, last, func(n int) error {
		body, h := s.src.webhook(n)
		return deliver(s.im.hook, h, body)
	}); err != nil {
		return err
	}
	if err := s.runEffects(ctx); err != nil {
		return err
	}
	if err := each(first, min(last, total-open), func(n int) error { return s.resolve(ctx, n) }); err != nil {
		return err
	}
	return s.runEffects(ctx)
}

// each calls fn for the numbers, many at a time.
func each(first, last int, fn func(n int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	next.Store(int64(first))
	errs := make([]error, seedWorkers)
	for w := range seedWorkers {
		wg.Go(func() {
			for errs[w] == nil {
				n := int(next.Add(1)) - 1
				if n >= last {
					return
				}
				errs[w] = fn(n)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// deliver hands a webhook to the handler, without a network.
func deliver(to http.Handler, h http.Header, body []byte) error {
	req, err := http.NewRequest(http.MethodPost, "/webhooks/pagerduty", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = h
	w := &answer{header: http.Header{}}
	to.ServeHTTP(w, req)
	if w.status != http.StatusAccepted {
		return fmt.Errorf("the webhook was answered %d", w.status)
	}
	return nil
}

// answer remembers the status of a response.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

func (s *seeder) resolve(ctx context.Context, n int) error {
	_, err := s.im.service.Do(ctx, incident.Command{
		Verb: incident.Resolve, Ref: &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: s.src.incident(n)},
		Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty,
		At: s.src.at(n).Add(30 * time.Minute), Keys: []string{"pagerduty/event/R" + s.src.incident(n)},
	})
	return err
}

// runEffects ends all effects as if they had been carried out.
func (s *seeder) runEffects(ctx context.Context) error {
	for {
		now := s.im.service.Now()
		jobs, err := s.im.store.Lease(ctx, now.Add(time.Minute), now.Add(2*time.Minute), 4*seedWorkers)
		if err != nil || len(jobs) == 0 {
			return err
		}
		if err := each(0, len(jobs), func(i int) error { return s.finish(ctx, jobs[i]) }); err != nil {
			return err
		}
	}
}

// finish ends one effect; what was posted is put on record.
func (s *seeder) finish(ctx context.Context, job outbox.Job) error {
	now := s.im.service.Now()
	if job.Kind == incident.KindCard && job.Attempt == 1 {
		_, err := s.im.service.Do(ctx, incident.Command{
			Verb: incident.Attach, Incident: job.Incident, Actor: incident.System, Source: "teams",
			Args: incident.Args{Ref: &incident.Ref{
				System: "teams", Role: incident.RoleCard, Target: job.Target, ID: fmt.Sprintf("%s;messageid=%s", job.Target, job.Incident),
			}},
		})
		if err != nil {
			return err
		}
	}
	return s.im.store.Finish(ctx, job, outbox.Outcome{State: incident.EffectDone, At: now})
}
