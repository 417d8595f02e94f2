package pages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/locale"
)

// TestIncidentPage: what is known of an incident is on its page, with times in
// the company's zone, and the zone named.
func TestIncidentPage(t *testing.T) {
	r := newRig(t)
	first := r.resolved("Payments DB is down")
	r.do(incident.Command{Verb: incident.WriteRCA, Incident: first.ID, Args: incident.Args{Complete: true, RCA: map[string]string{
		"summary": "It stood still.", "impact": "Nobody could pay.", "root_cause": "The pool was too small.", "category": "capacity", "resolution_steps": "Raised the limit.",
	}}})
	r.pass(48 * time.Hour)
	root := r.declare("Payments DB is down")
	r.pass(time.Minute)
	child := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Checkout errors", Service: "checkout", Level: "high-error-rate"}})
	r.do(incident.Command{Verb: incident.SetLink, Incident: child.ID, Args: incident.Args{Parent: root.ID, LinkKind: incident.LinkCascade}})
	r.do(incident.Command{Verb: incident.Ack, Incident: root.ID})
	r.do(incident.Command{Verb: incident.AddNote, Incident: root.ID, Args: incident.Args{Text: "looking at the pool"}})
	r.do(incident.Command{Verb: incident.DoAction, Incident: root.ID, Args: incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "raise the limit", Due: "2027-01-15"}}})
	b := r.as(eko)
	p := b.get("/incidents/"+root.ID.String()).want(t, http.StatusOK)
	for _, want := range []string{
		"Payments DB is down", "OPEN", "Service down", "Ani Wijaya has it, acknowledged 2027-01-02 15:5", "2027-01-02 15:50", "All times are in WIB (UTC+07:00).", "Ani Wijaya", "budi@example.com", "Runbook",
		child.ID.String() + " Checkout errors", "Similar incidents", "The pool was too small.", "looking at the pool", "raise the limit", "due 2027-01-15", "Actions: 1 open of 1",
	} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("%q is not in %s", want, p.text())
		}
	}
	if !strings.Contains(p.body, `<time datetime="2027-01-02T08:50:00Z">`) {
		t.Error("there is no time for machines")
	}
	if p := b.get("/incidents/"+child.ID.String()).want(t, http.StatusOK); !strings.Contains(p.text(), "Caused by "+root.ID.String()+" Payments DB is down") || !strings.Contains(p.text(), "⚠ Nobody has it yet") {
		t.Errorf("the parent, or that nobody has it, is not in %s", p.text())
	}
	if p := b.get("/incidents/1").want(t, http.StatusOK); !strings.Contains(p.text(), "Root cause The pool was too small.") || !strings.Contains(p.text(), "Lasted 20 min") || !strings.Contains(p.text(), "Resolved by") || strings.Contains(p.text(), "Nobody has it yet") {
		t.Errorf("the complete RCA, or who resolved it, is not in %s", p.text())
	}
	if p := b.get("/").want(t, http.StatusOK); !strings.Contains(p.text(), "Caused by "+root.ID.String()+" · nobody has it yet") {
		t.Errorf("the list does not say what caused it: %s", p.text())
	}
	for _, missing := range []string{"/incidents/INC-99", "/incidents/x", "/incidents/INC-1/x", "/x"} {
		b.get(missing).want(t, http.StatusNotFound)
	}
}

// TestTroubleOnce: what failed alike is said once, and what is turned off is no
// trouble.
func TestTroubleOnce(t *testing.T) {
	mail := incident.EffectState{Effect: incident.Effect{Kind: incident.KindMail}, State: incident.EffectDead, Error: "550 no such user"}
	card := incident.EffectState{Effect: incident.Effect{Kind: incident.KindCard}, State: incident.EffectSkipped, Error: "teams off"}
	silent := incident.EffectState{Effect: incident.Effect{Kind: incident.KindTicket}, State: incident.EffectDead}
	v := visitor{ui: ui{say: locale.For("en"), zone: time.UTC}}
	got, off := v.trouble([]incident.EffectState{mail, card, silent, mail, card})
	want := []string{"Could not send an email: 550 no such user (2×)", "Could not make the RCA's ticket in Jira: no reason given"}
	if diff := cmp.Diff(want, got); diff != "" || off != "Turned off, so left out: teams" {
		t.Errorf("off: %q; trouble (-want +got):\n%s", off, diff)
	}
}

func TestHome(t *testing.T) {
	r := newRig(t)
	b := r.as(eko)
	if p := b.get("/").want(t, http.StatusOK); !strings.Contains(p.text(), "No incidents.") {
		t.Errorf("empty: %s", p.text())
	}
	for n := range pageSize + 1 {
		r.declare("Thing " + strings.Repeat("x", n+1) + " broke")
		r.pass(25 * time.Hour)
	}
	b = r.as(eko)
	p := b.get("/").want(t, http.StatusOK)
	_, next, ok := strings.Cut(p.body, `href="/?cursor=`)
	if !ok || strings.Count(p.body, "<li>") != pageSize {
		t.Fatalf("%d rows, more: %t", strings.Count(p.body, "<li>"), ok)
	}
	next, _, _ = strings.Cut(next, `"`)
	if p := b.get("/?cursor="+next).want(t, http.StatusOK); strings.Count(p.body, "<li>") != 1 || !strings.Contains(p.text(), "INC-1 ") {
		t.Errorf("the second page: %s", p.text())
	}
	b.get("/?cursor=nonsense").want(t, http.StatusUnprocessableEntity)
}

// TestPrivate: to everybody but its members a private incident is not there.
func TestPrivate(t *testing.T) {
	r := newRig(t)
	public := r.declare("Checkout is slow")
	secret := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "canary-title", Service: "payments-db", Level: "service-down", Private: true}})
	r.do(incident.Command{Verb: incident.Member, Incident: secret.ID, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}}})
	member, other := r.as(budi), r.as(eko)
	if p := member.get("/incidents/"+secret.ID.String()).want(t, http.StatusOK); !strings.Contains(p.text(), "canary-title") || !strings.Contains(p.text(), "only members") {
		t.Errorf("a member reads %s", p.text())
	}
	never := member.get("/incidents/INC-4711").want(t, http.StatusNotFound)
	for _, path := range []string{"", "/rca"} {
		p := other.get("/incidents/"+secret.ID.String()+path).want(t, http.StatusNotFound)
		if got := strings.ReplaceAll(p.text(), secret.ID.String(), "INC-4711"); strings.ReplaceAll(got, "Eko Pratama", "Budi Santoso") != never.text() {
			t.Errorf("one that is not there says %q, a private one %q", never.text(), got)
		}
	}
	form := member.fill(secret.ID.String(), "summary", "stolen")
	other.write(secret.ID.String(), form).want(t, http.StatusNotFound)
	for _, path := range []string{"/", "/incidents/" + public.ID.String()} {
		if p := other.get(path).want(t, http.StatusOK); strings.Contains(p.body, "canary-title") || strings.Contains(p.text(), secret.ID.String()) {
			t.Errorf("%s tells of the private incident", path)
		}
	}
	if strings.Contains(r.log.String(), "canary-title") {
		t.Error("the log tells of the private incident")
	}
}

// TestEscapes: text from outside stays text.
func TestEscapes(t *testing.T) {
	r := newRig(t)
	probes := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</textarea><script>alert(2)</script>`, `{{.Config}}`, `javascript:alert(3)`}
	all := strings.Join(probes, " ")
	inc := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: all, Description: all, Service: "checkout", Level: "service-down"}})
	r.do(incident.Command{Verb: incident.AddNote, Incident: inc.ID, Args: incident.Args{Text: all}})
	r.do(incident.Command{Verb: incident.Attach, Incident: inc.ID, Actor: incident.System, Args: incident.Args{Ref: &incident.Ref{System: "jira", Role: "postmortem", ID: "OPS-1", URL: "javascript:alert(3)"}}})
	r.do(incident.Command{Verb: incident.WriteRCA, Incident: inc.ID, Args: incident.Args{RCA: map[string]string{"summary": all, "five_whys": all, "root_cause": all}}})
	r.do(incident.Command{Verb: incident.DoAction, Incident: inc.ID, Args: incident.Args{Action: &incident.ActionArgs{Op: "add", Title: all}}})
	b := r.as(budi)
	stale := b.fill("INC-1", "version", all, "root_cause", all+" mine", "action_due", all)
	for name, p := range map[string]page{
		"home": b.get("/"), "incident": b.get("/incidents/INC-1"), "form": b.get("/incidents/INC-1/rca"), "reader": r.as(tamu).get("/incidents/INC-1/rca"),
		"conflict": b.write("INC-1", stale).want(t, http.StatusConflict), "kept": r.browser().write("INC-1", stale).want(t, http.StatusUnauthorized),
		"no id": b.get("/incidents/" + url.PathEscape(all)), "cursor": b.get("/?cursor=" + url.QueryEscape(all)),
		"state": b.get("/sign-in/callback?state=" + url.QueryEscape(all)), "return": r.browser().get("/sign-in?return=" + url.QueryEscape(all)),
	} {
		for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", `href="javascript:`, `href='javascript:`} {
			if strings.Contains(p.body, bad) {
				t.Errorf("%s: %q is in it", name, bad)
			}
		}
	}
	if p := b.get("/incidents/INC-1"); strings.Count(p.text(), "alert(1)") < 4 {
		t.Errorf("the text itself is gone: %s", p.text())
	}
}

// TestHeaders: what every answer says to browsers.
func TestHeaders(t *testing.T) {
	r := newRig(t)
	b := r.as(ani)
	off := httptest.NewServer(Off("en"))
	defer off.Close()
	for name, p := range map[string]page{
		"page": b.get("/"), "nothing": b.get("/x"), "redirect": r.browser().get("/"), "style": b.get("/assets/style.css"), "refused": b.send(http.MethodPost, "/sign-out", url.Values{}, "Sec-Fetch-Site", "cross-site"),
		"off": r.browser().get(off.URL + "/incidents/INC-1"),
	} {
		csp := p.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'self' https://teams.microsoft.com", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) && (name != "off" || !strings.Contains(want, "teams")) {
				t.Errorf("%s: %q is not in %q", name, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
			t.Errorf("%s: scripts are let run: %q", name, csp)
		}
		if p.header.Get("X-Content-Type-Options") != "nosniff" || p.header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", name, p.header)
		}
		if c := p.header.Get("Cache-Control"); (name == "style") == (c == "no-store") {
			t.Errorf("%s: Cache-Control: %s", name, c)
		}
	}
	own := newRig(t, func(c *Config) { c.FrameAncestors = []string{"https://portal.example.com"} })
	if csp := own.browser().get("/").header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors 'self' https://portal.example.com") {
		t.Errorf("own frames: %q", csp)
	}
}

// TestCrossSite: what another site sends changes nothing, whatever cookies come
// with it.
func TestCrossSite(t *testing.T) {
	r := newRig(t)
	r.resolved("Payments DB is down")
	b := r.as(ani)
	form := b.fill("INC-1", "summary", "written elsewhere")
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		{"Sec-Fetch-Site", "", "Origin", "null"},
	} {
		b.send(http.MethodPost, "/incidents/INC-1/rca", form, header...).want(t, http.StatusForbidden)
		b.send(http.MethodPost, "/sign-out", url.Values{}, header...).want(t, http.StatusForbidden)
	}
	if got := b.fill("INC-1").Get("summary"); got != "" {
		t.Errorf("it was written: %q", got)
	}
	// What people reach by the public address passes, whatever the proxy calls it.
	b.send(http.MethodPost, "/incidents/INC-1/rca", form, "Sec-Fetch-Site", "", "Origin", r.srv.URL).want(t, http.StatusSeeOther)
}

// TestLanguage: the person's own, else the browser's, else the company's.
func TestLanguage(t *testing.T) {
	for _, tt := range []struct{ company, header, known, want string }{
		{"en", "", "", "en"},
		{"id", "", "", "id"},
		{"id", "fr-FR, de;q=0.9", "", "id"},
		{"id", "fr, en-GB;q=0.8, id;q=0.3", "", "en"},
		{"en", "in-ID", "", "id"},
		{"en", "en;q=0, id;q=0.1", "", "id"},
		{"id", "en", "id", "id"},
		{"en", "id", "en", "en"},
	} {
		r := newRig(t, func(c *Config) {
			c.Language = tt.company
			c.Known = func(_ context.Context, object string) (string, string, error) {
				if object != "aad:"+budi {
					t.Errorf("%q is asked for", object)
				}
				return "", tt.known, nil
			}
		})
		p := r.as(budi).get("/", "Accept-Language", tt.header).want(t, http.StatusOK)
		if !strings.Contains(p.body, `<html lang="`+tt.want+`">`) || strings.Contains(p.text(), "Sign out") != (tt.want == "en") {
			t.Errorf("%+v: %s", tt, p.text())
		}
	}
}

func TestOff(t *testing.T) {
	srv := httptest.NewServer(Off("id"))
	defer srv.Close()
	b := newRig(t).browser()
	for _, path := range []string{"/", "/incidents/INC-1", "/sign-in"} {
		if p := b.get(srv.URL+path).want(t, http.StatusNotFound); !strings.Contains(p.text(), "web.oidc") || !strings.Contains(p.body, `lang="id"`) {
			t.Errorf("%s: %s", path, p.text())
		}
	}
	b.get(srv.URL+"/assets/style.css").want(t, http.StatusOK)
}

// TestKnown: who is known from Teams by their mail keeps that identity here.
func TestKnown(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Known = func(context.Context, string) (string, string, error) { return "eko.p@example.com", "", nil }
	})
	secret := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "secret", Private: true}})
	b, guest := r.as(eko), r.as(tamu)
	b.get("/incidents/"+secret.ID.String()).want(t, http.StatusNotFound)
	r.do(incident.Command{Verb: incident.Member, Incident: secret.ID, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: "eko.p@example.com"}}})
	b.get("/incidents/"+secret.ID.String()).want(t, http.StatusOK)
	guest.get("/incidents/"+secret.ID.String()).want(t, http.StatusNotFound)
}
