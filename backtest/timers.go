package backtest

import (
	"slices"
	"time"

	"imbot/incident"
)

// kindRoom is the timer of a room that waits, beside the kinds of effect.
const kindRoom = "room"

// timer is what is to be done at a time.
type timer struct {
	due  time.Time
	kind string
	id   incident.ID
}

// timers are sorted by their time; of the same time, by the order in which they
// were added.
type timers struct{ list []timer }

func (ts *timers) add(due time.Time, kind string, id incident.ID) {
	i, _ := slices.BinarySearchFunc(ts.list, due, func(t timer, due time.Time) int {
		if t.due.After(due) {
			return 1
		}
		return -1
	})
	ts.list = slices.Insert(ts.list, i, timer{due, kind, id})
}

// next takes the first timer that is due by a time.
func (ts *timers) next(by time.Time) (timer, bool) {
	if len(ts.list) == 0 || ts.list[0].due.After(by) {
		return timer{}, false
	}
	t := ts.list[0]
	ts.list = slices.Delete(ts.list, 0, 1)
	return t, true
}
