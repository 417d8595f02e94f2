package pages

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/integrations/openid"
	"imbot/integrations/openid/openidsim"
	"imbot/query"
	"imbot/store/boltstore"
)

const catalogYAML = `
squads:
  - {key: payments, name: Payments, lead: ani@example.com, members: [budi@example.com]}
services:
  - {key: payments-db, name: Payments DB, squad: payments, owner: budi@example.com, tier: 1, links: [{title: Runbook, url: "https://wiki.example.com/db"}]}
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, depends_on: [payments-db]}
people:
  - {mail: ani@example.com, name: Ani Wijaya, aad_id: 00000000-0000-4000-8000-000000000020}
`

// People who can sign in.
const (
	tenant = "00000000-0000-4000-8000-000000000001"
	ani    = "00000000-0000-4000-8000-000000000020" // leads payments; known by her object id only
	budi   = "00000000-0000-4000-8000-000000000021" // is in payments
	eko    = "00000000-0000-4000-8000-000000000024" // is not
	tamu   = "00000000-0000-4000-8000-000000000030" // a guest, by idp
	tamu2  = "00000000-0000-4000-8000-000000000031" // a guest, by name
	asing  = "00000000-0000-4000-8000-000000000032" // of another tenant
	lain   = "00000000-0000-4000-8000-000000000033" // of a provider that is no Entra, mail checked
	palsu  = "00000000-0000-4000-8000-000000000034" // the same, mail not checked
)

var users = []openidsim.User{
	{Object: ani, Name: "Ani Wijaya", Mail: "ani.w@other.example"},
	{Object: budi, Name: "Budi Santoso", Mail: "Budi@Example.com"},
	{Object: eko, Name: "Eko Pratama", Mail: "eko@example.com"},
	{Object: tamu, Name: "Tamu", Mail: "ani@example.com", Guest: true},
	{Object: tamu2, Name: "Tamu Dua", Mail: "ani@example.com", Username: "tamu_gmail.com#EXT#@example.com"},
	{Object: asing, Name: "Asing", Mail: "ani@example.com", Tenant: "99999999-0000-4000-8000-000000000001"},
	{Object: lain, Name: "Lain", Mail: "lain@example.com", NoEntra: true, Verified: true},
	{Object: palsu, Name: "Palsu", Mail: "ani@example.com", NoEntra: true},
}

var (
	aniActor = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani Wijaya"}
	begin    = time.Date(2026, 12, 31, 8, 30, 0, 0, time.UTC)
	jakarta  = time.FixedZone("WIB", 7*3600)
)

// rig is the pages over a real store, with a provider to sign in at.
type rig struct {
	t       *testing.T
	srv     *httptest.Server
	idp     *openidsim.Server
	service *incident.Service
	config  Config
	log     *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: begin, log: &bytes.Buffer{}}
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: r.clock, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func() incident.Catalog { return cat }
	r.service = &incident.Service{Store: store, Catalog: snapshot, Now: r.clock}
	var handler atomic.Pointer[http.Handler]
	r.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { (*handler.Load()).ServeHTTP(w, req) }))
	t.Cleanup(r.srv.Close)
	r.idp, err = openidsim.Start(openidsim.Options{ClientID: "imbot", Tenant: tenant, RedirectURL: r.srv.URL + "/sign-in/callback", Users: users, Now: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.idp.Close() })
	client, err := openid.New(openid.Config{
		Issuer: r.idp.Issuer(), ClientID: "imbot", ClientSecret: r.idp.ClientSecret(), RedirectURL: r.srv.URL + "/sign-in/callback", Tenants: []string{tenant}, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.config = Config{
		Service: r.service, Reader: &query.Reader{Store: store, Catalog: snapshot, PublicURL: r.srv.URL, Pages: true}, SignIn: client,
		Key: bytes.Repeat([]byte("k"), 32), PublicURL: r.srv.URL, RoleOf: roleOf, Location: jakarta, Now: r.clock,
		Logger: slog.New(slog.NewJSONHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&r.config)
	}
	h, err := New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(&h)
	return r
}

func roleOf(_ string, home bool) incident.Role {
	if !home {
		return incident.RoleViewer
	}
	return incident.RoleResponder
}

// do gives a command as Ani.
func (r *rig) do(cmd incident.Command) *incident.Incident {
	r.t.Helper()
	if cmd.Actor.IsZero() {
		cmd.Actor, cmd.Role = aniActor, incident.RoleAdmin
	}
	cmd.Source = incident.SourceAPI
	inc, err := r.service.Do(context.WithoutCancel(r.t.Context()), cmd)
	if err != nil {
		r.t.Fatal(err)
	}
	return inc
}

func (r *rig) declare(title string) *incident.Incident {
	r.t.Helper()
	return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: title, Service: "payments-db", Level: "service-down"}})
}

func (r *rig) resolved(title string) *incident.Incident {
	r.t.Helper()
	inc := r.declare(title)
	r.pass(20 * time.Minute)
	return r.do(incident.Command{Verb: incident.Resolve, Incident: inc.ID})
}

// browser keeps cookies, and follows redirects only when it is told to.
type browser struct {
	t      *testing.T
	rig    *rig
	client *http.Client
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{r.t, r, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is what came back.
type page struct {
	status int
	header http.Header
	body   string
}

func (p page) location() string { return p.header.Get("Location") }

// text is the page as a person reads it, roughly.
func (p page) text() string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(p.body, " "))), " ")
}

var tags = regexp.MustCompile(`<[^>]*>`)

// value is that of an input of the page's form.
func (p page) value(t *testing.T, name string) string {
	t.Helper()
	for _, re := range []string{`<textarea id="` + name + `"[^>]*>\n?([^<]*)</textarea>`, `<input[^>]* name="` + name + `"[^>]* value="([^"]*)"`} {
		if m := regexp.MustCompile(re).FindStringSubmatch(p.body); m != nil {
			return html.UnescapeString(m[1])
		}
	}
	t.Fatalf("no input %s in\n%s", name, p.body)
	return ""
}

func (b *browser) send(method, target string, form url.Values, header ...string) page {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.rig.srv.URL + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(target string, header ...string) page {
	b.t.Helper()
	return b.send(http.MethodGet, target, nil, header...)
}

// want fails where the status is another one.
func (p page) want(t *testing.T, status int) page {
	t.Helper()
	if p.status != status {
		t.Fatalf("status %d, want %d: %s", p.status, status, p.text())
	}
	return p
}

// depart begins to sign in, and returns where the provider sends the browser
// back to.
func (b *browser) depart(object, target string) string {
	b.t.Helper()
	p := b.get(target).want(b.t, http.StatusSeeOther)
	back, err := b.rig.idp.Answer(b.t.Context(), p.location(), object)
	if err != nil {
		b.t.Fatal(err)
	}
	return back
}

// as is a browser in which somebody has signed in.
func (r *rig) as(object string) *browser {
	r.t.Helper()
	b := r.browser()
	b.get(b.depart(object, "/sign-in")).want(r.t, http.StatusSeeOther)
	return b
}

// fill is the form of an incident as it is shown, with some of its fields
// changed: name, value, …
func (b *browser) fill(id string, changes ...string) url.Values {
	b.t.Helper()
	p := b.get("/incidents/"+id+"/rca").want(b.t, http.StatusOK)
	form := url.Values{"version": {p.value(b.t, "version")}, "op": {"save"}}
	for _, name := range rcaFields() {
		if name == "category" {
			if m := regexp.MustCompile(`<option value="([a-z]+)" selected>`).FindStringSubmatch(p.body); m != nil {
				form.Set(name, m[1])
			}
			continue
		}
		form.Set(name, strings.ReplaceAll(p.value(b.t, name), "\n", "\r\n"))
	}
	return with(form, changes...)
}

func with(form url.Values, changes ...string) url.Values {
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

func (b *browser) write(id string, form url.Values) page {
	b.t.Helper()
	return b.send(http.MethodPost, "/incidents/"+id+"/rca", form)
}
