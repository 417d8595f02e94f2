package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"imbot/incident"
)

var _ incident.Tx = (*tx)(nil)

// NextID implements incident.Tx.
func (t *tx) NextID() (incident.ID, error) {
	n, err := t.nextSequence(bucketIncident)
	return incident.ID(n), err
}

// Incident implements incident.Tx.
func (t *tx) Incident(id incident.ID) (*incident.Incident, error) {
	v := t.get(bucketIncident, incidentKey(id))
	if v == nil {
		return nil, fmt.Errorf("%s: %w", id, incident.ErrNotFound)
	}
	return decodeIncident(id, v)
}

// PutIncident implements incident.Tx.
func (t *tx) PutIncident(inc *incident.Incident) error {
	if inc.ID <= 0 {
		return errors.New("store: an incident needs a number above 0")
	}
	doc, err := t.encodeIncident(inc)
	if err != nil {
		return err
	}
	key, row := incidentKey(inc.ID), incident.RowOf(inc)
	place, open := rowKey(inc.OpenedAt, inc.ID), inc.Status == incident.Open
	if was, wasOpen, ok := indexed(t.get(bucketIncident, key)); ok {
		old := rowKey(was, inc.ID)
		moved := !was.Equal(inc.OpenedAt)
		if moved {
			if err := t.delete(bucketRow, old); err != nil {
				return err
			}
		}
		if wasOpen && (moved || !open) {
			if err := t.delete(bucketOpen, old); err != nil {
				return err
			}
		}
		open = open && (moved || !wasOpen)
	}
	if open {
		if err := t.put(bucketOpen, place, nil); err != nil {
			return err
		}
	}
	if err := t.put(bucketRow, place, encodeRow(&row)); err != nil {
		return err
	}
	return t.put(bucketIncident, key, doc)
}

// Rows implements incident.Tx.
func (t *tx) Rows(after incident.Cursor, openOnly bool, fn func(incident.Row) bool) error {
	var before []byte
	if after != (incident.Cursor{}) {
		before = rowKey(after.OpenedAt, after.ID)
	}
	bucket := bucketRow
	if openOnly {
		bucket = bucketOpen
	}
	var err error
	t.descend(bucket, before, func(k, v []byte) bool {
		if openOnly {
			v = t.get(bucketRow, k)
		}
		var row incident.Row
		if row, err = decodeRow(k, v); err != nil {
			return false
		}
		return fn(row)
	})
	return err
}

// AddEvents implements incident.Tx.
func (t *tx) AddEvents(events []incident.Event) error {
	for i := range events {
		e := &events[i]
		v, err := t.pack(nil, e)
		if err != nil {
			return err
		}
		if err := t.put(bucketEvent, eventKey(e.Incident, e.N), v); err != nil {
			return err
		}
	}
	return nil
}

// Timeline implements incident.Tx.
func (t *tx) Timeline(id incident.ID, after, limit int) ([]incident.Event, error) {
	var out []incident.Event
	var err error
	from, prefix := eventKey(id, max(after, 0)+1), incidentKey(id)
	t.ascend(bucketEvent, from, func(k, v []byte) bool {
		if string(k[:min(idLen, len(k))]) != string(prefix) {
			return false
		}
		var e incident.Event
		if err = parse(v, &e); err != nil {
			err = fmt.Errorf("store: reading event %d of %s: %w", binary.BigEndian.Uint32(k[idLen:]), id, err)
			return false
		}
		out = append(out, e)
		return limit <= 0 || len(out) < limit
	})
	return out, err
}

// PutRaw implements incident.Tx.
func (t *tx) PutRaw(in incident.Inbound) error {
	seq, err := t.nextSequence(bucketRaw)
	if err != nil {
		return err
	}
	key := sequenceKey(appendTime(make([]byte, 0, timeLen+seqLen), in.At), seq)
	return t.put(bucketRaw, key, encodeInbound(&in))
}

// Raw implements incident.Tx.
func (t *tx) Raw(since time.Time, fn func(incident.Inbound) bool) error {
	var err error
	t.ascend(bucketRaw, appendTime(make([]byte, 0, timeLen), since), func(k, v []byte) bool {
		var in incident.Inbound
		if in, err = decodeInbound(k, v); err != nil {
			return false
		}
		return fn(in)
	})
	return err
}
