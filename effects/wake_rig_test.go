package effects_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/query"
)

// rota is who is asked for a role, in order.
type rota map[string][]incident.Actor

func (r rota) On(_ context.Context, roles []string) (duties []effects.Duty, gaps []effects.Gap) {
	for _, role := range roles {
		if who := r[role]; len(who) > 0 {
			duties = append(duties, effects.Duty{Role: role, Person: who[0]})
		} else {
			gaps = append(gaps, effects.Gap{Role: role, Why: "unknown_role"})
		}
	}
	return duties, gaps
}

func (r rota) Next(_ context.Context, role string, after incident.Actor) (effects.Duty, bool) {
	i := slices.IndexFunc(r[role], after.Is)
	if i < 0 || i+1 >= len(r[role]) {
		return effects.Duty{}, false
	}
	return effects.Duty{Role: role, Person: r[role][i+1]}, true
}

var errDied = errors.New("died")

// mortal is a service that dies: so many times before it has stored anything,
// then so many times after.
type mortal struct {
	effects.Doer

	mu            sync.Mutex
	before, after int
}

func (m *mortal) Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error) {
	if m.dies(&m.before) {
		return nil, errDied
	}
	inc, err := m.Doer.Do(ctx, cmd)
	if m.dies(&m.after) {
		return nil, errDied
	}
	return inc, err
}

func (m *mortal) dies(left *int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	*left--
	return *left >= 0
}

// standby wires what wakes people.
func (r *rig) standby(api *pagerduty.Client, view *query.Reader) {
	r.chain = rota{}
	r.waker = &effects.Waker{
		API: api, Standby: r.chain, Service: r.svc, View: view, Now: r.Now,
		PagerService: func(service string) string {
			s, _ := r.cat.ServiceByKey(service)
			return s.PagerDutyID
		},
		PagerUser: func(who incident.Actor) string {
			p, _ := r.cat.PersonByID(who.ID)
			return p.PagerDutyID
		},
	}
	r.runner.Handlers[incident.KindPage] = r.waker.Find
	r.runner.Handlers[incident.KindWake] = r.waker.Wake
	r.runner.Handlers[incident.KindWaited] = r.waker.Waited
	r.runner.Handlers[incident.KindPageOver] = r.waker.Over
}

// newPageRig is a rig in whose PagerDuty Ani and Eko are, too.
func newPageRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	for id, name := range map[string]string{"PANI": "Ani", "PEKO": "Eko"} {
		r.pd.AddUser(pagerdutysim.User{ID: id, Name: name, Email: strings.ToLower(name) + "@example.com"})
	}
	return r
}

var (
	aniActor = incident.Actor{Kind: incident.KindUser, ID: "ani@example.com", Name: "Ani"}
	ekoActor = incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}
)

// page has Budi ask for somebody, or for whoever is on standby for a role.
func (r *rig) page(id incident.ID, who *incident.Actor, role string) {
	r.t.Helper()
	r.do(incident.Command{Verb: incident.Page, Incident: id, Args: incident.Args{Person: who, Role: role, Reason: "the database is slow"}})
}

// answer is what the pager's webhook makes of an answer.
func (r *rig) answer(id incident.ID, who incident.Actor, step string) {
	r.t.Helper()
	r.do(incident.Command{
		Verb: incident.PageStep, Incident: id, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, Source: incident.SourcePagerDuty,
		Args: incident.Args{Page: &incident.PageChange{Step: step, Who: who}},
	})
}

// woken counts how often PagerDuty has woken a user: by requests for help, and by
// incidents that were made for it.
func (r *rig) woken(user string) (requests, incidents int) {
	r.t.Helper()
	for _, st := range r.pd.Snapshot() {
		asked, err := r.pd.Responders(st.ID)
		must(r.t, err)
		for _, a := range asked {
			if a.User == user {
				requests += a.Asked
			}
		}
		if strings.HasPrefix(st.Key, "imbot/") && slices.Contains(st.Assignees, user) {
			incidents++
		}
	}
	return requests, incidents
}

// wantPages compares the pages of an incident, as "person-or-role state detail".
func (r *rig) wantPages(id incident.ID, want ...string) {
	r.t.Helper()
	var got []string
	for _, p := range r.view(id).Incident.Pages {
		line := p.Person.Name
		if line == "" {
			line = p.Role
		}
		got = append(got, strings.TrimSpace(line+" "+p.State+" "+p.Detail))
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("pages of %s:\n got %q\nwant %q", id, got, want)
	}
}
