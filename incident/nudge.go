package incident

import (
	"strings"
	"time"
)

// remind is a person's answer to a reminder.
func (a *change) remind() error {
	args := &a.cmd.Args
	inc := a.inc
	// Of what is over, reminders of its RCA are left, which can be ended.
	ended := (args.Op == RemindStop || args.Op == RemindStart) && inc.rcaOwed()
	if !inc.Active() && !ended {
		return conflict("not_open", "%s is %s: there is nothing to acknowledge.", inc.ID, inc.Status).
			With("id", inc.ID.String()).With("status", string(inc.Status))
	}
	level, _ := a.f.Levels.Get(inc.Level)
	every := a.f.Remind.EveryOf(level)
	if every <= 0 {
		every = defaultUpdateEvery
	}
	data := map[string]string{"op": args.Op}
	switch args.Op {
	case RemindWorking:
		inc.Reminders.Next = a.now.Add(every)
	case RemindMitigated:
		inc.Reminders.Next = a.now.Add(every)
		if inc.Times.Mitigated.IsZero() {
			inc.Times.Mitigated = a.at.Truncate(time.Second)
			a.event(EvTime, "", map[string]string{"time": "mitigated", "to": inc.Times.Mitigated.Format(time.RFC3339)})
		}
	case RemindHelp:
		inc.Reminders.Next = a.now.Add(every)
		return a.page()
	case RemindSnooze:
		d := args.For
		if d == 0 {
			d = defaultSnooze
		}
		if d < time.Minute || d > maxSnooze {
			return invalid("for", "bad_duration", "Reminders can be put off for 1m to 24h.")
		}
		inc.Reminders.Next, inc.Reminders.Off = a.now.Add(d), false
		data["until"] = inc.Reminders.Next.UTC().Format(time.RFC3339)
	case RemindStop:
		if inc.Reminders.Off {
			return a.unchanged()
		}
		inc.Reminders = Reminders{Off: true}
	case RemindStart:
		if !inc.Reminders.Off {
			return a.unchanged()
		}
		inc.Reminders = Reminders{Next: a.now.Add(every)}
	default:
		ops := strings.Join([]string{RemindWorking, RemindMitigated, RemindHelp, RemindSnooze, RemindStop, RemindStart}, ", ")
		return invalid("op", "unknown_remind", "There is no answer %q to a reminder: %s.", Clip(Line(args.Op), 40), ops).
			With("op", Clip(Line(args.Op), 40)).With("ops", ops)
	}
	a.event(EvReminder, "", data)
	return nil
}

// nudge reminds of a status update, if one is due still: a reminder that was
// overtaken says nothing.
func (a *change) nudge() error {
	inc := a.inc
	level, _ := a.f.Levels.Get(inc.Level)
	if next := inc.Reminders.Next; !a.nudges(level) || next.IsZero() || a.now.Before(next) {
		return a.unchanged()
	}
	n := a.event(EvNudged, "", map[string]string{"about": "update"}).N
	inc.Reminders.Next = a.now.Add(a.f.Remind.EveryOf(level))
	if r := inc.Room; r != nil && r.Chat != "" && r.State != RoomThread {
		a.say(SayNudge, itoa(n), n, false)
	} else if i := firstPlace(inc.Cards); i >= 0 && !inc.Private {
		e := effect(inc.ID, KindReply, Once, inc.Cards[i], ReplyNudge+"/"+itoa(n))
		a.effects = append(a.effects, e.with(ReplyData{Reason: ReplyNudge, By: System, Level: inc.Level}))
	}
	a.quiet = true
	return nil
}

// firstPlace is the first of these targets that more than one person sees, or -1.
func firstPlace(targets []string) int {
	for i, t := range targets {
		if !strings.HasPrefix(t, "user:") {
			return i
		}
	}
	return -1
}

// nudges reports whether status updates of the incident are wanted at all. Of many
// that began together those of the first one are, in whose room all are looked
// after.
func (a *change) nudges(level Level) bool {
	inc := a.inc
	return a.f.Remind.EveryOf(level) > 0 && inc.Active() && !inc.Reminders.Off && !inc.Hidden(level) &&
		!inc.Shadow && a.f.Route.Mode == ModeLive && inc.NoticeGap != GapMuted && (inc.Major == 0 || inc.Major == inc.ID)
}

// planNudge has the next reminder come when it is due.
func (a *change) planNudge(level Level) {
	r := &a.inc.Reminders
	if a.was.active != a.inc.Active() && !a.was.created {
		r.Off = false // those of its updates were not wanted; those of its RCA are others
	}
	switch {
	case !a.nudges(level):
		r.Next = time.Time{}
		return
	case r.Next.IsZero():
		r.Next = a.now.Add(a.f.Remind.EveryOf(level))
	}
	r.Next = r.Next.UTC()
	if r.Next.Equal(a.was.nudge) {
		return
	}
	e := effect(a.inc.ID, KindNudge, Once, "", r.Next.Format(time.RFC3339Nano))
	e.Due = r.Next
	a.effects = append(a.effects, e)
}
