package pages

import (
	"errors"
	"net/http"

	"imbot/incident"
	"imbot/internal/httpstatus"
	"imbot/locale"
)

// failure is what went wrong around a page: its status is known, and its text is
// in the catalogue.
type failure struct {
	status int
	key    string
	again  string // own path on which to try once more; may be empty
	cause  error  // for the log; may be nil
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.key + ": " + f.cause.Error()
	}
	return f.key
}

func (f *failure) Unwrap() error { return f.cause }

func statusOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.status
	}
	return httpstatus.Of(err)
}

// fail answers with a page that says what went wrong. Texts of errors that are
// not meant for users go to the log, under the number that the page shows.
func (s *server) fail(w http.ResponseWriter, r *http.Request, v *visitor, err error) {
	status := statusOf(err)
	m := message{Link: "/", Label: v.T("web.home")}
	var f *failure
	var p *incident.Problem
	switch {
	case errors.As(err, &f):
		m.Text = v.T(f.key)
		if f.again != "" {
			m.Link, m.Label = f.again, v.T("card.retry")
		}
	case errors.As(err, &p):
		m.Text = locale.Problem(v.Lang(), p)
	case status == http.StatusServiceUnavailable:
		m.Text = v.T("web.err.busy")
	default:
		m.Text = v.T("web.err.internal")
	}
	if status >= http.StatusInternalServerError || (f != nil && f.cause != nil) {
		m.Request = w.Header().Get("X-Request-Id")
		s.Logger.Error("pages.server failed", "route", r.Pattern, "status", status, "request", m.Request, "err", err)
	}
	m.frame = s.frame(v, v.T("web.err.title"))
	if s.show(w, status, "message", m) != nil {
		http.Error(w, http.StatusText(status), status)
	}
}

// kept is the page for a form that could not be saved, since nobody was signed
// in any more or the store was busy: it holds all that was typed, to be sent
// again.
type kept struct {
	frame
	Text   string
	Action string
	SignIn bool
	Hidden []input
	Fields []input
}

// keep shows what was typed, so that it can be sent again.
func (s *server) keep(w http.ResponseWriter, r *http.Request, v *visitor, status int) error {
	if err := r.ParseForm(); err != nil {
		return bodyError(err)
	}
	k := kept{frame: s.frame(v, v.T("web.kept.title")), Action: r.URL.EscapedPath(), Text: v.T("web.err.busy")}
	if k.SignIn = !v.signedIn; k.SignIn {
		k.Text = v.T("web.kept.text")
	}
	for _, name := range formNames {
		in := input{Name: name, Label: v.say.Or("rca."+name, v.T("web.rca.action")), Value: r.PostForm.Get(name)}
		switch {
		case name == "version" || name == "op" || name == "category":
			k.Hidden = append(k.Hidden, in)
		case in.Value != "":
			k.Fields = append(k.Fields, in)
		}
	}
	return s.show(w, status, "kept", k)
}
