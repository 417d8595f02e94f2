package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imbot/catalog"
	"imbot/incident"
)

var configEnv = map[string]string{
	"TEAMS_CLIENT_SECRET": "teams-s3cret-value", "PD_SECRET": "pd-s3cret-value", "PD_TOKEN": "pd-t0ken-value", "IMBOT_API_TOKEN": "api-t0ken-value-0123456789", "NR_KEY": "NRAK-s3cret-value",
	"JIRA_TOKEN": "jira-t0ken-value", "CONFLUENCE_TOKEN": "confluence-t0ken-value", "JIRA_SECRET": "jira-s3cret-value", "OIDC_SECRET": "oidc-s3cret-value", "SMTP_PASSWORD": "smtp-s3cret-value", "PORT": "9090", "SHORT": "hunter2",
}

func testenv(name string) string { return configEnv[name] }

// minimal is the shortest good configuration; tests add to it.
const minimal = "listen: \":8080\"\nstore: bolt:imbot.db\n"

const (
	goodTeams = "teams:\n  app_id: 11111111-2222-4333-8444-555555555555\n  tenant_id: 66666666-7777-4888-8999-000000000000\n"
	secretKey = "  client_secret: ${TEAMS_CLIENT_SECRET}\n"
)

func noFiles(string) ([]byte, error) { return nil, os.ErrNotExist }

func loadText(text string) (*Config, error) {
	return parseConfig([]byte(text), "imbot.yaml", testenv, noFiles)
}

func TestExampleConfig(t *testing.T) {
	path := filepath.Join("..", "..", "imbot.example.yaml")
	c, err := LoadConfig(path, testenv)
	if err != nil {
		t.Fatalf("LoadConfig: %v", err)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("Warnings = %q, want none", w)
	}
	if c.Path != path || c.Store != "bolt:"+filepath.Join("..", "..", "imbot.db") || c.Catalog != filepath.Join("..", "..", "catalog.example.yaml") {
		t.Errorf("paths are %q, %q, %q", c.Path, c.Store, c.Catalog)
	}
	if c.Teams.ClientSecret.Reveal() != "teams-s3cret-value" || c.PagerDuty.WebhookSecrets[0].Reveal() != "pd-s3cret-value" {
		t.Error("the secrets are not those of the environment")
	}
	if c.Location().String() != "Asia/Jakarta" || c.Retention.Raw.Std() != 100*24*time.Hour {
		t.Errorf("Location = %v, retention.raw = %v", c.Location(), c.Retention.Raw)
	}
	if diff := cmp.Diff(incident.DefaultLevels(), c.Levels); diff != "" {
		t.Errorf("the example's levels are not the defaults (-want +got):\n%s", diff)
	}
	file, err := catalog.LoadFile(c.Catalog)
	if err != nil {
		t.Fatalf("LoadFile: %v", err)
	}
	cat, err := catalog.New(file, c.Settings(), nil)
	if err != nil {
		t.Fatalf("catalog.New: %v", err)
	}
	if g := cat.Gaps(); len(g) != 0 {
		t.Errorf("Gaps = %q, want none", g)
	}
	if n := cat.Notice("", incident.HighResponseTime); len(n.Mention) != 0 || len(n.Mail) == 0 {
		t.Errorf("Notice = %+v, want the default row without mentions", n)
	}
	if v := cat.Match(&incident.Alert{Title: "checkout mati"}, incident.ServiceInfo{}); v.Level != incident.ServiceDown {
		t.Errorf("Match = %+v", v)
	}
}

// The parts of the example that are commented out are good too.
func TestExampleLaterParts(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "imbot.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, later, ok := strings.Cut(string(data), "# Parts that come later")
	if !ok {
		t.Fatal("the example has no later parts")
	}
	_, later, _ = strings.Cut(later, "\n")
	env := func(n string) string { return "value of " + n }
	c, err := parseConfig([]byte(minimal+strings.ReplaceAll(later, "# ", "")), "imbot.yaml", env, noFiles)
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	var want []string
	for _, s := range []string{"reports"} {
		want = append(want, s+": not part of this version: ignored")
	}
	if diff := cmp.Diff(want, c.Warnings()); diff != "" {
		t.Errorf("Warnings (-want +got):\n%s", diff)
	}
	if got := c.Reports.Weekly.Cron() + ", " + c.Reports.Monthly.Cron(); got != "0 9 * * 1, 0 9 1 * *" {
		t.Errorf("Cron = %q", got)
	}
}

func TestConfigDefaults(t *testing.T) {
	c, err := loadText(minimal)
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	yes := true
	want := &Config{
		Topology: TopologyConfig{Refresh: Duration(15 * time.Minute), PagerDuty: &yes},
		Correlation: CorrelationConfig{
			Grace: Duration(30 * time.Minute), Window: Duration(24 * time.Hour), Hops: 2, EdgeMemory: Duration(14 * 24 * time.Hour), Hold: Duration(30 * time.Second),
			Flapping: FlappingConfig{Times: 4, Window: Duration(2 * time.Hour)}, AutoPause: &yes, Major: MajorRoomConfig{Incidents: 3, Window: Duration(10 * time.Minute)},
		},
		Listen: ":8080", Store: "bolt:imbot.db", Timezone: "UTC", Language: "en", Levels: incident.DefaultLevels(),
		Access:    AccessConfig{Default: "responder"},
		Reminders: RemindersConfig{RCA: Duration(5 * 24 * time.Hour), Hours: "09:00-17:00"},
		Retention: RetentionConfig{Raw: Duration(100 * 24 * time.Hour), Keys: Duration(7 * 24 * time.Hour), Changes: Duration(30 * 24 * time.Hour)},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("parseConfig (-want +got):\n%s", diff)
	}
	c, err = loadText(minimal + goodTeams + secretKey + "pagerduty: {webhook_secrets: [\"${PD_SECRET}\"]}\nlevels: [{key: security, rank: 4, private: true}]\n")
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	if c.Teams.Profile != "minimal" || c.PagerDuty.Reconcile.Std() != 5*time.Minute {
		t.Errorf("profile = %q, reconcile = %v", c.Teams.Profile, c.PagerDuty.Reconcile)
	}
	wantLevels := incident.Levels{{Key: "security", Title: "security", Rank: 4, Private: true}, {Key: "other", Title: "Other", Rank: 5}}
	if diff := cmp.Diff(wantLevels, c.Levels); diff != "" {
		t.Errorf("levels (-want +got):\n%s", diff)
	}
	if _, err := catalog.New(nil, c.Settings(), nil); err != nil {
		t.Errorf("the default rules do not go with other levels: %v", err)
	}
}

func TestSettings(t *testing.T) {
	c, err := loadText(minimal + goodTeams + secretKey + `  default_channel: 19:def@thread.tacv2
notice:
  service-down: {page: [], room: false}
rules: []
language: id
`)
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	s := c.Settings()
	want := incident.DefaultNotices(incident.DefaultLevels())[incident.ServiceDown]
	want.Page, want.Room = []string{}, false
	if diff := cmp.Diff(want, s.Notices[incident.ServiceDown]); diff != "" {
		t.Errorf("Notices (-want +got):\n%s", diff)
	}
	if s.Rules == nil || len(s.Rules) != 0 {
		t.Errorf("Rules = %v, want none, and not the default ones", s.Rules)
	}
	if s.DefaultChannel != "19:def@thread.tacv2" || s.Language != "id" || s.Zone != time.UTC {
		t.Errorf("Settings = %+v", s)
	}
}

func TestConfigFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", "from-a-file\n")
	write("secrets", "one-secret\ntwo-secret\n")
	write("root.pem", "PEM")
	write("cert.pem", "PEM")
	write("imbot.yaml", minimal+goodTeams+"  certificate_file: cert.pem\n  certificate_password_file: secret\n  ca_file: root.pem\n"+
		"pagerduty: {webhook_secrets_file: secrets, api_token_file: "+filepath.Join(dir, "secret")+", from: a@example.com}\ncatalog: sub/catalog.yaml\n")
	c, err := LoadConfig(filepath.Join(dir, "imbot.yaml"), testenv)
	if err != nil {
		t.Fatalf("LoadConfig: %v", err)
	}
	got := []string{
		c.Store, c.Catalog, c.Teams.CertificateFile, c.Teams.CAFile, c.Teams.CertificatePassword.Reveal(), c.PagerDuty.APIToken.Reveal(),
		c.PagerDuty.WebhookSecrets[0].Reveal(), c.PagerDuty.WebhookSecrets[1].Reveal(),
	}
	want := []string{
		"bolt:" + filepath.Join(dir, "imbot.db"), filepath.Join(dir, "sub", "catalog.yaml"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "root.pem"), "from-a-file", "from-a-file",
		"one-secret", "two-secret",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	write("big", strings.Repeat("x", maxValueFile+1))
	bad := filepath.Join(dir, "bad.yaml")
	write("bad.yaml", minimal+goodTeams+"  client_secret_file: big\n  ca_file: gone.pem\npagerduty: {webhook_secrets: [a], api_token_file: .}\n")
	_, err = LoadConfig(bad, testenv)
	wantErr := strings.Join([]string{
		bad + ":6:23: client_secret_file: it is larger than 65536 bytes; check the path (it is relative to this file) and who may read it",
		bad + ":7:12: this file cannot be used: no such file or directory; check the path (it is relative to this file) and who may read it",
		bad + ":8:51: api_token_file: it is a folder, not a file; check the path (it is relative to this file) and who may read it",
	}, "\n")
	if diff := cmp.Diff(wantErr, fmt.Sprint(err)); diff != "" {
		t.Errorf("LoadConfig (-want +got):\n%s", diff)
	}
}

func TestNoConfig(t *testing.T) {
	_, err := LoadConfig(filepath.Join(t.TempDir(), "imbot.yaml"), testenv)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "imbot demo") {
		t.Errorf("LoadConfig = %v, want one that names the demo", err)
	}
	if _, err = LoadConfig(t.TempDir(), testenv); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("LoadConfig of a folder = %v", err)
	}
}

func TestWarnings(t *testing.T) {
	c, err := loadText(minimal + goodTeams + secretKey + "pagerduty: {webhook_secrets: [\"${PD_SECRET}\"], api_token: \"${PD_TOKEN}\"}\nreports: {weekly: \"Mon 09:00\"}\nrules: [{level: other}, {name: x, level: other, match: {tier: [1]}}]\n")
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	want := []string{
		"public_url: not set; cards have no links to imbot, and `imbot manifest` needs it",
		"pagerduty.from: not set; what people do who are not in PagerDuty cannot be told to it",
		`rules: "rule 1" matches everything, so the rules after it are never reached; give it a match, or move it to the end`,
		"reports: not part of this version: ignored",
	}
	if diff := cmp.Diff(want, c.Warnings()); diff != "" {
		t.Errorf("Warnings (-want +got):\n%s", diff)
	}
}

// Whatever a configuration is printed with, no secret comes out.
func TestSecret(t *testing.T) {
	s := Secret("hunter2")
	c, err := loadText(minimal + goodTeams + "  client_secret: hunter2\napi: {tokens: [{name: ci, role: viewer, token: hunter2hunter2hunter2}]}\n")
	if err != nil {
		t.Fatalf("parseConfig: %v", err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "any", c.Teams, "tokens", c.API)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{log.String(), string(asJSON), s.String()}
	for _, f := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d"} {
		out = append(out, fmt.Sprintf(f, s), fmt.Sprintf(f, *c.Teams), fmt.Sprintf(f, c.API), fmt.Sprintf(f, &s))
	}
	for _, o := range out {
		if strings.Contains(o, "hunter2") || strings.Contains(strings.ToLower(o), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("a secret comes out: %s", o)
		}
	}
	if !strings.Contains(out[0], redacted) || s.Reveal() != "hunter2" {
		t.Error("Secret is wrong")
	}
}

func TestSchedule(t *testing.T) {
	for in, want := range map[string]string{"Mon 09:00": "0 9 * * 1", "Sun 23:59": "59 23 * * 0", "1 09:00": "0 9 1 * *", "28 00:05": "5 0 28 * *"} {
		var s Schedule
		if err := s.UnmarshalText([]byte(in)); err != nil || s.Cron() != want {
			t.Errorf("%q = %q, %v, want %q", in, s.Cron(), err, want)
		}
	}
	for _, in := range []string{"", "Mon", "09:00", "mon 09:00", "Monday 09:00", "Mon 9:00", "Mon 24:00", "29 09:00", "0 09:00", "01 09:00", "-1 09:00", "Mon  09:00", "* * * * *", "32 09:00"} {
		var s Schedule
		if err := s.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q = %+v, want an error", in, s)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]string{"48h": "2d", "90d": "90d", "30s": "30s", "36h": "36h0m0s", "0s": "0s"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || d.String() != want {
			t.Errorf("%q = %q, %v, want %q", in, d.String(), err, want)
		}
	}
}
