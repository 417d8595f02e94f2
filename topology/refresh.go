package topology

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// minNudge lies between two refreshes that incidents have asked for.
	minNudge = time.Minute
	// maxPause is how long a source that fails is left alone, at most, unless it is
	// asked more rarely anyway, or says itself when to come back.
	maxPause = time.Hour
	// maxError bounds the stored text of an error, in runes.
	maxError = 300
	// storeTime bounds what is stored after an answer: that must not be lost
	// because the source has used up the time.
	storeTime = 2 * time.Minute
)

// feed is a Feed with its defaults, and what Run needs for it.
type feed struct {
	Feed
	nudge    chan struct{} // has room for one
	asking   sync.Mutex    // one refresh at a time; guards failures
	failures int           // in a row
}

func newFeed(f Feed) *feed {
	if f.Every <= 0 {
		f.Every = 15 * time.Minute
	}
	if f.Window <= 0 {
		f.Window = f.Every
	}
	if f.Limit <= 0 {
		f.Limit = 5 * time.Minute
	}
	return &feed{Feed: f, nudge: make(chan struct{}, 1)}
}

// Run asks every source at once and then again and again, until ctx ends. A
// source that fails or is slow holds up no other.
func (k *Keeper) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, f := range k.feeds {
		all.Go(func() { k.follow(ctx, f) })
	}
	if len(k.feeds) == 0 {
		all.Go(func() { k.age(ctx) })
	}
	all.Wait()
}

// age lets edges grow too old where no source does by its answers.
func (k *Keeper) age(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := k.Rebuild(ctx); err != nil && ctx.Err() == nil {
				k.c.Logger.Error("topology: the graph stays as it was", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (k *Keeper) follow(ctx context.Context, f *feed) {
	last := ""
	for ctx.Err() == nil {
		err := k.refresh(ctx, f)
		switch { // told when it changes, so that an outage does not fill the log
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != last:
			last = err.Error()
			k.c.Logger.Warn("topology: a source failed; its calls are remembered as they were", "source", f.Name, "err", err)
		case err == nil && last != "":
			last = ""
			k.c.Logger.Info("topology: a source works again", "source", f.Name)
		}
		f.wait(ctx, f.pause(err), err != nil)
	}
}

// wait returns after the pause, when the feed is nudged, or when ctx ends. A
// source that fails has its pause in any case.
func (f *feed) wait(ctx context.Context, pause time.Duration, failed bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-f.nudge:
			if !failed {
				return
			}
		}
	}
}

// pause is how long a source is left alone after an answer.
func (f *feed) pause(err error) time.Duration {
	if err == nil {
		return f.Every
	}
	f.asking.Lock()
	defer f.asking.Unlock()
	most := max(maxPause, f.Every)
	pause := min(f.Every<<min(max(f.failures-1, 0), 10), most)
	if pause <= 0 {
		pause = most
	}
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		pause = max(pause, min(asked.RetryAfter(), 24*time.Hour))
	}
	return pause
}

// Nudge says that an incident of this service has opened: now is the last moment
// to see who calls it. Live sources are asked soon, unless that was done less
// than a minute ago. It never waits.
func (k *Keeper) Nudge(service string) {
	if service == "" {
		return
	}
	now := k.c.Now().UnixNano()
	last := k.nudged.Load()
	if last != 0 && now-last >= 0 && now-last < int64(minNudge) || !k.nudged.CompareAndSwap(last, now) {
		return
	}
	for _, f := range k.feeds {
		if !f.Live {
			continue
		}
		select {
		case f.nudge <- struct{}{}:
		default: // it is going to be asked anyway
		}
	}
}

// Refresh asks every source once, one after the other. It returns what went
// wrong with each.
func (k *Keeper) Refresh(ctx context.Context) error {
	var errs []error
	for _, f := range k.feeds {
		if err := k.refresh(ctx, f); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
		}
	}
	return errors.Join(errs...)
}

// refresh asks one source, and stores what it says. Whatever it says or does
// not say, edges that are known stay.
func (k *Keeper) refresh(ctx context.Context, f *feed) error {
	f.asking.Lock()
	defer f.asking.Unlock()
	asked := k.c.Now().UTC()
	limited, cancel := context.WithTimeout(ctx, f.Limit)
	seen, failed := f.Source.Edges(limited, f.Window)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.failures++; failed == nil {
		f.failures = 0
	}
	if err := k.take(ctx, f, asked, seen, failed); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

func (k *Keeper) take(ctx context.Context, f *feed, asked time.Time, seen []Seen, failed error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	k.change.Lock()
	defer k.change.Unlock()
	now := k.c.Now().UTC()
	state, _ := stateOf(k.present.Load().sources, f.Name)
	state.At, state.Error, state.Failures = asked, "", f.failures
	if failed != nil {
		state.Error = oneLine(failed.Error())
	} else {
		state.OKAt = now
	}
	if failed == nil || len(seen) > 0 {
		a := read(f.Name, seen, NewNames(k.c.Services()), now)
		if err := k.c.Store.SaveEdges(ctx, a.edges); err != nil {
			return fmt.Errorf("store what %s says: %w", f.Name, err)
		}
		a.tell(&state, now, now.Add(-k.c.Memory))
		if a.refused > 0 || a.over > 0 {
			k.c.Logger.Warn("topology: an answer was not taken whole", "source", f.Name, "calls", len(a.edges), "refused", a.refused, "too_many", a.over)
		}
	}
	if err := k.c.Store.SaveSource(ctx, state); err != nil {
		return fmt.Errorf("store how asking %s went: %w", f.Name, err)
	}
	if err := k.rebuild(ctx); err != nil {
		return err
	}
	return k.prune(ctx)
}

// oneLine makes an error fit for a list.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > maxError {
		s = string(runes[:maxError-1]) + "…"
	}
	return s
}
