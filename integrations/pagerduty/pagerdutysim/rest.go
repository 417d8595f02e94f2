package pagerdutysim

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"imbot/integrations/internal/fault"
)

// PagerDuty's error codes. https://developer.pagerduty.com/docs/errors
const (
	codeRequester    = 1008
	codeInvalid      = 2001
	codeRange        = 2005
	codeUnauthorized = 2006
	codeRate         = 2020
	codeNotFound     = 2100
)

const maxPage = 100

// handler is the REST API: faults, then the rules for all calls, then routes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /abilities", s.getAbilities)
	mux.HandleFunc("GET /users", s.getUsers)
	mux.HandleFunc("GET /users/me", s.getMe)
	mux.HandleFunc("GET /users/{id}", s.getUser)
	mux.HandleFunc("GET /incidents", s.getIncidents)
	mux.HandleFunc("PUT /incidents", s.putIncidents)
	mux.HandleFunc("POST /incidents", s.postIncident)
	mux.HandleFunc("POST /incidents/{id}/responder_requests", s.postResponderRequest)
	mux.HandleFunc("POST /incidents/{id}/status_updates", s.postStatusUpdate)
	mux.HandleFunc("GET /oncalls", s.getOnCalls)
	mux.HandleFunc("GET /incidents/{id}", s.getIncident)
	mux.HandleFunc("GET /incidents/{id}/notes", s.getNotes)
	mux.HandleFunc("POST /incidents/{id}/notes", s.postNote)
	mux.HandleFunc("GET /incidents/{id}/alerts", s.getAlerts)
	mux.HandleFunc("GET /incidents/{id}/log_entries", s.getLogEntries)
	mux.HandleFunc("GET /priorities", s.getPriorities)
	mux.HandleFunc("GET /services", s.getServices)
	mux.HandleFunc("GET /service_dependencies/technical_services/{id}", s.getDependencies)
	mux.HandleFunc("GET /change_events", s.getChangeEvents)
	mux.HandleFunc("GET /services/{id}/change_events", s.getServiceChangeEvents)
	mux.HandleFunc("GET /incidents/{id}/related_change_events", s.getRelatedChangeEvents)
	mux.HandleFunc("GET /webhook_subscriptions", s.getSubscriptions)
	mux.HandleFunc("POST /webhook_subscriptions", s.postSubscription)
	mux.HandleFunc("GET /webhook_subscriptions/{id}", s.getSubscription)
	mux.HandleFunc("POST /webhook_subscriptions/{id}/enable", s.enableSubscription)
	mux.HandleFunc("POST /webhook_subscriptions/{id}/ping", s.pingSubscription)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })

	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.allowed(w, r) {
			mux.ServeHTTP(w, r)
		}
	})
	return fault.Logged(&s.Log, s.Now, 1<<20, fault.Handler(&s.Injector, faults, checked))
}

// allowed checks the token and the rate limit, which is counted by the minute.
func (s *Server) allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") != "Token token="+s.opt.Token {
		refuse(w, http.StatusUnauthorized, codeUnauthorized, "Authentication Failed")
		return false
	}
	s.mu.Lock()
	now := s.now()
	if now.Sub(s.window) >= time.Minute || now.Before(s.window) {
		s.window, s.used = now, 0
	}
	s.used++
	used, reset := s.used, s.window.Add(time.Minute).Sub(now)
	s.mu.Unlock()
	limitHeaders(w.Header(), s.opt.RatePerMinute, max(s.opt.RatePerMinute-used, 0), reset)
	if used > s.opt.RatePerMinute {
		refuse(w, http.StatusTooManyRequests, codeRate, "Rate Limit Exceeded")
		return false
	}
	return true
}

func limitHeaders(h http.Header, limit, left int, reset time.Duration) {
	h.Set("ratelimit-limit", strconv.Itoa(limit))
	h.Set("ratelimit-remaining", strconv.Itoa(left))
	h.Set("ratelimit-reset", strconv.Itoa(int(math.Ceil(reset.Seconds()))))
}

// refusal is the body of an error.
type refusal struct {
	Error struct {
		Message string   `json:"message"`
		Code    int      `json:"code"`
		Errors  []string `json:"errors,omitempty"`
	} `json:"error"`
}

func refuse(w http.ResponseWriter, status, code int, message string, reasons ...string) {
	var body refusal
	body.Error.Message, body.Error.Code, body.Error.Errors = message, code, reasons
	answer(w, status, body)
}

func invalid(w http.ResponseWriter, reasons ...string) {
	refuse(w, http.StatusBadRequest, codeInvalid, "Invalid Input Provided", reasons...)
}

func notFound(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, codeNotFound, "Not Found")
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}

// requester returns the user of the From header, which changes must have.
func (s *Server) requester(w http.ResponseWriter, r *http.Request) *User {
	from := r.Header.Get("From")
	if from == "" {
		invalid(w, "From header is required")
		return nil
	}
	u := s.userByEmail(from)
	if u == nil {
		refuse(w, http.StatusBadRequest, codeRequester, "Requester User Not Found")
	}
	return u
}

// decode reads a JSON body.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		invalid(w, "Body is not valid JSON")
		return false
	}
	return true
}

// paging is what PagerDuty's lists have in common.
type paging struct {
	Offset int  `json:"offset"`
	Limit  int  `json:"limit"`
	More   bool `json:"more"`
	Total  *int `json:"total"`
}

var errDepth = errors.New("offset plus limit must not exceed 10000")

// slice returns one page of all.
func slice[T any](q url.Values, all []T) ([]T, paging, error) {
	number := func(name string, none int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil && n >= 0 {
			return n
		}
		return none
	}
	p := paging{Offset: number("offset", 0), Limit: min(max(number("limit", 25), 1), maxPage)}
	if p.Offset+p.Limit > 10_000 {
		return nil, p, errDepth
	}
	if q.Get("total") == "true" {
		n := len(all)
		p.Total = &n
	}
	first := min(p.Offset, len(all))
	last := min(first+p.Limit, len(all))
	p.More = last < len(all)
	page := make([]T, last-first) // never null in JSON
	copy(page, all[first:last])
	return page, p, nil
}
