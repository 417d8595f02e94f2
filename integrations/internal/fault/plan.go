package fault

import (
	"slices"
	"sync"
)

// Plan holds faults of a simulator's own form F, in the order they were added.
// The zero value is empty. Its methods are safe for concurrent use.
type Plan[F any] struct {
	mu   sync.Mutex
	list []*planned[F]
}

type planned[F any] struct {
	fault               F
	skip, times, served int
}

// Add adds a fault for times uses, after skip that go well; times 0: for all,
// until Clear.
func (p *Plan[F]) Add(f F, skip, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, &planned[F]{fault: f, skip: skip, times: times})
}

// Clear forgets all faults.
func (p *Plan[F]) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = nil
}

// Take returns the oldest fault that fits, and uses it up; n counts its uses
// from 1.
func (p *Plan[F]) Take(fits func(F) bool) (f F, n int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, now := range p.list {
		if !fits(now.fault) {
			continue
		}
		if now.skip > 0 {
			now.skip--
			continue
		}
		if now.served++; now.served == now.times {
			p.list = slices.Delete(p.list, i, i+1)
		}
		return now.fault, now.served, true
	}
	return f, 0, false
}
