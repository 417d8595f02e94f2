package effects_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// silent is a rota that does not answer for some roles.
type silent struct {
	rota
	roles []string
}

func (s *silent) On(ctx context.Context, roles []string) ([]effects.Duty, []effects.Gap) {
	var ask []string
	var gaps []effects.Gap
	for _, r := range roles {
		if slices.Contains(s.roles, r) {
			gaps = append(gaps, effects.Gap{Role: r, Why: "unreachable"})
		} else {
			ask = append(ask, r)
		}
	}
	duties, unknown := s.rota.On(ctx, ask)
	return duties, append(gaps, unknown...)
}

// TestFindAgain: a source of standby that does not answer is asked again. After a
// minute people are told that nobody was woken; when it answers, somebody is, once.
func TestFindAgain(t *testing.T) {
	for _, late := range []time.Duration{20 * time.Second, 30 * time.Minute} {
		r := newPageRig(t)
		s := &silent{r.chain, []string{"dba"}}
		r.waker.Standby, r.chain["dba"] = s, []incident.Actor{aniActor}
		id := r.declare("Odd things happen")
		r.page(id, nil, "dba")
		r.settle(late)
		if late < time.Minute {
			r.wantPages(id)
		} else {
			r.wantPages(id, "dba not_paged unreachable")
		}
		s.roles = nil
		r.settle(2 * time.Minute)
		r.wantPages(id, "Ani paged")
		if requests, made := r.woken("PANI"); requests+made != 1 {
			t.Errorf("after %s Ani was woken %d times", late, requests+made)
		}
	}
}

// TestFindGivesUp: who is over need not be woken, and nobody is for ever.
func TestFindGivesUp(t *testing.T) {
	r := newPageRig(t)
	r.waker.Standby = &silent{r.chain, []string{"dba"}}
	over, open := r.declare("Odd things happen"), r.declare("Other things happen")
	r.page(over, nil, "dba")
	r.page(open, nil, "dba")
	r.settle(10 * time.Second)
	r.do(incident.Command{Verb: incident.Resolve, Incident: over})
	r.settle(3 * time.Hour)
	if got := r.find(over, "/page/"); got.State != incident.EffectSkipped {
		t.Errorf("what is over is %s: %s", got.State, got.Error)
	}
	if got := r.find(open, "/page/"); got.State != incident.EffectDone {
		t.Errorf("after hours it is %s: %s", got.State, got.Error)
	}
	r.wantPages(open, "dba not_paged unreachable")
}

// TestDetailsWithoutNames: an answer that got lost does not leave people nameless;
// a PagerDuty that never tells who they are does not keep back the rest.
func TestDetailsWithoutNames(t *testing.T) {
	zed := incident.Actor{Kind: incident.KindUser, ID: "pd:PZED", Name: "Zed"} // whom the catalog does not know
	for times, want := range map[int]string{1: "zed@example.com", 0: zed.ID} {
		r := newRig(t)
		r.pd.AddUser(pagerdutysim.User{ID: "PZED", Name: "Zed", Email: "zed@example.com"})
		r.pd.Inject(pagerdutysim.Fault{Method: "GET", Path: "/users/PZED", Status: 500, Times: times})
		st := r.pd.Trigger(pagerdutysim.Spec{Title: "Checkout alert", Service: "PSVC01", Assignee: "PZED", Alert: pagerdutysim.Alert{Link: "https://one.example.com/a"}})
		id := r.do(incident.Command{
			Verb: incident.Trigger, Source: incident.SourcePagerDuty, Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty}, At: r.Now(),
			Ref:  &incident.Ref{System: "pagerduty", ID: st.ID},
			Args: incident.Args{Alert: &incident.Alert{Title: st.Title, ServiceID: "PSVC01", CreatedAt: r.Now(), Assignees: []incident.Actor{zed}}},
		}).ID
		r.settle(time.Hour)
		inc := r.view(id).Incident
		if len(inc.Alert.Links) != 1 || len(inc.Responders) != 1 || inc.Responders[0].ID != want {
			t.Errorf("%d failures: links %v, on call %+v", times, inc.Alert.Links, inc.Responders)
		}
	}
}
