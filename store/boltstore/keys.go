package boltstore

import "time"

// Key implements incident.Tx. Most keys of deliveries that are asked for are
// new, so most of those look-ups end at the bottom of the list; the buckets of
// single days are small.
func (t *tx) Key(key string, keep bool) (string, error) {
	k := []byte(key)
	if keep {
		return string(t.get(bucketKept, k)), nil
	}
	if id := t.dayOfKey(k); id != 0 {
		return string(t.get(id, k)), nil
	}
	return "", nil
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
