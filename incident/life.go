package incident

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// MarkKind is what a Mark says.
type MarkKind string

// The marks, in the order in which they take effect where two have one time:
// trouble first, the end of it after.
const (
	MarkOpen     MarkKind = "open"
	MarkAck      MarkKind = "ack"
	MarkUnack    MarkKind = "unack"
	MarkResolve  MarkKind = "resolve"
	MarkComplete MarkKind = "complete" // the RCA is complete
	MarkWaive    MarkKind = "waive"    // an RCA is not wanted
)

var markRank = map[MarkKind]int{MarkOpen: 0, MarkAck: 1, MarkUnack: 2, MarkResolve: 3, MarkComplete: 4, MarkWaive: 5}

// Mark is one fact about an incident's life, at its event time. The life is
// computed from the sorted marks, so that the order in which they arrive does
// not matter.
type Mark struct {
	At   time.Time `json:"at"`
	Kind MarkKind  `json:"k"`
	By   Actor     `json:"by,omitzero"`
	// Was is the time that a person has corrected: the same fact, told again with
	// its old time, does not undo the correction.
	Was time.Time `json:"was,omitzero"`
	// Follows marks what is not of the incident's own life: it follows its
	// duplicates, or its parent.
	Follows bool `json:"f,omitempty"`
}

// is reports whether m is the fact of this kind and time. Vendors tell the same
// time now to the millisecond, now to the second; what a person has corrected
// is known by the second.
func (m *Mark) is(kind MarkKind, at time.Time) bool {
	if m.Kind != kind {
		return false
	}
	return m.At.Equal(at) || (!m.Was.IsZero() && m.Was.Truncate(time.Second).Equal(at.Truncate(time.Second)))
}

// Life is what the marks amount to.
type Life struct {
	OpenedAt            time.Time  `json:"opened_at"`
	Intervals           []Interval `json:"intervals"`
	Episode             int        `json:"episode"` // 1 at open, +1 for each reopen
	AcknowledgedAt      time.Time  `json:"acknowledged_at,omitzero"`
	AcknowledgedBy      Actor      `json:"acknowledged_by,omitzero"`
	FirstAcknowledgedAt time.Time  `json:"first_acknowledged_at,omitzero"`
	ResolvedAt          time.Time  `json:"resolved_at,omitzero"`
	ResolvedBy          Actor      `json:"resolved_by,omitzero"`
	ReviewedAt          time.Time  `json:"reviewed_at,omitzero"` // RCA complete or waived, in this episode
	Waived              bool       `json:"waived,omitempty"`
	// Earlier is how long those intervals lasted together that are listed no more:
	// they come after the first one.
	Earlier time.Duration `json:"earlier,omitzero"`
}

// maxMarks bounds an incident that flaps without end: beyond it the older half
// is folded into Incident.Base, and events older than that no longer count.
const maxMarks = 256

// Active reports whether the trouble lasts.
func (l *Life) Active() bool {
	n := len(l.Intervals)
	return n > 0 && l.Intervals[n-1].To.IsZero()
}

// reviewed reports whether the RCA of the present episode is complete or waived.
func (l *Life) reviewed() bool { return !l.ReviewedAt.IsZero() }

// equal reports whether both lives are the same.
func (l *Life) equal(o Life) bool {
	a, b := *l, o
	same := slices.Equal(a.Intervals, b.Intervals)
	a.Intervals, b.Intervals = nil, nil
	return same && reflect.DeepEqual(a, b)
}

// Duration is the time of trouble until now: the sum of the open intervals, so
// that healthy days between two episodes do not count.
func (l *Life) Duration(now time.Time) time.Duration {
	d := l.Earlier
	for _, iv := range l.Intervals {
		to := iv.To
		if to.IsZero() {
			to = now
		}
		if to.After(iv.From) {
			d += to.Sub(iv.From)
		}
	}
	return d
}

// step lets one mark take effect.
func (l *Life) step(m Mark) {
	switch m.Kind {
	case MarkOpen:
		l.open(m)
	case MarkAck:
		if l.Active() && l.AcknowledgedAt.IsZero() {
			l.AcknowledgedAt, l.AcknowledgedBy = m.At, m.By
			if l.FirstAcknowledgedAt.IsZero() {
				l.FirstAcknowledgedAt = m.At
			}
		}
	case MarkUnack:
		l.AcknowledgedAt, l.AcknowledgedBy = time.Time{}, Actor{}
	case MarkResolve:
		if l.Active() {
			l.Intervals[len(l.Intervals)-1].To = m.At
			l.ResolvedAt, l.ResolvedBy = m.At, m.By
		}
	case MarkComplete, MarkWaive:
		if !l.Active() && l.Episode > 0 {
			l.ReviewedAt, l.Waived = m.At, m.Kind == MarkWaive
		}
	}
}

func (l *Life) open(m Mark) {
	if l.Active() {
		return
	}
	if l.Episode == 0 {
		l.OpenedAt = m.At
	}
	l.Episode++
	l.Intervals = append(l.Intervals, Interval{From: m.At})
	l.AcknowledgedAt, l.AcknowledgedBy = time.Time{}, Actor{}
	l.ResolvedAt, l.ResolvedBy = time.Time{}, Actor{}
	l.ReviewedAt, l.Waived = time.Time{}, false
}

// tooLate reports whether a fact of this time can not be told apart any more
// from those that were folded away.
func (inc *Incident) tooLate(at time.Time) bool { return inc.Base != nil && !at.After(inc.BaseAt) }

// mark records a fact and returns whether it was new. The same kind at the
// same time counts once.
func (inc *Incident) mark(m Mark) bool {
	m.At = m.At.UTC()
	if inc.tooLate(m.At) || slices.ContainsFunc(inc.Marks, func(have Mark) bool { return have.is(m.Kind, m.At) }) {
		return false
	}
	inc.Marks = append(inc.Marks, m)
	inc.sortMarks()
	if len(inc.Marks) > maxMarks {
		inc.foldMarks()
	}
	return true
}

func (inc *Incident) sortMarks() {
	slices.SortStableFunc(inc.Marks, func(a, b Mark) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return cmp.Compare(markRank[a.Kind], markRank[b.Kind])
	})
}

// foldMarks moves the older half of the marks into the base.
func (inc *Incident) foldMarks() {
	var base Life
	if inc.Base != nil {
		base = *inc.Base
		base.Intervals = slices.Clone(base.Intervals)
	}
	half := len(inc.Marks) / 2
	for half < len(inc.Marks) && inc.Marks[half].At.Equal(inc.Marks[half-1].At) {
		half++ // what happened at one time stays together
	}
	for _, m := range inc.Marks[:half] {
		base.step(m)
	}
	base.foldIntervals()
	inc.Base, inc.BaseAt = &base, inc.Marks[half-1].At
	inc.Marks = slices.Delete(inc.Marks, 0, half)
}

// foldIntervals keeps the first interval, which tells when it began, and the
// newest; of those between, how long they lasted.
func (l *Life) foldIntervals() {
	over := len(l.Intervals) - maxIntervals
	if over <= 0 {
		return
	}
	for _, iv := range l.Intervals[1 : 1+over] {
		l.Earlier += max(iv.To.Sub(iv.From), 0)
	}
	l.Intervals = slices.Delete(l.Intervals, 1, 1+over)
}

// live computes the life from base and marks.
func (inc *Incident) live() Life {
	var l Life
	if inc.Base != nil {
		l = *inc.Base
		l.Intervals = slices.Clone(l.Intervals)
	}
	for _, m := range inc.Marks {
		l.step(m)
	}
	return l
}

// OwnLife is the life without what the incident follows: as the pager has it,
// whose incident knows nothing of duplicates here.
func (inc *Incident) OwnLife() Life {
	own := Incident{Base: inc.Base}
	for _, m := range inc.Marks {
		if !m.Follows {
			own.Marks = append(own.Marks, m)
		}
	}
	return own.live()
}

// lastMark is the time of the newest mark, or zero.
func (inc *Incident) lastMark() time.Time {
	if len(inc.Marks) == 0 {
		return time.Time{}
	}
	return inc.Marks[len(inc.Marks)-1].At
}

// refresh computes all derived fields. level is the definition of inc.Level.
func (inc *Incident) refresh(level Level) {
	inc.Life = inc.live()
	owed := level.Postmortem && !inc.duplicate() && !inc.Imported
	inc.Postmortem.refresh(owed, &inc.Life)
	inc.ClosedAt = time.Time{}
	switch {
	case inc.Active():
		inc.Status = Open
	case owed && !inc.reviewed():
		inc.Status = Resolved
	default:
		inc.Status = Closed
		inc.ClosedAt = inc.ResolvedAt
		if owed && inc.ReviewedAt.After(inc.ClosedAt) {
			inc.ClosedAt = inc.ReviewedAt
		}
		if !owed && inc.LevelAt.After(inc.ClosedAt) {
			inc.ClosedAt = inc.LevelAt
		}
	}
}
