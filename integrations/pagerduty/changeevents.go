package pagerduty

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ChangeEvent is what somebody has told PagerDuty about a deploy, a build or a
// setting. The shapes are those of
// https://developer.pagerduty.com/api-reference/ (Change Events), also to be had
// as https://github.com/PagerDuty/api-schema/blob/main/reference/REST/openapiv3.json.
type ChangeEvent struct {
	ID       string
	Summary  string    // at most 1024 characters, as PagerDuty has it
	Source   string    // where it happened, such as the name of a pipeline; may be empty
	At       time.Time // as the tool says that told it
	Services []Reference
	Links    []ChangeLink
	Details  json.RawMessage // what else the tool said, compact JSON; nil if nothing, or more than MaxDetails
	// Reason says why PagerDuty thinks that the change is related to an incident:
	// "most_recent", "related_service" or "intelligent". Of RelatedChangeEvents only.
	Reason string
}

// ChangeLink is a link of a change event.
type ChangeLink struct {
	Href string // http(s)
	Text string
}

// ChangeEvents returns the change events of all services from since (inclusive)
// until until (exclusive), newest first, at most limit. Zero times are no bounds;
// both are cut to whole seconds, as PagerDuty's times are.
// https://developer.pagerduty.com/api-reference/ (GET /change_events)
func (c *Client) ChangeEvents(ctx context.Context, since, until time.Time, limit int) ([]ChangeEvent, error) {
	return c.changeEvents(ctx, "list change events", "/change_events", since, until, limit)
}

// ServiceChangeEvents is ChangeEvents of one service.
// https://developer.pagerduty.com/api-reference/ (GET /services/{id}/change_events)
func (c *Client) ServiceChangeEvents(ctx context.Context, serviceID string, since, until time.Time, limit int) ([]ChangeEvent, error) {
	op := "list the change events of " + serviceID
	if err := checkID(op, serviceID); err != nil {
		return nil, err
	}
	return c.changeEvents(ctx, op, "/services/"+serviceID+"/change_events", since, until, limit)
}

// RelatedChangeEvents returns those change events that PagerDuty itself thinks
// related to an incident, at most limit.
// https://developer.pagerduty.com/api-reference/c7afb7de35741-list-related-change-events-for-an-incident
func (c *Client) RelatedChangeEvents(ctx context.Context, incidentID string, limit int) ([]ChangeEvent, error) {
	op := "list the change events related to " + incidentID
	if err := checkID(op, incidentID); err != nil {
		return nil, err
	}
	limit = min(max(limit, 1), pageSize) // it has no pages
	var answer changePage
	path := "/incidents/" + incidentID + "/related_change_events?limit=" + strconv.Itoa(limit)
	if err := c.send(ctx, op, http.MethodGet, path, "", nil, &answer); err != nil {
		return nil, err
	}
	return answer.events(nil, limit, time.Time{}, time.Time{}), nil
}

type changePage struct {
	More         bool         `json:"more"`
	ChangeEvents []wireChange `json:"change_events"`
}

type wireChange struct {
	wireRef
	Timestamp text      `json:"timestamp"`
	Source    text      `json:"source"`
	Services  []wireRef `json:"services"`
	Links     []struct {
		Href text `json:"href"`
		Text text `json:"text"`
	} `json:"links"`
	Details json.RawMessage `json:"custom_details"`
	Reason  struct {
		Reason text `json:"reason"`
	} `json:"correlation_reason"`
}

// changeEvents reads the pages of a list, newest first. What is reported while
// they are read moves the rest back by some places: those that come twice are
// left out.
func (c *Client) changeEvents(ctx context.Context, op, path string, since, until time.Time, limit int) ([]ChangeEvent, error) {
	since, until = since.Truncate(time.Second), until.Truncate(time.Second)
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", stamp(since))
	}
	if !until.IsZero() {
		query.Set("until", stamp(until))
	}
	var out []ChangeEvent
	for offset := 0; len(out) < limit && offset+pageSize <= maxOffset; {
		query.Set("limit", strconv.Itoa(pageSize))
		query.Set("offset", strconv.Itoa(offset))
		var page changePage
		if err := c.send(ctx, op, http.MethodGet, path+"?"+query.Encode(), "", nil, &page); err != nil {
			return out, err
		}
		out = page.events(out, limit, since, until)
		if !page.More || len(page.ChangeEvents) == 0 {
			break
		}
		offset += len(page.ChangeEvents)
	}
	return out, nil
}

// events adds those of the page that are new and within the bounds.
func (p *changePage) events(to []ChangeEvent, limit int, since, until time.Time) []ChangeEvent {
	known := make(map[string]bool, len(to))
	for i := range to {
		known[to[i].ID] = true
	}
	for i := range p.ChangeEvents {
		e := p.ChangeEvents[i].event()
		if e.ID == "" || known[e.ID] || len(to) == limit || e.At.Before(since) || (!until.IsZero() && !e.At.Before(until)) {
			continue
		}
		known[e.ID] = true
		to = append(to, e)
	}
	return to
}

func (w *wireChange) event() ChangeEvent {
	e := ChangeEvent{
		ID: string(w.ID), Summary: string(w.Summary), Source: string(w.Source), At: w.Timestamp.time(), Reason: string(w.Reason.Reason),
	}
	for i := range w.Services {
		if w.Services[i].ID != "" {
			e.Services = append(e.Services, w.Services[i].reference())
		}
	}
	for _, l := range w.Links {
		if href := webLink(string(l.Href)); href != "" {
			e.Links = append(e.Links, ChangeLink{Href: href, Text: string(l.Text)})
		}
	}
	e.Details, _ = details(w.Details)
	return e
}
