package catalog

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"imbot/catalog/strictyaml"
)

// Holder has the present snapshot. It is safe for concurrent use; readers never
// wait. The zero Holder has the snapshot of a company that configures nothing.
type Holder struct {
	present atomic.Pointer[Catalog]
	mu      sync.Mutex // one change at a time, so that none is lost
}

// Get returns the present snapshot. Whoever decides something takes it once,
// and uses it to the end.
func (h *Holder) Get() *Catalog {
	if c := h.present.Load(); c != nil {
		return c
	}
	c, err := New(nil, Settings{}, nil)
	if err != nil {
		panic(fmt.Sprintf("catalog: the defaults contradict each other: %v", err))
	}
	h.present.CompareAndSwap(nil, c)
	return h.present.Load()
}

// Reload makes the snapshot that load returns the present one. Where load
// returns an error, all stays as it was. No other change comes between: a load
// that reads its files and bindings itself misses none.
func (h *Holder) Reload(load func() (*Catalog, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := load()
	if err != nil {
		return err
	}
	if c == nil {
		return errors.New("catalog: reload brought no catalog")
	}
	h.present.Store(c)
	return nil
}

// SetBinding binds a squad to a channel, which overrides the file; an empty
// channel takes the binding back. A squad that does not exist is an error.
func (h *Holder) SetBinding(squad, channel string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.Get()
	if _, ok := c.SquadByKey(squad); !ok {
		return fmt.Errorf("there is no squad %q%s", squad, strictyaml.Hint(squad, c.SquadKeys()))
	}
	bindings := maps.Clone(c.bindings)
	if channel == "" {
		delete(bindings, fold(squad))
	} else {
		bindings[fold(squad)] = channel
	}
	h.present.Store(c.withBindings(bindings))
	return nil
}

// SetBindings replaces all bindings. Those of squads that the file does not
// have (any more) are kept: a squad may come back with the next reload.
func (h *Holder) SetBindings(bindings map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.present.Store(h.Get().withBindings(foldKeys(bindings)))
}

func (c *Catalog) withBindings(bindings map[string]string) *Catalog {
	next := *c
	next.bindings = bindings
	return &next
}

func foldKeys(bindings map[string]string) map[string]string {
	out := make(map[string]string, len(bindings))
	for k, v := range bindings {
		out[fold(k)] = v
	}
	return out
}
