package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"imbot/incident"
	"imbot/integrations/jira"
)

// JiraSearcher finds issues; *jira.Client is one.
type JiraSearcher interface {
	Search(ctx context.Context, q jira.Query, each func(jira.Issue) bool) error
}

// JiraReconciler finds what webhooks did not tell: it compares the tickets of
// all incidents that began within the window, and of all issues that were changed
// within it, and has those that differ brought in line. What it finds is the
// drift report. One run at a time.
//
// An issue that is deleted after the window, of an incident older than it, is
// noticed by its webhook, or else when it is next written to.
type JiraReconciler struct {
	API            JiraSearcher
	Store          incident.Store
	Service        Doer
	Label          string        // that all tickets have
	PrivateProject string        // of private incidents
	Window         time.Duration // default 90 days
	// Fields is what an issue says, in imbot's form.
	Fields func(n int, i *jira.Issue) incident.TicketFields
	Now    func() time.Time
	Logger *slog.Logger

	running sync.Mutex
	mu      sync.Mutex
	found   map[string]int64 // drifts since the start, by kind
}

// Kinds of drift.
const (
	DriftEdited     = "edited"     // changed in Jira
	DriftMoved      = "moved"      // moved to another project in Jira
	DriftUntold     = "untold"     // changed here, and not told to Jira
	DriftMissing    = "missing"    // no search finds it: deleted, hidden, or without its label
	DriftUnrecorded = "unrecorded" // made in Jira, and not recorded here
	DriftBack       = "back"       // it was lost, and is there again
	DriftCopy       = "copy"       // somebody has copied a ticket of ours, with its labels
)

// DriftKinds are all of them.
var DriftKinds = []string{DriftEdited, DriftMoved, DriftUntold, DriftMissing, DriftUnrecorded, DriftBack, DriftCopy}

// JiraDrift is one thing that is not on one side as it is on the other.
type JiraDrift struct {
	Incident string   `json:"incident"`         // "INC-42"
	N        int      `json:"n,omitempty"`      // number of the follow-up; 0: the postmortem
	Key      string   `json:"key"`              // of the issue
	What     string   `json:"what"`             // one of the kinds
	Fields   []string `json:"fields,omitempty"` // that differ
	Did      string   `json:"did"`              // what was done about it, in words
}

// JiraReport is what one run has found.
type JiraReport struct {
	At      time.Time   `json:"at"`
	Tickets int         `json:"tickets"` // that were compared
	Issues  int         `json:"issues"`  // that were found in Jira
	Drifts  []JiraDrift `json:"drifts"`  // of incidents that are not private
	Private int         `json:"private"` // how many of those that are
	More    int         `json:"more"`    // beyond those that are listed
}

const (
	driftKey     = "jira/drift" // holds the last report
	maxDrifts    = 200
	jiraWindow   = 90 * 24 * time.Hour
	searchLag    = 90 * time.Second // what searches may lag behind
	rowsAtATime  = 200
	didSync      = "it is read again and brought in line"
	didAdopt     = "it is recorded as the ticket"
	didNothing   = "nothing: take its label away, or leave it"
	didRecovered = "it is linked again"
)

// Counts returns how many drifts were found since the start, by kind.
func (r *JiraReconciler) Counts() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int64, len(r.found))
	for k, n := range r.found {
		out[k] = n
	}
	return out
}

// LastJiraReport returns the report of the last run, or false where there was
// none yet.
func LastJiraReport(ctx context.Context, store incident.Store) (report JiraReport, ok bool, err error) {
	err = store.View(ctx, func(tx incident.Tx) error {
		value, err := tx.Key(driftKey, true)
		if ok = value != ""; err != nil || !ok {
			return err
		}
		return json.Unmarshal([]byte(value), &report)
	})
	return report, ok, err
}

// jiraRun is one run.
type jiraRun struct {
	*JiraReconciler
	report JiraReport
	issues map[string]*jira.Issue // by id; those that were looked at are taken out
	order  []string               // their ids, oldest first
	marked map[string]string      // id of the oldest issue with a marker
}

// Run compares once, and can be repeated after an error.
func (r *JiraReconciler) Run(ctx context.Context) (JiraReport, error) {
	r.running.Lock()
	defer r.running.Unlock()
	start := r.Now().UTC()
	window := r.Window
	if window <= 0 {
		window = jiraWindow
	}
	run := &jiraRun{JiraReconciler: r, report: JiraReport{At: start, Drifts: []JiraDrift{}}, issues: map[string]*jira.Issue{}, marked: map[string]string{}}
	err := r.API.Search(ctx, jira.Query{Labels: []string{r.Label}, UpdatedSince: start.Add(-window)}, func(i jira.Issue) bool {
		run.issues[i.ID] = &i
		run.order = append(run.order, i.ID)
		for _, l := range i.Labels {
			if _, _, ok := incident.ParseTicketMarker(r.Label, l); ok && run.marked[l] == "" {
				run.marked[l] = i.ID
			}
		}
		return true
	})
	if err != nil {
		return run.report, fmt.Errorf("search for imbot's tickets in Jira: %w", err)
	}
	run.report.Issues = len(run.issues)
	if err := run.scan(ctx, start.Add(-window)); err != nil {
		return run.report, err
	}
	if err := run.rest(ctx); err != nil {
		return run.report, err
	}
	return run.report, run.keep(ctx)
}

// scan compares the tickets of all incidents that began since.
func (r *jiraRun) scan(ctx context.Context, since time.Time) error {
	var after incident.Cursor
	for {
		var batch []*incident.Incident
		err := r.Store.View(ctx, func(tx incident.Tx) error {
			batch = batch[:0]
			var rows []incident.Row
			err := tx.Rows(after, false, func(row incident.Row) bool {
				if row.OpenedAt.Before(since) {
					return false
				}
				rows = append(rows, row)
				return len(rows) < rowsAtATime
			})
			for _, row := range rows {
				inc, getErr := tx.Incident(row.ID)
				if getErr != nil {
					return errors.Join(err, getErr)
				}
				batch = append(batch, inc)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read incidents: %w", err)
		}
		for _, inc := range batch {
			if err := r.compareAll(ctx, inc); err != nil {
				return err
			}
		}
		if len(batch) < rowsAtATime {
			return nil
		}
		last := batch[len(batch)-1]
		after = incident.Cursor{OpenedAt: last.OpenedAt, ID: last.ID}
	}
}

func (r *jiraRun) compareAll(ctx context.Context, inc *incident.Incident) error {
	for n, t := range inc.Tickets() {
		issue := r.issues[t.ID]
		if t.ID == "" {
			issue = r.issues[r.marked[incident.TicketMarker(r.Label, inc.ID, n)]]
		}
		if issue != nil {
			delete(r.issues, issue.ID)
		}
		if err := r.compare(ctx, inc, n, t, issue); err != nil {
			return err
		}
	}
	return nil
}

// compare looks at one ticket; issue is nil where the search has none.
func (r *jiraRun) compare(ctx context.Context, inc *incident.Incident, n int, t *incident.Ticket, issue *jira.Issue) error {
	d := JiraDrift{Incident: inc.ID.String(), N: n, Key: t.Key, Did: didSync}
	step := incident.TicketChange{Step: incident.TicketSeen, N: n}
	switch {
	case t.State == incident.TicketAsked && issue != nil:
		busy, err := r.underWay(ctx, inc.ID, n)
		if err != nil || busy {
			return err
		}
		d.Key, d.What, d.Did = issue.Key, DriftUnrecorded, didAdopt
		step = r.adopt(n, issue)
	case t.State == incident.TicketGone && issue != nil:
		d.Key, d.What, d.Did = issue.Key, DriftBack, didRecovered
		step = incident.TicketChange{Step: incident.TicketFound, N: n, ID: issue.ID, Key: issue.Key, URL: issue.URL}
	case !t.Made():
		return nil
	case issue == nil:
		d.What = DriftMissing
	default:
		d.What, d.Fields = r.differences(inc, n, t, issue)
	}
	r.report.Tickets++
	place := d.Key
	if issue != nil { // somebody may have moved it where it belongs
		place = issue.Key
	}
	if d.What == "" || inc.Private && (r.PrivateProject == "" || projectOf(place) != r.PrivateProject) {
		return nil
	}
	// A search may not know yet of what was made or changed a moment ago: that is
	// looked at all the same, but it is no news.
	if fresh := r.report.At.Sub(inc.UpdatedAt) < searchLag; !fresh || step.Step != incident.TicketSeen {
		r.tell(inc, d)
	}
	_, err := r.Service.Do(ctx, incident.Command{
		Verb: incident.TicketStep, Incident: inc.ID, Actor: incident.Jira, Source: incident.SourceJira, Args: incident.Args{Ticket: &step},
	})
	return err
}

func (r *jiraRun) differences(inc *incident.Incident, n int, t *incident.Ticket, issue *jira.Issue) (what string, fields []string) {
	here, there := inc.TicketFields(n), r.Fields(n, issue)
	names := []string{incident.FieldTitle, incident.FieldDone, incident.FieldDue, incident.FieldOwner}
	if n == 0 {
		names = []string{incident.FieldDone}
	}
	for _, f := range names {
		switch {
		case there.Get(f) != t.There.Get(f):
			what = DriftEdited
		case here.Get(f) == t.Here.Get(f):
			continue
		case what == "":
			what = DriftUntold
		}
		fields = append(fields, f)
	}
	if issue.Key != t.Key {
		what, fields = DriftMoved, append(fields, "key")
	}
	return what, fields
}

// adopt records an issue of which nothing else is known: what is different here
// counts.
func (r *jiraRun) adopt(n int, issue *jira.Issue) incident.TicketChange {
	there := r.Fields(n, issue)
	c := incident.TicketChange{Step: incident.TicketFound, N: n, ID: issue.ID, Key: issue.Key, URL: issue.URL}
	names := []string{incident.FieldTitle, incident.FieldDone, incident.FieldDue, incident.FieldOwner}
	if n == 0 {
		names = []string{incident.FieldDone}
	}
	for _, f := range names {
		c.Fields = append(c.Fields, incident.FieldSync{Field: f, There: there.Get(f)})
	}
	return c
}

// underWay reports whether the effect that makes a ticket will still be run: it
// looks for what is there itself.
func (r *jiraRun) underWay(ctx context.Context, id incident.ID, n int) (bool, error) {
	waits := false
	err := r.Store.View(ctx, func(tx incident.Tx) error {
		waits = false
		all, err := tx.Effects(id)
		for _, e := range all {
			kind := incident.KindTask
			if n == 0 {
				kind = incident.KindTicket
			}
			waits = waits || e.State == incident.EffectWaiting && e.Kind == kind && (n == 0 || e.Key == fmt.Sprintf("%s/%s/%d", id, kind, n))
		}
		return err
	})
	return waits, err
}

// rest looks at what was found of older incidents, and at what belongs to none.
func (r *jiraRun) rest(ctx context.Context) error {
	for _, issueID := range r.order {
		issue := r.issues[issueID]
		if issue == nil {
			continue
		}
		id, n, err := findTicket(ctx, r.Store, r.Label, issue)
		if err != nil {
			return err
		}
		inc, err := r.owner(ctx, id, issue)
		if err != nil || inc == nil {
			if err != nil {
				return err
			}
			continue
		}
		if id == 0 {
			r.tell(inc, JiraDrift{Incident: inc.ID.String(), Key: issue.Key, What: DriftCopy, Did: didNothing})
			continue
		}
		if err := r.compare(ctx, inc, n, inc.Ticket(n), issue); err != nil {
			return err
		}
	}
	return nil
}

// owner is the incident of this id, or else the one that the issue's marker
// names; nil where there is none.
func (r *jiraRun) owner(ctx context.Context, id incident.ID, issue *jira.Issue) (*incident.Incident, error) {
	for _, l := range issue.Labels {
		if marked, _, ok := incident.ParseTicketMarker(r.Label, l); ok && id == 0 {
			id = marked
		}
	}
	if id == 0 {
		return nil, nil
	}
	var inc *incident.Incident
	err := r.Store.View(ctx, func(tx incident.Tx) (err error) {
		inc, err = tx.Incident(id)
		return err
	})
	if errors.Is(err, incident.ErrNotFound) {
		return nil, nil
	}
	return inc, err
}

// tell counts, lists and logs a drift; of a private incident it counts only.
func (r *jiraRun) tell(inc *incident.Incident, d JiraDrift) {
	r.mu.Lock()
	if r.found == nil {
		r.found = map[string]int64{}
	}
	r.found[d.What]++
	r.mu.Unlock()
	switch {
	case inc.Private:
		r.report.Private++
		return
	case len(r.report.Drifts) >= maxDrifts:
		r.report.More++
	default:
		r.report.Drifts = append(r.report.Drifts, d)
	}
	r.Logger.Info("webhook.JiraReconciler drift", "incident", d.Incident, "n", d.N, "key", d.Key, "what", d.What, "fields", d.Fields, "did", d.Did)
}

func (r *jiraRun) keep(ctx context.Context) error {
	b, err := json.Marshal(r.report)
	if err != nil {
		return err
	}
	return r.Store.Update(ctx, func(tx incident.Tx) error { return tx.PutKey(driftKey, string(b), true) })
}

func projectOf(key string) string {
	for i := range len(key) {
		if key[i] == '-' {
			return key[:i]
		}
	}
	return ""
}
