package effects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/outbox"
	"imbot/query"
)

// TicketAPI is Jira; *jira.Client is one.
type TicketAPI interface {
	CreateOnce(ctx context.Context, n jira.NewIssue, tried time.Time) (jira.Created, error)
	FindByMarker(ctx context.Context, marker string, tried time.Time) (jira.Issue, bool, error)
	CreateMeta(ctx context.Context, project, issueType string) (*jira.Meta, error)
	Issue(ctx context.Context, key string) (jira.Issue, error)
	Update(ctx context.Context, key string, u jira.Update) error
	Transition(ctx context.Context, key, category string) (jira.Issue, error)
	SetLink(ctx context.Context, key string, l jira.Link) error
	UserByEmail(ctx context.Context, email string) (jira.User, error)
}

// TicketConfig is how tickets are made.
type TicketConfig struct {
	Label          string // every ticket has it, and its marker begins with it
	Project        string // where the squad has none of its own
	PrivateProject string // of private incidents; "" for none
	Type           string // of follow-ups, id or name
	PostmortemType string // of the task to write an RCA
	Labels         []string
	Priorities     map[string]string // by level; what is not there is left to Jira
	Fields         map[string]string // further ones by id; see TicketField
	PostmortemDue  time.Duration     // after it is made; 0: no date
	ActionDue      time.Duration     // the same, for follow-ups without a date
	Language       string
	Location       *time.Location // that days are of
}

// Tickets keeps tasks in Jira for follow-ups and for postmortems that are owed.
//
// Jira recognises no repeated request to make an issue. So each has a label of
// its own, its marker, and the time of an attempt is stored before it is made:
// whoever comes after a lost answer, or after a crash, looks for the marker
// first, and waits until a search would know of it. Effects of one incident's
// tickets run one after the other, so that no two attempts overlap.
//
// Jira can't be told to change an issue only if nobody else has: what a person
// changes there in the moment between reading and writing is written over.
type Tickets struct {
	API     TicketAPI
	Service Doer
	View    Viewer
	Config  TicketConfig
	Project func(squad string) string // the squad's own project; "" for none
	Account func(mail string) string  // a person's account in Jira as the catalog has it; "" where it does not
	Now     func() time.Time

	mu    sync.Mutex
	users map[string]knownUser // by mail
	mails map[string]string    // by account
	metas map[string]knownMeta // by project and type
}

type knownMeta struct {
	meta  *jira.Meta
	until time.Time
}

// metaLasts is how long the fields of a project are remembered.
const metaLasts = 10 * time.Minute

// Postmortem makes the task to write the RCA.
func (t *Tickets) Postmortem(ctx context.Context, job outbox.Job) error { return t.make(ctx, job, 0) }

// Task makes the task of the follow-up whose number ends the effect's key.
func (t *Tickets) Task(ctx context.Context, job outbox.Job) error {
	n, err := ticketNumber(job)
	if err != nil {
		return err
	}
	return t.make(ctx, job, n)
}

func ticketNumber(job outbox.Job) (int, error) {
	var n int
	_, suffix, _ := strings.Cut(job.Key, "/"+job.Kind+"/")
	if _, err := fmt.Sscanf(suffix, "%d", &n); err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s names no follow-up", outbox.ErrPermanent, job.Key)
	}
	return n, nil
}

func (t *Tickets) make(ctx context.Context, job outbox.Job, n int) error {
	v, err := t.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	ticket := v.Incident.Ticket(n)
	switch {
	case ticket == nil:
		return notNeeded("there is no such follow-up any more")
	case ticket.State == incident.TicketGone:
		return nil
	case ticket.Made():
		return t.link(ctx, v, n, ticket.ID, ticket.Key)
	}
	marker := incident.TicketMarker(t.Config.Label, job.Incident, n)
	if !ticket.TriedAt.IsZero() {
		found, ok, err := t.API.FindByMarker(ctx, marker, ticket.TriedAt)
		if err != nil {
			return err
		}
		if ok {
			return t.made(ctx, v, n, incident.TicketFound, jira.Created{ID: found.ID, Key: found.Key, URL: found.URL}, t.draft(v, n, "", marker, ""), nil)
		}
		if err := t.step(ctx, job.Incident, incident.TicketChange{Step: incident.TicketRefused, N: n}); err != nil {
			return err
		}
	}
	if n == 0 && !v.Incident.TicketWanted(v.Level) {
		return t.step(ctx, job.Incident, incident.TicketChange{Step: incident.TicketUnwanted, N: n})
	}
	project, err := t.place(v.Incident)
	if err != nil {
		return err
	}
	return t.create(ctx, v, n, project, marker)
}

// place is the project that an incident's tickets belong into. Private ones never
// go where others look.
func (t *Tickets) place(inc *incident.Incident) (string, error) {
	if inc.Private {
		if t.Config.PrivateProject == "" {
			return "", notNeeded("the incident is private, and there is no jira.private_project")
		}
		return t.Config.PrivateProject, nil
	}
	if p := t.Project(inc.Squad); p != "" {
		return p, nil
	}
	if t.Config.Project == "" {
		return "", outbox.Skip("the squad has no jira_project, and there is no jira.project")
	}
	return t.Config.Project, nil
}

// draft is the issue as it should be.
func (t *Tickets) draft(v *query.View, n int, project, marker, account string) jira.NewIssue {
	title, text := cards.TicketText(v, n, t.Config.Language)
	out := jira.NewIssue{
		Project: project, Type: t.Config.Type, Summary: title, Description: jira.Plain(text), Priority: t.Config.Priorities[v.Incident.Level],
		Assignee: account, Labels: append([]string{t.Config.Label}, t.Config.Labels...), Marker: marker,
	}
	after := t.Config.ActionDue
	if n == 0 {
		out.Type, after = t.Config.PostmortemType, t.Config.PostmortemDue
	} else {
		out.Due = v.Incident.TicketFields(n).Due
	}
	if out.Due == "" && after > 0 {
		out.Due = t.Now().In(t.Config.Location).Add(after).Format(time.DateOnly)
	}
	return out
}

// create makes the issue. What Jira does not take of it is left out, and said.
func (t *Tickets) create(ctx context.Context, v *query.View, n int, project, marker string) error {
	account, left, err := t.assignee(ctx, v, n)
	if err != nil {
		return err
	}
	issue, dropped, err := t.fit(ctx, t.draft(v, n, project, marker, account))
	if err != nil {
		return err
	}
	left = append(left, dropped...)
	id := v.Incident.ID
	if err := t.step(ctx, id, incident.TicketChange{Step: incident.TicketTried, N: n, Tried: t.Now()}); err != nil {
		return err
	}
	created, err := t.API.CreateOnce(ctx, issue, time.Time{})
	if names := dropRefused(err, &issue); len(names) > 0 {
		left = append(left, names...)
		created, err = t.API.CreateOnce(ctx, issue, time.Time{})
	}
	var e *jira.Error
	if errors.As(err, &e) && !e.MayBeDone() {
		return errors.Join(err, t.step(ctx, id, incident.TicketChange{Step: incident.TicketRefused, N: n}))
	}
	if err != nil {
		return err
	}
	return t.made(ctx, v, n, incident.TicketCreated, created, issue, left)
}

// fit leaves out what the project does not take.
func (t *Tickets) fit(ctx context.Context, n jira.NewIssue) (jira.NewIssue, []string, error) {
	meta, err := t.meta(ctx, n.Project, n.Type)
	if jiraGone(err) || jiraRefused(err) {
		return n, nil, fmt.Errorf("%w: mend jira.project, the squad's jira_project or jira.type, or let imbot's user create issues there", err)
	}
	if err != nil {
		return n, nil, err
	}
	fit, dropped, err := FitTicket(meta, n, t.Config.Fields)
	if err != nil {
		t.forget(n.Project, n.Type) // somebody will mend it
		return fit, dropped, fmt.Errorf("%w: %w", outbox.ErrPermanent, err)
	}
	slices.Sort(dropped)
	return fit, dropped, nil
}

func (t *Tickets) meta(ctx context.Context, project, issueType string) (*jira.Meta, error) {
	key := project + "/" + issueType
	t.mu.Lock()
	known, ok := t.metas[key]
	t.mu.Unlock()
	if ok && t.Now().Before(known.until) {
		return known.meta, nil
	}
	m, err := t.API.CreateMeta(ctx, project, issueType)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.metas == nil {
		t.metas = map[string]knownMeta{}
	}
	t.metas[key] = knownMeta{m, t.Now().Add(metaLasts)}
	return m, nil
}

func (t *Tickets) forget(project, issueType string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.metas, project+"/"+issueType)
}

// dropRefused takes out of an issue the fields that Jira's refusal names, and
// returns them; none where there is more to the refusal, so that a second
// attempt would be in vain.
func dropRefused(err error, n *jira.NewIssue) []string {
	var e *jira.Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.MayBeDone() || len(e.Fields) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(e.Fields))
	for _, name := range names {
		switch _, custom := n.Fields[name]; {
		case custom:
			delete(n.Fields, name)
		case name == "assignee":
			n.Assignee = ""
		case name == "duedate":
			n.Due = ""
		case name == "priority":
			n.Priority = ""
		default:
			return nil
		}
	}
	return names
}

// made records the issue, and what it says.
func (t *Tickets) made(ctx context.Context, v *query.View, n int, step string, c jira.Created, issue jira.NewIssue, left []string) error {
	here := v.Incident.TicketFields(n)
	there := incident.TicketFields{Title: here.Title, Done: incident.TicketOpen, Due: issue.Due, Owner: issue.Assignee}
	change := incident.TicketChange{Step: step, N: n, ID: c.ID, Key: c.Key, URL: c.URL, Left: left}
	fields := []string{incident.FieldTitle, incident.FieldDone, incident.FieldDue, incident.FieldOwner}
	if n == 0 {
		fields = []string{incident.FieldDone}
	}
	for _, f := range fields {
		s := incident.FieldSync{Field: f, Here: here.Get(f), There: there.Get(f)}
		if f == incident.FieldDone {
			s.Here = incident.TicketOpen // as it is there; if it is done by now, that follows
		}
		change.Fields = append(change.Fields, s)
	}
	if err := t.step(ctx, v.Incident.ID, change); err != nil {
		return err
	}
	return t.link(ctx, v, n, c.ID, c.Key)
}

// link leads from the issue back to the incident, but not from where others look to
// a private one. Doing it again is no harm.
func (t *Tickets) link(ctx context.Context, v *query.View, n int, issue, key string) error {
	if v.URL == "" || v.Incident.Private && !inProject(key, t.Config.PrivateProject) {
		return nil
	}
	id := v.Incident.ID
	err := t.API.SetLink(ctx, issue, jira.Link{
		GlobalID: t.Config.Label + "=" + id.String(), URL: v.URL, Title: id.String(), Relation: "incident", Resolved: !v.Incident.Active(),
	})
	switch {
	case jiraGone(err):
		return t.step(ctx, id, incident.TicketChange{Step: incident.TicketLost, N: n})
	case err != nil:
		return fmt.Errorf("the ticket is there, without a link back to the incident: %w", err)
	}
	return nil
}

// jiraRefused reports whether Jira does not take what it was given, or its
// workflow has no way there, so that asking again is in vain as long as nobody
// changes it.
func jiraRefused(err error) bool {
	var e *jira.Error
	return errors.As(err, &e) && e.Permanent() && (e.Status == 0 || e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity)
}

func jiraGone(err error) bool {
	var e *jira.Error
	return errors.As(err, &e) && e.NotFound()
}

// jiraWords is an error of Jira's in words for the timeline.
func jiraWords(err error) string {
	var e *jira.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

func (t *Tickets) step(ctx context.Context, id incident.ID, c incident.TicketChange) error {
	_, err := t.Service.Do(ctx, incident.Command{
		Verb: incident.TicketStep, Incident: id, Actor: incident.Jira, Source: incident.SourceJira, Args: incident.Args{Ticket: &c},
	})
	return err
}
