package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"imbot/incident"
)

// Config says what a keeper works with.
type Config struct {
	Store    Store            // required
	Services func() []Service // of the catalogue as it is now; required
	Feeds    []Feed           // whom to ask; may be none
	// Memory is how long an edge counts after it was seen last. Default 14 days.
	Memory time.Duration
	// Keep is how long an edge is stored after it has ceased to count, for graphs
	// of the past. Default 100 days.
	Keep   time.Duration
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default()
}

// Feed is one source, and how it is asked.
type Feed struct {
	Name   string // of the source, as edges have it; required, each its own
	Source Source // required
	// Every is the pause between two answers. Default 15 min. After failures it
	// doubles, up to an hour or Every, whichever is longer.
	Every time.Duration
	// Window is how far back the source is asked. Default Every.
	Window time.Duration
	// Limit is how long one answer may take, with all that belongs to it. Default
	// 5 min.
	Limit time.Duration
	// Live says that the source sees calls as they happen: it is asked, too, when
	// an incident opens. Others have what people wrote down.
	Live bool
}

// Keeper remembers who calls whom. Its methods are safe for concurrent use.
type Keeper struct {
	c     Config
	feeds []*feed

	present atomic.Pointer[picture]
	change  sync.Mutex // one change at a time: of what is stored, and of present
	nudged  atomic.Int64
}

// picture is what is known at one moment. It is never changed.
type picture struct {
	graph    *Graph
	edges    []Edge // as stored, by From, To and Source
	services []Service
	names    *Names
	sources  []SourceState // by name
}

// New returns a keeper that knows nothing yet: Rebuild reads what is stored.
func New(c Config) *Keeper {
	if c.Memory <= 0 {
		c.Memory = 14 * 24 * time.Hour
	}
	if c.Keep <= 0 {
		c.Keep = 100 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	k := &Keeper{c: c}
	for _, f := range c.Feeds {
		k.feeds = append(k.feeds, newFeed(f))
	}
	k.show(nil, nil)
	return k
}

// Graph is the present snapshot. Whoever decides something takes it once, and
// uses it to the end.
func (k *Keeper) Graph() incident.Topology { return k.present.Load().graph }

// Snapshot is Graph, for who wants to see all of it.
func (k *Keeper) Snapshot() *Graph { return k.present.Load().graph }

// Edges returns all edges that are stored, those that are too old to count
// included, by From, To and Source. Look, don't touch.
func (k *Keeper) Edges() []Edge { return k.present.Load().edges }

// Counts says how many edges of each source count at now: those that are not
// too old, and what the catalogue says.
func (k *Keeper) Counts(now time.Time) map[string]int {
	p := k.present.Load()
	out := map[string]int{}
	for i := range p.services {
		if n := len(p.services[i].DependsOn); n > 0 {
			out[SourceCatalog] += n
		}
	}
	oldest := now.Add(-k.c.Memory)
	for i := range p.edges {
		if e := &p.edges[i]; e.LastSeen.IsZero() || !e.LastSeen.Before(oldest) {
			out[e.Source]++
		}
	}
	return out
}

// Memory is how long an edge counts after it was seen last.
func (k *Keeper) Memory() time.Duration { return k.c.Memory }

// Names finds services by the names of the present catalogue.
func (k *Keeper) Names() *Names { return k.present.Load().names }

// Sources returns the states of all sources that are asked or have been, by
// name. Names that have become those of a service since are not unmapped any
// more.
func (k *Keeper) Sources() []SourceState {
	p := k.present.Load()
	out := slices.Clone(p.sources)
	for _, f := range k.feeds {
		if _, ok := stateOf(out, f.Name); !ok {
			out = append(out, SourceState{Name: f.Name})
		}
	}
	slices.SortFunc(out, func(a, b SourceState) int { return strings.Compare(a.Name, b.Name) })
	for i := range out {
		out[i].Unmapped = slices.DeleteFunc(slices.Clone(out[i].Unmapped), func(u Unmapped) bool {
			end := End{Name: u.Name}
			if ns, name, ok := strings.Cut(u.Name, "/"); ok {
				end = End{Namespace: ns, Name: name}
			}
			_, known := p.names.End(&end)
			return known
		})
	}
	return out
}

// Feeds returns the names of the sources that are asked again and again.
func (k *Keeper) Feeds() []string {
	var out []string
	for _, f := range k.feeds {
		out = append(out, f.Name)
	}
	return out
}

func stateOf(all []SourceState, name string) (SourceState, bool) {
	if i := slices.IndexFunc(all, func(s SourceState) bool { return s.Name == name }); i >= 0 {
		return all[i], true
	}
	return SourceState{Name: name}, false
}

// Rebuild makes the snapshot of what is stored and of the catalogue as it is
// now. It is called at start and after the catalogue has changed.
func (k *Keeper) Rebuild(ctx context.Context) error {
	k.change.Lock()
	defer k.change.Unlock()
	return k.rebuild(ctx)
}

func (k *Keeper) rebuild(ctx context.Context) error {
	edges, err := k.c.Store.Edges(ctx)
	if err != nil {
		return fmt.Errorf("read the remembered calls: %w", err)
	}
	sources, err := k.c.Store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("read the states of the sources of calls: %w", err)
	}
	k.show(edges, sources)
	return nil
}

func (k *Keeper) show(edges []Edge, sources []SourceState) {
	services := k.c.Services()
	k.present.Store(&picture{
		graph: NewGraph(edges, services, k.c.Now(), k.c.Memory), edges: edges,
		services: services, names: NewNames(services), sources: sources,
	})
}

// prune forgets edges that are of no use even for the past, and of a source with
// too many those that were not seen for the longest time.
func (k *Keeper) prune(ctx context.Context) error {
	edges := k.present.Load().edges
	oldest := k.c.Now().Add(-k.c.Memory - k.c.Keep)
	bySource := map[string][]Edge{}
	var drop []Edge
	for _, e := range edges {
		if !e.LastSeen.IsZero() && e.LastSeen.Before(oldest) {
			drop = append(drop, e)
			continue
		}
		bySource[e.Source] = append(bySource[e.Source], e)
	}
	for source, all := range bySource {
		if len(all) <= MaxStored {
			continue
		}
		slices.SortStableFunc(all, func(a, b Edge) int {
			if later(a.LastSeen, b.LastSeen) {
				return -1
			}
			return cmp.Or(boolToInt(later(b.LastSeen, a.LastSeen)), byEnds(a, b))
		})
		k.c.Logger.Warn("topology: a source has more calls than are remembered; the oldest are forgotten", "source", source, "calls", len(all), "remembered", MaxStored)
		drop = append(drop, all[MaxStored:]...)
	}
	if len(drop) == 0 {
		return nil
	}
	slices.SortFunc(drop, byEnds)
	if err := k.c.Store.DeleteEdges(ctx, drop); err != nil {
		return fmt.Errorf("forget old calls: %w", err)
	}
	return k.rebuild(ctx)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ErrTooMany says that more edges were to be imported than are remembered.
var ErrTooMany = errors.New("too many calls")

// Import remembers calls that somebody said by hand, and the names that were
// left out because no service has them. Source becomes [SourceImport]; From and
// To are keys as [Names.Find] returns them. It returns [ErrTooMany] if there are
// more than MaxEdges of them.
func (k *Keeper) Import(ctx context.Context, edges []Edge, unknown []string) error {
	if len(edges) > MaxEdges {
		return fmt.Errorf("%w: %d, and at most %d are taken at once; split the file", ErrTooMany, len(edges), MaxEdges)
	}
	edges = slices.Clone(edges)
	for i := range edges {
		edges[i].Source = SourceImport
	}
	slices.SortStableFunc(edges, byEnds)
	k.change.Lock()
	defer k.change.Unlock()
	if err := k.c.Store.SaveEdges(ctx, edges); err != nil {
		return fmt.Errorf("store the imported calls: %w", err)
	}
	now := k.c.Now().UTC()
	missed := map[string]int{}
	for _, name := range unknown {
		if e := (End{Name: name}); e.sane() {
			missed[name]++
		}
	}
	old, _ := stateOf(k.present.Load().sources, SourceImport)
	state := SourceState{Name: SourceImport, At: now, OKAt: now, Edges: len(edges), Unknown: len(unknown)}
	state.Unmapped = recall(old.Unmapped, missed, now, now.Add(-k.c.Memory))
	if err := k.c.Store.SaveSource(ctx, state); err != nil {
		return fmt.Errorf("store when calls were imported: %w", err)
	}
	if err := k.rebuild(ctx); err != nil {
		return err
	}
	return k.prune(ctx)
}

// Remove forgets imported calls, and says how many of them there were. What
// other sources say of them stays.
func (k *Keeper) Remove(ctx context.Context, edges []Edge) (int, error) {
	k.change.Lock()
	defer k.change.Unlock()
	there := map[[2]string]bool{}
	for _, e := range k.present.Load().edges {
		if e.Source == SourceImport {
			there[[2]string{e.From, e.To}] = true
		}
	}
	var drop []Edge
	for _, e := range edges {
		if pair := [2]string{e.From, e.To}; there[pair] {
			there[pair] = false
			drop = append(drop, Edge{From: e.From, To: e.To, Source: SourceImport})
		}
	}
	if err := k.c.Store.DeleteEdges(ctx, drop); err != nil {
		return 0, fmt.Errorf("forget imported calls: %w", err)
	}
	return len(drop), k.rebuild(ctx)
}
