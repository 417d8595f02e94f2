package bot

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// outcome is what a request has led to, before it is put into words for a chat,
// a card's answer or a dialog.
type outcome struct {
	text     string // one line
	summary  string // of a card, for previews
	card     *cards.Card
	title    string // of a form, for a dialog
	form     bool   // card is a form
	live     bool   // card is the incident's own card
	own      bool   // card is a message of its own: it never takes the place of another card
	aside    bool   // only the asker needs it
	problem  *incident.Problem
	incident incident.ID
	view     *query.View // of a live card; nil where it is redacted
}

// run carries out a request.
func (t *turn) run(ctx context.Context, req commands.Request) (outcome, error) {
	if err := t.hide(ctx, req.Incident); err != nil {
		return outcome{}, err
	}
	if req.List != 0 {
		if err := t.Reader.Check(ctx, t.viewer(), req.List); err != nil {
			return outcome{}, err
		}
	}
	switch {
	case req.Command != nil:
		return t.command(ctx, req)
	case req.Form == commands.FormTime && req.Op == commands.OpSave:
		return t.saveTimes(ctx, req)
	case req.Form != "":
		return t.form(ctx, req, req.Values, nil)
	}
	switch req.Verb {
	case "list":
		return t.list(ctx, req)
	case "show":
		if req.Op == commands.OpRelated {
			return t.related(ctx, req.Incident, req.From)
		}
		return t.show(ctx, req.Incident)
	case "mute", "unmute":
		return t.mute(ctx, req)
	case "similar":
		return t.similar(ctx, req.Incident)
	case "stats":
		return t.stats(ctx, req)
	case "oncall":
		return t.onCall(ctx, req)
	case "action":
		return t.show(ctx, req.Incident)
	case "connect", "disconnect", "test":
		return t.bind(ctx, req)
	case "mail":
		return t.mail(ctx, req)
	case "help":
		return t.help(req), nil
	}
	return outcome{}, incident.NewProblem(incident.ErrInvalid, "verb", "unknown_verb", "There is no verb %q.", req.Verb).With("verb", req.Verb)
}

// hide makes a private incident not exist outside 1:1 chats and its own room,
// whoever asks.
func (t *turn) hide(ctx context.Context, id incident.ID) error {
	if id == 0 || !t.public() {
		return nil
	}
	return t.Reader.Check(ctx, t.viewer(), id)
}

// command changes something, and answers with the state that it has led to.
func (t *turn) command(ctx context.Context, req commands.Request) (outcome, error) {
	cmd := req.Command
	if cmd.Verb == incident.Declare {
		if err := t.placeOf(cmd); err != nil {
			return outcome{}, err
		}
	}
	req.As(t.asker.actor, t.asker.role, incident.SourceTeams)
	t.Reader.NameArgs(ctx, &cmd.Args)
	if cmd.Verb == incident.WriteRCA && cmd.Args.Complete && len(cmd.Args.RCA) > 0 {
		// What was typed is kept, even if it is not enough to finish.
		draft := *cmd
		draft.Args.Complete = false
		draft.Keys = []string{t.key("/draft")}
		if _, err := t.Service.Do(ctx, draft); err != nil {
			return t.again(ctx, req, err)
		}
		cmd.Args.RCA = nil
	}
	if err := t.times(ctx, req); err != nil {
		return t.again(ctx, req, err)
	}
	cmd.Keys = []string{t.key("")}
	if err := errors.Join(t.Reader.ResolveChange(ctx, t.viewer(), cmd), t.Reader.CheckParent(ctx, t.viewer(), cmd)); err != nil {
		return t.again(ctx, req, err)
	}
	inc, err := t.Service.Do(ctx, *cmd)
	if err != nil {
		return t.again(ctx, req, err)
	}
	if req.Form != "" && req.Op != commands.OpSave && req.Op != commands.OpFinish {
		req.Incident, req.Command = inc.ID, nil
		return t.form(ctx, req, nil, nil)
	}
	if req.List != 0 {
		return t.corrected(ctx, cmd, inc, req.List)
	}
	return t.done(ctx, cmd, inc)
}

// times sets the times that stand in the RCA form beside its text.
func (t *turn) times(ctx context.Context, req commands.Request) error {
	if req.Form != commands.FormRCA || req.Command.Verb != incident.WriteRCA {
		return nil
	}
	return t.setTimes(ctx, req)
}

func (t *turn) setTimes(ctx context.Context, req commands.Request) error {
	v, err := t.Reader.Get(ctx, t.viewer(), req.Incident, false)
	if err != nil {
		return err
	}
	cmds, err := req.TimeCommands(t.env, v.Incident.Times)
	if err != nil {
		return err
	}
	for _, c := range cmds {
		c.Actor, c.Role, c.Source, c.Keys = t.asker.actor, t.asker.role, incident.SourceTeams, []string{t.key("/" + c.Args.Time)}
		if _, err := t.Service.Do(ctx, c); err != nil {
			return inTimeInput(err, c.Args.Time)
		}
	}
	return nil
}

// inTimeInput says of a problem with a time's value in which input it was typed.
func inTimeInput(err error, name string) error {
	var p *incident.Problem
	if !errors.As(err, &p) || p.Field != "value" {
		return err
	}
	for input, of := range cards.TimesFields {
		if of == name {
			moved := *p
			moved.Field = input
			return &moved
		}
	}
	return err
}

// saveTimes sets the times of their form, each by a command of its own. What was
// typed stays where one is wrong.
func (t *turn) saveTimes(ctx context.Context, req commands.Request) (outcome, error) {
	if err := t.setTimes(ctx, req); err != nil {
		return t.again(ctx, req, err)
	}
	out, err := t.show(ctx, req.Incident)
	out.text = t.text("done.times", "id", req.Incident.String())
	return out, err
}

// placeOf says where the card of a declared incident goes: here. A private one
// is declared in a 1:1 chat only.
func (t *turn) placeOf(cmd *incident.Command) error {
	if t.kind == Personal {
		cmd.Args.Target = "user:" + t.asker.ID
		return nil
	}
	if cmd.Args.Private || t.privateLevel(cmd.Args.Level) {
		link := chatLink(t.act.Recipient.ID)
		return incident.NewProblem(incident.ErrInvalid, "private", "private_here",
			"A private incident is not declared where others read: tell me in our 1:1 chat. %s", link).With("link", link)
	}
	cmd.Args.Target = ""
	switch {
	case t.away:
	case t.kind == GroupChat:
		cmd.Args.Target = t.act.Conversation.ID
	default:
		cmd.Args.Target = root(t.act.Conversation.ID)
	}
	return nil
}

// privateLevel reports whether incidents of the level, by key or title, are
// private.
func (t *turn) privateLevel(level string) bool {
	return slices.ContainsFunc(t.Catalog().Levels(), func(l incident.Level) bool {
		return l.Private && (strings.EqualFold(l.Key, level) || strings.EqualFold(l.Title, level))
	})
}

// chatLink opens the reader's 1:1 chat with the bot.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
func chatLink(botID string) string {
	return "https://teams.microsoft.com/l/chat/0/0?users=" + url.PathEscape(botID)
}

// again shows a form once more with what was typed and what is wrong with it;
// other requests just fail.
func (t *turn) again(ctx context.Context, req commands.Request, err error) (outcome, error) {
	var p *incident.Problem
	if req.Form == "" || !errors.As(err, &p) || errors.Is(err, incident.ErrForbidden) || errors.Is(err, incident.ErrNotFound) {
		return outcome{}, err
	}
	errs := map[string]string{p.Field: t.problemText(p)}
	if missing, ok := p.Args["missing"].([]string); ok && len(missing) > 0 {
		errs = map[string]string{}
		for _, f := range missing {
			errs[f] = t.text("form.required")
		}
		req.Step = cards.RCAStepOf(missing[0])
	} else if req.Op != "" && req.Form == commands.FormRCA {
		req.Op = commands.OpSave // stay on this step
	}
	out, ferr := t.form(ctx, req, req.Values, errs)
	if ferr != nil {
		return outcome{}, err
	}
	out.problem = p
	return out, nil
}

// done says what a command has led to.
func (t *turn) done(ctx context.Context, cmd *incident.Command, inc *incident.Incident) (outcome, error) {
	if inc.Private && t.public() && t.Reader.Check(ctx, t.viewer(), inc.ID) != nil { // by its level, or since this very command
		card := cards.Redacted(inc.ID, t.options())
		text := t.text("card.redacted", "id", inc.ID.String())
		return outcome{text: text, summary: inc.ID.String(), card: &card, live: true, incident: inc.ID}, nil
	}
	v, err := t.Reader.Get(ctx, t.viewer(), inc.ID, false)
	if err != nil {
		return outcome{}, err
	}
	card := cards.Incident(v, t.options())
	return outcome{text: t.words(cmd, v), summary: cards.Summary(v, t.lang), card: &card, live: true, incident: inc.ID, view: v}, nil
}

// words is one line that says what is so now.
func (t *turn) words(cmd *incident.Command, v *query.View) string {
	if cmd.Verb == incident.OpenRoom {
		return t.roomWords(cmd, v)
	}
	inc := v.Incident
	by, key := t.asker.actor, "done."+string(cmd.Verb)
	switch cmd.Verb {
	case incident.Ack:
		by = inc.AcknowledgedBy
	case incident.Assign:
		by = inc.Commander
		if cmd.Args.Role == "scribe" {
			by = inc.Scribe
		}
	case incident.Subscribe:
		if cmd.Args.Remove {
			key += ".off"
		}
	case incident.WriteRCA:
		if inc.Postmortem.State == incident.PostmortemComplete {
			key = "done.close"
		}
	}
	p := locale.For(t.lang)
	key, parent := linkWords(key, cmd, inc)
	return p.Text(key, "parent", parent, "id", inc.ID.String(), "title", cards.Plain(inc.Title), "by", cards.Plain(by.Label()), "level", p.Level(v.Level))
}

// text is a text of the catalogue in the language of the answer.
func (t *turn) text(key string, pairs ...any) string { return locale.For(t.lang).Text(key, pairs...) }

func (t *turn) options() cards.Options {
	return cards.Options{
		Lang: t.lang, Place: t.kind, BotName: t.Name, Dialogs: t.Dialogs, Slash: t.Slash, Location: t.env.Location,
		InDialog: dialogs[t.act.Name], About: t.env.Incident, Chat: t.place,
	}
}

// dialogs are the invokes that are answered with a dialog.
var dialogs = map[string]bool{
	invokeTaskFetch: true, invokeTaskSubmit: true, botframework.ExtensionFetchTask: true, botframework.ExtensionSubmitAction: true,
}

func (t *turn) list(ctx context.Context, req commands.Request) (outcome, error) {
	f := query.Filter{}
	if req.Query != nil {
		f = *req.Query
	}
	f.Limit = 10
	page, err := t.Reader.List(ctx, t.viewer(), f)
	if err != nil {
		return outcome{}, err
	}
	card := cards.List(page, t.text("list.title"), t.options())
	// As the answer to a button it is a message of its own: not the card that it
	// was asked from.
	return outcome{card: &card, summary: t.text("list.title"), aside: true, own: t.act.Name == invokeAction}, nil
}

func (t *turn) show(ctx context.Context, id incident.ID) (outcome, error) {
	v, err := t.Reader.Get(ctx, t.viewer(), id, false)
	if err != nil {
		return outcome{}, err
	}
	card := cards.Incident(v, t.options())
	return outcome{card: &card, live: true, summary: cards.Summary(v, t.lang), incident: id, view: v}, nil
}

func (t *turn) help(req commands.Request) outcome {
	rows := slices.DeleteFunc(commands.Help(t.env), func(r commands.HelpRow) bool { return req.Topic != "" && r.Verb != req.Topic })
	card := cards.Help(rows, t.options())
	return outcome{card: &card, summary: t.text("help.title"), aside: true}
}
