package pagerduty

import "time"

// Statuses of an incident. PagerDuty says that more may be introduced.
const (
	StatusTriggered    = "triggered"
	StatusAcknowledged = "acknowledged"
	StatusResolved     = "resolved"
)

// MergeResolveReason is the type of the resolve reason of an incident that was
// merged into another one.
const MergeResolveReason = "merge_resolve_reason"

// Reference names another object of PagerDuty. Summary, Self and HTMLURL may
// be empty, for PagerDuty sends null there at times.
type Reference struct {
	ID      string
	Type    string // such as "user_reference"; "user" where it was included in full
	Summary string // for people: a user's name, a service's name, an incident's title
	Self    string // URL in the API
	HTMLURL string // URL for a browser
}

// Incident is a PagerDuty incident, as webhooks and the REST API tell of it.
type Incident struct {
	ID               string
	Number           int64
	Title            string
	Status           string     // one of the Status constants, or one still unknown
	Urgency          string     // "high" or "low"
	Priority         *Reference // Summary is its name, such as "P1"; nil where none is set
	Service          Reference
	IncidentKey      string // the deduplication key of what opened it
	HTMLURL          string
	CreatedAt        time.Time
	ReopenedAt       time.Time // webhooks only; zero where never reopened
	Assignees        []Reference
	EscalationPolicy *Reference
	Teams            []Reference
	ConferenceBridge *ConferenceBridge
	ResolveReason    *ResolveReason // nil unless resolved for a reason that PagerDuty names
	IncidentType     string         // name of the type, such as "major"; empty where PagerDuty names none

	// The following are known from the REST API only.

	UpdatedAt          time.Time
	ResolvedAt         time.Time // zero while open
	LastStatusChangeAt time.Time
	LastStatusChangeBy *Reference
	Acknowledgements   []Acknowledgement // of an acknowledged incident; empty otherwise
}

// MergedInto returns the id of the incident that i was merged into, or "".
func (i *Incident) MergedInto() string {
	if i == nil || i.ResolveReason == nil || i.ResolveReason.Type != MergeResolveReason || i.ResolveReason.Incident == nil {
		return ""
	}
	return i.ResolveReason.Incident.ID
}

// Open reports whether the incident is triggered, acknowledged, or in a state
// that is not known to be an end.
func (i *Incident) Open() bool { return i.Status != StatusResolved }

// ResolveReason says why an incident was resolved.
type ResolveReason struct {
	Type     string     // MergeResolveReason, or one still unknown
	Incident *Reference // the target of the merge
}

// ConferenceBridge is where people of an incident talk.
type ConferenceBridge struct {
	Number string // phone number, or ""
	URL    string // or ""
}

// Acknowledgement says who acknowledged an incident, and when.
type Acknowledgement struct {
	At time.Time
	By Reference
}

// wireRef is a Reference as sent.
type wireRef struct {
	ID      text `json:"id"`
	Type    text `json:"type"`
	Summary text `json:"summary"`
	Self    text `json:"self"`
	HTMLURL text `json:"html_url"`
}

func (w wireRef) reference() Reference {
	return Reference{ID: string(w.ID), Type: string(w.Type), Summary: string(w.Summary), Self: string(w.Self), HTMLURL: string(w.HTMLURL)}
}

// pointer returns nil for a reference that names nothing.
func (w *wireRef) pointer() *Reference {
	if w == nil || (w.ID == "" && w.Summary == "") {
		return nil
	}
	r := w.reference()
	return &r
}

func references(ws []wireRef) []Reference {
	var out []Reference
	for _, w := range ws {
		if r := w.pointer(); r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// wireIncident is an incident as sent. Webhooks and the REST API differ in the
// names of the number and of the assignees; both are here.
type wireIncident struct {
	wireRef
	Number           text      `json:"number"`
	IncidentNumber   text      `json:"incident_number"`
	Title            text      `json:"title"`
	Status           text      `json:"status"`
	Urgency          text      `json:"urgency"`
	IncidentKey      text      `json:"incident_key"`
	CreatedAt        text      `json:"created_at"`
	ReopenedAt       text      `json:"reopened_at"`
	UpdatedAt        text      `json:"updated_at"`
	ResolvedAt       text      `json:"resolved_at"`
	StatusChangeAt   text      `json:"last_status_change_at"`
	StatusChangeBy   *wireRef  `json:"last_status_change_by"`
	Priority         *wireRef  `json:"priority"`
	Service          *wireRef  `json:"service"`
	EscalationPolicy *wireRef  `json:"escalation_policy"`
	Assignees        []wireRef `json:"assignees"`
	Assignments      []struct {
		Assignee wireRef `json:"assignee"`
	} `json:"assignments"`
	Acknowledgements []struct {
		At           text    `json:"at"`
		Acknowledger wireRef `json:"acknowledger"`
	} `json:"acknowledgements"`
	Teams        []wireRef   `json:"teams"`
	Bridge       *wireBridge `json:"conference_bridge"`
	IncidentType *struct {
		Name text `json:"name"`
	} `json:"incident_type"`
	ResolveReason *struct {
		Type     text     `json:"type"`
		Incident *wireRef `json:"incident"`
	} `json:"resolve_reason"`
}

type wireBridge struct {
	Number text `json:"conference_number"`
	URL    text `json:"conference_url"`
}

func (w *wireIncident) incident() *Incident {
	i := &Incident{
		ID: string(w.ID), Title: string(w.Title), Status: string(w.Status), Urgency: string(w.Urgency),
		IncidentKey: string(w.IncidentKey), HTMLURL: string(w.HTMLURL),
		Number:    w.Number.int(),
		CreatedAt: w.CreatedAt.time(), ReopenedAt: w.ReopenedAt.time(), UpdatedAt: w.UpdatedAt.time(),
		ResolvedAt: w.ResolvedAt.time(), LastStatusChangeAt: w.StatusChangeAt.time(),
		LastStatusChangeBy: w.StatusChangeBy.pointer(),
		Priority:           w.Priority.pointer(),
		EscalationPolicy:   w.EscalationPolicy.pointer(),
		Assignees:          references(w.Assignees),
		Teams:              references(w.Teams),
	}
	if i.Number == 0 {
		i.Number = w.IncidentNumber.int()
	}
	if i.Title == "" {
		i.Title = string(w.Summary)
	}
	if w.Service != nil {
		i.Service = w.Service.reference()
	}
	for _, a := range w.Assignments {
		if r := a.Assignee.pointer(); r != nil {
			i.Assignees = append(i.Assignees, *r)
		}
	}
	for _, a := range w.Acknowledgements {
		i.Acknowledgements = append(i.Acknowledgements, Acknowledgement{At: a.At.time(), By: a.Acknowledger.reference()})
	}
	if b := w.Bridge; b != nil && (b.Number != "" || b.URL != "") {
		i.ConferenceBridge = &ConferenceBridge{Number: string(b.Number), URL: string(b.URL)}
	}
	if w.IncidentType != nil {
		i.IncidentType = string(w.IncidentType.Name)
	}
	if r := w.ResolveReason; r != nil && r.Type != "" {
		i.ResolveReason = &ResolveReason{Type: string(r.Type), Incident: r.Incident.pointer()}
	}
	return i
}
