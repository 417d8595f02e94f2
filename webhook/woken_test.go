package webhook_test

import (
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// TestWoken: what PagerDuty says about an incident that was made there to wake
// somebody makes none here. It answers the page, by the webhook or, where that
// is lost, by the next look.
func TestWoken(t *testing.T) {
	tests := []struct {
		name string
		lost bool // the webhooks are
		do   func(p *pair, id string) error
		want string
	}{
		{"acknowledged", false, func(p *pair, id string) error { return p.sim.Acknowledge(id, "PU1") }, incident.PageAnswered},
		{"resolved at once", false, func(p *pair, id string) error { return p.sim.Resolve(id, "PU1") }, incident.PageAnswered},
		{"nothing yet", false, func(*pair, string) error { return nil }, incident.PageSent},
		{"acknowledged, webhook lost", true, func(p *pair, id string) error { return p.sim.Acknowledge(id, "PU1") }, incident.PageAnswered},
		{"resolved, webhook lost", true, func(p *pair, id string) error { return p.sim.Resolve(id, "PU1") }, incident.PageAnswered},
		{"nothing yet, webhook lost", true, func(*pair, string) error { return nil }, incident.PageSent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			client, err := pagerduty.New(pagerduty.Config{Token: p.sim.Token(), BaseURL: p.sim.URL(), From: ani.ID})
			p.must(err)
			inc := p.declareAndPage()
			made := ""
			step := func() {
				in, err := client.CreateIncident(ctx, "", pagerduty.NewIncident{
					Title: "INC-1: wake up", ServiceID: "PABC123", Assignees: []string{"PU1"}, IncidentKey: incident.WakeKey(inc, ani, 0),
				})
				p.must(err)
				made = in.ID
				p.page(inc, incident.PageChange{Step: incident.PageDone, Who: ani, Ref: made})
				p.clock.advance(time.Minute)
				p.must(tt.do(p, made))
			}
			if tt.lost {
				p.away(step)
			} else {
				step()
			}
			p.deliver()
			p.run()
			p.run() // says nothing new
			all := p.all()
			if len(all) != 1 {
				t.Fatalf("%d incidents here, want the declared one only", len(all))
			}
			if got := all[0].Pages; len(got) != 1 || got[0].State != tt.want || got[0].Ref != made {
				t.Errorf("pages = %+v, want one that is %s", got, tt.want)
			}
			if !all[0].Active() || !all[0].AcknowledgedAt.IsZero() {
				t.Errorf("the incident itself is %s, acknowledged %v", all[0].Status, all[0].AcknowledgedAt)
			}
		})
	}
}

func (p *pair) declareAndPage() incident.ID {
	p.t.Helper()
	inc, err := p.svc.Do(ctx, incident.Command{
		Verb: incident.Declare, Actor: ani, Role: incident.RoleAdmin, Source: incident.SourceTeams,
		Args: incident.Args{Title: "Odd things happen", Service: "checkout"},
	})
	p.must(err)
	who := ani
	_, err = p.svc.Do(ctx, incident.Command{
		Verb: incident.Page, Incident: inc.ID, Actor: ani, Role: incident.RoleAdmin, Source: incident.SourceTeams, Args: incident.Args{Person: &who},
	})
	p.must(err)
	return inc.ID
}

func (p *pair) page(id incident.ID, c incident.PageChange) {
	p.t.Helper()
	_, err := p.svc.Do(ctx, incident.Command{
		Verb: incident.PageStep, Incident: id, Actor: incident.System, Source: incident.SourceSystem, Args: incident.Args{Page: &c},
	})
	p.must(err)
}
