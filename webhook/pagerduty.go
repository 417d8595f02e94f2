package webhook

import (
	"regexp"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// noteMark ends the notes that imbot itself writes to PagerDuty: "(INC-42 #7)".
var noteMark = regexp.MustCompile(`\(INC-\d+ #\d+\)\s*$`)

// wakeMark begins the requests by which imbot itself wakes people: "INC-42 · ".
var wakeMark = regexp.MustCompile(`^INC-\d+( · |$)`)

// verbs of the events whose data is the incident itself.
var pagerDutyVerbs = map[string]incident.Verb{
	"incident.triggered":             incident.Trigger,
	"incident.acknowledged":          incident.Ack,
	"incident.unacknowledged":        incident.Unack,
	"incident.resolved":              incident.Resolve,
	"incident.reopened":              incident.Reopen,
	"incident.escalated":             incident.Update,
	"incident.delegated":             incident.Update,
	"incident.reassigned":            incident.Update,
	"incident.priority_updated":      incident.Update,
	"incident.service_updated":       incident.Update,
	"incident.incident_type.changed": incident.Update,
}

// Map turns a PagerDuty event into a command. It reports false for events that
// concern no incident, such as a ping, and for echoes of what imbot did. arrival
// stands in for an event time that is missing. Map is pure.
func Map(ev *pagerduty.Event, arrival time.Time) (incident.Command, bool) {
	id := vendorID(ev.IncidentID())
	if id == "" || own(ev) {
		return incident.Command{}, false
	}
	cmd := incident.Command{
		Ref:   &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: id},
		Actor: Agent(ev.Agent), Source: incident.SourcePagerDuty, At: plausible(ev.OccurredAt, arrival),
	}
	if cmd.At.IsZero() {
		cmd.At = arrival
	}
	if ev.Incident != nil {
		if inc, who, woken := incident.ParseWakeKey(ev.Incident.IncidentKey); woken {
			return answered(ev, cmd, inc, who)
		}
	}
	verb, ok := pagerDutyVerbs[ev.Type]
	switch {
	case ok && ev.Incident != nil:
		cmd.Verb = verb
		cmd.Ref.URL = httpURL(ev.Incident.HTMLURL)
		cmd.Args.Alert = AlertOf(ev.Incident)
		cmd.Args.Alert.CreatedAt = plausible(cmd.Args.Alert.CreatedAt, arrival)
		if verb == incident.Update {
			cmd.Args.Text = ev.Text()
		}
		if to := vendorID(ev.Incident.MergedInto()); to != "" && verb == incident.Resolve {
			cmd.Args.Merge = &incident.Ref{System: incident.SourcePagerDuty, Role: incident.RoleAlert, ID: to}
		}
	case ev.Responder != nil && ev.Responder.User != nil && replies[ev.Responder.State] != "":
		cmd.Verb = incident.PageStep
		cmd.Args.Page = &incident.PageChange{Step: replies[ev.Responder.State], Who: Agent(&pagerduty.Reference{ID: ev.Responder.User.ID, Type: "user", Summary: ev.Responder.User.Summary})}
	case ev.Note != nil:
		cmd.Verb, cmd.Args.Text = incident.AddNote, ev.Note.Content
	default:
		cmd.Verb, cmd.Args.Kind, cmd.Args.Text = incident.Log, incident.EvPager, incident.Line(ev.Text())
	}
	return cmd, true
}

// own reports whether the event tells of a note or a request of ours.
func own(ev *pagerduty.Event) bool {
	if ev.Responder != nil && ev.Responder.State == pagerduty.ResponderPending {
		return wakeMark.MatchString(ev.Responder.Message)
	}
	return ev.Note != nil && noteMark.MatchString(ev.Note.Content)
}

// replies is what the states of a responder mean for whoever was woken.
var replies = map[string]string{
	pagerduty.ResponderJoined:   incident.PageReply,
	pagerduty.ResponderDeclined: incident.PageNo,
}

// answered is what an event of an incident means that was made to wake somebody:
// whoever acknowledges or resolves it has heard.
func answered(ev *pagerduty.Event, cmd incident.Command, id incident.ID, who incident.Actor) (incident.Command, bool) {
	if ev.Type != "incident.acknowledged" && ev.Type != "incident.resolved" {
		return incident.Command{}, false
	}
	cmd.Ref, cmd.Incident, cmd.Verb = nil, id, incident.PageStep
	cmd.Args.Page = &incident.PageChange{Step: incident.PageReply, Who: who}
	return cmd, true
}

// vendorID bounds an id of PagerDuty.
func vendorID(s string) string { return incident.Clip(incident.Line(s), 80) }

// firstEvent is before PagerDuty was.
var firstEvent = time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)

// plausible returns at, or zero for a time that can only be an error: all that
// people do comes after what is known, so one event from the year 9999 would
// carry the incident there.
func plausible(at, arrival time.Time) time.Time {
	if at.Before(firstEvent) || at.After(arrival.Add(24*time.Hour)) {
		return time.Time{}
	}
	return at
}

// Agent is who did something in PagerDuty.
func Agent(r *pagerduty.Reference) incident.Actor {
	if r == nil || r.ID == "" {
		return incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: "PagerDuty"}
	}
	switch r.Type {
	case "user_reference", "user":
		return incident.Actor{Kind: incident.KindUser, ID: "pd:" + incident.Clip(incident.Line(r.ID), 40), Name: incident.Clip(incident.Line(r.Summary), 80)}
	}
	name := incident.Clip(incident.Line(r.Summary), 80)
	if name == "" {
		name = "PagerDuty"
	}
	return incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: name}
}

// AlertOf is what a PagerDuty incident says, bounded.
func AlertOf(in *pagerduty.Incident) *incident.Alert {
	a := &incident.Alert{
		Title:     incident.Clip(incident.Line(in.Title), incident.MaxTitle),
		Service:   incident.Clip(incident.Line(in.Service.Summary), 120),
		ServiceID: incident.Clip(incident.Line(in.Service.ID), 40),
		Key:       incident.Clip(incident.Line(in.IncidentKey), 255),
		Number:    max(in.Number, 0),
		Urgency:   incident.Clip(incident.Line(in.Urgency), 20),
		CreatedAt: in.CreatedAt,
	}
	if in.Priority != nil {
		a.Priority = incident.Clip(incident.Line(in.Priority.Summary), 40)
	}
	for i, u := range in.Assignees {
		if i == 10 {
			break
		}
		a.Assignees = append(a.Assignees, Agent(&pagerduty.Reference{ID: u.ID, Type: "user", Summary: u.Summary}))
	}
	return a
}

// httpURL keeps only what a person can safely click.
func httpURL(s string) string {
	if len(s) > 2000 || (len(s) < 8 || (s[:8] != "https://" && s[:7] != "http://")) {
		return ""
	}
	return incident.Line(s)
}
