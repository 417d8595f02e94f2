package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/letters"
	"imbot/outbox"
	"imbot/query"
)

// Direct tells one person something: in their 1:1 chat, as reach finds it; else
// by mail. Where neither goes, the effect fails for good, and says why.
type Direct struct {
	Service Doer
	View    Viewer
	Teams   *Teams // nil: Teams is off
	Mails   *Mails // nil: mail is off
	// MailOf is a person's address; "" where none is known. nil: ids that are
	// addresses are.
	MailOf func(ctx context.Context, person incident.Actor) string
	Now    func() time.Time
	Logger *slog.Logger
}

// Tell tells one person.
func (d *Direct) Tell(ctx context.Context, job outbox.Job) error {
	data, err := dataOf[incident.DirectData](job)
	if err != nil {
		return err
	}
	v, err := d.View.Get(ctx, query.Viewer{Actor: data.Person}, job.Incident, false)
	if errors.Is(err, incident.ErrNotFound) {
		return notNeeded("it is private, and not for " + data.Person.Label())
	}
	if err != nil {
		return err
	}
	if why := overtaken(v.Incident, data); why != "" {
		return notNeeded(why)
	}
	noChat := d.chat(ctx, job, v, data)
	if noChat == nil {
		d.told(ctx, job, data, "chat", nil)
		return nil
	}
	if !outbox.Permanent(noChat) {
		return noChat
	}
	noMail := d.mail(ctx, job, v, data)
	if noMail == nil {
		d.told(ctx, job, data, "mail", noChat)
		return nil
	}
	if !outbox.Permanent(noMail) {
		return noMail
	}
	return fmt.Errorf("%w: %s could not be told: %s; %s", outbox.ErrPermanent, data.Person.Label(), plainly(noChat), plainly(noMail))
}

// overtaken says why nobody needs to be told any more; "" where they do.
func overtaken(inc *incident.Incident, d incident.DirectData) string {
	switch d.Reason {
	case incident.DirectUpdate:
		if inc.Update != nil && inc.Update.N > d.N {
			return "there is a newer status update"
		}
	case incident.DirectCommander:
		if !inc.Commander.Is(d.Person) {
			return "somebody else is the commander by now"
		}
	default:
		if !inc.Active() {
			return "it was over before they were told"
		}
	}
	return ""
}

// way says that there is no such way to somebody. Another one may do.
type way struct{ why string }

func (w *way) Error() string { return w.why }

func (w *way) Permanent() bool { return true }

// chat tells somebody in their 1:1 chat. Its error is permanent where there is
// no way to have one.
func (d *Direct) chat(ctx context.Context, job outbox.Job, v *query.View, data incident.DirectData) error {
	if d.Teams == nil {
		return &way{"Teams is off"}
	}
	return d.post(ctx, job, v, data)
}

// due reports whether imbot may be installed for somebody to tell them: they are
// needed now. What they subscribed to, or may join, is told by mail as well.
func due(reason string) bool {
	return reason != incident.DirectUpdate && reason != incident.DirectInvited
}

// post says it in the chat, with the incident's card.
func (d *Direct) post(ctx context.Context, job outbox.Job, v *query.View, data incident.DirectData) error {
	t, target := d.Teams, "user:"+data.Person.ID
	ref, place, lang, err := t.reach(ctx, job, target, due(data.Reason))
	if err != nil {
		return err
	}
	act, err := t.activity(ctx, v, target, place, lang, false)
	if err != nil {
		return err
	}
	act.Text, act.TextFormat = cards.Direct(v, data, lang), "plain"
	act.Summary = act.Text
	return t.say(ctx, job, ref, act)
}

// say posts something in a 1:1 chat, and notes a chat that is gone.
func (t *Teams) say(ctx context.Context, job outbox.Job, ref botframework.Reference, act *botframework.Activity) error {
	_, err := t.Poster.Send(ctx, ref, act)
	err = t.doubt(job, err)
	if err == nil || !botframework.ConversationGone(err) {
		return err
	}
	if later := t.notYet(job, false, err); later != nil {
		return later
	}
	if gone := t.Book.Gone(ctx, ref.ConversationID, "Teams says that imbot can not write there"); gone != nil {
		return gone
	}
	return &way{"no 1:1 chat: " + err.Error()}
}

// mail tells somebody by mail. Its error is permanent where that can't be.
func (d *Direct) mail(ctx context.Context, job outbox.Job, v *query.View, data incident.DirectData) error {
	if d.Mails == nil {
		return &way{"mail is off"}
	}
	address := mailOf(ctx, d.MailOf, data.Person)
	if address == "" {
		return &way{"no mail address is known"}
	}
	o, err := d.Mails.options(ctx, address, v)
	if err != nil {
		return err
	}
	if data.Reason == incident.DirectUpdate && o.Why == "" {
		o.Why = letters.WhySubscriber
	}
	about := strings.TrimPrefix(job.Key, job.Incident.String()+"/"+incident.KindDirect+"/"+data.Person.ID+"/")
	t := thread{id: d.Mails.id(job.Incident, "direct."+slug(about), address), root: d.Mails.root(job.Incident, address)}
	return d.Mails.deliver(ctx, job, address, o, letters.Direct(v, data, o), t)
}

// mailOf is somebody's mail address; "" where none is known. find may be nil.
func mailOf(ctx context.Context, find func(context.Context, incident.Actor) string, who incident.Actor) string {
	address := who.ID
	if !isMail(address) && find != nil {
		address = find(ctx, who)
	}
	if !isMail(address) {
		return ""
	}
	return address
}

// told notes on the timeline by which way somebody was told, and why not by a
// better one. Status updates go to many, and are there already.
func (d *Direct) told(ctx context.Context, job outbox.Job, data incident.DirectData, how string, why error) {
	if data.Reason != incident.DirectUpdate {
		noteTold(ctx, d.Service, d.Logger, job, toldBy{who: data.Person, how: how, about: data.Reason, why: why})
	}
}

// toldBy is by which way somebody was told something.
type toldBy struct {
	who   incident.Actor
	how   string // chat, mail, installed: imbot was, so that there is a chat, or none
	about string // why they were told; may be empty
	why   error  // what was in the way of a better one; may be nil
}

// noteTold notes it on the timeline, once for each job.
func noteTold(ctx context.Context, service Doer, log *slog.Logger, job outbox.Job, t toldBy) {
	key, text := "told/"+job.Key, ""
	if t.how == "installed" {
		key = "installed/" + job.Key
	}
	if t.why != nil {
		text = incident.Clip(plainly(t.why), 300)
	}
	_, err := service.Do(ctx, incident.Command{
		Verb: incident.Log, Incident: job.Incident, Actor: incident.System, Source: incident.SourceSystem, Keys: []string{key},
		Args: incident.Args{Kind: incident.EvTold, Text: text, Data: map[string]string{"person": t.who.Label(), "op": t.how, "about": t.about}},
	})
	if err != nil { // they were told, and must not be told twice for this
		log.Warn("effects: not on the timeline by which way somebody was told", "incident", job.Incident.String(), "err", err)
	}
}

// byMail sends the first mail about an incident to somebody whose 1:1 chat can't
// be reached for their card. It has the key that it has where the notice table
// wants mail: it is one mail then. The timeline says which way it went, and where
// there is none at all that it did not.
func (t *Teams) byMail(ctx context.Context, job outbox.Job, v *query.View, person string, cause error) error {
	who := incident.Actor{Kind: incident.KindUser, ID: person}
	inc := v.Incident
	if !inc.Active() || !inc.Visible(who) {
		return outbox.Skip(plainly(cause))
	}
	address := mailOf(ctx, t.MailOf, who)
	if t.Enqueue == nil || address == "" {
		no := "no mail address is known"
		if t.Enqueue == nil {
			no = "mail is off"
		}
		noteTold(ctx, t.Service, t.Logger, job, toldBy{who: who, how: "none", why: &way{plainly(cause) + "; " + no}})
		return outbox.Skip(plainly(cause) + "; " + no)
	}
	d := incident.MailData{Kind: incident.MailDeclared}
	switch person {
	case v.Service.Owner:
		d.Why = incident.PartOwner
	case v.Squad.Lead:
		d.Why = incident.MailSquad
	}
	if inc.Private {
		d.Why = incident.PartMember
	}
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("%w: mail: %w", outbox.ErrPermanent, err)
	}
	err = t.Enqueue(ctx, incident.Effect{
		Key: job.Incident.String() + "/mail.declare/" + address, Kind: incident.KindMail, Mode: incident.Once, Incident: job.Incident,
		Lane: job.Incident.String() + "/mail/" + address, Target: address, Data: data, Urgent: job.Urgent,
	})
	if err != nil {
		return err
	}
	noteTold(ctx, t.Service, t.Logger, job, toldBy{who: who, how: "mail", why: cause})
	return outbox.Skip(plainly(cause) + "; a mail goes there instead")
}

// plainly is an error's text for people, as one line.
func plainly(err error) string {
	s := incident.Line(err.Error())
	for _, noise := range []string{outbox.ErrPermanent.Error() + ": ", outbox.ErrPermanent.Error() + " "} {
		s = strings.TrimPrefix(s, noise)
	}
	return s
}

// isMail reports whether a person's id is an address; Teams' own ids may hold an
// @, too, behind a colon.
func isMail(id string) bool {
	at := strings.IndexByte(id, '@')
	return at > 0 && at < len(id)-1 && !strings.Contains(id, ":")
}
