package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// words name services of the rig, one for each incident of the outage: incidents
// of one service would be duplicates.
var words = []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima"}

func serviceOf(word string) string { return "P" + strings.ToUpper(word) }

// TestConnectorOutage: Teams' connector fails in every way for ten minutes.
// Afterwards each incident's card shows its last state, and was posted once.
func TestConnectorOutage(t *testing.T) {
	r := newRig(t, "")
	welcomes := r.teams.PostCount(r.channel)
	var calls atomic.Int64
	r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		switch calls.Add(1) % 5 {
		case 0:
			return botframeworksim.AnswerAfter(429, 20*time.Second)
		case 1:
			return botframeworksim.Answer(503)
		case 2:
			return botframeworksim.Answer(412)
		case 3:
			return botframeworksim.Hang()
		}
		return botframeworksim.Answer(502)
	})
	ids := map[string]string{}
	for _, w := range words {
		r.pd.AddService(pagerdutysim.Service{ID: serviceOf(w), Name: "Checkout " + w})
		ids[w] = r.pd.Trigger(pagerdutysim.Spec{Title: "Checkout " + w + " is down", Service: serviceOf(w), Assignee: "PBUDI"}).ID
		r.pd.Deliver(t.Context())
	}
	r.settle(3 * time.Minute)
	for i, w := range words {
		if i%3 > 0 {
			must(t, r.pd.Acknowledge(ids[w], "PBUDI"))
		}
	}
	r.settle(3 * time.Minute)
	for i, w := range words {
		if i%3 > 1 {
			must(t, r.pd.Resolve(ids[w], "PBUDI"))
		}
	}
	r.settle(4 * time.Minute)
	if n := r.teams.PostCount(r.channel) - welcomes; n != 0 {
		t.Fatalf("%d posts during the outage, want none", n)
	}
	r.teams.Fault(nil)
	r.settle(time.Hour)

	posts := r.teams.Posts(r.channel)
	for i, w := range words {
		var cards []botframeworksim.Post
		for _, p := range posts {
			if p.Card() != nil && strings.Contains(p.Activity.Summary, "Checkout "+w) {
				cards = append(cards, p)
			}
		}
		if len(cards) != 1 {
			t.Errorf("%s: %d cards, want 1", w, len(cards))
			continue
		}
		want := []string{"not acknowledged", "Budi has it", "resolved"}[i%3]
		if got := cards[0].Activity.Summary; !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("%s: the card says %q, want %q", w, got, want)
		}
	}
	if _, body := r.get("/api/v1/incidents?limit=50"); strings.Count(body, `"id":"INC-`) != len(words) {
		t.Errorf("the API lists other incidents than the %d: %s", len(words), body)
	}
	t.Logf("%d calls met the outage; %d posts, %d updates", calls.Load(), r.teams.PostCount(r.channel), r.teams.UpdateCount(r.channel))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
