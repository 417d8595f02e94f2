package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/changes"
)

var _ changes.Store = (*Store)(nil)

// The first byte of a key in bucketChange says what it is. Each change has one
// key of every kind; of the same id there is only one, so that a change whose
// time or service moves is not there twice.
const (
	changeOf   = 0 // service, NUL, time, source/id -> the change, as JSON
	changeID   = 1 // source/id -> the key above
	changeTime = 2 // time, source/id -> nothing: those of all services in their order
)

func changeKey(c *changes.Change) []byte {
	return append(appendTime(serviceKey(c.Service), c.At), c.Key()...)
}

// serviceKey is what the keys of a service's changes begin with. Names hold no
// NUL, so no service's is that of another.
func serviceKey(service string) []byte {
	b := make([]byte, 0, 2+len(service)+timeLen+changes.MaxID)
	return append(append(append(b, changeOf), service...), 0)
}

func changeIDKey(c *changes.Change) []byte {
	return append([]byte{changeID}, c.Key()...)
}

func changeTimeKey(c *changes.Change) []byte {
	return append(appendTime([]byte{changeTime}, c.At), c.Key()...)
}

// SaveChanges implements changes.Store.
func (s *Store) SaveChanges(ctx context.Context, list []changes.Change) ([]changes.Saved, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var out []changes.Saved
	err := s.update(ctx, func(t *tx) error {
		out = make([]changes.Saved, 0, len(list))
		for i := range list {
			saved, err := t.saveChange(list[i])
			if err != nil {
				return err
			}
			out = append(out, saved)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) saveChange(c changes.Change) (changes.Saved, error) {
	saved := changes.Saved{Change: c}
	if c.ID == "" || c.Source == "" || c.Service == "" || strings.ContainsRune(c.Service, 0) {
		return saved, errors.New("store: a change needs a source, an id and a service")
	}
	old, err := t.changeByID(&c)
	if err != nil {
		return saved, err
	}
	c.Recorded, c.At = t.now, c.At.UTC()
	if old != nil {
		c.Recorded = old.Recorded
	}
	if c.At.IsZero() {
		c.At = t.now
		if old != nil {
			c.At = old.At
		}
	}
	saved.Change, saved.Added = c, old == nil
	if old != nil {
		if *old == c {
			return saved, nil
		}
		saved.Updated = true
		if err := t.dropChange(old); err != nil {
			return saved, err
		}
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return saved, fmt.Errorf("store: writing the change %s as JSON: %w", c.Key(), err)
	}
	key := changeKey(&c)
	return saved, errors.Join(
		t.put(bucketChange, key, doc),
		t.put(bucketChange, changeIDKey(&c), slices.Clone(key)),
		t.put(bucketChange, changeTimeKey(&c), nil),
	)
}

// changeByID returns nil where the change is not known.
func (t *tx) changeByID(c *changes.Change) (*changes.Change, error) {
	key := t.get(bucketChange, changeIDKey(c))
	if key == nil {
		return nil, nil
	}
	v := t.get(bucketChange, key)
	if v == nil {
		return nil, fmt.Errorf("store: the change %s is damaged: it is named, and not there", c.Key())
	}
	var old changes.Change
	if err := json.Unmarshal(v, &old); err != nil {
		return nil, fmt.Errorf("store: reading the change %s: %w", c.Key(), err)
	}
	return &old, nil
}

func (t *tx) dropChange(c *changes.Change) error {
	return errors.Join(
		t.delete(bucketChange, changeKey(c)), t.delete(bucketChange, changeIDKey(c)), t.delete(bucketChange, changeTimeKey(c)),
	)
}

// Changes implements changes.Store.
func (s *Store) Changes(ctx context.Context, service string, since, until time.Time, limit int) ([]changes.Change, error) {
	var out []changes.Change
	err := s.view(ctx, func(t *tx) error {
		prefix := []byte{changeTime}
		if service != "" {
			prefix = serviceKey(service)
		}
		end := slices.Clone(prefix)
		if until.IsZero() {
			end[len(end)-1]++ // the first key beyond all of this prefix
		} else {
			end = appendTime(end, until)
		}
		var err error
		t.descend(bucketChange, end, func(k, v []byte) bool {
			if len(out) >= limit || !bytes.HasPrefix(k, prefix) || len(k) < len(prefix)+timeLen {
				return false
			}
			if !since.IsZero() && decodeTime(k[len(prefix):]).Before(since) {
				return false
			}
			if service == "" {
				v = t.get(bucketChange, t.get(bucketChange, append([]byte{changeID}, k[len(prefix)+timeLen:]...)))
			}
			var c changes.Change
			if err = json.Unmarshal(v, &c); err != nil {
				err = fmt.Errorf("store: reading the change %q: %w", k, err)
				return false
			}
			out = append(out, c)
			return true
		})
		return err
	})
	return out, err
}

// PruneChanges implements changes.Store.
func (s *Store) PruneChanges(ctx context.Context, before time.Time) error {
	end := appendTime([]byte{changeTime}, before)
	for more := true; more; {
		err := s.update(ctx, func(t *tx) error {
			var places [][]byte
			t.prefixed(bucketChange, []byte{changeTime}, func(k, _ []byte) bool {
				if bytes.Compare(k, end) >= 0 || len(places) == pruneStep {
					return false
				}
				places = append(places, slices.Clone(k))
				return true
			})
			more = len(places) == pruneStep
			for _, k := range places {
				if err := t.pruneChange(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneChange removes the change at a place in the order of time, with all its
// keys. What does not fit together any more goes, too.
func (t *tx) pruneChange(place []byte) error {
	err := t.delete(bucketChange, place)
	if len(place) <= 1+timeLen {
		return err
	}
	id := append([]byte{changeID}, place[1+timeLen:]...)
	if key := slices.Clone(t.get(bucketChange, id)); len(key) > 0 {
		err = errors.Join(err, t.delete(bucketChange, key), t.delete(bucketChange, id))
	}
	return err
}
