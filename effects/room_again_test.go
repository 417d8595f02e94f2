package effects_test

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/graph/graphsim"
)

// TestLookUpAgain: somebody whom imbot was not allowed to look up is added soon
// after that was mended.
func TestLookUpAgain(t *testing.T) {
	r := newRooms(t, roomConfig{})
	f := graphFaults["403"]
	f.Method, f.Path, f.Times = "GET", "/users/dewi@example.com", 1
	r.graph.Inject(f)
	id := r.down("checkout")
	r.settle(time.Minute)
	if got := names(r.room(id), incident.PersonMissing); !strings.Contains(got, "dewi") {
		t.Fatalf("missing: %s", got)
	}
	r.advance(time.Minute)
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}})
	r.settle(time.Minute)
	if got := names(r.room(id), incident.PersonIn); !strings.Contains(got, "dewi") {
		t.Errorf("in: %s", got)
	}
}

// TestAppUploadedAnew: whoever takes imbot's app package out of the catalog, and
// uploads it again, gives it another id there. The next room has imbot all the
// same.
func TestAppUploadedAnew(t *testing.T) {
	r := newRooms(t, roomConfig{})
	first := r.down("checkout")
	r.settle(time.Minute)
	if !r.room(first).Ready {
		t.Fatalf("room %+v", r.room(first))
	}
	r.graph.RemoveApp(manifestID)
	app := graphsim.App{ExternalID: manifestID, Name: "imbot", Version: "1.0.0"}
	for _, p := range consent {
		app.Permissions = append(app.Permissions, graphsim.Permission{Name: p.Name})
	}
	r.graph.PutApp(app)
	second := r.down("db")
	r.settle(time.Minute)
	if room := r.room(second); room.State != incident.RoomOpen || !room.Ready {
		t.Errorf("room %+v", room)
	}
}
