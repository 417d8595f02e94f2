package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demoToken is what the demo prints in its ready-made curl command.
const demoToken = "demo-token-for-this-machine"

// TestPlayground plays a person's day in Microsoft's Teams emulator, in a real
// browser, against "imbot demo": tokens of both sides are checked, since the
// demo's proxy signs what the emulator leaves unsigned.
//
// IMBOT_SHOTS names a folder that keeps the pictures taken on the way.
func TestPlayground(t *testing.T) {
	node := needBrowser(t)
	shots := os.Getenv("IMBOT_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Logf("pictures are in %s", shots)
	// The emulator's usual port is taken: what the demo prints is what counts.
	if l, err := net.Listen("tcp", "127.0.0.1:56150"); err == nil {
		defer l.Close()
	}
	// The emulator's page is now and then lost while it draws itself anew, and the
	// driver waits in vain. That says nothing of imbot: such a day is begun once
	// more, with everything new. What is wrong with a card or an answer is an
	// assertion, and fails at once.
	if !demoDay(t, node, shots, false) {
		demoDay(t, node, shots, true)
	}
}

// demoDay lives through one day with a new demo. It reports false if the browser
// has waited in vain, unless it is the last try.
func demoDay(t *testing.T, node, shots string, last bool) bool {
	t.Helper()
	data := t.TempDir()
	demo := start(t, "demo", "-listen", "127.0.0.1:0", "-data", data, "-playground", "on")
	urls := map[string]string{
		"playground": demo.see(`Teams emulator\s+(http://\S+)`)[1],
		"imbot":      demo.see(`imbot\s+(http://\S+)`)[1],
		"pagerduty":  demo.see(`PagerDuty\s+simulated, at (http://\S+)`)[1],
	}
	if strings.HasSuffix(urls["playground"], ":56150") {
		t.Errorf("the emulator is said to be at a port that is taken: %s", urls["playground"])
	}
	if !playDay(t, node, urls, shots, last) {
		demo.signal(syscall.SIGINT)
		demo.wait(patience)
		return false
	}
	started := processesIn(t, data)
	demo.signal(syscall.SIGINT)
	if code := demo.wait(patience); code != 0 {
		t.Errorf("the demo ended with code %d after Ctrl-C:\n%s", code, demo.out)
	}
	for name, url := range urls {
		if c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
			_ = c.Close()
			t.Errorf("after Ctrl-C %s still listens at %s", name, url)
		}
	}
	if len(started) == 0 {
		t.Error("the emulator's process was not found while it ran: this test would not see it survive")
	}
	for _, pid := range started {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d of the emulator still runs after Ctrl-C", pid)
		}
	}
	noErrors(t, filepath.Join(data, "imbot.log"))
	return true
}

// needBrowser skips the test where there is no Node or no browser, and returns
// Node's path.
func needBrowser(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: Node.js is not installed; scripts/deps says what is missing")
	}
	if os.Getenv("CHROMIUM") != "" {
		return node
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if _, err := exec.LookPath(name); err == nil {
			return node
		}
	}
	t.Skip("SKIPPED: Chromium is not installed; scripts/deps installs it")
	return ""
}

func playDay(t *testing.T, node string, urls map[string]string, shots string, last bool) bool {
	t.Helper()
	setup := map[string]string{"token": demoToken, "pagerdutyToken": "sim-token", "shots": shots}
	for name, url := range urls {
		setup[name] = url
	}
	arg, err := json.Marshal(setup)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "day.mjs", string(arg))
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil && !last && strings.Contains(string(out), "TimeoutError") {
		t.Log("the browser has waited in vain: once more, with everything new")
		return false
	}
	if err != nil {
		t.Fatalf("the day went wrong: %v", err)
	}
	return true
}

// processesIn finds the processes whose working folder is dir: the emulator's.
func processesIn(t *testing.T, dir string) []int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || cwd != dir {
			continue // gone, or somebody else's
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// noErrors looks for errors and refused requests in imbot's log. That something
// is tried again is none: the emulator answers 500 while one of its pages closes.
// Nor is that there is no second war room: the emulator has no chat for it. Nor
// that the emulator, beside a browser on a slow machine, took longer to say who
// somebody is than a message may be held up: it is asked again.
func noErrors(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "person not found in the roster") && strings.Contains(line, "deadline exceeded") {
			continue
		}
		if strings.Contains(line, "an effect is tried again") || strings.Contains(line, "no room") && strings.Contains(line, "has one group chat only") {
			continue
		}
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, `"level":"WARN"`) {
			t.Errorf("imbot's log: %s", line)
		}
	}
}
