package catalog

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

const (
	defaultChannel   = "19:default@thread.tacv2"
	broadcastChannel = "19:broadcast@thread.tacv2"
	reviewChannel    = "19:review@thread.tacv2"
)

func newCatalog(t testing.TB, file *File, s Settings, bindings map[string]string) *Catalog {
	t.Helper()
	c, err := New(file, s, bindings)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

func parsed(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse([]byte(text), "catalog.yaml")
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return f
}

func TestService(t *testing.T) {
	c := newCatalog(t, example(t), Settings{}, nil)
	tests := []struct{ name, vendorID, want string }{
		{"checkout", "", "checkout"},
		{"CheckOut", "", "checkout"},
		{" checkout (PROD) ", "", "checkout"},
		{"checkout-api", "PUNKNOWN", "checkout"},
		{"checkout", "PDEF456", "payments-db"}, // the vendor's id is surer than a name
		{"something else", "pabc123", "checkout"},
		{"pd:PABC123", "PABC123", "checkout"}, // from before the service was in the catalog
		{"pd:PABC123", "", "checkout"},
		{"Payments DB", "", "payments-db"},
		{"pd:PNONE", "PNONE", ""},
		{"unknown", "PNONE", ""},
		{"", "", ""},
		{"check", "", ""},
	}
	for _, tt := range tests {
		got := c.Service(tt.name, tt.vendorID)
		if got.Key != tt.want || got.Known != (tt.want != "") {
			t.Errorf("Service(%q, %q) = %+v, want %q", tt.name, tt.vendorID, got, tt.want)
		}
		if diff := cmp.Diff(incident.ServiceInfo{}, got); tt.want == "" && diff != "" {
			t.Errorf("Service(%q, %q) is not zero: %s", tt.name, tt.vendorID, diff)
		}
	}
	want := incident.ServiceInfo{
		Key: "checkout", Name: "Checkout", Squad: "payments", Owner: "budi@example.com", Tier: 1, Stakeholders: []string{"head-of-payments@example.com"}, Known: true,
		Links:   []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}, {Title: "Dashboard", URL: "https://one.newrelic.com/checkout"}},
		Standby: []string{"dba", "devops"},
	}
	if diff := cmp.Diff(want, c.Service("checkout", "")); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}

func TestPeople(t *testing.T) {
	c := newCatalog(t, parsed(t, `
squads: [{key: Payments, lead: Ani@Example.com, members: [BUDI@example.com]}]
services: [{key: checkout, squad: payments, owner: Budi@Example.com, stakeholders: [Boss@Example.com]}]
people:
  - {mail: Ani@Example.com, name: Ani, aad_id: 0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D, pagerduty_id: PANI001}
  - {mail: budi@example.com, teams_id: "29:budi"}
`), Settings{}, nil)
	user := func(id, name string) incident.Actor {
		return incident.Actor{Kind: incident.KindUser, ID: id, Name: name}
	}
	for _, tt := range []struct{ in, want incident.Actor }{
		{user("ANI@example.com", ""), user("ani@example.com", "Ani")},
		{user("aad:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "Ani W."), user("ani@example.com", "Ani")},
		{user("pd:PANI001", ""), user("ani@example.com", "Ani")},
		{user("budi@example.com", "Budi S."), user("budi@example.com", "Budi S.")},
		{user("Citra@Example.com", "Citra"), user("citra@example.com", "Citra")},
		{user("aad:FFFFFFFF-4e5f-4a6b-8c7d-9e0f1a2b3c4d", ""), user("aad:ffffffff-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "")},
		{user("pd:PNONE", "X"), user("pd:PNONE", "X")},
		{incident.Actor{Kind: incident.KindToken, ID: "CI"}, incident.Actor{Kind: incident.KindToken, ID: "CI"}},
		{incident.Actor{Kind: incident.KindVendor, ID: "ani@example.com"}, incident.Actor{Kind: incident.KindVendor, ID: "ani@example.com"}},
	} {
		if got := c.Person(tt.in); got != tt.want {
			t.Errorf("Person(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
	want := incident.SquadInfo{Key: "Payments", Name: "Payments", Lead: "ani@example.com", Members: []string{"budi@example.com"}, Known: true}
	if diff := cmp.Diff(want, c.Squad("payments")); diff != "" {
		t.Errorf("Squad (-want +got):\n%s", diff)
	}
	if got := c.Squad("gone"); got.Known || got.Key != "gone" {
		t.Errorf("Squad(gone) = %+v", got)
	}
	if s := c.Service("checkout", ""); s.Owner != "budi@example.com" || s.Squad != "Payments" || s.Stakeholders[0] != "boss@example.com" {
		t.Errorf("Service = %+v", s)
	}
	if p, ok := c.PersonByMail("BUDI@example.com"); !ok || p.TeamsID != "29:budi" {
		t.Errorf("PersonByMail = %+v, %v", p, ok)
	}
}

func TestMatch(t *testing.T) {
	c := newCatalog(t, example(t), Settings{}, nil)
	for title, want := range map[string]string{
		"checkout mati":               incident.ServiceDown,
		"pembayaran lambat":           incident.HighResponseTime,
		"transaksi gagal":             incident.HighErrorRate,
		"tidak bisa login":            incident.ServiceDown,
		"Checkout is DOWN!":           incident.ServiceDown,
		"High error rate on checkout": incident.HighErrorRate,
		"p99 latency above 2s":        incident.HighResponseTime,
		"countdown finished":          incident.Other,
		"matikan lampu":               incident.Other,
		"certificate expires soon":    incident.Other,
	} {
		if got := c.Match(&incident.Alert{Title: title}, incident.ServiceInfo{}); got.Level != want {
			t.Errorf("Match(%q) = %+v, want %q", title, got, want)
		}
	}
	c = newCatalog(t, example(t), Settings{Rules: []incident.Rule{
		{Name: "tier one", Level: incident.ServiceDown, Match: incident.Match{Tier: []int{1}, Urgency: []string{"high"}}},
		{Name: "noise", Level: incident.Other, Quiet: true},
	}}, nil)
	a := &incident.Alert{Title: "x", Urgency: "high"}
	if got := c.Match(a, c.Service("checkout", "")); got != (incident.Verdict{Level: incident.ServiceDown, Rule: "tier one", No: 1}) {
		t.Errorf("Match = %+v", got)
	}
	if got := c.Match(a, c.Service("inventory", "")); got != (incident.Verdict{Level: incident.Other, Rule: "noise", No: 2, Quiet: true}) {
		t.Errorf("Match = %+v", got)
	}
}

func TestNotice(t *testing.T) {
	defaults := incident.DefaultNotices(incident.DefaultLevels())
	own := incident.Notice{Card: true, Mail: []string{"squad"}, Mention: []string{"owner"}}
	c := newCatalog(t, parsed(t, `
squads:
  - {key: payments, notice: {high-error-rate: {mention: [lead], direct: [owner]}, service-down: {page: [], room: false}, other: {card: false}}}
  - {key: platform}
`), Settings{Notices: map[string]incident.Notice{incident.HighErrorRate: own}}, nil)
	down := defaults[incident.ServiceDown]
	down.Page, down.Room = []string{}, false
	nobody := defaults[incident.ServiceDown]
	nobody.Page = nil // unlike an empty list, which turns it off
	for _, tt := range []struct {
		squad, level string
		want         incident.Notice
	}{
		{"platform", incident.ServiceDown, nobody}, // this company has no dba and no devops
		{"platform", incident.HighErrorRate, own},
		{"", incident.HighResponseTime, defaults[incident.HighResponseTime]},
		{"Payments", incident.HighErrorRate, incident.Notice{Card: true, Mail: []string{"squad"}, Mention: []string{"lead"}, Direct: []string{"owner"}}},
		{"payments", incident.ServiceDown, down},
		{"payments", incident.Other, incident.Notice{}},
		{"payments", incident.HighResponseTime, defaults[incident.HighResponseTime]},
		{"payments", "removed", incident.Notice{Card: true}},
	} {
		if diff := cmp.Diff(tt.want, c.Notice(tt.squad, tt.level)); diff != "" {
			t.Errorf("Notice(%q, %q) (-want +got):\n%s", tt.squad, tt.level, diff)
		}
	}
}

func TestRoute(t *testing.T) {
	file := parsed(t, `
squads:
  - {key: Payments, channel: "19:payments@thread.tacv2"}
  - {key: platform}
  - {key: new, channel: "19:new@thread.tacv2", mode: shadow}
  - {key: quiet, mode: muted}
`)
	s := Settings{DefaultChannel: defaultChannel, BroadcastChannel: broadcastChannel, ReviewChannel: reviewChannel}
	route := func(channel, mode string, isDefault bool) incident.Route {
		return incident.Route{Channel: channel, Default: isDefault, Broadcast: broadcastChannel, Review: reviewChannel, Mode: mode}
	}
	c := newCatalog(t, file, s, map[string]string{"PLATFORM": "19:bound@thread.tacv2", "gone": "19:gone@thread.tacv2"})
	for squad, want := range map[string]incident.Route{
		"payments": route("19:payments@thread.tacv2", incident.ModeLive, false),
		"platform": route("19:bound@thread.tacv2", incident.ModeLive, false),
		"new":      route("19:new@thread.tacv2", incident.ModeShadow, false),
		"quiet":    route(defaultChannel, incident.ModeMuted, true),
		"":         route(defaultChannel, incident.ModeLive, true),
		"nobody":   route(defaultChannel, incident.ModeLive, true),
		"gone":     route("19:gone@thread.tacv2", incident.ModeLive, false), // bound before the squad left the file
	} {
		if got := c.Route(squad); got != want {
			t.Errorf("Route(%q) = %+v, want %+v", squad, got, want)
		}
	}
	c = newCatalog(t, file, s, map[string]string{"payments": "19:other@thread.tacv2"})
	if got := c.Route("payments"); got.Channel != "19:other@thread.tacv2" {
		t.Errorf("Route = %+v, want the channel that was bound in chat", got)
	}
	c = newCatalog(t, file, Settings{}, nil)
	if got := c.Route("platform"); got != (incident.Route{Mode: incident.ModeLive}) {
		t.Errorf("Route without any channel = %+v", got)
	}
	c = newCatalog(t, file, Settings{Notices: map[string]incident.Notice{incident.ServiceDown: {Page: []string{"network", "dba"}}}}, nil)
	var gaps []string
	for _, g := range c.Gaps() {
		gaps = append(gaps, g.What+"; "+g.Mend)
	}
	const nobody = "which the catalog does not have: nobody is woken for it; add it under standby in the catalog, or take it out of notice"
	want := []string{
		`squad "new" is in mode shadow, but there is no review channel; set teams.review_channel`,
		`the notice table pages the standby role "dba", ` + nobody, `the notice table pages the standby role "network", ` + nobody,
	}
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("Gaps (-want +got):\n%s", diff)
	}
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		name string
		file *File
		s    Settings
		want string
	}{
		{"squad's level", parsed(t, "squads:\n  - {key: a, notice: {service-up: {card: true}}}\n"), Settings{}, `catalog.yaml:2:35: there is no level "service-up"; did you mean "service-down"?`},
		{"level of a notice", nil, Settings{Notices: map[string]incident.Notice{"x": {}}}, `notice: there is no level "x"; levels are service-down, high-error-rate, high-response-time, other`},
		{"rule", nil, Settings{Rules: []incident.Rule{{Name: "r", Level: "x"}}}, `rule 1 ("r"): there is no level "x"; levels are service-down, high-error-rate, high-response-time, other`},
		{"made in the program", &File{Services: []Service{{Key: "a", Squad: "b"}, {Key: "A"}}}, Settings{}, "catalog: services[1].key: the service \"A\" is there twice, first in services[0].key; give one another key\n" +
			`catalog: services[0].squad: there is no squad "b"; add it under squads`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.file, tt.s, nil)
			if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("New (-want +got):\n%s", diff)
			}
			if _, again := New(tt.file, tt.s, nil); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("New again = %v", again)
			}
		})
	}
	levels := incident.Levels{{Key: "bad", Rank: 1}, {Key: incident.Other, Rank: 2}}
	if c := newCatalog(t, nil, Settings{Levels: levels}, nil); c.Match(&incident.Alert{Title: "x is down"}, incident.ServiceInfo{}).Level != incident.Other {
		t.Error("default rules do not go with other levels")
	}
}

func TestRead(t *testing.T) {
	c := newCatalog(t, example(t), Settings{Language: "en"}, map[string]string{"Platform": "19:x@thread.tacv2"})
	if diff := cmp.Diff([][2]string{{"checkout", "Checkout"}, {"inventory", "Inventory"}, {"payments-db", "Payments DB"}}, c.ServiceNames()); diff != "" {
		t.Errorf("ServiceNames (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"payments", "platform"}, c.SquadKeys()); diff != "" {
		t.Errorf("SquadKeys (-want +got):\n%s", diff)
	}
	if len(c.Squads()) != 2 || len(c.Services()) != 3 || c.Services()[2].Key != "payments-db" {
		t.Errorf("Squads = %v, Services = %v", c.Squads(), c.Services())
	}
	if c.Language("Payments") != "id" || c.Language("platform") != "en" || c.Language("") != "en" {
		t.Error("Language is wrong")
	}
	if s, ok := c.ServiceByKey("CHECKOUT"); !ok || s.PagerDutyID != "PABC123" {
		t.Errorf("ServiceByKey = %+v, %v", s, ok)
	}
	if _, ok := c.ServiceByKey("checkout-api"); ok {
		t.Error("ServiceByKey finds an alias")
	}
	if got := c.Route("platform").Channel; got != "19:x@thread.tacv2" {
		t.Errorf("Route(platform) is to %s", got)
	}
	if s, ok := c.Standby("dba"); !ok || s.Schedule != "PDBA001" {
		t.Errorf("Standby = %+v, %v", s, ok)
	}
}

func TestHolder(t *testing.T) {
	file := example(t)
	h := &Holder{}
	if got := h.Get(); got == nil || len(got.Levels()) != 4 {
		t.Fatal("the zero Holder has no defaults")
	}
	bound := map[string]string{"PAYMENTS": "19:bound@thread.tacv2"}
	load := func() (*Catalog, error) { return New(file, Settings{}, bound) }
	if err := h.Reload(load); err != nil {
		t.Fatalf("Reload: %v", err)
	}
	present := h.Get()
	if got := present.Route("payments").Channel; got != "19:bound@thread.tacv2" {
		t.Errorf("Route = %q", got)
	}
	boom := errors.New("boom")
	if err := h.Reload(func() (*Catalog, error) { return nil, boom }); !errors.Is(err, boom) || h.Get() != present {
		t.Errorf("Reload = %v, the snapshot changed: %v", err, h.Get() != present)
	}
	if err := h.Reload(func() (*Catalog, error) { return nil, nil }); err == nil || h.Get() != present {
		t.Error("Reload takes no catalog for one")
	}
	delete(bound, "PAYMENTS")
	if err := h.Reload(load); err != nil || h.Get().Route("payments").Channel != file.Squads[0].Channel {
		t.Errorf("Reload = %v, Route = %+v", err, h.Get().Route("payments"))
	}
	if present.Route("payments").Channel != "19:bound@thread.tacv2" {
		t.Error("a snapshot has changed")
	}
}

// No change is lost, and readers always see a whole snapshot.
func TestHolderConcurrent(t *testing.T) {
	file := example(t)
	h := &Holder{}
	bound := map[string]string{} // what Reload guards, as a store's bindings are
	reload := func(squad, channel string) {
		err := h.Reload(func() (*Catalog, error) {
			bound[squad] = channel
			return New(file, Settings{}, bound)
		})
		if err != nil {
			t.Error(err)
		}
	}
	reload("checkout", "")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				switch i % 4 {
				case 0:
					reload("payments", "19:a@thread.tacv2")
				case 1:
					reload("platform", "19:b@thread.tacv2")
				default:
					if !h.Get().Service("checkout", "").Known {
						t.Error("a snapshot is not whole")
					}
				}
			}
		})
	}
	wg.Wait()
	if a, b := h.Get().Route("payments").Channel, h.Get().Route("platform").Channel; a != "19:a@thread.tacv2" || b != "19:b@thread.tacv2" {
		t.Errorf("bound to %s and %s", a, b)
	}
}

func large(n int) string {
	var b strings.Builder
	b.WriteString("squads: [{key: payments, lead: ani@example.com}]\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - key: service-%d\n    name: Service %d\n    squad: payments\n    aliases: [svc-%d, \"Service %d (prod)\"]\n    pagerduty_service_id: P%d\n    depends_on: [service-%d]\n    links: [{title: Runbook, url: \"https://wiki.example.com/%d\"}]\n",
			i, i, i, i, 100000+i, (i+1)%n, i)
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	data := []byte(large(1000))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data, "catalog.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkService(b *testing.B) {
	c := newCatalog(b, parsed(b, large(5000)), Settings{}, nil)
	for _, bb := range []struct{ name, service, id string }{
		{"vendor", "whatever", "P102345"}, {"key", "service-2345", ""}, {"Name", "Service 2345", "PNONE"}, {"unknown", "nothing", "PNONE"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s := c.Service(bb.service, bb.id); s.Known != (bb.name != "unknown") {
					b.Fatalf("Service = %+v", s)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	c := newCatalog(b, example(b), Settings{}, nil)
	s := c.Service("checkout", "")
	for _, bb := range []struct{ name, title, want string }{
		{"first", "checkout is down", incident.ServiceDown}, {"last", "pembayaran lambat sekali", incident.HighResponseTime}, {"none", "certificate of checkout.example.com expires in 14 days", incident.Other},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			a := &incident.Alert{Title: bb.title}
			for b.Loop() {
				if v := c.Match(a, s); v.Level != bb.want {
					b.Fatalf("Match = %+v", v)
				}
			}
		})
	}
}

func TestTeamsAccount(t *testing.T) {
	c, err := New(&File{People: []Person{
		{Mail: "ani@example.com", Name: "Ani", TeamsID: "29:ani", AADObjectID: "00000000-0000-4000-8000-000000000020"},
		{Mail: "budi@example.com", AADObjectID: "00000000-0000-4000-8000-000000000021", PagerDutyID: "PBUDI"},
		{Mail: "citra@example.com", Name: "Citra"},
	}}, Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		person, id, name string
		ok               bool
	}{
		{"ani@example.com", "29:ani", "Ani", true},
		{"pd:PBUDI", "00000000-0000-4000-8000-000000000021", "budi@example.com", true},
		{"citra@example.com", "", "", false},
		{"nobody@example.com", "", "", false},
	} {
		if id, name, ok := c.TeamsAccount(w.person); id != w.id || name != w.name || ok != w.ok {
			t.Errorf("TeamsAccount(%s) = %q, %q, %t, want %q, %q, %t", w.person, id, name, ok, w.id, w.name, w.ok)
		}
	}
}
