package incident

import (
	"errors"
	"fmt"
)

// The kinds of failure that edges tell apart, with errors.Is. Everything else
// is an internal error, whose text is not for users.
var (
	ErrInvalid   = errors.New("invalid")   // the request makes no sense as it stands; HTTP 400 or 422
	ErrNotFound  = errors.New("not found") // no such thing, or not for this person's eyes; HTTP 404
	ErrConflict  = errors.New("conflict")  // not in the present state; HTTP 409
	ErrForbidden = errors.New("forbidden") // this person may not; HTTP 403
)

// Problem is an error whose text may be shown to the person who asked.
type Problem struct {
	Kind   error          // ErrInvalid, ErrNotFound, ErrConflict or ErrForbidden
	Field  string         // the argument at fault, by its JSON name; may be empty
	Key    string         // names the text in the message catalogue: "err." + Key
	Args   map[string]any // values for the placeholders of that text
	Detail string         // the text in English, complete
}

// Error returns the English text.
func (p *Problem) Error() string { return p.Detail }

// Unwrap returns the kind, for errors.Is.
func (p *Problem) Unwrap() error { return p.Kind }

// With adds a placeholder's value and returns p.
func (p *Problem) With(name string, value any) *Problem {
	if p.Args == nil {
		p.Args = map[string]any{}
	}
	p.Args[name] = value
	return p
}

// NewProblem builds a Problem. The key names its text in the message catalogue.
func NewProblem(kind error, field, key, format string, args ...any) *Problem {
	return &Problem{Kind: kind, Field: field, Key: key, Detail: fmt.Sprintf(format, args...)}
}

func invalid(field, key, format string, args ...any) *Problem {
	return NewProblem(ErrInvalid, field, key, format, args...)
}

func conflict(key, format string, args ...any) *Problem {
	return NewProblem(ErrConflict, "", key, format, args...)
}

// NoIncident says that there is no incident of an id, whether there is none or
// the reader may not know of it.
const NoIncident = "There is no incident %s. GET /api/v1/incidents lists all that you may see."

func notFound(id ID) *Problem {
	return NewProblem(ErrNotFound, "id", "no_incident", NoIncident, id).With("id", id.String())
}

// notMember refuses somebody who must not see a private incident. An edge knows
// what a message must begin with where it is shown: "prefix".
func notMember(id ID, who Actor) *Problem {
	return conflict("not_member", "%s is not a member of %s. Add them first: member %s add %s", who.Label(), id, id, who.ID).
		With("id", id.String()).With("person", who.Label()).With("who", who.ID).With("prefix", "")
}

// ErrBusy says that the store has more to do than it can: come back in a few
// seconds; HTTP 503.
var ErrBusy = errors.New("busy")
