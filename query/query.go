// Package query is the one read side: lists, views and timelines for cards,
// pages, API and reports. The visibility filter is inside, so that no edge can
// forget it: what a viewer may not see is not found.
//
// It changes nothing, and renders nothing.
package query

import (
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
}

// Everybody sees what is not private: the viewer for channels.
var Everybody = Viewer{}

// Self sees everything: imbot itself, for what goes to members only.
var Self = Viewer{Actor: incident.System, Role: incident.RoleAdmin}

func (v Viewer) sees(inc *incident.Incident) bool { return inc.VisibleTo(v.Actor, v.Role) }

// Reader answers questions.
type Reader struct {
	Store     incident.Store
	Catalog   func() incident.Catalog
	Pages     bool   // pages are served under PublicURL: cards link to them
	PublicURL string // base of links to pages, without a trailing slash; "" where there is none

	maxScan int // for tests; 0 means maxScan
}

// View is an incident with all that is needed to show it.
type View struct {
	Incident *incident.Incident
	Level    incident.Level
	Levels   incident.Levels
	Service  incident.ServiceInfo
	Squad    incident.SquadInfo
	Links    []incident.LinkURL     // runbook first, then the alert's own source
	Trouble  []incident.EffectState // effects that failed for good or were skipped, oldest first
	Timeline []incident.Event       // by event time, oldest first; only where asked for
	Mention  []string               // persons' ids whom the level's notice mentions
	URL      string                 // under which it is known; "" without a public URL
	Page     string                 // the same, where a page is served there: for people to open

	hidden []string // written ids of related incidents of which the viewer may not know
}

// Get returns one incident, or incident.ErrNotFound where there is none or the
// viewer may not know of it. timeline also loads the timeline.
func (r *Reader) Get(ctx context.Context, viewer Viewer, id incident.ID, timeline bool) (*View, error) {
	var v *View
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if errors.Is(err, incident.ErrNotFound) || (err == nil && !viewer.sees(inc)) {
			return incident.NewProblem(incident.ErrNotFound, "id", "no_incident", "There is no incident %s.", id).With("id", id.String())
		}
		if err != nil {
			return err
		}
		v = r.view(inc)
		if err := errors.Join(v.loadTrouble(tx), v.hideRelatives(tx, viewer)); err != nil {
			return err
		}
		if timeline {
			v.Timeline, err = tx.Timeline(id, 0, 0)
			v.Timeline = slices.DeleteFunc(v.Timeline, v.aboutHidden)
			sortEvents(v.Timeline)
		}
		return err
	})
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

// mentioned are the people whom a notice names by their part in the incident.
func mentioned(v *View, n incident.Notice) []string {
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

// hideRelatives takes away the links to incidents of which the viewer may not
// know: not even their numbers are told.
func (v *View) hideRelatives(tx incident.Tx, viewer Viewer) error {
	hidden := func(id incident.ID) (bool, error) {
		if id == 0 {
			return false, nil
		}
		inc, err := tx.Incident(id)
		if err != nil {
			return false, err
		}
		return !viewer.sees(inc), nil
	}
	inc := v.Incident
	kept := inc.Children[:0]
	for _, c := range inc.Children {
		h, err := hidden(c.ID)
		if err != nil {
			return err
		}
		if h {
			v.hidden = append(v.hidden, c.ID.String())
			continue
		}
		kept = append(kept, c)
	}
	inc.Children = kept
	if inc.Link == nil {
		return nil
	}
	h, err := hidden(inc.Link.Parent)
	if h {
		v.hidden = append(v.hidden, inc.Link.Parent.String())
		inc.Link = nil
	}
	return err
}

// aboutHidden reports whether an event names an incident that is hidden.
func (v *View) aboutHidden(e incident.Event) bool {
	return slices.Contains(v.hidden, e.Data["child"]) || slices.Contains(v.hidden, e.Data["parent"])
}

func (v *View) loadTrouble(tx incident.Tx) error {
	all, err := tx.Effects(v.Incident.ID)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.State == incident.EffectDead || e.State == incident.EffectSkipped {
			v.Trouble = append(v.Trouble, e)
		}
	}
	return nil
}

func sortEvents(events []incident.Event) {
	slices.SortStableFunc(events, func(a, b incident.Event) int { return a.At.Compare(b.At) })
}

// Timeline returns the timeline of an incident by event time, oldest first.
func (r *Reader) Timeline(ctx context.Context, viewer Viewer, id incident.ID) ([]incident.Event, error) {
	v, err := r.Get(ctx, viewer, id, true)
	if err != nil {
		return nil, err
	}
	return v.Timeline, nil
}

// ByKey returns the incident to which a stored key belongs for good, such as
// incident.Ref.Key or ThreadKey; 0 where there is none.
func (r *Reader) ByKey(ctx context.Context, key string) (incident.ID, error) {
	var id incident.ID
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		v, err := tx.Key(key, true)
		if err != nil || v == "" {
			return err
		}
		id, err = incident.ParseID(v)
		return err
	})
	return id, err
}
