package incident

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds on text from outside, in runes. What a vendor sends beyond them is
// cut; what a person sends beyond them is refused.
const (
	MaxTitle = 255  // of an incident or an action
	MaxText  = 4000 // of a note, a reason, an RCA's field
)

// Apply is the whole rule book of one incident: it changes inc as cmd asks, and
// returns the timeline entries and effects that belong to the change. It is
// pure: no I/O, no clock but now. inc is new (ID set, all else zero) for
// Declare and Trigger. A command that asks for what is already so returns
// neither events nor effects, and no error. On an error inc is spoilt, and must
// be thrown away.
func Apply(inc *Incident, cmd Command, f Facts, now time.Time) ([]Event, []Effect, error) {
	if !cmd.FromVendor() {
		if err := Allowed(cmd.Verb, cmd.Args.Complete, cmd.Actor, cmd.Role, existing(inc), &f); err != nil {
			return nil, nil, err
		}
	}
	a := &change{inc: inc, cmd: &cmd, f: &f, now: now, at: cmd.At, was: before(inc, f.Levels)}
	if a.at.IsZero() {
		// What a person does comes after all that is known, even where the pager's
		// clock runs ahead of ours.
		a.at = latest(now, inc.lastMark())
	}
	a.at = a.at.UTC()
	if cmd.toldBefore(inc, a.at) {
		return nil, nil, nil
	}
	h := handlers[cmd.Verb]
	if h == nil {
		return nil, nil, invalid("verb", "unknown_verb", "There is no verb %q.", cmd.Verb).With("verb", string(cmd.Verb))
	}
	if err := h(a); err != nil {
		return nil, nil, err
	}
	said := len(a.events)
	a.revive()
	a.correlate()
	// What the rules decide is shown, also where the command itself changes nothing.
	a.quiet = a.quiet && len(a.events) == said
	if a.quiet && len(a.events) == 0 && !a.marked {
		return nil, nil, nil
	}
	level, _ := f.Levels.Get(inc.Level)
	inc.refresh(level)
	a.draft(level)
	a.settle(level)
	inc.UpdatedAt = now.UTC()
	return a.events, a.effects, nil
}

var handlers = map[Verb]func(*change) error{
	Declare: (*change).declare, Trigger: (*change).trigger, Update: (*change).vendorChange, Enrich: (*change).enrich,
	Ack: (*change).ack, Unack: (*change).unack, Resolve: (*change).resolve, Reopen: (*change).reopen,
	Close: (*change).close, WriteRCA: (*change).writeRCA, DoAction: (*change).doAction, AddNote: (*change).addNote,
	SetLevel: (*change).setLevel, SetTime: (*change).setTime, Assign: (*change).assign, Member: (*change).member,
	SetLink: (*change).setLink, Unlink: (*change).unlink, Undo: (*change).undo,
	Relink: (*change).relink, Follow: (*change).followDecision, Unpause: (*change).unpause,
	OpenRoom: (*change).openRoom, RoomStep: (*change).roomStep, TicketStep: (*change).ticketStep, Page: (*change).page, PageStep: (*change).pageStep,
	Report: (*change).report, Subscribe: (*change).subscribe, Remind: (*change).remind, Nudge: (*change).nudge,
	Publicise: (*change).publicise, Log: (*change).logEntry, Attach: (*change).attach, Fail: (*change).fail, Reroute: (*change).reroute, Retry: (*change).retry, Judge: (*change).decideCause,
}

// change is one application of a command.
type change struct {
	inc *Incident
	cmd *Command
	f   *Facts
	now time.Time
	at  time.Time // event time
	was past

	events  []Event
	effects []Effect
	quiet   bool // nothing on the cards has changed
	shown   bool // the pause is over
	marked  bool // there is a new mark, even if it changes nothing yet
}

// past is what settle compares the new state with.
type past struct {
	created   bool // the incident is new
	title     string
	service   string // its name
	status    Status
	active    bool
	episode   int
	level     string
	squad     string
	levelBy   Actor
	rule      string // that gave the level
	commander Actor
	scribe    Actor
	acked     Actor   // who had acknowledged it
	called    []Actor // by the pager
	members   int     // of a private one
	private   bool
	quiet     bool
	hidden    bool // see Incident.Hidden
	imported  bool
	pending   bool // somebody was to be added to the room
	nudge     Stamp
	owed      bool // an RCA

	lastAction int                  // number of the newest follow-up
	tickets    map[int]TicketFields // what the tickets that exist should say
}

func before(inc *Incident, levels Levels) past {
	level, _ := levels.Get(inc.Level)
	return past{
		created: inc.Episode == 0, title: inc.Title, service: inc.ServiceName, status: inc.Status, active: inc.Active(), episode: inc.Episode,
		level: inc.Level, squad: inc.Squad, levelBy: inc.LevelBy, rule: inc.LevelRule, commander: inc.Commander, scribe: inc.Scribe, acked: inc.AcknowledgedBy, called: inc.Responders, members: len(inc.Members), private: inc.Private, quiet: inc.Quiet, hidden: inc.Hidden(level), imported: inc.Imported, pending: inc.Room != nil && inc.Room.Pending(), nudge: inc.Reminders.Next, owed: inc.Postmortem.Required,
		lastAction: lastAction(inc), tickets: ticketsBefore(inc),
	}
}

func existing(inc *Incident) *Incident {
	if inc.Episode == 0 {
		return nil
	}
	return inc
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mark records a fact, and reports whether it makes a difference to the life of
// the incident. A vendor's fact that makes none, such as the echo of what was
// done here, is remembered all the same: an earlier one may still come.
func (a *change) mark(kind MarkKind) bool {
	if a.inc.tooLate(a.at) {
		a.event(EvStale, "", map[string]string{"verb": string(a.cmd.Verb)})
		return false
	}
	old := a.inc.live()
	if !a.put(kind) {
		return false
	}
	a.marked = true
	return !old.equal(a.inc.live())
}

// put records a fact and returns whether it was new. What a person does takes
// effect after all that is known, even within one tick of the clock, where the
// order of marks would have it otherwise.
func (a *change) put(kind MarkKind) bool {
	if n := len(a.inc.Marks); n > 0 && a.cmd.At.IsZero() && !a.cmd.FromVendor() {
		if last := a.inc.Marks[n-1]; last.At.Equal(a.at) && markRank[kind] <= markRank[last.Kind] {
			a.at = a.at.Add(time.Millisecond)
		}
	}
	return a.inc.mark(Mark{At: a.at, Kind: kind, By: a.cmd.Actor})
}

// event adds a timeline entry and returns it, to be completed.
func (a *change) event(kind EventKind, text string, data map[string]string) *Event {
	a.inc.Events++
	a.events = append(a.events, Event{
		Incident: a.inc.ID, N: a.inc.Events, At: a.at, Recorded: a.now.UTC(), Kind: kind,
		Actor: a.cmd.Actor, Source: a.cmd.Source, Text: text, Data: data,
	})
	return &a.events[len(a.events)-1]
}

// unchanged says that all is already as asked.
func (a *change) unchanged() error {
	a.quiet = len(a.events) == 0
	return nil
}

func (a *change) declare() error {
	args := &a.cmd.Args
	title := Line(args.Title)
	if title == "" {
		return invalid("title", "title_missing", "Say what is wrong: a title is needed.")
	}
	if err := short("title", title, MaxTitle); err != nil {
		return err
	}
	if err := short("description", args.Description, MaxText); err != nil {
		return err
	}
	if err := short("service", args.Service, MaxTitle); err != nil {
		return err
	}
	inc := a.inc
	inc.Title, inc.Description, inc.DeclaredBy = title, strings.TrimSpace(args.Description), a.cmd.Actor
	a.place()
	inc.Level, inc.LevelRule, inc.LevelRuleNo = a.f.Verdict.Level, a.f.Verdict.Rule, a.f.Verdict.No
	if args.Level != "" {
		l, err := a.level(args.Level)
		if err != nil {
			return err
		}
		inc.Level, inc.LevelRule, inc.LevelRuleNo, inc.LevelBy, inc.LevelAt = l.Key, "", 0, a.cmd.Actor, a.at
	}
	level, _ := a.f.Levels.Get(inc.Level)
	inc.Private = args.Private || level.Private
	inc.Recurrences = a.f.Before
	inc.mark(Mark{At: a.at, Kind: MarkOpen, By: a.cmd.Actor})
	a.event(EvDeclared, inc.Description, map[string]string{"title": inc.Title, "level": inc.Level})
	return nil
}

// place says which service and squad the incident belongs to.
func (a *change) place() {
	s := a.f.Service
	a.inc.Service, a.inc.ServiceName, a.inc.Squad = s.Key, s.Name, s.Squad
	if a.inc.ServiceName == "" {
		a.inc.ServiceName = s.Key
	}
}

func (a *change) level(key string) (Level, error) {
	for _, l := range a.f.Levels {
		if strings.EqualFold(l.Key, key) || strings.EqualFold(l.Title, key) {
			return l, nil
		}
	}
	known := strings.Join(a.f.Levels.Keys(), ", ")
	return Level{}, invalid("level", "unknown_level", "There is no level %q. Levels are: %s.", Clip(Line(key), 40), known).
		With("level", Clip(Line(key), 40)).With("levels", known)
}

func (a *change) ack() error {
	if !a.cmd.FromVendor() {
		switch {
		case !a.inc.Active():
			return conflict("not_open", "%s is %s: there is nothing to acknowledge.", a.inc.ID, a.inc.Status).
				With("id", a.inc.ID.String()).With("status", string(a.inc.Status))
		case !a.inc.AcknowledgedAt.IsZero():
			return a.unchanged()
		}
	}
	a.takeAlert(a.cmd.Args.Alert)
	if !a.mark(MarkAck) {
		return a.unchanged()
	}
	e := a.event(EvAcked, "", nil)
	a.toPager(KindPDAck, "", e.N)
	return nil
}

func (a *change) unack() error {
	if !a.cmd.FromVendor() && (a.inc.AcknowledgedAt.IsZero() || !a.inc.Active()) {
		return a.unchanged()
	}
	a.takeAlert(a.cmd.Args.Alert)
	if !a.mark(MarkUnack) {
		return a.unchanged()
	}
	a.event(EvUnacked, "", nil)
	return nil
}

func (a *change) resolve() error {
	text := strings.TrimSpace(a.cmd.Args.Text)
	if err := short("text", text, MaxText); err != nil {
		return err
	}
	if !a.cmd.FromVendor() && !a.inc.Active() {
		return a.unchanged()
	}
	a.takeAlert(a.cmd.Args.Alert)
	if a.cmd.Args.Merge != nil {
		a.merged(*a.cmd.Args.Merge)
	}
	if !a.mark(MarkResolve) {
		return a.unchanged()
	}
	e := a.event(EvResolved, text, nil)
	a.toPager(KindPDResolve, text, e.N)
	return nil
}

// merged links the incident to the one that the vendor has merged it into. Do
// replaces ParentRef by the parent as soon as that is known here.
func (a *change) merged(into Ref) {
	if own, _ := a.inc.AlertRef(); a.inc.linkFixed() || own.ID == into.ID {
		return
	}
	a.inc.Link = &Link{
		Kind: LinkDuplicate, ParentRef: &into, Rule: "merged in " + into.System, Confidence: 1,
		Evidence: []string{"merged into " + into.ID + " there"}, By: a.cmd.Actor,
	}
	a.event(EvLinked, "", map[string]string{"kind": LinkDuplicate, "parent": into.ID, "rule": a.inc.Link.Rule})
}

func (a *change) reopen() error {
	reason := strings.TrimSpace(a.cmd.Args.Reason)
	if err := short("reason", reason, MaxText); err != nil {
		return err
	}
	if !a.cmd.FromVendor() && a.inc.Active() {
		return a.unchanged()
	}
	a.takeAlert(a.cmd.Args.Alert)
	if !a.mark(MarkOpen) {
		return a.unchanged()
	}
	a.event(EvReopened, reason, nil)
	return nil
}

func (a *change) addNote() error {
	text := strings.TrimSpace(a.cmd.Args.Text)
	if text == "" {
		return invalid("text", "text_missing", "Write the note's text after the verb.")
	}
	if a.cmd.FromVendor() {
		text = Clip(text, MaxText)
	} else if err := short("text", text, MaxText); err != nil {
		return err
	}
	e := a.event(EvNote, text, maps.Clone(a.cmd.Args.Data))
	a.toPager(KindPDNote, text, e.N)
	return nil
}

// logEntry is for what belongs on the timeline and changes nothing else; but what
// is tied to an incident is shown with it.
func (a *change) logEntry() error {
	if a.cmd.Args.Kind == "" {
		return invalid("kind", "kind_missing", "a timeline entry needs a kind")
	}
	e := a.event(a.cmd.Args.Kind, Clip(a.cmd.Args.Text, MaxText), maps.Clone(a.cmd.Args.Data))
	a.quiet = e.Kind != EvChild && e.Kind != EvChildGone
	return nil
}

// attach records a thing outside. The same role and target has one thing: a new
// one takes the place of the old.
func (a *change) attach() error {
	ref := a.cmd.Args.Ref
	if ref == nil || ref.System == "" || ref.Role == "" || ref.ID == "" {
		return invalid("ref", "ref_missing", "a ref needs system, role and id")
	}
	a.quiet = true
	if ref.Role == RolePage {
		a.published(*ref)
		return nil
	}
	for i, r := range a.inc.Refs {
		if r.System == ref.System && r.Role == ref.Role && r.Target == ref.Target && (ref.Target != "" || r.ID == ref.ID) {
			if r == *ref {
				return nil
			}
			a.inc.Refs[i] = *ref
			a.event(EvAttached, "", map[string]string{"system": ref.System, "role": ref.Role})
			return nil
		}
	}
	a.inc.Refs = append(a.inc.Refs, *ref)
	a.event(EvAttached, "", map[string]string{"system": ref.System, "role": ref.Role})
	if r := a.inc.Room; r != nil && ref.Role == RoleCard && ref.Target != r.Chat && slices.Contains(a.inc.Cards, r.Chat) {
		a.effects = append(a.effects, effect(a.inc.ID, KindCard, Latest, r.Chat, "")) // it leads to the card in the channel
	}
	return nil
}

// retry is a person's word that what failed outside shall be run again. Do has
// put the effects back already; without any there is nothing to say.
func (a *change) retry() error {
	a.inc.Failing = nil // whether that has helped is news
	a.event(EvRetried, "", map[string]string{"n": itoa(a.cmd.retried)})
	return nil
}

// reroute shows the card in the default channel, since its own place is lost.
func (a *change) reroute() error {
	if a.cmd.Args.Target == "" || a.inc.Private || slices.Contains(a.inc.Cards, a.cmd.Args.Target) {
		return a.unchanged()
	}
	a.inc.Cards = append(a.inc.Cards, a.cmd.Args.Target)
	a.inc.DefaultChan = true
	a.event(EvFailed, a.cmd.Args.Text, map[string]string{"effect": KindCard})
	return nil
}

func short(field, text string, limit int) error {
	if len(text) > limit && len([]rune(text)) > limit {
		return invalid(field, "too_long", "%s is too long: at most %d characters.", field, limit).With("field", field).With("limit", limit)
	}
	return nil
}
