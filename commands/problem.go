package commands

import (
	"imbot/incident"
	"imbot/locale"
)

// problem builds an error for the person who asked, in the words of "err.<key>" in
// the message catalogue. args are name, value, …
func problem(field, key string, args ...any) *incident.Problem {
	p := incident.NewProblem(incident.ErrInvalid, field, key, "%s", locale.For(locale.English).Text("err."+key, args...))
	for i := 0; i+1 < len(args); i += 2 {
		p.With(args[i].(string), args[i+1])
	}
	return p
}

// quote shortens what somebody typed so that it can be shown in an answer.
func quote(s string) string { return incident.Clip(incident.Line(s), 40) }
