// Package httpstatus is the one table from kinds of failure to HTTP statuses, for
// the pages and the API. What is said about a failure is theirs.
package httpstatus

import (
	"context"
	"errors"
	"net/http"

	"imbot/incident"
)

var statuses = []struct {
	kind   error
	status int
}{
	{incident.ErrNotFound, http.StatusNotFound},
	{incident.ErrConflict, http.StatusConflict},
	{incident.ErrForbidden, http.StatusForbidden},
	{incident.ErrInvalid, http.StatusUnprocessableEntity},
	{incident.ErrBusy, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
	{context.Canceled, http.StatusServiceUnavailable},
}

// Of returns the status of a failure: 500 where its kind is none of those above.
func Of(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}
