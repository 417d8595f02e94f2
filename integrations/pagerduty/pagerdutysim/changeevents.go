package pagerdutysim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ChangeEvent is what a tool has told about a deploy, a build or a setting.
type ChangeEvent struct {
	ID       string    // made up if empty
	Summary  string    //
	Source   string    // default "pipeline"
	Services []string  // ids; those that are unknown are added
	Link     string    // empty: none
	Details  string    // custom details; a JSON object
	At       time.Time // default now
}

// maxSummary is the length of a summary, in characters.
const maxSummary = 1024

// AddChangeEvent records a change event, as the Events API does, and returns its
// id.
func (s *Server) AddChangeEvent(e ChangeEvent) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.ID = cmp.Or(e.ID, "01"+s.newID('B', 23))
	e.Source = cmp.Or(e.Source, "pipeline")
	if e.At.IsZero() {
		e.At = s.now()
	}
	e.At = e.At.UTC().Truncate(time.Second)
	if r := []rune(e.Summary); len(r) > maxSummary {
		e.Summary = string(r[:maxSummary])
	}
	for _, id := range e.Services {
		s.service(id)
	}
	s.changes = append(s.changes, e)
	return e.ID
}

func (e *ChangeEvent) rest() map[string]any {
	services := []map[string]any{}
	for _, id := range e.Services {
		services = append(services, map[string]any{"id": id, "type": "service_reference"})
	}
	links := []map[string]any{}
	if e.Link != "" {
		links = append(links, map[string]any{"href": e.Link, "text": "View more details"})
	}
	m := map[string]any{
		"id": e.ID, "type": "change_event", "summary": e.Summary, "timestamp": seconds(e.At), "source": e.Source, "services": services,
		"integration": map[string]any{"id": "PINTEG1", "type": "inbound_integration_reference"}, "links": links, "images": []any{},
	}
	if e.Details != "" {
		m["custom_details"] = json.RawMessage(e.Details)
	}
	return m
}

func (s *Server) getChangeEvents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answerChanges(w, r.URL.Query(), func(*ChangeEvent) bool { return true })
}

func (s *Server) getServiceChangeEvents(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.services, func(v *Service) bool { return v.ID == id }) {
		notFound(w)
		return
	}
	s.answerChanges(w, r.URL.Query(), func(e *ChangeEvent) bool { return slices.Contains(e.Services, id) })
}

// answerChanges lists change events, newest first. Times that are not in UTC are
// refused, as PagerDuty says of them.
func (s *Server) answerChanges(w http.ResponseWriter, q url.Values, match func(*ChangeEvent) bool) {
	var bounds [2]time.Time
	for i, name := range []string{"since", "until"} {
		v := q.Get(name)
		if v == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, v)
		if err != nil || !strings.HasSuffix(v, "Z") {
			invalid(w, name+" must be a UTC ISO 8601 datetime")
			return
		}
		bounds[i] = at
	}
	all := slices.DeleteFunc(slices.Clone(s.changes), func(e ChangeEvent) bool {
		return !match(&e) || e.At.Before(bounds[0]) || !bounds[1].IsZero() && !e.At.Before(bounds[1])
	})
	slices.SortStableFunc(all, func(a, b ChangeEvent) int { return b.At.Compare(a.At) })
	page, p, err := slice(q, all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	out := make([]map[string]any, len(page))
	for i := range page {
		out[i] = page[i].rest()
	}
	answer(w, http.StatusOK, struct {
		paging
		ChangeEvents []map[string]any `json:"change_events"`
	}{p, out})
}

// related is how long before an incident a change may have been made to be
// related to it.
const related = 24 * time.Hour

// getRelatedChangeEvents knows two of the three reasons: the most recent change
// of the incident's service, and the others of that service.
func (s *Server) getRelatedChangeEvents(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		var found []ChangeEvent
		for _, e := range s.changes {
			if slices.Contains(e.Services, i.Service) && !e.At.After(i.CreatedAt) && i.CreatedAt.Sub(e.At) <= related {
				found = append(found, e)
			}
		}
		slices.SortStableFunc(found, func(a, b ChangeEvent) int { return b.At.Compare(a.At) })
		page, _, err := slice(r.URL.Query(), found)
		if err != nil {
			invalid(w, err.Error())
			return
		}
		out := make([]map[string]any, len(page))
		for n := range page {
			reason := "related_service"
			if n == 0 {
				reason = "most_recent"
			}
			out[n] = page[n].rest()
			out[n]["correlation_reason"] = map[string]any{"reason": reason}
		}
		answer(w, http.StatusOK, map[string]any{"change_events": out})
	})
}
