package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gojira "github.com/andygrunwald/go-jira"

	"imbot/integrations/internal/fit"
)

// Update is a change of an issue's fields. nil leaves a field as it is.
type Update struct {
	Summary   *string
	Due       *string // such as "2026-01-31"; "" clears it
	Assignee  *string // User.Ref; "" for nobody
	AddLabels []string
}

// Update changes an issue's fields. Making the same change again is no error.
func (c *Client) Update(ctx context.Context, key string, u Update) error {
	op := "change " + key
	if err := checkKey(op, key); err != nil {
		return err
	}
	fields := map[string]any{}
	if u.Summary != nil {
		summary := fit.UTF16(fit.Line(*u.Summary, 4*MaxSummary), MaxSummary)
		if summary == "" {
			return invalid(op, "the summary is empty")
		}
		fields["summary"] = summary
	}
	if u.Due != nil {
		switch {
		case *u.Due == "":
			fields["duedate"] = nil
		case text(*u.Due).date() == "":
			return invalid(op, fmt.Sprintf("the due date %.40q is no date like 2026-01-31", *u.Due))
		default:
			fields["duedate"] = *u.Due
		}
	}
	if u.Assignee != nil {
		server, err := c.Server(ctx)
		if err != nil {
			return err
		}
		fields["assignee"] = server.assignee(*u.Assignee)
	}
	var labels []any
	for _, l := range u.AddLabels {
		if !labelPattern.MatchString(l) {
			return invalid(op, fmt.Sprintf("%.40q can't be a label", l))
		}
		labels = append(labels, map[string]string{"add": l})
	}
	body := map[string]any{}
	if len(fields) > 0 {
		body["fields"] = fields
	}
	if len(labels) > 0 {
		body["update"] = map[string]any{"labels": labels}
	}
	if len(body) == 0 {
		return nil
	}
	return c.done(ctx, op, func(ctx context.Context, api *gojira.Client) error {
		_, err := api.Issue.UpdateIssueWithContext(ctx, key, body)
		return err
	})
}

// transition is a step that an issue's workflow allows now. The library's type
// lacks what is needed to fill in the fields.
type transition struct {
	ID          text  `json:"id"`
	Name        text  `json:"name"`
	IsAvailable *bool `json:"isAvailable"`
	To          struct {
		Name     text `json:"name"`
		Category struct {
			Key text `json:"key"`
		} `json:"statusCategory"`
	} `json:"to"`
	Fields map[string]wireField `json:"fields"`
}

// Transition moves an issue into a status of a category, one of the Category
// constants, by one step of its workflow, and returns the issue as it is then.
// If it is in that category already, nothing happens. Of several steps it takes
// the first that asks for no fields; a resolution is filled in where that is all
// that is asked for. If there is no such step it returns a permanent error that
// says what there is.
func (c *Client) Transition(ctx context.Context, key, category string) (Issue, error) {
	op := fmt.Sprintf("move %.40s to %.40s", key, category)
	if !slices.Contains([]string{CategoryNew, CategoryIndeterminate, CategoryDone}, category) {
		return Issue{}, invalid(op, "there is no such status category")
	}
	issue, err := c.Issue(ctx, key)
	if err != nil || issue.Category == category {
		return issue, err
	}
	var answer struct {
		Transitions []transition `json:"transitions"`
	}
	path := "rest/api/2/issue/" + key + "/transitions"
	if err := c.send(ctx, op, http.MethodGet, path, url.Values{"expand": {"transitions.fields"}}, nil, &answer); err != nil {
		return Issue{}, err
	}
	step, fields, why := choose(answer.Transitions, category)
	if step == nil {
		return issue, &Error{Product: product, Op: op, Message: fit.Line(fmt.Sprintf("from %q %s: do it by hand, or let a Jira administrator add a transition", issue.Status, why), 500), Final: true}
	}
	body := map[string]any{"transition": map[string]string{"id": string(step.ID)}}
	if len(fields) > 0 {
		body["fields"] = fields
	}
	err = c.done(ctx, op, func(ctx context.Context, api *gojira.Client) error {
		_, err := api.Issue.DoTransitionWithPayloadWithContext(ctx, key, body)
		return err
	})
	if err != nil {
		return issue, err
	}
	issue.Status, issue.Category = string(step.To.Name), category
	return issue, nil
}

// choose returns the step to take and the fields to fill in, or why there is none.
func choose(all []transition, category string) (*transition, map[string]any, string) {
	var others, asking []string
	var second *transition
	var secondFields map[string]any
	for i := range all {
		t := &all[i]
		if t.IsAvailable != nil && !*t.IsAvailable {
			continue
		}
		if string(t.To.Category.Key) != category {
			others = append(others, fmt.Sprintf("%q", t.Name))
			continue
		}
		fields, missing := t.fill()
		switch {
		case len(missing) > 0:
			asking = append(asking, fmt.Sprintf("%q, which asks for %s", t.Name, strings.Join(missing, ", ")))
		case len(fields) == 0:
			return t, nil, ""
		case second == nil:
			second, secondFields = t, fields
		}
	}
	switch {
	case second != nil:
		return second, secondFields, ""
	case len(asking) > 0:
		return nil, nil, "there is only " + strings.Join(asking, " and ")
	case len(others) > 0:
		return nil, nil, "the workflow leads only to " + strings.Join(others, ", ")
	}
	return nil, nil, "the workflow has no step for this user"
}

// fill returns the required fields that can be filled in, and the names of the
// others.
func (t *transition) fill() (fields map[string]any, missing []string) {
	for id, f := range t.Fields {
		if !f.Required || f.HasDefault {
			continue
		}
		values := f.values()
		if id != "resolution" || len(values) == 0 {
			missing = append(missing, firstOf(string(f.Name), id))
			continue
		}
		pick := values[0]
		for _, v := range values {
			if name := strings.ToLower(v.Name); name == "done" || name == "fixed" {
				pick = v
				break
			}
		}
		fields = map[string]any{"resolution": map[string]string{"id": pick.ID}}
	}
	slices.Sort(missing)
	return fields, missing
}

// Link is a link from an issue to something outside of Jira.
type Link struct {
	GlobalID string // identifies the link for this issue, at most 255 characters. Required
	URL      string // absolute. Required
	Title    string // one line. Required
	Summary  string // one line after the title
	Relation string // such as "mentioned in"; groups links
	Resolved bool   // the title is struck through
}

// SetLink adds a link to an issue, or replaces the one with this GlobalID.
// Doing it again is no error.
func (c *Client) SetLink(ctx context.Context, key string, l Link) error {
	op := "link " + key
	if err := checkKey(op, key); err != nil {
		return err
	}
	u, err := url.Parse(l.URL)
	l.Title = fit.Line(l.Title, 255)
	if err != nil || u.Host == "" || l.Title == "" || l.GlobalID == "" || len(l.GlobalID) > 255 {
		return invalid(op, "a link needs an absolute URL, a title, and a global id of at most 255 characters")
	}
	return c.done(ctx, op, func(ctx context.Context, api *gojira.Client) error {
		_, _, err := api.Issue.AddRemoteLinkWithContext(ctx, key, &gojira.RemoteLink{
			GlobalID: l.GlobalID, Relationship: fit.Line(l.Relation, 255),
			Object: &gojira.RemoteLinkObject{
				URL: l.URL, Title: l.Title, Summary: fit.Line(l.Summary, 255),
				Status: &gojira.RemoteLinkStatus{Resolved: l.Resolved},
			},
		})
		return err
	})
}

// Comment is a comment on an issue.
type Comment struct {
	ID      string
	Body    string // wiki markup
	Author  User
	Created time.Time
}

type wireComment struct {
	ID      text            `json:"id"`
	Body    json.RawMessage `json:"body"`
	Author  *wireUser       `json:"author"`
	Created text            `json:"created"`
}

func (w *wireComment) comment() Comment {
	var body text
	_ = body.UnmarshalJSON(w.Body) // never fails; it is no text where a webhook is of version 3
	out := Comment{ID: string(w.ID), Body: string(body), Created: w.Created.time()}
	if u := w.Author.user(); u != nil {
		out.Author = *u
	}
	return out
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
