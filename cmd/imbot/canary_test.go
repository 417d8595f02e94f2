package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/integrations/botframework/botframeworksim"
)

// TestPrivateCanary: an incident is declared private, with a secret word in each
// of its texts, and lives its whole life. No byte to a channel, to somebody who
// is not a member, to PagerDuty, to the log, the metrics or the API carries it.
func TestPrivateCanary(t *testing.T) {
	const word = "xylophone"
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		t.Errorf("another system was told: %s", body) // there is nothing else to tell of
	}))
	defer other.Close()
	r := newRig(t, "hooks: [{name: other, url: \""+other.URL+"\", secret: 0123456789abcdef, allow_private: true}]\nlevels:\n  - {key: security, title: Security, rank: 1, postmortem: true, private: true}\n  - {key: other, title: Other, rank: 9}\nrules: []\n")
	ani := r.teams.Personal(r.ani)
	for _, text := range []string{
		`declare "Leak of ` + word + ` keys" service:checkout private:true`,
		"ack 1",
		"note 1 " + word + " was seen in a public repository",
		"member 1 add budi@example.com",
		"level 1 security " + word,
		"action 1 add Rotate " + word + " keys",
		"assign 1 me",
		"resolve 1 " + word + " keys revoked",
		"reopen 1 " + word + " again",
		"resolve 1",
		"close 1 waive:" + word,
		"show 1", "list",
	} {
		r.say(r.ani, ani, text)
		r.settle(time.Minute)
	}
	// Somebody else tries, in a 1:1 chat and in the channel; a member tries in the channel.
	eko := r.teams.Personal(r.eko)
	for _, text := range []string{"show 1", "list", "ack 1", "note 1 hello", "rca 1", "member 1 add eko@example.com", "similar 1", "unlink 1", "undo 1", "link 1 caused-by 2"} {
		r.say(r.eko, eko, text)
		r.say(r.eko, r.channel, text)
		r.say(r.ani, r.channel, text)
		r.settle(time.Minute)
	}
	r.say(r.ani, r.channel, "declare "+word+" private:true")
	r.settle(time.Hour)

	if !mentions(r, ani, word) || !mentions(r, r.teams.Personal(r.budi), word) {
		t.Error("the members were not told: the test proves nothing")
	}
	for _, c := range r.teams.Calls() {
		if c.ConversationID != ani && c.ConversationID != r.teams.Personal(r.budi) && holds(c.Body, word) {
			t.Errorf("%s to %s carries the word: %s", c.Op, c.ConversationID, c.Body)
		}
	}
	if bytes.Contains(r.pd.Dump(), []byte(word)) {
		t.Error("PagerDuty was told")
	}
	for _, path := range []string{"/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/incidents/1/timeline", "/api/v1/incidents?q=" + word, "/api/v1/incidents/1/similar", "/api/v1/labels.csv", "/api/v1/stats/links", "/api/v1/mutes", "/metrics", "/readyz"} {
		if _, body := r.get(path); strings.Contains(body, word) {
			t.Errorf("GET %s carries the word: %s", path, body)
		}
	}
	if code, _ := r.get("/api/v1/incidents/1"); code != 404 {
		t.Errorf("GET of the private incident: %d, want 404", code)
	}
	if strings.Contains(r.log.String(), word) {
		t.Error("the log carries the word")
	}
}

func mentions(r *rig, conv, word string) bool {
	for _, p := range r.teams.Posts(conv) {
		if p.Contains(word) {
			return true
		}
	}
	return false
}

// holds looks through JSON escapes too.
func holds(body []byte, word string) bool {
	var v any
	if json.Unmarshal(body, &v) == nil {
		if plain, err := json.Marshal(v); err == nil {
			body = plain
		}
	}
	return bytes.Contains(bytes.ToLower(body), []byte(word))
}

// TestLostAnswer: Teams posts the card, and the answer is lost. The card may
// stand twice then, no more, and that is counted.
func TestLostAnswer(t *testing.T) {
	r := newRig(t, "reminders: {update: {service-down: 0s}}\n") // those are cards, too
	var lost atomic.Bool
	r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
		if c.Op == "send" && lost.CompareAndSwap(false, true) {
			return botframeworksim.LoseAnswer()
		}
		return botframeworksim.Pass()
	})
	id := r.trigger("Checkout is down")
	r.settle(time.Hour)
	must(t, r.pd.Acknowledge(id, "PBUDI"))
	r.settle(time.Hour)
	var posts []botframeworksim.Post
	for _, p := range r.teams.Posts(r.channel) {
		if p.Card() != nil {
			posts = append(posts, p)
		}
	}
	if len(posts) != 2 {
		t.Fatalf("%d posts, want the lost one and its successor", len(posts))
	}
	if got := posts[1].Activity.Summary; !strings.Contains(got, "Budi") {
		t.Errorf("the second card says %q: it is the one that is kept up to date", got)
	}
	if _, body := r.get("/metrics"); !strings.Contains(body, "imbot_teams_posts_repeated_total 1\n") {
		t.Error("the possible duplicate was not counted once")
	}
}
