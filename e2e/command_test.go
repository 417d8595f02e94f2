package e2e

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// minimal is the least that imbot serves with.
const minimal = "listen: 127.0.0.1:0\nstore: bolt:imbot.db\n"

// What whoever typed a command meets: exit code, and what to do next.
func TestServeRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	config := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"nothing", nil, 2, []string{"usage: imbot COMMAND", "serve", "demo"}},
		{"no such command", []string{"sevre"}, 2, []string{`there is no command "sevre"`, "serve"}},
		{"no -config", []string{"serve"}, 2, []string{"-config FILE is missing", "imbot demo"}},
		{"no such file", []string{"serve", "-config", filepath.Join(dir, "none.yaml")}, 2, []string{"there is no configuration file", "imbot demo"}},
		{"an argument too many", []string{"serve", "-config", config("a.yaml", minimal), "now"}, 2, []string{"1 arguments, want 0"}},
		{"unknown keys", []string{"serve", "-config", config("b.yaml", minimal+"\nlistne: a\n")}, 1, []string{`b.yaml:4:1: unknown key "listne"; did you mean "listen"?`}},
		{"no YAML", []string{"serve", "-config", config("c.yaml", minimal+"teams: {\n")}, 1, []string{"c.yaml:"}},
		{"teams without app_id", []string{"serve", "-config", config("d.yaml", minimal+"teams: {tenant_id: 22222222-2222-4222-8222-222222222222, client_secret: x}\n")}, 1, []string{"d.yaml:3:8: teams.app_id is missing"}},
		{"taken port", []string{"serve", "-config", config("e.yaml", "listen: "+busy.Addr().String()+"\nstore: bolt:imbot.db\n")}, 1, []string{"listen on " + busy.Addr().String(), "change listen in the configuration"}},
		{"taken port of the demo", []string{"demo", "-listen", busy.Addr().String(), "-data", filepath.Join(dir, "demo")}, 1, []string{"choose another address with -listen"}},
		{"demo for all to reach", []string{"demo", "-listen", "0.0.0.0:0"}, 2, []string{"-listen takes a loopback address"}},
		{"no catalog", []string{"serve", "-config", config("f.yaml", minimal+"catalog: none.yaml\n")}, 1, []string{"none.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errOut := run(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("it says nothing of %q:\n%s%s", want, out, errOut)
				}
			}
		})
	}
}

func TestServeHelp(t *testing.T) {
	_, list, _ := run(t, "help")
	for _, name := range []string{"serve", "demo", "doctor", "manifest", "backup", "restore", "version"} {
		if !strings.Contains(list, "\n  "+name+" ") {
			t.Errorf("help does not list %s:\n%s", name, list)
		}
		code, out, errOut := run(t, name, "-h")
		if code != 0 || !strings.Contains(out+errOut, "example: imbot "+name) {
			t.Errorf("imbot %s -h: code %d, no example:\n%s%s", name, code, out, errOut)
		}
	}
	if code, out, _ := run(t, "version"); code != 0 || !strings.HasPrefix(out, "imbot ") {
		t.Errorf("imbot version: code %d, %q", code, out)
	}
}

func TestServeManifest(t *testing.T) {
	r := newRig(t)
	r.configuration["public_url"] = "https://imbot.example.com"
	r.configure()
	path := r.path("imbot.zip")
	code, out, errOut := run(t, "manifest", "-config", r.path("imbot.yaml"), "-out", path, "-package-version", "1.2.3")
	if code != 0 || !strings.Contains(out, path) {
		t.Fatalf("imbot manifest: code %d\n%s%s", code, out, errOut)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Version string
		Bots    []struct{ BotID string }
	}
	if err := json.NewDecoder(f).Decode(&manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != "1.2.3" || len(manifest.Bots) != 1 || manifest.Bots[0].BotID != rigApp {
		t.Errorf("the manifest is for %+v", manifest)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: without Node.js the package is not checked with Microsoft's schemas")
	}
	if out, err := exec.CommandContext(t.Context(), node, "lint/manifest.mjs", path).CombinedOutput(); err != nil {
		t.Errorf("the package is not one that Teams takes: %v\n%s", err, out)
	}
}

func TestServeBackup(t *testing.T) {
	r := newRig(t)
	r.serve()
	id := r.declare("checkout is down")
	early, copied := r.path("early.backup"), r.path("imbot.backup")
	if code, out, errOut := run(t, "backup", "-config", r.path("imbot.yaml"), early); code != 0 {
		t.Errorf("backup of a running imbot: code %d\n%s%s", code, out, errOut)
	}
	late := r.declare("search is slow")
	r.stop()
	for i, want := range []int{0, 1} { // the second time the file is there
		if code, out, errOut := run(t, "backup", "-config", r.path("imbot.yaml"), copied); code != want {
			t.Fatalf("backup %d: code %d, want %d\n%s%s", i, code, want, out, errOut)
		}
	}
	if code, _, errOut := run(t, "restore", "-config", r.path("imbot.yaml"), copied); code != 1 || !strings.Contains(errOut, "imbot.db") {
		t.Errorf("restore over a store: code %d, %s", code, errOut)
	}
	write(t, r.path("broken.backup"), "this is no store")
	if err := os.Remove(r.path("imbot.db")); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := run(t, "restore", "-config", r.path("imbot.yaml"), r.path("broken.backup")); code != 1 || errOut == "" {
		t.Errorf("restore of something else: code %d, %s", code, errOut)
	}
	for from, want := range map[string]int{early: http.StatusNotFound, copied: http.StatusOK} {
		if err := os.Remove(r.path("imbot.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if code, out, errOut := run(t, "restore", "-config", r.path("imbot.yaml"), from); code != 0 {
			t.Fatalf("restore: code %d\n%s%s", code, out, errOut)
		}
		r.serve()
		var inc struct{ Title string }
		if r.read("/api/v1/incidents/"+id, &inc); inc.Title != "checkout is down" {
			t.Errorf("after the restore of %s %s is %q", from, id, inc.Title)
		}
		if code, _ := r.get("/api/v1/incidents/" + late); code != want {
			t.Errorf("after the restore of %s, what was declared after the first backup is answered %d, want %d", from, code, want)
		}
		r.stop()
	}
}

func TestServeDoctor(t *testing.T) {
	r := newRig(t)
	code, out, errOut := run(t, "doctor", "-config", r.path("imbot.yaml"))
	if code != 0 {
		t.Errorf("doctor of a good configuration: code %d\n%s%s", code, out, errOut)
	}
	for _, want := range []string{"ok    configuration", "ok    store", "ok    catalog", "1 squads, 1 services", "ok    pagerduty token", "ok    pagerduty subscription", "ok    teams token", "ok    teams connector", "channel of payments"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor says nothing of %q:\n%s", want, out)
		}
	}
	for _, secret := range []string{r.secret, r.pd.Token(), r.teams.ClientSecret(), rigToken} {
		if strings.Contains(out+errOut, secret) {
			t.Errorf("doctor tells the secret %q", secret)
		}
	}
	good := r.configuration["pagerduty"]
	r.configuration["pagerduty"] = strings.Replace(good, r.pd.Token(), "wrong", 1)
	r.configuration["teams"] = strings.Replace(r.configuration["teams"], r.teams.ClientSecret(), "wrong", 1)
	r.configure()
	code, out, errOut = run(t, "doctor", "-config", r.path("imbot.yaml"))
	if code != 1 || !strings.Contains(errOut, "marked fail") {
		t.Errorf("doctor of wrong secrets: code %d\n%s%s", code, out, errOut)
	}
	for _, want := range []string{"fail  pagerduty token", "→ check pagerduty.api_token", "fail  teams token", "→ put the secret's Value"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor says nothing of %q:\n%s", want, out)
		}
	}
	code, out, _ = run(t, "doctor", "-json", "-config", r.path("imbot.yaml"))
	var report struct {
		Version string
		Checks  []struct{ Name, State, Detail, Mend string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || len(report.Checks) < 5 {
		t.Errorf("doctor -json: code %d, %v\n%s", code, err, out)
	}
	if code, _, errOut := run(t, "doctor"); code != 2 || !strings.Contains(errOut, "-config FILE is missing") {
		t.Errorf("doctor of nothing: code %d, %s", code, errOut)
	}
	write(t, r.path("imbot.yaml"), "listen: x\n")
	if code, out, _ := run(t, "doctor", "-config", r.path("imbot.yaml")); code != 1 || !strings.Contains(out, "fail  configuration") || !strings.Contains(out, "imbot.yaml:1:9:") {
		t.Errorf("doctor of a bad configuration: code %d\n%s", code, out)
	}
}
