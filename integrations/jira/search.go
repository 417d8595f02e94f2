package jira

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	gojira "github.com/andygrunwald/go-jira"
)

const (
	pageSize = 100 // issues in a page; Jira gives fewer where it likes
	// overlap is how many issues of a page are asked for once more with the
	// next, where pages are counted by position: those that leave the result
	// meanwhile move the others up.
	overlap = 10
)

// Query says which issues to find: those that all of it is true for. At least
// one part must be set, for Jira refuses to return everything.
type Query struct {
	Project      string    // key
	Labels       []string  // each of them
	Open         bool      // only those whose status is not of the category done
	UpdatedSince time.Time // changed then or later
}

// JQL returns the query in Jira's language, oldest issues first. Times are
// given as minutes before now, rounded up, with some to spare: Jira would take
// absolute ones as of the user's time zone.
// https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
func (q Query) JQL(now time.Time) string {
	var parts []string
	if q.Project != "" {
		parts = append(parts, "project = "+quote(q.Project))
	}
	for _, l := range q.Labels {
		parts = append(parts, "labels = "+quote(l))
	}
	if q.Open {
		parts = append(parts, `statusCategory != "Done"`)
	}
	if !q.UpdatedSince.IsZero() {
		minutes := max(math.Ceil(now.Sub(q.UpdatedSince).Minutes()), 0) + 2
		parts = append(parts, fmt.Sprintf("updated >= -%dm", int64(minutes)))
	}
	return strings.Join(parts, " AND ") + " ORDER BY created ASC, key ASC"
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Search calls each with the issues that q finds, oldest first, each once,
// until there are no more or it returns false. What was changed within the last
// Config.Settle may be missing, or come as it was before.
func (c *Client) Search(ctx context.Context, q Query, each func(Issue) bool) error {
	if q.Project == "" && len(q.Labels) == 0 && q.UpdatedSince.IsZero() {
		return invalid("search issues", "the search has no limits")
	}
	return c.SearchJQL(ctx, q.JQL(c.now()), func(i Issue) bool {
		if i.Updated.Before(q.UpdatedSince) { // what was to spare
			return true
		}
		return each(i)
	})
}

// SearchJQL is Search in Jira's own words. The query must be bounded, and sorted
// by something that does not change meanwhile.
func (c *Client) SearchJQL(ctx context.Context, jql string, each func(Issue) bool) error {
	server, err := c.Server(ctx)
	if err != nil {
		return err
	}
	next := c.positions(jql)
	if server.Cloud {
		next = c.tokens(jql)
	}
	seen := make(map[string]bool)
	for {
		page, more, err := next(ctx)
		if err != nil {
			return err
		}
		for i := range page {
			if seen[page[i].ID] {
				continue
			}
			if len(seen) == c.maxIssues {
				return &Error{Product: product, Op: searching, Status: http.StatusOK, Message: fmt.Sprintf("more than %d issues: search for fewer", c.maxIssues), Final: true}
			}
			seen[page[i].ID] = true
			if !each(server.issue(&page[i])) {
				return nil
			}
		}
		if !more {
			return nil
		}
	}
}

const searching = "search issues"

// pages returns one page after the other.
type pages func(ctx context.Context) (page []gojira.Issue, more bool, err error)

// tokens pages as Jira Cloud does: by tokens, without a total.
func (c *Client) tokens(jql string) pages {
	token := ""
	used := map[string]bool{"": true}
	return func(ctx context.Context) (page []gojira.Issue, more bool, err error) {
		var resp *gojira.Response
		err = c.call(ctx, searching, func(ctx context.Context, api *gojira.Client) (err error) {
			page, resp, err = api.Issue.SearchV2JQLWithContext(ctx, jql, &gojira.SearchOptionsV2{
				NextPageToken: token, MaxResults: pageSize, Fields: issueFields,
			})
			return err
		})
		if err != nil {
			return nil, false, err
		}
		token = resp.NextPageToken
		if resp.IsLast || token == "" {
			return page, false, nil
		}
		if used[token] { // it would never end
			return nil, false, &Error{Product: product, Op: searching, Status: http.StatusOK, Message: "Jira gave the same page twice"}
		}
		if used[token] = true; len(used) > 10*(c.maxIssues/pageSize+2) { // pages may be shorter, but not all
			return nil, false, &Error{Product: product, Op: searching, Status: http.StatusOK, Message: "Jira's list has no end", Final: true}
		}
		return page, true, nil
	}
}

// positions pages as Jira Data Center does: by position.
func (c *Client) positions(jql string) pages {
	start := 0
	return func(ctx context.Context) (page []gojira.Issue, more bool, err error) {
		var resp *gojira.Response
		err = c.call(ctx, searching, func(ctx context.Context, api *gojira.Client) (err error) {
			page, resp, err = api.Issue.SearchWithContext(ctx, jql, &gojira.SearchOptions{
				StartAt: start, MaxResults: pageSize, Fields: issueFields,
			})
			return err
		})
		if err != nil {
			return nil, false, err
		}
		end := start + len(page)
		start = end - min(overlap, len(page)/2)
		return page, len(page) > 0 && end < resp.Total, nil
	}
}
