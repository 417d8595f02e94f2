package boltstore

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"imbot/incident"
)

// maxBatch bounds the changes of one commit.
const maxBatch = 1024

// States of a request.
const (
	waiting int32 = iota
	taken         // the writer has it: the caller must wait for the answer
	dropped       // the caller's context has ended before its turn
)

// request is one change that waits for the writer.
type request struct {
	ctx    context.Context
	fn     func(t *tx) error
	state  atomic.Int32
	answer chan error // capacity 1
	err    error      // owned by the writer
}

// update hands fn to the writer and waits until it is durable.
func (s *Store) update(ctx context.Context, fn func(t *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, fn: fn, answer: make(chan error, 1)}
	if err := s.enqueue(r); err != nil {
		return err
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(waiting, dropped) {
		return ctx.Err()
	}
	return <-r.answer // its turn has come: fn may be running, so wait for it
}

func (s *Store) enqueue(r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.queue <- r:
		return nil
	default:
		return fmt.Errorf("%d changes are waiting: %w", cap(s.queue), incident.ErrBusy)
	}
}

// write is the one writer. It ends when the queue is closed and empty.
func (s *Store) write() {
	defer close(s.done)
	reqs := make([]*request, 0, maxBatch)
	for r := range s.queue {
		reqs = append(reqs[:0], r)
	drain:
		for len(reqs) < maxBatch {
			select {
			case r, ok := <-s.queue:
				if !ok {
					break drain
				}
				reqs = append(reqs, r)
			default:
				break drain
			}
		}
		s.commit(reqs)
		clear(reqs) // keep nothing of the callers alive
	}
}

// commit runs a batch in one transaction and answers its requests. Answers are
// given after the commit even to changes that have failed: their reason may be
// what an earlier one of the batch has done.
func (s *Store) commit(reqs []*request) {
	live := reqs[:0]
	for _, r := range reqs {
		if r.state.CompareAndSwap(waiting, taken) {
			live = append(live, r)
		}
	}
	if err := s.runBatch(live); err != nil {
		s.o.Logger.Error("store: a commit failed", "changes", len(live), "err", err)
		for _, r := range live {
			r.err = fmt.Errorf("store: storing the change: %w", err)
		}
	}
	for _, r := range live {
		r.answer <- r.err
	}
}

// runBatch runs the requests, sets the error of each, and commits. An error
// means that nothing of the batch was stored.
func (s *Store) runBatch(reqs []*request) (err error) {
	if len(reqs) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			clear(s.kept) // what it remembers may not have been stored
		}
	}()
	btx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	b := &batch{tx: btx}
	t := &tx{s: s, b: b, writable: true}
	for _, r := range reqs {
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		t.reset(s.o.Now().UTC())
		if r.err = s.call(r.fn, t); r.err != nil {
			continue
		}
		if err := t.apply(); err != nil { // keys and values were checked when they were staged
			_ = btx.Rollback()
			return err
		}
	}
	if !b.dirty {
		return btx.Rollback()
	}
	if err := btx.Commit(); err != nil {
		return err
	}
	s.proved.Store(time.Now().UnixNano())
	return nil
}

// call runs fn; a panic is the caller's failure, not the writer's.
func (s *Store) call(fn func(t *tx) error, t *tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.o.Logger.Error("store: a change panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("store: the change panicked: %v", v)
		}
	}()
	return fn(t)
}
