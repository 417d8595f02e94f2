package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"imbot/incident"
)

// maxSleep bounds the wait for the next job: other processes on the same store
// do not wake us.
const maxSleep = 30 * time.Second

// Runner runs the effects of a store. Set the exported fields before the first
// call and leave them alone after it. All methods are safe for concurrent use.
type Runner struct {
	Store    Store
	Handlers map[string]Handler // by incident.Effect.Kind
	Now      func() time.Time   // nil: time.Now
	Workers  int                // handlers that run at the same time; 0 means 8
	Lease    time.Duration      // how long a handler may hold a job; 0 means 60 s
	MaxAge   time.Duration      // a job that fails when it is older is dead; 0 means 24 h
	Drain    time.Duration      // how long handlers may go on after the end of Run's context; 0 means 10 s
	// OnDead is told of every job that has failed for good, after that was stored.
	// It may be nil.
	OnDead func(ctx context.Context, job Job, err error)
	Logger *slog.Logger   // nil: slog.Default()
	Rand   func() float64 // in [0, 1), for the back-off; nil: math/rand/v2

	once   sync.Once
	wake   chan struct{}
	randMu sync.Mutex // guards Rand
	stats  stats
}

func (r *Runner) init() {
	r.once.Do(func() {
		r.wake = make(chan struct{}, 1)
		if r.Now == nil {
			r.Now = time.Now
		}
		if r.Workers <= 0 {
			r.Workers = 8
		}
		if r.Lease <= 0 {
			r.Lease = time.Minute
		}
		if r.MaxAge <= 0 {
			r.MaxAge = 24 * time.Hour
		}
		if r.Drain <= 0 {
			r.Drain = 10 * time.Second
		}
		if r.Logger == nil {
			r.Logger = slog.Default()
		}
		if r.Rand == nil {
			r.Rand = rand.Float64
		}
	})
}

// Wake makes Run look for work now. It never blocks.
func (r *Runner) Wake() {
	r.init()
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run runs what is due until ctx ends, then lets the running handlers finish
// for at most Drain. What is left is run after the next start.
func (r *Runner) Run(ctx context.Context) {
	r.init()
	// What runs is not torn down with ctx: half-done work costs more than a wait.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan struct{}, r.Workers)
	running := 0
	for ctx.Err() == nil {
		jobs, wait := r.lease(ctx, r.Workers-running)
		for _, job := range jobs {
			running++
			go func() {
				defer func() { ended <- struct{}{} }()
				r.runJob(work, job)
			}()
		}
		if len(jobs) > 0 && running < r.Workers {
			continue // there may be more: Lease looks at a store that others fill
		}
		running -= r.sleep(ctx, ended, wait, running == r.Workers)
	}
	stop := time.AfterFunc(r.Drain, cancel)
	defer stop.Stop()
	for ; running > 0; running-- {
		<-ended
	}
}

// lease takes up to n jobs. Without any, it says how long to wait.
func (r *Runner) lease(ctx context.Context, n int) ([]Job, time.Duration) {
	if n <= 0 {
		return nil, maxSleep
	}
	now := r.Now()
	jobs, err := r.Store.Lease(ctx, now, now.Add(r.Lease), n)
	if err != nil {
		if ctx.Err() == nil {
			r.Logger.Error("outbox: leasing jobs", "err", err)
		}
		return nil, time.Second
	}
	if len(jobs) > 0 {
		return jobs, maxSleep
	}
	b, err := r.Store.Backlog(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.Logger.Error("outbox: looking for the next job", "err", err)
		}
		return nil, time.Second
	}
	if b.Next.IsZero() {
		return nil, maxSleep
	}
	// The store's time may lie a little in the past; a moment's rest costs
	// nothing and rules out a busy loop.
	return nil, min(maxSleep, max(b.Next.Sub(r.Now()), 10*time.Millisecond))
}

// sleep waits for the end of a job, which may let its lane go on, for Wake or
// for the time. It returns how many jobs have ended. If all workers are busy,
// only the end of one helps.
func (r *Runner) sleep(ctx context.Context, ended chan struct{}, d time.Duration, full bool) (n int) {
	wake := r.wake
	if full {
		wake = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	case <-ended:
		n++
	}
	for { // take along what ended meanwhile: one lease for all of them
		select {
		case <-ended:
			n++
		default:
			return n
		}
	}
}

// RunDue runs everything that is due by now, and waits for it. It returns how
// many jobs have run, and when the next is due (zero: nothing waits).
func (r *Runner) RunDue(ctx context.Context) (ran int, next time.Time, err error) {
	r.init()
	for {
		now := r.Now()
		jobs, err := r.Store.Lease(ctx, now, now.Add(r.Lease), r.Workers)
		if err != nil {
			return ran, time.Time{}, fmt.Errorf("leasing jobs: %w", err)
		}
		if len(jobs) == 0 {
			b, err := r.Store.Backlog(ctx)
			if err != nil {
				return ran, time.Time{}, fmt.Errorf("looking for the next job: %w", err)
			}
			return ran, b.Next, nil
		}
		var wg sync.WaitGroup
		for _, job := range jobs {
			wg.Go(func() { r.runJob(ctx, job) })
		}
		wg.Wait()
		ran += len(jobs)
	}
}

// runJob runs one job and stores how it ended.
func (r *Runner) runJob(ctx context.Context, job Job) {
	leased := time.Now()
	// The handler's time ends well before the lease, so that Finish comes in time.
	hctx, cancel := context.WithTimeout(ctx, r.Lease*5/6)
	err := r.call(hctx, job)
	cancel()
	out := outcome(job, err, r.Now(), r.MaxAge, r.random())
	r.stats.count(job.Kind, out.State)
	r.log(job, out)
	if ferr := r.finish(context.WithoutCancel(ctx), job, out, leased); ferr != nil {
		// The lease runs out and the job is run again: handlers cope with that.
		r.Logger.Error("outbox: storing an outcome", "effect", job.Key, "state", out.State, "err", ferr)
		return
	}
	if out.State == incident.EffectDead && r.OnDead != nil {
		r.OnDead(context.WithoutCancel(ctx), job, err)
	}
}

// call runs the handler; a panic is an error like others.
func (r *Runner) call(ctx context.Context, job Job) (err error) {
	h := r.Handlers[job.Kind]
	if h == nil {
		return fmt.Errorf("nothing here handles effects of the kind %q: %w", job.Kind, ErrPermanent)
	}
	defer func() {
		if v := recover(); v != nil {
			r.Logger.Error("outbox: a handler panicked", "effect", job.Key, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler of %q panicked: %v", job.Kind, v)
		}
	}()
	return h(ctx, job)
}

// finish stores the outcome, and tries again while the lease lasts: a store
// that is busy for a moment must not make the effect happen twice.
func (r *Runner) finish(ctx context.Context, job Job, out Outcome, leased time.Time) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := r.Store.Finish(ctx, job, out)
		if err == nil || errors.Is(err, ErrOutdated) || time.Since(leased)+wait > r.Lease {
			return err
		}
		<-time.After(wait)
	}
}

func (r *Runner) random() float64 {
	r.randMu.Lock()
	defer r.randMu.Unlock()
	return r.Rand()
}

func (r *Runner) log(job Job, out Outcome) {
	args := []any{"effect", job.Key, "kind", job.Kind, "attempt", job.Attempt}
	if out.Error != "" {
		args = append(args, "err", out.Error)
	}
	switch out.State {
	case incident.EffectDead:
		r.Logger.Error("outbox: an effect failed for good", args...)
	case incident.EffectSkipped:
		r.Logger.Info("outbox: an effect was skipped", args...)
	case incident.EffectWaiting:
		r.Logger.Warn("outbox: an effect is tried again", append(args, "next", out.Next)...)
	default:
		r.Logger.Debug("outbox: an effect is done", args...)
	}
}
