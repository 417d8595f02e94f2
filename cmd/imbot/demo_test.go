package main

import (
	"bytes"
	"context"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/jira/jirasim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// told is what the watcher has said since the last call, without the times.
func told(out *bytes.Buffer) []string {
	var all []string
	for line := range strings.Lines(out.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "→ ")
		all = append(all, what)
	}
	out.Reset()
	return all
}

// What imbot does outside is told once, each mail is kept, and mails of the same
// words are one line.
func TestWatcher(t *testing.T) {
	o := newOutside("127.0.0.1:1")
	defer o.close()
	pd := pagerdutysim.New(pagerdutysim.Options{})
	defer pd.Close()
	var out bytes.Buffer
	st := &story{pd: pd, out: &out, ids: map[string]string{}}
	st.cast()
	w, err := newWatcher(o, pd, t.TempDir(), &out)
	if err != nil {
		t.Fatal(err)
	}
	look := func(want ...string) {
		t.Helper()
		if err := w.look(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, told(&out)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	}
	look()
	for _, to := range []string{"budi@example.com", "../odd dir@example.com"} {
		msg := "From: imbot@example.com\r\nTo: x@example.com\r\nSubject: DOWN\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <" + fmt.Sprint(len(to)) + "@example.com>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>down</p>\r\n"
		if err := smtp.SendMail(o.mail.Addr(), nil, demoFrom, []string{strings.ReplaceAll(to, " ", "+")}, []byte(msg)); err != nil {
			t.Fatal(err)
		}
	}
	look("mail to budi@example.com, ../odd+dir@example.com: DOWN   mails/01-budi.html")
	for name, want := range map[string]string{"01-budi.html": "<p>down</p>", "02-.._odd_dir.eml": "Subject: DOWN"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	issue := o.jira.Create(jirasim.Spec{Project: demoProject, Summary: "Write the RCA of INC-1"})
	id := pd.Trigger(pagerdutysim.Spec{Service: "PSVCDB1", Title: "it is down"}).ID
	if err := pd.RequestResponder(id, storyBudi, storyDewi, "help"); err != nil {
		t.Fatal(err)
	}
	page := o.wiki.AddPage(demoSpace, "INC-1", "<p>x</p>")
	at := fmt.Sprintf("   %s/browse/%s", o.jira.URL(), issue.Key)
	look("PagerDuty wakes Dewi Putri (dba) for: it is down", "Jira PAY-1: Write the RCA of INC-1"+at, "Confluence page: INC-1   "+o.wiki.PageURL(page))
	if err := o.jira.Move(issue.Reporter, issue.Key, "Done"); err != nil {
		t.Fatal(err)
	}
	look("Jira PAY-1: done: Write the RCA of INC-1" + at)
	look()
}

// Whoever plays may be faster than the story, which goes on.
func TestStoryOvertaken(t *testing.T) {
	pd := pagerdutysim.New(pagerdutysim.Options{})
	defer pd.Close()
	st := &story{pd: pd, ids: map[string]string{}, ended: make(chan struct{})}
	st.cast()
	st.trigger("db", "PSVCDB1", "it is down", "high", "P1", "New Relic", nil)
	if err := pd.Resolve(st.ids["db"], storyBudi); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	st.out = &out
	answered := beat{text: "She answers.", do: func(s *story) error { return s.answer("db", storyDewi) }}
	if err := st.play(t.Context(), answered); err != nil || !strings.Contains(out.String(), "you were faster") {
		t.Errorf("the story ends with %v, having said %q", err, &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.play(ctx, beat{after: time.Hour, do: func(*story) error { return os.ErrInvalid }}); err != nil {
		t.Errorf("after Ctrl-C a beat is played: %v", err)
	}
}

// The demo's configuration and catalog are good, and need no mending.
func TestDemoConfig(t *testing.T) {
	d := &demo{dir: t.TempDir(), listen: "127.0.0.1:1", secret: "a-secret", outside: newOutside("127.0.0.1:1"), pd: pagerdutysim.New(pagerdutysim.Options{})}
	defer d.outside.close()
	defer d.pd.Close()
	var err error
	if d.people, err = demoSignIn("http://" + d.listen); err != nil {
		t.Fatal(err)
	}
	defer d.people.Close()
	conf := filepath.Join(d.dir, "imbot.yaml")
	for name, text := range map[string]string{conf: d.config(), filepath.Join(d.dir, "catalog.yaml"): demoCatalog} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := LoadConfig(conf, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	// There is no https on this machine alone.
	if diff := cmp.Diff([]string{"mail: without a public_url that begins with https:// mails carry no link that ends them"}, cfg.Warnings()); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
