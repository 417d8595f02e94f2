package boltstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"imbot/incident"
)

// A stored incident begins with a header, so that its place in the indexes is
// known without reading the document: open or not, opened_at.
const headerLen = 1 + timeLen

// writer turns values into packed JSON. It is reused from change to change.
type writer struct {
	buf     bytes.Buffer
	enc     *json.Encoder // into buf
	scratch []byte
}

// pack returns prefix followed by the packed JSON of doc, in memory of its own.
func (t *tx) pack(prefix []byte, doc any) ([]byte, error) {
	w := &t.w
	if w.enc == nil {
		w.enc = json.NewEncoder(&w.buf)
		w.enc.SetEscapeHTML(false) // nobody reads this as HTML
	}
	w.buf.Reset()
	if err := w.enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("store: writing as JSON: %w", err)
	}
	w.scratch = appendPacked(append(w.scratch[:0], prefix...), bytes.TrimRight(w.buf.Bytes(), "\n"))
	return bytes.Clone(w.scratch), nil
}

// parse reads what pack has written, without the prefix.
func parse(v []byte, to any) error {
	doc, err := unpack(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(doc, to)
}

// encodeIncident writes header and document.
func (t *tx) encodeIncident(inc *incident.Incident) ([]byte, error) {
	var head [headerLen]byte
	if inc.Status == incident.Open {
		head[0] = 1
	}
	return t.pack(appendTime(head[:1], inc.OpenedAt), inc)
}

// decodeIncident reads what encodeIncident has written.
func decodeIncident(id incident.ID, v []byte) (*incident.Incident, error) {
	if len(v) < headerLen {
		return nil, fmt.Errorf("store: reading %s: %w", id, errPacked)
	}
	inc := new(incident.Incident)
	if err := parse(v[headerLen:], inc); err != nil {
		return nil, fmt.Errorf("store: reading %s: %w", id, err)
	}
	return inc, nil
}

// indexed tells where a stored incident is in the indexes.
func indexed(v []byte) (openedAt time.Time, open, ok bool) {
	if len(v) < headerLen {
		return time.Time{}, false, false
	}
	return decodeTime(v[1:]), v[0] == 1, true
}
