package incident

import (
	"slices"
	"strings"
	"time"
)

// settle adds what follows from the difference between before and after:
// closing, cards, replies.
func (a *change) settle(level Level) {
	inc := a.inc
	if inc.Status == Closed && a.was.status != Closed {
		a.event(EvClosed, "", map[string]string{"why": closedWhy(inc)}).Actor = System
	}
	if inc.Private {
		a.admit(level)
	}
	a.pause(level)
	a.holdRoom(level)
	opened := a.was.created || (a.was.private && !inc.Private) || (a.was.hidden && !inc.Hidden(level))
	if opened || inc.Level != a.was.level || inc.Private {
		a.chooseCards(level, opened)
	}
	a.room(level)
	a.tickets(level)
	a.pages(level)
	a.planNudge(level)
	a.mails(level, opened)
	if !inc.Commander.IsZero() && !inc.Commander.Is(a.was.commander) && !a.was.created {
		a.tell(inc.Commander, DirectCommander, itoa(inc.Events), 0)
		a.say(SayCommander, itoa(inc.Events), inc.Events, a.cmd.Actor.Kind == KindUser)
	}
	if a.quiet {
		return
	}
	for _, target := range inc.Cards {
		e := effect(inc.ID, KindCard, Latest, target, "")
		e.Urgent = a.urgent()
		a.effects = append(a.effects, e)
	}
	a.replies(level)
	a.publish(level)
	a.hooks(level)
}

// pause keeps a new alert that mostly resolves itself from being shown for a
// while: until that has passed, or somebody cares. What opens a room never waits.
func (a *change) pause(level Level) {
	inc := a.inc
	if a.was.created {
		until := a.at.Add(a.f.Pause)
		if a.f.Pause <= 0 || level.Room || inc.Private || inc.Quiet || inc.Link != nil || !inc.Active() || !until.After(a.now) {
			return
		}
		inc.PausedUntil = until
		a.event(EvPaused, "", map[string]string{"until": until.Format(time.RFC3339)}).Actor = System
		e := effect(inc.ID, KindUnpause, Once, "", "")
		e.Due = until
		a.effects = append(a.effects, e)
		return
	}
	person := a.cmd.Actor.Kind == KindUser || a.cmd.Actor.Kind == KindToken
	if inc.Active() && (a.shown || person || level.Room || inc.Private || inc.Episode > a.was.episode) {
		inc.PausedUntil = time.Time{}
	}
}

// holdRoom lets a room wait for a root that comes late, where one may come.
func (a *change) holdRoom(level Level) {
	old, _ := a.f.Levels.Get(a.was.level)
	sc := a.f.scene
	came := a.was.created || !old.Room || !a.was.active && a.inc.RoomAfter.IsZero() // it was raised when it was over
	if !level.Room || !a.inc.Active() || !came {
		return
	}
	a.inc.RoomAfter = a.now.UTC()
	if sc != nil && a.inc.Link == nil && len(sc.topo.Callees(a.inc.Service)) > 0 {
		a.inc.RoomAfter = a.inc.RoomAfter.Add(a.f.Linking.Hold)
	}
}

func closedWhy(inc *Incident) string {
	switch {
	case inc.duplicate():
		return "duplicate"
	case !inc.Postmortem.Required:
		return "none_owed"
	}
	return inc.Postmortem.State
}

func (a *change) urgent() bool {
	l, _ := a.f.Levels.Get(a.inc.Level)
	return l.Room
}

// admit makes members of those who have a part in a private incident.
func (a *change) admit(level Level) {
	inc := a.inc
	if a.cmd.History {
		return // it is the admins' until one of them says otherwise, or it opens again
	}
	add := func(p Actor) {
		if p.Kind == KindUser && p.ID != "" && !slices.ContainsFunc(inc.Members, p.Is) {
			inc.Members = append(inc.Members, p)
		}
	}
	if a.was.created || !a.was.private || (a.was.imported && !inc.Imported) {
		if a.cmd.Actor.Kind == KindUser {
			add(a.cmd.Actor)
		}
		for _, id := range append([]string{a.f.Service.Owner}, level.Members...) {
			if id != "" {
				add(a.f.Person(Actor{Kind: KindUser, ID: id}))
			}
		}
		add(inc.DeclaredBy)
		add(inc.Commander)
		if len(inc.Members) == 0 {
			// An incident that nobody sees would be lost: those whom the pager woke
			// know of it anyway.
			for _, p := range append(slices.Clone(inc.Responders), inc.AcknowledgedBy, a.f.Person(Actor{Kind: KindUser, ID: a.f.Squad.Lead})) {
				add(p)
			}
		}
	}
	if !inc.Commander.Is(a.was.commander) {
		add(inc.Commander)
	}
}

// chooseCards adds the places that are told. Cards that exist stay: nothing
// outside is deleted, and going live sends nothing for the past.
func (a *change) chooseCards(level Level, opened bool) {
	inc := a.inc
	add := func(target string) {
		if target != "" && !slices.Contains(inc.Cards, target) {
			inc.Cards = append(inc.Cards, target)
		}
	}
	if inc.Private {
		for _, m := range inc.Members {
			add("user:" + m.ID)
		}
		return
	}
	add(a.cmd.Args.Target)
	r, n := a.f.Route, a.f.Notice(inc.Level)
	old, _ := a.f.Levels.Get(a.was.level)
	switch {
	case inc.duplicate(), inc.Consequence(level) && inc.Link.Hidden:
		return
	case !a.was.created && !inc.Active() && a.cmd.FromVendor():
		return // what is over, and was hidden, stays so
	case !opened && old.Rank <= level.Rank: // not more urgent than before
		return
	case a.gap() != "":
		inc.NoticeGap = a.gap()
		return
	case r.Mode == ModeShadow:
		inc.Shadow = true
		add(r.Review)
	case inc.Shadow: // the squad went live after this began
		return
	default:
		if n.Card {
			add(r.Channel)
			inc.DefaultChan = r.Default && r.Channel != ""
		}
		if inc.Consequence(level) {
			break // silently: the cause is told to all
		}
		if n.Broadcast {
			add(r.Broadcast)
		}
		for _, who := range n.Direct {
			a.direct(who, add)
		}
	}
	inc.NoticeGap = ""
	if len(inc.Cards) == 0 && (n.Card || n.Broadcast) {
		inc.NoticeGap = GapNoChannel
	}
}

// gap is why nobody is told at all; "" where people are.
func (a *change) gap() string {
	switch inc := a.inc; {
	case inc.Imported:
		return GapImported
	case inc.Maintenance != "" && inc.Quiet:
		return GapMaintenance
	case inc.Quiet:
		return GapQuiet
	case !inc.PausedUntil.IsZero():
		return GapPaused
	case a.f.Route.Mode == ModeMuted:
		return GapMuted
	}
	return ""
}

func (a *change) direct(who string, add func(string)) {
	id := ""
	switch who {
	case "owner":
		id = a.f.Service.Owner
	case "lead":
		id = a.f.Squad.Lead
	}
	if id != "" {
		add("user:" + a.f.Person(Actor{Kind: KindUser, ID: id}).ID)
	}
}

// replies adds the few short replies: an update in place raises no toast.
func (a *change) replies(level Level) {
	inc := a.inc
	if a.was.created || inc.duplicate() || inc.Consequence(level) || a.was.imported {
		return // a new card says it all; duplicates and consequences notify nobody
	}
	data := ReplyData{By: a.cmd.Actor, Level: inc.Level}
	old, _ := a.f.Levels.Get(a.was.level)
	if level.Room && !old.Room && inc.Active() {
		a.reply(ReplyRaised, data)
	}
	flapping := inc.Openings > 0
	if inc.Episode > a.was.episode && inc.Active() && !flapping {
		d := data
		d.Text = Clip(a.cmd.Args.Reason, MaxTitle)
		a.reply(ReplyReopened, d)
	}
	if !inc.Commander.Is(a.was.commander) && !inc.Commander.IsZero() {
		d := data
		d.Person = inc.Commander
		a.reply(ReplyCommander, d)
	}
	if a.was.active && !inc.Active() && !flapping {
		d := data
		d.Text = Clip(a.cmd.Args.Text, MaxTitle)
		a.reply(ReplyResolved, d)
	}
}

func (a *change) reply(reason string, data ReplyData) {
	data.Reason = reason
	for _, target := range a.inc.Cards {
		if id, isUser := strings.CutPrefix(target, "user:"); a.inc.Private && !(isUser && a.inc.Visible(Actor{Kind: KindUser, ID: id})) {
			continue // a card from before it was private, or of a former member: not one more word there
		}
		if a.inc.Room != nil && target == a.inc.Room.Chat {
			continue // a chat has no threads; what is said there is apart, see say
		}
		a.effects = append(a.effects, effect(a.inc.ID, KindReply, Once, target, reason+"/"+itoa(a.inc.Events)).with(data))
	}
}
