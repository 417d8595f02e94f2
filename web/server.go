package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"imbot/incident"
	"imbot/query"
)

// Doer carries out commands and mutes. *incident.Service is one.
type Doer interface {
	// Do answers a command that was carried out before with the present state. An
	// error that is an *incident.Problem may be shown to whoever asked.
	Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error)
	// Mute and Unmute check whether the actor may. The target is the key or name of
	// a service or a squad.
	Mute(ctx context.Context, by incident.Actor, role incident.Role, target string, d time.Duration, reason string) (incident.Mute, error)
	Unmute(ctx context.Context, by incident.Actor, role incident.Role, target string) (incident.Mute, error)
}

// Config says what the handler works with. Service, Reader and Now are required.
type Config struct {
	Service Doer
	Reader  *query.Reader
	// Tokens are the callers of the API. None: every call of it is refused.
	Tokens []Token
	// Location is the zone of days in filters, and of times in documents. nil means
	// UTC.
	Location *time.Location
	// Language is that of documents for which none is asked: "en" (default) or "id".
	Language string
	Now      func() time.Time
	// Logger gets one line for each request. nil discards them.
	Logger *slog.Logger
	// Ready says whether work can be taken on, such as that the store can write.
	// nil means always.
	Ready func(ctx context.Context) error
	// Metrics answers GET /metrics. nil: there is no such address.
	Metrics http.Handler
	// Changes are what was changed. nil: there is no such address.
	Changes *Changes
	// Pages answers what is no address of the API and of machines. nil: there is
	// nothing.
	Pages http.Handler
	// Backup writes a copy of the store. nil: there is no such address.
	Backup func(ctx context.Context, w io.Writer) error
	// Unsubscribe ends mails by the link in them. nil: there is no such address.
	Unsubscribe *Unsubscribe
}

// readyTimeout bounds the check behind /readyz: whoever asks it asks often.
const readyTimeout = 2 * time.Second

type server struct {
	Config
	tokens []credential
	mux    *http.ServeMux
}

// handler answers a request, or returns why it can not.
type handler func(w http.ResponseWriter, r *http.Request) error

// New returns the handler of the addresses in openapi.yaml.
func New(c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	s := &server{Config: c, tokens: credentials(c.Tokens), mux: http.NewServeMux()}
	for pattern, h := range map[string]func(w http.ResponseWriter, r *http.Request, v query.Viewer) error{
		"GET /api/v1/incidents":                 s.list,
		"POST /api/v1/incidents":                s.declare,
		"GET /api/v1/incidents/{id}":            s.show,
		"GET /api/v1/incidents/{id}/timeline":   s.timeline,
		"GET /api/v1/incidents/{id}/postmortem": s.postmortem,
		"GET /api/v1/incidents/{id}/actions":    s.actions,
		"POST /api/v1/incidents/{id}/commands":  s.command,
		"GET /api/v1/incidents/{id}/similar":    s.similar,
		"GET /api/v1/mutes":                     s.mutes,
		"POST /api/v1/mutes":                    s.mute,
		"DELETE /api/v1/mutes":                  s.unmute,
		"GET /api/v1/labels.csv":                s.labels,
		"GET /api/v1/stats/links":               s.linkStats,
		"GET /api/v1/oncall":                    s.onCall,
	} {
		s.mux.Handle(pattern, s.answer(s.authenticated(h)))
	}
	if c.Changes != nil {
		s.mux.Handle("GET /api/v1/changes", s.answer(s.authenticated(s.listChanges)))
		s.mux.Handle("POST /api/v1/changes", s.answer(s.authenticated(s.postChanges)))
	}
	if c.Backup != nil {
		s.mux.Handle("GET /api/v1/backup", s.answer(s.authenticated(s.backup)))
	}
	if c.Unsubscribe != nil {
		s.mux.Handle("GET "+unsubscribePath, s.answer(s.showUnsubscribe))
		s.mux.Handle("POST "+unsubscribePath, s.answer(s.unsubscribe))
	}
	s.mux.Handle("GET /api/v1/openapi.yaml", s.answer(s.openapi))
	s.mux.Handle("GET /healthz", s.answer(s.health))
	s.mux.Handle("GET /readyz", s.answer(s.ready))
	if c.Metrics != nil {
		s.mux.Handle("GET /metrics", c.Metrics)
	}
	return s.watched(http.HandlerFunc(s.route))
}

// route finds the handler, and answers in our own words where there is none.
func (s *server) route(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		s.fail(w, r, &httpError{status: http.StatusMethodNotAllowed, detail: "This address takes " + probe.header.Get("Allow") + "."})
		return
	}
	hook := strings.HasPrefix(r.URL.Path, "/webhooks/")
	if s.Pages != nil && !hook && !strings.HasPrefix(r.URL.Path, "/api/") {
		s.Pages.ServeHTTP(w, r)
		return
	}
	detail := "There is nothing at this address. See /api/v1/openapi.yaml for what there is."
	if hook || r.URL.Path == botPath {
		detail = "Nothing is received at this address. Systems POST to /webhooks/pagerduty, /webhooks/jira and " + botPath +
			", each of which needs its section in the configuration: imbot doctor says what is missing."
	}
	s.fail(w, r, &httpError{status: http.StatusNotFound, detail: detail})
}

// botPath is where Teams delivers what is said to the bot.
const botPath = "/api/messages"

// probe takes the mux's own answer, to learn whether only the method is wrong.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// answer makes a plain handler of one that returns errors.
func (s *server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) error {
	return plain(w, "ok\n")
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	if s.Ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := s.Ready(ctx); err != nil {
			s.Logger.Warn("web.server not ready", "err", err)
			return &httpError{status: http.StatusServiceUnavailable, detail: "Not ready to take work on; the log says why."}
		}
	}
	return plain(w, "ready\n")
}

func plain(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, text)
	return written(err)
}
