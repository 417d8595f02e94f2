package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"imbot/catalog"
	"imbot/incident"
	"imbot/query"
	"imbot/store/boltstore"
)

const catalogYAML = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: budi@example.com, aliases: [checkout-api]}
`

// Secrets of the callers in tests.
const (
	adminSecret     = "secret-of-the-admin"
	responderSecret = "secret-of-ci"
	viewerSecret    = "secret-of-the-dashboard"
)

var begin = time.Date(2026, 12, 31, 8, 30, 0, 0, time.UTC)

// api is the handler over a real store, and a client that checks each answer
// against the OpenAPI document.
type api struct {
	t       testing.TB
	handler http.Handler
	service *incident.Service
	router  routers.Router
	log     *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (a *api) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *api) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

func newAPI(t testing.TB, change ...func(*Config)) *api {
	t.Helper()
	a := &api{t: t, now: begin, log: &bytes.Buffer{}}
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: a.clock, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func() incident.Catalog { return cat }
	a.service = &incident.Service{Store: store, Catalog: snapshot, Now: a.clock}
	c := Config{
		Service: a.service,
		Reader:  &query.Reader{Store: store, Catalog: snapshot, PublicURL: "https://imbot.example.com"},
		Tokens: []Token{
			{Name: "ops", Role: incident.RoleAdmin, Secret: adminSecret},
			{Name: "ci", Role: incident.RoleResponder, Secret: responderSecret},
			{Name: "dashboard", Role: incident.RoleViewer, Secret: viewerSecret},
			{Name: "empty", Role: incident.RoleAdmin, Secret: ""},
		},
		Location: time.FixedZone("WIB", 7*3600), Now: a.clock,
		Logger: slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	a.handler, a.router = New(c), router(t)
	return a
}

func router(t testing.TB) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// doc reads the body as a JSON object.
func (an answer) doc(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(an.body, &m); err != nil {
		t.Fatalf("%s: %v", an.body, err)
	}
	return m
}

// call sends a request; a body is sent as JSON. header are name, value, …
func (a *api) call(method, target, secret, body string, header ...string) answer {
	a.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, req)
	an := answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	a.check(req, an)
	return an
}

// check holds the answer against the OpenAPI document.
func (a *api) check(req *http.Request, an answer) {
	a.t.Helper()
	for _, h := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy"} {
		if an.header.Get(h) == "" {
			a.t.Errorf("%s %s: no %s", req.Method, req.URL, h)
		}
	}
	if an.status >= 400 {
		var p problemDocument
		if err := json.Unmarshal(an.body, &p); err != nil || p.Status != an.status || p.Title == "" || p.Type == "" || an.header.Get("Content-Type") != "application/problem+json" {
			a.t.Errorf("%s %s: %d is no problem document: %s", req.Method, req.URL, an.status, an.body)
		}
	}
	route, params, err := a.router.FindRoute(req)
	if err != nil {
		if an.status < 400 {
			a.t.Errorf("%s %s is not documented: %v", req.Method, req.URL, err)
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 an.status, Header: an.header, Body: io.NopCloser(bytes.NewReader(an.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		a.t.Errorf("%s %s: %d %s\ndiffers from the document: %v", req.Method, req.URL, an.status, an.body, err)
	}
}

// must is a call that has this status, and its document.
func (a *api) must(status int, method, target, secret, body string, header ...string) map[string]any {
	a.t.Helper()
	an := a.call(method, target, secret, body, header...)
	if an.status != status {
		a.t.Fatalf("%s %s %s = %d %s, want %d", method, target, body, an.status, an.body, status)
	}
	return an.doc(a.t)
}

func (a *api) declare(title string) string {
	a.t.Helper()
	body, _ := json.Marshal(map[string]string{"title": title, "service": "checkout"})
	return a.must(http.StatusCreated, "POST", "/api/v1/incidents", responderSecret, string(body))["id"].(string)
}

// by carries out a command of a person, as the chat would.
func (a *api) by(who string, cmd incident.Command) *incident.Incident {
	a.t.Helper()
	cmd.Actor = incident.Actor{Kind: incident.KindUser, ID: who}
	cmd.Role, cmd.Source = incident.RoleAdmin, incident.SourceTeams
	inc, err := a.service.Do(a.t.Context(), cmd)
	if err != nil {
		a.t.Fatal(err)
	}
	return inc
}
