package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"
)

// MaxDetails bounds the custom details of an alert that are kept.
const MaxDetails = 16 << 10

// Alert is one of the alerts that an incident is made of: what a monitor said.
type Alert struct {
	ID        string
	Key       string // the deduplication key that the monitor sent
	Summary   string
	Status    string // "triggered" or "resolved"
	Severity  string // "info", "warning", "error" or "critical"; may be empty
	CreatedAt time.Time
	Service   Reference
	Client    string // the monitor's name, such as "New Relic"; may be empty
	Link      string // http(s) URL of the alert at its source; may be empty
	HTMLURL   string // in PagerDuty

	// Details are the custom details that the monitor sent, compact JSON: an
	// object mostly, but any JSON value may come. nil if there are none, or if
	// they are longer than MaxDetails.
	Details json.RawMessage
	// DetailsOmitted says that there are details which were too long.
	DetailsOmitted bool
}

// Alerts returns the alerts of an incident, oldest first.
func (c *Client) Alerts(ctx context.Context, id string) ([]Alert, error) {
	op := "read the alerts of " + id
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	var out []Alert
	err := c.each(ctx, op, "/incidents/"+id+"/alerts", url.Values{"sort_by": {"created_at:asc"}}, func(p *wirePage) int {
		for i := range p.Alerts {
			out = append(out, p.Alerts[i].alert())
		}
		return len(p.Alerts)
	})
	if err != nil {
		return nil, err
	}
	sortByTime(out, func(a Alert) time.Time { return a.CreatedAt })
	return out, nil
}

func sortByTime[T any](all []T, at func(T) time.Time) {
	slices.SortStableFunc(all, func(a, b T) int { return at(a).Compare(at(b)) })
}

type wireAlert struct {
	wireRef
	AlertKey  text     `json:"alert_key"`
	Status    text     `json:"status"`
	Severity  text     `json:"severity"`
	CreatedAt text     `json:"created_at"`
	Service   *wireRef `json:"service"`
	Body      struct {
		Contexts []struct {
			Type text `json:"type"`
			Href text `json:"href"`
		} `json:"contexts"`
		Details json.RawMessage `json:"details"`
		CEF     struct {        // what an event of the Events API v2 said
			Client    text            `json:"client"`
			ClientURL text            `json:"client_url"`
			Severity  text            `json:"severity"`
			Details   json.RawMessage `json:"details"`
		} `json:"cef_details"`
	} `json:"body"`
}

func (w *wireAlert) alert() Alert {
	a := Alert{
		ID: string(w.ID), Key: string(w.AlertKey), Summary: string(w.Summary), Status: string(w.Status),
		Severity: string(w.Severity), CreatedAt: w.CreatedAt.time(),
		Client: string(w.Body.CEF.Client), HTMLURL: string(w.HTMLURL),
	}
	if w.Service != nil {
		a.Service = w.Service.reference()
	}
	if a.Severity == "" {
		a.Severity = string(w.Body.CEF.Severity)
	}
	a.Link = webLink(string(w.Body.CEF.ClientURL))
	for _, c := range w.Body.Contexts {
		if a.Link == "" && c.Type == "link" {
			a.Link = webLink(string(c.Href))
		}
	}
	if a.Details, a.DetailsOmitted = details(w.Body.Details); a.Details == nil && !a.DetailsOmitted {
		a.Details, a.DetailsOmitted = details(w.Body.CEF.Details)
	}
	return a
}

// details returns raw in compact form, nil if it says nothing, or omitted if it
// is too long.
func details(raw json.RawMessage) (_ json.RawMessage, omitted bool) {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil, false
	}
	switch s := b.String(); {
	case s == "", s == "null", s == "{}", s == `""`:
		return nil, false
	case len(s) > MaxDetails:
		return nil, true
	default:
		return json.RawMessage(s), false
	}
}
