package pagerdutysim

import (
	"net/http"
	"slices"
)

// dependency says that a service, or a business service, needs another.
type dependency struct {
	id       string
	from, to string
	business bool // from is a business service
}

// AddDependency says that the service from needs the service to. Services that
// are unknown are added.
func (s *Server) AddDependency(from, to string) { s.addDependency(from, to, false) }

// AddBusinessDependency says that the business service from needs the service
// to.
func (s *Server) AddBusinessDependency(from, to string) { s.addDependency(from, to, true) }

func (s *Server) addDependency(from, to string, business bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !business {
		s.service(from)
	}
	s.service(to)
	s.needs = append(s.needs, dependency{id: s.newID('D', 15), from: from, to: to, business: business})
}

// EndDependency removes what AddDependency has added.
func (s *Server) EndDependency(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.needs = slices.DeleteFunc(s.needs, func(d dependency) bool { return d.from == from && d.to == to })
}

type restService struct {
	reference
	Name             string      `json:"name"`
	Status           string      `json:"status"`
	EscalationPolicy reference   `json:"escalation_policy"`
	Teams            []reference `json:"teams"`
	Integrations     []reference `json:"integrations"`
	CreatedAt        string      `json:"created_at"`
}

func (s *Server) getServices(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]restService, len(s.services))
	for i, v := range s.services {
		all[i] = restService{
			reference: serviceRef(v), Name: v.Name, Status: "active", EscalationPolicy: policyRef(v), Teams: teamRefs(v),
			Integrations: []reference{}, CreatedAt: "2026-01-01T00:00:00Z",
		}
		all[i].Type = "service"
	}
	page, p, err := slice(r.URL.Query(), all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	answer(w, http.StatusOK, struct {
		paging
		Services []restService `json:"services"`
	}{p, page})
}

type typedID struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

type restDependency struct {
	ID         string  `json:"id"`
	Type       string  `json:"type"`
	Supporting typedID `json:"supporting_service"`
	Dependent  typedID `json:"dependent_service"`
}

// getDependencies answers with both directions, and with business services, as
// PagerDuty does.
func (s *Server) getDependencies(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	if !slices.ContainsFunc(s.services, func(v *Service) bool { return v.ID == id }) {
		notFound(w)
		return
	}
	out := []restDependency{}
	for _, d := range s.needs {
		if d.from != id && d.to != id || d.business && d.from == id {
			continue
		}
		rest := restDependency{
			ID: d.id, Type: "service_dependency",
			Supporting: typedID{d.to, "technical_service_reference"}, Dependent: typedID{d.from, "technical_service_reference"},
		}
		if d.business {
			rest.Dependent.Type = "business_service_reference"
		}
		out = append(out, rest)
	}
	answer(w, http.StatusOK, map[string]any{"relationships": out})
}
