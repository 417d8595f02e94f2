package pagerdutysim

import (
	"encoding/hex"
	"time"

	"imbot/integrations/pagerduty"
)

// The addresses that PagerDuty would put into what it sends.
const (
	webBase = "https://example.pagerduty.com"
	apiBase = "https://api.pagerduty.com"
)

// reference is how PagerDuty names an object. The zero value is nobody.
type reference struct {
	HTMLURL *string `json:"html_url"`
	ID      string  `json:"id"`
	Self    *string `json:"self"`
	Summary *string `json:"summary"`
	Type    string  `json:"type"`
}

func ref(kind, plural, id, summary string) reference {
	web, api := webBase+"/"+plural+"/"+id, apiBase+"/"+plural+"/"+id
	return reference{HTMLURL: &web, ID: id, Self: &api, Summary: &summary, Type: kind + "_reference"}
}

func userRef(u *User) reference         { return ref("user", "users", u.ID, u.Name) }
func serviceRef(v *Service) reference   { return ref("service", "services", v.ID, v.Name) }
func incidentRef(i *incident) reference { return ref("incident", "incidents", i.ID, i.Title) }
func policyRef(v *Service) reference {
	return ref("escalation_policy", "escalation_policies", "PE"+v.ID, v.Name+" escalation")
}

// policyRef is the incident's policy, else the service's.
func (i *incident) policyRef() reference {
	if i.policy != nil {
		return i.policy.ref()
	}
	return policyRef(i.service)
}

func priorityRef(name string) *reference {
	if name == "" {
		return nil
	}
	r := ref("priority", "priorities", priorityID(name), name)
	return &r
}

func teamRefs(v *Service) []reference {
	if v.TeamID == "" {
		return []reference{}
	}
	return []reference{ref("team", "teams", v.TeamID, "Team "+v.TeamID)}
}

func userRefs(users []*User) []reference {
	out := make([]reference, len(users))
	for n, u := range users {
		out[n] = userRef(u)
	}
	return out
}

// orNil is r, or nil where it names nobody.
func (r reference) orNil() *reference {
	if r.ID == "" {
		return nil
	}
	return &r
}

// envelope is the body of a v3 webhook.
type envelope struct {
	Event event `json:"event"`
}

type event struct {
	ID           string     `json:"id"`
	EventType    string     `json:"event_type"`
	ResourceType string     `json:"resource_type"`
	OccurredAt   string     `json:"occurred_at"`
	Agent        *reference `json:"agent"`
	Client       *client    `json:"client"`
	Data         any        `json:"data"`
}

type client struct {
	Name string `json:"name"`
}

// incidentData is an incident as webhooks show it.
type incidentData struct {
	ID               string      `json:"id"`
	Type             string      `json:"type"`
	Self             string      `json:"self"`
	HTMLURL          string      `json:"html_url"`
	Number           int         `json:"number"`
	Status           string      `json:"status"`
	IncidentKey      string      `json:"incident_key"`
	CreatedAt        string      `json:"created_at"`
	ReopenedAt       *string     `json:"reopened_at"`
	Title            string      `json:"title"`
	IncidentType     *client     `json:"incident_type"` // a name, too
	Service          reference   `json:"service"`
	Assignees        []reference `json:"assignees"`
	EscalationPolicy reference   `json:"escalation_policy"`
	Teams            []reference `json:"teams"`
	Priority         *reference  `json:"priority"`
	Urgency          string      `json:"urgency"`
	ConferenceBridge *bridgeData `json:"conference_bridge"`
	ResolveReason    *reason     `json:"resolve_reason"`
}

type bridgeData struct {
	Number string `json:"conference_number"`
	URL    string `json:"conference_url"`
}

type reason struct {
	Type     string    `json:"type"`
	Incident reference `json:"incident"`
}

func (i *incident) data(target *incident) incidentData {
	d := incidentData{
		ID: i.ID, Type: "incident", Self: apiBase + "/incidents/" + i.ID, HTMLURL: webBase + "/incidents/" + i.ID,
		Number: i.Number, Status: i.Status, IncidentKey: i.Key, CreatedAt: seconds(i.CreatedAt), Title: i.Title,
		Service: serviceRef(i.service), Assignees: userRefs(i.assignees), EscalationPolicy: i.policyRef(),
		Teams: teamRefs(i.service), Priority: priorityRef(i.Priority), Urgency: i.Urgency,
		ResolveReason: i.reason(target),
	}
	if i.kind != "" {
		d.IncidentType = &client{Name: i.kind}
	}
	if !i.reopenedAt.IsZero() {
		at := seconds(i.reopenedAt)
		d.ReopenedAt = &at
	}
	if i.bridge != (bridge{}) {
		d.ConferenceBridge = &bridgeData{Number: i.bridge.number, URL: i.bridge.url}
	}
	return d
}

func (i *incident) reason(target *incident) *reason {
	if target == nil {
		return nil
	}
	return &reason{Type: pagerduty.MergeResolveReason, Incident: incidentRef(target)}
}

// seconds and millis are the forms that PagerDuty writes times in.
func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
func millis(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// uuid writes random bytes as a UUID of version 4.
func uuid(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
