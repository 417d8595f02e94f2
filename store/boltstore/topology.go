package boltstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"imbot/topology"
)

var _ topology.Store = (*Store)(nil)

// edgeStep bounds the edges of one change, so that a webhook never waits for
// thousands of them.
const edgeStep = 500

// edgeKey is the place of an edge: its names hold no NUL, so that no edge has
// the key of another, and keys sort as the names do.
func edgeKey(e *topology.Edge) ([]byte, error) {
	for _, s := range [...]string{e.From, e.To, e.Source} {
		if s == "" || strings.Contains(s, "\x00") {
			return nil, fmt.Errorf("store: an edge from %.60q to %.60q of the source %.60q: all three must be there, without NUL", e.From, e.To, e.Source)
		}
	}
	return []byte(e.From + "\x00" + e.To + "\x00" + e.Source), nil
}

// edgeSteps runs fn on the edges with their keys, some in one change.
func (s *Store) edgeSteps(ctx context.Context, edges []topology.Edge, fn func(t *tx, key []byte, e topology.Edge) error) error {
	keys := make([][]byte, len(edges))
	for i := range edges {
		var err error
		if keys[i], err = edgeKey(&edges[i]); err != nil {
			return err
		}
	}
	for first := 0; first < len(edges); first += edgeStep {
		last := min(first+edgeStep, len(edges))
		err := s.update(ctx, func(t *tx) error {
			for i := first; i < last; i++ {
				if err := fn(t, keys[i], edges[i]); err != nil {
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

// SaveEdges implements topology.Store.
func (s *Store) SaveEdges(ctx context.Context, edges []topology.Edge) error {
	return s.edgeSteps(ctx, edges, func(t *tx, key []byte, e topology.Edge) error {
		if v := t.get(bucketEdge, key); v != nil {
			var stored topology.Edge
			if err := json.Unmarshal(v, &stored); err != nil {
				return fmt.Errorf("store: reading the edge %q: %w", key, err)
			}
			e = topology.Merge(stored, e)
		}
		e.FirstSeen, e.LastSeen = e.FirstSeen.UTC(), e.LastSeen.UTC()
		v, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("store: writing the edge %q as JSON: %w", key, err)
		}
		return t.put(bucketEdge, slices.Clone(key), v)
	})
}

// DeleteEdges implements topology.Store.
func (s *Store) DeleteEdges(ctx context.Context, edges []topology.Edge) error {
	return s.edgeSteps(ctx, edges, func(t *tx, key []byte, _ topology.Edge) error {
		if t.get(bucketEdge, key) == nil {
			return nil
		}
		return t.delete(bucketEdge, key)
	})
}

// Edges implements topology.Store.
func (s *Store) Edges(ctx context.Context) ([]topology.Edge, error) {
	return documents[topology.Edge](ctx, s, bucketEdge)
}

// SaveSource implements topology.Store.
func (s *Store) SaveSource(ctx context.Context, state topology.SourceState) error {
	if state.Name == "" {
		return errors.New("store: a source of edges needs a name")
	}
	return s.update(ctx, func(t *tx) error { return t.putDocument(bucketSource, state.Name, state) })
}

// Sources implements topology.Store.
func (s *Store) Sources(ctx context.Context) ([]topology.SourceState, error) {
	return documents[topology.SourceState](ctx, s, bucketSource)
}

// documents reads all JSON documents of a bucket, by key.
func documents[T any](ctx context.Context, s *Store, id bucketID) ([]T, error) {
	var out []T
	err := s.view(ctx, func(t *tx) error {
		var err error
		t.ascend(id, nil, func(k, v []byte) bool {
			var doc T
			if err = json.Unmarshal(v, &doc); err != nil {
				err = fmt.Errorf("store: reading %q: %w", k, err)
				return false
			}
			out = append(out, doc)
			return true
		})
		return err
	})
	return out, err
}
