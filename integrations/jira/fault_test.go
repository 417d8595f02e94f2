package jira_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

const html = "<html><head><title>Log in</title></head><body>hunter2</body></html>"

// What can be tried again, and what Jira's words become.
func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		fault     jirasim.Fault
		status    int
		permanent bool
		done      bool // of a change
		after     time.Duration
		want      string
	}{
		"400":             {jirasim.Fault{Status: 400, Body: `{"errorMessages":["bad","worse"],"errors":{"duedate":"no"}}`, Type: "application/json"}, 400, true, false, 0, "bad; worse; duedate: no"},
		"401":             {jirasim.Fault{Status: 401}, 401, true, false, 0, "make a new one"},
		"403":             {jirasim.Fault{Status: 403, Body: `{"message":"scope does not match","code":403}`, Type: "application/json"}, 403, true, false, 0, "scope does not match; the user may not"},
		"404":             {jirasim.Fault{Status: 404}, 404, true, false, 0, "Not Found"},
		"404 HTML":        {jirasim.Fault{Status: 404, Body: html}, 404, true, false, 0, "not found"},
		"408":             {jirasim.Fault{Status: 408}, 408, false, true, 0, ""},
		"409":             {jirasim.Fault{Status: 409}, 409, false, false, 0, ""},
		"410":             {jirasim.Fault{Status: 410}, 410, true, false, 0, ""},
		"413":             {jirasim.Fault{Status: 413}, 413, true, false, 0, ""},
		"429 quota":       {jirasim.Fault{Status: 429, RetryAfter: 1847 * time.Second, Code: jira.ReasonQuotaTenant}, 429, false, false, 1847 * time.Second, jira.ReasonQuotaTenant},
		"429 no time":     {jirasim.Fault{Status: 429}, 429, false, false, 0, "rate-limited"},
		"429 HTML":        {jirasim.Fault{Status: 429, Body: html, RetryAfter: 3 * time.Second}, 429, false, false, 3 * time.Second, "too many requests"},
		"500":             {jirasim.Fault{Status: 500}, 500, false, true, 0, ""},
		"502 HTML":        {jirasim.Fault{Status: 502, Body: html}, 502, false, true, 0, "bad gateway"},
		"503 with a time": {jirasim.Fault{Status: 503, RetryAfter: 9 * time.Second}, 503, false, true, 9 * time.Second, ""},
		"504 done":        {jirasim.Fault{Status: 504, After: true}, 504, false, true, 0, ""},
		"302":             {jirasim.Fault{Status: 302, Body: html}, 302, true, false, 0, "redirects are not followed"},
		"login page":      {jirasim.Fault{Status: 200, Body: html}, 200, false, true, 0, "no JSON"},
		"not understood":  {jirasim.Fault{Status: 201, Body: `{"key":`, Type: "application/json"}, 201, false, true, 0, "not understood"},
		"empty object":    {jirasim.Fault{Status: 201, Body: `{}`, Type: "application/json"}, 201, false, true, 0, "not understood"},
		"too long":        {jirasim.Fault{Status: 201, Body: strings.Repeat(" ", 9<<20), Type: "application/json"}, 201, false, true, 0, "longer than"},
		"no answer":       {jirasim.Fault{Drop: true}, 0, false, true, 0, "did not answer"},
		"odd status":      {jirasim.Fault{Status: 499}, 499, true, false, 0, ""},
		"errors as list":  {jirasim.Fault{Status: 400, Body: `{"errors":["a"],"errorMessages":"b"}`, Type: "application/json"}, 400, true, false, 0, "bad request"},
		"hostile":         {jirasim.Fault{Status: 400, Body: `{"errorMessages":["a\nb\u202ec` + strings.Repeat("x", 5000) + `"]}`, Type: "application/json"}, 400, true, false, 0, "a b cx"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
			_, err := c.Server(t.Context())
			must(t, "server", err)
			tt.fault.Times = 1
			sim.Inject(tt.fault)
			_, err = c.Create(t.Context(), jira.NewIssue{Type: "Task", Summary: "x"})
			e := wantError(t, name, err, tt.status, tt.permanent)
			if e.MayBeDone() != tt.done || e.RetryAfter() != tt.after || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("%v: may be done %v, retry after %s; want %v, %s, %q", e, e.MayBeDone(), e.RetryAfter(), tt.done, tt.after, tt.want)
			}
			if s := e.Error(); len(s) > 700 || strings.ContainsAny(s, "\n\u202e") || strings.Contains(s, "hunter2") {
				t.Errorf("the error is %d bytes: %.900q", len(s), s)
			}
		})
	}
}

func link(id string) jira.Link {
	return jira.Link{GlobalID: id, URL: "https://x.example/", Title: "t"}
}

// A change whose answer can't be read is done, for Jira said yes.
func TestChangeDoneWithOddAnswer(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	key := create(t, c, jira.NewIssue{Summary: "x"}).Key
	odd := jirasim.Fault{Method: http.MethodPost, Times: 1, Status: 201, Body: `{"id":`, Type: "application/json", After: true}
	sim.Inject(odd)
	must(t, "link", c.SetLink(t.Context(), key, link("g")))
	// But not if it was no answer of Jira's.
	sim.Inject(jirasim.Fault{Method: http.MethodPost, Times: 1, Status: 200, Body: html})
	wantError(t, "login page", c.SetLink(t.Context(), key, link("h")), 200, false)
	if got, _ := sim.Issue(key); len(got.Links) != 1 {
		t.Errorf("Jira has %+v", got)
	}
}

// Jira Cloud answers searches with nothing where it does not accept the token:
// that must not pass for "there is none".
func TestRefusedLogin(t *testing.T) {
	sim, good, ck := start(t, jirasim.Options{IndexDelay: -1}, jira.Config{})
	key := create(t, good, jira.NewIssue{Summary: "x", Marker: "m"}).Key
	c := connect(t, sim, false, jira.Config{Email: sim.Email(), APIToken: "expired-s3cret"}, ck)
	ctx := t.Context()
	_, _, marker := c.FindByMarker(ctx, "m", time.Time{})
	_, read := c.Issue(ctx, key)
	_, check := c.Check(ctx)
	for name, err := range map[string]error{
		"marker": marker, "read": read, "check": check, "update": c.Update(ctx, key, jira.Update{Due: ptr("")}),
	} {
		e := wantError(t, name, err, 401, true)
		if !e.Unauthorized() || !strings.Contains(e.Error(), "make a new one") || strings.Contains(e.Error(), "s3cret") {
			t.Errorf("%s: %v", name, e)
		}
	}
	dc, _, ck := start(t, jirasim.Options{DataCenter: true}, jira.Config{})
	_, err := connect(t, dc, true, jira.Config{PersonalToken: "expired"}, ck).Check(ctx)
	wantError(t, "data center", err, 401, true)
}

func TestTimeoutAndCancel(t *testing.T) {
	sim, _, ck := start(t, jirasim.Options{}, jira.Config{})
	c := connect(t, sim, false, jira.Config{Timeout: 50 * time.Millisecond}, ck)
	sim.Inject(jirasim.Fault{Hang: true})
	_, err := c.Myself(t.Context())
	wantError(t, "timeout", err, 0, false)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Myself(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// A refusal holds back what it names, and nothing else.
func TestRefusalHoldsBack(t *testing.T) {
	for reason, held := range map[string]string{
		jira.ReasonBurst: "link", jira.ReasonIssueWrites: "link update", jira.ReasonQuotaTenant: "link update other read", jira.ReasonQuotaGlobal: "link update other read", "": "link update other read",
	} {
		t.Run(reason, func(t *testing.T) {
			sim, c, ck := start(t, jirasim.Options{}, jira.Config{})
			ctx := t.Context()
			a, b := create(t, c, jira.NewIssue{Summary: "a"}).Key, create(t, c, jira.NewIssue{Summary: "b"}).Key
			sim.Inject(jirasim.Fault{Method: http.MethodPost, Times: 1, Status: 429, RetryAfter: 30 * time.Second, Code: reason})
			wantError(t, "refused", c.SetLink(ctx, a, link("g")), 429, false)
			ck.Pass(10 * time.Second)
			before := len(sim.Requests())
			for name, do := range map[string]func() error{
				"link":   func() error { return c.SetLink(ctx, a, link("g")) },
				"update": func() error { return c.Update(ctx, a, jira.Update{Summary: ptr("z")}) },
				"other":  func() error { return c.Update(ctx, b, jira.Update{Summary: ptr("z")}) },
				"read":   func() error { _, err := c.Issue(ctx, a); return err },
			} {
				err := do()
				if !strings.Contains(held, name) {
					must(t, name, err)
					before++
					continue
				}
				if e := wantError(t, name, err, 0, false); e.RetryAfter() != 20*time.Second || e.MayBeDone() || e.Reason != reason {
					t.Errorf("%s: %v, retry after %s", name, e, e.RetryAfter())
				}
			}
			if n := len(sim.Requests()); n != before {
				t.Errorf("%d requests, want %d", n, before)
			}
			ck.Pass(20 * time.Second)
			must(t, "afterwards", c.SetLink(ctx, a, link("g")))
		})
	}
}

// The client refuses what Jira would refuse, so that Jira never has to.
func TestWritesOfOneIssue(t *testing.T) {
	sim, c, ck := start(t, jirasim.Options{}, jira.Config{})
	key := create(t, c, jira.NewIssue{Summary: "x"}).Key
	began, done := ck.Now(), 0
	for n := 0; done < 250; n++ {
		err := c.SetLink(t.Context(), key, link(fmt.Sprint(n)))
		if err == nil {
			done++
			continue
		}
		e := wantError(t, "too often", err, 0, false)
		if e.Reason != jira.ReasonIssueWrites || e.RetryAfter() <= 0 || e.RetryAfter() > 30*time.Second {
			t.Fatalf("%v, retry after %s", e, e.RetryAfter())
		}
		ck.Pass(e.RetryAfter())
	}
	if took := ck.Now().Sub(began); took != 64*time.Second { // 100 until 8 s, 200 until 38 s, and 50 from 60 s on
		t.Errorf("250 links took %s", took)
	}
	if got, _ := sim.Issue(key); len(got.Links) != 250 {
		t.Errorf("%d links", len(got.Links))
	}
}

// The token goes nowhere but to Jira.
func TestRedirectsAreNotFollowed(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{}, jira.Config{})
	visits := 0
	elsewhere := receiver(t, func(http.Header, []byte) int { visits++; return http.StatusOK })
	for _, status := range []int{301, 302, 307, 308} {
		sim.Inject(jirasim.Fault{Times: 1, Status: status, Location: elsewhere + "/login"})
		_, err := c.Myself(t.Context())
		wantError(t, "redirect", err, status, true)
	}
	if visits != 0 {
		t.Errorf("%d redirects were followed", visits)
	}
}

// No secret leaves but where it belongs.
func TestSecretsStay(t *testing.T) {
	sim, c, _ := start(t, jirasim.Options{Token: "t0p-s3cret"}, jira.Config{})
	create(t, c, jira.NewIssue{Summary: "x"})
	auth := base64.StdEncoding.EncodeToString([]byte(sim.Email() + ":" + sim.Token()))
	dump := sim.Dump()
	if n := bytes.Count(dump, []byte(auth)); n != len(sim.Requests()) {
		t.Errorf("%d of %d requests have the credentials", n, len(sim.Requests()))
	}
	if bytes.Contains(dump, []byte(sim.Token())) {
		t.Error("the token is somewhere else, too")
	}
	sim.Close()
	_, err := c.UserByEmail(t.Context(), "ani@example.com")
	if e := wantError(t, "closed", err, 0, false); strings.Contains(e.Error(), "ani@") || strings.Contains(e.Error(), "s3cret") {
		t.Errorf("the error says too much: %v", e)
	}
}
