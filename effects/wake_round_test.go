package effects_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// TestWakeAgain: who has not answered is woken again where a person wants it,
// once for each time, even where an answer of PagerDuty gets lost.
func TestWakeAgain(t *testing.T) {
	for _, path := range []string{"request", "incident"} {
		for name, f := range map[string]*pagerdutysim.Fault{
			"":            nil,
			"500":         {Status: http.StatusInternalServerError},
			"answer lost": {Drop: true, After: true},
		} {
			t.Run(path+"/"+name, func(t *testing.T) {
				t.Parallel()
				r := newPageRig(t)
				id := r.subject(path)
				r.page(id, &aniActor, "")
				r.settle(incident.PageWait + time.Minute)
				r.wantPages(id, "Ani silent")
				if f != nil {
					again := *f
					again.Method, again.Path, again.Times = http.MethodPost, "/incidents", 1
					r.pd.Inject(again)
				}
				r.page(id, &aniActor, "")
				r.settle(time.Minute)
				r.wantPages(id, "Ani silent", "Ani paged")
				if requests, made := r.woken("PANI"); requests+made != 2 {
					t.Errorf("%d requests and %d incidents, want two of either", requests, made)
				}
			})
		}
	}
}

// TestNextIsPassedOver: who was called for in vain already, or is not known to
// PagerDuty, is followed by the next one at once.
func TestNextIsPassedOver(t *testing.T) {
	r := newPageRig(t)
	id := r.declare("Odd things happen")
	stranger := incident.Actor{Kind: incident.KindUser, ID: "new@example.com", Name: "New"}
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor, stranger, person}
	r.page(id, &ekoActor, "")
	r.page(id, nil, "dba")
	r.settle(time.Minute)
	r.answer(id, ekoActor, incident.PageNo)
	r.settle(incident.PageWait + time.Minute)
	r.wantPages(id, "Eko declined", "Ani silent", "Eko paged")
	r.answer(id, ekoActor, incident.PageNo)
	r.settle(time.Minute)
	r.wantPages(id, "Eko declined", "Ani silent", "Eko declined", "New not_paged pager_unknown", "Budi paged") // who asked for it is the last

	r = newPageRig(t)
	id = r.declare("Odd things happen")
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor, stranger}
	r.page(id, &ekoActor, "")
	r.settle(time.Minute)
	r.answer(id, ekoActor, incident.PageNo)
	r.do(incident.Command{ // as the level does
		Verb: incident.PageStep, Incident: id, Actor: incident.System, Source: incident.SourceSystem,
		Args: incident.Args{Page: &incident.PageChange{Step: incident.PageFound, Found: []incident.Paged{{Person: aniActor, Role: "dba"}}}},
	})
	r.settle(incident.PageWait + 2*time.Minute)
	r.wantPages(id, "Eko declined", "Ani silent", "New not_paged pager_unknown", "dba not_paged nobody_next")
}

// TestWaitSurvivesRestart: that somebody has not answered is seen by the imbot
// that comes after the one that has woken them.
func TestWaitSurvivesRestart(t *testing.T) {
	r := newPageRig(t)
	id := r.subject("incident")
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor}
	r.page(id, nil, "dba")
	r.settle(time.Minute)
	r.wantPages(id, "Ani paged")
	r.runner = &outbox.Runner{Store: r.store, Now: r.Now, Logger: r.runner.Logger, Rand: r.runner.Rand, Handlers: r.runner.Handlers, OnDead: r.runner.OnDead, Workers: 1}
	r.settle(incident.PageWait + time.Minute)
	r.wantPages(id, "Ani silent", "Eko paged")
}

// TestPageOver: what was made in PagerDuty to wake somebody is resolved when the
// incident is; a request for help ends with the incident there.
func TestPageOver(t *testing.T) {
	for _, private := range []bool{false, true} {
		r := newPageRig(t)
		id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Canary", Service: "checkout", Level: "other", Private: private}}).ID
		r.page(id, &aniActor, "") // who owns the service
		r.settle(time.Minute)
		r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "canary"}})
		r.settle(time.Minute)
		if st := r.pd.Snapshot(); len(st) != 1 || st[0].Status != pagerduty.StatusResolved {
			t.Errorf("private %v: PagerDuty has %+v", private, st)
		}
		if len(r.dead) > 0 {
			t.Errorf("given up: %v", r.dead)
		}
	}
	r := newPageRig(t)
	id := r.declare("Odd things happen")
	r.page(id, &aniActor, "")
	r.settle(time.Minute)
	r.pd.Inject(pagerdutysim.Fault{Method: http.MethodPut, Path: "/incidents", Status: 500})
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	r.settle(time.Second)
	r.do(incident.Command{Verb: incident.Reopen, Incident: id})
	r.settle(10 * time.Minute)
	if e := r.find(id, "/page.over/"); e.State != incident.EffectSkipped {
		t.Errorf("the incident is open again, and the end of the page is %s", e.State)
	}
}

// TestPageOfOneRoom: whoever is on standby for several incidents that share a room
// is woken for the first one only, whichever asks first; a person's wish counts.
func TestPageOfOneRoom(t *testing.T) {
	r := newPageRig(t)
	r.chain["dba"] = []incident.Actor{aniActor}
	down := func() incident.ID {
		return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "checkout is down", Service: "checkout", Level: incident.ServiceDown}}).ID
	}
	root, child := down(), down()
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	data, err := json.Marshal(incident.PageData{Roles: []string{"dba"}})
	must(t, err)
	for _, id := range []incident.ID{child, root} {
		must(t, r.svc.Enqueue(t.Context(), incident.Effect{
			Key: id.String() + "/page/standby", Kind: incident.KindPage, Mode: incident.Once, Incident: id, Lane: id.String() + "/page", Data: data,
		}))
		r.settle(time.Second)
	}
	r.settle(time.Minute)
	r.wantPages(root, "Ani paged")
	r.wantPages(child, "Ani elsewhere INC-1")
	if requests, incidents := r.woken("PANI"); requests+incidents != 1 {
		t.Errorf("Ani was woken %d times", requests+incidents)
	}
	if n := r.count(child, incident.EvPaged); n != 1 {
		t.Errorf("%d entries on the timeline say so", n)
	}
	r.page(child, nil, "dba")
	r.settle(time.Minute)
	if requests, incidents := r.woken("PANI"); requests+incidents != 2 {
		t.Errorf("asked for by a person, Ani was woken %d times in all", requests+incidents)
	}
}
