package effects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/outbox"
	"imbot/query"
)

// PagerAPI is PagerDuty; *pagerduty.Client is one.
type PagerAPI interface {
	Acknowledge(ctx context.Context, from, id string) error
	Resolve(ctx context.Context, from, id, resolution string) error
	AddNote(ctx context.Context, from, id, content string) error
	Notes(ctx context.Context, id string) ([]pagerduty.Note, error)
	Alerts(ctx context.Context, id string) ([]pagerduty.Alert, error)
	User(ctx context.Context, id string) (pagerduty.User, error)
	UserByEmail(ctx context.Context, email string) (pagerduty.User, error)
}

// Pager mirrors to PagerDuty what people did here, and fetches the details of
// alerts from there.
type Pager struct {
	API     PagerAPI
	Service Doer
	View    Viewer
	Now     func() time.Time
}

// Ack acknowledges in PagerDuty. Doing it again after a lost answer changes
// nothing there.
func (p *Pager) Ack(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PagerData](job)
	if err != nil {
		return err
	}
	from := sender(ctx, p.API, d.By)
	if err := p.API.Acknowledge(ctx, from, d.ID); err != nil {
		return settled(err)
	}
	return p.sign(ctx, job, d, from, "acknowledged")
}

// Resolve resolves in PagerDuty. Doing it again after a lost answer changes
// nothing there.
func (p *Pager) Resolve(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PagerData](job)
	if err != nil {
		return err
	}
	v, err := p.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if v.Incident.Active() {
		return outbox.Skip("the incident was reopened before PagerDuty could be told")
	}
	if v.Incident.Private { // perhaps only since this was stored
		d.Text = ""
	}
	from := sender(ctx, p.API, d.By)
	if err := p.API.Resolve(ctx, from, d.ID, d.Text); err != nil {
		return settled(err)
	}
	return p.sign(ctx, job, d, from, "resolved")
}

// settled takes "it is resolved already" for done: there is nothing left to do.
func settled(err error) error {
	var e *pagerduty.Error
	if errors.As(err, &e) && e.AlreadyResolved() {
		return nil
	}
	return err
}

// Note writes a note in PagerDuty. PagerDuty does not recognise a repeated one,
// so that from the second attempt on it is looked for by its mark first.
func (p *Pager) Note(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.PagerData](job)
	if err != nil {
		return err
	}
	v, err := p.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if v.Incident.Private {
		return nil // it became private before this ran: its words stay here
	}
	from := sender(ctx, p.API, d.By)
	return p.note(ctx, job, d, from, d.Text)
}

// sign names the person in a note where the service user stood in for them.
func (p *Pager) sign(ctx context.Context, job outbox.Job, d incident.PagerData, from, what string) error {
	if from != "" {
		return nil
	}
	v, err := p.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if v.Incident.Private {
		return nil
	}
	return p.note(ctx, job, d, from, what+" in Microsoft Teams")
}

func (p *Pager) note(ctx context.Context, job outbox.Job, d incident.PagerData, from, text string) error {
	mark := fmt.Sprintf("(%s #%d)", job.Incident, d.N)
	if job.Attempt > 1 {
		notes, err := p.API.Notes(ctx, d.ID)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if strings.HasSuffix(strings.TrimSpace(n.Content), mark) {
				return nil
			}
		}
	}
	return p.API.AddNote(ctx, from, d.ID, fmt.Sprintf("%s: %s %s", incident.Line(d.By.Label()), text, mark))
}

// userFinder finds people in PagerDuty by their mail.
type userFinder interface {
	UserByEmail(ctx context.Context, email string) (pagerduty.User, error)
}

// sender is the mail of somebody if PagerDuty knows them, else "": then the
// service user of the configuration acts.
func sender(ctx context.Context, api userFinder, by incident.Actor) string {
	if by.Kind != incident.KindUser || !strings.Contains(by.ID, "@") {
		return ""
	}
	u, err := api.UserByEmail(ctx, by.ID)
	if err != nil {
		return ""
	}
	return u.Email
}
