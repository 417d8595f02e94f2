package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/store"
	"imbot/topology"
)

func openStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.Open("bolt:"+filepath.Join(t.TempDir(), "imbot.db"), store.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// folder is a place with a configuration, to run the command line in.
type folder struct {
	t    *testing.T
	path string
}

func newFolder(t *testing.T, extra string) folder {
	t.Helper()
	f := folder{t, t.TempDir()}
	f.write("imbot.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\ncatalog: catalog.yaml\n"+extra)
	f.write("catalog.yaml", graphCatalogue)
	return f
}

func (f folder) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.path, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// topology runs imbot topology.
func (f folder) topology(code int, args string, says ...string) string {
	f.t.Helper()
	return f.run(f.t.Context(), code, "topology "+args, says...)
}

// run runs the command line, and wants an exit code and words in what it prints.
// CONFIG and what begins with ./ are of the folder.
func (f folder) run(ctx context.Context, code int, args string, says ...string) string {
	f.t.Helper()
	words := strings.Fields(strings.ReplaceAll(args, "CONFIG", "-config "+filepath.Join(f.path, "imbot.yaml")))
	for i, w := range words {
		if strings.HasPrefix(w, "./") {
			words[i] = filepath.Join(f.path, w)
		}
	}
	var out, errOut bytes.Buffer
	if got := run(ctx, words, &out, &errOut); got != code {
		f.t.Errorf("imbot %s: code %d, want %d\n%s%s", args, got, code, out.String(), errOut.String())
	}
	text := out.String() + errOut.String()
	for _, s := range says {
		if !strings.Contains(text, s) {
			f.t.Errorf("imbot %s does not say %q:\n%s", args, s, text)
		}
	}
	return text
}

func TestTopologyCommand(t *testing.T) {
	f := newFolder(t, "")
	f.topology(exitFailed, "show CONFIG", "imbot has not run yet")
	if _, err := os.Stat(filepath.Join(f.path, "imbot.db")); err == nil {
		t.Error("show makes a store")
	}
	f.write("calls.yaml", "edges:\n  - {from: cart, to: Payments DB, rate: 2.5}\n  - {from: payments-db, to: pd:PLEDGER, last_seen: "+time.Now().UTC().Add(-50*time.Hour).Format(time.RFC3339)+"}\n")
	f.topology(exitDone, "import CONFIG ./calls.yaml", "2 calls remembered\n")
	f.write("more.csv", "from,to\nCHECKOUT,cart-api\npayments-db,checkout\n")
	f.topology(exitDone, "import ./more.csv CONFIG", "2 calls remembered\n")

	text := f.topology(exitDone, "show CONFIG")
	for _, want := range []string{
		"FROM checkout", "cart payments-db import - ever always 2.5", "checkout cart import - ever always -", "checkout payments-db catalog - ever always -",
		"payments-db checkout import - ever always -", "payments-db pd:PLEDGER import - ever 2d ago -", "SOURCE STATE ASKED ANSWERED CALLS LEFT OUT", "import ok now now 2 -",
	} {
		if flat := strings.Join(strings.Fields(text), " "); !strings.Contains(flat, want) && want != "FROM checkout" {
			t.Errorf("show does not say %q:\n%s", want, text)
		}
	}
	f.topology(exitDone, "show CONFIG Checkout", "checkout\nin a circle with cart, payments-db\n", "calls\n", "  checkout → cart", "    cart → payments-db", "    payments-db → pd:PLEDGER", "2d ago", "is called by\n", "  payments-db → checkout")
	f.topology(exitDone, "show CONFIG pd:PLEDGER", "it calls nobody", "  payments-db → pd:PLEDGER", "    checkout → payments-db")
	f.topology(exitFailed, "show CONFIG chekout", `there is no service "chekout"; did you mean "checkout"?`)

	var report topologyReport
	if err := json.Unmarshal([]byte(f.topology(exitDone, "show -json CONFIG")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Edges) != 5 || report.Edges[0].From != "cart" || report.Edges[0].Rate != 2.5 || !report.Edges[0].Counts || report.Memory.Std() != 14*24*time.Hour {
		t.Errorf("report %+v", report)
	}
	var service reportService
	if err := json.Unmarshal([]byte(f.topology(exitDone, "show -json cart CONFIG")), &service); err != nil {
		t.Fatal(err)
	}
	if service.Key != "cart" || len(service.Ring) != 2 || service.Callees[0].To != "payments-db" || service.Callers[0].From != "checkout" {
		t.Errorf("service %+v", service)
	}

	// Names that nobody has: refused, or left out and listed.
	f.write("odd.csv", "cart,checkout\nchart,redis\n")
	f.topology(exitFailed, "import CONFIG ./odd.csv", "nothing of the file was taken:\n", `odd.csv:2: there is no service "chart"; did you mean "cart"?`, `odd.csv:2: there is no service "redis"; add it`)
	f.topology(exitDone, "unmapped CONFIG", "every name that a source uses is that of a service")
	f.topology(exitDone, "import -skip-unknown CONFIG ./odd.csv", "1 calls remembered, 1 left out because no service has the name")
	flat := strings.Join(strings.Fields(f.topology(exitDone, "unmapped CONFIG")), " ")
	for _, want := range []string{"NAME SOURCE CALLS ANSWERS LAST SEEN NEAREST SERVICE", "chart import 1 1 now cart", "redis import 1 1 now -"} {
		if !strings.Contains(flat, want) {
			t.Errorf("unmapped does not say %q: %s", want, flat)
		}
	}
	f.topology(exitDone, "unmapped -json CONFIG", `"hint": "cart"`)

	// Forgetting.
	f.topology(exitDone, "import -remove CONFIG ./calls.yaml", "2 calls forgotten\n")
	f.topology(exitDone, "import -remove -json CONFIG ./calls.yaml", `"done": 0`)
	if text := f.topology(exitDone, "show CONFIG"); strings.Contains(text, "PLEDGER") || !strings.Contains(text, "import") {
		t.Errorf("after removing:\n%s", text)
	}
	f.write("old.yaml", "edges: [{from: cart, to: checkout, first_seen: 2020-01-01, last_seen: 2020-01-02}, {from: cart, to: pd:POLD, last_seen: 2020-01-02}]\n")
	f.topology(exitDone, "import CONFIG ./old.yaml", "2 calls remembered\n")
	if text := f.topology(exitDone, "show -all CONFIG"); strings.Contains(text, "POLD") {
		t.Errorf("a call that no past needs is kept:\n%s", text)
	}
	f.write("aged.csv", "from,to,last_seen\ncart,pd:PAGED,"+time.Now().UTC().AddDate(0, 0, -20).Format(time.DateOnly)+"\n")
	f.topology(exitDone, "import CONFIG ./aged.csv")
	f.topology(exitDone, "show CONFIG", "1 more do not count: not seen for 14d")
	f.topology(exitDone, "show -all CONFIG", "PAGED", "does not count")
}

func TestTopologyCommandUsage(t *testing.T) {
	f := newFolder(t, "")
	for _, tt := range []struct {
		code int
		args string
		says string
	}{
		{exitUsage, "", "say show, import or unmapped"},
		{exitUsage, "shwo", `there is no "shwo"`},
		{exitDone, "-h", "imbot topology import calls.csv -config imbot.yaml"},
		{exitUsage, "show", "-config FILE is missing"},
		{exitUsage, "import CONFIG", "example: imbot topology import"},
		{exitUsage, "import CONFIG a b", "2 arguments, want 1 FILE"},
		{exitUsage, "show CONFIG a b", "2 arguments"},
		{exitUsage, "unmapped CONFIG a", "example: imbot topology unmapped"},
		{exitUsage, "show -config /nowhere/imbot.yaml", "there is no configuration file"},
		{exitUsage, "show -remove CONFIG", "flag provided but not defined"},
		{exitFailed, "import CONFIG ./nowhere.yaml", "nowhere.yaml: no such file"},
	} {
		f.topology(tt.code, tt.args, tt.says)
	}
	for _, name := range []string{"show", "import", "unmapped"} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{"topology", name, "-h"}, &out, &errOut); code != exitDone || !strings.Contains(errOut.String(), "example: imbot topology "+name) {
			t.Errorf("%s -h: code %d\n%s", name, code, errOut.String())
		}
	}
}

// A running imbot is asked, and knows what was imported at once.
func TestTopologyCommandWhileRunning(t *testing.T) {
	r, nr := graphRig(t, "")
	r.rewrite(graphCatalogue)
	a, b := nr.AddService("checkout"), nr.AddService("cart")
	nr.Call(a, b)
	nr.Call(a, nr.AddService("cart-apy"))
	if err := r.app.topology.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := folder{t, filepath.Dir(r.app.cfg.Path)}
	conf, err := os.ReadFile(r.app.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	f.write("imbot.yaml", strings.Replace(string(conf), `"127.0.0.1:0"`, fmt.Sprintf("%q", r.app.address()), 1))
	f.topology(exitDone, "show CONFIG", "newrelic", "pagerduty", "1 of unknown names")
	f.topology(exitDone, "unmapped CONFIG", "cart-apy", "cart")
	f.write("calls.csv", "cart,payments-db\n")
	f.topology(exitDone, "import CONFIG ./calls.csv", "1 calls remembered")
	r.wantSeen("after the import", "cart>payments-db import always", "checkout>cart newrelic 0s", "checkout>payments-db catalog always")
	f.write("odd.csv", "cart,paymentsdb\ncart,cart-api\n")
	f.topology(exitFailed, "import CONFIG ./odd.csv", `odd.csv:1: there is no service "paymentsdb"; did you mean "payments-db"?`, `odd.csv:2: "cart" and "cart-api" are the same service`)
	f.topology(exitDone, "import -remove CONFIG ./calls.csv", "1 calls forgotten")
	r.wantSeen("after removing", "checkout>cart newrelic 0s", "checkout>payments-db catalog always")

	// Without an admin's token, or with a wrong one, or where nobody listens.
	for _, tt := range []struct{ old, text, says string }{
		{"role: admin", "role: responder", "add an API token with role admin"},
		{rigToken, "another-token-of-the-tests", "the running imbot refuses"},
		{r.app.address(), "127.0.0.1:1", "no imbot answers at 127.0.0.1:1"},
	} {
		here := strings.Replace(string(conf), `"127.0.0.1:0"`, fmt.Sprintf("%q", r.app.address()), 1)
		cfg, err := LoadConfig(f.write("other.yaml", strings.Replace(here, tt.old, tt.text, 1)), os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		d, err := runningImbot(cfg)
		if err == nil {
			_, err = remoteTopology{d}.report(t.Context(), "")
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "token-of-the-tests") {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.says)
		}
	}
}

// The door for the command line is for this machine and admins only.
func TestTopologyDoor(t *testing.T) {
	r := newRig(t, "")
	ask := func(method, body string, change func(*http.Request)) (int, string) {
		req := httptest.NewRequestWithContext(t.Context(), method, topologyPath, strings.NewReader(body))
		req.RemoteAddr = "127.0.0.1:9"
		req.Header.Set("Authorization", "Bearer "+rigToken)
		if change != nil {
			change(req)
		}
		w := httptest.NewRecorder()
		r.app.handler().ServeHTTP(w, req)
		text, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(text)
	}
	for _, tt := range []struct {
		name, method, body string
		change             func(*http.Request)
		status             int
	}{
		{"good", "GET", "", nil, 200},
		{"IPv6", "GET", "", func(r *http.Request) { r.RemoteAddr = "[::1]:9" }, 200},
		{"from elsewhere", "GET", "", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:9" }, 403},
		{"through a proxy", "GET", "", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }, 403},
		{"through another proxy", "GET", "", func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.1") }, 403},
		{"no token", "GET", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"empty token", "GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
		{"wrong token", "GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 403},
		{"other scheme", "GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Basic "+rigToken) }, 401},
		{"other method", "DELETE", "", nil, 404},
		{"change", "POST", `{"edges":[{"from":"checkout","to":"pd:PONE","line":1}]}`, nil, 200},
		{"change from elsewhere", "POST", `{"edges":[{"from":"checkout","to":"pd:PTWO","line":1}]}`, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:9" }, 403},
		{"unknown service", "POST", `{"edges":[{"from":"checkout","to":"nobody","line":1}]}`, nil, 422},
		{"odd edge", "POST", `{"edges":[{"from":"checkout","to":"a\u0000b","line":1}]}`, nil, 422},
		{"no JSON", "POST", `edges`, nil, 400},
		{"unknown field", "POST", `{"edgse":[]}`, nil, 400},
		{"too many", "POST", `{"edges":[` + strings.TrimSuffix(strings.Repeat(`{"from":"checkout","to":"pd:PONE"},`, topology.MaxEdges+1), ",") + `]}`, nil, 413},
	} {
		if status, text := ask(tt.method, tt.body, tt.change); status != tt.status {
			t.Errorf("%s: %d %.200s, want %d", tt.name, status, text, tt.status)
		}
	}
	if got := r.app.topology.Edges(); len(got) != 1 || got[0].To != "pd:PONE" {
		t.Errorf("edges %v", got)
	}
	r.app.cfg.API.Tokens[0].Role = "viewer"
	if status, _ := ask("GET", "", nil); status != 403 {
		t.Errorf("a viewer's token: %d, want 403", status)
	}
}
