package query

import (
	"context"
	"time"

	"imbot/incident"
)

// Muted is a window in which the alerts of a service or a squad are quiet.
type Muted struct {
	incident.Mute
	Name string // of the service or the squad, for people
}

// Target is the key of the service or squad.
func (m *Muted) Target() string {
	if m.Service != "" {
		return m.Service
	}
	return m.Squad
}

func (r *Reader) named(m incident.Mute) Muted {
	out := Muted{Mute: m}
	cat := r.Catalog()
	if m.Service != "" {
		out.Name = serviceName(cat, m.Service)
	} else if out.Name = cat.Squad(m.Squad).Name; out.Name == "" {
		out.Name = m.Squad
	}
	return out
}

// MuteName is how people call the service or squad that a window is for.
func (r *Reader) MuteName(m incident.Mute) string { return r.named(m).Name }

// Mutes returns the windows that have not ended, by their end. They are no
// secret.
func (r *Reader) Mutes(ctx context.Context, now time.Time) ([]Muted, error) {
	var out []Muted
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		all, err := incident.Mutes(tx, now)
		out = make([]Muted, len(all))
		for i, m := range all {
			out[i] = r.named(m)
		}
		return err
	})
	return out, err
}

// muted finds the window that keeps an incident quiet; nil where there is none,
// or it is forgotten.
func (s *sight) muted(inc *incident.Incident) (*Muted, error) {
	if inc.NoticeGap != incident.GapMaintenance {
		return nil, nil
	}
	all, err := incident.Mutes(s.tx, inc.OpenedAt) // those that had not ended by then
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		same := (m.Service != "" && m.Service == inc.Service) || (m.Squad != "" && m.Squad == inc.Squad)
		if same && !inc.OpenedAt.Before(m.From) {
			out := s.r.named(m)
			return &out, nil
		}
	}
	return nil, nil
}

// Labels returns the corrections by people since a time (zero: ever), oldest
// first. One that names an incident of which the viewer may not know is not
// among them.
func (r *Reader) Labels(ctx context.Context, viewer Viewer, since time.Time) ([]incident.Label, error) {
	var out []incident.Label
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		out = nil
		return r.sight(tx, viewer).labels(since, func(l incident.Label, visible bool) {
			if visible {
				out = append(out, l)
			}
		})
	})
	return out, err
}

// labels calls fn with each correction since a time, and whether the viewer may
// know of all incidents that it names.
func (s *sight) labels(since time.Time, fn func(l incident.Label, visible bool)) error {
	all, err := incident.Labels(s.tx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.At.Before(since) {
			continue
		}
		visible := true
		for _, id := range []incident.ID{l.Incident, l.Other} {
			if id == 0 {
				continue
			}
			ok, err := s.sees(id)
			if err != nil {
				return err
			}
			visible = visible && ok
		}
		fn(l, visible)
	}
	return nil
}

// LinkFigures say how often the rules that link incidents were right, by what
// people have corrected.
type LinkFigures struct {
	Since time.Time // of the corrections; zero: ever. Links made are counted for ever
	Rules []incident.RuleStats
	Kinds []KindFigures
}

// KindFigures say how many of the links of one kind the rules have found.
type KindFigures struct {
	Kind   string // incident.LinkDuplicate or LinkCascade
	Right  int    // links made that nobody took away
	Missed int    // links that people had to add
}

// Recall is the share of the links that the rules have found; 0 where there are
// none.
func (k KindFigures) Recall() float64 {
	if k.Right+k.Missed == 0 {
		return 0
	}
	return float64(k.Right) / float64(k.Right+k.Missed)
}

// kindOfRule is the kind of link that a rule of ours makes. What the pager has
// merged, and what people say, was not found by rules.
var kindOfRule = map[string]string{
	incident.RuleAlertKey: incident.LinkDuplicate, incident.RuleEntity: incident.LinkDuplicate,
	incident.RuleTitle: incident.LinkDuplicate, incident.RuleTrouble: incident.LinkDuplicate, incident.RuleCalls: incident.LinkCascade,
}

// LinkStats returns the figures by the corrections since a time (zero: ever).
// Corrections that name an incident of which the viewer may not know do not
// count.
func (r *Reader) LinkStats(ctx context.Context, viewer Viewer, since time.Time) (LinkFigures, error) {
	var out LinkFigures
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		rules, err := incident.LinkStats(tx, since)
		if err != nil {
			return err
		}
		byRule := map[string]*incident.RuleStats{}
		for i := range rules {
			byRule[rules[i].Rule] = &rules[i]
		}
		err = r.sight(tx, viewer).labels(since, func(l incident.Label, visible bool) {
			if !visible && !l.Undone {
				forget(byRule, &l)
			}
		})
		out = LinkFigures{Since: since, Rules: rules, Kinds: kinds(rules)}
		return err
	})
	return out, err
}

// forget takes a correction out of the figures, where LinkStats has put it.
func forget(byRule map[string]*incident.RuleStats, l *incident.Label) {
	if l.Verdict == incident.LabelWrong {
		if s := byRule[l.Rule]; s != nil {
			s.Wrong = max(s.Wrong-1, 0)
		}
		return
	}
	rule := incident.RuleTrouble
	if l.Kind == incident.LinkCascade {
		rule = incident.RuleCalls
	}
	if s := byRule[rule]; s != nil && l.Verdict == incident.LabelMissed {
		s.Missed = max(s.Missed-1, 0)
	}
}

func kinds(rules []incident.RuleStats) []KindFigures {
	out := []KindFigures{{Kind: incident.LinkDuplicate}, {Kind: incident.LinkCascade}}
	for _, r := range rules {
		for i := range out {
			if kindOfRule[r.Rule] == out[i].Kind {
				out[i].Right += max(r.Made-r.Wrong, 0)
				out[i].Missed += r.Missed
			}
		}
	}
	return out
}
