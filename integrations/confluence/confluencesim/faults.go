package confluencesim

import (
	"net/http"

	"imbot/integrations/internal/fault"
)

// Fault makes REST calls go wrong.
type Fault = fault.Fault

// Request is a REST call as it came in.
type Request = fault.Request

// faults is how Confluence refuses.
var faults = fault.Form{Refuse: func(w http.ResponseWriter, f *Fault) { refuse(w, f.Status, http.StatusText(f.Status)) }}
