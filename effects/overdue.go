package effects

import (
	"context"
	"errors"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/letters"
	"imbot/locale"
	"imbot/outbox"
	"imbot/query"
	"imbot/reminders"
)

// Overdue reminds people of RCAs that are overdue: in their 1:1 chat, and by
// mail. It looks again at what was planned: an RCA that was written meanwhile is
// left out.
type Overdue struct {
	View  Viewer
	Rules *reminders.Rules
	Teams *Teams // nil: Teams is off
	Mails *Mails // nil: mail is off
	// MailOf is as in Direct.
	MailOf func(ctx context.Context, person incident.Actor) string
	Now    func() time.Time
}

// Remind sends one reminder.
func (o *Overdue) Remind(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.OverdueData](job)
	if err != nil {
		return err
	}
	now, person := o.Now(), job.Target
	if !o.Rules.Working(ctx, person, now) || o.Rules.Date(ctx, person, now) != d.Date {
		return outbox.Skip("the working day was over before it was sent")
	}
	list, lead, err := o.due(ctx, d, person, now)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return outbox.Skip("nothing is overdue any more")
	}
	if d.Mail {
		err = o.mail(ctx, job, d.Date, list, lead)
	} else {
		err = o.chat(ctx, job, list)
	}
	var none *way
	if errors.As(err, &none) {
		return outbox.Skip(none.why)
	}
	return err
}

// due reads what is overdue still; lead says that all of it concerns the person
// as the lead of a squad only.
func (o *Overdue) due(ctx context.Context, d incident.OverdueData, person string, now time.Time) (list []*query.View, lead bool, err error) {
	lead = true
	reader := query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: person}}
	for _, id := range d.Incidents {
		v, err := o.View.Get(ctx, reader, id, false)
		if errors.Is(err, incident.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if ok, asLead := o.Rules.Concerns(v, person, now); ok {
			list = append(list, v)
			lead = lead && asLead
		}
	}
	return list, lead, nil
}

func (o *Overdue) chat(ctx context.Context, job outbox.Job, list []*query.View) error {
	if o.Teams == nil {
		return &way{"Teams is off"}
	}
	ref, place, lang, err := o.Teams.reach(ctx, job, "user:"+job.Target, true)
	if outbox.Permanent(err) {
		return &way{plainly(err)}
	}
	if err != nil {
		return err
	}
	title := locale.For(lang).N("overdue.title", len(list))
	card := cards.List(query.Page{Incidents: list}, title, o.Teams.options(lang, place, ""))
	act, err := cardActivity(card, title)
	if err != nil {
		return err
	}
	return o.Teams.say(ctx, job, ref, act)
}

func (o *Overdue) mail(ctx context.Context, job outbox.Job, date string, list []*query.View, lead bool) error {
	if o.Mails == nil {
		return &way{"mail is off"}
	}
	address := mailOf(ctx, o.MailOf, incident.Actor{Kind: incident.KindUser, ID: job.Target})
	if address == "" {
		return &way{"no mail address is known"}
	}
	opt, err := o.Mails.options(ctx, address, nil)
	if err != nil {
		return err
	}
	opt.Why = letters.WhyOwner
	if lead {
		opt.Why = letters.WhySquad
	}
	id := "rca." + slug(date) + "." + digest(address) + "@" + o.Mails.Domain
	return o.Mails.deliver(ctx, job, address, opt, letters.Overdue(list, opt), thread{id: id, root: id})
}
