package pagerduty_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func TestErrors(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	id := trigger(sim, "checkout is down")
	for _, tt := range []struct {
		status    int
		permanent bool
	}{
		{301, true},
		{400, true},
		{401, true},
		{402, true},
		{403, true},
		{404, true},
		{408, false},
		{409, true},
		{413, true},
		{429, false},
		{500, false},
		{502, false},
		{503, false},
		{504, false},
	} {
		sim.Inject(pagerdutysim.Fault{Times: 1, Status: tt.status})
		e := wantError(t, fmt.Sprint(tt.status), c.Acknowledge(t.Context(), ani, id), tt.status, tt.permanent)
		if e.NotFound() != (tt.status == 404) {
			t.Errorf("%v: NotFound = %v", e, e.NotFound())
		}
		if strings.Contains(e.Error(), sim.Token()) {
			t.Errorf("%v shows the token", e)
		}
	}

	hasty, err := pagerduty.New(pagerduty.Config{BaseURL: sim.URL(), Token: sim.Token(), Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	sim.Inject(pagerdutysim.Fault{Times: 1, Hang: true})
	if e := wantError(t, "timeout", hasty.Acknowledge(t.Context(), ani, id), 0, false); !errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("%v is not DeadlineExceeded", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := wantError(t, "canceled", c.Acknowledge(ctx, ani, id), 0, false); !errors.Is(e, context.Canceled) {
		t.Errorf("%v is not Canceled", e)
	}
	sim.Inject(pagerdutysim.Fault{Times: 1, Drop: true})
	wantError(t, "dropped", c.Acknowledge(t.Context(), ani, id), 0, false)
	if s, _ := sim.State(id); s.Status != pagerduty.StatusTriggered {
		t.Errorf("the incident is %s, though nothing came through", s.Status)
	}
}

// An answer that can't be read does not undo what was done.
func TestStrangeAnswers(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "no JSON": "<html>", "odd types": `{"incidents":[{"id":1,"body":{"details":{"a":1}}}]}`} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(body))
			}))
			defer srv.Close()
			c, err := pagerduty.New(pagerduty.Config{Token: "t", BaseURL: srv.URL, From: ani})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Acknowledge(t.Context(), "", "Q1"); err != nil {
				t.Errorf("Acknowledge = %v", err)
			}
			if err := c.AddNote(t.Context(), "", "Q1", "x"); err != nil {
				t.Errorf("AddNote = %v", err)
			}
			if _, err := c.Incident(t.Context(), "Q1"); name != "odd types" {
				wantError(t, "Incident", err, 200, false)
			}
		})
	}
}

// Redirects would take the token to another host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	c, err := pagerduty.New(pagerduty.Config{Token: "t", BaseURL: srv.URL, From: ani, HTTP: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "redirect", c.Acknowledge(t.Context(), "", "Q1"), http.StatusTemporaryRedirect, true)
}

func TestErrorMessages(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Status is bad","x"]}}`: "Invalid Input Provided: Status is bad; x (status 400, code 2001)",
		`{"error":{"message":"Invalid","code":"2001","errors":{"a.b":["c","d"]}}}`:                  "Invalid: a.b: c, d (status 400, code 2001)",
		`{"error":{"message":"Invalid\r\nLog: forged","errors":"one"}}`:                             "Invalid Log: forged: one (status 400)",
		`{"error":"text"}`: "PagerDuty answered bad request (status 400)",
		`<html>`:           "PagerDuty answered bad request (status 400)",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(body))
		}))
		c, err := pagerduty.New(pagerduty.Config{Token: "t", BaseURL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Incident(t.Context(), "Q1")
		srv.Close()
		if got := fmt.Sprint(err); got != "pagerduty: read incident Q1: "+want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}
