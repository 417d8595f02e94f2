package jirasim

import (
	"io"
	"net/http"

	"imbot/integrations/internal/fault"
)

// Fault makes REST calls go wrong. Its Code says which limit it was.
type Fault = fault.Fault

// Request is a REST call as it came in.
type Request = fault.Request

// faults is how Jira refuses.
func (s *Server) faults() fault.Form {
	return fault.Form{Refuse: func(w http.ResponseWriter, f *Fault) {
		if f.Code != "" {
			w.Header().Set("RateLimit-Reason", f.Code)
		}
		if f.Status == http.StatusTooManyRequests {
			s.tooMany(w)
			return
		}
		refuse(w, f.Status, http.StatusText(f.Status))
	}}
}

// tooMany answers with the body that each kind of Jira has for it.
func (s *Server) tooMany(w http.ResponseWriter) {
	if s.opt.DataCenter {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "<!doctype html><html><head><title>HTTP Status 429 – Too Many Requests</title></head><body><p>Rate limit exceeded.</p></body></html>")
		return
	}
	answer(w, http.StatusTooManyRequests, object{"errorMessages": []string{"The request has been rate-limited. Please try again later."}, "errors": object{}, "status": 429})
}
