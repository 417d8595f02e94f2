package bot

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// extensionFetch opens the dialog of an action. A message in an incident's room
// or thread goes onto its timeline without one.
func (t *turn) extensionFetch(ctx context.Context, e botframework.Extension) (reply, error) {
	switch e.CommandID {
	case CommandDeclare:
		if err := incident.Allowed(incident.Declare, false, t.asker.actor, t.asker.role, nil, &incident.Facts{}); err != nil {
			return t.refused(err)
		}
		return t.declareDialog(quoteOf(e.Message), nil, nil)
	case CommandTimeline:
		if e.Message == nil {
			return taskMessage(t.text("extension.no_message")), nil
		}
		if err := incident.Allowed(incident.AddNote, false, t.asker.actor, t.asker.role, nil, &incident.Facts{}); err != nil {
			return t.refused(err)
		}
		q := quoteOf(e.Message)
		if t.env.Incident != 0 {
			return t.onTimeline(ctx, t.env.Incident, q)
		}
		return t.timelineDialog(ctx, q, nil, nil)
	}
	return taskMessage(t.text("extension.old")), nil
}

// extensionSubmit carries out what a dialog of the extension asks for.
func (t *turn) extensionSubmit(ctx context.Context, e botframework.Extension) (reply, error) {
	var d cards.Data
	_ = json.Unmarshal(e.Data, &d) // what does not fit is an unknown form below
	q := quoteIn(&d)
	switch {
	case e.CommandID == CommandDeclare && d.Form == commands.FormDeclare:
		return t.declareFrom(ctx, e.Data, q)
	case e.CommandID == CommandTimeline && d.Form == cards.FormTimeline && d.Message != "":
		return t.timelineSubmit(ctx, e.Data, q)
	}
	return taskMessage(t.text("extension.old")), nil
}

// quoteOf is the message as a card shows it; the zero Quote for none.
func quoteOf(m *botframework.Message) cards.Quote {
	if m == nil {
		return cards.Quote{}
	}
	return cards.Quote{ID: m.ID, Text: m.Text, Author: m.Author, At: m.At, Link: m.Link, Files: m.Files}
}

// quoteIn reads the message that a dialog has carried along, as if a stranger
// had sent it.
func quoteIn(d *cards.Data) cards.Quote {
	q := cards.Quote{
		ID: incident.Clip(incident.Line(d.Message), 200), Text: botframework.PlainBody(d.Quote, botframework.MaxMessageText),
		Author: incident.Clip(incident.Line(d.Author), 80), Link: botframework.MessageLink(d.URL),
	}
	q.At, _ = time.Parse(time.RFC3339Nano, d.At) // zero: not told
	for name := range strings.SplitSeq(botframework.PlainBody(d.Files, 1500), "\n") {
		if name != "" {
			q.Files = append(q.Files, name)
		}
	}
	return q
}

func (t *turn) dialog(c *cards.Card, title string) (reply, error) {
	return t.taskReply(outcome{form: true, card: c, title: title})
}

func (t *turn) declareDialog(q cards.Quote, values, errs map[string]string) (reply, error) {
	o := t.options()
	card := cards.DeclareForm(values, errs, t.services(), o)
	if q.ID != "" {
		card = cards.DeclareFrom(q, values, errs, t.services(), o)
	}
	return t.dialog(&card, t.text("form.declare.title"))
}

// declareFrom declares the incident, with the message quoted in its description.
func (t *turn) declareFrom(ctx context.Context, data json.RawMessage, q cards.Quote) (reply, error) {
	req, _, err := t.cardRequest(data, "")
	var out outcome
	if err == nil && req.Command == nil {
		err = incident.NewProblem(incident.ErrInvalid, "title", "title_missing", "Say what is wrong: a title is needed.")
	}
	if err == nil {
		if q.ID != "" {
			if req.Command.Args.Description, err = t.quoted(ctx, q, req.Command.Args.Description); err != nil {
				return reply{}, err
			}
		}
		req.Form = "" // a mistake is shown in this dialog's own form
		out, err = t.command(ctx, req)
	}
	if err != nil {
		var p *incident.Problem
		if !errors.As(err, &p) {
			return reply{}, err
		}
		if errors.Is(err, incident.ErrForbidden) {
			return t.refused(err)
		}
		return t.declareDialog(q, req.Values, map[string]string{p.Field: t.problemText(p)})
	}
	switch {
	case out.view == nil: // its level makes it private
		return taskMessage(t.text("extension.private", "id", out.incident.String())), nil
	case t.away:
		return t.incidentResult(ctx, out.view)
	}
	card := cards.Declared(out.view, t.options())
	return t.dialog(&card, t.text("declared.title", "id", out.incident.String()))
}

// quoted is the text of a message as others read it: who wrote it, when and
// where stands below.
func (t *turn) quoted(ctx context.Context, q cards.Quote, text string) (string, error) {
	p, err := t.printer(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	if text = strings.TrimSpace(text); text != "" {
		lines = append(lines, "“"+text+"”")
	}
	by := q.Author
	if by == "" {
		by = p.Text("message.unknown")
	}
	if !q.At.IsZero() {
		by += ", " + q.At.In(t.Location).Format("2006-01-02 15:04 MST")
	}
	lines = append(lines, "— "+by)
	if len(q.Files) > 0 {
		lines = append(lines, p.Text("message.files", "names", incident.Clip(strings.Join(q.Files, ", "), 300)))
	}
	if q.Link != "" {
		lines = append(lines, q.Link)
	}
	return strings.Join(lines, "\n"), nil
}

// printer speaks the language of those who read what is written here.
func (t *turn) printer(ctx context.Context) (locale.Printer, error) {
	lang, err := t.shared(ctx)
	return locale.For(lang), err
}

func (t *turn) timelineDialog(ctx context.Context, q cards.Quote, values, errs map[string]string) (reply, error) {
	page, err := t.Reader.List(ctx, t.viewer(), query.Filter{Limit: maxOthers})
	if err != nil {
		return reply{}, err
	}
	var recent []cards.Choice
	for _, v := range page.Incidents {
		recent = append(recent, cards.Choice{Title: v.Incident.ID.String() + " " + v.Incident.Title, Value: v.Incident.ID.String()})
	}
	card := cards.TimelineForm(q, values, errs, recent, t.options())
	return t.dialog(&card, t.text("form.timeline.title"))
}

func (t *turn) timelineSubmit(ctx context.Context, data json.RawMessage, q cards.Quote) (reply, error) {
	var in struct {
		Pick  string `json:"incident_pick"`
		Other string `json:"incident_other"`
	}
	_ = json.Unmarshal(data, &in) // what does not fit was not typed
	values := map[string]string{"incident_pick": incident.Clip(in.Pick, 40), "incident_other": incident.Clip(in.Other, 40)}
	typed, field := in.Other, "incident_other"
	if strings.TrimSpace(typed) == "" && in.Pick != "" {
		typed, field = in.Pick, "incident_pick"
	}
	if strings.TrimSpace(typed) == "" {
		return t.timelineDialog(ctx, q, values, map[string]string{field: t.text("form.timeline.need")})
	}
	id, err := incident.ParseID(typed)
	if err == nil {
		err = t.Reader.Check(ctx, t.viewer(), id)
	}
	var p *incident.Problem
	if errors.As(err, &p) {
		return t.timelineDialog(ctx, q, values, map[string]string{field: t.problemText(p)})
	}
	if err != nil {
		return reply{}, err
	}
	return t.onTimeline(ctx, id, q)
}

// onTimeline puts a message onto the incident's timeline, and says so.
func (t *turn) onTimeline(ctx context.Context, id incident.ID, q cards.Quote) (reply, error) {
	err := t.hide(ctx, id)
	if err == nil {
		err = t.addMessage(ctx, id, q)
	}
	if err != nil {
		return t.refused(err)
	}
	return taskMessage(t.text("extension.added", "id", id.String())), nil
}

func (t *turn) addMessage(ctx context.Context, id incident.ID, q cards.Quote) error {
	p, err := t.printer(ctx)
	if err != nil {
		return err
	}
	_, err = t.Service.Do(ctx, messageNote(id, t.place, q, t.asker.actor, t.asker.role, p, t.Now()))
	return err
}

// messageNote is the command that puts a message onto a timeline, at the time
// when it was written. It happens once for each message and incident, however
// it is asked for.
func messageNote(id incident.ID, conversation string, q cards.Quote, by incident.Actor, role incident.Role, p locale.Printer, now time.Time) incident.Command {
	text := q.Text
	if text == "" {
		text = p.Text("message.empty")
	}
	if len(q.Files) > 0 {
		text += "\n" + p.Text("message.files", "names", incident.Clip(strings.Join(q.Files, ", "), 300))
	}
	author := q.Author
	if author == "" {
		author = p.Text("message.unknown")
	}
	cmd := incident.Command{
		Verb: incident.AddNote, Incident: id, Actor: by, Role: role, Source: incident.SourceTeams,
		Keys: []string{"teams/" + conversation + "/message/" + q.ID + "/" + id.String()},
		Args: incident.Args{Text: incident.Clip(text, incident.MaxText), Data: map[string]string{"message": q.ID, "author": author}},
	}
	if q.Link != "" {
		cmd.Args.Data["url"] = q.Link
	}
	if !q.At.IsZero() && q.At.Before(now) {
		cmd.At = q.At
	}
	return cmd
}
