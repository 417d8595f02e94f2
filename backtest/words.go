package backtest

import (
	"fmt"
	"strings"

	"imbot/incident"
)

const none = "none"

// plural writes a number and what it counts.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (r *Row) level() string {
	if r.Rule == "" {
		return r.Level + " by no rule"
	}
	return fmt.Sprintf("%s by %q", r.Level, r.Rule)
}

func (r *Row) state() string {
	if r.Flapping > 0 {
		return fmt.Sprintf("%s, flapping (%d openings)", r.State, r.Flapping)
	}
	return r.State
}

func (r *Row) link() string {
	l := r.Link
	switch {
	case l == nil:
		return none
	case len(l.Path) > 0:
		return fmt.Sprintf("%s of %s (%s: %s)", kindWord(l.Kind), l.Parent, l.Rule, strings.Join(l.Path, " → "))
	}
	return fmt.Sprintf("%s of %s (%s)", kindWord(l.Kind), l.Parent, strings.ReplaceAll(l.Rule, "_", " "))
}

func kindWord(kind string) string {
	if kind == incident.LinkCascade {
		return "consequence"
	}
	return kind
}

func (r *Row) card() string {
	switch {
	case len(r.Cards) > 0:
		return strings.Join(r.Cards, ", ")
	case r.NoCard != "":
		return none + ": " + strings.ReplaceAll(r.NoCard, "_", " ")
	}
	return none
}

func (r *Row) room() string {
	out := none
	if r.Room != nil {
		switch r.Room.Kind {
		case RoomOwn:
			out = "opens"
			if r.Room.Held != "" {
				out += " after " + r.Room.Held
			}
		case RoomRoot:
			out = "that of " + r.Room.Of
		case RoomMajor:
			out = "shares that of " + r.Room.Of
		case RoomOver:
			out = none + ": over within " + r.Room.Held
		}
	}
	switch {
	case r.Major == "":
	case r.Major == r.ID:
		out += ", first of a major incident"
	default:
		out += ", part of major " + r.Major
	}
	return out
}
