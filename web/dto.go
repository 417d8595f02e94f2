package web

import (
	"time"

	"imbot/incident"
	"imbot/query"
)

// The shapes of answers. They are apart from the domain's own types, which may
// change without the API doing so.

type incidentDoc struct {
	ID                  string          `json:"id"`
	Title               string          `json:"title"`
	Description         string          `json:"description"`
	Service             string          `json:"service"`
	Squad               string          `json:"squad"`
	Level               string          `json:"level"`
	Status              incident.Status `json:"status"`
	Private             bool            `json:"private"`
	OpenedAt            time.Time       `json:"opened_at"`
	AcknowledgedAt      *time.Time      `json:"acknowledged_at"`
	FirstAcknowledgedAt *time.Time      `json:"first_acknowledged_at"`
	AcknowledgedBy      *actorDoc       `json:"acknowledged_by"`
	ResolvedAt          *time.Time      `json:"resolved_at"`
	ClosedAt            *time.Time      `json:"closed_at"`
	ImpactStartedAt     *time.Time      `json:"impact_started_at"`
	DetectedAt          *time.Time      `json:"detected_at"`
	MitigatedAt         *time.Time      `json:"mitigated_at"`
	Intervals           []intervalDoc   `json:"intervals"`
	Episode             int             `json:"episode"`
	LevelRule           string          `json:"level_rule"`
	UpdatedAt           time.Time       `json:"updated_at"`
	Commander           *actorDoc       `json:"commander"`
	Link                *linkDoc        `json:"link"`
	Children            []childDoc      `json:"children"`
	MoreChildren        int             `json:"more_children"` // beyond those that are listed
	Recurrences         int             `json:"recurrences"`
	Trouble             string          `json:"trouble"`
	Openings            int             `json:"openings"` // of its key, where it is flapping; else 0
	PausedUntil         *time.Time      `json:"paused_until"`
	Maintenance         string          `json:"maintenance"`
	Major               *string         `json:"major"`
	Imported            bool            `json:"imported"`
	Causes              []causeDoc      `json:"causes"` // changes that were confirmed
	Refs                []refDoc        `json:"refs"`
	Postmortem          stateDoc        `json:"postmortem"`
	URL                 string          `json:"url"`
}

type actorDoc struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

type intervalDoc struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`
}

type linkDoc struct {
	Kind       string     `json:"kind"`
	Parent     *string    `json:"parent"` // null while the parent is not known here yet
	Rule       string     `json:"rule"`
	Confidence float64    `json:"confidence"`
	Evidence   []string   `json:"evidence"`
	By         actorDoc   `json:"by"`
	At         *time.Time `json:"at"`
	Began      *time.Time `json:"began"` // when the trouble of the parent began
	Path       []stepDoc  `json:"path"`
}

// stepDoc is one call on the path from a consequence to its cause.
type stepDoc struct {
	From   string     `json:"from"`
	To     string     `json:"to"`
	Source string     `json:"source"`
	SeenAt *time.Time `json:"seen_at"` // null: said by hand
}

func linkOf(l *incident.Link) *linkDoc {
	if l == nil {
		return nil
	}
	d := &linkDoc{
		Kind: l.Kind, Parent: idOrNull(l.Parent), Rule: l.Rule, Confidence: l.Confidence, Evidence: append([]string{}, l.Evidence...),
		By: *orNobody(l.By), At: moment(l.At), Began: moment(l.Began), Path: []stepDoc{},
	}
	for _, s := range l.Path {
		d.Path = append(d.Path, stepDoc{From: s.From, To: s.To, Source: s.Source, SeenAt: moment(s.SeenAt)})
	}
	return d
}

func idOrNull(id incident.ID) *string {
	if id == 0 {
		return nil
	}
	s := id.String()
	return &s
}

type childDoc struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

type refDoc struct {
	System string `json:"system"`
	Role   string `json:"role"`
	ID     string `json:"id"`
	URL    string `json:"url"`
}

type stateDoc struct {
	Required bool   `json:"required"`
	State    string `json:"state"`
}

// privateDoc is all that is said about a private incident to a caller who has
// declared or changed it: tokens are no members.
type privateDoc struct {
	ID      string `json:"id"`
	Private bool   `json:"private"`
}

func incidentOf(v *query.View) incidentDoc {
	inc := v.Incident
	d := incidentDoc{
		ID: inc.ID.String(), Title: inc.Title, Description: inc.Description, Service: inc.Service, Squad: inc.Squad,
		Level: inc.Level, Status: inc.Status, Private: inc.Private, OpenedAt: inc.OpenedAt.UTC(),
		AcknowledgedAt: moment(inc.AcknowledgedAt), FirstAcknowledgedAt: moment(inc.FirstAcknowledgedAt),
		AcknowledgedBy: actor(inc.AcknowledgedBy), ResolvedAt: moment(inc.ResolvedAt), ClosedAt: moment(inc.ClosedAt),
		ImpactStartedAt: moment(inc.Times.ImpactStarted), DetectedAt: moment(inc.Times.Detected), MitigatedAt: moment(inc.Times.Mitigated),
		Intervals: []intervalDoc{}, Episode: inc.Episode, LevelRule: inc.LevelRule, UpdatedAt: inc.UpdatedAt.UTC(),
		Commander: actor(inc.Commander), Link: linkOf(inc.Link), Children: []childDoc{}, MoreChildren: inc.MoreChildren,
		Trouble: inc.Trouble, Openings: inc.Openings, PausedUntil: moment(inc.PausedUntil), Maintenance: inc.Maintenance,
		Major: idOrNull(inc.Major), Imported: inc.Imported, Causes: causesOf(inc), Recurrences: inc.Recurrences, Refs: []refDoc{},
		Postmortem: stateDoc{Required: inc.Postmortem.Required, State: inc.Postmortem.State}, URL: v.URL,
	}
	for _, iv := range inc.Intervals {
		d.Intervals = append(d.Intervals, intervalDoc{From: iv.From.UTC(), To: moment(iv.To)})
	}
	for _, c := range inc.Children {
		d.Children = append(d.Children, childDoc{ID: c.ID.String(), Kind: c.Kind})
	}
	for _, r := range inc.Refs {
		d.Refs = append(d.Refs, refDoc{System: r.System, Role: r.Role, ID: r.ID, URL: r.URL})
	}
	return d
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func actor(a incident.Actor) *actorDoc {
	if a.IsZero() {
		return nil
	}
	return orNobody(a)
}

func orNobody(a incident.Actor) *actorDoc { return &actorDoc{Kind: a.Kind, ID: a.ID, Name: a.Name} }

type eventDoc struct {
	N          int               `json:"n"`
	At         time.Time         `json:"at"`
	RecordedAt time.Time         `json:"recorded_at"`
	Kind       string            `json:"kind"`
	Actor      actorDoc          `json:"actor"`
	Source     string            `json:"source"`
	Text       string            `json:"text"`
	Data       map[string]string `json:"data"`
}

func eventsOf(events []incident.Event) []eventDoc {
	out := make([]eventDoc, len(events))
	for i, e := range events {
		out[i] = eventDoc{
			N: e.N, At: e.At.UTC(), RecordedAt: e.Recorded.UTC(), Kind: string(e.Kind), Actor: *orNobody(e.Actor),
			Source: e.Source, Text: e.Text, Data: e.Data,
		}
		if out[i].Data == nil {
			out[i].Data = map[string]string{}
		}
	}
	return out
}

type postmortemDoc struct {
	stateDoc
	Incident  string        `json:"incident"`
	RCA       rcaDoc        `json:"rca"`
	Missing   []string      `json:"missing"` // required fields that are empty
	UpdatedAt *time.Time    `json:"updated_at"`
	UpdatedBy *actorDoc     `json:"updated_by"`
	Reason    string        `json:"reason"` // of a waiver
	Revision  int           `json:"revision"`
	Revisions []revisionDoc `json:"revisions"` // completed ones, oldest first
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
	N   int       `json:"n"`
	At  time.Time `json:"at"`
	By  actorDoc  `json:"by"`
	RCA rcaDoc    `json:"rca"`
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
		stateDoc: stateDoc{Required: p.Required, State: p.State}, Incident: inc.ID.String(), RCA: rcaOf(&p.RCA),
		Missing: append([]string{}, p.RCA.Missing()...), UpdatedAt: moment(p.At), UpdatedBy: actor(p.By),
		Reason: p.Reason, Revision: p.Revision, Revisions: []revisionDoc{},
	}
	for i := range p.Revisions {
		r := &p.Revisions[i]
		d.Revisions = append(d.Revisions, revisionDoc{N: r.N, At: r.At.UTC(), By: *orNobody(r.By), RCA: rcaOf(&r.RCA)})
	}
	return d
}

type followUpDoc struct {
	N      int        `json:"n"`
	Title  string     `json:"title"`
	Owner  *actorDoc  `json:"owner"`
	Due    *string    `json:"due"` // 2006-01-02
	By     actorDoc   `json:"by"`
	At     time.Time  `json:"at"`
	Done   bool       `json:"done"`
	DoneAt *time.Time `json:"done_at"`
	DoneBy *actorDoc  `json:"done_by"`
}

func followUpsOf(actions []incident.Action) []followUpDoc {
	out := make([]followUpDoc, len(actions))
	for i, a := range actions {
		out[i] = followUpDoc{
			N: a.N, Title: a.Title, Owner: actor(a.Owner), By: *orNobody(a.By), At: a.At.UTC(),
			Done: a.Done(), DoneAt: moment(a.DoneAt), DoneBy: actor(a.DoneBy),
		}
		if a.Due != "" {
			out[i].Due = &a.Due
		}
	}
	return out
}
