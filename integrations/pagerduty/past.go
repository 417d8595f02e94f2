package pagerduty

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// CountIncidents returns how many incidents of every status were created from
// since until until: as many as [Client.Incidents] lists, or a few more, since
// what lies between two of the ranges that it asks for counts in both. It costs
// one request for each half year.
func (c *Client) CountIncidents(ctx context.Context, since, until time.Time) (int, error) {
	since, until = since.Truncate(time.Second), until.Truncate(time.Second)
	n := 0
	for since.Before(until) {
		end := until
		if end.Sub(since) > maxRange {
			end = since.Add(maxRange)
		}
		query := url.Values{
			"since": {stamp(since)}, "until": {stamp(end)}, "statuses[]": {StatusTriggered, StatusAcknowledged, StatusResolved},
			"limit": {"1"}, "total": {"true"},
		}
		var answer struct {
			Total text `json:"total"`
		}
		if err := c.send(ctx, "count incidents", http.MethodGet, "/incidents?"+query.Encode(), "", nil, &answer); err != nil {
			return 0, err
		}
		n += int(answer.Total.int())
		since = end
	}
	return n, nil
}

// Priorities returns the priorities of the account, highest first: none where
// priorities are not in use.
func (c *Client) Priorities(ctx context.Context) ([]Reference, error) {
	var out []Reference
	err := c.each(ctx, "list priorities", "/priorities", url.Values{}, func(p *wirePage) int {
		for _, w := range p.Priorities {
			r := w.reference()
			if w.Name != "" {
				r.Summary = string(w.Name)
			}
			out = append(out, r)
		}
		return len(p.Priorities)
	})
	return out, err
}

// PriorityChange says from what to what the priority of an incident changed; nil
// is none. At times PagerDuty gives the id only: see [Client.Priorities].
type PriorityChange struct {
	From, To *Reference
}

// wirePriority is a priority as sent.
type wirePriority struct {
	wireRef
	Name text `json:"name"`
}

func (w *wirePriority) pointer() *Reference {
	if w == nil {
		return nil
	}
	r := w.wireRef.pointer()
	if r != nil && r.Summary == "" {
		r.Summary = string(w.Name)
	}
	return r
}

// wireChannel is how something was done, with what was changed.
type wireChannel struct {
	Type text `json:"type"`
	// A priority_change_log_entry has these, though the description of the API
	// does not have the entry.
	OldPriority *wirePriority `json:"old_priority"`
	NewPriority *wirePriority `json:"new_priority"`
	// A field_value_change_log_entry has these.
	Changeset *struct {
		Fields []struct {
			Name  text `json:"name"`
			Old   text `json:"old_value"`
			Value text `json:"value"`
		} `json:"application_fields"`
	} `json:"changeset"`
}

// priority returns the change of the priority, if it is one.
func (w *wireChannel) priority() *PriorityChange {
	if w.OldPriority != nil || w.NewPriority != nil {
		return &PriorityChange{From: w.OldPriority.pointer(), To: w.NewPriority.pointer()}
	}
	if w.Changeset == nil {
		return nil
	}
	byID := func(id text) *Reference {
		if id == "" {
			return nil
		}
		return &Reference{ID: string(id), Type: "priority_reference"}
	}
	for _, f := range w.Changeset.Fields {
		if f.Name == "priority" {
			return &PriorityChange{From: byID(f.Old), To: byID(f.Value)}
		}
	}
	return nil
}
