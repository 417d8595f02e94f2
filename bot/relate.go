package bot

import (
	"context"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// related lists what is linked to an incident. The first page is a message of
// its own; the next ones take its place.
func (t *turn) related(ctx context.Context, id incident.ID, from int) (outcome, error) {
	v, rows, err := t.Reader.Relatives(ctx, t.viewer(), id, from, cards.RelatedRows)
	if err != nil {
		return outcome{}, err
	}
	card := cards.Relatives(v, rows, from, 0, "", t.options())
	return outcome{card: &card, summary: t.text("related.title", "id", id.String()), own: from == 0}, nil
}

// corrected answers a button in such a list with the list as it is now, and
// with the button that takes the correction back.
func (t *turn) corrected(ctx context.Context, cmd *incident.Command, inc *incident.Incident, list incident.ID) (outcome, error) {
	v, rows, err := t.Reader.Relatives(ctx, t.viewer(), list, 0, cards.RelatedRows)
	if err != nil {
		return outcome{}, err
	}
	fixed := inc.ID
	if cmd.Verb == incident.Undo || inc.LinkWas == nil {
		fixed = 0
	}
	key, parent := linkWords("done."+string(cmd.Verb), cmd, inc)
	said := t.text(key, "id", inc.ID.String(), "parent", parent)
	card := cards.Relatives(v, rows, 0, fixed, said, t.options())
	return outcome{card: &card, text: said, summary: t.text("related.title", "id", list.String())}, nil
}

// linkWords is the key of the words for what a command has made of a link, and
// the other incident, where there is one.
func linkWords(key string, cmd *incident.Command, inc *incident.Incident) (string, string) {
	switch l, was := inc.Link, inc.LinkWas; {
	case cmd.Verb == incident.SetLink && l != nil:
		return key + "." + l.Kind, l.Parent.String()
	case cmd.Verb == incident.Unlink && was != nil && was.Link != nil && was.Link.Parent != 0:
		return key + ".from", was.Link.Parent.String()
	case cmd.Verb == incident.SetLink:
		return key, cmd.Args.Parent.String()
	}
	return key, ""
}

// maxOthers bounds the incidents from which the one that another belongs to is
// chosen.
const maxOthers = 40

// others are the incidents that another one may belong to: the newest, those
// that are a part of something else apart.
func (t *turn) others(ctx context.Context, id incident.ID) ([]cards.Choice, error) {
	page, err := t.Reader.List(ctx, t.viewer(), query.Filter{Limit: maxOthers})
	if err != nil {
		return nil, err
	}
	var out []cards.Choice
	for _, v := range page.Incidents {
		inc := v.Incident
		if inc.ID == id || inc.Private || (inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate) {
			continue
		}
		out = append(out, cards.Choice{Title: inc.ID.String() + " " + inc.Title, Value: inc.ID.String()})
	}
	return out, nil
}

// similar lists earlier incidents like one.
func (t *turn) similar(ctx context.Context, id incident.ID) (outcome, error) {
	v, list, err := t.Reader.Similar(ctx, t.viewer(), id)
	if err != nil {
		return outcome{}, err
	}
	card := cards.Similar(v, list, t.options())
	return outcome{card: &card, summary: t.text("similar.of", "id", id.String()), own: true}, nil
}

// stats shows how often the rules that link incidents were right.
func (t *turn) stats(ctx context.Context, req commands.Request) (outcome, error) {
	f, err := t.Reader.LinkStats(ctx, t.viewer(), req.Since)
	if err != nil {
		return outcome{}, err
	}
	card := cards.LinkStats(f, t.options())
	return outcome{card: &card, summary: t.text("stats.title"), aside: true}, nil
}

// mute keeps a service or a squad quiet, ends that, or lists what is muted.
func (t *turn) mute(ctx context.Context, req commands.Request) (outcome, error) {
	if req.Op == commands.OpList {
		return t.mutes(ctx)
	}
	var m incident.Mute
	var err error
	if req.Verb == "mute" {
		m, err = t.Service.Mute(ctx, t.asker.actor, t.asker.role, req.Target, req.For, req.Reason)
	} else {
		m, err = t.Service.Unmute(ctx, t.asker.actor, t.asker.role, req.Target)
	}
	if err != nil {
		return outcome{}, err
	}
	t.Logger.Info("bot.Bot mute", "verb", req.Verb, "service", m.Service, "squad", m.Squad, "by", t.asker.ID)
	name := cards.Plain(incident.Clip(t.Reader.MuteName(m), 60))
	if req.Verb == "unmute" {
		return t.unmuted(ctx, name)
	}
	text := t.text("mutes.set", "name", name, "until", m.Until.In(t.Location).Format("2006-01-02 15:04 MST"))
	if m.Reason != "" {
		text += " " + cards.Plain(m.Reason)
	}
	return outcome{text: text}, nil
}

// unmuted answers the button in the list with the list as it is now, and the
// verb with a line.
func (t *turn) unmuted(ctx context.Context, name string) (outcome, error) {
	text := t.text("mutes.ended", "name", name)
	if t.act.Name != invokeAction {
		return outcome{text: text}, nil
	}
	out, err := t.mutes(ctx)
	out.text = text
	return out, err
}

func (t *turn) mutes(ctx context.Context) (outcome, error) {
	list, err := t.Reader.Mutes(ctx, t.Now())
	if err != nil {
		return outcome{}, err
	}
	card := cards.Mutes(list, t.options())
	return outcome{card: &card, summary: t.text("mutes.title"), aside: true}, nil
}
