package incident

import "time"

// Linking are the settings of how incidents are tied together. The zero value
// means [DefaultLinking].
type Linking struct {
	Grace       time.Duration // a resolved incident takes the same alert back for so long
	Window      time.Duration // counted from an incident's start: later alerts of the same key are incidents of their own
	Hops        int           // how far a cascade may reach over directed calls: 1 or 2
	EdgeMemory  time.Duration // how long an edge counts after it was seen last
	Hold        time.Duration // how long a room waits for a root that comes late; 0: not at all
	FlapTimes   int           // so many openings of one key within FlapWindow are flapping; 0: never
	FlapWindow  time.Duration // and so long a flapping incident takes the next opening back
	MajorCount  int           // more than so many incidents of a room level within MajorWindow share one room; 0: never
	MajorWindow time.Duration
	AutoPause   bool // wait before showing an alert that mostly resolves itself
}

// DefaultLinking are the settings of a company that configures none.
func DefaultLinking() Linking {
	return Linking{
		Grace: 30 * time.Minute, Window: 24 * time.Hour, Hops: 2, EdgeMemory: 14 * 24 * time.Hour, Hold: 30 * time.Second,
		FlapTimes: 4, FlapWindow: 2 * time.Hour, MajorCount: 3, MajorWindow: 10 * time.Minute, AutoPause: true,
	}
}

func (l Linking) complete() Linking {
	if l == (Linking{}) {
		return DefaultLinking()
	}
	return l
}

// Within these, counted from when the child's trouble began, the parent's must
// have begun to be its cause. Thresholds differ, so that a caller may alert a
// little before its callee.
const (
	causeBefore = 10 * time.Minute
	causeAfter  = 2 * time.Minute
)

// Rules by which a link is made; they are part of the API, and labels are
// counted by them.
const (
	RuleAlertKey = "alert_key" // duplicate: the monitor's own key
	RuleEntity   = "entity"    // duplicate: condition and entity of the monitor
	RuleTitle    = "title"     // duplicate: service and title, numbers and names of machines apart
	RuleTrouble  = "trouble"   // duplicate: service and kind of trouble
	RuleCalls    = "calls"     // cascade: the service calls the other
	RuleMerged   = "merged in pagerduty"
	RulePerson   = "person"
)

// LinkRules are all rules, in the order of their tables.
var LinkRules = []string{RuleAlertKey, RuleEntity, RuleTitle, RuleTrouble, RuleCalls, RuleMerged, RulePerson}

// Via is one step of the path of a cascade: From calls To.
type Via struct {
	From   string    `json:"from"`
	To     string    `json:"to"`
	Source string    `json:"source"`
	SeenAt time.Time `json:"seen_at,omitzero"` // when the edge was seen last; zero: said by hand
}

// LinkWas is what a person's correction has replaced, so that it can be taken
// back.
type LinkWas struct {
	Link  *Link     `json:"link,omitempty"` // nil: there was none
	Fixed bool      `json:"fixed,omitempty"`
	By    Actor     `json:"by"` // who corrected
	At    time.Time `json:"at"`
	// Labels are the numbers of the labels that this correction has made.
	Labels []int `json:"labels,omitempty"`
	// Apart says that the correction has put the old parent on the list of those
	// that it has nothing to do with, ApartWas that it took the new one off it.
	Apart    bool `json:"apart,omitempty"`
	ApartWas bool `json:"apart_was,omitempty"`
}

// Mute keeps the alerts of a service or a squad quiet for a while, as during
// maintenance: they are recorded, and make no card.
type Mute struct {
	Service string    `json:"service,omitempty"` // key; or else
	Squad   string    `json:"squad,omitempty"`   // key
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason,omitempty"`
	By      Actor     `json:"by"`
}

// Label is one correction by a person: what the rules had decided, and what the
// person says.
type Label struct {
	N        int       `json:"n"`
	At       time.Time `json:"at"`
	By       Actor     `json:"by"`
	Incident ID        `json:"incident"`
	Other    ID        `json:"other,omitempty"` // the parent that was, or that is now
	Verdict  string    `json:"verdict"`         // LabelWrong, LabelMissed, LabelLevel
	Kind     string    `json:"kind,omitempty"`  // of the link
	Rule     string    `json:"rule,omitempty"`  // that had decided; "" where none had
	From     string    `json:"from,omitempty"`  // LabelLevel: level before
	To       string    `json:"to,omitempty"`    // LabelLevel: level after
	Inputs   string    `json:"inputs,omitempty"`
	Undone   bool      `json:"undone,omitempty"` // taken back by a person
}

// Verdicts of labels.
const (
	LabelWrong  = "not_related"  // a link that the rules had made
	LabelMissed = "also_related" // a link that the rules had not made
	LabelLevel  = "level"        // another level than the rules had found
)

// RuleStats are how often a rule was right, by the labels of people. A link
// that nobody corrected counts as right.
type RuleStats struct {
	Rule   string `json:"rule"`
	Made   int    `json:"made"`   // links that the rule made
	Wrong  int    `json:"wrong"`  // of them, those that people took away
	Missed int    `json:"missed"` // links of its kind that people added; for the first rule of a kind only
}

// Precision is the share of the links made that people left alone; 0 where
// none was made.
func (r RuleStats) Precision() float64 {
	if r.Made == 0 {
		return 0
	}
	return float64(r.Made-r.Wrong) / float64(r.Made)
}
