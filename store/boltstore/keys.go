package boltstore

import "time"

// Key implements incident.Tx. Most keys of deliveries that are asked for are
// new, so most of those look-ups end at the bottom of the list; the buckets of
// single days are small.
func (t *tx) Key(key string, keep bool) (string, error) {
	if keep {
		return t.kept(key), nil
	}
	k := []byte(key)
	if id := t.dayOfKey(k); id != 0 {
		return string(t.get(id, k)), nil
	}
	return "", nil
}

// What the writer remembers of kept keys: deciding on an alert asks for hundreds
// of small ones, most of which are not there.
const (
	maxKeptValue = 64      // bytes; larger values are read where they lie
	maxKeptKeys  = 1 << 16 // some 6 MB
)

// kept returns the value of a kept key. The writer, which alone changes them,
// remembers the small ones.
func (t *tx) kept(key string) string {
	k := []byte(key)
	if !t.writable {
		return string(t.get(bucketKept, k))
	}
	if st := t.staged(bucketKept); st != nil {
		if i, found := st.search(k); found {
			return string(st.entries[i].value) // empty where it is deleted
		}
	}
	if v, ok := t.s.kept[key]; ok {
		return v
	}
	v := string(t.b.bucket(bucketKept).Get(k))
	t.s.remember(key, v)
	return v
}

// remember keeps what the writer has read or written; only it calls this.
func (s *Store) remember(key, value string) {
	if len(value) > maxKeptValue {
		delete(s.kept, key)
		return
	}
	if len(s.kept) >= maxKeptKeys {
		clear(s.kept)
	}
	s.kept[key] = value
}

// dayOfKey returns the newest day that holds the key, or 0. Days beyond the
// retention do not count, even where they are not removed yet.
func (t *tx) dayOfKey(k []byte) bucketID {
	today := dayOf(t.now)
	if t.get(today, k) != nil {
		return today
	}
	for _, id := range t.b.listDays() {
		if id != today && !t.expired(id, t.now) && t.get(id, k) != nil {
			return id
		}
	}
	return 0
}

// expired reports whether even the last key of a day has outlived its retention.
func (t *tx) expired(id bucketID, now time.Time) bool {
	end := time.Unix(int64(id-bucketDay+1)*86400, 0)
	return now.Sub(end) > t.s.o.KeyRetention
}

// PutKey implements incident.Tx. What is put last is what Key returns.
func (t *tx) PutKey(key, value string, keep bool) error {
	k := []byte(key)
	switch {
	case !keep:
		return t.put(dayOf(t.now), k, []byte(value))
	case value == "":
		return t.delete(bucketKept, k)
	}
	return t.put(bucketKept, k, []byte(value))
}
