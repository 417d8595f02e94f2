package boltstore

import "bytes"

// ascend calls fn with the keys at or after from, in order, staged writes
// included, until fn returns false. fn may write.
func (t *tx) ascend(id bucketID, from []byte, fn func(k, v []byte) bool) {
	var bk, bv []byte
	next := func() ([]byte, []byte) { return nil, nil }
	if b := t.b.bucket(id); b != nil {
		c := b.Cursor()
		next = c.Next
		bk, bv = c.Seek(from)
	}
	at, after := from, false
	for {
		e := t.stagedFrom(id, at, after)
		k, v := bk, bv
		switch {
		case e == nil && bk == nil:
			return
		case e != nil && (bk == nil || bytes.Compare(e.key, bk) <= 0):
			if bytes.Equal(e.key, bk) {
				bk, bv = next()
			}
			k, v = e.key, e.value
		default:
			e = nil
			bk, bv = next()
		}
		at, after = k, true
		if e != nil && e.del {
			continue
		}
		if !fn(k, v) {
			return
		}
	}
}

// descend calls fn with the keys before the given one (nil: all), the last one
// first, staged writes included, until fn returns false. fn may write.
func (t *tx) descend(id bucketID, before []byte, fn func(k, v []byte) bool) {
	var bk, bv []byte
	prev := func() ([]byte, []byte) { return nil, nil }
	if b := t.b.bucket(id); b != nil {
		c := b.Cursor()
		prev = c.Prev
		if before == nil {
			bk, bv = c.Last()
		} else if k, _ := c.Seek(before); k == nil {
			bk, bv = c.Last()
		} else {
			bk, bv = c.Prev()
		}
	}
	at := before
	for {
		e := t.stagedBefore(id, at)
		k, v := bk, bv
		switch {
		case e == nil && bk == nil:
			return
		case e != nil && (bk == nil || bytes.Compare(e.key, bk) >= 0):
			if bytes.Equal(e.key, bk) {
				bk, bv = prev()
			}
			k, v = e.key, e.value
		default:
			e = nil
			bk, bv = prev()
		}
		at = k
		if e != nil && e.del {
			continue
		}
		if !fn(k, v) {
			return
		}
	}
}

// stagedFrom returns a copy of the first staged entry at key, or after it.
func (t *tx) stagedFrom(id bucketID, key []byte, after bool) *entry {
	st := t.staged(id)
	if st == nil {
		return nil
	}
	i, found := st.search(key)
	if found && after {
		i++
	}
	if i >= len(st.entries) {
		return nil
	}
	e := st.entries[i]
	return &e
}

// stagedBefore returns a copy of the last staged entry before key (nil: of all).
func (t *tx) stagedBefore(id bucketID, key []byte) *entry {
	st := t.staged(id)
	if st == nil {
		return nil
	}
	i := len(st.entries)
	if key != nil {
		i, _ = st.search(key)
	}
	if i == 0 {
		return nil
	}
	e := st.entries[i-1]
	return &e
}

// prefixed calls fn with the entries whose keys begin with prefix, in order.
func (t *tx) prefixed(id bucketID, prefix []byte, fn func(k, v []byte) bool) {
	t.ascend(id, prefix, func(k, v []byte) bool { return bytes.HasPrefix(k, prefix) && fn(k, v) })
}
