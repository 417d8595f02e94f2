package incident

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// States of a ticket.
const (
	TicketAsked = "asked" // to be made; also as long as the tracker is off
	TicketMade  = "made"
	TicketGone  = "gone" // deleted there, or hidden from imbot's user: nothing is told to it any more
	TicketNone  = "none" // not wanted any more when its time came
)

// Ticket is the task in the tracker that mirrors a follow-up, or the postmortem
// that is owed.
type Ticket struct {
	State string `json:"state"`
	Asked int    `json:"asked,omitempty"` // how often it was asked for
	ID    string `json:"id,omitempty"`    // in the tracker, the same for ever
	Key   string `json:"key,omitempty"`   // as people call it; another one once it is moved
	URL   string `json:"url,omitempty"`   // for people
	// TriedAt is when its creation was last tried with an outcome that is not
	// known; zero: there was no such attempt.
	TriedAt Stamp `json:"tried_at,omitzero"`
	// Here and There are what both sides had when they were last brought in line:
	// whatever differs from it was changed since, on that side. Both are the same
	// in meaning, except for what could not be brought in line.
	Here  TicketFields `json:"here,omitzero"`
	There TicketFields `json:"there,omitzero"`
}

// Made reports whether there is a task in the tracker.
func (t *Ticket) Made() bool { return t != nil && t.State == TicketMade }

func (t *Ticket) clone() *Ticket {
	if t == nil {
		return nil
	}
	return ptr(*t)
}

// Fields of a ticket that both sides have.
const (
	FieldTitle = "title" // of a follow-up
	FieldDone  = "done"
	FieldDue   = "due"
	FieldOwner = "owner"
)

// Values of FieldDone.
const (
	TicketOpen = "open"
	TicketDone = "done"
)

// TicketFields are the values of those fields. Empty is nothing: no date,
// nobody.
type TicketFields struct {
	Title string `json:"title,omitempty"` // only of a follow-up
	Done  string `json:"done,omitempty"`  // TicketOpen or TicketDone
	Due   string `json:"due,omitempty"`   // 2006-01-02
	Owner string `json:"owner,omitempty"` // here a person's id, there the tracker's id of a user
}

// Get returns the value of a field, "" where there is no such field.
func (f TicketFields) Get(field string) string {
	if p := f.at(field); p != nil {
		return *p
	}
	return ""
}

func (f *TicketFields) at(field string) *string {
	switch field {
	case FieldTitle:
		return &f.Title
	case FieldDone:
		return &f.Done
	case FieldDue:
		return &f.Due
	case FieldOwner:
		return &f.Owner
	}
	return nil
}

func (f *TicketFields) put(field, value string) {
	if p := f.at(field); p != nil {
		*p = value
	}
}

// Ticket returns the ticket of a follow-up by its number, or of the postmortem
// for 0; nil where none was ever asked for.
func (inc *Incident) Ticket(n int) *Ticket {
	if n == 0 {
		return inc.Postmortem.Ticket
	}
	if i := inc.action(n); i >= 0 {
		return inc.Actions[i].Ticket
	}
	return nil
}

func (inc *Incident) action(n int) int {
	return slices.IndexFunc(inc.Actions, func(a Action) bool { return a.N == n })
}

// TicketFields returns what the ticket of a follow-up, or of the postmortem for
// 0, should say. The task to write the RCA is done when none is owed.
func (inc *Incident) TicketFields(n int) TicketFields {
	if n == 0 {
		if inc.rcaOwed() {
			return TicketFields{Done: TicketOpen}
		}
		return TicketFields{Done: TicketDone}
	}
	i := inc.action(n)
	if i < 0 {
		return TicketFields{}
	}
	a := &inc.Actions[i]
	f := TicketFields{Title: a.Title, Done: TicketOpen, Due: a.Due, Owner: a.Owner.ID}
	if a.Done() {
		f.Done = TicketDone
	}
	return f
}

// rcaOwed reports whether somebody has to write an RCA, or to say why none is
// wanted.
func (inc *Incident) rcaOwed() bool {
	return inc.Postmortem.Required && inc.Postmortem.State == PostmortemDraft && !inc.duplicate()
}

// TicketWanted reports whether somebody is to be given the task to write the RCA.
// What is hidden, or of a squad that was not live, gets none.
func (inc *Incident) TicketWanted(level Level) bool {
	return inc.rcaOwed() && !inc.Hidden(level) && !inc.Shadow && inc.NoticeGap != GapMuted
}

// Jira is who changes an incident when its tickets were changed there.
var Jira = Actor{Kind: KindVendor, ID: SourceJira, Name: "Jira"}

// TicketMarker is the label by which the ticket of a follow-up, or of the
// postmortem for 0, is found in the tracker: "imbot-INC-42-a3",
// "imbot-INC-42-rca" for the label "imbot".
func TicketMarker(label string, id ID, n int) string {
	if n == 0 {
		return label + "-" + id.String() + "-rca"
	}
	return label + "-" + id.String() + "-a" + itoa(n)
}

// ParseTicketMarker reads a TicketMarker; ok is false for any other text.
func ParseTicketMarker(label, s string) (id ID, n int, ok bool) {
	rest, found := strings.CutPrefix(s, label+"-")
	i := strings.LastIndexByte(rest, '-')
	if !found || i < 0 {
		return 0, 0, false
	}
	id, err := ParseID(rest[:i])
	if err != nil {
		return 0, 0, false
	}
	if rest[i:] != "-rca" {
		if n, err = strconv.Atoi(strings.TrimPrefix(rest[i:], "-a")); err != nil || n < 1 {
			return 0, 0, false
		}
	}
	if TicketMarker(label, id, n) != s { // 042, inc-42 and the like
		return 0, 0, false
	}
	return id, n, true
}

// Steps of a ticket, as TicketChange.Step.
const (
	TicketTried    = "tried"    // it is about to be made, at Tried: the outcome may get lost
	TicketRefused  = "refused"  // it was not made for sure: Tried is forgotten
	TicketCreated  = "created"  // it is there, with Fields
	TicketFound    = "found"    // the same, and what it says is not known: it may have been changed
	TicketUnwanted = "unwanted" // it is not wanted any more
	TicketSynced   = "synced"   // both sides were compared: Fields
	TicketLost     = "lost"     // it is there no more
	TicketSeen     = "seen"     // something may have been changed in the tracker: look
)

// TicketChange is what became of a ticket.
type TicketChange struct {
	Step   string      `json:"step"`
	N      int         `json:"n,omitempty"` // number of the follow-up; 0: the postmortem
	ID     string      `json:"id,omitempty"`
	Key    string      `json:"key,omitempty"`
	URL    string      `json:"url,omitempty"`
	Tried  time.Time   `json:"tried,omitzero"`
	Fields []FieldSync `json:"fields,omitempty"`
	Left   []string    `json:"left,omitempty"` // Created: what the tracker did not take
}

// What is done about a field that differs.
const (
	SyncKeep = ""     // nothing: it is the same, or was given up
	SyncTake = "take" // the value there counts, here too
	SyncPush = "push" // the value here counts, there too
)

// FieldSync is what the comparison of a field has come to.
type FieldSync struct {
	Field string `json:"field"`
	Do    string `json:"do,omitempty"` // SyncKeep, SyncTake or SyncPush
	Was   string `json:"was"`          // what it was here when compared
	Here  string `json:"here"`         // what it is from now on, here
	There string `json:"there"`        // and there
	Owner Actor  `json:"owner,omitzero"`
	// Both says that it was changed on both sides, so that one change was lost.
	Both bool `json:"both,omitempty"`
	// Reason says why both sides could not be brought in line. They stay as they
	// are until one of them changes again.
	Reason string `json:"reason,omitempty"`
	From   string `json:"from,omitempty"` // for people
	To     string `json:"to,omitempty"`
}

// Compare says field by field what is to be done about a ticket: what only one
// side has changed since they were last in line, the other takes; where both
// have, the tracker counts, for that is where the work is planned. Whether the
// RCA is written is known here only: for n == 0 the tracker never counts.
// account is what the tracker calls the owner here; "" for nobody, or for
// somebody whom it does not know. Fields that are as they were are left out.
func (t *Ticket) Compare(n int, here, there TicketFields, account string) []FieldSync {
	var out []FieldSync
	fields := []string{FieldTitle, FieldDone, FieldDue, FieldOwner}
	if n == 0 {
		fields = []string{FieldDone}
	}
	for _, field := range fields {
		ours, theirs := here.Get(field), there.Get(field)
		s := FieldSync{Field: field, Was: ours, Here: ours, There: theirs}
		changedHere, changedThere := ours != t.Here.Get(field), theirs != t.There.Get(field)
		s.Both = changedHere && changedThere
		same := ours == theirs
		if field == FieldOwner {
			same = theirs == account && (ours == "") == (theirs == "")
		}
		switch {
		case !changedHere && !changedThere:
			continue
		case same:
			s.Both = false
		case n == 0 && changedHere, changedHere && !changedThere:
			s.Do = SyncPush
		case n == 0:
			// Nobody has written it: that is said, and left to the people.
		default:
			s.Do = SyncTake
		}
		out = append(out, s)
	}
	return out
}

// Tickets yields the tickets of an incident that were ever asked for, with the
// number of their follow-up, 0 for the postmortem.
func (inc *Incident) Tickets() iter.Seq2[int, *Ticket] {
	return func(yield func(int, *Ticket) bool) {
		if t := inc.Postmortem.Ticket; t != nil && !yield(0, t) {
			return
		}
		for i := range inc.Actions {
			if t := inc.Actions[i].Ticket; t != nil && !yield(inc.Actions[i].N, t) {
				return
			}
		}
	}
}
