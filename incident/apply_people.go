package incident

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// setLevel is a person's decision; the rules do not change it any more.
func (a *change) setLevel() error {
	l, err := a.level(a.cmd.Args.Level)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(a.cmd.Args.Reason)
	if err := short("reason", reason, MaxText); err != nil {
		return err
	}
	if l.Key == a.inc.Level && !a.inc.LevelBy.IsZero() {
		return a.unchanged()
	}
	from := a.inc.Level
	a.inc.Level, a.inc.LevelRule, a.inc.LevelRuleNo, a.inc.LevelBy, a.inc.LevelAt = l.Key, "", 0, a.cmd.Actor, a.at
	a.inc.Quiet, a.inc.Maintenance = false, ""
	a.inc.Private = a.inc.Private || l.Private
	a.event(EvLevel, reason, map[string]string{"from": from, "to": l.Key})
	return nil
}

// firstTime is before anything that a time of an incident can mean.
var firstTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// TimeNames are the times that a person may set or correct.
var TimeNames = []string{"impact_started", "detected", "mitigated", "opened", "acknowledged", "resolved"}

// setTime sets a time that only people know, or corrects one; the old value
// stays on the timeline.
func (a *change) setTime() error {
	args := &a.cmd.Args
	if args.Value.IsZero() {
		return invalid("value", "bad_time", "Say when, like 2026-12-31T15:04 or 15:04.")
	}
	v := args.Value.UTC().Truncate(time.Second)
	if v.Before(firstTime) {
		return invalid("value", "bad_time", "Say when, like 2026-12-31T15:04 or 15:04.")
	}
	if v.After(a.now.Add(time.Minute)) {
		return invalid("value", "future_time", "That time is in the future.")
	}
	reason := strings.TrimSpace(args.Reason)
	if err := short("reason", reason, MaxText); err != nil {
		return err
	}
	var old time.Time
	t := &a.inc.Times
	switch args.Time {
	case "impact_started":
		old, t.ImpactStarted = t.ImpactStarted, v
	case "detected":
		old, t.Detected = t.Detected, v
	case "mitigated":
		old, t.Mitigated = t.Mitigated, v
	case "opened", "acknowledged", "resolved":
		if reason == "" {
			return invalid("reason", "reason_missing", "Say why: a recorded time is corrected with a reason.")
		}
		if !a.cmd.FromVendor() && a.cmd.Role != RoleAdmin && !inSquad(a.cmd.Actor, a.inc, a.f) {
			return forbidden(SetTime, "squad", forbiddenSquad)
		}
		var err error
		if old, err = a.moveMark(args.Time, v); err != nil {
			return err
		}
	default:
		return invalid("time", "unknown_time", "There is no time %q. Times are: %s.", Clip(args.Time, 40), strings.Join(TimeNames, ", ")).
			With("time", Clip(args.Time, 40)).With("times", strings.Join(TimeNames, ", "))
	}
	if old.Equal(v) {
		return a.unchanged()
	}
	data := map[string]string{"time": args.Time, "to": v.Format(time.RFC3339)}
	if !old.IsZero() {
		data["from"] = old.Format(time.RFC3339)
	}
	a.event(EvTime, reason, data)
	return nil
}

// moveMark corrects a recorded time of the present episode.
func (a *change) moveMark(name string, to time.Time) (time.Time, error) {
	l := a.inc.live()
	from := map[string]time.Time{"opened": l.Intervals[len(l.Intervals)-1].From, "acknowledged": l.AcknowledgedAt, "resolved": l.ResolvedAt}[name]
	kind := map[string]MarkKind{"opened": MarkOpen, "acknowledged": MarkAck, "resolved": MarkResolve}[name]
	i := slices.IndexFunc(a.inc.Marks, func(m Mark) bool { return m.Kind == kind && m.At.Equal(from) })
	if from.IsZero() || i < 0 {
		return from, conflict("no_time", "%s has no %s time to correct.", a.inc.ID, name).With("id", a.inc.ID.String()).With("time", name)
	}
	for j := range a.inc.Marks {
		// The echoes of the same fact, which come after it, must not take its place.
		m := &a.inc.Marks[j]
		if j != i && (m.Kind != kind || m.At.Before(from) || !m.At.Before(to)) {
			continue
		}
		if m.Was.IsZero() {
			m.Was = m.At
		}
		m.At = to
	}
	a.inc.sortMarks()
	if a.inc.tooLate(to) || !sameShape(l, a.inc.live()) {
		return from, conflict("time_order", "%s would not fit the other times of %s.", name, a.inc.ID).With("id", a.inc.ID.String()).With("time", name)
	}
	return from, nil
}

// sameShape reports whether two lives differ in their times only: a correction
// must not make anything happen, or not happen.
func sameShape(a, b Life) bool {
	return a.Episode == b.Episode && a.Active() == b.Active() && a.reviewed() == b.reviewed() && a.Waived == b.Waived &&
		a.AcknowledgedAt.IsZero() == b.AcknowledgedAt.IsZero() && a.FirstAcknowledgedAt.IsZero() == b.FirstAcknowledgedAt.IsZero()
}

func (a *change) assign() error {
	args := &a.cmd.Args
	if args.Person == nil || args.Person.ID == "" {
		return invalid("person", "person_missing", "Say who, like @Ani or ani@example.com.")
	}
	p := a.f.Person(*args.Person)
	var slot *Actor
	switch args.Role {
	case "", "commander":
		args.Role, slot = "commander", &a.inc.Commander
	case "scribe":
		slot = &a.inc.Scribe
	default:
		return invalid("role", "unknown_role", "There is no role %q: commander or scribe.", Clip(args.Role, 40)).With("role", Clip(args.Role, 40))
	}
	if slot.Is(p) {
		return a.unchanged()
	}
	if err := a.inc.mayAdmit(p); err != nil && args.Role == "commander" { // who becomes a member by that
		return err
	}
	data := map[string]string{"role": args.Role, "person": p.Label()}
	old := *slot
	if !old.IsZero() {
		data["from"] = old.Label()
	}
	*slot = p
	n := itoa(a.event(EvAssigned, "", data).N)
	if args.Role == "scribe" { // the commander is told wherever there is a new one
		a.tell(p, DirectScribe, n, 0)
		a.tell(old, DirectReplaced, n, 0)
	} else {
		a.tell(old, DirectRelieved, n, 0)
	}
	return nil
}

// member adds or removes a member of a private incident.
func (a *change) member() error {
	args := &a.cmd.Args
	if !a.inc.Private {
		return conflict("not_private", "%s is not private: everybody sees it.", a.inc.ID).With("id", a.inc.ID.String())
	}
	if args.Person == nil || args.Person.ID == "" {
		return invalid("person", "person_missing", "Say who, like @Ani or ani@example.com.")
	}
	p := a.f.Person(*args.Person)
	i := slices.IndexFunc(a.inc.Members, p.Is)
	switch {
	case args.Remove && i < 0, !args.Remove && i >= 0:
		return a.unchanged()
	case args.Remove && len(a.inc.Members) == 1:
		return conflict("last_member", "%s is the last member: add somebody else first.", p.Label()).With("person", p.Label())
	case args.Remove:
		a.inc.Members = slices.Delete(a.inc.Members, i, i+1)
		a.event(EvMemberOut, "", map[string]string{"person": p.Label()})
	default:
		if err := a.inc.mayAdmit(p); err != nil {
			return err
		}
		a.inc.Members = append(a.inc.Members, p)
		a.event(EvMemberIn, "", map[string]string{"person": p.Label()})
	}
	return nil
}

// publicise ends an incident's privacy.
func (a *change) publicise() error {
	if !a.inc.Private {
		return a.unchanged()
	}
	reason := strings.TrimSpace(a.cmd.Args.Reason)
	if reason == "" {
		return invalid("reason", "reason_missing", "Say why.")
	}
	a.inc.Private, a.inc.Members = false, nil
	a.event(EvPublic, reason, nil)
	return nil
}
