package incident

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Status is where an incident stands. There are only three.
type Status string

// The statuses. Acknowledged is a fact about an open incident, not a status.
const (
	Open     Status = "open"     // not resolved
	Resolved Status = "resolved" // fixed; the RCA is missing
	Closed   Status = "closed"   // no RCA owed; actions may still be open
)

// Kinds of actor.
const (
	KindUser   = "user"   // a person; ID is the lower-cased mail, else "aad:<oid>" or "pd:<id>"
	KindToken  = "token"  // an API token; ID is its name
	KindVendor = "vendor" // another system, such as "pagerduty"
	KindSystem = "system" // imbot itself
)

// Actor is whoever does something.
type Actor struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// System is imbot itself.
var System = Actor{Kind: KindSystem, ID: "imbot", Name: "imbot"}

// Is reports whether both are the same, whatever they are called.
func (a Actor) Is(b Actor) bool { return a.Kind == b.Kind && a.ID == b.ID }

// IsZero reports whether a names nobody.
func (a Actor) IsZero() bool { return a.Kind == "" && a.ID == "" }

// Label is the name, or else the id.
func (a Actor) Label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

// Ref ties an incident to a thing in another system.
type Ref struct {
	System string `json:"system"`        // "pagerduty", "jira", "teams", …
	Role   string `json:"role"`          // alert|postmortem|action|card|room|meeting|page
	ID     string `json:"id"`            // as the other system calls it
	URL    string `json:"url,omitempty"` // for people
	// Target is what the thing was made for: a card's conversation or "user:<id>".
	Target string `json:"target,omitempty"`
}

// Key is the key under which the incident of this ref is found.
func (r Ref) Key() string { return "ref/" + r.System + "/" + r.ID }

// Interval is one span of trouble. To is zero while it lasts.
type Interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// Link is a child's tie to its parent.
type Link struct {
	Kind       string   `json:"kind"` // LinkDuplicate or LinkCascade
	Parent     ID       `json:"parent"`
	ParentRef  *Ref     `json:"parent_ref,omitempty"` // set while the parent is not known here yet
	Rule       string   `json:"rule"`
	Evidence   []string `json:"evidence,omitempty"`
	Confidence float64  `json:"confidence"` // 0 to 1
	By         Actor    `json:"by"`
	At         Stamp    `json:"at,omitzero"` // when it was decided
	// Path leads from the child's service to the parent's: a cascade's proof.
	Path []Via `json:"path,omitempty"`
	// Began is when the parent's trouble began that this is about.
	Began Stamp `json:"began,omitzero"`
	// Hidden says that the card of the parent stands where the child's would.
	Hidden bool `json:"hidden,omitempty"`
}

// Kinds of link.
const (
	LinkDuplicate = "duplicate" // the same trouble again
	LinkCascade   = "cascade"   // caused by a dependency's trouble
)

// Child is the parent's end of a Link.
type Child struct {
	ID   ID     `json:"id"`
	Kind string `json:"kind"`
}

// Action is one follow-up of an incident.
type Action struct {
	N      int       `json:"n"` // 1, 2, … within the incident
	Title  string    `json:"title"`
	Owner  Actor     `json:"owner,omitzero"`
	Due    string    `json:"due,omitempty"` // 2006-01-02; empty: none
	By     Actor     `json:"by"`
	At     time.Time `json:"at"`
	DoneAt time.Time `json:"done_at,omitzero"`
	DoneBy Actor     `json:"done_by,omitzero"`
	Ticket *Ticket   `json:"ticket,omitempty"` // nil: none was asked for
}

// Done reports whether the action is finished.
func (a Action) Done() bool { return !a.DoneAt.IsZero() }

// Times that nobody but a person knows; never guessed.
type Times struct {
	ImpactStarted time.Time `json:"impact_started_at,omitzero"`
	Detected      time.Time `json:"detected_at,omitzero"`
	Mitigated     time.Time `json:"mitigated_at,omitzero"`
}

// Incident is one thing that went wrong: its current state. What happened on
// the way is its timeline. Fields below the line "derived" are computed from
// Marks, Level and Link by refresh, and are never set by hand.
type Incident struct {
	ID           ID            `json:"id"`
	Title        string        `json:"title"`
	Description  string        `json:"description,omitempty"`
	Service      string        `json:"service,omitempty"`      // catalog key, or "pd:PABC123" where no catalog knows it
	ServiceName  string        `json:"service_name,omitempty"` // as people call it
	Squad        string        `json:"squad,omitempty"`
	Level        string        `json:"level"`
	LevelRule    string        `json:"level_rule,omitempty"`    // name of the rule that decided; empty: none matched, or a person
	LevelRuleNo  int           `json:"level_rule_no,omitempty"` // place of that rule in the configuration, from 1
	LevelBy      Actor         `json:"level_by,omitzero"`       // the person who decided; zero: the rules
	LevelAt      Stamp         `json:"level_at,omitzero"`       // when that person decided
	Quiet        bool          `json:"quiet,omitempty"`         // recorded without a notice
	Private      bool          `json:"private,omitempty"`
	Members      []Actor       `json:"members,omitempty"` // of a private incident
	Commander    Actor         `json:"commander,omitzero"`
	Scribe       Actor         `json:"scribe,omitzero"`
	DeclaredBy   Actor         `json:"declared_by,omitzero"`
	Responders   []Actor       `json:"responders,omitempty"` // whom the pager has assigned
	Alert        *Alert        `json:"alert,omitempty"`      // the newest the pager said
	AlertAt      Stamp         `json:"alert_at,omitzero"`    // event time of that
	Refs         []Ref         `json:"refs,omitempty"`
	Cards        []string      `json:"cards,omitempty"`       // conversations, or "user:<id>", that carry a card
	NoticeGap    string        `json:"notice_gap,omitempty"`  // why no channel was told: GapNoChannel, GapMuted, …
	DefaultChan  bool          `json:"default_ch,omitempty"`  // the card went to the default channel for want of a squad's
	Shadow       bool          `json:"shadow,omitempty"`      // squad is being rolled out: review channel only
	Link         *Link         `json:"link,omitempty"`        //
	LinkFixed    bool          `json:"link_fixed,omitempty"`  // a person has decided on the link, or that there is none
	LinkWas      *LinkWas      `json:"link_was,omitempty"`    // what that person has replaced
	Apart        []ID          `json:"apart,omitempty"`       // incidents that people say this one has nothing to do with
	Trouble      string        `json:"trouble,omitempty"`     // kind of trouble: TroubleDown, …; empty: not clear
	Openings     int           `json:"openings,omitempty"`    // how often its key opened, where it is flapping
	Maintenance  string        `json:"maintenance,omitempty"` // why it is muted: the reason of the window
	PausedUntil  Stamp         `json:"paused_until,omitzero"` // not shown before, for it mostly resolves itself
	Imported     bool          `json:"imported,omitempty"`    // from the pager's history: nobody was told
	RoomAfter    Stamp         `json:"room_after,omitzero"`   // a room waits so long for a root that comes late
	Major        ID            `json:"major,omitempty"`       // first incident of the burst that this is part of
	Room         *Room         `json:"room,omitempty"`        // the war room; nil: none was ever asked for
	Pages        []Paged       `json:"pages,omitempty"`       // who was woken
	Subscribers  []Actor       `json:"subscribers,omitempty"` // who is told of status updates
	Mailed       Mailed        `json:"mailed,omitzero"`       // who was told by mail
	Reminders    Reminders     `json:"reminders,omitzero"`
	Update       *StatusUpdate `json:"update,omitempty"`        // the newest
	Children     []Child       `json:"children,omitempty"`      //
	MoreChildren int           `json:"more_children,omitempty"` // beyond those that are listed
	Recurrences  int           `json:"recurrences,omitempty"`   // earlier incidents of this key beyond the window
	Times        Times         `json:"times,omitzero"`          //
	Actions      []Action      `json:"actions,omitempty"`       //
	Causes       []Cause       `json:"causes,omitempty"`        // what people said about changes near it
	Failing      []Failing     `json:"failing,omitempty"`       // what has failed outside for good, as far as it was said lately

	Postmortem Postmortem `json:"postmortem"`

	Marks []Mark `json:"marks"`
	Base  *Life  `json:"base,omitempty"` // what marks that were folded away amounted to
	// BaseAt is the time of the newest of those: earlier facts come too late.
	BaseAt Stamp `json:"base_at,omitzero"`

	// Derived.
	Life
	Status    Status `json:"status"`
	ClosedAt  Stamp  `json:"closed_at,omitzero"`
	UpdatedAt Stamp  `json:"updated_at"`
	Events    int    `json:"events"` // number of the last timeline event
}

// Stamp is a time.Time; the alias keeps the struct above readable.
type Stamp = time.Time

// Reasons why nobody was told.
const (
	GapNoChannel   = "no_channel"  // neither the squad nor the company has a channel
	GapMuted       = "muted"       // the squad's mode is muted
	GapQuiet       = "quiet"       // the rule says so
	GapMaintenance = "maintenance" // its service or squad is muted for a while
	GapPaused      = "paused"      // it mostly resolves itself: shown if it does not
	GapImported    = "imported"    // it is history
)

// HasRef returns the ref with this system, role and target.
func (inc *Incident) HasRef(system, role, target string) (Ref, bool) {
	for _, r := range inc.Refs {
		if r.System == system && r.Role == role && r.Target == target {
			return r, true
		}
	}
	return Ref{}, false
}

// AlertRef returns the incident in the pager, if there is one.
func (inc *Incident) AlertRef() (Ref, bool) {
	i := slices.IndexFunc(inc.Refs, func(r Ref) bool { return r.Role == RoleAlert })
	if i < 0 {
		return Ref{}, false
	}
	return inc.Refs[i], true
}

// Roles of a Ref.
const (
	RoleAlert      = "alert"
	RoleCard       = "card"
	RolePostmortem = "postmortem"
	RoleAction     = "action"
	RoleRoom       = "room"
	RolePage       = "page"
)

// Visible reports whether this actor may know that the incident exists.
// Vendors and imbot itself act on what they already know.
func (inc *Incident) Visible(a Actor) bool {
	if !inc.Private || a.Kind == KindSystem || a.Kind == KindVendor {
		return true
	}
	return slices.ContainsFunc(inc.Members, a.Is)
}

// VisibleTo is Visible for somebody of this role: a private incident that nobody
// could be found for is the admins', for else it would be lost. Tokens are
// members of none.
func (inc *Incident) VisibleTo(a Actor, role Role) bool {
	return inc.Visible(a) || (a.Kind == KindUser && role == RoleAdmin && len(inc.Members) == 0)
}

// Consequence reports whether the incident is shown as a mere consequence of
// another: silently. Those of a level that is always visible never are.
func (inc *Incident) Consequence(level Level) bool {
	return inc.Link != nil && inc.Link.Kind == LinkCascade && !level.AlwaysVisible
}

// Hidden reports whether nobody is told of the incident by a card of its own.
func (inc *Incident) Hidden(level Level) bool {
	return inc.duplicate() || inc.Quiet || inc.Imported || !inc.PausedUntil.IsZero() || (inc.Consequence(level) && inc.Link.Hidden)
}

func (inc *Incident) duplicate() bool { return inc.Link != nil && inc.Link.Kind == LinkDuplicate }

// Clone returns a copy that shares nothing with inc.
func (inc *Incident) Clone() *Incident {
	c := *inc
	c.Members = slices.Clone(inc.Members)
	c.Responders = slices.Clone(inc.Responders)
	c.Refs = slices.Clone(inc.Refs)
	c.Cards = slices.Clone(inc.Cards)
	c.Children = slices.Clone(inc.Children)
	c.Actions = slices.Clone(inc.Actions)
	for i := range c.Actions {
		c.Actions[i].Ticket = c.Actions[i].Ticket.clone()
	}
	c.Causes = slices.Clone(inc.Causes)
	c.Failing = slices.Clone(inc.Failing)
	c.Apart = slices.Clone(inc.Apart)
	c.Marks = slices.Clone(inc.Marks)
	c.Intervals = slices.Clone(inc.Intervals)
	c.Postmortem = inc.Postmortem.clone()
	if inc.Alert != nil {
		a := inc.Alert.clone()
		c.Alert = &a
	}
	if inc.Link != nil {
		c.Link = inc.Link.clone()
	}
	if inc.LinkWas != nil {
		w := *inc.LinkWas
		w.Link, w.Labels = w.Link.clone(), slices.Clone(w.Labels)
		c.LinkWas = &w
	}
	c.Room, c.Pages, c.Subscribers = inc.Room.clone(), slices.Clone(inc.Pages), slices.Clone(inc.Subscribers)
	c.Mailed.To = slices.Clone(inc.Mailed.To)
	if inc.Update != nil {
		c.Update = ptr(*inc.Update)
	}
	if inc.Base != nil {
		b := *inc.Base
		b.Intervals = slices.Clone(b.Intervals)
		c.Base = &b
	}
	return &c
}

func (l *Link) clone() *Link {
	if l == nil {
		return nil
	}
	c := *l
	c.Evidence, c.Path = slices.Clone(l.Evidence), slices.Clone(l.Path)
	if l.ParentRef != nil {
		c.ParentRef = ptr(*l.ParentRef)
	}
	return &c
}

// OpenActions returns the follow-ups that are not done, in their order.
func (inc *Incident) OpenActions() []Action {
	var out []Action
	for _, a := range inc.Actions {
		if !a.Done() {
			out = append(out, a)
		}
	}
	return out
}

// Clip shortens s to at most n runes, the last one an ellipsis where something
// was cut. Where n is 0 or less, nothing remains.
func Clip(s string, n int) string {
	switch {
	case n <= 0:
		return ""
	case len(s) <= n:
		return s
	}
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// Line makes one line of outside text: control characters and line breaks
// become spaces, runs of spaces (of any kind) become one.
func Line(s string) string {
	if isLine(s) {
		return s
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == 0xfeff || isBidi(r)
	}), " ")
}

// isLine reports whether s is plain ASCII and one line already, as nearly all
// text is.
func isLine(s string) bool {
	space := true // no space in front
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' && space, c < ' ', c >= 0x7f:
			return false
		default:
			space = c == ' '
		}
	}
	return !space || s == ""
}

// isBidi reports the invisible characters that turn the direction of text
// around; in a title they could make a card say something else than it does.
func isBidi(r rune) bool {
	return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f
}
