package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The texts that an operator meets: each names the place, what is wrong, and
// what to do.
func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", []string{
			`imbot.yaml: listen is missing; add it, as in listen: ":8080"`,
			`imbot.yaml: store is missing; add it, as in store: bolt:/var/lib/imbot/imbot.db`,
		}},
		{"no YAML", "listen: \":8080\"\nstore: [\n", []string{
			`imbot.yaml:2:8: this is not YAML: sequence end token ']' not found; check indentation, quotes and brackets here and in the line above`,
		}},
		{"a tab", "listen: \":8080\"\nteams:\n\tapp_id: x\n", []string{`imbot.yaml:3:1: this is not YAML: there is a tab; indent with spaces`}},
		{"unknown keys", minimal + "listne: a\nteam: {}\n", []string{
			`imbot.yaml:3:1: unknown key "listne"; did you mean "listen"?`,
			`imbot.yaml:4:1: unknown key "team"; did you mean "teams"?`,
		}},
		{"missing variable", minimal + "public_url: ${NOPE}\n", []string{`imbot.yaml:3:13: the environment has no NOPE; set it, or use a key ending in _file`}},
		{"top", "listen: 8080\nstore: sqlite:x\npublic_url: http://imbot.example.com\ntimezone: Asia/Jakata\nlanguage: de\ndry_run: yes\n", []string{
			`imbot.yaml:1:9: "8080" is not an address to listen on; write it as in ":8080" or "127.0.0.1:8080"`,
			`imbot.yaml:2:8: this store is unknown; use bolt:PATH, as in bolt:/var/lib/imbot/imbot.db: one file, for one imbot`,
			`imbot.yaml:3:13: plain http is for this machine only; use https`,
			`imbot.yaml:4:11: "Asia/Jakata" is no timezone; did you mean "Asia/Jakarta"?`,
			`imbot.yaml:5:11: "de" is no language that imbot speaks; use en or id`,
			`imbot.yaml:6:10: this should be true or false, without quotes`,
		}},
		{"store", "listen: :1\nstore: \"bolt:\"\n", []string{`imbot.yaml:2:8: bolt: needs a file; write it as in bolt:/var/lib/imbot/imbot.db`}},
		{"teams, empty", minimal + "teams: {}\npagerduty:\n", []string{
			`imbot.yaml:3:8: teams.app_id is missing; copy the Application (client) ID from the app's page in the Entra admin center`,
			`imbot.yaml:3:8: teams.tenant_id is missing; copy the Directory (tenant) ID from the app's page in the Entra admin center`,
			`imbot.yaml:3:8: the section teams has no credential; add one of client_secret, client_secret_file, certificate_file, managed_identity: true, workload_identity: true`,
			`imbot.yaml:4:12: the section pagerduty is empty; fill it in, or remove it to turn pagerduty off`,
		}},
		{"teams", minimal + "teams:\n  app_id: abc\n  tenant_id: contoso.onmicrosoft.com\n  client_secret: a\n  managed_identity: true\n  certificate_password: b\n  default_channel: general\n" +
			"  review_channel: \"19:abc@thread.tacv2;messageid=1\"\n  profile: maximal\n  service_url_hosts: [\"https://x.example.com/\", \"127.0.0.1:99999\"]\n", []string{
			`imbot.yaml:4:11: "abc" is not a GUID; copy it from the Entra admin center, as in 12345678-90ab-cdef-1234-567890abcdef`,
			`imbot.yaml:5:14: "contoso.onmicrosoft.com" is not a GUID; copy it from the Entra admin center, as in 12345678-90ab-cdef-1234-567890abcdef`,
			`imbot.yaml:7:21: there are several credentials (client_secret, managed_identity); keep one`,
			`imbot.yaml:8:25: there is no certificate_file that this would open; add it, or remove the password`,
			`imbot.yaml:9:20: "general" is not the id of a channel; write it as in "19:…@thread.tacv2" (it is part of the channel's link), or leave it out and say "connect" to imbot in the channel`,
			`imbot.yaml:10:19: "19:abc@thread.tacv2;messageid=1" is a thread; cut off ";messageid=" and what follows`,
			`imbot.yaml:11:12: "maximal" is unknown; use minimal, rooms or timeline`,
			`imbot.yaml:12:23: "https://x.example.com/" is not a host; write it without https:// and path, as in smba.example.com or 127.0.0.1:3978`,
			`imbot.yaml:12:49: "127.0.0.1:99999" is not a host; write it without https:// and path, as in smba.example.com or 127.0.0.1:3978`,
		}},
		{"teams, addresses", minimal + goodTeams + secretKey + "  authority: http://127.0.0.1:1\n  openid_metadata_url: http://example.com/x\n  issuer: me\n  default_service_url: \"https://me:hunter2@example.com\"\n", []string{
			`imbot.yaml:7:14: the token service gets secrets, so it is always https; for a private or test one, name its root in ca_file`,
			`imbot.yaml:8:24: plain http is for this machine only; use https`,
			`imbot.yaml:9:11: this is not an issuer; write it as in https://api.botframework.com`,
			`imbot.yaml:10:24: this address has a user, a query or a fragment; give scheme, host and path only`,
		}},
		{"teams, lost credential", minimal + goodTeams + "  client_secret: ${NOPE}\n", []string{`imbot.yaml:6:18: the environment has no NOPE; set it, or use a key ending in _file`}},
		{"pagerduty, no secrets", minimal + "pagerduty: {api_token: abc}\n", []string{
			`imbot.yaml:3:12: pagerduty.webhook_secrets is missing; without one every webhook would be refused: add the secret that PagerDuty showed when the webhook was made, or remove the section`,
		}},
		{"pagerduty", minimal + "pagerduty:\n  webhook_secrets: [\"\"]\n  from: imbot\n  url: ftp://x\n  reconcile: 1s\n  subscription_id: a/b\n", []string{
			`imbot.yaml:4:21: this secret is empty; fill it in or remove it`,
			`imbot.yaml:5:9: "imbot" is not a mail address; write it as in ani@example.com`,
			`imbot.yaml:6:8: this is not a web address; write it as in https://imbot.example.com`,
			`imbot.yaml:7:14: this is too often for PagerDuty's limits; use 30s or more`,
			`imbot.yaml:8:20: "a/b" is not an id of PagerDuty; copy it from the address of the webhook's page, as in PSUB123`,
		}},
		{"api", minimal + "api:\n  tokens:\n    - {name: ci, role: responder, token: \"${SHORT}\"}\n    - {name: CI, role: root, token: \"${IMBOT_API_TOKEN}\"}\n    - {token: \"${IMBOT_API_TOKEN}\"}\n", []string{
			`imbot.yaml:5:42: the token is shorter than 16 characters; make one with: openssl rand -hex 32`,
			`imbot.yaml:6:14: the name "CI" is there twice, first in line 5; give each token its own`,
			`imbot.yaml:6:24: "root" is unknown; use viewer, responder or admin`,
			`imbot.yaml:7:7: the token has no name; add one, as in name: ci: it is shown as who did something`,
			`imbot.yaml:7:7: the token has no role; add role: viewer, responder or admin`,
			`imbot.yaml:7:15: this token is there twice, first in line 6; give each name its own`,
		}},
		{"access", minimal + "access: {default: admin, admins: [ani, \"aad:x\", Ani@example.com], viewers: [ani@EXAMPLE.com]}\nretention: {raw: 1h, keys: soon}\n", []string{
			`imbot.yaml:3:19: everybody would be an admin; use viewer or responder, and name the admins`,
			`imbot.yaml:3:35: "ani" is nobody; write a mail address, or aad: and the object id in Entra`,
			`imbot.yaml:3:40: "x" is not a GUID; copy it from the Entra admin center, as in 12345678-90ab-cdef-1234-567890abcdef`,
			`imbot.yaml:3:77: "ani@example.com" is an admin too; keep one`,
			`imbot.yaml:4:18: this is too short: deliveries are repeated for up to a day; use 1d or more`,
			`imbot.yaml:4:28: this is not a duration; write it as in 30s, 15m, 24h or 90d`,
		}},
		{"levels", minimal + "levels:\n  - {key: Down!, rank: 1}\n  - {key: a, rank: 0}\n  - {title: x, rank: 2}\n  - {key: a, rank: 3, members: [x]}\n", []string{
			`imbot.yaml:4:11: "Down!" is no key of a level; use small letters, digits and "-", at most 40, as in service-down`,
			`imbot.yaml:5:20: the level needs a rank from 1 (the most urgent) to 1000; add it, as in rank: 1`,
			`imbot.yaml:6:5: the level has no key; add one, as in key: service-down`,
			`imbot.yaml:7:11: the level "a" is there twice, first in line 5; remove one`,
			`imbot.yaml:7:33: "x" is not a mail address; write it as in ani@example.com`,
		}},
		{"rules", minimal + "rules:\n  - {name: a, level: servce-down, match: {title_words: [\"!!\"], title_regex: \"(secret\"}}\n  - {match: {urgency: [P1], tier: [one]}}\nnotice:\n  service-up: {card: true}\n  other: {mail: [boss], mention: [oncall, squad], direct: owner}\n", []string{
			`imbot.yaml:4:22: there is no level "servce-down"; did you mean "service-down"?`,
			`imbot.yaml:4:57: "!!" has no word in it; write whole words, or use title_regex`,
			`imbot.yaml:4:77: this is no regular expression (missing closing )); see https://pkg.go.dev/regexp/syntax`,
			`imbot.yaml:5:5: the rule has no level; add one of service-down, high-error-rate, high-response-time or other`,
			`imbot.yaml:5:24: "P1" is unknown; use high or low`,
			`imbot.yaml:5:36: this should be a whole number, without quotes`,
			`imbot.yaml:7:15: there is no level "service-up"; did you mean "service-down"?`,
			`imbot.yaml:8:18: "boss" cannot be told by mail; use owner, squad, stakeholders`,
			`imbot.yaml:8:43: "squad" cannot be told by mention; use oncall, owner, lead`,
			`imbot.yaml:8:59: this should be a list; write it as in [a, b] or with a "- " before each entry`,
		}},
		{"later parts", minimal + "reports: {weekly: \"1 09:00\", monthly: \"Mon 09:00\"}\n", []string{
			`imbot.yaml:3:19: this is a day of the month; write a day of the week, as in "Mon 09:00"`,
			`imbot.yaml:3:39: this is a day of the week; write a day of the month, as in "1 09:00"`,
		}},
		{"schedules", minimal + "reports: {weekly: \"every day\", monthly: \"31 09:00\"}\n", []string{
			`imbot.yaml:3:19: this is not a schedule; write "Mon 09:00" for every week, or "1 09:00" for a day of every month`,
			`imbot.yaml:3:41: not every month has this day; use 1 to 28`,
		}},
		{"values of the environment are not shown", minimal + "language: ${SHORT}\naccess: {default: \"${SHORT}\", admins: [\"${SHORT}\"]}\npagerduty: {webhook_secrets: [\"${SHORT}\"], from: \"${SHORT}\", reconcile: \"${SHORT}\"}\n", []string{
			`imbot.yaml:3:11: "${SHORT}" is no language that imbot speaks; use en or id`,
			`imbot.yaml:4:19: "${SHORT}" is unknown; use viewer or responder`,
			`imbot.yaml:4:40: "${SHORT}" is nobody; write a mail address, or aad: and the object id in Entra`,
			`imbot.yaml:5:50: "${SHORT}" is not a mail address; write it as in ani@example.com`,
			`imbot.yaml:5:73: this is not a duration; write it as in 30s, 15m, 24h or 90d`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadText(tt.in)
			if err == nil {
				t.Fatal("parseConfig = nil, want an error")
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("parseConfig (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret comes out: %v", err)
			}
		})
	}
}

// What is unusual but good.
func TestConfigAccepts(t *testing.T) {
	for _, in := range []string{
		"listen: 127.0.0.1:0\nstore: bolt:imbot.db\npublic_url: http://127.0.0.1:8080/\n",
		"listen: \":${PORT}\"\nstore: bolt:/var/lib/imbot/imbot.db\npublic_url: http://localhost:8080\n",
		minimal + goodTeams + "  managed_identity: true\n  service_url_hosts: [\"127.0.0.1:3978\", smba.example.com, \"[::1]:80\"]\n  default_service_url: http://127.0.0.1:3978\n  openid_metadata_url: http://[::1]:1/x\n  authority: https://login.example.com/\n",
		minimal + goodTeams + "  workload_identity: true\n  managed_identity: false\n",
		minimal + "access: {default: viewer, admins: [\"aad:0A1B2C3D-4e5f-4a6b-8c7d-9e0f1a2b3c4d\"]}\napi: {}\nretention: {raw: 1d}\n",
		minimal + "levels: []\n",
	} {
		c, err := loadText(in)
		if err != nil {
			t.Errorf("parseConfig(%q): %v", in, err)
			continue
		}
		if strings.HasSuffix(c.PublicURL, "/") || (c.Teams != nil && strings.HasSuffix(c.Teams.Authority, "/")) {
			t.Errorf("a slash is left at the end: %q", c.PublicURL)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + goodTeams + secretKey))
	f.Add([]byte(minimal + "levels: [{key: a, rank: 1}]\nrules: [{level: a, match: {title_regex: '('}}]\nnotice: {a: {page: [x]}}\n"))
	f.Add([]byte(minimal + "pagerduty: {webhook_secrets_file: x, reconcile: 1d}\naccess: {admins: [a@b]}\nreports: {weekly: 'Mon 09:00'}\n"))
	f.Add([]byte(minimal + "api: {tokens: [{name: &a x, role: *a, token: ${PD_TOKEN}}]}\nteams: {service_url_hosts: ['[::1]:1', ':', '%zz']}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		c, err := parseConfig(data, "imbot.yaml", testenv, func(string) ([]byte, error) { return []byte("text of a file"), nil })
		if err != nil {
			if !strings.HasPrefix(err.Error(), "imbot.yaml:") {
				t.Errorf("an error without the file's name: %v", err)
			}
			for _, s := range []string{configEnv["PD_TOKEN"], configEnv["TEAMS_CLIENT_SECRET"], configEnv["IMBOT_API_TOKEN"]} {
				if strings.Contains(err.Error(), s) {
					t.Errorf("a secret comes out: %v", err)
				}
			}
			return
		}
		s := c.Settings()
		if _, ok := s.Levels.Get("other"); !ok || c.Location() == nil {
			t.Errorf("an accepted configuration is not complete: %+v", s)
		}
	})
}
