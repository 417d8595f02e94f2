package main

import (
	"strings"
	"testing"
	"time"
)

// TestNamesFromTeams: people of whom the catalog, or whoever writes, tells the
// address only are shown as Teams calls them.
func TestNamesFromTeams(t *testing.T) {
	r := newRig(t, "")
	r.say(r.ani, r.channel, "list")
	r.say(r.budi, r.channel, "declare checkout is down service:checkout level:service-down")
	r.settle(time.Minute)
	r.say(r.budi, r.channel, "action add 1 \"look at the pool\" owner:ani@example.com")
	r.say(r.budi, r.channel, "resolve 1")
	r.settle(time.Minute)
	if card := r.card(r.channel); !card.Contains("Ani owns the service") || card.Contains("ani@example.com") {
		t.Errorf("the card is %s", card.Card())
	}
	if _, body := r.get("/api/v1/incidents/1/timeline"); !strings.Contains(body, `"owner":"Ani"`) {
		t.Errorf("the timeline is %s", body)
	}
}
