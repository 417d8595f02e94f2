package confluence_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
)

const html = "<html><head><title>Log in</title></head><body>hunter2</body></html>"

// What can be tried again, and what Confluence's words become.
func TestErrors(t *testing.T) {
	const js = "application/json"
	for name, tt := range map[string]struct {
		fault     confluencesim.Fault
		status    int
		permanent bool
		done      bool
		after     time.Duration
		want      string
	}{
		"400":             {confluencesim.Fault{Status: 400, Body: `{"errors":[{"status":400,"code":"INVALID_REQUEST_PARAMETER","title":"bad","detail":"worse"}]}`, Type: js}, 400, true, false, 0, "bad; worse (status 400)"},
		"400 version 1":   {confluencesim.Fault{Status: 400, Body: `{"statusCode":400,"data":{},"message":"com.atlassian.api.service.exceptions.api.BadRequestException: Error parsing xhtml"}`, Type: js}, 400, true, false, 0, ": Error parsing xhtml (status 400)"},
		"401":             {confluencesim.Fault{Status: 401}, 401, true, false, 0, "make a new one"},
		"403":             {confluencesim.Fault{Status: 403, Body: `{"code":403,"message":"scope does not match"}`, Type: js}, 403, true, false, 0, "scope does not match; the user may not"},
		"404":             {confluencesim.Fault{Status: 404}, 404, true, false, 0, "check that the space OPS"},
		"404 HTML":        {confluencesim.Fault{Status: 404, Body: html}, 404, true, false, 0, "not found"},
		"408":             {confluencesim.Fault{Status: 408}, 408, false, true, 0, ""},
		"410":             {confluencesim.Fault{Status: 410}, 410, true, false, 0, ""},
		"413":             {confluencesim.Fault{Status: 413}, 413, true, false, 0, ""},
		"429":             {confluencesim.Fault{Status: 429, RetryAfter: 77 * time.Second}, 429, false, false, 77 * time.Second, ""},
		"429 no time":     {confluencesim.Fault{Status: 429}, 429, false, false, 0, "Too Many Requests"},
		"429 HTML":        {confluencesim.Fault{Status: 429, Body: html, RetryAfter: 3 * time.Second}, 429, false, false, 3 * time.Second, "too many requests"},
		"500":             {confluencesim.Fault{Status: 500}, 500, false, true, 0, ""},
		"502 HTML":        {confluencesim.Fault{Status: 502, Body: html}, 502, false, true, 0, "bad gateway"},
		"503 with a time": {confluencesim.Fault{Status: 503, RetryAfter: 9 * time.Second}, 503, false, true, 9 * time.Second, ""},
		"504 done":        {confluencesim.Fault{Status: 504, After: true}, 504, false, true, 0, ""},
		"302":             {confluencesim.Fault{Status: 302, Body: html}, 302, true, false, 0, "redirects are not followed"},
		"login page":      {confluencesim.Fault{Status: 200, Body: html}, 200, false, true, 0, "no JSON"},
		"not understood":  {confluencesim.Fault{Status: 200, Body: `{"id":`, Type: js}, 200, false, true, 0, "not understood"},
		"null":            {confluencesim.Fault{Status: 200, Body: `null`, Type: js}, 200, false, true, 0, "not understood"},
		"too long":        {confluencesim.Fault{Status: 200, Body: strings.Repeat(" ", 33<<20), Type: js}, 200, false, true, 0, "longer than"},
		"no answer":       {confluencesim.Fault{Drop: true}, 0, false, true, 0, "did not answer"},
		"odd status":      {confluencesim.Fault{Status: 499, Body: "x"}, 499, true, false, 0, "status 499"},
		"errors no list":  {confluencesim.Fault{Status: 400, Body: `{"errors":"a","message":{"b":1}}`, Type: js}, 400, true, false, 0, "bad request"},
		"hostile":         {confluencesim.Fault{Status: 400, Body: `{"message":"a\nb\u202ec` + strings.Repeat("x", 5000) + `"}`, Type: js}, 400, true, false, 0, "a b cx"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
			tt.fault.Method = http.MethodPost
			sim.Inject(tt.fault)
			_, err := c.Put(t.Context(), page(), "")
			e := wantError(t, name, err, tt.status, tt.permanent)
			if e.MayBeDone() != tt.done || e.RetryAfter() != tt.after || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("%v: may be done %v, retry after %s; want %v, %s, %q", e, e.MayBeDone(), e.RetryAfter(), tt.done, tt.after, tt.want)
			}
			if s := e.Error(); len(s) > 800 || strings.ContainsAny(s, "\n\u202e") || strings.Contains(s, "hunter2") {
				t.Errorf("the error is %d bytes: %.900q", len(s), s)
			}
			if n := writes(sim); n != 1 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// Wherever Put is refused, it ends, and without a write that was not asked for.
func TestFaultsAtEachStep(t *testing.T) {
	for _, path := range []string{"/wiki/api/v2/spaces", "/wiki/api/v2/pages", "/wiki/api/v2/pages/"} {
		for _, status := range []int{401, 403, 429, 500, 503} {
			sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
			known := ""
			if path == "/wiki/api/v2/pages/" {
				known = put(t, c, page(), "").ID
			}
			before := writes(sim)
			sim.Inject(confluencesim.Fault{Method: http.MethodGet, Path: path, Status: status, Times: 1, RetryAfter: 5 * time.Second})
			_, err := c.Put(t.Context(), page(), known)
			e := wantError(t, path, err, status, status < 429)
			if want := 5 * time.Second; (e.RetryAfter() == want) != (status >= 429) || e.MayBeDone() {
				t.Errorf("%s %d: retry after %s, may be done %v", path, status, e.RetryAfter(), e.MayBeDone())
			}
			if n := writes(sim); n != before {
				t.Errorf("%s %d: %d writes", path, status, n-before)
			}
			put(t, c, page(), known)
			if n := len(sim.Pages()); n != 1 {
				t.Errorf("%d pages", n)
			}
		}
	}
}

// What Confluence answers is not taken on trust.
func TestOddAnswers(t *testing.T) {
	const js = "application/json"
	for name, tt := range map[string]struct{ path, body, known string }{
		"spaces":       {"/wiki/api/v2/spaces", `{"results":[{"id":"../../x","key":"OPS"}]}`, ""},
		"null space":   {"/wiki/api/v2/spaces", `{"results":[null]}`, ""},
		"no list":      {"/wiki/api/v2/pages", `[]`, ""},
		"page no id":   {"/wiki/api/v2/pages/", `{"status":"current"}`, "7"},
		"page null":    {"/wiki/api/v2/pages/", `null`, "7"},
		"page version": {"/wiki/api/v2/pages/", `{"id":"7","spaceId":"1","status":"current"}`, "7"},
		"links":        {"/wiki/api/v2/pages", `{"results":[],"_links":{"next":":"}}`, ""},
	} {
		sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
		sim.Inject(confluencesim.Fault{Method: http.MethodGet, Path: tt.path, Status: 200, Body: tt.body, Type: js})
		_, err := c.Put(t.Context(), page(), tt.known)
		if e := wantError(t, name, err, 200, false); !strings.Contains(e.Error(), "not understood") {
			t.Errorf("%s: %v", name, e)
		}
	}
	// A page in a list that is none does no harm, nor does a link to anywhere.
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	sim.Inject(confluencesim.Fault{Method: http.MethodGet, Path: "/wiki/api/v2/pages", Status: 200, Body: `{"results":[null,{"id":"x"}]}`, Type: js})
	sim.Inject(confluencesim.Fault{
		Method: http.MethodPost, Status: 200, Type: js,
		Body: `{"id":"7","version":{"number":1},"title":"t","spaceId":"1","_links":{"base":"javascript:","webui":"//alert(1)"}}`,
	})
	if made := put(t, c, page(), ""); made.URL != sim.URL()+"/wiki/pages/viewpage.action?pageId=7" {
		t.Errorf("made %+v", made)
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	sim, _, ck := start(t, confluencesim.Options{}, confluence.Config{})
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c := connect(t, sim, confluence.Config{HTTP: &http.Client{Transport: tr, Timeout: 50 * time.Millisecond}}, ck)
	sim.Inject(confluencesim.Fault{Hang: true})
	err := c.Check(t.Context())
	wantError(t, "timeout", err, 0, false)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// The token goes nowhere but to Confluence.
func TestRedirectsAreNotFollowed(t *testing.T) {
	visits := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer elsewhere.Close()
	sim, c, _ := start(t, confluencesim.Options{}, confluence.Config{})
	for _, status := range []int{301, 302, 307, 308} {
		sim.Inject(confluencesim.Fault{Times: 1, Status: status, Location: elsewhere.URL + "/login"})
		wantError(t, "redirect", c.Check(t.Context()), status, true)
	}
	if visits != 0 {
		t.Errorf("%d redirects were followed", visits)
	}
}

// No secret leaves but where it belongs.
func TestSecretsStay(t *testing.T) {
	sim, c, ck := start(t, confluencesim.Options{Token: "t0p-s3cret"}, confluence.Config{})
	put(t, c, page(), "")
	auth := base64.StdEncoding.EncodeToString([]byte(sim.Email() + ":" + sim.Token()))
	dump := sim.Dump()
	if n := bytes.Count(dump, []byte(auth)); n != len(sim.Requests()) {
		t.Errorf("%d of %d requests have the credentials", n, len(sim.Requests()))
	}
	if bytes.Contains(dump, []byte(sim.Token())) {
		t.Error("the token is somewhere else, too")
	}
	expired := connect(t, sim, confluence.Config{Email: sim.Email(), APIToken: "expired-s3cret"}, ck)
	_, err := expired.Put(t.Context(), page(), "")
	if e := wantError(t, "expired", err, 401, true); !e.Unauthorized() || !strings.Contains(e.Error(), "make a new one") || strings.Contains(e.Error(), "s3cret") {
		t.Errorf("expired: %v", e)
	}
	sim.Close()
	_, err = c.Put(t.Context(), page(), "")
	if e := wantError(t, "closed", err, 0, false); strings.Contains(e.Error(), "Checkout") || strings.Contains(e.Error(), "s3cret") {
		t.Errorf("the error says too much: %v", e)
	}
}

func TestNew(t *testing.T) {
	good := confluence.Config{URL: "https://example.atlassian.net/wiki/", Email: "a@example.com", APIToken: "s3cret", Space: "OPS"}
	for name, tt := range map[string]struct {
		change func(*confluence.Config)
		want   string // "" for none
	}{
		"good":       {func(*confluence.Config) {}, ""},
		"personal":   {func(c *confluence.Config) { c.Space = "~712020abc" }, ""},
		"gateway":    {func(c *confluence.Config) { c.URL = "https://api.atlassian.com/ex/confluence/1-2" }, ""},
		"no URL":     {func(c *confluence.Config) { c.URL = "" }, "must look like"},
		"http":       {func(c *confluence.Config) { c.URL = "http://example.com" }, "must be https"},
		"secret URL": {func(c *confluence.Config) { c.URL = "https://a:s3cret@example.com" }, "must look like"},
		"no token":   {func(c *confluence.Config) { c.APIToken = "" }, "missing"},
		"two lines":  {func(c *confluence.Config) { c.APIToken = "s3cret\n" }, "copy them again"},
		"no space":   {func(c *confluence.Config) { c.Space = "" }, "no key"},
		"space name": {func(c *confluence.Config) { c.Space = "Our operations" }, "no key"},
		"parent":     {func(c *confluence.Config) { c.ParentID = "Incidents" }, "no id"},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := confluence.New(cfg)
		if (err == nil) != (tt.want == "") || (err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret"))) {
			t.Errorf("%s: New = %v, want %q", name, err, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	sim, c, ck := start(t, confluencesim.Options{}, confluence.Config{})
	sim.AddSpace("HR", "People")
	parent, foreign, hidden := sim.AddPage("OPS", "Incidents", ""), sim.AddPage("HR", "Other", ""), sim.AddPage("OPS", "Hidden", "")
	sim.Set(hidden, func(p *confluencesim.Page) { p.Hidden = true })
	for name, tt := range map[string]struct {
		cfg    confluence.Config
		status int
		want   string
	}{
		"good":           {confluence.Config{}, 0, ""},
		"parent":         {confluence.Config{ParentID: parent}, 0, ""},
		"foreign parent": {confluence.Config{ParentID: foreign}, 0, "another space"},
		"hidden parent":  {confluence.Config{ParentID: hidden}, 0, "no page " + hidden},
		"no space":       {confluence.Config{Space: "NOPE"}, 0, "no such space"},
		"wrong token":    {confluence.Config{Email: sim.Email(), APIToken: "x"}, 401, "make a new one"},
	} {
		err := connect(t, sim, tt.cfg, ck).Check(t.Context())
		if tt.want == "" {
			must(t, name, err)
			continue
		}
		if e := wantError(t, name, err, tt.status, true); !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, e, tt.want)
		}
	}
	sim.ChangeSpace("OPS", func(s *confluencesim.Space) { s.Readers = true })
	if e := wantError(t, "reader", c.Check(t.Context()), 0, true); !strings.Contains(e.Error(), "may not create pages") {
		t.Error(e)
	}
	_, err := c.Put(t.Context(), page(), "")
	if e := wantError(t, "put", err, 404, true); !strings.Contains(e.Error(), "may create pages there") || !e.NotFound() {
		t.Error(e)
	}
	sim.ChangeSpace("OPS", func(s *confluencesim.Space) { s.Readers, s.Archived = false, true })
	if e := wantError(t, "archived", c.Check(t.Context()), 0, true); !strings.Contains(e.Error(), "archived") {
		t.Error(e)
	}
	if n := writes(sim); n != 1 {
		t.Errorf("%d writes", n)
	}
}
