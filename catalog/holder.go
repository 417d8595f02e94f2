package catalog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Holder has the present snapshot. It is safe for concurrent use; readers never
// wait. The zero Holder has the snapshot of a company that configures nothing.
type Holder struct {
	present atomic.Pointer[Catalog]
	mu      sync.Mutex // one reload at a time
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
// returns an error, all stays as it was. No other reload comes between: a load that
// reads its files and bindings itself misses none.
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

func foldKeys(bindings map[string]string) map[string]string {
	out := make(map[string]string, len(bindings))
	for k, v := range bindings {
		out[fold(k)] = v
	}
	return out
}
