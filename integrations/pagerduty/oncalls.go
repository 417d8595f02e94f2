package pagerduty

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// OnCallQuery says whose duty to ask for. It names schedules or escalation
// policies: of both, only what fits both is returned, so name one kind.
type OnCallQuery struct {
	Schedules []string // ids
	Policies  []string // ids

	// Since and Until bound the time asked for: every turn that overlaps with it
	// is returned. Zero means now. PagerDuty knows turns of the next 90 days.
	Since, Until time.Time

	// Earliest leaves only the first turn of each policy, level and user.
	Earliest bool
}

// OnCall is one turn of one user.
type OnCall struct {
	User     OnCallUser
	Schedule *Reference // nil for a user whom the policy names itself
	Policy   Reference  // the escalation policy by which the user is on call
	Level    int        // of the policy; 1 is told first

	// Start and End are the whole turn's, also where it reaches beyond the time
	// asked for; End is exclusive. Zero means always: since ever, and for good.
	Start, End time.Time
}

// OnCallUser is who is on call.
type OnCallUser struct {
	ID, Name string
	Mail     string // empty where the token may not see it
}

// OnCalls returns who is on call, in PagerDuty's order. A user who is on call by
// several policies or levels is there for each.
//
// PagerDuty derives these from escalation policies: of a schedule that no
// escalation policy uses, nothing is returned.
// https://developer.pagerduty.com/api-reference/ (GET /oncalls)
func (c *Client) OnCalls(ctx context.Context, q OnCallQuery) ([]OnCall, error) {
	const op = "ask who is on call"
	if len(q.Schedules)+len(q.Policies) == 0 {
		return nil, &Error{Op: op, Status: http.StatusBadRequest, Message: "neither a schedule nor an escalation policy is named"}
	}
	query := url.Values{"include[]": {"users"}}
	for name, ids := range map[string][]string{"schedule_ids[]": q.Schedules, "escalation_policy_ids[]": q.Policies} {
		for _, id := range ids {
			if err := checkID(op, id); err != nil {
				return nil, err
			}
			query.Add(name, id)
		}
	}
	if !q.Since.IsZero() {
		query.Set("since", stamp(q.Since))
	}
	if !q.Until.IsZero() {
		query.Set("until", stamp(q.Until))
	}
	if q.Earliest {
		query.Set("earliest", "true")
	}
	var out []OnCall
	err := c.each(ctx, op, "/oncalls", query, func(p *wirePage) int {
		out = append(out, p.onCalls()...)
		return len(p.OnCalls)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type wireOnCall struct {
	User struct {
		wireRef
		Name  text `json:"name"`
		Email text `json:"email"`
	} `json:"user"`
	Schedule *wireRef `json:"schedule"`
	Policy   wireRef  `json:"escalation_policy"`
	Level    text     `json:"escalation_level"`
	Start    text     `json:"start"`
	End      text     `json:"end"`
}

// onCalls leaves out what names nobody.
func (p *wirePage) onCalls() []OnCall {
	var out []OnCall
	for i := range p.OnCalls {
		if o := p.OnCalls[i].onCall(); o.User.ID != "" {
			out = append(out, o)
		}
	}
	return out
}

func (w *wireOnCall) onCall() OnCall {
	o := OnCall{
		User:     OnCallUser{ID: string(w.User.ID), Name: string(w.User.Name), Mail: string(w.User.Email)},
		Schedule: w.Schedule.pointer(), Policy: w.Policy.reference(), Level: int(w.Level.int()),
		Start: w.Start.time(), End: w.End.time(),
	}
	if o.User.Name == "" {
		o.User.Name = string(w.User.Summary)
	}
	return o
}
