package incident

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// burst is one incident of a room level, for the rule of major incidents.
type burst struct {
	ID    ID        `json:"i"`
	At    time.Time `json:"t"`
	Major ID        `json:"m,omitempty"`
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
	var list []burst
	if v != "" {
		if err := json.Unmarshal([]byte(v), &list); err != nil {
			return err
		}
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
	out, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := w.tx.PutKey(burstsKey, string(out), true); err != nil {
		return err
	}
	if inc.Major != 0 && !counts {
		list = append(list, burst{ID: inc.ID})
	}
	for _, b := range list {
		i := slices.IndexFunc(was, func(o burst) bool { return o.ID == b.ID })
		if (i >= 0 && was[i].Major == b.Major) || (i < 0 && b.Major == 0) {
			continue
		}
		if err := w.follow(b.ID, &decided{decision: decision{link: keepLink}, major: ptr(b.Major)}); err != nil {
			return err
		}
	}
	return nil
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
