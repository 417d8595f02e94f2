package effects

import (
	"context"
	"time"

	"imbot/incident"
)

// Standby knows who is on duty. What it answers may be some minutes old.
type Standby interface {
	// On returns who is on duty for each of these roles ("dba", "squad:payments"),
	// and for which of them nobody was found, and why.
	On(ctx context.Context, roles []string) ([]Duty, []Gap)
	// Next returns who comes after this person where they do not answer; false
	// where the role does not say.
	Next(ctx context.Context, role string, after incident.Actor) (Duty, bool)
}

// Duty is one person's turn at a role.
type Duty struct {
	Role        string
	Person      incident.Actor
	Since, Till time.Time // zero: not known
	Source      string    // where that was read, in words
	Stale       bool      // the source did not answer: this is the last that it said
}

// Gap is a role for which nobody was found.
type Gap struct{ Role, Why string }

// NoStandby is the Standby of a company that has configured none.
type NoStandby struct{}

// On finds nobody.
func (NoStandby) On(_ context.Context, roles []string) (_ []Duty, gaps []Gap) {
	for _, r := range roles {
		gaps = append(gaps, Gap{Role: r, Why: "no standby is configured for it"})
	}
	return nil, gaps
}

// Next knows nobody.
func (NoStandby) Next(context.Context, string, incident.Actor) (Duty, bool) { return Duty{}, false }
