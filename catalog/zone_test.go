package catalog

import (
	"strings"
	"testing"

	"imbot/incident"
)

// TestTimezone: people are found by each of their ids, and whoever has no zone in
// the file has none. What is proposed for a wrong one is one.
func TestTimezone(t *testing.T) {
	c := newCatalog(t, parsed(t, "people: [{mail: Ani@example.com, aad_id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, pagerduty_id: PANI, timezone: Asia/Makassar}, {mail: budi@example.com}]\n"), Settings{}, nil)
	for _, id := range []string{"ani@example.com", "ANI@example.com", "aad:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "pd:PANI"} {
		if z := c.Timezone(id); z == nil || z.String() != "Asia/Makassar" {
			t.Errorf("Timezone(%s) = %v", id, z)
		}
	}
	for _, id := range []string{"budi@example.com", "eko@example.com", ""} {
		if z := c.Timezone(id); z != nil {
			t.Errorf("Timezone(%q) = %v", id, z)
		}
	}
	for name := range strings.SplitSeq(strings.TrimSpace(zoneNames), "\n") {
		if _, ok := incident.Zone(name); !ok {
			t.Errorf("%q is proposed, but no zone", name)
		}
	}
}
