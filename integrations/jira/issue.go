package jira

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	gojira "github.com/andygrunwald/go-jira"

	"imbot/integrations/internal/fit"
)

// Status categories: every status of every workflow has one of them, whatever
// it is called. https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-workflow-status-categories/
const (
	CategoryNew           = "new"           // to do
	CategoryIndeterminate = "indeterminate" // in progress
	CategoryDone          = "done"
)

// Issue is an issue as Jira has it.
type Issue struct {
	ID       string // "10001"; the same for ever
	Key      string // "OPS-1"; another one once the issue is moved to another project
	URL      string // its page for people; "" in webhooks
	Type     string // name, such as "Task"
	Summary  string
	Status   string // name
	Category string // of the status: one of the Category constants; "" or "undefined" at odd times
	Priority string // name; may be empty
	Labels   []string
	Due      string // such as "2026-01-31"; "" for none
	Assignee *User  // nil for nobody
	Created  time.Time
	Updated  time.Time
}

// Done reports whether the issue's status is of the category done.
func (i *Issue) Done() bool { return i.Category == CategoryDone }

// issueFields are what Issue needs: searches return no fields but those named.
var issueFields = []string{"summary", "status", "issuetype", "priority", "labels", "duedate", "assignee", "created", "updated"}

func (s Server) issue(w *gojira.Issue) Issue {
	i := Issue{ID: w.ID, Key: w.Key, URL: s.browse(w.Key)}
	f := w.Fields
	if f == nil {
		return i
	}
	i.Summary, i.Type, i.Labels = f.Summary, f.Type.Name, f.Labels
	i.Created, i.Updated = time.Time(f.Created).UTC(), time.Time(f.Updated).UTC()
	if due := time.Time(f.Duedate); !due.IsZero() {
		i.Due = due.Format(time.DateOnly)
	}
	if f.Status != nil {
		i.Status, i.Category = f.Status.Name, f.Status.StatusCategory.Key
	}
	if f.Priority != nil {
		i.Priority = f.Priority.Name
	}
	if f.Assignee != nil {
		u := userOf(f.Assignee)
		i.Assignee = &u
	}
	return i
}

// Issue returns an issue by its key or id. It is up to date, other than what a
// search returns. If there is none it returns an *Error with NotFound.
func (c *Client) Issue(ctx context.Context, key string) (Issue, error) {
	op := "read " + key
	if err := checkKey(op, key); err != nil {
		return Issue{}, err
	}
	server, err := c.Server(ctx)
	if err != nil {
		return Issue{}, err
	}
	var got *gojira.Issue
	err = c.call(ctx, op, func(ctx context.Context, api *gojira.Client) (err error) {
		got, _, err = api.Issue.GetWithContext(ctx, key, &gojira.GetQueryOptions{Fields: strings.Join(issueFields, ",")})
		return err
	})
	if err != nil {
		return Issue{}, err
	}
	return server.issue(got), nil
}

// NewIssue describes an issue to create. Which fields a project takes and wants
// is in its Meta, see [Client.CreateMeta] and [Meta.Fit].
type NewIssue struct {
	Project     string         // key; default Config.Project
	Type        string         // id, or name in the language of the client's user. Required
	Summary     string         // one line, shortened to MaxSummary. Required
	Description string         // wiki markup, shortened to MaxText; see Plain
	Priority    string         // id or name
	Due         string         // such as "2026-01-31"
	Assignee    string         // User.Ref
	Labels      []string       // without spaces, at most 255 characters each
	Fields      map[string]any // other fields by id, such as "customfield_10010", in Jira's form

	// Marker is one more label, which no other issue has. By it the issue is
	// found if the answer to its creation gets lost.
	Marker string
}

// Created is what Jira says about a new issue.
type Created struct {
	ID  string
	Key string
	URL string
}

var labelPattern = regexp.MustCompile(`^[^\s"\\\p{Cc}]{1,255}$`)

// Create creates an issue. Jira recognises no repeated request: after an error
// with MayBeDone another attempt may make a second issue, see CreateOnce.
func (c *Client) Create(ctx context.Context, n NewIssue) (Created, error) {
	const op = "create an issue"
	server, err := c.Server(ctx)
	if err != nil {
		return Created{}, err
	}
	fields, err := c.fields(op, server, n)
	if err != nil {
		return Created{}, err
	}
	var made *gojira.Issue
	err = c.call(ctx, op, func(ctx context.Context, api *gojira.Client) (err error) {
		// The fields go as Unknowns, for the library's own assignee would carry
		// an empty password.
		made, _, err = api.Issue.CreateWithContext(ctx, &gojira.Issue{Fields: &gojira.IssueFields{Unknowns: fields}})
		if err == nil && !keyPattern.MatchString(made.Key) {
			err = fmt.Errorf("the issue's key is %.40q", made.Key)
		}
		return err
	})
	if err != nil {
		return Created{}, err
	}
	return Created{ID: made.ID, Key: made.Key, URL: server.browse(made.Key)}, nil
}

// fields returns n in Jira's form, or says what is wrong with it.
func (c *Client) fields(op string, server Server, n NewIssue) (map[string]any, error) {
	if n.Project == "" {
		n.Project = c.project
	}
	n.Summary = fit.UTF16(fit.Line(n.Summary, 4*MaxSummary), MaxSummary)
	switch {
	case !projectPattern.MatchString(n.Project):
		return nil, invalid(op, fmt.Sprintf("%.40q is no project key: configure one", n.Project))
	case n.Type == "":
		return nil, invalid(op, "the issue type is missing: configure one")
	case n.Summary == "":
		return nil, invalid(op, "the summary is empty")
	case n.Due != "" && text(n.Due).date() == "":
		return nil, invalid(op, fmt.Sprintf("the due date %.40q is no date like 2026-01-31", n.Due))
	}
	f := make(map[string]any)
	for id, value := range n.Fields {
		f[id] = value
	}
	f["project"] = map[string]string{"key": n.Project}
	f["issuetype"] = idOrName(n.Type)
	f["summary"] = n.Summary
	if n.Description != "" {
		f["description"] = fit.UTF16(n.Description, MaxText)
	}
	if n.Priority != "" {
		f["priority"] = idOrName(n.Priority)
	}
	if n.Due != "" {
		f["duedate"] = n.Due
	}
	if n.Assignee != "" {
		f["assignee"] = server.assignee(n.Assignee)
	}
	labels := n.Labels
	if n.Marker != "" {
		labels = append(labels[:len(labels):len(labels)], n.Marker)
	}
	for _, l := range labels {
		if !labelPattern.MatchString(l) {
			return nil, invalid(op, fmt.Sprintf("%.40q can't be a label: no spaces, quotes or backslashes, at most %d characters", l, maxLabel))
		}
	}
	if len(labels) > 0 {
		f["labels"] = labels
	}
	return f, nil
}

func idOrName(s string) map[string]string {
	if idPattern.MatchString(s) {
		return map[string]string{"id": s}
	}
	return map[string]string{"name": s}
}

// CreateOnce creates an issue with a Marker unless there is one with it. tried
// is when the last attempt was made whose outcome is not known: the zero time
// says that there was none, so that nothing has to be looked for. An attempt's
// outcome is known if it gave no error, or one without MayBeDone. A caller that
// crashed does not know, either.
//
// As long as a search may not know yet of an issue made at tried, it returns an
// error that is not permanent and whose RetryAfter says when it will. So calls
// for one marker must not overlap, and tried must be stored before the call.
func (c *Client) CreateOnce(ctx context.Context, n NewIssue, tried time.Time) (Created, error) {
	if n.Marker == "" {
		return Created{}, invalid("create an issue", "the marker is missing")
	}
	if !tried.IsZero() {
		found, ok, err := c.FindByMarker(ctx, n.Marker, tried)
		if err != nil {
			return Created{}, err
		}
		if ok {
			return Created{ID: found.ID, Key: found.Key, URL: found.URL}, nil
		}
	}
	return c.Create(ctx, n)
}

// FindByMarker returns the issue that was created with this marker, at tried or
// before, in whatever project it is now. Of several it is the oldest. ok is
// false if there is none for sure. Before Config.Timeout and Config.Settle have
// passed since tried that is not sure, since searches lag behind: then it returns
// an error that is not permanent, with RetryAfter. The zero time says that it was
// long ago.
func (c *Client) FindByMarker(ctx context.Context, marker string, tried time.Time) (found Issue, ok bool, err error) {
	const op = "look for an issue by its marker"
	if !labelPattern.MatchString(marker) {
		return Issue{}, false, invalid(op, fmt.Sprintf("%.40q can't be a label", marker))
	}
	asked := c.now()
	err = c.Search(ctx, Query{Labels: []string{marker}}, func(i Issue) bool {
		for _, l := range i.Labels {
			ok = ok || l == marker
		}
		if ok {
			found = i
		}
		return !ok
	})
	if err != nil || ok {
		return found, ok, err
	}
	// The request may have been under way for as long as it is waited for.
	if wait := tried.Add(c.timeout + c.settle).Sub(asked); !tried.IsZero() && wait > 0 {
		return Issue{}, false, &Error{
			Product: product, Op: op, Status: http.StatusOK, Wait: wait,
			Message: fmt.Sprintf("none yet, but searches may know of it in %s only", wait.Round(time.Second)),
		}
	}
	return Issue{}, false, nil
}
