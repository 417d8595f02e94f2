package query

import (
	"context"

	"imbot/incident"
)

// maxWhole bounds the children that Whole brings along.
const maxWhole = 50

// Whole returns one incident with all that a document about it says: Get with
// the timeline, up to maxWhole children and what is linked to those, and similar
// incidents even where it is closed. It returns incident.ErrNotFound as Get does.
func (r *Reader) Whole(ctx context.Context, viewer Viewer, id incident.ID) (*View, error) {
	v, err := r.Get(ctx, viewer, id, true)
	if err != nil {
		return nil, err
	}
	err = r.Store.View(ctx, func(tx incident.Tx) error {
		s := r.sight(tx, viewer)
		var err error
		if v.Children, err = s.children(v.Incident, 0, maxWhole); err != nil {
			return err
		}
		v.Below = map[incident.ID][]Related{}
		for _, c := range v.Children {
			if err := s.below(v, c.ID); err != nil {
				return err
			}
		}
		if l := v.Incident.Link; len(v.Similar) > 0 || (l != nil && l.Kind == incident.LinkDuplicate) {
			return nil
		}
		v.Similar, err = s.indexed(v.Incident, maxSimilarOnCard)
		return err
	})
	return v, err
}

// below loads what is linked to a child.
func (s *sight) below(v *View, id incident.ID) error {
	child, err := s.load(id)
	if err != nil || child == nil {
		return err
	}
	if err := s.hide(child); err != nil {
		return err
	}
	list, err := s.children(child, 0, MaxRelated)
	if err == nil && len(list) > 0 {
		v.Below[id] = list
	}
	return err
}
