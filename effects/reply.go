package effects

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/outbox"
	"imbot/query"
)

// Reply adds one short reply in the thread of an incident's card. Like every
// post it may, rarely, be there twice after a lost answer.
func (t *Teams) Reply(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.ReplyData](job)
	if err != nil {
		return err
	}
	v, err := t.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	if v.Incident.Private && !memberTarget(v.Incident, job.Target) {
		return nil // it became private before this ran
	}
	card, ok := v.Incident.HasRef("teams", incident.RoleCard, job.Target)
	if !ok {
		return notNeeded("there is no card to reply to") // why is said of the card
	}
	ref, place, lang, err := t.Book.Address(ctx, job.Target)
	if err != nil {
		return err
	}
	text := cards.Reply(v, d, lang)
	act := &botframework.Activity{Type: botframework.TypeMessage, Text: text, TextFormat: "plain", Summary: text}
	switch d.Reason {
	case incident.ReplyThread:
		t.callHere(ctx, v, act)
	case incident.ReplyNudge:
		if act, err = t.nudge(v, place, lang); act == nil || err != nil {
			return err
		}
	}
	_, err = t.Poster.ReplyInThread(ctx, ref, messageID(card.ID), act)
	return t.doubt(job, err)
}

// nudge is a reminder with its answers; nil where the time for it is over.
func (t *Teams) nudge(v *query.View, place, lang string) (*botframework.Activity, error) {
	post, ok := cards.Say(v, incident.SayData{Reason: incident.SayNudge}, t.options(lang, place, ""))
	if !ok {
		return nil, nil
	}
	return cardActivity(post.Card, post.Summary)
}

// maxCalled bounds who is called by one message.
const maxCalled = 10

// callHere calls by mentions those who would be in the war room: they talk in
// this thread instead. Those who only want to know are not called.
func (t *Teams) callHere(ctx context.Context, v *query.View, act *botframework.Activity) {
	if v.Incident.Room == nil {
		return
	}
	text := cards.Escape(act.Text)
	for _, p := range v.Incident.Room.People {
		if len(act.Entities) == maxCalled {
			break
		}
		if p.Person.IsZero() || p.Part == incident.PartStakeholder || p.State == incident.PersonInvited {
			continue
		}
		id, name, ok := t.Book.Mention(ctx, p.Person.ID)
		if !ok || slices.ContainsFunc(act.Entities, func(e botframework.Entity) bool { return e.Mentioned.ID == id }) {
			continue
		}
		mention, entity := botframework.Mention(id, name)
		text += " " + mention
		act.Entities = append(act.Entities, entity)
	}
	if len(act.Entities) > 0 {
		act.Text, act.TextFormat = text, "markdown"
	}
}

// Answer says something to somebody who asked: its data is a
// botframework.Outgoing, rendered when they asked.
func (t *Teams) Answer(ctx context.Context, job outbox.Job) error {
	o, err := dataOf[botframework.Outgoing](job)
	if err != nil {
		return err
	}
	if o.Activity == nil {
		return fmt.Errorf("%w: answer: there is nothing to say", outbox.ErrPermanent)
	}
	err = t.doubt(job, t.Poster.Deliver(ctx, o))
	if later := t.notYet(job, o.Update != "", err); later != nil {
		return later
	}
	switch {
	case o.Update != "" && botframework.ActivityGone(err):
		return nil // nobody looks at it any more
	case botframework.ConversationGone(err):
		return errors.Join(outbox.ErrPermanent, err)
	}
	return err
}
