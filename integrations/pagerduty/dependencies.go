package pagerduty

import (
	"context"
	"net/http"
	"net/url"
)

// Dependency says that one service of PagerDuty needs another.
type Dependency struct {
	Dependent  string // id of the service that needs the other
	Supporting string // id of the service that is needed
}

// wireDependency is a relationship as sent.
type wireDependency struct {
	Supporting wireRef `json:"supporting_service"`
	Dependent  wireRef `json:"dependent_service"`
}

// Services returns all services of the account as references, id and summary,
// at most 10,000.
func (c *Client) Services(ctx context.Context) ([]Reference, error) {
	var out []Reference
	seen := make(map[text]bool)
	err := c.each(ctx, "list services", "/services", url.Values{}, func(p *wirePage) int {
		for _, w := range p.Services {
			if w.ID != "" && !seen[w.ID] {
				seen[w.ID] = true
				out = append(out, w.reference())
			}
		}
		return len(p.Services)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Dependencies returns the dependencies of a service in both directions: what it
// needs, and what needs it, as people have declared them. Those with business
// services, which have no incidents, are left out.
// https://support.pagerduty.com/main/docs/service-graph
func (c *Client) Dependencies(ctx context.Context, id string) ([]Dependency, error) {
	op := "read the dependencies of service " + id
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	var answer struct {
		Relationships []wireDependency `json:"relationships"`
	}
	if err := c.send(ctx, op, http.MethodGet, "/service_dependencies/technical_services/"+id, "", nil, &answer); err != nil {
		return nil, err
	}
	var out []Dependency
	for _, w := range answer.Relationships {
		if w.Supporting.technical() && w.Dependent.technical() {
			out = append(out, Dependency{Dependent: string(w.Dependent.ID), Supporting: string(w.Supporting.ID)})
		}
	}
	return out, nil
}

// technical reports whether the reference is to a service that incidents can
// happen to. PagerDuty calls the type "technical_service_reference" in answers,
// and "service" where dependencies are made: both are known.
func (w wireRef) technical() bool {
	switch w.Type {
	case "technical_service_reference", "service_reference", "service":
		return idPattern.MatchString(string(w.ID))
	}
	return false
}
