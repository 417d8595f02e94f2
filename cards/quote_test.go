package cards

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/internal/example"
)

// overheard is a message in Teams that is none of ours.
var overheard = Quote{
	ID: "1798679045000", Text: "Checkout is *down* again\nsee [this](https://evil.example) {{DATE(x)}}", Author: "Budi_<at>Santoso</at>",
	At: t0, Link: "https://teams.microsoft.com/l/message/19:payments@thread.tacv2/1798679045000", Files: []string{"graph.png", "log](x).txt"},
}

func init() {
	services := []Choice{{"Checkout", "checkout"}, {"Payments DB", "payments-db"}}
	recent := []Choice{{"INC-42 checkout is down", "INC-42"}, {"INC-41 search is slow", "INC-41"}}
	samples = append(samples, []sample{
		{"declare-from", nil, func(_ testing.TB, o Options) Card { return DeclareFrom(overheard, nil, nil, services, o) }},
		{"declare-from-errors", nil, func(_ testing.TB, o Options) Card {
			return DeclareFrom(overheard, map[string]string{"title": "", "description": "typed"}, map[string]string{"title": "Say what is wrong."}, services, o)
		}},
		{"timeline", nil, func(_ testing.TB, o Options) Card { return TimelineForm(overheard, nil, nil, recent, o) }},
		{"timeline-errors", nil, func(_ testing.TB, o Options) Card {
			return TimelineForm(Quote{ID: "1"}, map[string]string{"incident_other": "x"}, map[string]string{"incident_other": "There is none."}, nil, o)
		}},
		{"found", nil, func(t testing.TB, o Options) Card { return Found(acked(t).View(), t0.Add(time.Hour), o) }},
		{"found-private", everywhere, func(t testing.TB, o Options) Card { return Found(private(t), t0, o) }},
		{"unfurl", nil, func(t testing.TB, o Options) Card { return Unfurl(opened(t).View(), o) }},
		{"declared", nil, func(t testing.TB, o Options) Card {
			o.InDialog = true
			return Declared(opened(t).View(), o)
		}},
		{"times", nil, func(t testing.TB, o Options) Card {
			w := resolved(t).Do(incident.SetTime, ani, incident.Args{Time: "detected", Value: t0.Add(-time.Minute)})
			o.Location = time.FixedZone("Asia/Jakarta", 7*3600)
			return TimesForm(w.View(), map[string]string{"mitigated_at": "soon"}, map[string]string{"mitigated_at": "Not a time."}, o)
		}},
		{"help-thread", nil, func(_ testing.TB, o Options) Card {
			o.About, o.Dialogs = 42, true
			return Help(commands.Help(commands.Env{Prefix: o.Hint("")})[3:6], o)
		}},
	}...)
}

// TestUnfurl: a link's card is of a version that Teams takes for links, has no
// state, and says nothing of what is private.
func TestUnfurl(t *testing.T) {
	for _, w := range []*example.World{opened(t), acked(t), resolved(t), closed(t)} {
		v := w.View()
		raw, err := Unfurl(v, Options{}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		var c struct{ Version string }
		if err := json.Unmarshal(raw, &c); err != nil || c.Version != "1.3" {
			t.Errorf("version %q, %v", c.Version, err)
		}
		for _, bad := range []string{"Action.Execute", "Action.Submit", "OPEN", "RESOLVED", "CLOSED", `"style":"heading"`, "Ani"} {
			if strings.Contains(string(raw), bad) {
				t.Errorf("a %s incident unfurls with %s: %s", v.Incident.Status, bad, raw)
			}
		}
		v.URL = ""
		if first, _ := Unfurl(opened(t).View(), Options{}).JSON(); v.Page != "" && !strings.Contains(string(first), "INC-42") {
			t.Errorf("no id: %s", first)
		}
	}
	v := private(t)
	raw, err := Unfurl(v, Options{Place: Personal}).JSON()
	if err != nil || strings.Contains(string(raw), v.Incident.Title) {
		t.Errorf("a private one: %s, %v", raw, err)
	}
	for _, place := range everywhere {
		p := UnfurlPreview(v, Options{Place: place})
		if place != Personal && strings.Contains(p.Title+p.Text, v.Incident.Title) {
			t.Errorf("its preview in %s: %+v", place, p)
		}
	}
}

func TestPreviews(t *testing.T) {
	v := acked(t).View()
	p := FoundPreview(v, Options{})
	if p.Title != "INC-42 [prod] checkout_api is *down*" || !strings.HasPrefix(p.Text, "OPEN · ") {
		t.Errorf("a result's preview: %+v", p)
	}
	if u := UnfurlPreview(v, Options{Lang: "id"}); strings.Contains(u.Text, "TERBUKA") || !strings.Contains(u.Text, "2026-12-31 01:04 UTC") {
		t.Errorf("a link's preview: %+v", u)
	}
}

// TestQuotesFit: whatever a message holds, its dialogs fit a message.
func TestQuotesFit(t *testing.T) {
	for _, s := range worst {
		v := stuffed(t, s)
		long := full(s, incident.MaxText)
		var many []Choice
		for i := range 1500 {
			many = append(many, Choice{Title: full(s, 255), Value: fmt.Sprint("INC-", i)})
		}
		q := Quote{ID: full("7", 200), Text: long, Author: long, At: t0, Link: "https://teams.microsoft.com/l/message/" + full("x", 900), Files: []string{long, long}}
		typed := map[string]string{}
		for _, f := range []string{"title", "description", "service", "service_other", "incident_pick", "incident_other", "impact_started_at", "detected_at", "mitigated_at", "reason"} {
			typed[f] = long
		}
		for name, c := range map[string]Card{
			"declare": DeclareFrom(q, nil, typed, many, Options{}), "declare again": DeclareFrom(q, typed, typed, many, Options{}),
			"timeline": TimelineForm(q, typed, typed, many, Options{}), "times": TimesForm(v, typed, typed, Options{}),
			"found": Found(v, t0, Options{}), "unfurl": Unfurl(v, Options{}), "declared": Declared(v, Options{}),
		} {
			if _, err := c.JSON(); err != nil {
				t.Errorf("%s full of %q: %v", name, s, err)
			}
		}
	}
}

func TestNoteTexts(t *testing.T) {
	e := incident.Event{Kind: incident.EvNote, Actor: ani, Text: "restarted", Data: map[string]string{"message": "1", "author": "Budi"}}
	for change, want := range map[string]string{
		"": "Ani added a message by Budi: restarted", "edited": "Budi edited a message that stands on this timeline: restarted",
		"deleted": "Budi deleted a message that stands on this timeline", "restored": "Budi brought a deleted message back: restarted", "unheard": "Ani added a message by Budi: restarted",
	} {
		e.Data["change"] = change
		e.Text = "restarted"
		if change == "deleted" {
			e.Text = ""
		}
		if got := EventText(e, "en", time.UTC); got != want {
			t.Errorf("%q: %q, want %q", change, got, want)
		}
	}
}
