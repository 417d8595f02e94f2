package graphsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/integrations/internal/fault"
)

type object = map[string]any

// handler is the API: faults, then the rules for all calls, then routes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /v1.0"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, h) })
	}
	route("GET /users", s.getUsers)
	route("GET /users/{user}", s.getUser)
	route("GET /users/{user}/chats", s.getUserChats)
	route("GET /chats", s.getChats)
	route("POST /chats", s.postChat)
	route("GET /chats/{chat}", s.getChat)
	route("PATCH /chats/{chat}", s.patchChat)
	route("GET /chats/{chat}/members", s.getMembers)
	route("POST /chats/{chat}/members", s.postMember)
	route("GET /chats/{chat}/messages/{message}", s.getMessage)
	route("GET /chats/{chat}/installedApps", s.getInstalledApps)
	route("POST /chats/{chat}/installedApps", s.postInstalledApp)
	route("GET /appCatalogs/teamsApps", s.getCatalog)
	route("GET /users/{user}/teamwork/installedApps", s.getOwnApps)
	route("POST /users/{user}/teamwork/installedApps", s.postOwnApp)
	route("GET /users/{user}/teamwork/installedApps/{installation}/chat", s.getOwnChat)
	route("POST /users/{user}/onlineMeetings/createOrGet", s.postMeeting)
	route("POST /users/{user}/sendMail", s.postMail)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+r.URL.Path+"'.")
	})
	answered := fault.Handler(&s.Injector, s.faults(), mux)
	return fault.Logged(&s.Log, s.opt.Now, 5<<20, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mailbox, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1.0"), "/sendMail"); ok {
			if !s.enter(mailbox) {
				s.refuse(w, http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
				return
			}
			defer s.leave(mailbox)
		}
		answered.ServeHTTP(w, r)
	}))
}

// serve answers a call by its route, and tells of the chats that it changed and
// of the people for whom it installed the app.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, h http.HandlerFunc) {
	later := httptest.NewRecorder()
	s.mu.Lock()
	if s.authenticated(later, r) && !s.limited(later, r) {
		h(later, r)
	}
	var changed []Chat
	for _, c := range s.dirty {
		changed = append(changed, c.view())
	}
	added := s.added
	s.dirty, s.added = nil, nil
	s.mu.Unlock()
	for _, c := range changed {
		if s.opt.Changed != nil {
			s.opt.Changed(c)
		}
	}
	for _, userID := range added {
		if s.opt.Installed != nil {
			s.opt.Installed(userID, s.personalChat(userID))
		}
	}
	maps.Copy(w.Header(), later.Header())
	w.WriteHeader(later.Code)
	_, _ = w.Write(later.Body.Bytes()) // the caller may be gone
}

// enter counts the requests of a mailbox that are under way.
func (s *Server) enter(mailbox string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mailing[mailbox] >= mailAtOnce && !s.opt.Unlimited {
		return false
	}
	s.mailing[mailbox]++
	return true
}

func (s *Server) leave(mailbox string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mailing[mailbox]--
}

// authenticated checks the token. s.mu is held.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request) bool {
	if err := s.opt.Verify(r.Header.Get("Authorization")); err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`)
		s.refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure.")
		return false
	}
	return true
}

// refuse answers with Graph's form of an error.
// https://learn.microsoft.com/graph/errors
func (s *Server) refuse(w http.ResponseWriter, status int, code, message string) {
	const request = "8f2c7f2e-3a55-4a0e-9d0c-6f2f1b0b7a11"
	w.Header().Set("request-id", request)
	answer(w, status, object{"error": object{
		"code": code, "message": message,
		"innerError": object{"date": s.now().Format("2006-01-02T15:04:05"), "request-id": request, "client-request-id": request},
	}})
}

// missing answers a call whose permission is not granted, in the words of
// Teams, which name what would do.
func (s *Server) missing(w http.ResponseWriter, wanted ...string) {
	s.refuse(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("Missing role permissions on the request. API requires one of '%s'. Roles on the request '%s'. Resource specific consent grants on the request ''.",
		strings.Join(wanted, ", "), strings.Join(slices.Sorted(maps.Keys(s.granted)), ", ")))
}

func (s *Server) notFound(w http.ResponseWriter, message string) {
	s.refuse(w, http.StatusNotFound, "NotFound", message)
}

func (s *Server) bad(w http.ResponseWriter, message string) {
	s.refuse(w, http.StatusBadRequest, "BadRequest", message)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}

// decode reads a JSON object that has no members but those known.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, known ...string) (object, bool) {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "application/json" {
		s.refuse(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Write requests are only supported on contents of type application/json.")
		return nil, false
	}
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body == nil {
		s.bad(w, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
		return nil, false
	}
	return body, s.known(w, body, known...)
}

func (s *Server) known(w http.ResponseWriter, body object, known ...string) bool {
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(known, name) {
			s.bad(w, fmt.Sprintf("The property '%s' does not exist on the type. Make sure to only use property names that are defined by the type.", name))
			return false
		}
	}
	return true
}

// options checks the query parameters.
func (s *Server) options(w http.ResponseWriter, q url.Values, known ...string) bool {
	for name := range q {
		if name != "$skiptoken" && !slices.Contains(known, name) {
			s.bad(w, "Query option '"+name+"' is not allowed.")
			return false
		}
	}
	return true
}

// page answers with the part of all that was asked for.
func (s *Server) page(w http.ResponseWriter, r *http.Request, all []object) {
	q := r.URL.Query()
	size := s.opt.PageSize
	if n, err := strconv.Atoi(q.Get("$top")); err == nil {
		if n < 1 || n > 50 {
			s.bad(w, "The limit of '50' for Top query has been exceeded.")
			return
		}
		size = min(size, n)
	}
	start, err := strconv.Atoi(q.Get("$skiptoken"))
	if err != nil && q.Has("$skiptoken") || start < 0 || start > len(all) {
		s.bad(w, "Skip token is null or invalid.")
		return
	}
	end := min(start+size, len(all))
	body := object{"@odata.context": s.URL() + "/$metadata", "@odata.count": len(all), "value": append([]object{}, all[start:end]...)}
	if end < len(all) {
		q.Set("$skiptoken", strconv.Itoa(end))
		body["@odata.nextLink"] = s.Server.URL() + r.URL.EscapedPath() + "?" + q.Encode()
	}
	answer(w, http.StatusOK, body)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// clause is one comparison of a filter: a field that has one of the values.
type clause struct {
	field  string
	values []string
}

// parseFilter reads what its client writes: comparisons with eq or in, joined by
// or.
func parseFilter(s string) ([]clause, bool) {
	var out []clause
	for {
		field, rest, ok := strings.Cut(strings.TrimLeft(s, " "), " ")
		if !ok || field == "" {
			return nil, false
		}
		op, rest, _ := strings.Cut(rest, " ")
		c := clause{field: field}
		inside := op == "in"
		if inside {
			rest, ok = strings.CutPrefix(rest, "(")
		}
		for ok {
			var v string
			if v, rest, ok = parseString(rest); !ok {
				return nil, false
			}
			c.values = append(c.values, v)
			if !inside {
				break
			}
			if after, more := strings.CutPrefix(rest, ","); more {
				rest = after
				continue
			}
			rest, ok = strings.CutPrefix(rest, ")")
			break
		}
		if !ok || (op != "eq" && op != "in") || len(c.values) > 15 {
			return nil, false
		}
		out = append(out, c)
		if rest == "" {
			return out, true
		}
		if s, ok = strings.CutPrefix(rest, " or "); !ok {
			return nil, false
		}
	}
}

// parseString reads a quoted string, in which quotes are doubled.
func parseString(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, "'") {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), s[i+1:], true
		}
		b.WriteByte('\'')
		i++
	}
	return "", "", false
}

// filter reports whether something fits a filter, given its fields. Without a
// filter everything does; ok is false for one that can't be read.
func filter(raw string, fields map[string]func(object) string) (fits func(object) bool, ok bool) {
	if raw == "" {
		return func(object) bool { return true }, true
	}
	clauses, ok := parseFilter(raw)
	for _, c := range clauses {
		ok = ok && fields[c.field] != nil
	}
	return func(o object) bool {
		return slices.ContainsFunc(clauses, func(c clause) bool {
			return slices.ContainsFunc(c.values, func(v string) bool { return v != "" && strings.EqualFold(v, fields[c.field](o)) })
		})
	}, ok
}

// field reads a text of an answer.
func field(name string) func(object) string {
	return func(o object) string {
		v, _ := o[name].(string)
		return v
	}
}
