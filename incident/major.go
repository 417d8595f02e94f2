package incident

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// burst is one incident of a room level, for the rule of major incidents.
type burst struct {
	ID    ID        `json:"i"`
	At    time.Time `json:"t"`
	Major ID        `json:"m,omitempty"`
}

// burstsVersion is the first byte of stored bursts; the first form was JSON,
// which takes longer to read than all the rest of the rule.
const burstsVersion = 2

func encodeBursts(list []burst) string {
	out := append(make([]byte, 0, 1+14*len(list)), burstsVersion)
	for _, b := range list {
		out = binary.AppendVarint(out, int64(b.ID))
		out = binary.AppendVarint(out, b.At.UnixNano())
		out = binary.AppendVarint(out, int64(b.Major))
	}
	return string(out)
}

func decodeBursts(v string) ([]burst, error) {
	var list []burst
	switch {
	case v == "":
		return nil, nil
	case v[0] == '[':
		return list, json.Unmarshal([]byte(v), &list)
	case v[0] != burstsVersion:
		return nil, fmt.Errorf("bursts of a form %d that is not known here", v[0])
	}
	r := &reader{s: v[1:]}
	for r.s != "" {
		list = append(list, burst{ID: ID(r.num()), At: time.Unix(0, r.num()).UTC(), Major: ID(r.num())})
	}
	if r.bad {
		return nil, errors.New("stored bursts are cut off")
	}
	return list, nil
}

const (
	burstsKey = "bursts"
	maxBursts = 64
)

// countsForMajor reports whether an incident counts in bursts: it opens a room,
// and is not tied to another, whose room it would share anyway.
func (inc *Incident) countsForMajor(level Level) bool {
	return level.Room && inc.Link == nil && !inc.Private && !inc.Imported
}

// major finds out which incidents of a room level are part of a burst, when inc
// has become one of them, or is none any more: more of them at a time than
// people can look after one by one share one room.
func (w *work) major(inc *Incident, counts, counted bool) error {
	if w.link.MajorCount <= 0 || counts == counted {
		return nil
	}
	v, err := w.tx.Key(burstsKey, true)
	if err != nil {
		return err
	}
	list, err := decodeBursts(v)
	if err != nil {
		return err
	}
	was := slices.Clone(list)
	list = slices.DeleteFunc(list, func(b burst) bool { return b.ID == inc.ID })
	if counts {
		list = append(list, burst{ID: inc.ID, At: inc.OpenedAt})
		slices.SortFunc(list, func(a, b burst) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
		if len(list) > maxBursts {
			list = slices.Delete(list, 0, len(list)-maxBursts)
		}
	}
	majors(list, w.link.MajorCount, w.link.MajorWindow)
	if err := w.tx.PutKey(burstsKey, encodeBursts(list), true); err != nil {
		return err
	}
	if inc.Major != 0 && !counts {
		list = append(list, burst{ID: inc.ID})
	}
	var stale []ID // their cards name one that must not be named any more
	for _, b := range list {
		i := slices.IndexFunc(was, func(o burst) bool { return o.ID == b.ID })
		if (i >= 0 && was[i].Major == b.Major) || (i < 0 && b.Major == 0) {
			if inc.Private && b.Major != 0 && b.Major == inc.Major {
				stale = append(stale, b.ID)
			}
			continue
		}
		if err := w.follow(b.ID, &decided{decision: decision{link: keepLink}, major: ptr(b.Major)}); err != nil {
			return err
		}
	}
	return w.redraw(stale...)
}

// majors gives all incidents of a burst its first one. list is sorted by time.
func majors(list []burst, count int, window time.Duration) {
	for i := range list {
		list[i].Major = 0
	}
	for i := range list {
		j := i
		for j+1 < len(list) && list[j+1].At.Sub(list[i].At) <= window {
			j++
		}
		if j-i+1 <= count {
			continue
		}
		first := cmp.Or(list[i].Major, list[i].ID)
		for k := i; k <= j; k++ {
			list[k].Major = first
		}
	}
}
