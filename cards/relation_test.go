package cards

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// other is what is shown of another incident.
func other(id incident.ID, title string, level incident.Level, status incident.Status) query.Related {
	return query.Related{ID: id, Title: title, Status: status, Level: level, Service: "Payments DB", OpenedAt: t0.Add(-time.Minute)}
}

var (
	down  = incident.DefaultLevels()[0]
	slow  = incident.DefaultLevels()[2]
	calls = incident.Link{
		Kind: incident.LinkCascade, Parent: 41, Rule: incident.RuleCalls, Confidence: .93, By: incident.System, At: t0, Began: t0.Add(-2 * time.Minute),
		Evidence: []string{"checkout → payments-db, edge last seen 12m before"},
		Path: []incident.Via{
			{From: "checkout", To: "payments_api", Source: "newrelic", SeenAt: t0.Add(-12 * time.Minute)},
			{From: "payments_api", To: "payments-db", Source: "catalog"},
		},
	}
)

// consequence is an incident that another one has caused.
func consequence(t testing.TB) *query.View {
	v := opened(t).View()
	l := calls
	v.Incident.Link = &l
	p := other(41, "[x](https://evil.example) payments-db is *down* <at>all</at>", down, incident.Open)
	v.Parent = &p
	return v
}

// corrected is what a person has said to be no consequence.
func corrected(t testing.TB) *query.View {
	v := opened(t).View()
	was := calls
	v.Incident.Link, v.Incident.LinkFixed = nil, true
	v.Incident.LinkWas = &incident.LinkWas{Link: &was, By: ani, At: t0.Add(time.Minute)}
	return v
}

// saidSo is a duplicate by the word of a person.
func saidSo(t testing.TB) *query.View {
	v := opened(t).View()
	v.Incident.Link = &incident.Link{Kind: incident.LinkDuplicate, Parent: 41, Rule: incident.RulePerson, Confidence: 1, By: budi, At: t0}
	v.Incident.LinkFixed, v.Incident.LinkWas = true, &incident.LinkWas{By: budi, At: t0}
	p := other(41, "payments-db is down", down, incident.Resolved)
	v.Parent = &p
	return v
}

// withChildren is an incident to which many are linked.
func withChildren(t testing.TB, n int) *query.View {
	v := opened(t).View()
	for i := range n {
		c := incident.Child{ID: incident.ID(43 + i), Kind: incident.LinkDuplicate}
		l := incident.Link{Kind: c.Kind, Parent: 42, Rule: incident.RuleTrouble, Confidence: .85, By: incident.System}
		if i%2 == 0 {
			c.Kind = incident.LinkCascade
			l = calls
			l.Parent = 42
		}
		v.Incident.Children = append(v.Incident.Children, c)
		if len(v.Children) < query.MaxRelated {
			r := other(c.ID, fmt.Sprintf("search %d is slow for [everybody](https://evil.example) in every zone of every region of the world", i), slow, incident.Open)
			r.Link = &l
			v.Children = append(v.Children, r)
		}
	}
	return v
}

// repeating is an incident about which much is special.
func repeating(t testing.TB) *query.View {
	v := acked(t).View()
	inc := v.Incident
	inc.Openings, inc.Recurrences, inc.Major = 5, 3, 40
	inc.NoticeGap, inc.PausedUntil = incident.GapPaused, t0.Add(time.Hour)
	v.BurstSize = 4
	for i := range 3 {
		v.Burst = append(v.Burst, other(incident.ID(40+i-i/2), fmt.Sprint("burst *", i), down, incident.Open))
	}
	v.Similar = earlierOnes()
	return v
}

func earlierOnes() []query.Similar {
	return []query.Similar{
		{Related: other(12, "checkout_api is *down*", down, incident.Closed), Same: true, ResolvedAt: t0.Add(-48 * time.Hour), Lasted: 72 * time.Minute, Cause: "A leak in [pool](https://evil.example)", Fix: "1. rolled back 2. raised <at>all</at>"},
		{Related: other(7, "checkout is slow", slow, incident.Closed), ResolvedAt: t0.Add(-96 * time.Hour), Lasted: time.Minute},
	}
}

func muted(t testing.TB) *query.View {
	v := opened(t).View()
	v.Incident.NoticeGap, v.Incident.Maintenance = incident.GapMaintenance, "Budi: upgrade"
	v.Muted = &query.Muted{Name: "Checkout", Mute: incident.Mute{Service: "checkout", From: t0.Add(-time.Hour), Until: t0.Add(time.Hour), Reason: "upgrade of *everything*", By: budi}}
	return v
}

func imported(t testing.TB) *query.View {
	v := closed(t).View()
	v.Incident.Imported, v.Incident.NoticeGap = true, incident.GapImported
	return v
}

var figures = query.LinkFigures{
	Since: t0.Add(-90 * 24 * time.Hour),
	Rules: []incident.RuleStats{
		{Rule: incident.RuleAlertKey, Made: 120},
		{Rule: incident.RuleTitle, Made: 8, Wrong: 1},
		{Rule: incident.RuleTrouble, Made: 3, Wrong: 1, Missed: 2},
		{Rule: incident.RuleCalls, Made: 0, Missed: 1},
		{Rule: incident.RuleMerged, Made: 4},
	},
	Kinds: []query.KindFigures{{Kind: incident.LinkDuplicate, Right: 129, Missed: 2}, {Kind: incident.LinkCascade, Missed: 0}},
}

func init() {
	samples = append(samples, []sample{
		{"incident-consequence", nil, show(consequence)},
		{"incident-corrected", nil, show(corrected)},
		{"incident-said", nil, show(saidSo)},
		{"incident-children", nil, func(t testing.TB, o Options) Card { return Incident(withChildren(t, 7), o) }},
		{"incident-repeating", nil, show(repeating)},
		{"incident-muted", nil, show(muted)},
		{"incident-imported", nil, show(imported)},
		{"relatives", nil, func(t testing.TB, o Options) Card {
			v := withChildren(t, 300)
			return Relatives(v, v.Children, 10, 43, "INC-43 is not related to INC-42: noted.", o)
		}},
		{"relatives-none", nil, func(t testing.TB, o Options) Card { return Relatives(opened(t).View(), nil, 0, 0, "", o) }},
		{"similar", nil, func(t testing.TB, o Options) Card { return Similar(opened(t).View(), earlierOnes(), o) }},
		{"similar-none", nil, func(t testing.TB, o Options) Card { return Similar(opened(t).View(), nil, o) }},
		{"mutes", nil, func(t testing.TB, o Options) Card {
			squad := query.Muted{Name: "Payments <at>all</at>", Mute: incident.Mute{Squad: "payments", Until: t0.Add(time.Hour), By: ani}}
			return Mutes([]query.Muted{*muted(t).Muted, squad}, o)
		}},
		{"mutes-none", everywhere, func(_ testing.TB, o Options) Card { return Mutes(nil, o) }},
		{"link-stats", nil, func(_ testing.TB, o Options) Card { return LinkStats(figures, o) }},
		{"link", nil, func(t testing.TB, o Options) Card {
			return LinkForm(opened(t).View(), nil, nil, []Choice{{"INC-41 payments-db is down", "INC-41"}, {"INC-40 search is slow", "INC-40"}}, o)
		}},
		{"link-errors", nil, func(t testing.TB, o Options) Card {
			return LinkForm(opened(t).View(), map[string]string{"parent": "INC-9", "kind": "duplicate"}, map[string]string{"parent": "There is no incident INC-9."}, []Choice{{"INC-41 payments-db is down", "INC-41"}}, o)
		}},
		{"link-alone", nil, func(t testing.TB, o Options) Card { return LinkForm(opened(t).View(), nil, nil, nil, o) }},
	}...)
}

// maxPlain is what a card of ordinary words takes at most, in bytes: Teams
// refuses a message above 28 KB on some of its ways.
const maxPlain = 28 * 1024

// TestHundredsOfChildren: an incident to which hundreds are linked still has a
// small card, and so has each page of the list.
func TestHundredsOfChildren(t *testing.T) {
	v := withChildren(t, 500)
	v.Incident.MoreChildren = 1234
	var rows []query.Related
	for range 3 * RelatedRows {
		rows = append(rows, v.Children[0])
	}
	for name, c := range map[string]Card{"incident": Incident(v, Options{}), "list": Relatives(v, rows, 40, 43, strings.Repeat("x", 500), Options{})} {
		raw, err := c.JSON()
		if err != nil || len(raw) > maxPlain {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
		if name == "incident" && (!strings.Contains(string(raw), "250 duplicates") || !strings.Contains(string(raw), "and 1729 more")) {
			t.Errorf("the rest is not counted: %s", raw)
		}
	}
}

// TestPrivateRelatives: whatever a view has, a card in a channel names nothing
// private.
func TestPrivateRelatives(t *testing.T) {
	v := withChildren(t, 3)
	l := calls
	v.Incident.Link = &l
	hide := func(r query.Related) query.Related {
		r.Title, r.Private = "Customer data in a bucket", true
		return r
	}
	p := hide(other(41, "", down, incident.Open))
	v.Parent, v.BurstSize, v.Burst = &p, 2, []query.Related{p}
	for i := range v.Children {
		v.Children[i] = hide(v.Children[i])
	}
	v.Similar = []query.Similar{{Related: p, Cause: "Customer bucket"}}
	for name, build := range map[string]func(Options) Card{
		"incident":  func(o Options) Card { return Incident(v, o) },
		"relatives": func(o Options) Card { return Relatives(v, v.Children, 0, 0, "", o) },
		"similar":   func(o Options) Card { return Similar(v, v.Similar, o) },
	} {
		for place, want := range map[string]bool{Channel: false, Personal: true} {
			raw, err := build(Options{Place: place}).JSON()
			if got := strings.Contains(string(raw), "bucket"); err != nil || got != want {
				t.Errorf("%s in %s names it: %v, %v", name, place, got, err)
			}
		}
	}
}

func TestSure(t *testing.T) {
	for c, want := range map[float64]string{1: "certain (100 %)", .97: "certain (97 %)", .95: "likely (95 %)", .8: "likely (80 %)", .79: "possible (79 %)", 0: "possible (0 %)", -3: "possible (0 %)", 7: "certain (100 %)"} {
		if got := locale.For("en").Sure(c); got != want {
			t.Errorf("sure(%v) = %q, want %q", c, got, want)
		}
	}
	for share, want := range map[float64]md{1: "100", 0: "0", .954: "95.4", 1.0 / 3: "33.3"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}

// TestOtherRoom: incidents that are tied and have a room each lead to each other's.
func TestOtherRoom(t *testing.T) {
	const room = "https://teams.microsoft.com/l/chat/other"
	for name, tt := range map[string]struct {
		own  string
		want int
	}{"none of its own": {"", 2}, "another": {"https://teams.microsoft.com/l/chat/own", 2}, "the same": {room, 1}} {
		v := consequence(t)
		v.Parent.Room = room
		child := other(43, "cart is down", down, incident.Open)
		child.Room = room
		v.Children, v.Incident.Children = []query.Related{child}, []incident.Child{{ID: 43, Kind: incident.LinkCascade}}
		v.Incident.Room = &incident.Room{State: incident.RoomOpen, Chat: "19:own@thread.v2", URL: tt.own}
		b, err := Incident(v, Options{}).JSON()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(b), room); got != tt.want {
			t.Errorf("%s: the other room is named %d times, want %d", name, got, tt.want)
		}
	}
}
