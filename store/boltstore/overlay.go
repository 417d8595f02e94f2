package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bucketID names a bucket. Numbers from bucketDay on are the buckets of inbound
// keys, one for each UTC day: bucketDay plus the days since 1970.
type bucketID int32

const (
	bucketMeta       bucketID = iota // schema and the like
	bucketIncident                   // number -> document; its sequence is that of the incidents
	bucketRow                        // opened_at, number -> narrow record
	bucketOpen                       // the same keys, of open incidents -> nothing
	bucketEvent                      // number, event number -> event
	bucketKept                       // key -> value, for good
	bucketRaw                        // arrival, sequence -> body
	bucketEffect                     // effect key -> row; its sequence orders lanes
	bucketLane                       // lane, sequence -> effect key, of all that wait; its sequence counts them
	bucketDue                        // urgency, due time, sequence -> first due, effect key, of the first of each lane
	bucketEnded                      // state, sequence -> effect key, of dead and skipped ones
	bucketChat                       // conversation id -> conversation
	bucketPerson                     // person id -> person
	bucketName                       // any name of a person -> person id
	bucketEdge                       // caller, callee, source -> remembered edge of the service graph
	bucketSource                     // name -> when a source of the graph was asked, and how that went
	bucketChange                     // service, time, change id -> what was changed
	bucketPreference                 // mail address -> what its owner wants
	bucketCount

	bucketDay bucketID = 1 << 16
)

// buckets holds the name of each fixed bucket, and how full its pages are made:
// almost full where keys only grow, with some room where values grow later, and
// half where keys come in any order.
var buckets = [bucketCount]struct {
	name string
	fill float64
}{
	bucketMeta: {"meta", 0.5}, bucketIncident: {"incident", 0.85}, bucketRow: {"row", 0.9}, bucketOpen: {"open", 0.9},
	bucketEvent: {"event", 0.85}, bucketKept: {"kept", 0.5}, bucketRaw: {"raw", 1}, bucketEffect: {"effect", 0.85},
	bucketLane: {"lane", 0.9}, bucketDue: {"due", 0.9}, bucketEnded: {"ended", 0.9}, bucketChat: {"chat", 0.5},
	bucketPerson: {"person", 0.5}, bucketName: {"name", 0.5}, bucketEdge: {"edge", 0.5}, bucketSource: {"source", 0.5},
	bucketChange: {"change", 0.5}, bucketPreference: {"preference", 0.5},
}

// nameDays is the bucket that holds those of the days.
const nameDays = "days"

var errReadOnly = errors.New("store: writing in a read-only transaction")

// batch is what the changes of one bbolt transaction share.
type batch struct {
	tx      *bolt.Tx
	dirty   bool
	fixed   [bucketCount]*bolt.Bucket
	days    map[bucketID]*bolt.Bucket
	dayList []bucketID // newest first; nil: not read yet
}

// bucket returns nil for the bucket of a day that is not there yet.
func (b *batch) bucket(id bucketID) *bolt.Bucket {
	if id >= bucketDay {
		return b.day(id, false)
	}
	if b.fixed[id] == nil {
		b.fixed[id] = b.tx.Bucket([]byte(buckets[id].name))
		b.fixed[id].FillPercent = buckets[id].fill // holds for this transaction only
	}
	return b.fixed[id]
}

func (b *batch) day(id bucketID, create bool) *bolt.Bucket {
	if got := b.days[id]; got != nil {
		return got
	}
	name, days := dayName(id), b.tx.Bucket([]byte(nameDays))
	got := days.Bucket(name)
	if got == nil && create {
		var err error
		if got, err = days.CreateBucket(name); err != nil {
			return nil
		}
		b.dayList = nil
	}
	if got != nil {
		if b.days == nil {
			b.days = map[bucketID]*bolt.Bucket{}
		}
		b.days[id] = got
	}
	return got
}

// listDays returns the days that have a bucket, newest first.
func (b *batch) listDays() []bucketID {
	if b.dayList == nil {
		b.dayList = []bucketID{}
		c := b.tx.Bucket([]byte(nameDays)).Cursor()
		for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
			if id, ok := dayOfName(k); ok {
				b.dayList = append(b.dayList, id)
			}
		}
	}
	return b.dayList
}

// tx is one transaction: an overlay of staged writes over what was committed,
// and over the earlier changes of the same batch. Its own reads see it.
type tx struct {
	s        *Store
	b        *batch
	writable bool
	now      time.Time // one time for the whole change
	stages   []stage
	drops    []bucketID // days to be forgotten
	w        writer
}

// stage holds the staged writes of one bucket, sorted by key.
type stage struct {
	id      bucketID
	entries []entry
	seq     uint64
	seqSet  bool
}

type entry struct {
	key, value []byte
	del        bool
}

// reset prepares t for the next change of a batch.
func (t *tx) reset(now time.Time) {
	for i := range t.stages {
		clear(t.stages[i].entries)
		t.stages[i].entries, t.stages[i].seqSet = t.stages[i].entries[:0], false
	}
	t.now, t.drops = now, t.drops[:0]
}

// apply carries the staged writes over into the bbolt transaction.
func (t *tx) apply() error {
	for i := range t.stages {
		st := &t.stages[i]
		if len(st.entries) == 0 && !st.seqSet {
			continue
		}
		t.b.dirty = true
		b := t.b.bucket(st.id)
		if b == nil {
			if b = t.b.day(st.id, true); b == nil {
				return fmt.Errorf("no bucket %d", st.id)
			}
		}
		if err := st.apply(b); err != nil {
			return err
		}
		if st.id == bucketKept {
			for _, e := range st.entries {
				t.s.remember(string(e.key), string(e.value))
			}
		}
	}
	for _, id := range t.drops {
		t.b.dirty, t.b.dayList = true, nil
		delete(t.b.days, id)
		if err := t.b.tx.Bucket([]byte(nameDays)).DeleteBucket(dayName(id)); err != nil {
			return err
		}
	}
	return nil
}

func (st *stage) apply(b *bolt.Bucket) error {
	if st.seqSet {
		if err := b.SetSequence(st.seq); err != nil {
			return err
		}
	}
	for i := range st.entries {
		e := &st.entries[i]
		var err error
		if e.del {
			err = b.Delete(e.key)
		} else {
			err = b.Put(e.key, e.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// staged returns the stage of a bucket, or nil.
func (t *tx) staged(id bucketID) *stage {
	for i := range t.stages {
		if t.stages[i].id == id {
			return &t.stages[i]
		}
	}
	return nil
}

func (t *tx) stage(id bucketID) *stage {
	if st := t.staged(id); st != nil {
		return st
	}
	t.stages = append(t.stages, stage{id: id})
	return &t.stages[len(t.stages)-1]
}

func (st *stage) search(key []byte) (int, bool) {
	if n := len(st.entries); n > 0 && bytes.Compare(st.entries[n-1].key, key) < 0 {
		return n, false // most keys grow
	}
	return slices.BinarySearchFunc(st.entries, key, func(e entry, k []byte) int { return bytes.Compare(e.key, k) })
}

// put stages a write. It takes over key and value: both must not be changed
// any more.
func (t *tx) put(id bucketID, key, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > bolt.MaxKeySize:
		return fmt.Errorf("store: a key of %d bytes: it must have 1 to %d", len(key), bolt.MaxKeySize)
	case len(value) > bolt.MaxValueSize:
		return fmt.Errorf("store: a value of %d bytes is too large", len(value))
	}
	if value == nil {
		value = []byte{} // get tells "empty" from "not there"
	}
	return t.set(id, entry{key: key, value: value})
}

func (t *tx) delete(id bucketID, key []byte) error {
	return t.set(id, entry{key: key, del: true})
}

func (t *tx) set(id bucketID, e entry) error {
	if !t.writable {
		return errReadOnly
	}
	st := t.stage(id)
	i, found := st.search(e.key)
	if found {
		st.entries[i] = e
		return nil
	}
	st.entries = slices.Insert(st.entries, i, e)
	return nil
}

// get returns nil where there is no such key. The value must not be changed,
// and not be used after the transaction.
func (t *tx) get(id bucketID, key []byte) []byte {
	if st := t.staged(id); st != nil {
		if i, found := st.search(key); found {
			if st.entries[i].del {
				return nil
			}
			return st.entries[i].value
		}
	}
	b := t.b.bucket(id)
	if b == nil {
		return nil
	}
	return b.Get(key)
}

// sequence returns the number that is kept with a bucket.
func (t *tx) sequence(id bucketID) uint64 {
	if st := t.staged(id); st != nil && st.seqSet {
		return st.seq
	}
	return t.b.bucket(id).Sequence()
}

func (t *tx) setSequence(id bucketID, n uint64) error {
	if !t.writable {
		return errReadOnly
	}
	st := t.stage(id)
	st.seq, st.seqSet = n, true
	return nil
}

func (t *tx) nextSequence(id bucketID) (uint64, error) {
	n := t.sequence(id) + 1
	return n, t.setSequence(id, n)
}
