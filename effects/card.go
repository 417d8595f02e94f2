package effects

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/outbox"
	"imbot/query"
)

// Viewer reads incidents; *query.Reader is one.
type Viewer interface {
	Get(ctx context.Context, viewer query.Viewer, id incident.ID, timeline bool) (*query.View, error)
}

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
	ref, place, lang, err := t.Book.Address(ctx, job.Target)
	if err != nil {
		return t.unreachable(ctx, job, v, err)
	}
	posted, known := v.Incident.HasRef("teams", incident.RoleCard, job.Target)
	hidden := v.Incident.Private && !memberTarget(v.Incident, job.Target)
	if hidden && !known {
		return outbox.Skip("the incident is private")
	}
	if !hidden { // as its readers may see it: related incidents may be private
		if v, err = t.View.Get(ctx, reader(job.Target), job.Incident, false); err != nil {
			return err
		}
	}
	act, err := t.activity(ctx, v, place, lang, hidden, !known)
	if err != nil {
		return err
	}
	if known {
		err = t.Poster.Update(ctx, ref, messageID(posted.ID), act)
		if err == nil || !botframework.ActivityGone(err) || hidden {
			return t.checkGone(ctx, job, v, ref, err)
		}
		// Somebody deleted the message: post it anew.
	}
	return t.post(ctx, job, v, ref, act)
}

// reader is who reads in a target.
func reader(target string) query.Viewer {
	if id, ok := strings.CutPrefix(target, "user:"); ok {
		return query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: id}}
	}
	return query.Everybody
}

// memberTarget reports whether the target is the 1:1 chat of a member.
func memberTarget(inc *incident.Incident, target string) bool {
	id, isUser := strings.CutPrefix(target, "user:")
	return isUser && inc.Visible(incident.Actor{Kind: incident.KindUser, ID: id})
}

func (t *Teams) post(ctx context.Context, job outbox.Job, v *query.View, ref botframework.Reference, act *botframework.Activity) error {
	if job.Attempt > 1 && t.Repeated != nil {
		t.Repeated()
	}
	id, err := t.Poster.Send(ctx, ref, act)
	if err != nil {
		return t.checkGone(ctx, job, v, ref, err)
	}
	_, err = t.Service.Do(ctx, incident.Command{
		Verb: incident.Attach, Incident: job.Incident, Actor: incident.System, Source: "teams",
		Args: incident.Args{Ref: &incident.Ref{
			System: "teams", Role: incident.RoleCard, Target: job.Target,
			ID: ref.ConversationID + ";messageid=" + id, URL: messageURL(ref, id),
		}},
	})
	return err
}

// messageID is the message's part of a card ref's id.
func messageID(refID string) string {
	_, id, _ := strings.Cut(refID, ";messageid=")
	return id
}

// messageURL is the link to a channel message.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
func messageURL(ref botframework.Reference, id string) string {
	if !strings.HasPrefix(ref.ConversationID, "19:") || id == "" {
		return ""
	}
	return "https://teams.microsoft.com/l/message/" + ref.ConversationID + "/" + id
}

// activity renders the card. The short text goes into the summary, which phones
// preview: a message with both text and card is split in two by Teams, which
// then tells the id of neither.
// https://github.com/microsoft/botframework-sdk/issues/6366
func (t *Teams) activity(ctx context.Context, v *query.View, place, lang string, hidden, first bool) (*botframework.Activity, error) {
	o := cards.Options{Lang: lang, Place: place, BotName: t.Bot.Name, Dialogs: t.Bot.Dialogs, Slash: t.Bot.Slash}
	if first && v.Incident.Active() {
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

// mentions are the people whom the level's notice names, each once: they are
// mentioned when the card is posted, and never again by its updates.
func (t *Teams) mentions(ctx context.Context, v *query.View) []cards.Mention {
	var out []cards.Mention
	seen := map[string]bool{}
	for _, id := range v.Mention {
		if seen[id] {
			continue
		}
		seen[id] = true
		if teamsID, name, ok := t.Book.Mention(ctx, id); ok {
			out = append(out, cards.Mention{ID: teamsID, Name: name})
		}
	}
	return out
}

// checkGone notes that a conversation is lost, and sends its card to the default
// channel instead.
func (t *Teams) checkGone(ctx context.Context, job outbox.Job, v *query.View, ref botframework.Reference, err error) error {
	if err == nil || !botframework.ConversationGone(err) {
		return err
	}
	if isNew(job) {
		// Right after an installation the bot may not be in the roster yet.
		return err
	}
	if gone := t.Book.Gone(ctx, ref.ConversationID, "Teams says that imbot is not a member there"); gone != nil {
		return gone
	}
	return t.unreachable(ctx, job, v, errors.Join(outbox.ErrPermanent, err))
}

// isNew reports whether the job has been tried for less than it takes Teams to
// let a bot in.
func isNew(job outbox.Job) bool { return job.Attempt < 4 }

// unreachable sends a card that can not reach its place for good to the default
// channel, and says so on the timeline; never a private one.
func (t *Teams) unreachable(ctx context.Context, job outbox.Job, v *query.View, err error) error {
	var p interface{ Permanent() bool }
	if !errors.Is(err, outbox.ErrPermanent) && (!errors.As(err, &p) || !p.Permanent()) {
		return err
	}
	def := t.Default()
	if v.Incident.Private || def == "" || def == job.Target || strings.HasPrefix(job.Target, "user:") {
		return err
	}
	_, doErr := t.Service.Do(ctx, incident.Command{
		Verb: incident.Reroute, Incident: job.Incident, Actor: incident.System,
		Keys: []string{"reroute/" + job.Key}, Args: incident.Args{Target: def, Text: "the squad's channel can not be reached"},
	})
	if doErr != nil {
		return doErr
	}
	return err
}
