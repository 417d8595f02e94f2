package reminders

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Hours are the working hours of a day, Monday to Friday, as time since
// midnight: from From until before To. They lie within one day.
type Hours struct{ From, To time.Duration }

// DefaultHours are 09:00 to 17:00.
var DefaultHours = Hours{9 * time.Hour, 17 * time.Hour}

// minHours is the least that can be configured: reminders are looked for once an
// hour, and each day must have one such moment.
const minHours = time.Hour

// ParseHours reads "09:00-17:00". The error says what to write instead.
func ParseHours(s string) (Hours, error) {
	from, to, ok := strings.Cut(s, "-")
	a, err1 := clock(from)
	b, err2 := clock(to)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return Hours{}, fmt.Errorf("%.40q are no hours; write them as in 09:00-17:00", s)
	case b-a < minHours:
		return Hours{}, errors.New("these hours are too short; reminders need an hour of each day at least, as in 09:00-17:00")
	}
	return Hours{a, b}, nil
}

func clock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, errors.New("no time of day")
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// String is the form that ParseHours reads.
func (h Hours) String() string { return clockText(h.From) + "-" + clockText(h.To) }

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// Contain reports whether a moment lies in the hours of a working day, in the
// zone of t.
func (h Hours) Contain(t time.Time) bool {
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		return false
	}
	at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	return at >= h.From && at < h.To
}
