package boltstore

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"imbot/incident"
)

// Lengths of the encoded forms.
const (
	timeLen = 12
	idLen   = 8
	seqLen  = 8
)

// appendTime encodes t so that the bytes sort as the times do, for every time
// that time.Time can hold.
func appendTime(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix())^(1<<63))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

// decodeTime reads what appendTime has written; b must be long enough.
func decodeTime(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)^(1<<63)), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

func appendID(b []byte, id incident.ID) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(id)^(1<<63))
}

func decodeID(b []byte) incident.ID {
	return incident.ID(binary.BigEndian.Uint64(b) ^ (1 << 63))
}

func incidentKey(id incident.ID) []byte { return appendID(make([]byte, 0, idLen), id) }

// rowKey is the place of an incident in the order of Rows, read backwards.
func rowKey(openedAt time.Time, id incident.ID) []byte {
	return appendID(appendTime(make([]byte, 0, timeLen+idLen), openedAt), id)
}

func eventKey(id incident.ID, n int) []byte {
	return binary.BigEndian.AppendUint32(appendID(make([]byte, 0, idLen+4), id), uint32(min(max(n, 0), math.MaxInt32)))
}

func sequenceKey(prefix []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(prefix, seq)
}

func decodeSequence(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// Marks in front of a name: those of incidents come after all others, so that
// new ones are written at the end of their bucket.
const (
	namePlain    = 0
	nameIncident = 1
)

// appendName encodes the key or lane of an effect. "INC-42/…" becomes the number
// in binary and what follows the slash: names of one incident lie together, and
// incidents in their order. Nothing else can have the same encoded form.
func appendName(b []byte, name string) []byte {
	if id, rest, ok := cutIncident(name); ok {
		return append(appendID(append(b, nameIncident), id), rest...)
	}
	return append(append(b, namePlain), name...)
}

// cutIncident splits "INC-42/…", only in the form that incident.ID itself writes.
func cutIncident(name string) (incident.ID, string, bool) {
	head, rest, ok := strings.Cut(name, "/")
	digits, isInc := strings.CutPrefix(head, "INC-")
	if !ok || !isInc || digits == "" || len(digits) > 18 || digits[0] == '0' {
		return 0, "", false
	}
	var n int64
	for i := range len(digits) {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, "", false
		}
		n = 10*n + int64(c-'0')
	}
	return incident.ID(n), rest, true
}

// lanePrefix is what the keys of a lane begin with, before the sequence. Names
// hold no NUL, so no lane's prefix is that of another.
func lanePrefix(lane string) []byte {
	b := appendName(make([]byte, 0, 1+idLen+len(lane)+1+seqLen), lane)
	return append(b, 0)
}

// Bytes in front of the keys of bucketDue.
const (
	dueUrgent = 0
	dueNormal = 1
)

func dueKey(urgent bool, at time.Time, seq uint64) []byte {
	b := append(make([]byte, 0, 1+timeLen+seqLen), dueNormal)
	if urgent {
		b[0] = dueUrgent
	}
	return sequenceKey(appendTime(b, at), seq)
}

// endedKey is a place in the list of effects that ended in this state.
func endedKey(state string, seq uint64) []byte {
	return sequenceKey(append(make([]byte, 0, len(state)+1+seqLen), state+"/"...), seq)
}

// dayName is the name of a day's bucket, such as "2026-11-22".
func dayName(id bucketID) []byte {
	return time.Unix(int64(id-bucketDay)*86400, 0).UTC().AppendFormat(nil, time.DateOnly)
}

func dayOfName(name []byte) (bucketID, bool) {
	t, err := time.Parse(time.DateOnly, string(name))
	if err != nil {
		return 0, false
	}
	return dayOf(t), true
}

// dayOf returns the bucket of inbound keys that are stored at t.
func dayOf(t time.Time) bucketID {
	days := t.Unix() / 86400
	if t.Unix() < 0 {
		days = 0 // a clock before 1970 is wrong anyway
	}
	return bucketDay + bucketID(days)
}

// rowVersion is the first byte of a narrow record.
const rowVersion = 1

// encodeRow writes the fields that the key does not hold: lists read many of
// them, and binary costs a tenth of JSON.
func encodeRow(r *incident.Row) []byte {
	fields := [...]string{r.Title, string(r.Status), r.Level, r.Squad, r.Service, r.Link}
	n := 2
	for _, f := range fields {
		n += 2 + len(f)
	}
	b := append(make([]byte, 0, n), rowVersion, 0)
	if r.Private {
		b[1] = 1
	}
	for _, f := range fields {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// decodeRow reads an entry of bucketRow.
func decodeRow(k, v []byte) (incident.Row, error) {
	var r incident.Row
	if len(k) != timeLen+idLen || len(v) < 2 || v[0] != rowVersion {
		return r, fmt.Errorf("store: the record %x is damaged", k)
	}
	r.OpenedAt, r.ID, r.Private = decodeTime(k), decodeID(k[timeLen:]), v[1] == 1
	s := string(v[2:]) // one allocation for all fields
	for _, f := range [...]*string{&r.Title, (*string)(&r.Status), &r.Level, &r.Squad, &r.Service, &r.Link} {
		var err error
		if *f, s, err = cutField(s); err != nil {
			return r, fmt.Errorf("store: the record of %s: %w", r.ID, err)
		}
	}
	return r, nil
}

// cutField takes a length and as many bytes from the front of s.
func cutField(s string) (field, rest string, err error) {
	var n uint64
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			s = s[i+1:]
			if n > uint64(len(s)) {
				break
			}
			return s[:n], s[n:], nil
		}
	}
	return "", "", fmt.Errorf("damaged: a field is cut off")
}

// inboundVersion is the first byte of a stored body.
const inboundVersion = 1

func encodeInbound(in *incident.Inbound) []byte {
	b := append(make([]byte, 0, 8+len(in.Source)+len(in.ID)+len(in.Encoding)+len(in.Body)), inboundVersion)
	for _, f := range [...]string{in.Source, in.ID, in.Encoding} {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return append(b, in.Body...)
}

// decodeInbound reads an entry of bucketRaw. The result shares nothing with v.
func decodeInbound(k, v []byte) (incident.Inbound, error) {
	var in incident.Inbound
	if len(k) != timeLen+seqLen || len(v) < 1 || v[0] != inboundVersion {
		return in, fmt.Errorf("store: the body %x is damaged", k)
	}
	in.At = decodeTime(k)
	s := string(v[1:])
	for _, f := range [...]*string{&in.Source, &in.ID, &in.Encoding} {
		var err error
		if *f, s, err = cutField(s); err != nil {
			return in, fmt.Errorf("store: the body of %s: %w", in.At.Format(time.RFC3339), err)
		}
	}
	in.Body = []byte(s)
	return in, nil
}
