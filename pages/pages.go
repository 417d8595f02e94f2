package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/openid"
	"imbot/query"
)

// Doer carries out commands. *incident.Service is one.
type Doer interface {
	// Do answers a command that was carried out before with the present state. An
	// error that is an *incident.Problem may be shown to whoever asked.
	Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error)
}

// Config says what the pages work with. Service, Reader, SignIn, Key, RoleOf and
// Now are required.
type Config struct {
	Service Doer
	Reader  *query.Reader
	SignIn  *openid.Client
	// Key is the secret that cookies are encrypted with: at least 16 random bytes,
	// the same on every replica. A new one signs everybody out.
	Key []byte
	// PublicURL is where people reach the pages, without a slash at the end. Where
	// it is https, cookies are sent over https only.
	PublicURL string
	// RoleOf returns the standing of a person; home says that it is no guest.
	RoleOf func(id string, home bool) incident.Role
	// Known tells the id and the language ("en", "id") of a person who is known
	// from elsewhere, by "aad:<object id>"; "" for what is not known. nil: nobody is.
	Known func(ctx context.Context, object string) (id, lang string, err error)
	// Location is the zone of all times, shown and typed. nil means UTC.
	Location *time.Location
	Language string // of those who have no preference: "en" (default) or "id"
	// FrameAncestors are the sources that may show the pages in a frame, besides
	// the pages themselves. nil means the hosts of Teams, see
	// https://learn.microsoft.com/microsoftteams/platform/tabs/how-to/tab-requirements.
	FrameAncestors []string
	Now            func() time.Time
	// Logger gets what went wrong. nil discards it.
	Logger *slog.Logger
}

// teamsHosts are where Teams and its siblings show tabs.
var teamsHosts = []string{"https://teams.microsoft.com", "https://*.teams.microsoft.com", "https://*.cloud.microsoft"}

// maxBody bounds the body of a request, in bytes: an RCA whose fields are all
// full, percent-encoded.
const maxBody = 1 << 20

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/style.css
var style []byte

var (
	templates = template.Must(template.New("").ParseFS(templateFiles, "templates/*.html"))
	styleURL  = func() string {
		h := sha256.Sum256(style)
		return "/assets/style.css?v=" + hex.EncodeToString(h[:8])
	}()
)

type server struct {
	Config
	box
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	policy string
}

// handler answers a request of somebody who is signed in, or returns why it can
// not.
type handler func(w http.ResponseWriter, r *http.Request, v *visitor) error

// New returns the handler of the pages.
func New(c Config) (http.Handler, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.FrameAncestors == nil {
		c.FrameAncestors = teamsHosts
	}
	b, err := newBox(c.Key, strings.HasPrefix(c.PublicURL, "https://"), c.Now)
	if err != nil {
		return nil, err
	}
	s := &server{Config: c, box: b, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), policy: policy(c.FrameAncestors)}
	if err := s.origin.AddTrustedOrigin(c.PublicURL); err != nil {
		return nil, fmt.Errorf("pages: public URL: %w; it has scheme and host only", err)
	}
	s.origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusForbidden, key: "web.err.cross"})
	}))
	for pattern, h := range map[string]handler{
		"GET /{$}":                          s.home,
		"GET /incidents":                    s.home,
		"GET /incidents/{id}":               s.incident,
		"GET /incidents/{id}/rca":           s.rca,
		"GET /incidents/{id}/postmortem.md": s.document,
		"POST /incidents/{id}/rca":          s.writeRCA,
	} {
		s.mux.Handle(pattern, s.signedIn(h))
	}
	s.mux.HandleFunc("GET /sign-in", s.signIn)
	s.mux.HandleFunc("GET /sign-in/callback", s.callback)
	s.mux.HandleFunc("POST /sign-out", s.signOut)
	s.mux.HandleFunc("GET /signed-out", s.signedOut)
	s.mux.HandleFunc("GET /assets/style.css", serveStyle)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, s.stranger(r), &failure{status: http.StatusNotFound, key: "web.err.nothing"})
	})
	return guard(s.policy, s.origin.Handler(s.mux)), nil
}

// policy is the Content-Security-Policy: no scripts at all, and frames only
// where they are wanted.
func policy(ancestors []string) string {
	return "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors " +
		strings.Join(append([]string{"'self'"}, ancestors...), " ")
}

// guard bounds the request and protects the answer.
func guard(policy string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// serveStyle answers with the stylesheet. Its address changes with it.
func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(style) // nobody is left to tell
}

// signedIn lets only people in who are signed in: others are sent to sign in,
// and come back. What they typed meanwhile is kept.
func (s *server) signedIn(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := s.visitor(r)
		switch {
		case ok:
			if err := h(w, r, v); err != nil {
				s.fail(w, r, v, err)
			}
		case r.Method == http.MethodPost:
			if err := s.keep(w, r, v, http.StatusUnauthorized); err != nil {
				s.fail(w, r, v, err)
			}
		default:
			http.Redirect(w, r, signInURL(r.URL.RequestURI()), http.StatusSeeOther)
		}
	})
}

// show renders a page. Nothing is sent before all of it is there.
func (s *server) show(w http.ResponseWriter, status int, name string, data any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name+".html", data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // nobody is left to tell
	return nil
}

// bodyError tells a body that is too long from one that was cut.
func bodyError(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return &failure{status: http.StatusRequestEntityTooLarge, key: "web.err.large"}
	}
	return &failure{status: http.StatusBadRequest, key: "web.err.cut"}
}
