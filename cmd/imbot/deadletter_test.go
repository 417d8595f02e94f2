package main

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// TestDeadLetter: what PagerDuty refuses for good is shown on the incident's
// card, without another change, and its button runs it again.
func TestDeadLetter(t *testing.T) {
	r := newRig(t, "")
	id := r.trigger("Checkout is down")
	r.settle(time.Hour)
	r.pd.Inject(pagerdutysim.Fault{Method: "PUT", Times: 1, Status: 403})
	r.say(r.budi, r.channel, "ack 1")
	r.settle(time.Hour)
	card := func() botframeworksim.Post {
		for _, p := range r.teams.Posts(r.channel) {
			if p.Card() != nil {
				return p
			}
		}
		t.Fatal("no card")
		return botframeworksim.Post{}
	}
	if st, err := r.pd.State(id); err != nil || st.Status != "triggered" {
		t.Fatalf("in PagerDuty it is %s, %v", st.Status, err)
	}
	if c := card(); !c.Contains("Not everything worked") || !c.Contains("acknowledge it in PagerDuty") {
		t.Fatalf("the card says %s", c.Card())
	}
	if _, err := r.teams.Click(t.Context(), r.budi, r.channel, card().ID, botframeworksim.Press{Verb: "retry"}); err != nil {
		t.Fatal(err)
	}
	r.settle(time.Hour)
	if st, err := r.pd.State(id); err != nil || st.Status != "acknowledged" {
		t.Errorf("after the retry it is %s in PagerDuty, %v", st.Status, err)
	}
	if c := card(); c.Contains("Not everything worked") {
		t.Errorf("the card still says %s", c.Card())
	}
	var states []incident.EffectState
	if err := r.app.store.View(t.Context(), func(tx incident.Tx) error {
		var err error
		states, err = tx.Effects(1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		off := s.State == incident.EffectSkipped && strings.HasSuffix(s.Error, " off") // a section that is not there
		if s.State != incident.EffectDone && !off && s.Kind != incident.KindNudge {
			t.Errorf("%s is %s: %s", s.Key, s.State, s.Error)
		}
	}
}
