package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imbot/commands"
)

// slotLength is how long an Idempotency-Key is honoured at least; at most it is
// twice that.
const slotLength = 24 * time.Hour

// once are the keys under which one request happens once.
//
// A request leaves two marks: that the key was used, and that it was used with
// this body. Because one transaction stores both together, and carries nothing
// out where the first is known, a request that finds the first mark without the
// second has met another request's key. Each mark is made for this day and for
// the one before, and looked for in both: it is known for a day whatever the
// hour, and forgotten after two.
type once struct {
	used, same []string
}

// onceFor reads the Idempotency-Key of a request; nil where there is none. what
// names the thing that is asked for, body is what is asked.
func (s *server) onceFor(r *http.Request, token, what string, body []byte) (*once, error) {
	given := r.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return nil, nil
	}
	key := given[0]
	if len(given) > 1 || key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, &httpError{
			status: http.StatusBadRequest, key: "bad_idempotency_key", field: "Idempotency-Key",
			detail: "The Idempotency-Key has 1 to 255 printable ASCII characters, and is sent once.",
		}
	}
	canonical, err := commands.Canonical(body)
	if err != nil {
		return nil, err
	}
	name, hash := digest(token, key), digest(what, string(canonical))
	slot := s.Now().Unix() / int64(slotLength/time.Second)
	var o once
	for _, n := range []int64{slot, slot - 1} {
		k := "api/" + name + "/" + strconv.FormatInt(n, 10)
		o.used, o.same = append(o.used, k), append(o.same, k+"/"+hash)
	}
	return &o, nil
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// keys are those of the command; none without an Idempotency-Key.
func (o *once) keys() []string {
	if o == nil {
		return nil
	}
	return append(append([]string{}, o.used...), o.same...)
}

// check reports, after the command, whether the key had been used for something
// else: then nothing was carried out.
func (s *server) check(ctx context.Context, o *once) error {
	if o == nil {
		return nil
	}
	for _, k := range o.same {
		id, err := s.Reader.ByCommand(ctx, k)
		if err != nil || id != 0 {
			return err
		}
	}
	return &httpError{
		status: http.StatusUnprocessableEntity, key: "idempotency_key_reused", field: "Idempotency-Key",
		detail: "This Idempotency-Key was used for another request. Use a new one for each request that is not a repetition.",
	}
}
