package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDemo plays the beginning of the demo without the emulator of Teams: the
// terminal tells what imbot does outside, and the mails are there to be read.
func TestDemo(t *testing.T) {
	data := t.TempDir()
	demo := start(t, "demo", "-listen", "127.0.0.1:0", "-data", data, "-playground", "off")
	for _, line := range []string{
		`Payments DB goes down`,
		`→ PagerDuty wakes Dewi Putri \(dba\) for: Payments DB is down`,
		`→ mail to [^:]*budi@example\.com[^:]*: \[INC-2\] DOWN`,
		`→ Jira PAY-1: RCA of INC-2`,
		`Dewi, the DBA on standby, answers her phone`,
	} {
		demo.see(line)
	}
	demo.signal(syscall.SIGINT)
	if code := demo.wait(patience); code != 0 {
		t.Errorf("the demo ended with code %d after Ctrl-C:\n%s", code, demo.out)
	}
	pages, err := filepath.Glob(filepath.Join(data, "mails", "*-budi.html"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("mails to the owner: %q, %v", pages, err)
	}
	page, err := os.ReadFile(pages[0])
	if err != nil || !strings.Contains(string(page), "Payments DB is down") {
		t.Errorf("the mail: %v\n%s", err, page)
	}
	raw, err := os.ReadFile(strings.TrimSuffix(pages[0], ".html") + ".eml")
	if err != nil || !strings.Contains(string(raw), "\r\nMessage-ID: <") {
		t.Errorf("the mail as it came: %v\n%s", err, raw)
	}
	noErrors(t, filepath.Join(data, "imbot.log"))
}
