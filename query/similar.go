package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// Similar is an earlier incident like another one, and what is known of it.
type Similar struct {
	Related
	Same       bool          // the same service, and the same title but for numbers and names of machines
	ResolvedAt time.Time     //
	Lasted     time.Duration //
	Cause      string        // its root cause, in one line; "" where nobody has written it
	Fix        string        // its resolution steps, in one line; "" where nobody has written them
}

// maxSimilar bounds what the search for similar incidents returns.
const maxSimilar = 10

// Bounds on that search.
const (
	maxSimilarOnCard = 3
	similarRows      = 5000 // newest records whose titles are compared
)

// How much alike two titles must be, as the share of their words that they have
// in common: of the same service, and of another one.
const (
	likeHere      = 0.5
	likeElsewhere = 0.6
	// sameTrouble is what the same kind of trouble adds, within a service.
	sameTrouble = 0.3
)

// fillers are the words of a title that say nothing about what is wrong.
var fillers = map[string]bool{
	"a": true, "an": true, "the": true, "is": true, "are": true, "was": true, "has": true, "have": true, "been": true, "be": true, "on": true, "in": true,
	"of": true, "for": true, "to": true, "at": true, "by": true, "and": true, "or": true, "with": true, "from": true, "than": true, "more": true,
	"di": true, "ke": true, "dari": true, "dan": true, "yang": true, "pada": true, "untuk": true,
}

// likeness is what titles are compared by.
type likeness struct {
	service string
	trouble string
	words   map[string]bool // of the title
	own     map[string]bool // of the service's name: within the service they say nothing
}

func likenessOf(inc *incident.Incident) likeness {
	l := likeness{service: inc.Service, trouble: inc.Trouble, words: wordsOf(inc.Title), own: wordsOf(inc.Service + " " + inc.ServiceName)}
	if l.trouble == "" {
		l.trouble = incident.TroubleOf(&incident.Alert{Title: inc.Title}, inc.Level)
	}
	return l
}

func wordsOf(title string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(incident.MaskTitle(title)) {
		if !fillers[w] {
			out[w] = true
		}
	}
	return out
}

// score is how much an incident of this service, title and level is alike, from
// 0 to 1; 0 where it is not alike enough.
func (l *likeness) score(service, title, level string) float64 {
	here := l.service != "" && service == l.service
	common, all := 0, 0
	counts := func(w string) bool { return !here || !l.own[w] }
	other := wordsOf(title)
	for w := range l.words {
		if counts(w) {
			all++
			if other[w] {
				common++
			}
		}
	}
	for w := range other {
		if counts(w) && !l.words[w] {
			all++
		}
	}
	share := 0.0
	if all > 0 {
		share = float64(common) / float64(all)
	}
	if !here {
		if share < likeElsewhere {
			return 0
		}
		return share
	}
	if share > 0 && l.trouble != "" && incident.TroubleOf(&incident.Alert{Title: title}, level) == l.trouble {
		share = min(share+sameTrouble, 1)
	}
	if share < likeHere {
		return 0
	}
	return share
}

// similar is what is shown of an incident that is like another one.
func (s *sight) similar(inc *incident.Incident, same bool) Similar {
	rca := &inc.Postmortem.RCA
	return Similar{
		Related: s.related(inc), Same: same, ResolvedAt: inc.ResolvedAt, Lasted: inc.Duration(inc.ResolvedAt),
		Cause: incident.Line(rca.RootCause), Fix: incident.Line(rca.ResolutionSteps),
	}
}

// over reports whether an incident has an end from which something can be
// learnt: that of a duplicate is told by its parent.
func over(inc *incident.Incident) bool {
	return inc != nil && !inc.Active() && (inc.Link == nil || inc.Link.Kind != incident.LinkDuplicate)
}

// indexed finds earlier incidents that are closed, by the index of what ended:
// first those of the same service and title, then those of the same service that
// are alike. Of each sort those whose cause is known come first, then the newest.
func (s *sight) indexed(inc *incident.Incident, limit int) ([]Similar, error) {
	same, service, err := incident.Past(s.tx, inc)
	if err != nil {
		return nil, err
	}
	l := likenessOf(inc)
	out, err := s.closed(same, true, &l)
	if err != nil {
		return nil, err
	}
	if len(out) < limit {
		like, err := s.closed(service, false, &l)
		if err != nil {
			return nil, err
		}
		out = append(out, like...)
	}
	return out[:min(len(out), limit)], nil
}

func (s *sight) closed(ids []incident.ID, same bool, l *likeness) ([]Similar, error) {
	var out []Similar
	for _, id := range ids {
		inc, err := s.load(id)
		if err != nil {
			return nil, err
		}
		if over(inc) && inc.Status == incident.Closed && (same || l.score(inc.Service, inc.Title, inc.Level) > 0) {
			out = append(out, s.similar(inc, same))
		}
	}
	slices.SortStableFunc(out, func(a, b Similar) int { return cmp.Compare(known(b), known(a)) })
	return out, nil
}

// known reports, as a number, whether the cause of an incident was written down.
func known(x Similar) int {
	if x.Cause != "" {
		return 1
	}
	return 0
}

// Similar returns an incident with earlier ones like it that are over, most
// alike first, at most maxSimilar: by the index of what ended, and by the titles
// of the newest incidents. It returns incident.ErrNotFound where there is no such
// incident, or the viewer may not know of it.
func (r *Reader) Similar(ctx context.Context, viewer Viewer, id incident.ID) (*View, []Similar, error) {
	v, err := r.Get(ctx, viewer, id, false)
	if err != nil {
		return nil, nil, err
	}
	var out []Similar
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		var err error
		out, err = r.sight(tx, viewer).search(ctx, v.Incident)
		return err
	})
	return v, out, err
}

// candidate is an incident that may be similar.
type candidate struct {
	id    incident.ID
	score float64 // above 1: by the same title
	at    time.Time
}

func (s *sight) search(ctx context.Context, inc *incident.Incident) ([]Similar, error) {
	same, _, err := incident.Past(s.tx, inc)
	if err != nil {
		return nil, err
	}
	list, err := s.alike(ctx, inc, same)
	if err != nil {
		return nil, err
	}
	var out []Similar
	for _, c := range list {
		if len(out) == maxSimilar {
			break
		}
		other, err := s.load(c.id)
		if err != nil {
			return nil, err
		}
		if over(other) {
			out = append(out, s.similar(other, c.score > 1))
		}
	}
	return out, nil
}

// alike ranks what may be similar: the same titles, and the titles of the newest
// incidents, by how much they are alike, then the newest first.
func (s *sight) alike(ctx context.Context, inc *incident.Incident, same []incident.ID) ([]candidate, error) {
	l := likenessOf(inc)
	var list []candidate
	mask, rows := incident.MaskTitle(inc.Title), 0
	err := s.tx.Rows(incident.Cursor{}, false, func(row incident.Row) bool {
		if rows++; rows > similarRows || ctx.Err() != nil {
			return false
		}
		if row.ID == inc.ID || row.Status == incident.Open || row.Link == incident.LinkDuplicate || slices.Contains(same, row.ID) {
			return true
		}
		score := l.score(row.Service, row.Title, row.Level)
		if score > 0 && mask != "" && row.Service == inc.Service && inc.Service != "" && incident.MaskTitle(row.Title) == mask {
			score = 2
		}
		if score > 0 {
			list = append(list, candidate{row.ID, score, row.OpenedAt})
		}
		return true
	})
	for i, id := range same { // newest first
		list = append(list, candidate{id: id, score: 2, at: inc.OpenedAt.Add(-time.Duration(i))})
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), b.at.Compare(a.at), cmp.Compare(b.id, a.id))
	})
	return list, errors.Join(err, ctx.Err())
}
