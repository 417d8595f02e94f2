package delivery

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// next takes the lane to deliver of next, or says when one will be due. The zero
// time says that there is none.
func (q *Queue[R]) next() (*lane[R], time.Time) {
	q.opt.Lock.Lock()
	defer q.opt.Lock.Unlock()
	now, best := q.time(), -1
	var soonest time.Time
	for i, l := range q.ready {
		w := l.queue[0]
		if soonest.IsZero() || w.due.Before(soonest) {
			soonest = w.due
		}
		if !w.due.After(now) && (best < 0 || w.rank < q.ready[best].queue[0].rank) {
			best = i
		}
	}
	if best < 0 {
		return nil, soonest
	}
	l := q.ready[best]
	q.ready = slices.Delete(q.ready, best, best+1)
	return l, time.Time{}
}

// Deliver makes all attempts that are due, one after the other, until none is,
// and returns how many it made.
func (q *Queue[R]) Deliver(ctx context.Context) int {
	n := 0
	for ctx.Err() == nil {
		l, _ := q.next()
		if l == nil {
			break
		}
		q.attempt(ctx, l)
		n++
	}
	return n
}

// Advance moves the simulator's clock forward, stopping to deliver whenever
// something becomes due, and returns how many attempts were made.
func (q *Queue[R]) Advance(ctx context.Context, d time.Duration) int {
	q.opt.Lock.Lock()
	end, n := q.opt.Now().Add(d), 0
	q.opt.Lock.Unlock()
	for ctx.Err() == nil {
		n += q.Deliver(ctx)
		due, ok := q.NextDue()
		last := !ok || due.After(end)
		if last {
			due = end
		}
		q.opt.Lock.Lock()
		q.opt.Step(max(due.Sub(q.opt.Now()), 0))
		q.opt.Lock.Unlock()
		if last {
			return n + q.Deliver(ctx)
		}
	}
	return n
}

// NextDue returns when the next attempt will be made, if anything waits.
func (q *Queue[R]) NextDue() (time.Time, bool) {
	q.opt.Lock.Lock()
	defer q.opt.Lock.Unlock()
	if len(q.ready) == 0 {
		return time.Time{}, false
	}
	first := slices.MinFunc(q.ready, func(a, b *lane[R]) int { return a.queue[0].due.Compare(b.queue[0].due) })
	return first.queue[0].due, true
}

// Wait returns when nothing waits to be delivered, or with ctx's error. It is
// for Live mode.
func (q *Queue[R]) Wait(ctx context.Context) error {
	for {
		q.opt.Lock.Lock()
		pending, idle := q.pending, q.idle
		q.opt.Lock.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run delivers, if the queue is Live, until ctx ends. What waits then is
// forgotten.
func Run[R comparable](ctx context.Context, q *Queue[R]) {
	defer q.client.CloseIdleConnections()
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, q.opt.Live)
	for {
		select {
		case slots <- struct{}{}: // there is none, if not Live
		case <-ctx.Done():
			return
		}
		l, due := q.next()
		for l == nil {
			var timer <-chan time.Time
			if !due.IsZero() {
				timer = time.After(time.Until(due))
			}
			select {
			case <-q.wake:
			case <-timer:
			case <-ctx.Done():
				return
			}
			l, due = q.next()
		}
		workers.Go(func() {
			q.attempt(ctx, l)
			<-slots
		})
	}
}

// attempt delivers the first webhook of a lane that next has handed out.
func (q *Queue[R]) attempt(ctx context.Context, l *lane[R]) {
	q.opt.Lock.Lock()
	if l.gone { // discarded since
		q.opt.Lock.Unlock()
		return
	}
	w := l.queue[0]
	url, h := q.opt.Request(l.to, w)
	q.opt.Lock.Unlock()
	status := q.send(ctx, url, h, w.Body)
	q.opt.Lock.Lock()
	defer q.opt.Lock.Unlock()
	if !l.gone {
		q.settle(l, w, status, ctx.Err() != nil)
	}
	q.signal()
	close(q.idle)
	q.idle = make(chan struct{})
}

// send returns the status of the answer, or 0 if there was no whole one.
func (q *Queue[R]) send(ctx context.Context, url string, h http.Header, body []byte) int {
	ctx, cancel := context.WithTimeout(ctx, q.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header = h
	resp, err := q.client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return 0
	}
	return resp.StatusCode
}

// settle applies the vendor's rules after an attempt. cut says that the attempt
// was cut short by its caller, and counts for nothing.
func (q *Queue[R]) settle(l *lane[R], w *Webhook, status int, cut bool) {
	if cut {
		q.ready = append(q.ready, l)
		return
	}
	q.stats.Attempts++
	if status/100 == 2 && q.opt.Rand.Float64() < q.mischief.LoseAnswer {
		status = 0
	}
	v := q.opt.Judge(l.to, w, status)
	switch v {
	case Delivered:
		q.stats.Delivered++
		if !w.copy && q.opt.Rand.Float64() < q.mischief.Duplicate {
			q.push(l.to, &Webhook{ID: w.ID, Body: w.Body, Created: w.Created, copy: true})
		}
	case Again:
		q.stats.Retried++
		w.Attempts++
		w.due = q.time().Add(q.opt.Backoff(w.Attempts))
		q.ready = append(q.ready, l)
		return
	case Expired:
		q.stats.Expired++
	default:
		q.stats.Dropped++
	}
	q.pending--
	if l.queue = l.queue[1:]; len(l.queue) > 0 {
		q.ready = append(q.ready, l)
	} else {
		delete(q.lanes, l.place)
	}
	if v == Off {
		q.discard(l.to)
	}
}

// discard forgets what waits for a receiver that was switched off.
func (q *Queue[R]) discard(to R) {
	q.stats.Disabled++
	for at, l := range q.lanes {
		if at.to != to {
			continue
		}
		q.stats.Lost += len(l.queue)
		q.pending -= len(l.queue)
		l.gone = true
		delete(q.lanes, at)
	}
	q.ready = slices.DeleteFunc(q.ready, func(l *lane[R]) bool { return l.gone })
}
