package pages

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"imbot/incident"
	"imbot/integrations/openid"
)

// Bounds on what comes back from the provider, and on where to go afterwards, in
// bytes.
const (
	maxCode   = 8 << 10
	maxState  = 128
	maxReturn = 1 << 10
)

// ownPath returns where to go after signing in: s if it is a path of these
// pages, else the first page. What a browser could read as another host is no
// path: see https://url.spec.whatwg.org/#url-parsing.
func ownPath(s string) string {
	if len(s) > maxReturn || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") ||
		strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == '\\' || c >= 0x7f }) {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") ||
		strings.HasPrefix(u.Path, "/sign") || strings.Contains(u.Path, "\\") {
		return "/"
	}
	return s
}

func signInURL(back string) string {
	if back = ownPath(back); back != "/" {
		return "/sign-in?return=" + url.QueryEscape(back)
	}
	return "/sign-in"
}

// signIn sends the browser to the provider.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	back := ownPath(r.URL.Query().Get("return"))
	if _, ok := s.session(r); ok {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	a := openid.NewAttempt()
	to, err := s.SignIn.AuthURL(r.Context(), a)
	if err == nil {
		err = s.beginAttempt(w, r, attempt{Attempt: a, Return: back})
	}
	if err != nil {
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusServiceUnavailable, key: "web.err.provider", cause: err, again: signInURL(back)})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback takes the provider's answer. It counts only in the browser that asked
// for it, and once.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a, ok := s.attempt(r, q.Get("state"))
	if !ok {
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusBadRequest, key: "web.err.state", again: "/sign-in"})
		return
	}
	s.set(w, attemptName(a.State), "", 0)
	again := signInURL(a.Return)
	if code := q.Get("error"); code != "" {
		s.Logger.Info("pages.server sign-in declined", "error", incident.Clip(incident.Line(code), 80))
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusForbidden, key: "web.err.declined", again: again})
		return
	}
	code := q.Get("code")
	if code == "" || len(code) > maxCode {
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusBadRequest, key: "web.err.state", again: again})
		return
	}
	who, err := s.SignIn.Exchange(r.Context(), a.Attempt, code)
	if err == nil {
		err = s.begin(w, who)
	}
	if err != nil {
		s.fail(w, r, s.stranger(r), exchangeFailure(err, again))
		return
	}
	http.Redirect(w, r, ownPath(a.Return), http.StatusSeeOther)
}

func exchangeFailure(err error, again string) *failure {
	f := &failure{status: http.StatusServiceUnavailable, key: "web.err.provider", cause: err, again: again}
	var e *openid.Error
	switch {
	case errors.Is(err, openid.ErrTenant):
		f.status, f.key, f.again = http.StatusForbidden, "web.err.tenant", ""
	case errors.As(err, &e) && e.Permanent():
		f.status, f.key = http.StatusForbidden, "web.err.refused"
	}
	return f
}

// attempt finds the attempt of this state that this browser has under way.
func (s *server) attempt(r *http.Request, state string) (attempt, bool) {
	if state == "" || len(state) > maxState {
		return attempt{}, false
	}
	c, err := r.Cookie(s.name(attemptName(state)))
	if err != nil {
		return attempt{}, false
	}
	var a attempt
	if s.open(forAttempt, c.Value, &a) != nil || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 || s.now().Unix() >= a.Ends {
		return attempt{}, false
	}
	return a, true
}

// signOut forgets who it was, in this browser. The provider may still know.
func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	s.set(w, forSession, "", 0)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
}

func (s *server) signedOut(w http.ResponseWriter, r *http.Request) {
	v := s.stranger(r)
	if err := s.show(w, http.StatusOK, "message", message{frame: s.frame(v, v.T("web.out.title")), Text: v.T("web.out.text"), Link: "/sign-in", Label: v.T("web.signin")}); err != nil {
		s.fail(w, r, v, err)
	}
}
