package pagerduty_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func TestServices(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	want := map[string]string{}
	before, err := c.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range before {
		want[r.ID] = r.Summary
	}
	for n := range 250 { // three pages
		id := fmt.Sprintf("PSVC%03d", n)
		want[id] = "Service " + id
		sim.AddService(pagerdutysim.Service{ID: id, Name: want[id]})
	}
	all, err := c.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range all {
		got[r.ID] = r.Summary
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Services (-want +got):\n%s", d)
	}
}

func TestDependencies(t *testing.T) {
	sim, c := start(t, pagerdutysim.Options{}, pagerduty.Config{})
	sim.AddDependency("PSHOP", "PCART")
	sim.AddDependency("PCART", "PDB")
	sim.AddDependency("PSHOP", "PDB")
	sim.AddBusinessDependency("PSALES", "PCART")
	want := []pagerduty.Dependency{{Dependent: "PSHOP", Supporting: "PCART"}, {Dependent: "PCART", Supporting: "PDB"}}
	got, err := c.Dependencies(t.Context(), "PCART")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Dependencies (-want +got):\n%s", d)
	}
	sim.EndDependency("PSHOP", "PCART")
	if got, err := c.Dependencies(t.Context(), "PCART"); err != nil || len(got) != 1 || got[0] != want[1] {
		t.Errorf("Dependencies = %v, %v, want %v", got, err, want[1:])
	}
	for _, id := range []string{"PNONE", "", "../users", "P/../.."} {
		_, err := c.Dependencies(t.Context(), id)
		wantError(t, "dependencies of "+id, err, 404, true)
	}
}

// What is no dependency between two services is left out, and costs nothing
// else.
func TestOddDependencies(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int // dependencies; -1: an error
	}{
		"none":         {`{"relationships":[]}`, 0},
		"null":         {`{"relationships":null}`, 0},
		"good":         {`{"relationships":[{"supporting_service":{"id":"PA","type":"technical_service_reference"},"dependent_service":{"id":"PB","type":"service"}}]}`, 1},
		"no ends":      {`{"relationships":[{}, {"supporting_service":null,"dependent_service":null}]}`, 0},
		"number as id": {`{"relationships":[{"supporting_service":{"id":7,"type":"service"},"dependent_service":{"id":"PB","type":"service"}}]}`, 1},
		"odd id":       {`{"relationships":[{"supporting_service":{"id":"P A","type":"service"},"dependent_service":{"id":"PB","type":"service"}}]}`, 0},
		"business":     {`{"relationships":[{"supporting_service":{"id":"PA","type":"business_service"},"dependent_service":{"id":"PB","type":"service"}}]}`, 0},
		"no JSON":      {`<html>`, -1},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.body) }))
		c, err := pagerduty.New(pagerduty.Config{Token: "t", BaseURL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Dependencies(t.Context(), "PA")
		var e *pagerduty.Error
		if (err != nil) != (tt.want < 0) || err != nil && !errors.As(err, &e) || err == nil && len(got) != tt.want {
			t.Errorf("%s: Dependencies = %v, %v, want %d", name, got, err, tt.want)
		}
		srv.Close()
	}
}
