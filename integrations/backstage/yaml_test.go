package backstage

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const shop = `# the shop
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Web
  annotations: {github.com/project-slug: shop/web}
  description: |
    dependsOn: [nothing]
spec:
  type: website
  owner: group:shop
  dependsOn:
    - cart            # a component
    - resource:sessions
    - component:payments/ledger
  consumesApis: [cart-api, "api:payments/ledger-api"]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: cart
spec:
  type: service
  providesApis:
    - cart-api
  dependsOn: &needs
    - resource:data/cart-db
---
---
kind: API
metadata: {name: cart-api}
spec:
  type: openapi
  definition: |
    openapi: 3.0.0
    paths: {}
---
kind: Component
metadata: {name: ledger, namespace: payments}
spec:
  type: service
  providesApis: [ledger-api]
  dependsOn: &both [resource:ledger-db, *extra]
  dependencyOf: [audit]
  x: &extra queue
---
kind: Resource
metadata: {name: cart-db, namespace: data}
spec: {type: postgres, dependencyOf: ['component:default/report']}
---
kind: Location
metadata: {name: all}
spec: {targets: [./a.yaml]}
---
kind: Component
metadata: {name: 123}
spec:
`

func TestParseCatalogInfo(t *testing.T) {
	entities, err := ParseCatalogInfo([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entity{
		{
			Kind: "component", Namespace: "default", Name: "Web", Type: "website",
			DependsOn: []string{"component:default/cart", "resource:default/sessions", "component:payments/ledger"},
			Consumes:  []string{"api:default/cart-api", "api:payments/ledger-api"},
		},
		{Kind: "component", Namespace: "default", Name: "cart", Type: "service", DependsOn: []string{"resource:data/cart-db"}, Provides: []string{"api:default/cart-api"}},
		{Kind: "api", Namespace: "default", Name: "cart-api", Type: "openapi"},
		{
			Kind: "component", Namespace: "payments", Name: "ledger", Type: "service",
			DependsOn:    []string{"resource:payments/ledger-db", "component:payments/queue"},
			DependencyOf: []string{"component:payments/audit"}, Provides: []string{"api:payments/ledger-api"},
		},
		{Kind: "resource", Namespace: "data", Name: "cart-db", Type: "postgres", DependencyOf: []string{"component:default/report"}},
		{Kind: "component", Namespace: "default", Name: "123"},
	}
	if d := cmp.Diff(want, entities); d != "" {
		t.Errorf("ParseCatalogInfo (-want +got):\n%s", d)
	}
	edges, err := Join(entities, now, 0)
	var got []string
	for _, e := range edges {
		got = append(got, e.From+" "+e.Kind+" "+e.To)
	}
	if d := cmp.Diff([]string{
		"Web dependency cart", "Web http cart", "Web dependency payments/ledger", "Web http payments/ledger", "Web dependency sessions",
		"cart db data/cart-db", "payments/audit dependency payments/ledger", "payments/ledger dependency payments/ledger-db", "payments/ledger dependency payments/queue",
		"report db data/cart-db",
	}, got); d != "" || err != nil {
		t.Errorf("Join: %v (-want +got):\n%s", err, d)
	}
}

func TestParseCatalogInfoNothing(t *testing.T) {
	for _, s := range []string{"", "\n", "# only a comment\n", "---\n---\n", "null\n", "kind: Group\nmetadata: {name: x}\n"} {
		if got, err := ParseCatalogInfo([]byte(s)); len(got) != 0 || err != nil {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestParseCatalogInfoErrors(t *testing.T) {
	const head = "kind: Component\nmetadata: {name: x}\nspec:\n"
	for _, tt := range []struct {
		name, file string
		line       int
		says       string
	}{
		{"no YAML", "kind: [Component\n", 1, "not YAML"},
		{"tabs", "kind: Component\nmetadata:\n\tname: x\n", 3, "not YAML"},
		{"no map", "- kind: Component\n", 1, "keys and values"},
		{"no kind", "metadata: {name: x}\n", 1, "has no kind"},
		{"no name", "kind: Component\n", 1, `"" can't be the name`},
		{"odd name", "kind: Component\nmetadata: {name: 'a b'}\n", 1, `"a b" can't be the name`},
		{"odd namespace", "kind: Component\nmetadata: {name: x, namespace: 'a/b'}\n", 1, "its namespace"},
		{"metadata no map", "kind: Component\nmetadata: x\n", 2, "metadata should be keys and values"},
		{"name no text", "kind: Component\nmetadata: {name: [x]}\n", 2, "metadata.name should be a text"},
		{"no list", head + "  dependsOn: component:y\n", 4, "should be a list"},
		{"list of lists", head + "  dependsOn: [[y]]\n", 4, "list of texts"},
		{"list of nothing", head + "  dependsOn:\n    - y\n    -\n", 6, "list of texts"},
		{"odd reference", head + "  dependsOn:\n    - 'a:b:c'\n", 5, `spec.dependsOn: "a:b:c" is no reference`},
		{"control characters", head + "  dependsOn: [\"a\\u0000b\"]\n", 4, `"a b" is no reference`},
		{"no anchor", head + "  dependsOn: *all\n", 4, "no anchor"},
		{"own anchor", head + "  dependsOn: &a [*a]\n", 4, "list of texts"},
		{"anchor of another document", "kind: Group\nx: &a [y]\n---\n" + head + "  dependsOn: *a\n", 7, "no anchor"},
		{"merge key", head + "  <<: {dependsOn: [y]}\n", 4, "merge keys"},
		{"tag", "kind: !!str Component\n", 1, "tags"},
		{"complex key", "? kind\n: Component\n", 1, "? "},
		{"second document", "kind: Group\n---\nkind: Component\n", 3, "can't be the name"},
		{"no UTF-8", "kind: \xff\n", 0, "UTF-8"},
		{"large", strings.Repeat("# x\n", maxFile/4+1), 0, "larger than 1 MB"},
		{"words", "kind: [" + strings.Repeat("x,", maxTokens/2) + "]\n", 1, "words and signs"},
		{"brackets", "kind: " + strings.Repeat("[", 10_000), 1, "nested too deeply"},
		{"one-line lists", strings.Repeat("- ", 10_000) + "x\n", 1, "nested too deeply"},
		{"keys", manyKeys(maxKeys + 1), maxKeys + 1, "more than 1000 keys"},
		{"documents", strings.Repeat("---\n", maxDocs+1), maxDocs + 1, "more than 1000 documents"},
		{"anchors", "kind: [" + strings.Repeat("&a x,", maxAnchors+1) + "]\n", 1, "anchors"},
		{"aliases", "a: &a x\nkind: [" + strings.Repeat("*a,", maxAliases+1) + "]\n", 2, "aliases"},
	} {
		began := time.Now()
		got, err := ParseCatalogInfo([]byte(tt.file))
		var e *FileError
		if !errors.As(err, &e) || e.Line != tt.line || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\n\x00") || got != nil {
			t.Errorf("%s: %v, %v, want line %d and %q", tt.name, got, err, tt.line, tt.says)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %v", tt.name, took)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: x\n", i)
	}
	return b.String()
}

// Aliases of aliases don't make more of the file than is in it.
func TestBillionLaughs(t *testing.T) {
	var b strings.Builder
	b.WriteString("kind: Component\nmetadata: {name: x}\nx:\n  a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for n := 1; n < 30; n++ {
		fmt.Fprintf(&b, "  a%d: &a%d [%s]\n", n, n, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", n-1), 10), ","))
	}
	b.WriteString("spec:\n  type: service\n  dependsOn: *a0\n")
	got, err := ParseCatalogInfo([]byte(b.String()))
	if err != nil || len(got) != 1 || len(got[0].DependsOn) != 10 {
		t.Errorf("ParseCatalogInfo = %v, %v", got, err)
	}
	if _, err := ParseCatalogInfo([]byte(strings.Replace(b.String(), "dependsOn: *a0", "dependsOn: *a29", 1))); err == nil {
		t.Error("a list of lists was accepted")
	}
}

func TestParseRef(t *testing.T) {
	for _, tt := range []struct{ in, want string }{ // want is empty for an error
		{"x", "component:ns/x"},
		{"Other/X", "component:other/x"},
		{"API:x", "api:ns/x"},
		{"resource:a/b", "resource:a/b"},
		{"", ""},
		{":x", ""},
		{"/x", ""},
		{"a:b/", ""},
		{"a/b/c", ""},
		{"a:b:c", ""},
		{"a/b:c", ""},
		{"a b", ""},
		{"x\x00", ""},
		{"x\u202e", ""},
		{"x\xff", ""},
		{strings.Repeat("x", maxPart+1), ""},
	} {
		r, err := ParseRef(tt.in, "component", "ns")
		if (err != nil) != (tt.want == "") || err == nil && r.String() != tt.want {
			t.Errorf("ParseRef(%q) = %v, %v, want %q", tt.in, r, err, tt.want)
		}
	}
}

// A provider and a consumer of many APIs are one edge; many of both are bounded.
func TestJoinBounds(t *testing.T) {
	var many []Entity
	api := Entity{Kind: "api", Namespace: "default", Name: "all"}
	for n := range 2000 {
		e := Entity{Kind: "component", Namespace: "default", Name: fmt.Sprint("c", n)}
		e.Provides, e.Consumes = []string{api.Ref()}, []string{api.Ref()}
		many = append(many, e)
	}
	if _, err := Join(many, now, 0); err == nil || !strings.Contains(err.Error(), "more than 100000 edges") {
		t.Errorf("Join = %v, want that four million edges are too many", err)
	}
	if edges, err := Join(many[:200], now, 200*199); len(edges) != 200*199 || err != nil {
		t.Errorf("Join = %d edges, %v", len(edges), err)
	}
}

func TestResourceKind(t *testing.T) {
	for typ, want := range map[string]string{
		"database": KindDB, "PostgreSQL": KindDB, "db": KindDB, "aws-db-instance": KindDB, "dynamodb": KindDB, "redis-cache": KindDB,
		"queue": KindQueue, "kafka-topic": KindQueue, "redis-queue": KindQueue, "Service-Bus": KindQueue,
		"": KindDependency, "s3-bucket": KindDependency, "feedback-form": KindDependency,
	} {
		if got := resourceKind(typ); got != want {
			t.Errorf("resourceKind(%q) = %q, want %q", typ, got, want)
		}
	}
}

func FuzzParseCatalogInfo(f *testing.F) {
	for _, s := range []string{
		shop, "kind: Component\nmetadata: {name: x}\nspec: {dependsOn: [&a y, *a]}\n", "kind: API\nmetadata: &m {name: *m}", "kind: &a *a", "---\n...\n---",
		"kind: Component\nmetadata:\n  name: >-\n    x\nspec:\n  dependsOn:\n  - 1\n  - true\n  - 2.5\n", "kind: resource\nmetadata: {name: \"\\u202e\"}", "a: {b: [c, {d: e}]}", "\"", "&a", "- - -", "k: |\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := ParseCatalogInfo(data)
		if err != nil {
			var e *FileError
			if !errors.As(err, &e) || e.Text == "" || len(e.Text) > 1000 || strings.ContainsAny(e.Text, "\r\n\x00") {
				t.Errorf("error %q", err)
			}
			return
		}
		checkJoin(t, all)
	})
}
