package boltstore

import "time"

// Key implements incident.Tx. Most keys asked for are new, so most look-ups end
// at the bottom of the list; the buckets of single days are small.
func (t *tx) Key(key string) (string, error) {
	k := []byte(key)
	if v := t.get(bucketKept, k); v != nil {
		return string(v), nil
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

// PutKey implements incident.Tx. What is put last is what Key returns, whatever
// keep was before.
func (t *tx) PutKey(key, value string, keep bool) error {
	k := []byte(key)
	if !keep {
		if t.get(bucketKept, k) != nil {
			if err := t.delete(bucketKept, k); err != nil {
				return err
			}
		}
		return t.put(dayOf(t.now), k, []byte(value))
	}
	if value != "" {
		return t.put(bucketKept, k, []byte(value))
	}
	// Nothing is what Key returns for unknown keys: no need to keep it. But a day
	// must not answer in its place.
	if err := t.delete(bucketKept, k); err != nil {
		return err
	}
	if t.dayOfKey(k) != 0 {
		return t.put(dayOf(t.now), k, nil)
	}
	return nil
}
