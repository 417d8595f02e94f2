// Package query is the one read side: lists, views and timelines for cards,
// pages, API and reports. The visibility filter is inside, so that no edge can
// forget it: what a viewer may not see is not found.
//
// It changes nothing, and renders nothing.
package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"imbot/incident"
)

// Viewer is on whose behalf something is read.
type Viewer struct {
	Actor incident.Actor
	Role  incident.Role
	// Group are the people of a conversation, where it is read by all of them: it
	// sees what each of them may see. Actor and Role do not count then.
	Group []incident.Actor
}

// Everybody sees what is not private: the viewer for channels.
var Everybody = Viewer{}

// Self sees everything: imbot itself, for what goes to members only.
var Self = Viewer{Actor: incident.System, Role: incident.RoleAdmin}

func (v Viewer) sees(inc *incident.Incident) bool {
	if len(v.Group) == 0 {
		return inc.VisibleTo(v.Actor, v.Role)
	}
	return !slices.ContainsFunc(v.Group, func(a incident.Actor) bool { return !inc.Visible(a) })
}

// Reader answers questions.
type Reader struct {
	Store     incident.Store
	Catalog   func() incident.Catalog
	Pages     bool     // pages are served under PublicURL: cards link to them
	PublicURL string   // base of links to pages, without a trailing slash; "" where there is none
	Changes   *Changes // nil: nothing is known of what was changed
	Standby   Standby  // nil: nobody is known to be on duty
	// Name is what a person is called where people are met, by their id; "" where
	// they were not. nil: only the catalog knows names.
	Name func(ctx context.Context, id string) string

	maxScan int // for tests; 0 means maxScan
}

// View is an incident with all that is needed to show it.
type View struct {
	Incident *incident.Incident
	Level    incident.Level
	Levels   incident.Levels
	Service  incident.ServiceInfo
	Squad    incident.SquadInfo
	Owner    incident.Actor         // of the service; zero: none is known
	Lead     incident.Actor         // of the squad; zero: none is known
	Links    []incident.LinkURL     // runbook first, then the alert's own source
	Trouble  []incident.EffectState // effects that failed for good, then those that were skipped, each oldest first
	Timeline []incident.Event       // by event time, oldest first; only where asked for
	Mention  []string               // persons' ids whom the level's notice mentions
	URL      string                 // under which it is known; "" without a public URL
	Page     string                 // the same, where a page is served there: for people to open
	Changes  []ChangeClaim          // changes that may have caused it; only of Get

	// What follows is only of Get. The children that the viewer may know of are
	// Incident.Children, of which there may be hundreds.
	Parent    *Related                  // what it is linked to; nil: nothing, or nothing that is known here
	Children  []Related                 // the first of what is linked to it, consequences first; at most MaxRelated
	Below     map[incident.ID][]Related // by child, what is linked to that; only of Whole
	Burst     []Related                 // others of the burst that it is part of, oldest first; at most MaxRelated
	BurstSize int                       // how many that burst has, this one included
	Similar   []Similar                 // earlier ones like it that are closed, most alike first; at most three
	Muted     *Muted                    // the window that keeps it quiet
}

// ServiceName is what the service is called; "" where none is known.
func (v *View) ServiceName() string {
	return cmp.Or(v.Service.Name, v.Incident.ServiceName, v.Incident.Service)
}

// SquadName is what the squad is called; "" where none is known.
func (v *View) SquadName() string { return cmp.Or(v.Squad.Name, v.Incident.Squad) }

// Get returns one incident, or incident.ErrNotFound where there is none or the
// viewer may not know of it. timeline also loads the timeline.
func (r *Reader) Get(ctx context.Context, viewer Viewer, id incident.ID, timeline bool) (*View, error) {
	var v *View
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if errors.Is(err, incident.ErrNotFound) || (err == nil && !viewer.sees(inc)) {
			return noIncident(incident.ErrNotFound, "id", id)
		}
		if err != nil {
			return err
		}
		v = r.view(inc)
		s := r.sight(tx, viewer)
		if err := errors.Join(v.loadTrouble(tx), s.hide(inc)); err != nil {
			return err
		}
		if timeline {
			if v.Timeline, err = s.timeline(id); err != nil {
				return err
			}
		}
		return s.relate(v)
	})
	if err != nil {
		return nil, err
	}
	r.name(ctx, viewer, v)
	v.Changes, err = r.claims(ctx, v.Incident)
	return v, err
}

// view adds what the catalog knows. A service that the catalog has lost keeps
// the name that the incident remembers.
func (r *Reader) view(inc *incident.Incident) *View {
	cat := r.Catalog()
	v := &View{Incident: inc, Levels: cat.Levels()}
	v.Level, _ = v.Levels.Get(inc.Level)
	if inc.Service != "" {
		v.Service = cat.Service(inc.Service, strings.TrimPrefix(inc.Service, "pd:"))
	}
	if v.Service.Key == "" {
		v.Service = incident.ServiceInfo{Key: inc.Service, Name: inc.ServiceName, Squad: inc.Squad}
	}
	v.Squad = cat.Squad(inc.Squad)
	v.Owner, v.Lead = personOf(cat, v.Service.Owner), personOf(cat, v.Squad.Lead)
	v.Links = slices.Clone(v.Service.Links)
	if inc.Alert != nil {
		v.Links = append(v.Links, inc.Alert.Links...)
	}
	if ref, ok := inc.AlertRef(); ok && ref.URL != "" {
		v.Links = append(v.Links, incident.LinkURL{Title: "PagerDuty", URL: ref.URL})
	}
	v.Mention = mentioned(v, cat.Notice(inc.Squad, inc.Level))
	if r.PublicURL != "" {
		v.URL = r.PublicURL + "/incidents/" + inc.ID.String()
		if r.Pages {
			v.Page = v.URL
		}
	}
	return v
}

// personOf is somebody whom the catalog calls by their id; zero for nobody.
func personOf(cat incident.Catalog, id string) incident.Actor {
	if id == "" {
		return incident.Actor{}
	}
	return cat.Person(incident.Actor{Kind: incident.KindUser, ID: id})
}

// mentioned are the people whom a notice names by their part in the incident. A
// duplicate calls nobody, and neither does the consequence of another incident,
// unless its level is never hidden: its parent's people have been called.
func mentioned(v *View, n incident.Notice) []string {
	if l := v.Incident.Link; l != nil && (l.Kind == incident.LinkDuplicate || !v.Level.AlwaysVisible) {
		return nil
	}
	var out []string
	for _, who := range n.Mention {
		switch who {
		case "oncall":
			for _, p := range v.Incident.Responders {
				out = append(out, p.ID)
			}
		case "owner":
			out = append(out, v.Service.Owner)
		case "lead":
			out = append(out, v.Squad.Lead)
		}
	}
	return slices.DeleteFunc(out, func(id string) bool { return id == "" })
}

var troubleRank = map[string]int{incident.EffectDead: 0, incident.EffectSkipped: 1}

func (v *View) loadTrouble(tx incident.Tx) error {
	all, err := tx.Effects(v.Incident.ID)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.State == incident.EffectDead || e.State == incident.EffectSkipped && !strings.HasPrefix(e.Error, incident.NotNeeded) {
			v.Trouble = append(v.Trouble, e)
		}
	}
	// What failed comes before what was left out on purpose.
	slices.SortStableFunc(v.Trouble, func(a, b incident.EffectState) int {
		return cmp.Compare(troubleRank[a.State], troubleRank[b.State])
	})
	return nil
}

func sortEvents(events []incident.Event) {
	slices.SortStableFunc(events, func(a, b incident.Event) int { return a.At.Compare(b.At) })
}

// ByKey returns the incident to which a stored key belongs for good, such as
// incident.Ref.Key or ThreadKey; 0 where there is none.
func (r *Reader) ByKey(ctx context.Context, key string) (incident.ID, error) {
	return r.byKey(ctx, key, true)
}

// ByCommand returns the incident that a command with this key (of
// incident.Command.Keys) has met; 0 where there was none, or the key is
// forgotten.
func (r *Reader) ByCommand(ctx context.Context, key string) (incident.ID, error) {
	return r.byKey(ctx, incident.InboundKey(key), false)
}

func (r *Reader) byKey(ctx context.Context, key string, keep bool) (incident.ID, error) {
	var id incident.ID
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		v, err := tx.Key(key, keep)
		if err != nil || v == "" || v == "-" {
			return err
		}
		id, err = incident.ParseID(v)
		return err
	})
	return id, err
}
