package web

import (
	"time"

	"imbot/incident"
	"imbot/resource"
)

// The shapes of answers, besides those of package resource. They are apart from
// the domain's own types, which may change without the API doing so.

// privateDoc is all that is said about a private incident to a caller who has
// declared or changed it: tokens are no members.
type privateDoc struct {
	ID      string `json:"id"`
	Private bool   `json:"private"`
}

type postmortemDoc struct {
	resource.State
	Incident  string          `json:"incident"`
	RCA       rcaDoc          `json:"rca"`
	Missing   []string        `json:"missing"` // required fields that are empty
	UpdatedAt *time.Time      `json:"updated_at"`
	UpdatedBy *resource.Actor `json:"updated_by"`
	Reason    string          `json:"reason"` // of a waiver
	Revision  int             `json:"revision"`
	Revisions []revisionDoc   `json:"revisions"` // completed ones, oldest first
}

type rcaDoc struct {
	Summary             string   `json:"summary"`
	Impact              string   `json:"impact"`
	Detection           string   `json:"detection"`
	RootCause           string   `json:"root_cause"`
	Category            string   `json:"category"`
	FiveWhys            []string `json:"five_whys"`
	ContributingFactors string   `json:"contributing_factors"`
	ResolutionSteps     string   `json:"resolution_steps"`
	Lessons             string   `json:"lessons"`
}

type revisionDoc struct {
	N   int            `json:"n"`
	At  time.Time      `json:"at"`
	By  resource.Actor `json:"by"`
	RCA rcaDoc         `json:"rca"`
}

func rcaOf(r *incident.RCA) rcaDoc {
	return rcaDoc{
		Summary: r.Summary, Impact: r.Impact, Detection: r.Detection, RootCause: r.RootCause, Category: r.Category,
		FiveWhys: append([]string{}, r.FiveWhys...), ContributingFactors: r.ContributingFactors,
		ResolutionSteps: r.ResolutionSteps, Lessons: r.Lessons,
	}
}

func postmortemOf(inc *incident.Incident) postmortemDoc {
	p := &inc.Postmortem
	d := postmortemDoc{
		State: resource.State{Required: p.Required, State: p.State}, Incident: inc.ID.String(), RCA: rcaOf(&p.RCA),
		Missing: append([]string{}, p.RCA.Missing()...), UpdatedAt: resource.Moment(p.At), UpdatedBy: resource.ActorOf(p.By),
		Reason: p.Reason, Revision: p.Revision, Revisions: []revisionDoc{},
	}
	for i := range p.Revisions {
		r := &p.Revisions[i]
		d.Revisions = append(d.Revisions, revisionDoc{N: r.N, At: r.At.UTC(), By: resource.Whoever(r.By), RCA: rcaOf(&r.RCA)})
	}
	return d
}

type followUpDoc struct {
	N      int             `json:"n"`
	Title  string          `json:"title"`
	Owner  *resource.Actor `json:"owner"`
	Due    *string         `json:"due"` // 2006-01-02
	By     resource.Actor  `json:"by"`
	At     time.Time       `json:"at"`
	Done   bool            `json:"done"`
	DoneAt *time.Time      `json:"done_at"`
	DoneBy *resource.Actor `json:"done_by"`
}

func followUpsOf(actions []incident.Action) []followUpDoc {
	out := make([]followUpDoc, len(actions))
	for i, a := range actions {
		out[i] = followUpDoc{
			N: a.N, Title: a.Title, Owner: resource.ActorOf(a.Owner), By: resource.Whoever(a.By), At: a.At.UTC(),
			Done: a.Done(), DoneAt: resource.Moment(a.DoneAt), DoneBy: resource.ActorOf(a.DoneBy),
		}
		if a.Due != "" {
			out[i].Due = &a.Due
		}
	}
	return out
}
