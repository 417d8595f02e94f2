package boltstore

import (
	"encoding/json"
	"fmt"
	"time"

	"imbot/incident"
)

// A stored incident begins with a header, so that its place in the indexes is
// known without reading the document: format, open or not, opened_at.
const (
	formatJSON = 1
	headerLen  = 2 + timeLen
)

// encodeIncident writes header and document.
func encodeIncident(inc *incident.Incident) ([]byte, error) {
	doc, err := json.Marshal(inc)
	if err != nil {
		return nil, fmt.Errorf("store: writing %s as JSON: %w", inc.ID, err)
	}
	b := append(make([]byte, 0, headerLen+len(doc)), formatJSON, 0)
	if inc.Status == incident.Open {
		b[1] = 1
	}
	return append(appendTime(b, inc.OpenedAt), doc...), nil
}

// decodeIncident reads what encodeIncident has written.
func decodeIncident(id incident.ID, v []byte) (*incident.Incident, error) {
	if len(v) < headerLen || v[0] != formatJSON {
		return nil, fmt.Errorf("store: the document of %s is damaged", id)
	}
	inc := new(incident.Incident)
	if err := json.Unmarshal(v[headerLen:], inc); err != nil {
		return nil, fmt.Errorf("store: reading %s: %w", id, err)
	}
	return inc, nil
}

// indexed tells where a stored incident is in the indexes.
func indexed(v []byte) (openedAt time.Time, open, ok bool) {
	if len(v) < headerLen {
		return time.Time{}, false, false
	}
	return decodeTime(v[2:]), v[1] == 1, true
}
