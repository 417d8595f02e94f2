package backtest

import (
	"time"

	"imbot/incident"
)

// room is what becomes of the room of an incident of a room level.
type room struct {
	after time.Time
	held  time.Duration // how long it waits for a root that comes late
	kind  string        // RoomOwn, …; "": none
	on    incident.ID   // the root, or the first incident of the burst
}

// What becomes of a room.
const (
	RoomOwn   = "own"   // it opens
	RoomRoot  = "root"  // the one of the incident's cause takes its people in
	RoomMajor = "major" // a burst shares one
	RoomOver  = "over"  // it was over before the hold was: none opens
)

// openRoom decides on a room when its wait is over. One that is open stays open,
// whatever is found out later.
func (m *machine) openRoom(id incident.ID) error {
	r := m.rooms[id]
	if r.kind == RoomOwn {
		return nil
	}
	return m.store.View(m.ctx, func(tx incident.Tx) error {
		inc, err := tx.Incident(id)
		if err != nil {
			return err
		}
		level, _ := m.rules.Catalog.Levels().Get(inc.Level)
		switch {
		case !m.wantsRoom(inc, level) || inc.Hidden(level):
			r.kind, r.on = "", 0
			return nil
		case !inc.Active():
			r.kind, r.on = RoomOver, 0
			return nil
		}
		root := inc
		for n := 0; root.Link != nil && root.Link.Parent != 0 && n < maxDepth; n++ {
			if root, err = tx.Incident(root.Link.Parent); err != nil {
				return err
			}
		}
		switch {
		case root.ID != id:
			m.shared(root.ID)
			r.kind, r.on = RoomRoot, root.ID
		case inc.Major != 0 && inc.Major != id:
			m.shared(inc.Major)
			r.kind, r.on = RoomMajor, inc.Major
		default:
			r.kind = RoomOwn
		}
		return nil
	})
}

// maxDepth bounds how far a tree is followed: it is not deep.
const maxDepth = 64

// shared opens the room of an incident for others, too, if there is none yet.
func (m *machine) shared(id incident.ID) {
	r := m.rooms[id]
	if r == nil {
		r = &room{after: m.now}
		m.rooms[id] = r
	}
	r.kind = RoomOwn
}

// wantsRoom says whether an incident of its level and squad gets a room: not
// while the squad is tried out, or kept quiet.
func (m *machine) wantsRoom(inc *incident.Incident, level incident.Level) bool {
	return level.Room && m.rules.Catalog.Notice(inc.Squad, inc.Level).Room && m.rules.Catalog.Route(inc.Squad).Mode == incident.ModeLive
}
