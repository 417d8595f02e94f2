package pages

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/incident"
)

// TestSignIn goes the whole way for everybody, and asks what the pages think of
// them: an incident's private member is seen by nobody else.
func TestSignIn(t *testing.T) {
	r := newRig(t)
	inc := r.resolved("Payments DB is down")
	for _, tt := range []struct {
		object string
		id     string // who it is; "" where nobody is let in
		write  bool
	}{
		{ani, "ani@example.com", true}, // by the catalog's object id, whatever the mail says
		{budi, "budi@example.com", true},
		{eko, "eko@example.com", true},
		{tamu, "aad:" + tamu, false}, // a guest is not who its mail says
		{tamu2, "aad:" + tamu2, false},
		{asing, "", false},
		{lain, "lain@example.com", true},
		{palsu, "oidc:sub-" + palsu, true}, // nor is a mail that nobody has checked
	} {
		b := r.browser()
		back := b.depart(tt.object, "/sign-in?return=%2Fincidents%2FINC-1")
		p := b.get(back)
		if tt.id == "" {
			p.want(t, http.StatusForbidden)
			b.get("/").want(t, http.StatusSeeOther)
			continue
		}
		if p.want(t, http.StatusSeeOther).location() != "/incidents/INC-1" {
			t.Errorf("%s is sent to %q", tt.object, p.location())
		}
		form := b.get("/incidents/"+inc.ID.String()+"/rca").want(t, http.StatusOK)
		if got := strings.Contains(form.body, "<textarea"); got != tt.write {
			t.Errorf("%s may write: %t", tt.object, got)
		}
		// Who it is, by what only a member sees.
		secret := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "secret", Private: true}})
		r.do(incident.Command{Verb: incident.Member, Incident: secret.ID, Args: incident.Args{Person: &incident.Actor{Kind: incident.KindUser, ID: tt.id}}})
		b.get("/incidents/"+secret.ID.String()).want(t, http.StatusOK)
	}
}

// TestSignInRefused: what does not come from the attempt that this browser has
// begun does not sign anybody in.
func TestSignInRefused(t *testing.T) {
	r := newRig(t)
	nobody := func(b *browser) {
		t.Helper()
		b.get("/").want(t, http.StatusSeeOther)
	}

	t.Run("forged state", func(t *testing.T) {
		b := r.browser()
		back := b.depart(ani, "/sign-in")
		u, _ := url.Parse(back)
		q := u.Query()
		q.Set("state", q.Get("state")[:12]+"AAAA"+q.Get("state")[16:])
		b.get("/sign-in/callback?"+q.Encode()).want(t, http.StatusBadRequest)
		nobody(b)
	})
	t.Run("begun in another browser", func(t *testing.T) {
		b := r.browser()
		r.browser().get(b.depart(ani, "/sign-in")).want(t, http.StatusBadRequest)
	})
	t.Run("twice", func(t *testing.T) {
		b := r.browser()
		back := b.depart(ani, "/sign-in")
		b.get(back).want(t, http.StatusSeeOther)
		b.get(back).want(t, http.StatusBadRequest)
	})
	t.Run("replayed code", func(t *testing.T) {
		b := r.browser()
		back := b.depart(ani, "/sign-in")
		u, _ := url.Parse(r.srv.URL)
		cookies := b.client.Jar.Cookies(u)
		b.get(back).want(t, http.StatusSeeOther)
		thief := r.browser() // has stolen even the cookie of the attempt
		thief.client.Jar.SetCookies(u, cookies)
		thief.get(back).want(t, http.StatusForbidden)
		nobody(thief)
	})
	t.Run("late", func(t *testing.T) {
		b := r.browser()
		back := b.depart(ani, "/sign-in")
		r.pass(attemptLife)
		b.get(back).want(t, http.StatusBadRequest)
		nobody(b)
	})
	t.Run("declined", func(t *testing.T) {
		b := r.browser()
		b.get(b.depart("", "/sign-in")).want(t, http.StatusForbidden)
		nobody(b)
	})
}

// TestTokenRefused: a token that is wrong in one thing signs nobody in.
func TestTokenRefused(t *testing.T) {
	r := newRig(t)
	for name, change := range map[string]func(map[string]any){
		"nonce":       func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":    func(c map[string]any) { delete(c, "nonce") },
		"audience":    func(c map[string]any) { c["aud"] = "another" },
		"issuer":      func(c map[string]any) { c["iss"] = "https://login.example.com" },
		"expired":     func(c map[string]any) { c["exp"] = r.clock().Add(-time.Minute).Unix() },
		"no subject":  func(c map[string]any) { c["sub"] = "" },
		"strange oid": func(c map[string]any) { c["oid"] = "a\nb" },
	} {
		t.Run("token: "+name, func(t *testing.T) {
			r.idp.Change(change)
			defer r.idp.Change(nil)
			b := r.browser()
			b.get(b.depart(ani, "/sign-in")).want(t, http.StatusForbidden)
			b.get("/").want(t, http.StatusSeeOther)
		})
	}
	if strings.Contains(r.log.String(), r.idp.ClientSecret()) {
		t.Error("the log has the client secret")
	}
}

// TestKeysRotate: a key that is new at the provider is looked up.
func TestKeysRotate(t *testing.T) {
	r := newRig(t)
	r.as(ani)
	if err := r.idp.RotateKey(); err != nil {
		t.Fatal(err)
	}
	r.as(budi).get("/").want(t, http.StatusOK)
}

func TestProviderOutage(t *testing.T) {
	r := newRig(t)
	r.idp.Fail(http.StatusBadGateway)
	b := r.browser()
	p := b.get("/sign-in?return=/incidents/INC-1").want(t, http.StatusServiceUnavailable)
	if !strings.Contains(p.body, `href="/sign-in?return=%2Fincidents%2FINC-1"`) {
		t.Errorf("there is no way to try again in %s", p.body)
	}
	r.idp.Fail(0)
	r.pass(time.Minute)
	back := b.depart(ani, "/sign-in")
	r.idp.Fail(http.StatusServiceUnavailable)
	b.get(back).want(t, http.StatusServiceUnavailable)
	b.get("/").want(t, http.StatusSeeOther)
}

func TestSignOut(t *testing.T) {
	r := newRig(t)
	b := r.as(ani)
	b.get("/").want(t, http.StatusOK)
	b.get("/sign-out").want(t, http.StatusNotFound) // a link is not enough
	b.get("/").want(t, http.StatusOK)
	if p := b.send(http.MethodPost, "/sign-out", url.Values{}).want(t, http.StatusSeeOther); p.location() != "/signed-out" {
		t.Errorf("sent to %q", p.location())
	}
	b.get("/signed-out").want(t, http.StatusOK)
	b.get("/").want(t, http.StatusSeeOther)
}

// TestSession: it ends, can not be made or altered, and holds on every replica
// that has the key.
func TestSession(t *testing.T) {
	r := newRig(t)
	b := r.as(ani)
	u, _ := url.Parse(r.srv.URL)
	cookies := b.client.Jar.Cookies(u)
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "imbot-session" })
	if i < 0 {
		t.Fatalf("no session among %v", cookies)
	}
	value := cookies[i].Value
	with := func(rig *rig, v string) int {
		return rig.browser().get("/", "Cookie", "imbot-session="+v).status
	}
	if got := with(r, value); got != http.StatusOK {
		t.Fatalf("the session gives %d", got)
	}
	other := newRig(t)
	if got := with(other, value); got != http.StatusOK {
		t.Errorf("another replica with the same key gives %d", got)
	}
	stranger := newRig(t, func(c *Config) { c.Key = bytes.Repeat([]byte("x"), 32) })
	if got := with(stranger, value); got != http.StatusSeeOther {
		t.Errorf("with another key: %d", got)
	}
	for n := range len(value) { // one letter differs
		letter := "A"
		if value[n] == 'A' {
			letter = "Q"
		}
		if got := with(r, value[:n]+letter+value[n+1:]); got != http.StatusSeeOther {
			t.Fatalf("altered at %d: %d", n, got)
		}
	}
	s, _ := newBox(r.config.Key, false, r.clock)
	forged, err := s.seal(forAttempt, session{Ends: begin.Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	if got := with(r, forged); got != http.StatusSeeOther {
		t.Errorf("the cookie of an attempt passes for a session: %d", got)
	}
	r.pass(sessionLife)
	if p := b.get("/incidents/INC-7"); p.status != http.StatusSeeOther || p.location() != "/sign-in?return=%2Fincidents%2FINC-7" {
		t.Errorf("after its time: %d to %q", p.status, p.location())
	}
}

// TestCookies: what browsers are told about them.
func TestCookies(t *testing.T) {
	r := newRig(t, func(c *Config) { c.PublicURL = "https://imbot.example.com" })
	p := r.browser().get("/sign-in").want(t, http.StatusSeeOther)
	c := p.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-imbot-attempt-", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax", "Max-Age=900"} {
		if !strings.Contains(c, want) {
			t.Errorf("%q is not in %s", want, c)
		}
	}
	if strings.Contains(c, "Domain") {
		t.Errorf("the cookie is for other hosts, too: %s", c)
	}
	if _, err := New(Config{Key: []byte("short"), PublicURL: "https://imbot.example.com", Now: r.clock}); err == nil {
		t.Error("a short key is accepted")
	}
	if _, err := New(Config{Key: r.config.Key, PublicURL: "https://imbot.example.com/path", Now: r.clock}); err == nil {
		t.Error("a public URL with a path is accepted")
	}
}

// TestAttempts: several tabs can sign in at once, but not without end.
func TestAttempts(t *testing.T) {
	r := newRig(t)
	b := r.browser()
	first, second := b.depart(ani, "/sign-in"), b.depart(budi, "/sign-in")
	b.get(first).want(t, http.StatusSeeOther)
	b.get(second).want(t, http.StatusSeeOther)
	b = r.browser()
	for range 3 * maxAttempts {
		b.get("/sign-in").want(t, http.StatusSeeOther)
	}
	u, _ := url.Parse(r.srv.URL)
	if n := len(b.client.Jar.Cookies(u)); n > maxAttempts {
		t.Errorf("%d cookies of attempts", n)
	}
}

func TestOwnPath(t *testing.T) {
	for in, want := range map[string]string{
		"/incidents/INC-1/rca": "/incidents/INC-1/rca", "/?cursor=abc": "/?cursor=abc", "/": "/",
		"": "/", "incidents": "/", "https://evil.example": "/", "//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
		"/\t/evil.example": "/", "/\n/evil.example": "/", "javascript:alert(1)": "/", "/%09/evil.example": "/%09/evil.example",
		"/.//evil.example": "/.//evil.example", "/sign-in?return=/sign-in": "/", "/sign-out": "/", " /x": "/", "/x y": "/", "/%5Cevil.example": "/",
		"/%2F/evil.example": "/", "/" + strings.Repeat("a", maxReturn): "/",
	} {
		if got := ownPath(in); got != want {
			t.Errorf("ownPath(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestReturn: the way back is a path of these pages, however it came.
func TestReturn(t *testing.T) {
	r := newRig(t)
	for _, evil := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "/sign-out"} {
		b := r.browser()
		if p := b.get(b.depart(ani, "/sign-in?return="+url.QueryEscape(evil))).want(t, http.StatusSeeOther); p.location() != "/" {
			t.Errorf("%q leads to %q", evil, p.location())
		}
		if p := b.get("/sign-in?return="+url.QueryEscape(evil)).want(t, http.StatusSeeOther); p.location() != "/" {
			t.Errorf("signed in, %q leads to %q", evil, p.location())
		}
	}
}

func FuzzOwnPath(f *testing.F) {
	for _, s := range []string{"/incidents/INC-1", "//evil.example", "/\\evil", "/%2f/evil", "/.//evil", "/a?b=//c"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://imbot.example.com/sign-in/callback")
	f.Fuzz(func(t *testing.T, s string) {
		got := ownPath(s)
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Errorf("ownPath(%q) = %q leads to %v, %v", s, got, u, err)
		}
	})
}

func FuzzPreferred(f *testing.F) {
	for _, s := range []string{"id-ID,id;q=0.9,en;q=0.8", "fr, en;q=0.1", "*", ";q=x", "in;q=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := preferred(s); got != "" && got != "en" && got != "id" {
			t.Errorf("preferred(%q) = %q", s, got)
		}
	})
}

func FuzzCookie(f *testing.F) {
	b, err := newBox(bytes.Repeat([]byte("k"), 32), false, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("AAAA")
	f.Add(strings.Repeat("-", 80))
	f.Fuzz(func(t *testing.T, s string) {
		var v session
		if b.open(forSession, s, &v) == nil {
			t.Errorf("%q is taken for a cookie of ours", s)
		}
	})
}
