// Package resource has the shapes in which incidents leave imbot as JSON: as the
// answers of the API and in webhooks alike. They are apart from the domain's own
// types, which may change without what others read doing so.
//
// It reads nothing and decides nothing: who may see an incident is the caller's
// to know.
package resource

import (
	"time"

	"imbot/incident"
	"imbot/query"
)

// Incident is an incident with the names of the API. Times are in UTC; null
// where they are not known.
type Incident struct {
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
	AcknowledgedBy      *Actor          `json:"acknowledged_by"`
	ResolvedAt          *time.Time      `json:"resolved_at"`
	ClosedAt            *time.Time      `json:"closed_at"`
	ImpactStartedAt     *time.Time      `json:"impact_started_at"`
	DetectedAt          *time.Time      `json:"detected_at"`
	MitigatedAt         *time.Time      `json:"mitigated_at"`
	Intervals           []Interval      `json:"intervals"`
	Episode             int             `json:"episode"`
	LevelRule           string          `json:"level_rule"`
	UpdatedAt           time.Time       `json:"updated_at"`
	Commander           *Actor          `json:"commander"`
	Scribe              *Actor          `json:"scribe"`
	StatusUpdate        *StatusUpdate   `json:"status_update"`
	Room                *Room           `json:"room"`
	Paged               []Paged         `json:"paged"`
	Link                *Link           `json:"link"`
	Children            []Child         `json:"children"`
	MoreChildren        int             `json:"more_children"` // beyond those that are listed
	Recurrences         int             `json:"recurrences"`
	Trouble             string          `json:"trouble"`
	Openings            int             `json:"openings"` // of its key, where it is flapping; else 0
	PausedUntil         *time.Time      `json:"paused_until"`
	Maintenance         string          `json:"maintenance"`
	Major               *string         `json:"major"`
	Imported            bool            `json:"imported"`
	Causes              []Cause         `json:"causes"` // changes that were confirmed
	Refs                []Ref           `json:"refs"`
	Postmortem          State           `json:"postmortem"`
	URL                 string          `json:"url"`
}

// Actor is whoever does something: a user, a token, a vendor, or imbot itself.
type Actor struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Interval is one span of trouble; To is null while it lasts.
type Interval struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`
}

// Link is a tie to the incident that this one is a duplicate or a consequence of.
type Link struct {
	Kind       string     `json:"kind"`
	Parent     *string    `json:"parent"` // null while the parent is not known here yet
	Rule       string     `json:"rule"`
	Confidence float64    `json:"confidence"`
	Evidence   []string   `json:"evidence"`
	By         Actor      `json:"by"`
	At         *time.Time `json:"at"`
	Began      *time.Time `json:"began"` // when the trouble of the parent began
	Path       []Step     `json:"path"`
}

// Step is one call on the path from a consequence to its cause.
type Step struct {
	From   string     `json:"from"`
	To     string     `json:"to"`
	Source string     `json:"source"`
	SeenAt *time.Time `json:"seen_at"` // null: said by hand
}

func linkOf(l *incident.Link) *Link {
	if l == nil {
		return nil
	}
	d := &Link{
		Kind: l.Kind, Parent: idOrNull(l.Parent), Rule: l.Rule, Confidence: l.Confidence, Evidence: append([]string{}, l.Evidence...),
		By: Whoever(l.By), At: Moment(l.At), Began: Moment(l.Began), Path: []Step{},
	}
	for _, s := range l.Path {
		d.Path = append(d.Path, Step{From: s.From, To: s.To, Source: s.Source, SeenAt: Moment(s.SeenAt)})
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

// Child is an incident that is tied to this one.
type Child struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

// Ref is a thing in another system.
type Ref struct {
	System string `json:"system"`
	Role   string `json:"role"`
	ID     string `json:"id"`
	URL    string `json:"url"`
}

// State is whether an RCA is owed, and how far it is.
type State struct {
	Required bool   `json:"required"`
	State    string `json:"state"`
}

// Of is the incident of a view, whose reader may see it.
func Of(v *query.View) Incident {
	inc := v.Incident
	d := Incident{
		ID: inc.ID.String(), Title: inc.Title, Description: inc.Description, Service: inc.Service, Squad: inc.Squad,
		Level: inc.Level, Status: inc.Status, Private: inc.Private, OpenedAt: inc.OpenedAt.UTC(),
		AcknowledgedAt: Moment(inc.AcknowledgedAt), FirstAcknowledgedAt: Moment(inc.FirstAcknowledgedAt),
		AcknowledgedBy: ActorOf(inc.AcknowledgedBy), ResolvedAt: Moment(inc.ResolvedAt), ClosedAt: Moment(inc.ClosedAt),
		ImpactStartedAt: Moment(inc.Times.ImpactStarted), DetectedAt: Moment(inc.Times.Detected), MitigatedAt: Moment(inc.Times.Mitigated),
		Intervals: []Interval{}, Episode: inc.Episode, LevelRule: inc.LevelRule, UpdatedAt: inc.UpdatedAt.UTC(),
		Commander: ActorOf(inc.Commander), Scribe: ActorOf(inc.Scribe), StatusUpdate: updateOf(inc.Update),
		Room: roomOf(inc.Room), Paged: pagedOf(inc.Pages), Link: linkOf(inc.Link), Children: []Child{}, MoreChildren: inc.MoreChildren,
		Trouble: inc.Trouble, Openings: inc.Openings, PausedUntil: Moment(inc.PausedUntil), Maintenance: inc.Maintenance,
		Major: idOrNull(inc.Major), Imported: inc.Imported, Causes: causesOf(inc), Recurrences: inc.Recurrences, Refs: []Ref{},
		Postmortem: State{Required: inc.Postmortem.Required, State: inc.Postmortem.State}, URL: v.URL,
	}
	for _, iv := range inc.Intervals {
		d.Intervals = append(d.Intervals, Interval{From: iv.From.UTC(), To: Moment(iv.To)})
	}
	for _, c := range inc.Children {
		d.Children = append(d.Children, Child{ID: c.ID.String(), Kind: c.Kind})
	}
	for _, r := range inc.Refs {
		d.Refs = append(d.Refs, Ref{System: r.System, Role: r.Role, ID: r.ID, URL: r.URL})
	}
	return d
}

// Moment is a time in UTC; nil where it is not known.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// ActorOf is somebody; nil where a is nobody.
func ActorOf(a incident.Actor) *Actor {
	if a.IsZero() {
		return nil
	}
	who := Whoever(a)
	return &who
}

// Whoever is somebody; where a is nobody, all is empty.
func Whoever(a incident.Actor) Actor { return Actor{Kind: a.Kind, ID: a.ID, Name: a.Name} }

// Event is one entry of a timeline.
type Event struct {
	N          int               `json:"n"`
	At         time.Time         `json:"at"`
	RecordedAt time.Time         `json:"recorded_at"`
	Kind       string            `json:"kind"`
	Actor      Actor             `json:"actor"`
	Source     string            `json:"source"`
	Text       string            `json:"text"`
	Data       map[string]string `json:"data"`
}

// EventOf is one entry of a timeline.
func EventOf(e incident.Event) Event {
	out := Event{
		N: e.N, At: e.At.UTC(), RecordedAt: e.Recorded.UTC(), Kind: string(e.Kind), Actor: Whoever(e.Actor),
		Source: e.Source, Text: e.Text, Data: e.Data,
	}
	if out.Data == nil {
		out.Data = map[string]string{}
	}
	return out
}

// Events are all of a timeline, in their order.
func Events(events []incident.Event) []Event {
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = EventOf(e)
	}
	return out
}

// Cause is a change that has caused an incident, as somebody has confirmed.
type Cause struct {
	ID        string    `json:"id"`
	Source    string    `json:"source"`
	Title     string    `json:"title"`
	Version   string    `json:"version"`
	URL       string    `json:"url"`
	Service   string    `json:"service"`
	At        time.Time `json:"at"`
	By        Actor     `json:"by"`
	DecidedAt time.Time `json:"decided_at"`
}

// causesOf leaves out what was not the cause: nobody should count it by mistake.
func causesOf(inc *incident.Incident) []Cause {
	out := []Cause{}
	for _, c := range inc.Confirmed() {
		out = append(out, Cause{
			ID: c.ID, Source: c.Source, Title: c.Title, Version: c.Version, URL: c.URL, Service: c.Service, At: c.At.UTC(),
			By: Whoever(c.By), DecidedAt: c.DecidedAt.UTC(),
		})
	}
	return out
}
