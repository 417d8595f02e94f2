package webhook

import (
	"encoding/json"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// CommandOf is the command that was made of a stored body when it came: a webhook
// of PagerDuty, or the details of an alert that were fetched there; false where
// none was made. It is pure.
func CommandOf(in incident.Inbound) (incident.Command, bool) {
	body, err := Body(in)
	if err != nil {
		return incident.Command{}, false
	}
	switch in.Source {
	case incident.SourcePagerDuty:
		ev, err := pagerduty.ParseWebhook(body)
		if err != nil {
			return incident.Command{}, false
		}
		cmd, ok := Map(ev, in.At)
		cmd.Keys = keysOf(in.ID, ev)
		return cmd, ok
	case incident.SourceAlerts:
		var alert incident.Alert
		if err := json.Unmarshal(body, &alert); err != nil || in.ID == "" {
			return incident.Command{}, false
		}
		return incident.Command{
			Verb: incident.Enrich, Source: incident.SourcePagerDuty, Actor: Agent(nil), Keys: []string{"pagerduty/enrich/" + in.ID},
			Ref:  &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: in.ID},
			Args: incident.Args{Alert: &alert},
		}, true
	}
	return incident.Command{}, false
}

// keysOf are the keys by which a delivery that comes twice is known, and an event
// that comes by two deliveries. ev is nil where the body was not understood.
func keysOf(delivery string, ev *pagerduty.Event) []string {
	var keys []string
	if delivery != "" {
		keys = append(keys, "pagerduty/delivery/"+delivery)
	}
	if ev != nil && ev.ID != "" {
		keys = append(keys, "pagerduty/event/"+incident.Clip(incident.Line(ev.ID), 120))
	}
	return keys
}
