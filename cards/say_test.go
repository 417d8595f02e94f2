package cards

import (
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"
)

func TestSummary(t *testing.T) {
	noService := func(t testing.TB) *query.View {
		w := example.New(t)
		w.Facts.Service, w.Facts.Verdict = incident.ServiceInfo{}, incident.Verdict{Level: incident.Other}
		return w.Do(incident.Declare, ani, incident.Args{Title: "Odd [noise](https://evil.example) <at>all</at>"}).View()
	}
	tests := []struct {
		name, lang string
		v          *query.View
		want       string
	}{
		{"open", "en", opened(t).View(), "INC-42 DOWN Checkout, not acknowledged"},
		{"open", "id", opened(t).View(), "INC-42 MATI Checkout, belum di-ack"},
		{"acknowledged", "en", acked(t).View(), "INC-42 DOWN Checkout, Ani has it"},
		{"resolved", "en", resolved(t).View(), "INC-42 resolved: Checkout, RCA missing"},
		{"closed", "en", closed(t).View(), "INC-42 closed: Checkout"},
		{"private", "en", private(t), "INC-42 (private)"},
		{"private", "id", private(t), "INC-42 (privat)"},
		{"no service", "en", noService(t), "INC-42 ALERT Odd [noise] (https://evil.example) ‹at>all‹/at>, not acknowledged"},
		{"only the pager's service", "en", unknownService(t), "INC-42 ALERT legacy-ftp, not acknowledged"},
	}
	for _, tt := range tests {
		if got := Summary(tt.v, tt.lang); got != tt.want {
			t.Errorf("%s in %s: Summary() = %q, want %q", tt.name, tt.lang, got, tt.want)
		}
	}
}

func TestReply(t *testing.T) {
	d := incident.ReplyData{By: ani, Level: incident.ServiceDown, Person: budi, Text: "again\n<at>all</at>"}
	tests := []struct {
		reason, lang string
		v            *query.View
		want         string
	}{
		{incident.ReplyRaised, "en", opened(t).View(), "INC-42 raised to Service down by Ani: [prod] checkout_api is *down*: again ‹at>all‹/at>"},
		{incident.ReplyReopened, "id", opened(t).View(), "INC-42 dibuka lagi oleh Ani ([prod] checkout_api is *down*): again ‹at>all‹/at>"},
		{incident.ReplyCommander, "en", opened(t).View(), "INC-42: Budi_Santoso is commander now: again ‹at>all‹/at>"},
		{incident.ReplyResolved, "en", private(t), "INC-42 resolved by Ani (private)"},
	}
	for _, tt := range tests {
		d.Reason = tt.reason
		if got := Reply(tt.v, d, tt.lang); got != tt.want {
			t.Errorf("Reply(%s, %s) = %q, want %q", tt.reason, tt.lang, got, tt.want)
		}
	}
}

func TestEventText(t *testing.T) {
	e := func(kind incident.EventKind, text string, data ...string) incident.Event {
		ev := incident.Event{Kind: kind, Actor: ani, Text: text}
		for i := 0; i+1 < len(data); i += 2 {
			if ev.Data == nil {
				ev.Data = map[string]string{}
			}
			ev.Data[data[i]] = data[i+1]
		}
		return ev
	}
	bySystem := func(ev incident.Event) incident.Event {
		ev.Actor = incident.System
		return ev
	}
	vendorSays := e(incident.EvTriggered, "", "title", "x is down", "level", "service-down", "rule", "is down")
	vendorSays.Actor = example.PagerDuty
	tests := []struct {
		lang string
		e    incident.Event
		want string
	}{
		{"en", e(incident.EvDeclared, "since noon", "title", "x", "level", "other"), "Ani declared “x” (Other): since noon"},
		{"en", vendorSays, "PagerDuty reported “x is down” (Service down, by rule “is down”)"},
		{"en", e(incident.EvTriggered, "", "title", "x", "level", "other", "rule", ""), "Ani reported “x” (Other)"},
		{"en", e(incident.EvTriggered, ""), "Ani reports it again"},
		{"id", e(incident.EvResolved, "rolled back\nto 2.2"), "Ani menandai pulih: rolled back to 2.2"},
		{"en", e(incident.EvClosed, "", "why", "none_owed"), "Closed: no RCA is needed"},
		{"en", e(incident.EvLevel, "all fail", "from", "other", "to", "service-down"), "Ani changed the level from Other to Service down: all fail"},
		{"en", e(incident.EvLevel, "", "from", "other", "to", "custom", "rule", "r"), "Level changed from Other to custom by rule “r”"},
		{"en", e(incident.EvTime, "log says so", "time", "opened", "from", "2026-12-31T01:04:05Z", "to", "2026-12-31T01:00:00Z"), "Ani moved the time “opened” from 2026-12-31 01:04 to 2026-12-31 01:00: log says so"},
		{"id", e(incident.EvTime, "", "time", "detected", "to", "2026-12-31T01:00:00Z"), "Ani mengisi waktu “terdeteksi” menjadi 2026-12-31 01:00"},
		{"en", e(incident.EvAssigned, "", "role", "commander", "person", "Budi"), "Ani made Budi commander"},
		{"en", e(incident.EvRCASaved, "", "fields", "summary,root_cause"), "Ani saved the RCA draft: Summary, Root cause"},
		{"en", e(incident.EvActionAdded, "Fix it", "n", "1", "owner", "", "due", "2027-01-01"), "Ani added action 1: Fix it (due 2027-01-01)"},
		{"en", e(incident.EvNote, "look at {actor}"), "Ani: look at {actor}"},
		{"en", e(incident.EvChanged, "", "field", "priority", "from", "", "to", "P1"), "Ani set Priority to “P1”"},
		{"en", e(incident.EvLinked, "", "kind", "duplicate", "parent", "INC-1", "rule", "same key"), "Duplicate of INC-1: same key"},
		{"en", e(incident.EvLinked, "", "kind", "cascade", "parent", "INC-1", "rule", incident.RuleCalls), "Caused by INC-1: its service calls the other one"},
		{"en", e(incident.EvLinked, "", "kind", "duplicate", "parent", "INC-1", "rule", incident.RuleMerged), "Duplicate of INC-1: merged in PagerDuty"},
		{"id", e(incident.EvLinked, "", "kind", "duplicate", "parent", "INC-1", "rule", incident.RulePerson), "Ani mengaitkannya dengan INC-1 (duplikat)"},
		{"en", e(incident.EvUnlinked, "another disk", "kind", "duplicate", "parent", "INC-1", "rule", incident.RuleTitle), "Ani says: not related to INC-1: another disk"},
		{"en", bySystem(e(incident.EvUnlinked, "", "kind", "cascade", "parent", "INC-1", "rule", incident.RuleCalls)), "Not caused by INC-1 any more"},
		{"en", e(incident.EvChild, "", "kind", "cascade", "child", "INC-9"), "INC-9 is caused by this"},
		{"en", e(incident.EvChildGone, "", "kind", "cascade", "child", "INC-9"), "INC-9 is not linked to this any more"},
		{"en", e(incident.EvPromoted, "", "kind", "duplicate", "parent", "INC-1", "rule", "title"), "Outlived INC-1: an incident of its own now"},
		{"en", e(incident.EvFollowed, "", "to", "open"), "Open again with what is linked to it"},
		{"id", e(incident.EvFollowed, "", "to", "resolved"), "Pulih bersama insiden yang terkait"},
		{"en", e(incident.EvUndone, "", "from", "INC-1", "parent", "INC-2"), "Ani took back the last correction of its link"},
		{"en", e(incident.EvFlapping, "", "n", "5"), "Flapping: opened 5 times"},
		{"en", e(incident.EvPaused, "", "until", "2026-12-31T01:09:05Z"), "Not shown before 2026-12-31 01:09: it usually resolves itself"},
		{"en", e(incident.EvMuted, "an upgrade", "target", "checkout", "by", "Budi", "until", "2026-12-31T03:00:00Z"), "Kept quiet: checkout is muted until 2026-12-31 03:00, by Budi: an upgrade"},
		{"id", e(incident.EvMajor, "", "first", "INC-40"), "Bagian dari rentetan yang dimulai dengan INC-40"},
		{"en", e(incident.EvImported, ""), "Taken from the pager's history"},
		{"en", e(incident.EvAttached, "", "system", "teams", "role", "card"), "Card posted in Teams"},
		{"en", e(incident.EvFailed, "403", "effect", "pagerduty.ack"), "Could not acknowledge it in PagerDuty: 403"},
		{"en", e(incident.EvResponders, "", "people", ""), "Nobody is on call for it any more"},
		{"en", e("unheard_of", "text"), "unheard_of: text"},
	}
	for _, tt := range tests {
		if got := EventText(tt.e, tt.lang, time.UTC); got != tt.want {
			t.Errorf("EventText(%s, %s) = %q, want %q", tt.e.Kind, tt.lang, got, tt.want)
		}
	}
	// What the rules write leaves no hole.
	for _, w := range []*example.World{closed(t).Action("x", "", nil), acked(t).Do(incident.Unack, ani, incident.Args{}).Do(incident.Assign, ani, incident.Args{Person: &budi})} {
		for _, ev := range w.Log {
			for _, lang := range []string{"en", "id"} {
				if s := EventText(ev, lang, time.UTC); strings.ContainsAny(s, "{}") || s == string(ev.Kind) {
					t.Errorf("EventText(%s, %s) = %q", ev.Kind, lang, s)
				}
			}
		}
	}
}

func TestHint(t *testing.T) {
	tests := []struct {
		o    Options
		want string
	}{
		{Options{Place: Personal, BotName: "imbot"}, "ack INC-42"},
		{Options{Place: Channel, BotName: "imbot"}, "@imbot ack INC-42"},
		{Options{Place: GroupChat, BotName: "Incident Bot"}, "@Incident Bot ack INC-42"},
		{Options{}, "@imbot ack INC-42"},
		{Options{Place: Channel, Slash: true}, "/incident ack INC-42"},
		{Options{Place: Personal, Slash: true}, "ack INC-42"}, // where Teams has no slash commands
	}
	for _, tt := range tests {
		if got := tt.o.Hint("ack INC-42"); got != tt.want {
			t.Errorf("%+v: Hint = %q, want %q", tt.o, got, tt.want)
		}
	}
}

// TestPrivate: a channel learns nothing of a private incident but its number.
func TestPrivate(t *testing.T) {
	v := private(t)
	v.Incident.Postmortem.RCA.Summary = "Who told the researcher?"
	for _, place := range []string{"", Channel} {
		o := Options{Place: place}
		for name, c := range map[string]Card{
			"incident": Incident(v, o), "list": List(query.Page{Incidents: []*query.View{v}}, "", o), "note": NoteForm(v, nil, nil, o), "rca": RCAForm(v, 1, nil, nil, o),
		} {
			raw, err := c.JSON()
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"Customer", "bucket", "researcher", "Ani"} {
				if strings.Contains(string(raw), secret) {
					t.Errorf("%s in %q says %q: %s", name, place, secret, raw)
				}
			}
		}
	}
	raw, err := Incident(v, Options{Place: Personal}).JSON()
	if err != nil || !strings.Contains(string(raw), "public bucket") {
		t.Errorf("members do not see it: %s, %v", raw, err)
	}
	raw, err = RCAForm(v, 1, nil, nil, Options{Place: Channel, InDialog: true}).JSON()
	if err != nil || !strings.Contains(string(raw), "researcher") {
		t.Errorf("the dialog of a member lacks the draft: %s, %v", raw, err)
	}
	if strings.Contains(Incident(v, Options{Place: Personal}).FallbackText, "bucket") {
		t.Error("the preview names it")
	}
}

func TestRCASteps(t *testing.T) {
	seen := map[string]bool{}
	for step := 1; step <= RCASteps; step++ {
		fields := RCAFields(step)
		if len(fields) == 0 || len(fields) > 4 {
			t.Errorf("step %d has %d fields", step, len(fields))
		}
		for _, f := range fields {
			if seen[f] || RCAStepOf(f) != step {
				t.Errorf("%s: twice, or RCAStepOf = %d, want %d", f, RCAStepOf(f), step)
			}
			seen[f] = true
		}
	}
	for _, f := range append([]string{"summary", "impact", "detection", "root_cause", "category", "five_whys", "contributing_factors", "resolution_steps", "lessons"}, incident.RequiredRCA...) {
		if !seen[f] {
			t.Errorf("no step asks for %s", f)
		}
	}
	for f, name := range RCATimes {
		if !seen[f] || !strings.HasPrefix(f, name) {
			t.Errorf("time %s, %s", f, name)
		}
	}
	if RCAFields(0) != nil || RCAFields(4) != nil || RCAStepOf("x") != 1 {
		t.Error("steps that are none")
	}
}
