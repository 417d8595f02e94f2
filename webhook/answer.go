package webhook

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"

	"imbot/incident"
)

// outcomes counts what became of the deliveries of a vendor.
type outcomes struct {
	Accepted, Kept, Refused, Busy, Failed atomic.Int64
}

// refusal is why a delivery is not looked at, in words for its sender.
type refusal struct {
	status int
	why    string
}

func (e *refusal) Error() string { return e.why }

// answer answers a delivery, and counts it unless it was taken: 202 if all is
// well, the status of a refusal, else 503, at which vendors try again. door is
// the handler's name, for the log.
func (o *outcomes) answer(w http.ResponseWriter, log *slog.Logger, door string, err error) {
	var no *refusal
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &no):
		o.Refused.Add(1)
		log.Warn(door+" refused", "status", no.status, "reason", no.why)
		http.Error(w, no.why, no.status)
	case errors.Is(err, incident.ErrBusy):
		o.Busy.Add(1)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too busy: try again", http.StatusServiceUnavailable)
	default:
		o.Failed.Add(1)
		log.Error(door+" failed", "err", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "not stored: try again", http.StatusServiceUnavailable)
	}
}

// usualBody is how much memory is taken on the sender's word about the length of
// the body: the rest, when it comes.
const usualBody = 16 << 10

// read reads a body of at most limit bytes. Its error is a *refusal, which says
// tooLong of a longer one.
func read(w http.ResponseWriter, r *http.Request, limit int64, tooLong string) ([]byte, error) {
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 {
		b.Grow(int(min(n, usualBody)) + bytes.MinRead) // less would grow to see the end
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, &refusal{http.StatusRequestEntityTooLarge, tooLong}
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "the body could not be read"}
	}
	return b.Bytes(), nil
}
