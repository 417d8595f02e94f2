package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"imbot/catalog/strictyaml"
)

// Secret is a text that no log, error or answer may show: however it is
// printed, it says "[redacted]".
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret itself, for whoever needs it to sign or to log in.
func (s Secret) Reveal() string { return string(s) }

// String is "[redacted]".
func (s Secret) String() string { return redacted }

// Format writes "[redacted]" for every verb, %x and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText is "[redacted]", in JSON and elsewhere.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(b []byte) error { *s = Secret(b); return nil }

// Duration is a span of time, written in Go's style with "d" for days of 24
// hours besides: 30s, 15m, 24h, 90d.
type Duration time.Duration

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalText reads a duration. Negative ones are refused.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := strictyaml.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// String writes the duration as it is read, in whole days where it has no rest.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if v := d.Std(); v >= day && v%day == 0 {
		return strconv.FormatInt(int64(v/day), 10) + "d"
	}
	return d.Std().String()
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Schedule is when something happens every week ("Mon 09:00") or every month
// ("1 09:00"), in the company's timezone.
type Schedule struct {
	Weekday time.Weekday // where Day is 0
	Day     int          // of the month, 1 to 28; 0: every week
	Hour    int
	Minute  int
}

var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

var errSchedule = errors.New(`this is not a schedule; write "Mon 09:00" for every week, or "1 09:00" for a day of every month`)

// UnmarshalText reads a schedule. Days after the 28th are refused: not every
// month has them.
func (s *Schedule) UnmarshalText(b []byte) error {
	day, clock, ok := strings.Cut(string(b), " ")
	t, err := time.Parse("15:04", clock)
	if !ok || err != nil || len(clock) != len("15:04") {
		return errSchedule
	}
	*s = Schedule{Hour: t.Hour(), Minute: t.Minute()}
	for i, w := range weekdays {
		if day == w {
			s.Weekday = time.Weekday(i)
			return nil
		}
	}
	n, err := strconv.Atoi(day)
	if err != nil || day != strconv.Itoa(n) || n < 1 || n > 31 {
		return errSchedule
	}
	if n > 28 {
		return errors.New("not every month has this day; use 1 to 28")
	}
	s.Day = n
	return nil
}

// Cron is the schedule as a standard cron line.
func (s Schedule) Cron() string {
	if s.Day > 0 {
		return fmt.Sprintf("%d %d %d * *", s.Minute, s.Hour, s.Day)
	}
	return fmt.Sprintf("%d %d * * %d", s.Minute, s.Hour, int(s.Weekday))
}
