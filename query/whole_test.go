package query_test

import (
	"errors"
	"testing"

	"imbot/incident"
	"imbot/query"
)

// TestWhole: a document has all children and what is linked to them, as far as
// the viewer may know of it.
func TestWhole(t *testing.T) {
	l := family(t)
	l.put(
		incident.Incident{
			ID: 6, Title: "child 6", Level: incident.HighErrorRate, Service: "checkout", Life: opened(at(6)),
			Link:     &incident.Link{Kind: incident.LinkCascade, Parent: 1, Rule: incident.RuleCalls},
			Children: []incident.Child{{ID: 20, Kind: incident.LinkDuplicate}, {ID: 21, Kind: incident.LinkDuplicate}},
		},
		incident.Incident{ID: 20, Title: "again", Level: incident.HighErrorRate, Life: opened(at(7)), Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 6}},
		incident.Incident{ID: 21, Title: "secret", Level: incident.HighErrorRate, Life: opened(at(8)), Private: true, Members: []incident.Actor{dewi}, Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 6}},
	)
	for _, tt := range []struct {
		name, children, below string
		events                int
		v                     query.Viewer
	}{
		{"member", "INC-4 INC-6 INC-7 INC-2 INC-3 INC-5 INC-8", "INC-20 INC-21", 7, member(dewi)},
		{"everybody", "INC-6 INC-7 INC-2 INC-5 INC-8", "INC-20", 3, query.Everybody},
	} {
		v, err := l.Whole(ctx, tt.v, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(v.Children); got != tt.children || names(v.Below[6]) != tt.below || len(v.Below) != 1 || len(v.Timeline) != tt.events {
			t.Errorf("%s: children %s, below %v, %d events", tt.name, got, v.Below, len(v.Timeline))
		}
	}
	if _, err := l.Whole(ctx, query.Everybody, 9); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("a private incident: %v", err)
	}
}
