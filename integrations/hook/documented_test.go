package hook_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"imbot/integrations/hook"
)

// TestDocumentedCheck runs the documented check of signatures, as a receiver
// would.
func TestDocumentedCheck(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	doc, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(doc)
	if code == nil {
		t.Fatal("docs/webhooks.md has no Python")
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	old := strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
	const secret, body = "0123456789abcdef", `{"id":"INC-42/hook/status/7"}`
	good := hook.Scheme + hook.Sign(secret, now, []byte(body))
	tests := []struct {
		name, at, signature, body string
		want                      bool
	}{
		{"good", now, good, body, true},
		{"beside another scheme", now, "v2=abc, " + good, body, true},
		{"another body", now, good, body + " ", false},
		{"another time", old, good, body, false},
		{"too old", old, hook.Scheme + hook.Sign(secret, old, []byte(body)), body, false},
		{"another secret", now, hook.Scheme + hook.Sign("another secret!!", now, []byte(body)), body, false},
		{"no number", "²", good, body, false},
		{"no time", "", good, body, false},
		{"no signature", now, "", body, false},
		{"strange letters", now, good + "é", body, false},
	}
	script := string(code[1]) + "\nfor case in [\n"
	for _, tt := range tests {
		script += "    (" + strconv.Quote(tt.at) + ", " + strconv.Quote(tt.signature) + ", " + strconv.Quote(tt.body) + "),\n"
	}
	script += `]:
    headers = {"X-Imbot-Timestamp": case[0], "X-Imbot-Signature": case[1]}
    print(from_imbot(b"` + secret + `", {k: v for k, v in headers.items() if v}, case[2].encode()))
`
	cmd := exec.CommandContext(t.Context(), python, "-I", "-c", script)
	out, err := cmd.CombinedOutput()
	got := strings.Fields(string(out))
	if err != nil || len(got) != len(tests) {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, tt := range tests {
		if (got[i] == "True") != tt.want {
			t.Errorf("%s: %s, want %v", tt.name, got[i], tt.want)
		}
	}
}
