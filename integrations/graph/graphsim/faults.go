package graphsim

import (
	"net/http"
	"strings"

	"imbot/integrations/internal/fault"
)

// Fault makes calls go wrong. Its Path is how theirs end, such as "/chats" or
// "/installedApps", and its Code and Message are Graph's.
type Fault = fault.Fault

// Request is a call as it came in.
type Request = fault.Request

// faults is how Graph refuses.
func (s *Server) faults() fault.Form {
	return fault.Form{
		Fits: strings.HasSuffix,
		Refuse: func(w http.ResponseWriter, f *Fault) {
			if f.Code == "" {
				f.Code = code(f.Status)
			}
			s.refuse(w, f.Status, f.Code, f.Message)
		},
	}
}

// code is what Graph calls a status where it says no more.
// https://learn.microsoft.com/graph/errors
func code(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusInternalServerError:
		return "InternalServerError"
	}
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}
