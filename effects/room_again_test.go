package effects_test

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
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
