package incident

import (
	"slices"
	"strings"
	"time"
)

// tickets asks for the tickets that are due, and has those that exist brought in
// line with what has changed here. Effects carry no words: whether an incident
// may be told to the tracker at all is decided when they run.
func (a *change) tickets(level Level) {
	inc := a.inc
	pm := &inc.Postmortem
	if (pm.Ticket == nil || pm.Ticket.State == TicketNone) && inc.TicketWanted(level) && a.f.Route.Mode == ModeLive && !a.cmd.History {
		if pm.Ticket == nil {
			pm.Ticket = &Ticket{}
		}
		pm.Ticket.State = TicketAsked
		pm.Ticket.Asked++
		e := effect(inc.ID, KindTicket, Once, "", again(pm.Ticket.Asked))
		e.Due = a.now.Add(a.f.Linking.Hold) // it may turn out to be a duplicate, or the consequence of another
		a.effects = append(a.effects, e)
	}
	if public := a.was.private && !inc.Private; public && a.f.Route.Mode == ModeLive {
		a.showTickets()
	}
	for i := range inc.Actions {
		act := &inc.Actions[i]
		if act.Ticket == nil && act.N > a.was.lastAction && a.f.Route.Mode == ModeLive && !a.cmd.History {
			act.Ticket = &Ticket{State: TicketAsked, Asked: 1}
			a.effects = append(a.effects, effect(inc.ID, KindTask, Once, "", itoa(act.N)))
		}
		a.followTicket(act.N)
	}
	a.followTicket(0)
}

// showTickets is for an incident that is public now: what was not asked for then,
// or not told, is made up for.
func (a *change) showTickets() {
	for n, t := range a.inc.Tickets() {
		switch {
		case t.Made():
			a.syncTicket(n)
		case t.State == TicketAsked && n > 0:
			a.effects = append(a.effects, effect(a.inc.ID, KindTask, Once, "", itoa(n)))
		case t.State == TicketAsked:
			a.effects = append(a.effects, effect(a.inc.ID, KindTicket, Once, "", again(t.Asked)))
		}
	}
}

// again is what the key ends with of what was asked for more than once.
func again(asked int) string {
	if asked > 1 {
		return itoa(asked)
	}
	return ""
}

// followTicket has a ticket brought in line with what the command has changed
// here. What came from the tracker is in line with it already.
func (a *change) followTicket(n int) {
	t := a.inc.Ticket(n)
	if !t.Made() {
		return
	}
	f := a.inc.TicketFields(n)
	if was, known := a.was.tickets[n]; known && was == f {
		return
	}
	for _, field := range []string{FieldTitle, FieldDone, FieldDue, FieldOwner} {
		if f.Get(field) != t.Here.Get(field) {
			a.syncTicket(n)
			return
		}
	}
}

func (a *change) syncTicket(n int) {
	e := effect(a.inc.ID, KindTaskSync, Latest, "", itoa(n))
	if !slices.ContainsFunc(a.effects, func(have Effect) bool { return have.Key == e.Key }) {
		a.effects = append(a.effects, e)
	}
}

// ticketsBefore is what the tickets that exist should say before the command.
func ticketsBefore(inc *Incident) map[int]TicketFields {
	var out map[int]TicketFields
	add := func(n int, t *Ticket) {
		if !t.Made() {
			return
		}
		if out == nil {
			out = map[int]TicketFields{}
		}
		out[n] = inc.TicketFields(n)
	}
	add(0, inc.Postmortem.Ticket)
	for i := range inc.Actions {
		add(inc.Actions[i].N, inc.Actions[i].Ticket)
	}
	return out
}

func lastAction(inc *Incident) int {
	if n := len(inc.Actions); n > 0 {
		return inc.Actions[n-1].N
	}
	return 0
}

// sameTickets reports whether all tickets are as they were.
func (inc *Incident) sameTickets(old *Incident) bool {
	same := func(a, b *Ticket) bool { return a == b || a != nil && b != nil && *a == *b }
	if !same(inc.Postmortem.Ticket, old.Postmortem.Ticket) {
		return false
	}
	return slices.EqualFunc(inc.Actions, old.Actions, func(a, b Action) bool { return same(a.Ticket, b.Ticket) })
}

// ticketStep records what became of a ticket. Steps may come twice.
func (a *change) ticketStep() error {
	c := a.cmd.Args.Ticket
	if c == nil {
		return invalid("ticket", "ticket_missing", "a step of a ticket needs its change")
	}
	a.quiet = true
	t := a.inc.Ticket(c.N)
	if t == nil {
		return nil
	}
	switch c.Step {
	case TicketTried:
		t.TriedAt, a.marked = c.Tried.UTC(), true
	case TicketRefused:
		t.TriedAt, a.marked = Stamp{}, true
	case TicketCreated, TicketFound:
		a.ticketCreated(t, c)
	case TicketUnwanted:
		if t.State == TicketAsked && t.TriedAt.IsZero() {
			t.State, a.marked = TicketNone, true
		}
	case TicketSynced:
		a.ticketSynced(t, c)
	case TicketLost:
		if t.State == TicketMade {
			t.State, a.quiet = TicketGone, false // cards and pages link to it
			a.ticketEvent(t, c.N, "lost", "")
		}
	case TicketSeen:
		if t.State == TicketMade || t.State == TicketAsked { // what is asked for may be there already: first it is recorded
			a.marked = true
			a.syncTicket(c.N)
		}
	default:
		return invalid("step", "unknown_step", "there is no step %q of a ticket", c.Step)
	}
	return nil
}

func (a *change) ticketEvent(t *Ticket, n int, what, text string) {
	data := map[string]string{"key": t.Key, "action": what}
	if n > 0 {
		data["n"] = itoa(n)
	}
	a.event(EvTicket, Clip(Line(text), MaxTitle), data)
}

func (a *change) ticketCreated(t *Ticket, c *TicketChange) {
	if t.State == TicketMade && t.ID == c.ID {
		return
	}
	again := t.State == TicketGone && t.ID == c.ID
	t.State, t.ID, t.TriedAt = TicketMade, c.ID, Stamp{}
	a.ticketPlace(t, c)
	for _, f := range c.Fields {
		t.Here.put(f.Field, f.Here)
		t.There.put(f.Field, f.There)
	}
	what := "created"
	switch {
	case again:
		what = "back"
	case c.Step == TicketFound:
		what = "found"
	}
	a.ticketEvent(t, c.N, what, "")
	if len(c.Left) > 0 {
		a.ticketEvent(t, c.N, "left_out", strings.Join(c.Left, ", "))
	}
	if i := a.inc.action(c.N); i >= 0 && a.inc.Actions[i].Due == "" && t.There.Due != "" {
		a.inc.Actions[i].Due, t.Here.Due = t.There.Due, t.There.Due // the one that the configuration gives
	}
	if c.Step == TicketFound {
		a.syncTicket(c.N)
	}
	a.quiet = false // the cards link to it
}

// ticketPlace takes over key and address, by which webhooks and people find it.
// Earlier keys lead to the incident all the same.
func (a *change) ticketPlace(t *Ticket, c *TicketChange) {
	if c.Key == "" {
		return
	}
	t.Key, t.URL = c.Key, c.URL
	ref := Ref{System: SourceJira, Role: RolePostmortem, ID: c.Key, URL: c.URL}
	if c.N > 0 {
		ref.Role, ref.Target = RoleAction, itoa(c.N)
	}
	i := slices.IndexFunc(a.inc.Refs, func(r Ref) bool {
		return r.System == ref.System && r.Role == ref.Role && r.Target == ref.Target
	})
	if i < 0 {
		a.inc.Refs = append(a.inc.Refs, ref)
		return
	}
	a.inc.Refs[i] = ref
}

// ticketSynced takes over what the comparison has come to. What was changed here
// since it was made stays, and is compared again: whoever changed it has seen to
// that.
func (a *change) ticketSynced(t *Ticket, c *TicketChange) {
	if t.State != TicketMade {
		return
	}
	a.marked = true
	if c.Key != "" && c.Key != t.Key {
		from := t.Key
		a.ticketPlace(t, c)
		a.moved(t, c.N, FieldSync{Field: "key", From: from, To: t.Key})
		a.quiet = false
	}
	for _, f := range c.Fields {
		if f.Do == SyncTake {
			if a.inc.TicketFields(c.N).Get(f.Field) != f.Was {
				continue
			}
			a.take(c.N, &f)
			a.quiet = false
		}
		t.Here.put(f.Field, f.Here)
		t.There.put(f.Field, f.There)
		if f.Do == SyncTake || f.Reason != "" || c.N == 0 && f.There != f.Here {
			a.moved(t, c.N, f)
		}
	}
}

func (a *change) moved(t *Ticket, n int, f FieldSync) {
	data := map[string]string{"key": t.Key, "field": f.Field, "from": Clip(Line(f.From), MaxTitle), "to": Clip(Line(f.To), MaxTitle)}
	switch {
	case f.Reason != "":
		data["how"] = "refused"
	case f.Both:
		data["how"] = "both" // from is what was lost
	case n == 0 && f.To == TicketDone:
		data["how"] = "owed" // the task was closed, and the RCA is not written
	}
	if n > 0 {
		data["n"] = itoa(n)
	}
	a.event(EvTicketMoved, Clip(Line(f.Reason), MaxTitle), data)
}

// take changes a follow-up to what its ticket says.
func (a *change) take(n int, f *FieldSync) {
	i := a.inc.action(n)
	if i < 0 {
		return
	}
	act := &a.inc.Actions[i]
	switch f.Field {
	case FieldTitle:
		act.Title = f.Here
	case FieldDue:
		act.Due = f.Here
	case FieldOwner:
		act.Owner = f.Owner
		if strings.Contains(f.Owner.ID, "@") {
			act.Owner = a.f.Person(f.Owner)
		}
		f.Here = act.Owner.ID
	case FieldDone:
		act.DoneAt, act.DoneBy = Stamp{}, Actor{}
		if f.Here == TicketDone {
			act.DoneAt, act.DoneBy = a.at, a.cmd.Actor
		}
	}
}

// edit changes title, due date or owner of a follow-up.
func (a *change) editAction(act *Action, args *ActionArgs) error {
	field, from, to := FieldTitle, act.Title, Line(args.Title)
	switch args.Op {
	case "edit":
		if to == "" {
			return invalid("title", "action_title", "Say what is to be done.")
		}
		if err := short("title", to, MaxTitle); err != nil {
			return err
		}
		act.Title = to
	case "due":
		if err := checkDue(args.Due); err != nil {
			return err
		}
		field, from, to = FieldDue, act.Due, args.Due
		act.Due = to
	case "assign":
		var who Actor
		if args.Owner != nil {
			who = a.f.Person(*args.Owner)
		}
		if who.Is(act.Owner) {
			return a.unchanged()
		}
		field, from, to = FieldOwner, act.Owner.Label(), who.Label()
		act.Owner = who
	}
	if from == to {
		return a.unchanged()
	}
	a.event(EvActionEdit, act.Title, map[string]string{"n": itoa(act.N), "field": field, "from": from, "to": to})
	return nil
}

func checkDue(due string) error {
	if due == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, due); err != nil {
		return invalid("due", "bad_date", "%q is not a date: write it like 2026-12-31.", Clip(due, 40)).With("date", Clip(due, 40))
	}
	return nil
}
