package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

func example(t testing.TB) *File {
	t.Helper()
	f, err := LoadFile(filepath.Join("..", "catalog.example.yaml"))
	if err != nil {
		t.Fatalf("LoadFile: %v", err)
	}
	return f
}

func TestExample(t *testing.T) {
	f := example(t)
	if len(f.Squads) != 2 || len(f.Services) != 3 || len(f.Standby) != 3 || len(f.People) != 3 {
		t.Errorf("the example has %d squads, %d services, %d standby roles, %d people", len(f.Squads), len(f.Services), len(f.Standby), len(f.People))
	}
	want := Service{
		Key: "checkout", Name: "Checkout", Squad: "payments", Owner: "budi@example.com", Tier: 1, Aliases: []string{"checkout-api", "Checkout (prod)"},
		PagerDutyID: "PABC123", NewRelicGUID: "MTIzNDU2N3xBUE18QVBQTElDQVRJT058OTg3NjU0", DependsOn: []string{"payments-db", "inventory"},
		Stakeholders: []string{"head-of-payments@example.com"}, Standby: []string{"dba", "devops"},
		Links:     []incident.LinkURL{{Title: "Runbook", URL: "https://wiki.example.com/checkout"}, {Title: "Dashboard", URL: "https://one.newrelic.com/checkout"}},
		BridgeURL: "https://teams.microsoft.com/l/meetup-join/checkout",
	}
	if diff := cmp.Diff(want, f.Services[0]); diff != "" {
		t.Errorf("checkout (-want +got):\n%s", diff)
	}
	c, err := New(f, Settings{}, nil)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if _, ok := c.SquadByKey("platform"); !ok {
		t.Error("the squad platform is missing")
	}
}

func TestLoadErrors(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"unknown keys", "services:\n  - key: a\n    onwer: b@example.com\nsquad: []\n", []string{
			`catalog.yaml:3:5: unknown key "onwer"; did you mean "owner"?`,
			`catalog.yaml:4:1: unknown key "squad"; did you mean "squads"?`,
		}},
		{"keys", "squads:\n  - {name: x}\n  - {key: pay}\n  - {key: PAY}\n  - {key: a b}\nservices:\n  - {key: a, squad: pya}\n  - {key: A}\n  - {key: \"pd:X\"}\n", []string{
			`catalog.yaml:2:5: key is missing; add it, as in key: payments`,
			`catalog.yaml:4:11: the squad "PAY" is there twice, first in line 3; give one another key`,
			`catalog.yaml:5:11: "a b" is no key; use letters, digits, ".", "_" and "-", at most 64`,
			`catalog.yaml:7:21: there is no squad "pya"; did you mean "PAY"?`,
			`catalog.yaml:8:11: the service "A" is there twice, first in line 7; give one another key`,
			`catalog.yaml:9:11: "pd:X" is no key; use letters, digits, ".", "_" and "-", at most 64`,
		}},
		{"names", "services:\n  - {key: checkout, name: Checkout, aliases: [CHECKOUT, checkout-api]}\n  - {key: pay, name: Checkout-API, aliases: [pay, x, X]}\n  - {key: cart, aliases: [checkout, \"a\\nb\", \"\"]}\n", []string{
			`catalog.yaml:3:22: the name "Checkout-API" already means the service "checkout" (alias, line 2); one name can mean one service only`,
			`catalog.yaml:3:54: "X" is there twice, first in line 3; remove one`,
			`catalog.yaml:4:27: the alias "checkout" already means the service "checkout" (key, line 2); one name can mean one service only`,
			`catalog.yaml:4:37: "a\nb" has line breaks, double spaces or invisible characters; write it on one line`,
			`catalog.yaml:4:45: this entry is empty; fill it in or remove it`,
		}},
		{"ids", "services:\n  - {key: a, pagerduty_service_id: P1A, newrelic_guid: G1}\n  - {key: b, pagerduty_service_id: p1a, newrelic_guid: G1}\n  - {key: c, pagerduty_service_id: \"https://x\", newrelic_guid: \"a b\"}\npeople:\n  - {mail: ani@example.com, pagerduty_id: PX1, aad_id: x, teams_id: \"29:x\"}\n  - {mail: ANI@example.com, pagerduty_id: PX1, jira_account: \"a b\"}\n  - {name: nobody}\n", []string{
			`catalog.yaml:3:36: pagerduty_service_id "p1a" is used twice, first in line 2; only one can have it`,
			`catalog.yaml:3:56: newrelic_guid "G1" is used twice, first in line 2; only one can have it`,
			`catalog.yaml:4:36: "https://x" is not an id of PagerDuty; copy it from the address of its page, as in PABC123`,
			`catalog.yaml:4:64: "a b" is not an id; copy it without spaces`,
			`catalog.yaml:6:56: "x" is not a GUID; copy it from the Entra admin center, as in 12345678-90ab-cdef-1234-567890abcdef`,
			`catalog.yaml:7:12: mail "ANI@example.com" is used twice, first in line 6; only one can have it`,
			`catalog.yaml:7:43: pagerduty_id "PX1" is used twice, first in line 6; only one can have it`,
			`catalog.yaml:7:62: "a b" is not an id; copy it without spaces`,
			`catalog.yaml:8:5: mail is missing; add it, as in mail: ani@example.com`,
		}},
		{"timezones", "people:\n  - {mail: a@example.com, timezone: Asia/Djakarta}\n  - {mail: b@example.com, timezone: jakarta}\n  - {mail: c@example.com, timezone: WITA}\n  - {mail: d@example.com, timezone: Local}\n  - {mail: e@example.com, timezone: Asia/Ho Chi Minh}\n  - {mail: f@example.com, timezone: Europe/London}\n  - {mail: g@example.com, timezone: ../../../etc/localtime}\n  - {mail: h@example.com, timezone: UTC}\n", []string{
			`catalog.yaml:2:37: "Asia/Djakarta" is no timezone; did you mean "Asia/Jakarta"?`,
			`catalog.yaml:3:37: "jakarta" is no timezone; did you mean "Asia/Jakarta"?`,
			`catalog.yaml:4:37: "WITA" is no timezone; did you mean "Asia/Makassar"?`,
			`catalog.yaml:5:37: "Local" is no timezone; write it as in Asia/Jakarta or UTC`,
			`catalog.yaml:6:37: "Asia/Ho Chi Minh" is no timezone; did you mean "Asia/Ho_Chi_Minh"?`,
			`catalog.yaml:8:37: "../../../etc/localtime" is no timezone; write it as in Asia/Jakarta or UTC`,
		}},
		{"squad", "squads:\n  - key: pay\n    channel: general\n    mail: pay\n    lead: \"ani@\"\n    members: [ani@example.com, Ani@Example.com, bu di@example.com]\n    jira_project: pay\n    mode: dark\n    language: fr\n    bridge_url: teams.microsoft.com\n    standby: {}\n    notice: {other: {mail: [lead], page: [dba]}}\n", []string{
			`catalog.yaml:3:14: "general" is not the id of a channel; write it as in "19:…@thread.tacv2" (it is part of the channel's link), or leave it out and say "connect" to imbot in the channel`,
			`catalog.yaml:4:11: "pay" is not a mail address; write it as in ani@example.com`,
			`catalog.yaml:5:11: "ani@" is not a mail address; write it as in ani@example.com`,
			`catalog.yaml:6:32: "Ani@Example.com" is there twice, first in line 6; remove one`,
			`catalog.yaml:6:49: "bu di@example.com" is not a mail address; write it as in ani@example.com`,
			`catalog.yaml:7:19: "pay" is not a key of a Jira project; write it in capitals, as in PAY`,
			`catalog.yaml:8:11: "dark" is no mode; use live (tells all), shadow (posts to the review channel only) or muted (records only)`,
			`catalog.yaml:9:15: "fr" is no language that imbot speaks; use en or id`,
			`catalog.yaml:10:17: "teams.microsoft.com" is not a web address; write it as in https://wiki.example.com/page`,
			`catalog.yaml:11:14: a standby needs exactly one of pagerduty_schedule, pagerduty_escalation_policy, rota and url; this one has 0`,
			`catalog.yaml:12:29: "lead" cannot be told by mail; use owner, squad, stakeholders`,
			`catalog.yaml:12:43: there is no standby role "dba"; add it under standby`,
		}},
		{"service", "services:\n  - {key: a, tier: 12, depends_on: [a, bb, Name of B, gone], standby: [dbaa], links: [{title: x}, {url: \"javascript:alert(1)\"}, {title: y, url: \"https://u:p@example.com\"}]}\n  - {key: b, name: Name of B}\nstandby: {dba: {pagerduty_schedule: P1, pagerduty_escalation_policy: P2}}\n", []string{
			`catalog.yaml:2:20: 12 is no tier; use 1 (the most important) to 9`,
			`catalog.yaml:2:37: the service "a" cannot depend on itself; remove it`,
			`catalog.yaml:2:40: there is no service "bb"; did you mean "b"?`,
			`catalog.yaml:2:44: depends_on takes keys; for "Name of B" write "b"`,
			`catalog.yaml:2:55: there is no service "gone"; known are a, b`,
			`catalog.yaml:2:72: there is no standby role "dbaa"; did you mean "dba"?`,
			`catalog.yaml:2:87: url is missing; add it, as in url: https://wiki.example.com/checkout`,
			`catalog.yaml:2:99: title is missing; add it, as in title: Runbook`,
			`catalog.yaml:2:105: "javascript:alert(1)" is not a web address; write it as in https://wiki.example.com/page`,
			`catalog.yaml:2:145: "https://u:xxxxx@example.com" has a user or password in it, which everybody would see; remove it`,
			`catalog.yaml:4:16: a standby needs exactly one of pagerduty_schedule, pagerduty_escalation_policy, rota and url; this one has 2`,
		}},
		{"rota", "standby:\n  dba:\n    rota:\n      - {who: ani, from: monday}\n      - {from: 2026-01-02, until: 2026-01-01 08:00}\n", []string{
			`catalog.yaml:4:15: "ani" is not a mail address; write it as in ani@example.com`,
			`catalog.yaml:4:26: "monday" is not a time; write it as in 2026-01-31 09:00`,
			`catalog.yaml:5:9: who is missing; add it, as in who: ani@example.com`,
			`catalog.yaml:5:35: the turn ends before it begins (line 5); swap from and until`,
		}},
		{"standby", "standby:\n  \"squad:pay\": {pagerduty_schedule: P1}\n  a: {url: \"http://standby.example.com/x\"}\n  b: {url: \"https://u:p@standby.example.com\"}\n  c: {url: standby.example.com, rota: [{who: a@b}]}\n  d: {token: x}\nservices:\n  - {key: s, standby: [a, b, a], bridge_url: \"http://meet.example.com\"}\n", []string{
			`catalog.yaml:2:16: "squad:pay" is no key; use letters, digits, ".", "_" and "-", at most 64`,
			`catalog.yaml:3:12: "http://standby.example.com/x" is not https; a standby tool is asked by https only (http is for this machine)`,
			`catalog.yaml:4:12: "https://u:xxxxx@standby.example.com" has a user or password in it, which everybody would see; remove it`,
			`catalog.yaml:5:6: a standby needs exactly one of pagerduty_schedule, pagerduty_escalation_policy, rota and url; this one has 2`,
			`catalog.yaml:5:12: "standby.example.com" is not a web address; write it as in https://wiki.example.com/page`,
			`catalog.yaml:6:6: a standby needs exactly one of pagerduty_schedule, pagerduty_escalation_policy, rota and url; this one has 0`,
			`catalog.yaml:6:7: unknown key "token"; known are pagerduty_schedule, pagerduty_escalation_policy, rota, url`,
			`catalog.yaml:8:30: the role "a" is there twice; remove one`,
			`catalog.yaml:8:46: "http://meet.example.com" is not https; write the address of the call as the browser has it, as in https://teams.microsoft.com/l/meetup-join/…`,
		}},
		{"channels", "squads:\n  - {key: a, channel: \"https://teams.microsoft.com/l/channel/19%3aabc%40thread.tacv2/x\"}\n  - {key: b, channel: \"19:abc@thread.tacv2;messageid=17\"}\n", []string{
			`catalog.yaml:2:23: "https://teams.microsoft.com/l/channel/19%3aabc%40thread.tacv2/x" is a link; of a channel's link take the part that begins with 19: and decode it (%3A is a colon, %40 is an @)`,
			`catalog.yaml:3:23: "19:abc@thread.tacv2;messageid=17" is a thread; cut off ";messageid=" and what follows`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(strings.NewReader(tt.in), "catalog.yaml")
			var e strictyaml.Error
			if !errors.As(err, &e) {
				t.Fatalf("Load = %v, want a strictyaml.Error", err)
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("Load (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadAccepts(t *testing.T) {
	for _, in := range []string{
		"",
		"squads:\nservices:\n",
		"squads: [{key: a, channel: \"19:ABC-_x=@thread.skype\"}, {key: b, channel: \"19:abc@thread.v2\"}, {key: c, mode: muted}]\n",
		"services: [{key: a, name: A, aliases: [a, A-prod], depends_on: [B]}, {key: b, depends_on: [a]}]\n",
		"services: [{key: a, links: [{title: x, url: \"http://intranet/x\"}]}]\n",
		"standby: {dba: {rota: [{who: a@b, from: 2026-01-01T00:00:00+07:00}]}}\n",
		"standby: {a: {url: \"http://127.0.0.1:8080/x\"}, b: {url: \"https://standby.example.com/x?team=b\"}, c: {url: \"http://localhost/x\"}, d: {url: \"http://[::1]/x\"}}\n",
	} {
		if _, err := Parse([]byte(in), "catalog.yaml"); err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		}
	}
}

func TestLoadFileErrors(t *testing.T) {
	name := filepath.Join(t.TempDir(), "catalog.yaml")
	if _, err := LoadFile(name); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "catalog in the configuration") {
		t.Errorf("LoadFile = %v", err)
	}
	_, err := Load(strings.NewReader(strings.Repeat("#", MaxBytes+1)), "catalog.yaml")
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Load of a large file = %v", err)
	}
}

func TestManyErrors(t *testing.T) {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "- {key: service-%d, depends_on: [service-%dx, nothing-%d]}\n", i, i, i)
	}
	start := time.Now()
	_, err := Parse([]byte(b.String()), "catalog.yaml")
	if err == nil {
		t.Fatal("Parse = nil, want an error")
	}
	if n := strings.Count(err.Error(), "\n"); n > 60 || !strings.Contains(err.Error(), "more") {
		t.Errorf("the error has %d lines", n)
	}
	t.Logf("%v", time.Since(start))
}

func FuzzLoad(f *testing.F) {
	// Short seeds: the engine spends its time on making long ones shorter.
	for _, s := range []string{
		"", "squads: [{key: a}]", "services: [{key: a, aliases: [b], depends_on: [a, b]}]", "standby: {a: {rota: [{who: a@b, from: 2026-01-01}]}, b: {url: \"https://x\"}}", "people: [{mail: a@b, aad_id: x}]",
		"services: [{key: a, squad: b, links: [{title: t, url: \"http://x\"}]}]\nsquads: [{key: b, notice: {other: {page: []}}, standby: {pagerduty_schedule: P1}}]", "squads: &a [*a]", "services: [null]",
		"squads:\n- {key: a, channel: \"19:a@thread.v2\", mode: live, language: id, lead: a@b, members: [a@b], jira_project: PA, bridge_url: https://x}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		file, err := Parse(data, "c.yaml")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c.yaml") {
				t.Errorf("an error without the file's name: %v", err)
			}
			return
		}
		c, err := New(file, Settings{}, nil)
		if err != nil {
			if !strings.Contains(err.Error(), "there is no level") {
				t.Errorf("New refuses what Parse accepts: %v", err)
			}
			return
		}
		for _, s := range file.Services {
			for _, n := range append([]string{s.Key, strings.ToUpper(s.Key)}, s.Aliases...) {
				if got := c.Service(n, ""); got.Key != s.Key {
					t.Errorf("Service(%q) = %q, want %q", n, got.Key, s.Key)
				}
			}
		}
	})
}
