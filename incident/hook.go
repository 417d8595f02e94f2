package incident

import "slices"

// What another system can be told of an incident by a webhook.
const (
	HookOpened  = "opened"  // it is there: declared, triggered, promoted, or shown after all
	HookChanged = "changed" // something that is shown has changed
	HookClosed  = "closed"  // no RCA is owed any more
)

// HookEvents are all of them, in the order of an incident's life.
var HookEvents = []string{HookOpened, HookChanged, HookClosed}

// HookWish says what one other system wants to be told. A list that is empty
// leaves nothing out.
type HookWish struct {
	Name   string   // as the configuration calls it; part of the effects' keys
	Events []string // of HookEvents
	Squads []string // keys
	Levels []string // keys
}

// takes reports whether incidents of this squad and level are wanted.
func (w *HookWish) takes(squad, level string) bool {
	return (len(w.Squads) == 0 || slices.Contains(w.Squads, squad)) && (len(w.Levels) == 0 || slices.Contains(w.Levels, level))
}

// HookData is the data of a KindHook effect. What the incident looks like is
// read when the effect runs; what has happened is said as it was.
type HookData struct {
	Hook  string `json:"hook"` // HookWish.Name
	Type  string `json:"type"` // HookOpened, …
	Event Event  `json:"event"`
}

// hooks tells other systems what they want to know. They hear of what people are
// shown: not of private incidents, and of duplicates and other hidden ones only
// that they have become so.
func (a *change) hooks(level Level) {
	inc := a.inc
	// A delivery that has failed is no news of the incident: it would make the next
	// one, which fails as well.
	if len(a.events) == 0 || inc.Private || a.cmd.Verb == Fail || a.cmd.Verb == Retry {
		return
	}
	last := a.events[len(a.events)-1]
	for i := range a.f.Hooks {
		w := &a.f.Hooks[i]
		kind := a.hookType(w, level)
		if kind == "" || (len(w.Events) > 0 && !slices.Contains(w.Events, kind)) {
			continue
		}
		e := effect(inc.ID, KindHook, Once, "", w.Name+"/"+itoa(last.N))
		e.Lane = inc.ID.String() + "/" + KindHook + "/" + w.Name // in order, and none waits for another system
		a.effects = append(a.effects, e.with(HookData{Hook: w.Name, Type: kind, Event: last}))
	}
}

// hookType is what this change is to the system: whether it knew the incident
// before, and is to know it now.
func (a *change) hookType(w *HookWish, level Level) string {
	knew := !a.was.created && !a.was.private && !a.was.hidden && w.takes(a.was.squad, a.was.level)
	knows := !a.inc.Hidden(level) && w.takes(a.inc.Squad, a.inc.Level)
	switch {
	case !knew && !knows:
		return ""
	case a.inc.Status == Closed && (a.was.status != Closed || !knew):
		return HookClosed
	case !knew:
		return HookOpened
	}
	return HookChanged
}
