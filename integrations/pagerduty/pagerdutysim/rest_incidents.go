package pagerdutysim

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"imbot/integrations/pagerduty"
)

// maxBulk is how many incidents one request may change; maxNotes how many notes
// an incident takes.
const (
	maxBulk  = 250
	maxNotes = 2000
)

// restIncident is an incident as the REST API shows it.
type restIncident struct {
	reference
	Number           int              `json:"incident_number"`
	Title            string           `json:"title"`
	CreatedAt        string           `json:"created_at"`
	UpdatedAt        string           `json:"updated_at"`
	Status           string           `json:"status"`
	IncidentKey      string           `json:"incident_key"`
	Service          reference        `json:"service"`
	Assignments      []map[string]any `json:"assignments"`
	AssignedVia      string           `json:"assigned_via"`
	LastChangeAt     string           `json:"last_status_change_at"`
	LastChangeBy     *reference       `json:"last_status_change_by,omitempty"`
	ResolvedAt       *string          `json:"resolved_at,omitempty"`
	AlertCounts      map[string]int   `json:"alert_counts"`
	IsMergeable      bool             `json:"is_mergeable"`
	IncidentType     *client          `json:"incident_type,omitempty"`
	EscalationPolicy reference        `json:"escalation_policy"`
	Teams            []reference      `json:"teams"`
	PendingActions   []any            `json:"pending_actions"`
	Acknowledgements []map[string]any `json:"acknowledgements"`
	Priority         *reference       `json:"priority,omitempty"`
	ResolveReason    *reason          `json:"resolve_reason,omitempty"`
	ConferenceBridge *bridgeData      `json:"conference_bridge,omitempty"`
	Urgency          string           `json:"urgency"`
	Responders       []map[string]any `json:"incidents_responders,omitempty"`
}

func (s *Server) rest(i *incident) restIncident {
	d := i.data(s.byID[i.MergedInto])
	r := restIncident{
		reference: incidentRef(i), Number: i.Number, Title: i.Title, CreatedAt: d.CreatedAt, UpdatedAt: seconds(i.updatedAt),
		Status: i.Status, IncidentKey: i.Key, Service: d.Service, AssignedVia: "escalation_policy",
		LastChangeAt: seconds(i.changedAt), LastChangeBy: i.changedBy.orNil(), IsMergeable: true,
		EscalationPolicy: d.EscalationPolicy, Teams: d.Teams, ConferenceBridge: d.ConferenceBridge, Urgency: i.Urgency,
		Assignments: []map[string]any{}, Acknowledgements: []map[string]any{}, PendingActions: []any{},
		Priority: d.Priority, ResolveReason: d.ResolveReason, IncidentType: d.IncidentType, Responders: i.restResponders(),
	}
	r.Type = "incident"
	if r.Priority != nil {
		r.Priority.Type = "priority"
	}
	for _, u := range i.assignees {
		r.Assignments = append(r.Assignments, map[string]any{"at": seconds(i.assignedAt), "assignee": userRef(u)})
	}
	for _, a := range i.acks {
		if a.by.ID != "" {
			r.Acknowledgements = append(r.Acknowledgements, map[string]any{"at": seconds(a.at), "acknowledger": a.by})
		}
	}
	if !i.ResolvedAt.IsZero() {
		at := seconds(i.ResolvedAt)
		r.ResolvedAt = &at
	}
	resolved := 0
	for _, a := range i.alerts {
		if a.resolved {
			resolved++
		}
	}
	r.AlertCounts = map[string]int{"all": len(i.alerts), "resolved": resolved, "triggered": len(i.alerts) - resolved}
	return r
}

func (s *Server) getIncidents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	since, until, problem := s.dateRange(q)
	if problem != "" {
		refuse(w, http.StatusBadRequest, codeRange, "Invalid Query Date Range", problem)
		return
	}
	all := slices.Clone(s.incidents)
	all = slices.DeleteFunc(all, func(i *incident) bool {
		return !wanted(q["statuses[]"], i.Status) || !wanted(q["urgencies[]"], i.Urgency) || !wanted(q["service_ids[]"], i.Service) ||
			(q.Get("incident_key") != "" && !i.hasKey(q.Get("incident_key"))) ||
			(!since.IsZero() && i.CreatedAt.Before(since)) || (!until.IsZero() && i.CreatedAt.After(until))
	})
	if !sortIncidents(all, q.Get("sort_by")) {
		invalid(w, "Sort by is invalid")
		return
	}
	page, p, err := slice(q, all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	out := make([]restIncident, len(page))
	for n, i := range page {
		out[n] = s.rest(i)
	}
	answer(w, http.StatusOK, struct {
		paging
		Incidents []restIncident `json:"incidents"`
	}{p, out})
}

// hasKey reports whether the incident or an alert of it has the key.
func (i *incident) hasKey(key string) bool {
	return i.Key == key || slices.ContainsFunc(i.alerts, func(a *alert) bool { return a.Key == key })
}

func wanted(of []string, value string) bool { return len(of) == 0 || slices.Contains(of, value) }

// dateRange reads since and until, which default to the last month and span six
// at most. Zero times are no bounds.
func (s *Server) dateRange(q url.Values) (since, until time.Time, problem string) {
	if q.Get("date_range") == "all" {
		return since, until, ""
	}
	until = s.now()
	var err error
	if v := q.Get("until"); v != "" {
		if until, err = time.Parse(time.RFC3339, v); err != nil {
			return since, until, "Until is not a date"
		}
	}
	since = until.AddDate(0, -1, 0)
	if v := q.Get("since"); v != "" {
		if since, err = time.Parse(time.RFC3339, v); err != nil {
			return since, until, "Since is not a date"
		}
	}
	if since.AddDate(0, 6, 0).Before(until) || until.Before(since) {
		return since, until, "The range must be positive and at most six months"
	}
	return since, until, ""
}

func sortIncidents(all []*incident, by string) bool {
	field, order, _ := strings.Cut(cmp.Or(by, "created_at:asc"), ":")
	var key func(a, b *incident) int
	switch field {
	case "created_at":
		key = func(a, b *incident) int { return a.CreatedAt.Compare(b.CreatedAt) }
	case "incident_number":
		key = func(a, b *incident) int { return cmp.Compare(a.Number, b.Number) }
	case "resolved_at":
		key = func(a, b *incident) int { return a.ResolvedAt.Compare(b.ResolvedAt) }
	default:
		return false
	}
	sign := 1
	if order == "desc" {
		sign = -1
	}
	slices.SortStableFunc(all, func(a, b *incident) int { return sign * key(a, b) })
	return order == "" || order == "asc" || order == "desc"
}

func (s *Server) getIncident(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		answer(w, http.StatusOK, map[string]any{"incident": s.rest(i)})
	})
}

// withIncident runs fn under the lock with the incident of the path.
func (s *Server) withIncident(w http.ResponseWriter, r *http.Request, fn func(*incident)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.byID[r.PathValue("id")]
	if i == nil {
		notFound(w)
		return
	}
	fn(i)
}

type manageItem struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Status     string `json:"status"`
	Resolution string `json:"resolution"`
}

// putIncidents changes all incidents, or none.
func (s *Server) putIncidents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.requester(w, r)
	if u == nil {
		return
	}
	var body struct {
		Incidents []manageItem `json:"incidents"`
	}
	if !decode(w, r, &body) {
		return
	}
	if len(body.Incidents) > maxBulk {
		refuse(w, http.StatusRequestEntityTooLarge, codeInvalid, "Request Entity Too Large")
		return
	}
	for _, item := range body.Incidents {
		if !s.checkItem(w, item) {
			return
		}
	}
	out := make([]restIncident, 0, len(body.Incidents))
	for _, item := range body.Incidents {
		i := s.byID[item.ID]
		s.apply(i, item, u)
		out = append(out, s.rest(i))
	}
	answer(w, http.StatusOK, struct {
		paging
		Incidents []restIncident `json:"incidents"`
	}{paging{Limit: maxPage}, out})
}

// checkItem refuses what PagerDuty refuses.
func (s *Server) checkItem(w http.ResponseWriter, item manageItem) bool {
	i := s.byID[item.ID]
	switch {
	case i == nil:
		notFound(w)
	case item.Type != "incident" && item.Type != "incident_reference":
		invalid(w, "Type must be incident or incident_reference")
	case item.Status != "" && !slices.Contains([]string{pagerduty.StatusTriggered, pagerduty.StatusAcknowledged, pagerduty.StatusResolved}, item.Status):
		invalid(w, "Status must be a list of triggered, acknowledged, or resolved.")
	case i.Status == pagerduty.StatusResolved:
		invalid(w, "Incident Already Resolved")
	default:
		return true
	}
	return false
}

func (s *Server) apply(i *incident, item manageItem, u *User) {
	switch agent, at := userRef(u), s.now(); item.Status {
	case pagerduty.StatusAcknowledged:
		s.acknowledge(i, agent, "api", at)
	case pagerduty.StatusResolved:
		if item.Resolution != "" {
			s.addNote(i, u, "Resolution Note: "+item.Resolution, at)
		}
		s.resolve(i, agent, "api", at)
	case pagerduty.StatusTriggered:
		if i.Status == pagerduty.StatusAcknowledged {
			_ = s.unacknowledge(i, agent, "api", at) // it is acknowledged
		}
	}
}

type restNote struct {
	ID        string            `json:"id"`
	User      reference         `json:"user"`
	Channel   map[string]string `json:"channel"`
	Content   string            `json:"content"`
	CreatedAt string            `json:"created_at"`
}

func (n note) rest() restNote {
	return restNote{
		ID: n.id, User: userRef(n.by), Content: n.content, CreatedAt: seconds(n.at),
		Channel: map[string]string{"summary": "The PagerDuty website or APIs"},
	}
}

func (s *Server) getNotes(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		out := make([]restNote, len(i.notes))
		for n := range i.notes {
			out[len(out)-1-n] = i.notes[n].rest() // newest first
		}
		answer(w, http.StatusOK, map[string]any{"notes": out})
	})
}

func (s *Server) postNote(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		u := s.requester(w, r)
		if u == nil {
			return
		}
		var body struct {
			Note struct {
				Content string `json:"content"`
			} `json:"note"`
		}
		switch {
		case !decode(w, r, &body):
		case strings.TrimSpace(body.Note.Content) == "":
			invalid(w, "Content cannot be empty")
		case len(i.notes) >= maxNotes:
			invalid(w, "Incident has too many notes")
		default:
			answer(w, http.StatusOK, map[string]any{"note": s.addNote(i, u, body.Note.Content, s.now()).rest()})
		}
	})
}
