package catalog

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"imbot/catalog/strictyaml"
	"imbot/incident"
)

// zoneNames are the zones that somebody may have meant who wrote another name,
// one a line. What is a zone is decided by the time zone database of the machine
// or the program: https://www.iana.org/time-zones
//
//go:embed zones.txt
var zoneNames string

// zoneShort are the zones of Indonesia as people there call them.
var zoneShort = map[string]string{"wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura"}

// CheckTimezone returns what is wrong with the name of a time zone, and how it is
// mended.
func CheckTimezone(s string) error {
	if _, ok := incident.Zone(s); ok {
		return nil
	}
	if n := nearestZone(s); n != "" {
		return fmt.Errorf("is no timezone; did you mean %q?", n)
	}
	return errors.New("is no timezone; write it as in Asia/Jakarta or UTC")
}

// nearestZone is the zone that was probably meant: by its city, which is what
// people know, or by its whole name.
func nearestZone(s string) string {
	if len(s) > incident.MaxZone || s == "Local" {
		return ""
	}
	s = strings.ReplaceAll(strings.TrimSpace(s), " ", "_")
	if n := zoneShort[strings.ToLower(s)]; n != "" {
		return n
	}
	all := strings.Fields(zoneNames)
	byCity := make(map[string]string, len(all))
	cities := make([]string, 0, len(all))
	for _, n := range all {
		city := n[strings.LastIndexByte(n, '/')+1:]
		if _, known := byCity[city]; !known {
			byCity[city] = n
			cities = append(cities, city)
		}
	}
	if city := strictyaml.Nearest(s[strings.LastIndexByte(s, '/')+1:], cities); city != "" {
		return byCity[city]
	}
	return strictyaml.Nearest(s, all)
}

// Timezone is where a person lives: by mail, "aad:<oid>" or "pd:<id>". nil where
// the catalog does not say.
func (c *Catalog) Timezone(personID string) *time.Location {
	if p, ok := c.people[fold(personID)]; ok {
		return c.zones[p.Mail]
	}
	return nil
}
