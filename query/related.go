package query

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// Related is what is shown of an incident beside another one.
type Related struct {
	ID       incident.ID
	Title    string
	Status   incident.Status
	Level    incident.Level
	Service  string // its name for people
	OpenedAt time.Time
	Private  bool
	Room     string         // of a parent or child: address of its own war room, where it has one
	Link     *incident.Link // of a child: why it is one; nil of all others
}

// MaxRelated bounds the relatives of each kind that a View brings along.
const MaxRelated = 5

// Bounds on the search for the incidents of one burst.
const (
	burstSpan = time.Hour // after its first one
	burstRows = 500       // records that are looked at
)

// sight tells, within one transaction, of which incidents the viewer may know.
// Each is looked at once: an incident may have hundreds of children.
type sight struct {
	r      *Reader
	tx     incident.Tx
	viewer Viewer
	known  map[incident.ID]bool
}

func (r *Reader) sight(tx incident.Tx, viewer Viewer) *sight {
	return &sight{r: r, tx: tx, viewer: viewer, known: map[incident.ID]bool{}}
}

// load returns an incident, or nil where there is none or the viewer may not
// know of it.
func (s *sight) load(id incident.ID) (*incident.Incident, error) {
	if id == 0 {
		return nil, nil
	}
	inc, err := s.tx.Incident(id)
	if errors.Is(err, incident.ErrNotFound) {
		s.known[id] = false
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.known[id] = s.viewer.sees(inc); !s.known[id] {
		return nil, nil
	}
	return inc, nil
}

// sees reports whether the viewer may know of an incident.
func (s *sight) sees(id incident.ID) (bool, error) {
	if k := s.viewer.Actor.Kind; k == incident.KindSystem || k == incident.KindVendor {
		return true, nil
	}
	if ok, known := s.known[id]; known {
		return ok, nil
	}
	inc, err := s.load(id)
	return inc != nil, err
}

// hide takes away the links to incidents of which the viewer may not know: not
// even their numbers are told.
func (s *sight) hide(inc *incident.Incident) error {
	var errs []error
	hidden := func(id incident.ID) bool {
		if id == 0 {
			return false
		}
		ok, err := s.sees(id)
		errs = append(errs, err)
		return !ok
	}
	inc.Children = slices.DeleteFunc(inc.Children, func(c incident.Child) bool { return hidden(c.ID) })
	inc.Apart = slices.DeleteFunc(inc.Apart, hidden)
	if inc.Link != nil && hidden(inc.Link.Parent) {
		inc.Link = nil
	}
	if was := inc.LinkWas; was != nil && was.Link != nil && hidden(was.Link.Parent) {
		inc.LinkWas = nil
	}
	if hidden(inc.Major) {
		inc.Major = 0
	}
	return errors.Join(errs...)
}

// tells reports whether an event names only incidents of which the viewer may
// know. What an incident was once linked to is not among its relatives any more.
func (s *sight) tells(e incident.Event) (bool, error) {
	for _, v := range e.Data {
		if !strings.HasPrefix(v, "INC-") {
			continue
		}
		id, err := incident.ParseID(v)
		if err != nil {
			continue
		}
		if ok, err := s.sees(id); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// timeline returns the events that the viewer may know of, by event time.
func (s *sight) timeline(id incident.ID) ([]incident.Event, error) {
	all, err := s.tx.Timeline(id, 0, 0)
	if err != nil {
		return nil, err
	}
	var errs []error
	all = slices.DeleteFunc(all, func(e incident.Event) bool {
		ok, err := s.tells(e)
		errs = append(errs, err)
		return !ok
	})
	sortEvents(all)
	return all, errors.Join(errs...)
}

// related is what is shown of an incident beside another one.
func (s *sight) related(inc *incident.Incident) Related {
	cat := s.r.Catalog()
	rel := Related{ID: inc.ID, Title: inc.Title, Status: inc.Status, OpenedAt: inc.OpenedAt, Private: inc.Private, Service: inc.ServiceName}
	rel.Level, _ = cat.Levels().Get(inc.Level)
	if name := serviceName(cat, inc.Service); rel.Service == "" {
		rel.Service = name
	}
	return rel
}

// tied is related, of one to which an incident is linked: people go from room to
// room.
func (s *sight) tied(inc *incident.Incident) Related {
	rel := s.related(inc)
	if inc.Room.Usable() {
		rel.Room = inc.Room.URL
	}
	return rel
}

// relate loads what a card says of the incidents around this one: the few that
// are named, never all.
func (s *sight) relate(v *View) error {
	inc := v.Incident
	if l := inc.Link; l != nil {
		parent, err := s.load(l.Parent)
		if err != nil {
			return err
		}
		if parent != nil {
			rel := s.tied(parent)
			v.Parent = &rel
		}
	}
	var err error
	if v.Children, err = s.children(inc, 0, MaxRelated); err != nil {
		return err
	}
	if v.Burst, v.BurstSize, err = s.burst(v); err != nil {
		return err
	}
	if v.Muted, err = s.muted(inc); err != nil {
		return err
	}
	if inc.Status == incident.Closed || (inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate) {
		return nil
	}
	v.Similar, err = s.indexed(inc, maxSimilarOnCard)
	return err
}

// byKind puts consequences before duplicates: they say more.
func byKind(children []incident.Child) []incident.Child {
	out := slices.Clone(children)
	slices.SortStableFunc(out, func(a, b incident.Child) int { return rankOf(a) - rankOf(b) })
	return out
}

func rankOf(c incident.Child) int {
	if c.Kind == incident.LinkDuplicate {
		return 1
	}
	return 0
}

// children loads some of the children of an incident whose hidden ones were
// taken away.
func (s *sight) children(inc *incident.Incident, from, limit int) ([]Related, error) {
	list := byKind(inc.Children)
	from = min(max(from, 0), len(list))
	var out []Related
	for _, c := range list[from:min(from+limit, len(list))] {
		child, err := s.load(c.ID)
		if err != nil {
			return nil, err
		}
		if child == nil {
			continue
		}
		rel := s.tied(child)
		rel.Link = child.Link
		if rel.Link == nil { // its end of the link follows in a moment
			rel.Link = &incident.Link{Kind: c.Kind, Parent: inc.ID}
		}
		out = append(out, rel)
	}
	return out, nil
}

// Relatives returns an incident with a page of what is linked to it, from the
// given place on, consequences first. How many there are in all is
// View.Incident.Children. It returns incident.ErrNotFound where there is no such
// incident, or the viewer may not know of it.
func (r *Reader) Relatives(ctx context.Context, viewer Viewer, id incident.ID, from, limit int) (*View, []Related, error) {
	v, err := r.Get(ctx, viewer, id, false)
	if err != nil {
		return nil, nil, err
	}
	var list []Related
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		var err error
		list, err = r.sight(tx, viewer).children(v.Incident, from, limit)
		return err
	})
	return v, list, err
}

// burst finds the incidents that share a burst with this one, oldest first: the
// first few, and how many the viewer may know of, this one included.
func (s *sight) burst(v *View) ([]Related, int, error) {
	major := v.Incident.Major
	if major == 0 {
		return nil, 0, nil
	}
	first, err := s.load(major)
	if err != nil || first == nil {
		return nil, 0, err
	}
	var out []Related
	var inner error
	rows := 0
	err = s.tx.Rows(incident.Cursor{OpenedAt: first.OpenedAt.Add(burstSpan)}, false, func(row incident.Row) bool {
		if rows++; row.OpenedAt.Before(first.OpenedAt) || rows > burstRows {
			return false
		}
		if l, _ := v.Levels.Get(row.Level); !l.Room && row.ID != major {
			return true
		}
		var inc *incident.Incident
		if inc, inner = s.load(row.ID); inc != nil && (inc.Major == major || inc.ID == major) {
			out = append(out, s.related(inc))
		}
		return inner == nil
	})
	if err = errors.Join(err, inner); err != nil {
		return nil, 0, err
	}
	slices.Reverse(out)
	n := len(out)
	out = slices.DeleteFunc(out, func(r Related) bool { return r.ID == v.Incident.ID })
	return out[:min(len(out), MaxRelated)], n, nil
}

// Check returns incident.ErrNotFound, as Get does, where there is no such
// incident or the viewer may not know of it.
func (r *Reader) Check(ctx context.Context, viewer Viewer, id incident.ID) error {
	return r.Store.View(ctx, func(tx incident.Tx) error {
		inc, err := r.sight(tx, viewer).load(id)
		if err == nil && inc == nil {
			err = noIncident(incident.ErrNotFound, "id", id)
		}
		return err
	})
}

func noIncident(kind error, field string, id incident.ID) *incident.Problem {
	return incident.NewProblem(kind, field, "no_incident", incident.NoIncident, id).With("id", id.String())
}

// CheckParent refuses a command that links an incident to one of which the
// viewer may not know, in the words for one that is not there. Other commands
// pass.
func (r *Reader) CheckParent(ctx context.Context, viewer Viewer, cmd *incident.Command) error {
	id := cmd.Args.Parent
	if cmd.Verb != incident.SetLink || id == 0 {
		return nil
	}
	return r.Store.View(ctx, func(tx incident.Tx) error {
		if inc, err := r.sight(tx, viewer).load(id); err != nil || inc != nil {
			return err
		}
		return noIncident(incident.ErrInvalid, "parent", id)
	})
}
