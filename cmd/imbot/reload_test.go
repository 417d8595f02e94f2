package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/incident"
)

// TestReload: a new token of standby tools, other reminders and other hooks count
// from the moment of the reload; of a configuration with a mistake nothing does.
func TestReload(t *testing.T) {
	var mu sync.Mutex
	var bearers, hooked []string
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			hooked = append(hooked, r.URL.Path)
			return
		}
		bearers = append(bearers, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		_, _ = w.Write([]byte(`{"on_call":[{"mail":"budi@example.com"}]}`))
	}))
	t.Cleanup(outside.Close)
	const old = "standby: {token: the-old-token-of-standby, hosts: [127.0.0.1]}\n"
	r := newRig(t, old)
	onDuty(t, r, outside.URL+"/network")
	base, err := os.ReadFile(r.app.cfg.Path)
	must(t, err)
	reload := func(section string) error {
		must(t, os.WriteFile(r.app.cfg.Path, []byte(strings.Replace(string(base), old, section, 1)), 0o600))
		return r.app.reload(t.Context())
	}
	ask := func() string {
		r.advance(10 * time.Minute) // an answer counts for five
		r.app.standby.On(t.Context(), []string{"network"})
		mu.Lock()
		defer mu.Unlock()
		return bearers[len(bearers)-1]
	}
	wait := func() time.Duration {
		return r.app.service.Remind().EveryOf(incident.Level{Key: incident.ServiceDown, Room: true})
	}
	before := wait()
	if got := ask(); got != "the-old-token-of-standby" {
		t.Fatalf("asked with %q", got)
	}
	hook := "hooks: [{name: status, url: \"" + outside.URL + "/status\", secret: a-secret-of-thirty-two-characters-, allow_private: true}]\n"
	reminders := "reminders: {update: {service-down: 7m}}\n"
	if err := reload("standby: {token: a-new-token-of-standby, hosts: [127.0.0.1]}\n" + hook + reminders + "levels: oops\n"); err == nil {
		t.Fatal("a configuration with a mistake is taken over")
	}
	if got := ask(); got != "the-old-token-of-standby" || wait() != before || len(r.app.service.Hooks()) != 0 {
		t.Errorf("refused, but asked with %q, reminded after %s, hooks %v", got, wait(), r.app.service.Hooks())
	}
	must(t, reload("standby: {token: a-new-token-of-standby, hosts: [127.0.0.1]}\n"+hook+reminders))
	if got := ask(); got != "a-new-token-of-standby" || wait() != 7*time.Minute {
		t.Errorf("asked with %q, reminded after %s", got, wait())
	}
	r.say(r.ani, r.channel, "declare Odd things happen service:checkout level:other")
	r.settle(time.Minute)
	mu.Lock()
	told := slices.Clone(hooked)
	mu.Unlock()
	if len(told) == 0 || told[0] != "/status" {
		t.Errorf("the new hook is told %v", told)
	}
	must(t, reload("standby: {token: a-new-token-of-standby, hosts: [elsewhere.example.com]}\n"))
	if got := ask(); got != "" || wait() != before {
		t.Errorf("no host of the token, and asked with %q; reminded after %s", got, wait())
	}
}

// TestRoomWarnings: what the app package asks for and what is used belong
// together.
func TestRoomWarnings(t *testing.T) {
	for _, tt := range []struct{ teams, want string }{
		{"profile: rooms", "set rooms: true, or profile: minimal"},
		{"profile: timeline", "set rooms: true, or profile: minimal"},
		{"rooms: true", "use profile: rooms"},
		{"rooms: true\n  profile: timeline", ""},
		{"profile: minimal", ""},
	} {
		r := newRig(t, "  "+tt.teams+"\n")
		var got string
		for _, w := range r.app.cfg.Warnings() {
			if strings.HasPrefix(w, "teams.") {
				got += w
			}
		}
		if tt.want == "" != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: warned of %q, want %q", tt.teams, got, tt.want)
		}
	}
}
