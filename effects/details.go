package effects

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/outbox"
	"imbot/query"
)

// Details fetches the alerts of an incident: the webhook carries none. They
// bring condition, custom details and the link to the source, and with them the
// rules for levels look a second time.
func (p *Pager) Details(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PagerData](job)
	if err != nil {
		return err
	}
	alerts, err := p.API.Alerts(ctx, d.ID)
	if err != nil {
		return err
	}
	v, err := p.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	al := AlertDetails(alerts)
	if v.Incident.Alert != nil {
		if al.Assignees, err = p.mails(ctx, v.Incident.Alert.Assignees); err != nil && job.Attempt < maxNameTries {
			return err
		}
	}
	raw, err := json.Marshal(al)
	if err != nil {
		return err
	}
	_, err = p.Service.Do(ctx, incident.Command{
		Raw:  &incident.Inbound{Source: incident.SourceAlerts, ID: d.ID, At: p.Now(), Body: raw},
		Verb: incident.Enrich, Incident: job.Incident, Source: incident.SourcePagerDuty,
		Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: "PagerDuty"},
		Keys:  []string{"pagerduty/enrich/" + d.ID}, Args: incident.Args{Alert: al},
	})
	return err
}

// maxNameTries is how often PagerDuty is asked who somebody is. What else it has
// told is worth more than a name.
const maxNameTries = 5

// mails finds the mail of each assignee, which joins them with the rest of the
// world. Whom PagerDuty does not tell keeps the PagerDuty id. The error is of
// somebody for whom asking again may help.
func (p *Pager) mails(ctx context.Context, people []incident.Actor) ([]incident.Actor, error) {
	var later error
	out := slices.Clone(people)
	for i, a := range out {
		id, ok := strings.CutPrefix(a.ID, "pd:")
		if !ok {
			continue
		}
		u, err := p.API.User(ctx, id)
		if err != nil && !outbox.Permanent(err) {
			later = errors.Join(later, err)
		}
		if err == nil && u.Email != "" {
			out[i].ID = strings.ToLower(u.Email)
			if u.Name != "" {
				out[i].Name = incident.Clip(incident.Line(u.Name), 80)
			}
		}
	}
	return out, later
}

// conditionKeys are the custom details in which monitors name their condition.
var conditionKeys = []string{"condition_name", "condition", "alertConditionNames", "alertname", "alert_name", "check"}

// AlertDetails makes one bounded summary of the alerts of an incident, the
// oldest first: it is the one that opened it. It is pure.
func AlertDetails(alerts []pagerduty.Alert) *incident.Alert {
	out := &incident.Alert{Labels: map[string]string{}}
	for _, a := range alerts {
		if webLink(a.Link) && len(out.Links) < 3 && !slices.ContainsFunc(out.Links, func(l incident.LinkURL) bool { return l.URL == a.Link }) {
			out.Links = append(out.Links, incident.LinkURL{Title: cmp.Or(incident.Clip(incident.Line(a.Client), 40), "Source"), URL: a.Link})
		}
		if v, ok := custom(a.Details); ok {
			flatten("", v, out.Labels, 0)
		}
		if a.Severity != "" {
			set(out.Labels, "severity", a.Severity)
		}
		if out.Description == "" {
			out.Description = incident.Clip(incident.Line(a.Summary), incident.MaxTitle)
		}
	}
	for _, k := range conditionKeys {
		if c := out.Labels[k]; c != "" {
			out.Condition = c
			break
		}
	}
	return out
}

// webLink tells links that people can be sent to: what a monitor says is from
// outside.
func webLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2000 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// custom reads custom details. Numbers stay as they were written: they may be
// ids.
func custom(raw json.RawMessage) (any, bool) {
	if len(raw) == 0 {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

// maxLabel bounds the value of one label, in runes.
const maxLabel = 500

// maxItems bounds the items of a list that are shown.
const maxItems = 10

// flatten turns nested details into "a.b" labels; the first value of a name
// stays.
func flatten(prefix string, v any, into map[string]string, depth int) {
	switch x := v.(type) {
	case map[string]any:
		if depth > 3 {
			return
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			name := incident.Clip(incident.Line(k), 80)
			if prefix != "" {
				name = prefix + "." + name
			}
			flatten(name, x[k], into, depth+1)
		}
	case []any:
		parts := make([]string, 0, len(x))
		for i, e := range x {
			if i == maxItems {
				break
			}
			switch e.(type) {
			case string, json.Number, bool:
				parts = append(parts, fmt.Sprint(e))
			}
		}
		set(into, prefix, strings.Join(parts, ", "))
	case nil:
	default:
		set(into, prefix, fmt.Sprint(x))
	}
}

func set(into map[string]string, name, value string) {
	value = incident.Clip(incident.Line(value), maxLabel)
	if _, have := into[name]; have || name == "" || value == "" || len(into) >= incident.MaxLabels {
		return
	}
	into[name] = value
}
