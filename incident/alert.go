package incident

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Alert is what a pager says about an incident: the newest of it is kept, by
// event time.
type Alert struct {
	Title       string            `json:"title"`
	Service     string            `json:"service,omitempty"`    // name, as the vendor writes it
	ServiceID   string            `json:"service_id,omitempty"` // the vendor's id of it
	Key         string            `json:"key,omitempty"`        // the vendor's key of the alert (incident_key, dedup key)
	Number      int64             `json:"number,omitempty"`     // the vendor's running number of the incident: tells two apart that began in the same second
	Urgency     string            `json:"urgency,omitempty"`    // high|low
	Priority    string            `json:"priority,omitempty"`   // the vendor's name, such as P1
	Condition   string            `json:"condition,omitempty"`  // name of the monitor's condition
	Labels      map[string]string `json:"labels,omitempty"`     // custom details, flattened; at most MaxLabels
	Description string            `json:"description,omitempty"`
	Links       []LinkURL         `json:"links,omitempty"` // the alert's own source links
	CreatedAt   time.Time         `json:"created_at,omitzero"`
	Assignees   []Actor           `json:"assignees,omitempty"`
	Details     bool              `json:"details,omitempty"` // the second look has brought condition, labels and links
}

// MaxLabels bounds how many custom details of an alert are kept.
const MaxLabels = 40

// LinkURL is a link for people.
type LinkURL struct {
	Title string `json:"title" yaml:"title"`
	URL   string `json:"url" yaml:"url"`
}

// updated is the alert after the pager's newer word. A webhook says nothing
// about what the second look has brought: that stays.
func (a *Alert) updated(to *Alert) Alert {
	n := to.clone()
	n.Number = max(n.Number, a.Number)
	if !n.Details {
		old := a.clone()
		n.Details, n.Condition, n.Labels, n.Links, n.Description = old.Details, old.Condition, old.Labels, old.Links, old.Description
	}
	return n
}

// enriched is the alert after the second look, which says nothing about the
// title, the service and who is assigned.
func (a *Alert) enriched(by *Alert) Alert {
	n, d := a.clone(), by.clone()
	n.Details, n.Condition, n.Labels, n.Links = true, d.Condition, d.Labels, d.Links
	if d.Description != "" {
		n.Description = Clip(strings.TrimSpace(d.Description), MaxText)
	}
	return n
}

func (a Alert) clone() Alert {
	a.Labels = maps.Clone(a.Labels)
	a.Links = slices.Clone(a.Links)
	a.Assignees = slices.Clone(a.Assignees)
	return a
}
