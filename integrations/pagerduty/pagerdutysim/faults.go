package pagerdutysim

import (
	"net/http"
	"time"

	"imbot/integrations/internal/fault"
)

// Fault makes REST calls go wrong. RetryAfter goes into ratelimit-reset.
type Fault = fault.Fault

// Request is a REST call as it came in.
type Request = fault.Request

// faults is how PagerDuty refuses.
var faults = fault.Form{
	Wait: func(h http.Header, d time.Duration) { limitHeaders(h, 960, 0, d) },
	Refuse: func(w http.ResponseWriter, f *Fault) {
		if f.Status == http.StatusTooManyRequests {
			refuse(w, f.Status, codeRate, "Rate Limit Exceeded")
			return
		}
		refuse(w, f.Status, 2000, http.StatusText(f.Status))
	},
}
