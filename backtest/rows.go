package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"imbot/incident"
)

// Row is what one incident of the pager would be.
type Row struct {
	// Ref is the pager's id of it, by which rows of two replays are told to be the
	// same.
	Ref     string    `json:"ref"`
	ID      string    `json:"id"`    // what the real imbot calls it, such as INC-42; else Ref
	Title   string    `json:"title"` // "private" where it is, in the log or under any of the rules
	Service string    `json:"service,omitempty"`
	Squad   string    `json:"squad,omitempty"`
	Opened  time.Time `json:"opened_at"`
	Private bool      `json:"private,omitempty"`

	Level    string    `json:"level"`
	Rule     string    `json:"level_rule,omitempty"` // that gave the level; "": none matched
	State    string    `json:"state"`                // StateShown, …
	Link     *Tie      `json:"link,omitempty"`
	Flapping int       `json:"flapping,omitempty"` // how often its key opened
	Paused   time.Time `json:"paused_until,omitzero"`
	Cards    []string  `json:"cards,omitempty"`   // places: a squad's key, "default", "broadcast", "review", "2 people"
	NoCard   string    `json:"no_card,omitempty"` // why there is none, as the domain has it
	Room     *Room     `json:"room,omitempty"`
	Major    string    `json:"major,omitempty"` // the first incident of the burst that it is part of

	hidden  bool        // hide was called
	number  incident.ID // of the real imbot; 0: not known there
	scratch incident.ID // of the replay
	major   incident.ID // of the replay
}

// What a row counts as: each as one of these.
const (
	StateShown       = "shown"
	StateDuplicate   = "duplicate"
	StateConsequence = "consequence" // of another incident, told silently
	StateQuiet       = "quiet"       // its rule says so
	StateMuted       = "muted"       // its service or squad was
	StatePaused      = "paused"      // it mostly resolves itself, and did
)

// Tie is what a row is linked to.
type Tie struct {
	Kind   string   `json:"kind"`
	Parent string   `json:"parent"`
	Rule   string   `json:"rule"`
	Path   []string `json:"path,omitempty"` // services, from its own to the parent's

	ref string // the pager's id of the parent
}

// Room is what becomes of a room.
type Room struct {
	Kind string `json:"kind"`         // RoomOwn, …
	Of   string `json:"of,omitempty"` // RoomRoot, RoomMajor: whose room it is
	Held string `json:"held,omitempty"`
}

// hide takes out what only members may know. Of the cards it leaves whether they
// are the members'.
func (r *Row) hide() {
	if len(r.Cards) > 0 && !r.hidden {
		for i, c := range r.Cards {
			if !isPeople(c) {
				r.Cards[i] = "a channel"
			}
		}
		r.Cards = slices.Compact(r.Cards)
	}
	r.Private, r.hidden, r.Title, r.Service, r.Squad, r.Link = true, true, "private", "", "", nil
}

// naming knows what the real imbot calls incidents.
type naming struct {
	tx      incident.Tx // of the log
	private map[incident.ID]bool
	refs    map[incident.ID]string // of the replay: pager's ids
	cache   map[string]incident.ID
}

func newNaming(tx incident.Tx) (*naming, error) {
	n := &naming{tx: tx, private: map[incident.ID]bool{}, refs: map[incident.ID]string{}, cache: map[string]incident.ID{}}
	return n, tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
		if r.Private {
			n.private[r.ID] = true
		}
		return true
	})
}

// number returns the id in the real imbot; 0 where it knows none.
func (n *naming) number(ref string) (incident.ID, error) {
	if id, ok := n.cache[ref]; ok {
		return id, nil
	}
	v, err := n.tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: ref}.Key(), true)
	if err != nil {
		return 0, err
	}
	var id incident.ID
	if v != "" {
		if id, err = incident.ParseID(v); err != nil {
			return 0, err
		}
	}
	n.cache[ref] = id
	return id, nil
}

// name is what people call the incident of a ref.
func (n *naming) name(ref string) (string, error) {
	id, err := n.number(ref)
	if err != nil || id == 0 {
		return ref, err
	}
	return id.String(), nil
}

// outcome reads the rows from the throw-away store; log is the real one.
func (m *machine) outcome(log incident.Tx) (*Outcome, error) {
	names, err := newNaming(log)
	if err != nil {
		return nil, err
	}
	out := &Outcome{Rules: m.rules.Name, from: m.from, to: m.to}
	err = m.store.View(m.ctx, func(tx incident.Tx) error {
		var ids []incident.ID
		if err := tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			ids = append(ids, r.ID)
			return true
		}); err != nil {
			return err
		}
		slices.Sort(ids)
		links := make([]*incident.Link, len(ids)) // named when all refs are known
		for i, id := range ids {
			if err := m.ctx.Err(); err != nil {
				return err
			}
			inc, err := tx.Incident(id)
			if err != nil {
				return err
			}
			row, err := m.row(inc, names)
			if err != nil {
				return err
			}
			out.Rows, links[i] = append(out.Rows, row), inc.Link
		}
		for i := range out.Rows {
			if err := m.tie(&out.Rows[i], links[i], names); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("backtest: read what came of the replay: %w", err)
	}
	out.Totals = m.count(out.Rows)
	slices.SortFunc(out.Rows, func(a, b Row) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.Ref, b.Ref)) })
	labels, err := incident.Labels(log)
	if err != nil {
		return nil, err
	}
	out.Verdicts = judge(labels, out.Rows)
	for i := range out.Rows {
		if out.Rows[i].Private {
			out.Rows[i].hide()
		}
	}
	return out, nil
}

// row tells what an incident is, its ties apart.
func (m *machine) row(inc *incident.Incident, names *naming) (Row, error) {
	ref, _ := inc.AlertRef()
	names.refs[inc.ID] = ref.ID
	number, err := names.number(ref.ID)
	if err != nil {
		return Row{}, err
	}
	level, _ := m.rules.Catalog.Levels().Get(inc.Level)
	r := Row{
		Ref: ref.ID, ID: ref.ID, number: number, Title: incident.Clip(inc.Title, 120), Service: inc.Service, Squad: inc.Squad, Opened: inc.OpenedAt.UTC(),
		Private: inc.Private || names.private[number], Level: inc.Level, Rule: incident.Line(inc.LevelRule), State: stateOf(inc, level), Flapping: inc.Openings,
		Paused: inc.PausedUntil, Cards: places(m.rules.Catalog.Route(inc.Squad), inc), NoCard: inc.NoticeGap, scratch: inc.ID, major: inc.Major,
	}
	if number != 0 {
		r.ID = number.String()
	}
	if len(r.Cards) > 0 {
		r.NoCard = ""
	}
	return r, nil
}

// tie names what a row is tied to.
func (m *machine) tie(r *Row, l *incident.Link, names *naming) error {
	var err error
	if l != nil {
		r.Link = &Tie{Kind: l.Kind, Rule: l.Rule, ref: names.refs[l.Parent]}
		if l.Parent == 0 && l.ParentRef != nil { // merged into one that never came
			r.Link.ref = l.ParentRef.ID
		}
		if r.Link.Parent, err = names.name(r.Link.ref); err != nil {
			return err
		}
		for i, v := range l.Path {
			if i == 0 {
				r.Link.Path = append(r.Link.Path, v.From)
			}
			r.Link.Path = append(r.Link.Path, v.To)
		}
	}
	if room := m.rooms[r.scratch]; room != nil && room.kind != "" {
		r.Room = &Room{Kind: room.kind}
		if room.held > 0 {
			r.Room.Held = room.held.String()
		}
		if room.on != 0 {
			if r.Room.Of, err = names.name(names.refs[room.on]); err != nil {
				return err
			}
		}
	}
	if r.major != 0 {
		r.Major, err = names.name(names.refs[r.major])
	}
	return err
}

func stateOf(inc *incident.Incident, level incident.Level) string {
	switch {
	case inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate:
		return StateDuplicate
	case inc.Consequence(level):
		return StateConsequence
	case inc.Quiet && inc.Maintenance != "", inc.NoticeGap == incident.GapMuted:
		return StateMuted
	case inc.Quiet:
		return StateQuiet
	case !inc.PausedUntil.IsZero():
		return StatePaused
	}
	return StateShown
}

// places are where the cards of an incident stand, in words.
func places(route incident.Route, inc *incident.Incident) []string {
	var out []string
	people := 0
	for _, target := range inc.Cards {
		place := "another channel"
		switch {
		case strings.HasPrefix(target, "user:"):
			people++
			continue
		case inc.Shadow && target == route.Review:
			place = "review"
		case target == route.Broadcast && target != route.Channel:
			place = "broadcast"
		case target == route.Channel && route.Default:
			place = "default"
		case target == route.Channel:
			place = inc.Squad
		}
		out = append(out, place)
	}
	if people > 0 {
		out = append(out, plural(people, "person", "people"))
	}
	return out
}

// isPeople tells the last of places, for people, from those of channels.
func isPeople(place string) bool { return place != "" && place[0] >= '0' && place[0] <= '9' }
