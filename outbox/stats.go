package outbox

import (
	"maps"
	"sync"

	"imbot/incident"
)

// Count says how runs of one kind of effect ended, since the start.
type Count struct {
	Done, Failed, Dead, Skipped uint64 // Failed: to be tried again
}

// Stats returns the counts by kind of effect. The caller owns the map.
func (r *Runner) Stats() map[string]Count {
	r.stats.mu.Lock()
	defer r.stats.mu.Unlock()
	return maps.Clone(r.stats.byKind)
}

type stats struct {
	mu     sync.Mutex
	byKind map[string]Count // guarded by mu
}

func (s *stats) count(kind, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKind == nil {
		s.byKind = map[string]Count{}
	}
	c := s.byKind[kind]
	switch state {
	case incident.EffectDone:
		c.Done++
	case incident.EffectDead:
		c.Dead++
	case incident.EffectSkipped:
		c.Skipped++
	default:
		c.Failed++
	}
	s.byKind[kind] = c
}
