package incident

import "time"

// MaxZone bounds the name of a time zone, in bytes: the longest has half of it.
const MaxZone = 64

// Zone finds a time zone by its name in the IANA database, as in Asia/Jakarta;
// false where there is none. What Go calls "Local" and "" is what holds on this
// machine, and nobody's zone.
// https://www.iana.org/time-zones
func Zone(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || len(name) > MaxZone {
		return nil, false
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	return l, true
}
