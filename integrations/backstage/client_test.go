package backstage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/internal/rig"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// item is an entity as Backstage answers it: relations are "type target".
func item(kind, namespace, name, typ string, relations ...string) map[string]any {
	all := []any{}
	for _, r := range relations {
		what, target, _ := strings.Cut(r, " ")
		all = append(all, map[string]any{"type": what, "targetRef": target})
	}
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	return map[string]any{"kind": kind, "metadata": metadata, "spec": map[string]any{"type": typ}, "relations": all}
}

// catalog answers as Backstage does: filters, pages of size entities, and a
// cursor that stands for everything but fields and limit.
type catalog struct {
	items    []map[string]any
	size     int
	requests []*http.Request
}

func (c *catalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests = append(c.requests, r)
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/api/catalog/entities/by-query" {
		http.NotFound(w, r)
		return
	}
	filters, start := q["filter"], 0
	if cursor := q.Get("cursor"); cursor != "" {
		if len(filters) > 0 {
			http.Error(w, `{"error":{"message":"a cursor comes with fields and limit only"}}`, http.StatusBadRequest)
			return
		}
		first, rest, _ := strings.Cut(cursor, " ")
		start, _ = strconv.Atoi(first)
		filters = strings.Split(rest, ",")
	}
	var found []map[string]any
	for _, e := range c.items {
		if slices.Contains(filters, "kind="+strings.ToLower(e["kind"].(string))) {
			found = append(found, e)
		}
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	end := min(start+min(limit, c.size), len(found))
	info := map[string]any{}
	if end < len(found) {
		info["nextCursor"] = fmt.Sprintf("%d %s", end, strings.Join(filters, ","))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": found[start:end], "totalItems": len(found), "pageInfo": info})
}

func serve(t testing.TB, h http.Handler, c Config) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c.URL, c.Now = server.URL, func() time.Time { return now }
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestEdges(t *testing.T) {
	backstage := &catalog{size: 2, items: []map[string]any{
		item("Component", "default", "Web", "website", "consumesApi api:default/cart-api", "dependsOn component:default/mailer", "ownedBy group:default/shop"),
		item("Component", "", "cart", "service", "providesApi api:default/cart-api", "dependsOn resource:data/cart-db", "dependencyOf component:default/web"),
		item("Component", "canary", "cart", "service", "providesApi api:default/cart-api", "consumesApi api:default/cart-api"),
		item("API", "default", "cart-api", "openapi", "apiConsumedBy component:default/web", "apiProvidedBy component:default/cart"),
		item("API", "default", "orders", "asyncapi", "apiConsumedBy component:default/mailer", "apiProvidedBy component:default/cart"),
		item("API", "default", "stripe", "openapi", "apiConsumedBy component:default/cart"),
		item("Resource", "data", "cart-db", "Database", "dependsOn resource:data/disk"),
		item("Resource", "data", "disk", "volume"),
		item("System", "default", "shop", "x", "dependsOn component:default/web"),
	}}
	c := serve(t, backstage, Config{Token: "static-token"})
	got, err := c.Edges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	edge := func(from, to, fromRef, toRef, kind string) Edge {
		return Edge{From: from, To: to, FromRef: fromRef, ToRef: toRef, Kind: kind, At: now}
	}
	const web, cart, canary, mailer, db = "component:default/web", "component:default/cart", "component:canary/cart", "component:default/mailer", "resource:data/cart-db"
	want := []Edge{
		edge("Web", "canary/cart", web, canary, KindHTTP),
		edge("Web", "cart", web, cart, KindDependency),
		edge("Web", "cart", web, cart, KindHTTP),
		edge("Web", "mailer", web, mailer, KindDependency),
		edge("canary/cart", "cart", canary, cart, KindHTTP),
		edge("cart", "data/cart-db", cart, db, KindDB),
		edge("data/cart-db", "data/disk", db, "resource:data/disk", KindDependency),
		edge("mailer", "cart", mailer, cart, KindQueue),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Edges (-want +got):\n%s", d)
	}
	first := url.Values{
		"filter": {"kind=component", "kind=resource", "kind=api"}, "limit": {"500"},
		"fields": {"kind,metadata.name,metadata.namespace,spec.type,relations"},
	}
	if d := cmp.Diff(first, backstage.requests[0].URL.Query()); d != "" || len(backstage.requests) != 4 {
		t.Errorf("%d requests; the first (-want +got):\n%s", len(backstage.requests), d)
	}
	for _, r := range backstage.requests {
		if r.Header.Get("Authorization") != "Bearer static-token" {
			t.Errorf("Authorization %q", r.Header.Get("Authorization"))
		}
	}
	if n, err := c.Check(t.Context()); n != 3 || err != nil {
		t.Errorf("Check = %d, %v, want 3 components", n, err)
	}
}

// wantError wants an *Error that says something, and neither secrets nor where.
func wantError(t testing.TB, what string, err error, status int, permanent bool, says string) *Error {
	t.Helper()
	e := rig.Failed(t, what, err, func(e *Error) int { return e.Status }, status, permanent)
	rig.Says(t, what, err, says, "static-token")
	return e
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name      string
		handler   http.HandlerFunc
		status    int
		permanent bool
		says      string
	}{
		{"no token", rig.Status(401, `{"error":{"name":"AuthenticationError","message":"Missing\ncredentials"}}`), 401, true, "Missing credentials; check the token"},
		{"forbidden", rig.Status(403, ``), 403, true, "check the token"},
		{"old", rig.Status(404, `<html>`), 404, true, "1.12"},
		{"sign-in page", rig.Status(302, ``), 302, true, "redirects are not followed"},
		{"bad", rig.Status(400, `{"error":7}`), 400, true, "bad request"},
		{"too many", rig.Status(429, ``), 429, false, "too many requests"},
		{"down", rig.Status(503, ``), 503, false, "service unavailable"},
		{"request time-out", rig.Status(408, ``), 408, false, "request timeout"},
		{"a page", rig.Text("<html>"), 200, false, "is this the address of Backstage"},
		{"something", rig.Text("{}"), 200, false, "is no page of entities"},
		{"other types", rig.Text(`{"items":{},"pageInfo":7}`), 200, false, "not understood"},
		{"dropped", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, false, "did not answer"},
	} {
		c := serve(t, tt.handler, Config{Token: "static-token"})
		_, err := c.Edges(t.Context())
		e := wantError(t, tt.name, err, tt.status, tt.permanent, tt.says)
		if wait := e.RetryAfter(); (wait == 9*time.Second) != (tt.status == 429 || tt.status == 503) {
			t.Errorf("%s: RetryAfter = %v", tt.name, wait)
		}
		if _, err := c.Check(t.Context()); err == nil {
			t.Errorf("%s: Check succeeded", tt.name)
		}
	}
}

func TestHostile(t *testing.T) {
	page := 0
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		config  Config
		says    string
	}{
		{"cursor loop", rig.Text(`{"items":[],"pageInfo":{"nextCursor":"same"}}`), Config{}, "same page mark twice"},
		{"endless pages", func(w http.ResponseWriter, _ *http.Request) {
			page++
			fmt.Fprintf(w, `{"items":[],"pageInfo":{"nextCursor":"%d"}}`, page)
		}, Config{}, "more than 1000 pages"},
		{"a million entities", func(w http.ResponseWriter, _ *http.Request) {
			out := bufio.NewWriter(w)
			defer out.Flush()
			fmt.Fprint(out, `{"pageInfo":{},"items":[null`)
			for n := range 1_000_000 {
				if _, err := fmt.Fprintf(out, `,{"kind":"Component","metadata":{"name":"c%d"}}`, n); err != nil {
					return
				}
			}
			fmt.Fprint(out, `]}`)
		}, Config{}, "longer than 16 MB"},
		{"more entities than wanted", (&catalog{size: 9, items: []map[string]any{item("Component", "", "a", ""), item("Component", "", "b", "")}}).ServeHTTP, Config{MaxEntities: 1}, "more than 1 entities"},
		{"more edges than wanted", (&catalog{size: 9, items: []map[string]any{item("Component", "", "a", "", "dependsOn component:default/b", "dependsOn component:default/c")}}).ServeHTTP, Config{MaxEdges: 1}, "more than 1 edges"},
	} {
		if _, err := serve(t, tt.handler, tt.config).Edges(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestOddEntities(t *testing.T) {
	c := serve(t, rig.Text(`{"pageInfo":{"nextCursor":null},"items":[null,{"kind":7},
		{"kind":"component","metadata":{"name":"web"},"spec":{"type":{"x":1}},"relations":[
			{"type":"dependsOn","targetRef":"component:default/a\u0000b"},{"type":"dependsOn","targetRef":"component:default/a\u202eb"},
			{"type":"dependsOn","targetRef":"component:default/a b"},{"type":"dependsOn","targetRef":"default/noKind"},
			{"type":"dependsOn","targetRef":"component:x"},{"type":"dependsOn","targetRef":"group:default/x"},{"type":"dependsOn","targetRef":"`+strings.Repeat("x", 1000)+`"},
			{"type":"dependsOn","targetRef":"component:default/web"},{"type":"dependsOn","targetRef":"COMPONENT:default/WEB"},{"type":"dependsOn"}]},
		{"kind":"component","metadata":{"name":"web"},"relations":[{"type":"dependsOn","targetRef":"component:default/second"}]},
		{"kind":"component","metadata":{"name":"a:b"},"relations":[{"type":"dependsOn","targetRef":"component:default/second"}]},
		{"kind":"component","metadata":{"name":""},"relations":[{"type":"dependsOn","targetRef":"component:default/second"}]}]}`), Config{})
	got, err := c.Edges(t.Context())
	want := []Edge{{From: "web", To: "x", FromRef: "component:default/web", ToRef: "component:default/x", Kind: KindDependency, At: now}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("Edges: %v (-want +got):\n%s", err, d)
	}
}

func TestSlow(t *testing.T) {
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for name, c := range map[string]Config{"a page": {Timeout: 20 * time.Millisecond}, "all": {Total: 20 * time.Millisecond}} {
		_, err := serve(t, hang, c).Edges(t.Context())
		wantError(t, name, err, 0, false, "did not answer")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want a time-out", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serve(t, hang, Config{}).Edges(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name, url, token string
		says             string // of the error; empty: none
		want             string
	}{
		{"plain", "https://b.example.com/", "", "", "https://b.example.com/api/catalog/entities/by-query"},
		{"path", "https://b.example.com/backstage", "", "", "https://b.example.com/backstage/api/catalog/entities/by-query"},
		{"catalog", "https://b.example.com/api/catalog", "", "", "https://b.example.com/api/catalog/entities/by-query"},
		{"loopback", "http://localhost:7007", "t", "", "http://localhost:7007/api/catalog/entities/by-query"},
		{"none", "", "", "must look like", ""},
		{"http", "http://b.example.com", "", "must be https", ""},
		{"password", "https://u:p@b.example.com", "", "must look like", ""},
		{"token", "https://b.example.com", "a\nb", "copy it again", ""},
	} {
		c, err := New(Config{URL: tt.url, Token: tt.token})
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: New = %v, want %q", tt.name, err, tt.says)
		}
		if err == nil && c.url != tt.want {
			t.Errorf("%s: URL %s, want %s", tt.name, c.url, tt.want)
		}
	}
}

func FuzzDecodePage(f *testing.F) {
	f.Add([]byte(`{"items":[{"kind":"Component","metadata":{"name":"web","namespace":"x"},"spec":{"type":"service"},"relations":[{"type":"dependsOn","targetRef":"component:default/cart"}]}],"pageInfo":{}}`))
	f.Add([]byte(`{"items":[{"kind":"API","metadata":{"name":"a"},"relations":[{"type":"apiProvidedBy","targetRef":"component:a/b"},{"type":"apiConsumedBy","targetRef":"component:a/c"}]}],"pageInfo":{}}`))
	f.Add([]byte(`{"items":[null,7,{"kind":[]}],"pageInfo":{"nextCursor":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, e := decodePage(body)
		if e != nil {
			if e.Message == "" || page != nil {
				t.Errorf("decodePage = %v, %v", page, e)
			}
			return
		}
		checkJoin(t, page.entities)
	})
}

// checkJoin joins entities, and looks for edges that can't be used.
func checkJoin(t *testing.T, all []Entity) {
	t.Helper()
	edges, err := Join(all, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edges {
		if e.FromRef == e.ToRef || e.From == "" || e.To == "" || e.Kind == "" || len(e.From)+len(e.To) > 4*maxPart+2 || strings.ContainsAny(e.From+e.To+e.FromRef+e.ToRef, "\r\n\x00\u202e ") {
			t.Errorf("edge %+v", e)
		}
	}
	if again, _ := Join(all, now, 0); !cmp.Equal(edges, again) {
		t.Errorf("Join is not the same twice: %v, %v", edges, again)
	}
}
