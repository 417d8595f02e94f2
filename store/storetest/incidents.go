package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"imbot/incident"
)

func testIncident(e *env) {
	want := sample(7, Start.Add(123456789))
	e.put(want)
	var got *incident.Incident
	e.view(func(tx incident.Tx) (err error) {
		got, err = tx.Incident(7)
		return err
	})
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		e.Errorf("Incident(7) differs from what was put (-put +got):\n%s", d)
	}
	got.Title, got.Cards[0] = "changed by the caller", "changed by the caller" // the caller owns it
	e.view(func(tx incident.Tx) error {
		again, err := tx.Incident(7)
		if err == nil && (again.Title != want.Title || again.Cards[0] != want.Cards[0]) {
			e.Errorf("Incident(7) = %+v: what a caller did to an earlier result shows", again)
		}
		return err
	})
	err := e.View(e.ctx(), func(tx incident.Tx) error {
		_, err := tx.Incident(8)
		return err
	})
	if !errors.Is(err, incident.ErrNotFound) {
		e.Errorf("Incident(8) = %v, want ErrNotFound", err)
	}
	if err := e.Update(e.ctx(), func(tx incident.Tx) error { return tx.PutIncident(&incident.Incident{}) }); err == nil {
		e.Error("PutIncident of one without a number succeeds")
	}
}

func testNextID(e *env) {
	var got []incident.ID
	take := func(tx incident.Tx) error {
		id, err := tx.NextID()
		got = append(got, id)
		return err
	}
	e.update(take)
	e.update(func(tx incident.Tx) error { return errors.Join(take(tx), take(tx)) })
	if want := []incident.ID{1, 2, 3}; !slices.Equal(got, want) {
		e.Errorf("NextID = %v, want %v", got, want)
	}
	// A change that fails may give its number back, but no number is given twice.
	_ = e.Update(e.ctx(), func(tx incident.Tx) error { return errors.Join(take(tx), errStop) })
	got = nil
	e.update(take)
	e.reopen()
	e.update(take)
	if len(got) != 2 || got[0] < 4 || got[1] <= got[0] {
		e.Errorf("NextID after a failure and after opening again = %v, want two growing numbers above 3", got)
	}
}

// rows returns the numbers of the incidents that Rows gives.
func (e *env) rows(after incident.Cursor, openOnly bool, limit int) []incident.ID {
	e.Helper()
	var out []incident.ID
	e.view(func(tx incident.Tx) error {
		out = nil
		return tx.Rows(after, openOnly, func(r incident.Row) bool {
			out = append(out, r.ID)
			return limit == 0 || len(out) < limit
		})
	})
	return out
}

func (e *env) wantRows(what string, openOnly bool, want ...incident.ID) {
	e.Helper()
	if got := e.rows(incident.Cursor{}, openOnly, 0); !slices.Equal(got, want) {
		e.Errorf("%s: Rows(openOnly %t) = %v, want %v", what, openOnly, got, want)
	}
}

func testRows(e *env) {
	e.wantRows("an empty store", false)
	// Numbers 2, 3 and 12 opened at the same time; 4 was opened before 1970, 5 has
	// the very same second as others, 6 is in the far future.
	at := map[incident.ID]time.Time{
		1: Start, 2: Start.Add(time.Hour), 3: Start.Add(time.Hour), 12: Start.Add(time.Hour),
		4: time.Date(1969, 12, 31, 23, 59, 59, 5, time.UTC), 5: Start.Add(1), 6: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, id := range []incident.ID{3, 1, 12, 5, 2, 6, 4} {
		e.put(sample(id, at[id]))
	}
	all := []incident.ID{6, 12, 3, 2, 5, 1, 4}
	e.wantRows("all", false, all...)
	e.wantRows("all are open", true, all...)
	for i, id := range all {
		if got := e.rows(incident.Cursor{OpenedAt: at[id], ID: id}, i%2 == 0, 0); !slices.Equal(got, all[i+1:]) {
			e.Errorf("Rows after %s = %v, want %v", id, got, all[i+1:])
		}
	}
	// A cursor need not be that of an incident.
	if got := e.rows(incident.Cursor{OpenedAt: Start.Add(time.Hour), ID: 7}, false, 2); !slices.Equal(got, []incident.ID{3, 2}) {
		e.Errorf("Rows after a number between two = %v, want [3 2]", got)
	}
	if got := e.rows(incident.Cursor{OpenedAt: at[12].In(time.FixedZone("WIB", 7*3600)), ID: 12}, false, 1); !slices.Equal(got, []incident.ID{3}) {
		e.Errorf("Rows after a time of another zone = %v, want [3]", got)
	}
	e.view(func(tx incident.Tx) error {
		return tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			if d := cmp.Diff(incident.RowOf(sample(r.ID, at[r.ID])), r); d != "" {
				e.Errorf("row of %s (-want +got):\n%s", r.ID, d)
			}
			return true
		})
	})
}

func testRowsFollow(e *env) {
	for id := incident.ID(1); id <= 4; id++ {
		e.put(sample(id, Start.Add(time.Duration(id)*time.Minute)))
	}
	change := func(id incident.ID, fn func(inc *incident.Incident)) {
		e.Helper()
		e.update(func(tx incident.Tx) error {
			inc, err := tx.Incident(id)
			if err != nil {
				return err
			}
			fn(inc)
			return tx.PutIncident(inc)
		})
	}
	change(3, func(inc *incident.Incident) { inc.Status = incident.Resolved })
	e.wantRows("3 is resolved", false, 4, 3, 2, 1)
	e.wantRows("3 is resolved", true, 4, 2, 1)
	change(2, func(inc *incident.Incident) { inc.OpenedAt = Start.Add(time.Hour) })
	e.wantRows("2 was opened later", false, 2, 4, 3, 1)
	e.wantRows("2 was opened later", true, 2, 4, 1)
	change(3, func(inc *incident.Incident) { inc.Status, inc.OpenedAt = incident.Open, Start.Add(2*time.Hour) })
	e.wantRows("3 is open again, at another time", true, 3, 2, 4, 1)
	change(1, func(inc *incident.Incident) { inc.Status, inc.OpenedAt = incident.Closed, Start.Add(3*time.Hour) })
	e.wantRows("1 is closed and moved", true, 3, 2, 4)
	e.wantRows("1 is closed and moved", false, 1, 3, 2, 4)
	change(4, func(inc *incident.Incident) { inc.Title, inc.Level, inc.Private = "another title", "other", true })
	e.view(func(tx incident.Tx) error {
		return tx.Rows(incident.Cursor{}, true, func(r incident.Row) bool {
			if r.ID == 4 && (r.Title != "another title" || r.Level != "other" || !r.Private) {
				e.Errorf("row of INC-4 = %+v: it shows an older state", r)
			}
			return true
		})
	})
}

func testRowsWithin(e *env) {
	e.put(sample(1, Start), sample(2, Start.Add(time.Minute)), sample(3, Start.Add(2*time.Minute)))
	within := func(tx incident.Tx, openOnly bool) (out []incident.ID) {
		if err := tx.Rows(incident.Cursor{}, openOnly, func(r incident.Row) bool {
			out = append(out, r.ID)
			return true
		}); err != nil {
			e.Error(err)
		}
		return out
	}
	var all, open, half []incident.ID
	e.update(func(tx incident.Tx) error {
		two := sample(2, Start.Add(time.Hour))
		two.Status = incident.Closed
		for _, inc := range []*incident.Incident{sample(5, Start.Add(90*time.Second)), two, sample(4, Start.Add(-time.Hour))} {
			if err := tx.PutIncident(inc); err != nil {
				return err
			}
		}
		all, open = within(tx, false), within(tx, true)
		half = nil
		return tx.Rows(incident.Cursor{OpenedAt: Start.Add(2 * time.Minute), ID: 3}, false, func(r incident.Row) bool {
			half = append(half, r.ID)
			return len(half) < 2
		})
	})
	if want := []incident.ID{2, 3, 5, 1, 4}; !slices.Equal(all, want) {
		e.Errorf("Rows inside the change = %v, want %v", all, want)
	}
	if want := []incident.ID{3, 5, 1, 4}; !slices.Equal(open, want) {
		e.Errorf("Rows of open ones inside the change = %v, want %v", open, want)
	}
	if want := []incident.ID{5, 1}; !slices.Equal(half, want) {
		e.Errorf("Rows after a cursor inside the change = %v, want %v", half, want)
	}
	e.wantRows("after the change", false, 2, 3, 5, 1, 4)
}

func event(id incident.ID, n int) incident.Event {
	return incident.Event{
		Incident: id, N: n, At: Start.Add(time.Duration(n) * time.Second), Recorded: Start, Kind: incident.EvNote,
		Actor: incident.System, Text: fmt.Sprintf("note %d", n), Data: map[string]string{"n": fmt.Sprint(n)},
	}
}

func numbers(events []incident.Event) []int {
	out := []int{}
	for _, ev := range events {
		out = append(out, ev.N)
	}
	return out
}

func testTimeline(e *env) {
	e.update(func(tx incident.Tx) error {
		return errors.Join(tx.AddEvents([]incident.Event{event(1, 1), event(2, 1), event(1, 2)}), tx.AddEvents(nil))
	})
	e.update(func(tx incident.Tx) error {
		return tx.AddEvents([]incident.Event{event(1, 3), event(256, 1), event(1, 4), event(1, 300)})
	})
	for _, c := range []struct {
		id           incident.ID
		after, limit int
		want         []int
	}{
		{1, 0, 0, []int{1, 2, 3, 4, 300}},
		{1, 2, 0, []int{3, 4, 300}},
		{1, 0, 2, []int{1, 2}},
		{1, 3, 1, []int{4}},
		{1, 300, 0, []int{}},
		{2, 0, 10, []int{1}},
		{3, 0, 0, []int{}},
		{256, 0, 0, []int{1}},
	} {
		e.view(func(tx incident.Tx) error {
			got, err := tx.Timeline(c.id, c.after, c.limit)
			if !slices.Equal(numbers(got), c.want) {
				e.Errorf("Timeline(%s, %d, %d) = %v, want %v", c.id, c.after, c.limit, numbers(got), c.want)
			}
			if len(got) > 0 {
				if d := cmp.Diff(event(c.id, got[0].N), got[0]); d != "" {
					e.Errorf("event (-want +got):\n%s", d)
				}
			}
			return err
		})
	}
}

func testTimelineWithin(e *env) {
	e.update(func(tx incident.Tx) error { return tx.AddEvents([]incident.Event{event(1, 1), event(2, 1)}) })
	var got []int
	e.update(func(tx incident.Tx) error {
		if err := tx.AddEvents([]incident.Event{event(1, 2), event(1, 3)}); err != nil {
			return err
		}
		events, err := tx.Timeline(1, 0, 0)
		got = numbers(events)
		return err
	})
	if want := []int{1, 2, 3}; !slices.Equal(got, want) {
		e.Errorf("Timeline inside the change = %v, want %v", got, want)
	}
}
