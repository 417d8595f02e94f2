package botframeworksim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/integrations/botframework/entrasim"
)

const (
	prefix    = "/amer"
	channelID = "msteams"
)

// failure is an answer that refuses a call.
type failure struct {
	status     int
	code, text string
	retryAfter time.Duration
	body       any // instead of the usual form
}

func (f *failure) write(w http.ResponseWriter) {
	if f.retryAfter > 0 {
		seconds := (f.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if f.body == nil {
		f.body = map[string]any{"error": map[string]string{"code": f.code, "message": f.text}}
	}
	writeJSON(w, f.status, f.body)
}

func fail(status int, code, text string) *failure {
	return &failure{status: status, code: code, text: text}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

const maxBody = 1 << 20

// serve takes a call of the bot: first the faults, then the doing.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return
	}
	path, bad := segments(r.URL)
	call := Call{Method: r.Method, Path: r.URL.RequestURI(), Body: body}
	call.Op, call.ConversationID, call.ActivityID = operation(r.Method, path)
	s.mu.Lock()
	call.N = len(s.calls) + 1
	s.calls = append(s.calls, call)
	s.received(r.Method+" "+r.URL.RequestURI(), string(body))
	fault := s.fault
	s.touch()
	s.mu.Unlock()

	var o Outcome
	if fault != nil {
		o = fault(call)
	}
	answerer := w
	switch o.kind {
	case answer:
		s.note(call.N, o.status)
		(&failure{status: o.status, code: "Fault", text: "as asked for", retryAfter: o.retryAfter}).write(w)
		return
	case hang:
		w.WriteHeader(http.StatusProcessing)
		select {
		case <-r.Context().Done():
		case <-s.ended.Done():
		}
		closeConnection(w)
		return
	case drop:
		closeConnection(w)
		return
	case lose:
		answerer = &discard{header: http.Header{}}
	}
	status := s.answer(answerer, r, path, bad, call)
	if o.kind == lose {
		closeConnection(w)
		return
	}
	s.note(call.N, status)
}

func (s *Server) note(n, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[n-1].Status = status
	s.touch()
}

// answer does what was asked and returns the status.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, path []string, bad *failure, call Call) int {
	f := bad
	if f == nil {
		f = s.admit(r, call)
	}
	var status int
	var out any
	if f == nil {
		s.mu.Lock()
		status, out, f = s.perform(r, path, call)
		s.touch()
		s.mu.Unlock()
	}
	switch {
	case f != nil:
		f.write(w)
		return f.status
	case out == nil:
		w.WriteHeader(status)
	default:
		writeJSON(w, status, out)
	}
	return status
}

// admit checks what is the same for all calls.
func (s *Server) admit(r *http.Request, call Call) *failure {
	switch {
	case r.Host != s.host:
		return fail(http.StatusMisdirectedRequest, "BadHost", "this is not the host that was asked for")
	case len(r.Header.Values("Authorization")) != 1,
		s.entra.CheckBearer(r.Header.Get("Authorization"), entrasim.ConnectorAudience) != nil:
		return &failure{
			status: http.StatusUnauthorized,
			body:   map[string]string{"message": "Authorization has been denied for this request."},
		}
	case len(call.Body) > maxBody:
		return fail(http.StatusRequestEntityTooLarge, "MessageSizeTooBig", "the body is too large")
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/json" {
			return fail(http.StatusUnsupportedMediaType, "BadArgument", "the body must be application/json")
		}
	}
	return nil
}

// segments splits the path after /v3 and unescapes each part. Parts that would
// mean another path when they are resolved are refused, as a client that sends
// them did not escape its ids.
func segments(u *url.URL) ([]string, *failure) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), prefix+"/v3/")
	if !ok {
		return nil, fail(http.StatusNotFound, "NotFound", "no such path")
	}
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		id, err := url.PathUnescape(p)
		if err != nil || id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\\?#") {
			return nil, fail(http.StatusBadRequest, "BadArgument", "odd path")
		}
		parts[i] = id
	}
	return parts, nil
}

// operation names the call.
func operation(method string, p []string) (op, convID, activityID string) {
	at := func(i int) string {
		if i < len(p) {
			return p[i]
		}
		return ""
	}
	convID = at(1)
	switch shape := method + " " + strings.Join(slices.Concat(p[:min(1, len(p))], p[min(2, len(p)):min(3, len(p))]), "/"); {
	case shape == "POST conversations" && len(p) == 1:
		return "create", "", ""
	case shape == "POST conversations/activities" && len(p) == 3:
		return "send", convID, ""
	case shape == "POST conversations/activities" && len(p) == 4:
		return "reply", convID, at(3)
	case shape == "PUT conversations/activities" && len(p) == 4:
		return "update", convID, at(3)
	case shape == "DELETE conversations/activities" && len(p) == 4:
		return "delete", convID, at(3)
	case shape == "GET conversations/members" && len(p) == 4:
		return "member", convID, ""
	case (shape == "GET conversations/members" || shape == "GET conversations/pagedmembers") && len(p) == 3:
		return "members", convID, ""
	case shape == "GET teams/conversations" && len(p) == 3:
		return "channels", convID, ""
	case shape == "GET teams" && len(p) == 2:
		return "team", convID, ""
	}
	return "unknown", "", ""
}
