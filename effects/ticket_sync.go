package effects

import (
	"context"
	"errors"
	"strings"

	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/outbox"
	"imbot/query"
)

// Sync brings a ticket and its original in line: it reads the issue as it is
// now, and compares both with what they were when last in line, see
// incident.Ticket.Compare. Changes here are made there first, and then it is
// recorded what both sides have, so that whatever ends it in between is found to
// be so already by the next.
func (t *Tickets) Sync(ctx context.Context, job outbox.Job) error {
	n, err := ticketNumber(job)
	if err != nil {
		return err
	}
	v, err := t.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	ticket := v.Incident.Ticket(n)
	if !ticket.Made() {
		return nil
	}
	issue, err := t.API.Issue(ctx, ticket.ID)
	if jiraGone(err) {
		return t.step(ctx, job.Incident, incident.TicketChange{Step: incident.TicketLost, N: n})
	}
	if err != nil {
		return err
	}
	if v.Incident.Private && !inProject(issue.Key, t.Config.PrivateProject) {
		return outbox.Skip("the incident is private, and its ticket is where others look")
	}
	change, err := t.compare(ctx, v, n, ticket, &issue)
	if jiraGone(err) {
		return t.step(ctx, job.Incident, incident.TicketChange{Step: incident.TicketLost, N: n})
	}
	if err != nil || len(change.Fields) == 0 && change.Key == ticket.Key {
		return err
	}
	return t.step(ctx, job.Incident, change)
}

func inProject(key, project string) bool {
	return project != "" && strings.HasPrefix(key, project+"-")
}

// compare finds out what differs, and changes the issue where it has to be.
func (t *Tickets) compare(ctx context.Context, v *query.View, n int, ticket *incident.Ticket, issue *jira.Issue) (incident.TicketChange, error) {
	out := incident.TicketChange{Step: incident.TicketSynced, N: n, Key: issue.Key, URL: issue.URL}
	here, there := v.Incident.TicketFields(n), TicketFieldsOf(n, issue)
	account := ticket.There.Owner
	if here.Owner != ticket.Here.Owner || there.Owner != ticket.There.Owner {
		var err error
		if account, err = t.account(ctx, here.Owner); err != nil {
			return out, err
		}
	}
	for _, f := range ticket.Compare(n, here, there, account) {
		f.From, f.To = f.Here, f.There
		if f.Field == incident.FieldOwner {
			f.From, f.To = ownerName(v.Incident, n), fullName(issue.Assignee)
		}
		var err error
		switch f.Do {
		case incident.SyncTake:
			err = t.take(ctx, v, ticket, issue, &f)
		case incident.SyncPush:
			err = t.push(ctx, issue, account, &f)
		}
		if err != nil {
			return out, err
		}
		out.Fields = append(out.Fields, f)
	}
	return out, nil
}

// TicketFieldsOf is what an issue says, in imbot's form.
func TicketFieldsOf(n int, i *jira.Issue) incident.TicketFields {
	f := incident.TicketFields{Done: incident.TicketOpen, Due: i.Due}
	if i.Done() {
		f.Done = incident.TicketDone
	}
	if i.Assignee != nil {
		f.Owner = i.Assignee.Ref()
	}
	if n > 0 {
		f.Title = incident.Clip(incident.Line(i.Summary), incident.MaxTitle)
	}
	return f
}

func ownerName(inc *incident.Incident, n int) string {
	for _, a := range inc.Actions {
		if a.N == n {
			return a.Owner.Label()
		}
	}
	return ""
}

func fullName(u *jira.User) string {
	if u == nil {
		return ""
	}
	if u.FullName != "" {
		return u.FullName
	}
	return u.Ref()
}

func (t *Tickets) take(ctx context.Context, v *query.View, ticket *incident.Ticket, issue *jira.Issue, f *incident.FieldSync) error {
	f.Here = f.There
	if f.Field != incident.FieldOwner {
		return nil
	}
	var err error
	f.Owner, err = t.person(ctx, v, ticket, issue.Assignee)
	f.Here = f.Owner.ID
	return err
}

// push makes the change that was made here. Where Jira refuses it for good, both
// sides stay as they are, and the reason is said; anything else is an error.
func (t *Tickets) push(ctx context.Context, issue *jira.Issue, account string, f *incident.FieldSync) error {
	f.From, f.To = f.To, f.From
	value := f.Here
	if f.Field == incident.FieldOwner {
		if value = account; account == "" && f.Here != "" {
			f.Reason = "Jira knows no " + f.Here
			return nil
		}
	}
	err := t.write(ctx, issue.ID, f.Field, value)
	if jiraRefused(err) {
		f.Reason = jiraWords(err)
		return nil
	}
	if err != nil {
		return err
	}
	f.There = value
	return nil
}

func (t *Tickets) write(ctx context.Context, id, field, value string) error {
	switch field {
	case incident.FieldTitle:
		return t.API.Update(ctx, id, jira.Update{Summary: &value})
	case incident.FieldDue:
		return t.API.Update(ctx, id, jira.Update{Due: &value})
	case incident.FieldOwner:
		return t.API.Update(ctx, id, jira.Update{Assignee: &value})
	}
	if value == incident.TicketDone {
		_, err := t.API.Transition(ctx, id, jira.CategoryDone)
		return err
	}
	return t.reopen(ctx, id)
}

// reopen moves an issue out of what is done, to the beginning of its workflow or
// else into its midst.
func (t *Tickets) reopen(ctx context.Context, id string) error {
	_, err := t.API.Transition(ctx, id, jira.CategoryNew)
	if !jiraRefused(err) {
		return err
	}
	_, second := t.API.Transition(ctx, id, jira.CategoryIndeterminate)
	if jiraRefused(second) {
		return errors.Join(err, second)
	}
	return second
}
