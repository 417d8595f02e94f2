package effects_test

import (
	"encoding/json"
	"testing"
	"time"

	"imbot/incident"
)

// TestTwoRolesAsleep: whoever holds two roles and does not answer is followed by
// the next one of each, and nobody is woken twice.
func TestTwoRolesAsleep(t *testing.T) {
	r := newPageRig(t)
	dewi := incident.Actor{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor, person}
	r.chain["devops"] = []incident.Actor{aniActor, person}
	r.chain["network"] = []incident.Actor{aniActor, ekoActor, dewi}
	id := r.declare("Odd things happen")
	r.do(incident.Command{
		Verb: incident.PageStep, Incident: id, Actor: incident.System, Source: incident.SourceSystem,
		Args: incident.Args{Page: &incident.PageChange{Step: incident.PageFound, Found: []incident.Paged{
			{Person: aniActor, Role: "dba"}, {Person: aniActor, Role: "devops"}, {Person: aniActor, Role: "network"},
		}}},
	})
	r.settle(incident.PageWait + time.Minute)
	r.wantPages(id, "Ani silent", "Eko paged", "Budi paged")
	r.answer(id, person, incident.PageReply)
	r.settle(incident.PageWait + time.Minute)
	// For the one role Budi comes after Eko, and is on it; for the other Dewi does,
	// whom PagerDuty does not know.
	r.wantPages(id, "Ani silent", "Eko silent", "Budi answered", "Dewi not_paged pager_unknown", "network not_paged nobody_next")
	for _, user := range []string{"PANI", "PEKO", "PBUDI"} {
		if requests, incidents := r.woken(user); requests+incidents != 1 {
			t.Errorf("%s was woken %d times", user, requests+incidents)
		}
	}
}

// TestTwoRolesOfOneRoom: whoever is called for the incident whose room serves this
// one, and is on standby for a role of this one, too, is followed by the next one
// of each role, in that room.
func TestTwoRolesOfOneRoom(t *testing.T) {
	r := newPageRig(t)
	r.chain["devops"] = []incident.Actor{aniActor, person}
	r.chain["dba"] = []incident.Actor{aniActor, ekoActor}
	down := func() incident.ID {
		return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "checkout is down", Service: "checkout", Level: incident.ServiceDown}}).ID
	}
	root, child := down(), down()
	r.do(incident.Command{Verb: incident.SetLink, Incident: child, Args: incident.Args{Parent: root, LinkKind: incident.LinkCascade}})
	for id, role := range map[incident.ID]string{root: "devops", child: "dba"} {
		data, err := json.Marshal(incident.PageData{Roles: []string{role}})
		must(t, err)
		must(t, r.svc.Enqueue(t.Context(), incident.Effect{
			Key: id.String() + "/page/standby", Kind: incident.KindPage, Mode: incident.Once, Incident: id, Lane: id.String() + "/page", Data: data,
		}))
	}
	r.settle(time.Minute)
	r.wantPages(root, "Ani paged")
	r.wantPages(child, "Ani elsewhere INC-1")
	r.settle(incident.PageWait)
	r.wantPages(root, "Ani silent", "Budi paged", "Eko paged")
	for _, user := range []string{"PANI", "PEKO", "PBUDI"} {
		if requests, incidents := r.woken(user); requests+incidents != 1 {
			t.Errorf("%s was woken %d times", user, requests+incidents)
		}
	}
}
