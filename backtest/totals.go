package backtest

import "imbot/incident"

// Totals are the sums of a replay. Alerts is Shown, Duplicates, Consequences,
// Quiet, Muted and Paused together.
type Totals struct {
	Bodies       int `json:"bodies"` // that were replayed
	Unread       int `json:"unread"` // of them, those that no incident came or changed of
	Alerts       int `json:"alerts"` // incidents of the pager
	Shown        int `json:"shown"`
	Duplicates   int `json:"duplicates"`
	Consequences int `json:"consequences"`
	Quiet        int `json:"quiet"`
	Muted        int `json:"muted"`
	Paused       int `json:"paused"`
	Flapping     int `json:"flapping"`
	Rooms        int `json:"rooms"` // that would open
	Held         int `json:"held"`  // rooms that did not open because it was over before the hold was, or that a cause took in
	Major        int `json:"major"` // bursts that share a room
}

// total is one figure, for tables.
type total struct {
	name string
	n    int
}

// list has all figures in the order of tables.
func (t *Totals) list() []total {
	return []total{
		{"alerts", t.Alerts},
		{"shown", t.Shown},
		{"duplicates", t.Duplicates},
		{"consequences", t.Consequences},
		{"quiet by rule", t.Quiet},
		{"muted", t.Muted},
		{"paused", t.Paused},
		{"flapping", t.Flapping},
		{"rooms", t.Rooms},
		{"rooms spared", t.Held},
		{"major", t.Major},
	}
}

// count sums the rows up. m.totals has counted the bodies.
func (m *machine) count(rows []Row) Totals {
	t := m.totals
	t.Alerts = len(rows)
	majors := map[incident.ID]bool{}
	for i := range rows {
		r := &rows[i]
		switch r.State {
		case StateShown:
			t.Shown++
		case StateDuplicate:
			t.Duplicates++
		case StateConsequence:
			t.Consequences++
		case StateQuiet:
			t.Quiet++
		case StateMuted:
			t.Muted++
		case StatePaused:
			t.Paused++
		}
		if r.Flapping > 0 {
			t.Flapping++
		}
		if r.Room != nil {
			switch r.Room.Kind {
			case RoomOwn:
				t.Rooms++
			default:
				t.Held++
			}
		}
		if r.major != 0 {
			majors[r.major] = true
		}
	}
	t.Major = len(majors)
	return t
}
