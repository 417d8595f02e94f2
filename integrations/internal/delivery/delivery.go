// Package delivery is what the simulators of vendors have in common when they
// send webhooks: the queue, in order where the vendor keeps an order, attempts
// with a timeout, repeated where the vendor repeats, a clock to step through
// them, and mischief that makes them as unpleasant as they can be: lost, doubled,
// out of order, late.
//
// It knows no vendor: how a webhook looks, and what an answer means, is the
// simulator's own.
package delivery

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Mischief makes deliveries as unpleasant as the vendor's rules allow. Each
// share is a probability from 0 to 1. The zero value is no mischief.
type Mischief struct {
	Lose       float64       // share of webhooks that never leave
	Duplicate  float64       // share of webhooks that are delivered once more, even after later ones
	LoseAnswer float64       // share of good answers that get lost, so that the webhook is tried again
	Reorder    float64       // share of webhooks that overtake those of other lanes, or fall behind
	Delay      time.Duration // webhooks wait up to so long before the first attempt
}

// Stats counts what happened to webhooks.
type Stats struct {
	Attempts  int // requests made
	Delivered int // answered with 2xx, duplicates included
	Retried   int // attempts that failed and are made again
	Dropped   int // refused, or given up after too many attempts
	Expired   int // given up after too long
	Lost      int // never sent: by mischief, too long, or the receiver was switched off
	Disabled  int // times that a receiver was switched off
	Pending   int // waiting now
}

// Verdict is what becomes of a webhook after an attempt.
type Verdict int

// The verdicts.
const (
	Delivered Verdict = iota
	Again             // try once more, after Options.Backoff
	Dropped           // refused, or given up
	Expired           // given up, for it is too old
	Off               // Dropped, and whatever else waits for this receiver is Lost
)

// Webhook is one event on its way.
type Webhook struct {
	ID       string // the same over all attempts
	Lane     string // those of one lane and receiver are delivered in order; empty: a lane of its own
	Body     []byte
	Created  time.Time
	Attempts int // that failed so far

	rank int64 // what is delivered first of those that are due
	due  time.Time
	copy bool // a duplicate by mischief
}

// Options of a queue, whose receivers the simulator calls R.
type Options[R comparable] struct {
	Lock sync.Locker         // the simulator's own, which guards the queue, too
	Rand *mathrand.Rand      // of the mischief
	Now  func() time.Time    // the simulator's time; the lock is held
	Step func(time.Duration) // moves that time forward; the lock is held
	// Live says that Run delivers, by the real clock, with so many attempts at the
	// same time. 0: only Deliver and Advance do.
	Live int

	HTTP    *http.Client                                  // its transport makes the deliveries. Default: one of its own
	Timeout time.Duration                                 // how long the receiver has for its answer
	Backoff func(n int) time.Duration                     // the wait before attempt n+1
	Request func(R, *Webhook) (url string, h http.Header) // the lock is held
	Judge   func(_ R, _ *Webhook, status int) Verdict     // status 0: no answer. The lock is held
}

// Queue delivers webhooks. Its methods are safe for concurrent use, and part of
// what a simulator offers; what is the simulator's to call are functions.
type Queue[R comparable] struct {
	opt    Options[R]
	client *http.Client
	wake   chan struct{} // has room for one: something may be due

	// Guarded by Options.Lock.
	seq      int64
	lanes    map[place[R]]*lane[R] // none is empty
	ready    []*lane[R]            // those with no attempt under way
	pending  int                   // webhooks in all lanes
	mischief Mischief
	stats    Stats
	idle     chan struct{} // closed and replaced whenever an attempt was made
}

type place[R comparable] struct {
	to   R
	name string
}

// lane holds webhooks in order: only the first is on its way.
type lane[R comparable] struct {
	place[R]
	queue []*Webhook
	gone  bool // the queue was discarded
}

// New returns an empty queue.
func New[R comparable](o Options[R]) *Queue[R] {
	q := &Queue[R]{opt: o, client: &http.Client{}, wake: make(chan struct{}, 1), idle: make(chan struct{}), lanes: make(map[place[R]]*lane[R])}
	q.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	q.client.Transport = &http.Transport{MaxIdleConnsPerHost: max(o.Live, 1)}
	if o.HTTP != nil {
		q.client.Transport = o.HTTP.Transport
	}
	return q
}

// Rand returns a source of ids and mischief that is repeatable, unless seed is
// 0.
func Rand(seed uint64) *mathrand.Rand {
	if seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		seed = binary.LittleEndian.Uint64(b[:])
	}
	return mathrand.New(mathrand.NewPCG(seed, 1))
}

// SetMischief sets the mischief of what is delivered from now on.
func (q *Queue[R]) SetMischief(m Mischief) {
	q.opt.Lock.Lock()
	defer q.opt.Lock.Unlock()
	q.mischief = m
}

// Stats returns the counts so far.
func (q *Queue[R]) Stats() Stats {
	q.opt.Lock.Lock()
	defer q.opt.Lock.Unlock()
	st := q.stats
	st.Pending = q.pending
	return st
}

// Push puts a webhook on its way, with what mischief there is. The caller holds
// the lock.
func Push[R comparable](q *Queue[R], to R, w *Webhook) {
	if q.mischief.Lose > 0 && q.opt.Rand.Float64() < q.mischief.Lose {
		q.stats.Lost++
		return
	}
	w.Created = q.opt.Now()
	q.push(to, w)
}

// Lost counts a webhook that is not sent. The caller holds the lock.
func Lost[R comparable](q *Queue[R]) { q.stats.Lost++ }

func (q *Queue[R]) push(to R, w *Webhook) {
	q.seq++
	w.rank, w.due = q.seq, q.time()
	if q.opt.Rand.Float64() < q.mischief.Reorder {
		w.rank = q.opt.Rand.Int64N(q.seq + 1)
	}
	if q.mischief.Delay > 0 {
		w.due = w.due.Add(time.Duration(q.opt.Rand.Int64N(int64(q.mischief.Delay))))
	}
	at := place[R]{to, w.Lane}
	if w.Lane == "" {
		at.name = "alone " + strconv.FormatInt(q.seq, 10)
	}
	l := q.lanes[at]
	if l == nil {
		l = &lane[R]{place: at}
		q.lanes[at] = l
		q.ready = append(q.ready, l)
	}
	l.queue = append(l.queue, w)
	q.pending++
	q.signal()
}

// signal makes Run look again at what is due.
func (q *Queue[R]) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it will
	}
}

// time is the clock of waiting: the real one in Live mode, where nobody steps
// the other.
func (q *Queue[R]) time() time.Time {
	if q.opt.Live > 0 {
		return time.Now()
	}
	return q.opt.Now()
}
