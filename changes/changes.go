// Package changes knows what was changed: deploys, settings, feature flags.
// Pipelines say so themselves over the API; a [Poller] asks other systems.
//
// It keeps changes apart from incidents: whether one has caused an incident is
// for people to say, and stands on the incident then. The package makes no
// claims, and talks with no vendor.
package changes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"imbot/incident"
)

// Sources of changes.
const (
	SourceAPI       = "api"       // somebody's pipeline said so
	SourcePagerDuty = "pagerduty" // change events
	SourceNewRelic  = "newrelic"  // change tracking
)

// Bounds, in runes; of ID and URL, in bytes. What a vendor sends beyond them is
// cut; what is sent over the API beyond them is refused.
const (
	MaxID          = 128
	MaxService     = 128
	MaxTitle       = 255
	MaxDescription = 1000
	MaxURL         = 2000
	MaxBy          = 120
	MaxVersion     = 120
)

// Change is one thing that was changed. The same Source and ID are the same
// change.
type Change struct {
	ID          string    `json:"id"`                    // within its source: letters, digits and ._:/@+=~#%-
	Source      string    `json:"source"`                // SourceAPI, …
	Service     string    `json:"service"`               // as in incident.Incident.Service: catalog key, or "pd:PABC123"
	Title       string    `json:"title"`                 // one line
	Description string    `json:"description,omitempty"` // one line
	URL         string    `json:"url,omitempty"`         // for people; http or https
	By          string    `json:"by,omitempty"`          // name of the person or program
	Version     string    `json:"version,omitempty"`     //
	At          time.Time `json:"at"`                    // when it was made
	Recorded    time.Time `json:"recorded_at"`           // when it came here first; the store sets it
}

// Key names the change among those of all sources, such as "api/deploy-42".
func (c *Change) Key() string { return c.Source + "/" + c.ID }

// Saved is what has become of a change that was to be stored.
type Saved struct {
	Change       // as it is stored now
	Added   bool // it was not known before
	Updated bool // it was known, and something about it is new
}

// Store keeps changes. Each method is one transaction of its own.
type Store interface {
	// SaveChanges stores changes, all or none, and returns them in their order. One
	// that is known is replaced: it keeps its time of record, and where the new one
	// has no At, that too. A new one without At has happened now.
	SaveChanges(ctx context.Context, list []Change) ([]Saved, error)
	// Changes returns the changes of a service ("": of all) from since (inclusive)
	// until until (exclusive), newest first, at most limit. Zero times are no
	// bounds.
	Changes(ctx context.Context, service string, since, until time.Time, limit int) ([]Change, error)
	// PruneChanges forgets the changes that were made before, in small steps.
	PruneChanges(ctx context.Context, before time.Time) error
}

// first is before anything that is of interest to an incident.
var first = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// ahead is how far another clock may run before ours.
const ahead = 5 * time.Minute

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+=~#%-]{0,127}$`)

// Clean makes what a vendor says fit to be stored: one line of text each, cut to
// its bound, no address but a web page's. It reports whether the change can be
// used: it has a source, a service, a title and a time that can be true.
func (c Change) Clean(now time.Time) (Change, bool) {
	c.Source, c.Service = line(c.Source, MaxID), incident.Line(c.Service)
	c.Title, c.Description = line(c.Title, MaxTitle), line(c.Description, MaxDescription)
	c.By, c.Version = line(c.By, MaxBy), line(c.Version, MaxVersion)
	c.URL = webAddress(c.URL)
	if c.ID != "" && !idPattern.MatchString(c.ID) {
		c.ID = Derive(c.ID) // it is still the same for the same
	}
	c.At = c.At.UTC()
	ok := c.Source != "" && c.ID != "" && c.Title != "" && c.Service != "" && utf8.RuneCountInString(c.Service) <= MaxService &&
		!c.At.Before(first) && !c.At.After(now.Add(ahead))
	return c, ok
}

func line(s string, n int) string {
	if len(s) > 16*n { // no need to look at megabytes to keep a line
		s = s[:16*n]
	}
	return incident.Clip(incident.Line(s), n)
}

// webAddress returns the address of a web page in its normal form; "" where it
// is none. A user name before the host misleads.
func webAddress(s string) string {
	if len(s) > MaxURL {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.User != nil {
		return ""
	}
	if u.Scheme = strings.ToLower(u.Scheme); u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	if s = u.String(); len(s) > MaxURL || s != incident.Line(s) {
		return ""
	}
	return s
}

// Fault is what is wrong with one field of a change.
type Fault struct {
	Field  string // its JSON name
	Detail string // in English, for whoever has sent it
}

// Faults says what is wrong with a change that somebody sends; nil where all is
// right. An ID and a time may be missing. Whether the service is known is for the
// caller to judge.
func (c *Change) Faults(now time.Time) []Fault {
	var out []Fault
	add := func(field, detail string) { out = append(out, Fault{field, detail}) }
	if incident.Line(c.Title) == "" {
		add("title", "Say what was changed: a title is needed.")
	}
	if incident.Line(c.Service) == "" {
		add("service", "Say which service was changed: its key, name or alias in the catalog.")
	}
	for _, f := range []struct {
		name, text string
		limit      int
	}{
		{"service", c.Service, MaxService},
		{"title", c.Title, MaxTitle},
		{"description", c.Description, MaxDescription},
		{"by", c.By, MaxBy},
		{"version", c.Version, MaxVersion},
	} {
		if utf8.RuneCountInString(f.text) > f.limit {
			add(f.name, f.name+" is too long: at most "+strconv.Itoa(f.limit)+" characters.")
		}
	}
	if c.ID != "" && !idPattern.MatchString(c.ID) {
		add("id", "An id has 1 to "+strconv.Itoa(MaxID)+" letters, digits and ._:/@+=~#%-, and begins with a letter or digit.")
	}
	if c.URL != "" && webAddress(c.URL) == "" {
		add("url", "That is no address of a web page: it begins with http:// or https://, and has at most "+strconv.Itoa(MaxURL)+" bytes.")
	}
	switch {
	case c.At.IsZero():
	case c.At.Before(first):
		add("at", "That is too long ago.")
	case c.At.After(now.Add(ahead)):
		add("at", "That time is in the future: say what was changed when it is done.")
	}
	return out
}

// Derive makes an id of what names a change: the same parts always give the
// same id.
func Derive(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
