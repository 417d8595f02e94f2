package changes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"imbot/incident"
)

// Source is another system that knows what was changed.
type Source interface {
	// Name is the Source of its changes, such as SourcePagerDuty.
	Name() string
	// Changes returns what was changed at or after since, in any order, with
	// services as Change.Service names them. What comes with an error is true, but
	// not all.
	Changes(ctx context.Context, since time.Time) ([]Change, error)
}

// MaxPoll is how many changes of one source one poll takes: the newest.
const MaxPoll = 1000

// Times of a Poller.
const (
	everyDefault   = 2 * time.Minute
	timeoutDefault = 30 * time.Second
	settle         = 5 * time.Second  // after a nudge: more of them may come, and what has just been done
	pause          = 20 * time.Second // between two polls, at least
	overlap        = 15 * time.Minute // looked at again, for what is reported late
	lookBack       = 3 * time.Hour    // at start: what may be near an incident that opens now
	lookBackMost   = 24 * time.Hour   // after an outage
)

// PollerConfig says what a Poller works with. Sources, Store and Now are
// required.
type PollerConfig struct {
	Sources []Source
	Store   Store
	Now     func() time.Time
	Logger  *slog.Logger                            // nil discards
	Saved   func(ctx context.Context, news []Saved) // told of what is new or has been updated; may be nil
	Every   time.Duration                           // pause between polls; 0 means 2 min
	Timeout time.Duration                           // of one source; 0 means 30 s
}

// Poller asks sources for changes, and stores what they say.
type Poller struct {
	c       PollerConfig
	sources []*asked
	wake    chan struct{}
}

// asked is a source, and what is known of it.
type asked struct {
	Source
	busy  atomic.Bool // it has not answered yet
	since time.Time   // the last success, less the overlap; zero: none yet
	said  string      // the failure that is in the log
}

// NewPoller returns a Poller. It asks nobody before Run or Poll.
func NewPoller(c PollerConfig) *Poller {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Every <= 0 {
		c.Every = everyDefault
	}
	if c.Timeout <= 0 {
		c.Timeout = timeoutDefault
	}
	p := &Poller{c: c, wake: make(chan struct{}, 1)}
	for _, s := range c.Sources {
		p.sources = append(p.sources, &asked{Source: s})
	}
	return p
}

// Nudge says that an incident has opened: sources are asked soon. Many nudges at
// once are one. It never waits.
func (p *Poller) Nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run polls now and then, and when nudged, until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	if len(p.sources) == 0 {
		return
	}
	for ctx.Err() == nil {
		p.Poll(ctx)
		wait(ctx, pause, nil)
		if wait(ctx, p.c.Every-pause, p.wake) {
			wait(ctx, settle, nil)
		}
	}
}

// Poll asks every source once, all at once. One that fails or does not answer is
// left out: the next poll asks it for the time that was missed, too. Poll must
// not be called while another one runs.
func (p *Poller) Poll(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range p.sources {
		all.Go(func() { p.ask(ctx, s) })
	}
	all.Wait()
}

func (p *Poller) ask(ctx context.Context, s *asked) {
	if !s.busy.CompareAndSwap(false, true) {
		return // it is still at the last question, against its context's will
	}
	ctx, cancel := context.WithTimeout(ctx, p.c.Timeout)
	defer cancel()
	now := p.c.Now().UTC()
	since := s.since
	switch {
	case since.IsZero():
		since = now.Add(-lookBack)
	case since.Before(now.Add(-lookBackMost)):
		since = now.Add(-lookBackMost)
	}
	list, err := s.answer(ctx, since)
	list = usable(list, s.Name(), since, now)
	if saveErr := p.save(ctx, list); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	if err == nil {
		s.since = now.Add(-overlap)
	}
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) { // the program ends
		p.log(s, err)
	}
}

// answer waits for a source no longer than ctx, and survives it.
func (s *asked) answer(ctx context.Context, since time.Time) ([]Change, error) {
	type reply struct {
		list []Change
		err  error
	}
	got := make(chan reply, 1)
	go func() {
		var r reply
		defer func() {
			if v := recover(); v != nil {
				r = reply{err: fmt.Errorf("it panicked: %v", v)}
			}
			s.busy.Store(false)
			got <- r
		}()
		r.list, r.err = s.Changes(ctx, since)
	}()
	select {
	case r := <-got:
		return r.list, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

// usable cleans what a source says, and leaves out what makes no sense: it may
// send anything.
func usable(list []Change, source string, since, now time.Time) []Change {
	var out []Change
	for _, c := range list {
		c.Source = source
		c, ok := c.Clean(now)
		if ok && !c.At.Before(since.Add(-overlap)) {
			out = append(out, c)
		}
	}
	if len(out) > MaxPoll {
		slices.SortStableFunc(out, func(a, b Change) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
		out = out[:MaxPoll]
	}
	return out
}

func (p *Poller) save(ctx context.Context, list []Change) error {
	if len(list) == 0 {
		return nil
	}
	// What has come in time is stored, even if the time is up by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.c.Timeout)
	defer cancel()
	saved, err := p.c.Store.SaveChanges(ctx, list)
	if err != nil {
		return fmt.Errorf("storing changes: %w", err)
	}
	news := slices.DeleteFunc(saved, func(s Saved) bool { return !s.Added && !s.Updated })
	if len(news) > 0 && p.c.Saved != nil {
		p.c.Saved(ctx, news)
	}
	return nil
}

// log writes a failure once, until it is another one or over.
func (p *Poller) log(s *asked, err error) {
	text := ""
	if err != nil {
		text = incident.Clip(incident.Line(err.Error()), 500)
	}
	switch {
	case text == s.said:
		return
	case err != nil:
		p.c.Logger.Warn("changes: a source is left out", "source", s.Name(), "err", text)
	default:
		p.c.Logger.Info("changes: a source answers again", "source", s.Name())
	}
	s.said = text
}

// wait waits, until ctx ends or wake says so. It reports whether it was woken.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) (woken bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-wake:
		return true
	}
	return false
}
