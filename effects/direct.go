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

// Installer adds imbot to somebody's own apps in Teams, so that it may open a 1:1
// chat with them.
type Installer interface {
	// Install returns done where it has just been added: Teams then tells imbot of
	// the chat within seconds. done is false where it was there already. Its errors
	// have Permanent() bool.
	Install(ctx context.Context, person incident.Actor) (done bool, err error)
}

// Direct tells one person something: in the 1:1 chat that there is, or that can
// be opened because they are in a team or chat with imbot; else in one that is
// made by installing imbot for them; else by mail. Where none of that goes, the
// effect fails for good, and says why.
type Direct struct {
	Service Doer
	View    Viewer
	Teams   *Teams    // nil: Teams is off
	Install Installer // nil: imbot is installed for nobody
	Mails   *Mails    // nil: mail is off
	// MailOf is a person's address; "" where none is known. nil: ids that are
	// addresses are.
	MailOf func(ctx context.Context, person incident.Actor) string
	Now    func() time.Time
	Logger *slog.Logger
}

// installWait is how long Teams has to tell of a chat that an installation made.
const installWait = 15 * time.Second

// Tell tells one person.
func (d *Direct) Tell(ctx context.Context, job outbox.Job) error {
	var data incident.DirectData
	if err := json.Unmarshal(job.Data, &data); err != nil {
		return fmt.Errorf("%w: direct: %w", outbox.ErrPermanent, err)
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
		return d.told(ctx, job, data, "chat")
	}
	if !permanent(noChat) {
		return noChat
	}
	noMail := d.mail(ctx, job, v, data)
	if noMail == nil {
		return d.told(ctx, job, data, "mail")
	}
	if !permanent(noMail) {
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
	err := d.post(ctx, job, v, data)
	if err == nil || !permanent(err) || d.Install == nil {
		return err
	}
	done, installErr := d.Install.Install(ctx, data.Person)
	switch {
	case installErr != nil && !permanent(installErr):
		return installErr
	case installErr != nil:
		return &way{plainly(err) + "; imbot can not be installed for them: " + plainly(installErr)}
	case done:
		return outbox.Later(d.Now().Add(installWait), "imbot was installed for them; the chat opens in a moment")
	}
	return err
}

// post says it in the chat, with the incident's card.
func (d *Direct) post(ctx context.Context, job outbox.Job, v *query.View, data incident.DirectData) error {
	t, target := d.Teams, "user:"+data.Person.ID
	ref, place, lang, err := t.Book.Address(ctx, target)
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
	address := d.mailOf(ctx, data.Person)
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

func (d *Direct) mailOf(ctx context.Context, who incident.Actor) string {
	if isMail(who.ID) {
		return who.ID
	}
	if d.MailOf == nil {
		return ""
	}
	return d.MailOf(ctx, who)
}

// told notes on the timeline by which way somebody was told. Status updates go to
// many, and are there already.
func (d *Direct) told(ctx context.Context, job outbox.Job, data incident.DirectData, how string) error {
	if data.Reason == incident.DirectUpdate {
		return nil
	}
	_, err := d.Service.Do(ctx, incident.Command{
		Verb: incident.Log, Incident: job.Incident, Actor: incident.System, Source: incident.SourceSystem, Keys: []string{"told/" + job.Key},
		Args: incident.Args{Kind: incident.EvTold, Data: map[string]string{"person": data.Person.Label(), "op": how, "about": data.Reason}},
	})
	if err != nil { // they were told, and must not be told twice for this
		d.Logger.Warn("effects.Direct not on the timeline", "incident", job.Incident.String(), "err", err)
	}
	return nil
}

// byMail sends the first mail about an incident to somebody whose 1:1 chat can't
// be reached for their card. It has the key that it has where the notice table
// wants mail: it is one mail then.
func (t *Teams) byMail(ctx context.Context, job outbox.Job, v *query.View, person string, cause error) error {
	who := incident.Actor{Kind: incident.KindUser, ID: person}
	inc := v.Incident
	if t.Enqueue == nil || !isMail(person) || !inc.Active() || !inc.Visible(who) {
		return outbox.Skip(plainly(cause))
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
		Key: job.Incident.String() + "/mail.declare/" + person, Kind: incident.KindMail, Mode: incident.Once, Incident: job.Incident,
		Lane: job.Incident.String() + "/mail/" + person, Target: person, Data: data, Urgent: job.Urgent,
	})
	if err != nil {
		return err
	}
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
