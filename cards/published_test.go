package cards

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
)

// TestPublishedLink: a card leads to our own page, and where there is none to the
// one in Confluence; a private one only asks to delete that.
func TestPublishedLink(t *testing.T) {
	const page = "https://example.atlassian.net/wiki/spaces/OPS/pages/7"
	w := resolved(t)
	w.Inc.Refs = append(w.Inc.Refs, incident.Ref{System: incident.SourceConfluence, Role: incident.RolePage, ID: "7", URL: page})
	say := func(o Options, change func()) string {
		change()
		v := w.View()
		if o.Place == GroupChat {
			v.Page = ""
		}
		b, err := Incident(v, o).JSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if s := say(Options{}, func() {}); strings.Contains(s, page) || !strings.Contains(s, "https://imbot.example.com/incidents/INC-42") {
		t.Errorf("with our own page: %s", s)
	}
	if s := say(Options{Place: GroupChat}, func() {}); !strings.Contains(s, "[Postmortem]("+page+")") {
		t.Errorf("without: %s", s)
	}
	private := func() { w.Inc.Private = true }
	if s := say(Options{Place: Personal}, private); !strings.Contains(s, "delete it there by hand, and from the trash: [Confluence]("+page+")") {
		t.Errorf("private: %s", s)
	}
	if s := say(Options{Place: Channel}, private); strings.Contains(s, page) {
		t.Errorf("private, in a channel: %s", s)
	}
}

// TestPublishedText: what the timeline says of the page.
func TestPublishedText(t *testing.T) {
	for how, want := range map[string]string{"": "The postmortem's page is in Confluence", "exposed": "Private now, but the postmortem's page is still in Confluence, where others can read it: delete it there by hand (https://x.example/7)"} {
		e := incident.Event{Kind: incident.EvPublished, Data: map[string]string{"url": "https://x.example/7", "how": how}}
		if got := EventText(e, "en", time.UTC); got != want {
			t.Errorf("%q: %q, want %q", how, got, want)
		}
	}
}
