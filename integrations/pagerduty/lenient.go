package pagerduty

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// text is a string that PagerDuty may also send as a number, a bool or null.
// Anything else is taken as empty: one odd field must not cost the event.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) == 0, b[0] == '{', b[0] == '[', b[0] == 'n':
		*t = ""
	case b[0] != '"':
		*t = text(b)
	default:
		*t = text(unquote(b))
	}
	return nil
}

// unquote decodes a JSON string. Most have no escapes: those are only copied.
func unquote(b []byte) string {
	inner := b[1 : len(b)-1]
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			var s string
			if json.Unmarshal(b, &s) != nil {
				return ""
			}
			return s
		}
	}
	return string(inner)
}

// int returns the number in t, or 0.
func (t text) int() int64 {
	s := strings.TrimSpace(string(t))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < -1<<53 || f > 1<<53 {
		return 0
	}
	return int64(f)
}

// time returns the RFC 3339 time in t in UTC, or the zero time.
func (t text) time() time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// onlyTypes reports whether err says merely that some field had another type
// than expected. encoding/json then has decoded all other fields.
func onlyTypes(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError)
	return ok
}

// member returns the value of an object's member, the last one if there are
// several, or nil. The object must be valid JSON: that is why it needs no
// checks of its own, and costs a tenth of decoding it a second time.
func member(obj []byte, name string) []byte {
	i := skipSpace(obj, 0)
	if i >= len(obj) || obj[i] != '{' {
		return nil
	}
	var found []byte
	for i = skipSpace(obj, i+1); i < len(obj) && obj[i] == '"'; i = skipSpace(obj, i) {
		end := skipValue(obj, i)
		key := obj[i+1 : end-1]
		start := skipSpace(obj, skipSpace(obj, end)+1) // past the colon
		i = skipValue(obj, start)
		if string(key) == name {
			found = obj[start:i]
		}
		if i = skipSpace(obj, i); i < len(obj) && obj[i] == ',' {
			i++
		}
	}
	return found
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that starts at b[i].
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
			continue // inside an object or array only
		default:
			for i < len(b) && !endsLiteral(b[i]) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// skipString returns the index after the string that starts at b[i].
func skipString(b []byte, i int) int {
	start := i + 1
	for i = start; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		slashes := 0
		for i-1-slashes >= start && b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 { // the quote is not escaped
			return i + 1
		}
	}
	return i
}

// endsLiteral reports whether c can't be part of a number, true, false or null.
func endsLiteral(c byte) bool {
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\t' || c == '\r'
}
