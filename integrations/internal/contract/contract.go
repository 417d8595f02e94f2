// Package contract checks, in tests, what a vendor's client and simulator say to
// each other against the OpenAPI description that the vendor publishes. It is
// stricter than the usual validation, which lets members and parameters through
// that the description does not have: a client that sends those is wrong, and a
// simulator that answers with them hides it.
//
// Descriptions are not part of this project: see [Dir]. Where one is wrong, the
// vendor's test mends it before use.
package contract

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// Dir returns the folder of vendors' published contracts, one folder each:
// IMBOT_CONTRACTS, or ../shared/contracts seen from a folder above the test's.
// Without one it skips the test.
func Dir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("IMBOT_CONTRACTS"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "..", "shared", "contracts")
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("no contract files: set IMBOT_CONTRACTS to their folder")
	return ""
}

// Contract checks every exchange on its way between client and simulator: it is
// the transport of the client.
type Contract struct {
	// Path turns a request's path into that of the description. Default: they are
	// the same.
	Path func(path string) (string, error)
	// Query does so with its parameters. Default: they are the same.
	Query func(url.Values) (url.Values, error)
	// Prose reports whether a body is described in prose only, so that nothing is
	// checked but that there is such a route. Default: none is.
	Prose func(*http.Request) bool
	// Empty are the statuses of answers that may have no body though one is
	// described. 204 never has one.
	Empty []int
	// Answer, if not nil, is what to check instead of an answer.
	Answer func(body []byte) []byte
	// Untidy says that requests without a body may name a media type.
	Untidy bool
	// Brief says that answers may have members that the description leaves out.
	Brief bool
	// Open says that objects without any described member may have any.
	Open bool
	// Names, if not nil, checks members instead of the description: those of a
	// request, and those of an answer with 2xx. key is such as "GET /pages/{id}".
	Names interface {
		Request(key string, route *routers.Route, body []byte) error
		Response(key string, body []byte) error
	}

	router routers.Router

	mu      sync.Mutex
	covered map[string]bool
	faults  []string
}

// Read reads a description, such as "jira/platform-v3.trim.json" in [Dir].
func Read(t testing.TB, name string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(Dir(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/"}}
	return doc
}

// Of makes c check against a description, and returns it.
func (c *Contract) Of(t testing.TB, doc *openapi3.T) *Contract {
	t.Helper()
	var err error
	if c.router, err = legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation()); err != nil {
		t.Fatal(err)
	}
	c.covered = map[string]bool{}
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *Contract) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := whole(&r.Body)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := whole(&resp.Body)
	if err != nil {
		return nil, err
	}
	if problem := c.check(r, body, resp, got); problem != nil {
		c.mu.Lock()
		c.faults = append(c.faults, fmt.Sprintf("%s %s %s -> %d %s: %v", r.Method, r.URL.RequestURI(), body, resp.StatusCode, got, problem))
		c.mu.Unlock()
	}
	return resp, nil
}

// whole reads a body, and puts it back.
func whole(r *io.ReadCloser) ([]byte, error) {
	if *r == nil {
		return nil, nil
	}
	defer (*r).Close()
	body, err := io.ReadAll(*r)
	*r = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// Kept fails the test for each exchange that broke the contract, and for each
// of the calls, such as "GET /pages/{id}", that nobody made.
func (c *Contract) Kept(t testing.TB, calls ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		t.Error(f)
	}
	for _, want := range calls {
		if !c.covered[want] {
			t.Errorf("%s was not called", want)
		}
	}
}

// Exchange is a request with its answer.
type Exchange struct {
	Method, Target string
	Header         http.Header // of the request. Default: application/json, where there is a body
	Body           string
	Status         int // default 200
	Answer         string
}

// Case is an exchange that differs from a good one.
type Case struct {
	Change func(*Exchange)
	Fine   bool // it keeps the contract all the same
}

// Finds checks the checks: with each change, a good exchange is found to break
// the contract, or to be fine.
func (c *Contract) Finds(t *testing.T, good Exchange, cases map[string]Case) {
	t.Helper()
	cases["good"] = Case{func(*Exchange) {}, true}
	for name, tt := range cases {
		e := good
		e.Header = good.Header.Clone()
		tt.Change(&e)
		r, err := http.NewRequestWithContext(t.Context(), e.Method, "http://127.0.0.1"+e.Target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header != nil {
			r.Header = e.Header
		} else if e.Body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		answer := &http.Response{StatusCode: max(e.Status, http.StatusOK), Header: http.Header{"Content-Type": {"application/json"}}}
		if err := c.check(r, []byte(e.Body), answer, []byte(e.Answer)); (err == nil) != tt.Fine {
			t.Errorf("%s: check = %v, want fine %v", name, err, tt.Fine)
		}
	}
}
