package jira

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// What Jira takes, in UTF-16 code units, as Java counts.
const (
	MaxSummary = 255
	MaxText    = 32_767 // of a description or comment
	maxLabel   = 255
)

// Plain returns text so that Jira shows it as it is: what wiki markup would
// take as a mention, link, macro, table or style is escaped. Lines remain. A
// backslash becomes an entity, for two of them would be a line break.
// https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
func Plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString("&#92;")
			continue
		case strings.ContainsRune("{}[]!|*_^~+", r):
			b.WriteByte('\\')
		case unicode.IsControl(r) && r != '\n' && r != '\t':
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// text is a string that Jira may also send as a number, a bool or null.
// Anything else is taken as empty: one odd field must not cost the event.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case len(b) == 0, b[0] == '{', b[0] == '[', b[0] == 'n':
	case b[0] != '"':
		*t = text(b)
	default:
		var s string
		if json.Unmarshal(b, &s) == nil {
			*t = text(s)
		}
	}
	return nil
}

// time returns the time in t in UTC, or the zero time. Jira writes it as
// 2026-01-02T15:04:05.000+0700.
func (t text) time() time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999Z0700", time.RFC3339Nano} {
		if at, err := time.Parse(layout, string(t)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// date returns t if it is a date like 2026-01-02, else "".
func (t text) date() string {
	if _, err := time.Parse(time.DateOnly, string(t)); err != nil {
		return ""
	}
	return string(t)
}

// onlyTypes reports whether err says merely that some field had another type
// than expected. encoding/json then has decoded all other fields.
func onlyTypes(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError)
	return ok
}
