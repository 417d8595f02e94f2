package graphrest

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"imbot/integrations/internal/fit"
)

var (
	guid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	// Chats are such as 19:1c5b01696d2e4a179c292bc9cf04e63b@thread.v2.
	chatID = regexp.MustCompile(`^19:[A-Za-z0-9_.-]{1,200}@[A-Za-z0-9.]{1,60}$`)
	// Messages have the time of their creation as id, in milliseconds; only what
	// would mean something else in a path is kept out.
	messageIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)
	// Addresses of people: what Entra and Exchange take, less what would need
	// quoting. https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname
	mailAddress = regexp.MustCompile(`^[A-Za-z0-9!#$&'+=^_~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$`)
)

// CheckChatID returns an error for what can't be the id of a chat, before it
// becomes part of a URL.
func CheckChatID(op, id string) error {
	if !chatID.MatchString(id) {
		return Refused(op, "the id is none of a chat")
	}
	return nil
}

// CheckUserID returns an error for what can't be the object id of a user.
func CheckUserID(op, id string) error {
	if !guid.MatchString(id) {
		return Refused(op, "the id is none of a user")
	}
	return nil
}

// MaxTopic is how many characters a chat's topic has at most.
// https://learn.microsoft.com/graph/api/chat-patch
const MaxTopic = 250

// CleanTopic makes a text fit for a chat's topic: one line of at most MaxTopic
// characters without control characters, those that turn the direction of text,
// and the colon, which Graph refuses. A text with nothing in it becomes "".
func CleanTopic(s string) string {
	s = strings.Join(strings.Fields(visible(s)), " ")
	s = strings.NewReplacer(": ", " – ", ":", "-", "：", "-").Replace(s)
	return cutUnits(strings.Join(strings.Fields(s), " "), MaxTopic)
}

// visible turns what ends or controls a line into spaces, and leaves out what
// shows nothing.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// cutUnits shortens to a number of UTF-16 units, as Microsoft counts, and marks
// the cut.
func cutUnits(s string, limit int) string {
	units, cut := 0, 0 // cut is where one unit less than limit ends
	for i, r := range s {
		if units < limit {
			cut = i
		}
		if units += utf16.RuneLen(r); units > limit {
			return strings.TrimSpace(s[:cut]) + "…"
		}
	}
	return s
}

// oneLine makes foreign text fit for an error: one line of at most limit bytes.
func oneLine(s string, limit int) string { return fit.Line(visible(s), limit) }

// quote writes a string for a filter: single quotes are doubled.
// https://learn.microsoft.com/graph/query-parameters#escaping-single-quotes
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
