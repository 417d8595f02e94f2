package effects

import (
	"context"

	"imbot/incident"
	"imbot/query"
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

// Duty is one person's turn at a role; Gap is a role for which nobody was found.
type (
	Duty = query.Duty
	Gap  = query.Gap
)
