package incident

import (
	"slices"
	"time"
)

// Cause is what a person has said about one change near an incident. Only with
// Was does it count: what was said not to be the cause is kept, so that it is
// not asked again.
type Cause struct {
	Source    string    `json:"source"` // "api", "pagerduty", "newrelic"
	ID        string    `json:"id"`     // within its source
	Title     string    `json:"title"`
	Version   string    `json:"version,omitempty"`
	URL       string    `json:"url,omitempty"`
	Service   string    `json:"service"` // as Incident.Service
	At        time.Time `json:"at"`      // when the change was made
	Was       bool      `json:"was"`
	By        Actor     `json:"by"`
	DecidedAt time.Time `json:"decided_at"`
}

// Key names the change, such as "api/deploy-42".
func (c *Cause) Key() string { return c.Source + "/" + c.ID }

// Confirmed returns the changes that people say have caused the incident, in the
// order in which they said so first.
func (inc *Incident) Confirmed() []Cause {
	var out []Cause
	for _, c := range inc.Causes {
		if c.Was {
			out = append(out, c)
		}
	}
	return out
}

// decideCause records whether a change was the cause. Which change that is was looked
// up where the command came from, by Args.Change: nothing else gets here.
// Undoing it is saying the other.
func (a *change) decideCause() error {
	c := a.cmd.Args.Cause
	if c == nil || c.ID == "" || c.Source == "" {
		return NoChange(a.cmd.Args.Change)
	}
	now := *c
	now.Was, now.By, now.DecidedAt = a.cmd.Args.Was, a.cmd.Actor, a.at
	i := slices.IndexFunc(a.inc.Causes, func(o Cause) bool { return o.Key() == now.Key() })
	switch {
	case i >= 0 && a.inc.Causes[i].Was == now.Was:
		return a.unchanged()
	case i >= 0:
		a.inc.Causes[i] = now
	case len(a.inc.Causes) >= maxCauses:
		return tooMany(a.inc.ID, "too_many_causes", maxCauses, "Of %s, %d changes have been judged already. Name this one in the root cause instead: rca %[1]s")
	default:
		a.inc.Causes = append(a.inc.Causes, now)
	}
	kind := EvCause
	if !now.Was {
		kind = EvNotCause
	}
	data := map[string]string{"change": now.Key(), "service": now.Service}
	if now.URL != "" {
		data["url"] = now.URL
	}
	a.event(kind, now.Title, data)
	return nil
}

// NoChange is the problem of a change that is not known near an incident, or
// not said at all.
func NoChange(name string) *Problem {
	if name = Clip(Line(name), 60); name == "" {
		return invalid("change", "change_missing", "Say which change: its id is on the card, and in GET /api/v1/changes.")
	}
	return invalid("change", "no_change", "No change “%s” is known near this incident. GET /api/v1/changes lists those that are known, with their ids.", name).With("change", name)
}

// CardEffects are the effects that show an incident's present state on all its
// cards, for when something has changed that the incident itself does not hold.
func (inc *Incident) CardEffects() []Effect { return cardsOf(inc) }
