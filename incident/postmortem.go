package incident

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// States of a postmortem.
const (
	PostmortemNone     = "none"
	PostmortemDraft    = "draft"
	PostmortemComplete = "complete"
	PostmortemWaived   = "waived"
)

// Categories of root causes. They are few on purpose: figures by category are
// of use only where two people would choose the same one.
var Categories = []string{"change", "capacity", "dependency", "configuration", "code", "data", "infrastructure", "security", "process", "unknown"}

// RCA is the text of a postmortem.
type RCA struct {
	Summary             string   `json:"summary,omitempty"`
	Impact              string   `json:"impact,omitempty"`
	Detection           string   `json:"detection,omitempty"`
	RootCause           string   `json:"root_cause,omitempty"`
	Category            string   `json:"category,omitempty"` // one of Categories
	FiveWhys            []string `json:"five_whys,omitempty"`
	ContributingFactors string   `json:"contributing_factors,omitempty"`
	ResolutionSteps     string   `json:"resolution_steps,omitempty"`
	Lessons             string   `json:"lessons,omitempty"`
}

// IsZero reports whether nothing is written yet.
func (r *RCA) IsZero() bool {
	return r.Summary+r.Impact+r.Detection+r.RootCause+r.Category+r.ContributingFactors+r.ResolutionSteps+r.Lessons == "" && len(r.FiveWhys) == 0
}

// RCAFields names all fields, in the order in which they are read.
var RCAFields = []string{
	"summary", "impact", "detection", "root_cause", "category", "five_whys", "contributing_factors", "resolution_steps", "lessons",
}

// RequiredRCA names the fields that a complete RCA must have.
var RequiredRCA = []string{"summary", "impact", "root_cause", "category", "resolution_steps"}

// Missing returns the required fields that are empty, by their JSON names.
func (r *RCA) Missing() []string {
	var out []string
	for _, f := range RequiredRCA {
		if p := r.field(f); p != nil && strings.TrimSpace(*p) == "" {
			out = append(out, f)
		}
	}
	return out
}

// field returns the text field of this JSON name; nil for "five_whys" and
// unknown names.
func (r *RCA) field(name string) *string {
	switch name {
	case "summary":
		return &r.Summary
	case "impact":
		return &r.Impact
	case "detection":
		return &r.Detection
	case "root_cause":
		return &r.RootCause
	case "category":
		return &r.Category
	case "contributing_factors":
		return &r.ContributingFactors
	case "resolution_steps":
		return &r.ResolutionSteps
	case "lessons":
		return &r.Lessons
	}
	return nil
}

// Revision is one completed version of an RCA.
type Revision struct {
	N   int       `json:"n"`
	At  time.Time `json:"at"`
	By  Actor     `json:"by"`
	RCA RCA       `json:"rca"`
}

// maxRevisions bounds what one incident carries; the oldest go first.
const maxRevisions = 20

// Postmortem is the structured document of one incident.
type Postmortem struct {
	Required  bool       `json:"required"`
	State     string     `json:"state"` // none|draft|complete|waived
	RCA       RCA        `json:"rca,omitzero"`
	By        Actor      `json:"by,omitzero"` // who wrote last
	At        time.Time  `json:"at,omitzero"`
	Reason    string     `json:"reason,omitempty"`    // of a waiver
	Revision  int        `json:"revision,omitempty"`  // number of the last completed one
	Revisions []Revision `json:"revisions,omitempty"` // completed ones, oldest first
	Ticket    *Ticket    `json:"ticket,omitempty"`    // the task to write it; nil: none was asked for
}

func (p *Postmortem) clone() Postmortem {
	c := *p
	c.Ticket = p.Ticket.clone()
	c.RCA.FiveWhys = slices.Clone(p.RCA.FiveWhys)
	c.Revisions = slices.Clone(p.Revisions)
	for i := range c.Revisions {
		c.Revisions[i].RCA.FiveWhys = slices.Clone(c.Revisions[i].RCA.FiveWhys)
	}
	return c
}

// refresh derives the state. After a reopening a complete RCA is a draft
// again; its revision stays.
func (p *Postmortem) refresh(owed bool, l *Life) {
	p.Required = owed
	switch {
	case l.reviewed() && !l.Active() && l.Waived:
		p.State = PostmortemWaived
	case l.reviewed() && !l.Active():
		p.State = PostmortemComplete
	case owed || !p.RCA.IsZero():
		p.State = PostmortemDraft
	default:
		p.State = PostmortemNone
	}
}

// completed reports whether the text is that of the last revision: a draft that
// somebody has changed since is not.
func (p *Postmortem) completed() bool {
	n := len(p.Revisions)
	return n > 0 && reflect.DeepEqual(p.Revisions[n-1].RCA, p.clone().RCA)
}

// complete records the text as it stands as the next revision.
func (p *Postmortem) complete(by Actor, at time.Time) {
	p.Revision++
	rca := p.RCA
	rca.FiveWhys = slices.Clone(rca.FiveWhys)
	p.Revisions = append(p.Revisions, Revision{N: p.Revision, At: at, By: by, RCA: rca})
	if over := len(p.Revisions) - maxRevisions; over > 0 {
		p.Revisions = slices.Delete(p.Revisions, 0, over)
	}
}
