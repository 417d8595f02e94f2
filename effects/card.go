package effects

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/outbox"
	"imbot/query"
)

// Card shows the present state of an incident in one conversation: it posts the
// card once, and updates it in place ever after.
//
// Teams gives a bot no way to find its own message again. Where the answer to
// the first post was lost, the post is made again, so that a second card may
// stand in the conversation; that is rare, counted, and never updated.
func (t *Teams) Card(ctx context.Context, job outbox.Job) error {
	v, err := t.View.Get(ctx, query.Self, job.Incident, false)
	if err != nil {
		return err
	}
	posted, known := v.Incident.HasRef("teams", incident.RoleCard, job.Target)
	hidden := v.Incident.Private && !memberTarget(v.Incident, job.Target)
	if hidden && !known {
		return nil // it became private before this ran: nothing was said here, and nothing must be
	}
	ref, place, lang, err := t.reach(ctx, job, job.Target, v.Incident.Active() && !known)
	if err != nil {
		return t.unreachable(ctx, job, v, err)
	}
	if !hidden { // as its readers may see it: related incidents may be private
		if v, err = t.View.Get(ctx, reader(v.Incident, job.Target), job.Incident, false); err != nil {
			return err
		}
	}
	act, err := t.activity(ctx, v, job.Target, place, lang, hidden)
	if err != nil {
		return err
	}
	if known && messageID(posted.ID) != "" {
		err = t.Poster.Update(ctx, ref, messageID(posted.ID), act)
		if hidden && botframework.ActivityGone(err) {
			return nil // there is nothing left to hide
		}
		if err == nil || !botframework.ActivityGone(err) {
			return t.checkGone(ctx, job, v, ref, known, err)
		}
		// Somebody deleted the message: post it anew.
	}
	return t.post(ctx, job, v, ref, known, act)
}

// reader is who reads in a target.
func reader(inc *incident.Incident, target string) query.Viewer {
	if id, ok := strings.CutPrefix(target, "user:"); ok {
		return query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: id}}
	}
	if inc.Private && inc.Room.For(inc, target) {
		return query.Viewer{Group: inc.Members}
	}
	return query.Everybody
}

// memberTarget reports whether the target is the 1:1 chat of a member, or the
// room of them all.
func memberTarget(inc *incident.Incident, target string) bool {
	id, isUser := strings.CutPrefix(target, "user:")
	return isUser && inc.Visible(incident.Actor{Kind: incident.KindUser, ID: id}) || inc.Room.For(inc, target)
}

func (t *Teams) post(ctx context.Context, job outbox.Job, v *query.View, ref botframework.Reference, known bool, act *botframework.Activity) error {
	id, err := t.Poster.Send(ctx, ref, act)
	if err != nil {
		return t.checkGone(ctx, job, v, ref, known, t.doubt(job, err))
	}
	_, err = insist(ctx, t.Service, incident.Command{
		Verb: incident.Attach, Incident: job.Incident, Actor: incident.System, Source: "teams",
		Args: incident.Args{Ref: &incident.Ref{
			System: "teams", Role: incident.RoleCard, Target: job.Target,
			ID: ref.ConversationID + ";messageid=" + id, URL: messageURL(ref, id),
		}},
	})
	return err
}

// doubt counts a post of which nobody knows whether it arrived: it is made
// again, and may stand twice. The first time that is done soon, since mostly
// nothing arrived; then after ever longer, for where everything arrives and only
// the answers are lost, each try is one more card in the channel.
func (t *Teams) doubt(job outbox.Job, err error) error {
	var e *botframework.Error
	if !errors.As(err, &e) || !e.Ambiguous() {
		return err
	}
	if t.Repeated != nil {
		t.Repeated()
	}
	if job.Attempt < 2 {
		return err
	}
	return &waitError{err, min(doubtLongest, doubtFirst<<min(job.Attempt-2, 10))}
}

// The waits after a second and later posts without an answer: doubled each time,
// and no longer than the outbox waits for anything.
const (
	doubtFirst   = 30 * time.Second
	doubtLongest = 5 * time.Minute
)

// messageID is the message's part of a card ref's id.
func messageID(refID string) string {
	_, id, _ := strings.Cut(refID, ";messageid=")
	return id
}

// messageURL is the link to a message in a channel or group chat.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
func messageURL(ref botframework.Reference, id string) string {
	if !strings.HasPrefix(ref.ConversationID, "19:") || ref.ConversationType == botframework.ConversationPersonal || id == "" {
		return ""
	}
	return "https://teams.microsoft.com/l/message/" + ref.ConversationID + "/" + id
}

// activity renders the card. The short text goes into the summary, which phones
// preview: a message with both text and card is split in two by Teams, which
// then tells the id of neither.
// https://github.com/microsoft/botframework-sdk/issues/6366
func (t *Teams) activity(ctx context.Context, v *query.View, target, place, lang string, hidden bool) (*botframework.Activity, error) {
	o := t.options(lang, place, target)
	if t.calls(v.Incident, target) {
		o.Mentions = t.mentions(ctx, v)
	}
	card := cards.Incident(v, o)
	summary := cards.Summary(v, lang)
	if hidden {
		card = cards.Redacted(v.Incident.ID, o)
		summary = v.Incident.ID.String()
	}
	return cardActivity(card, summary)
}

func cardActivity(card cards.Card, summary string) (*botframework.Activity, error) {
	b, err := card.JSON()
	if err != nil {
		return nil, errors.Join(outbox.ErrPermanent, err)
	}
	return &botframework.Activity{
		Type: botframework.TypeMessage, Summary: summary,
		Attachments: []botframework.Attachment{botframework.AdaptiveCard(json.RawMessage(b))},
	}, nil
}

// calls reports whether this card calls people by mentions: the first post of
// the card in the first channel does, and no other, for people are called once,
// however many channels are told. A 1:1 chat needs no mention, and a trial run
// calls nobody.
func (t *Teams) calls(inc *incident.Incident, target string) bool {
	first := slices.IndexFunc(inc.Cards, func(c string) bool { return !strings.HasPrefix(c, "user:") })
	if first < 0 || !inc.Active() || inc.Private || inc.Shadow {
		return false
	}
	// Where that channel is lost, the card in the default channel stands in for it.
	if target != inc.Cards[first] && (!inc.DefaultChan || target != t.Default()) {
		return false
	}
	for _, c := range []string{inc.Cards[first], target} {
		if _, posted := inc.HasRef("teams", incident.RoleCard, c); posted {
			return false
		}
	}
	return true
}

// mentions are the people whom the level's notice names, each once.
func (t *Teams) mentions(ctx context.Context, v *query.View) []cards.Mention {
	var out []cards.Mention
	for _, id := range v.Mention {
		teamsID, name, ok := t.Book.Mention(ctx, id)
		if ok && !slices.ContainsFunc(out, func(m cards.Mention) bool { return m.ID == teamsID }) {
			out = append(out, cards.Mention{ID: teamsID, Name: name})
		}
	}
	return out
}

// checkGone notes that a conversation is lost, and sends its card to the default
// channel instead.
func (t *Teams) checkGone(ctx context.Context, job outbox.Job, v *query.View, ref botframework.Reference, known bool, err error) error {
	if err == nil || !botframework.ConversationGone(err) {
		return err
	}
	if later := t.notYet(job, known, err); later != nil {
		return later
	}
	if gone := t.Book.Gone(ctx, ref.ConversationID, "Teams says that imbot can not write there"); gone != nil {
		return gone
	}
	return t.unreachable(ctx, job, v, errors.Join(outbox.ErrPermanent, err))
}

// rosterWaits are the waits for Teams to let a bot in: right after an
// installation it may not be in the roster yet, for up to a minute.
var rosterWaits = []time.Duration{5 * time.Second, 15 * time.Second, 40 * time.Second}

// notYet asks for another try where the bot may only be new in a conversation;
// nil where it is not in it for good.
func (t *Teams) notYet(job outbox.Job, known bool, err error) error {
	if known || !botframework.NotInRoster(err) || job.Attempt < 1 || job.Attempt > len(rosterWaits) {
		return nil
	}
	return outbox.Later(t.Now().Add(rosterWaits[job.Attempt-1]), err.Error())
}

// unreachable sends a card that can not reach its place for good to the default
// channel, and says so on the timeline; never a private one. It ends as skipped
// and not as failed: each later change of the incident would fail the same way,
// and add to the timeline.
func (t *Teams) unreachable(ctx context.Context, job outbox.Job, v *query.View, err error) error {
	if !outbox.Permanent(err) {
		return err
	}
	if id, ok := strings.CutPrefix(job.Target, "user:"); ok {
		return t.byMail(ctx, job, v, id, err)
	}
	def := t.Default()
	room := v.Incident.Room != nil && v.Incident.Room.Chat == job.Target
	if v.Incident.Private || room || def == "" || def == job.Target {
		return outbox.Skip(err.Error())
	}
	_, doErr := t.Service.Do(ctx, incident.Command{
		Verb: incident.Reroute, Incident: job.Incident, Actor: incident.System,
		Keys: []string{"reroute/" + job.Key}, Args: incident.Args{Target: def, Text: "the squad's channel can not be reached"},
	})
	if doErr != nil {
		return doErr
	}
	return outbox.Skip(err.Error())
}
