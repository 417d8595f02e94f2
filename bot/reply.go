package bot

import (
	"context"
	"strings"

	"imbot/cards"
	"imbot/commands"
	"imbot/incident"
	"imbot/integrations/botframework"
)

// withAttached completes a note that was typed with what came with the message:
// what it answers, and the names of files. A note without words of its own, in
// answer to a message, puts that message onto the timeline: what its menu does,
// and once as there. ok says that this was all there was to do.
func (t *turn) withAttached(ctx context.Context, req *commands.Request) (out outcome, ok bool, err error) {
	if req.Verb != "note" || req.Incident == 0 {
		return outcome{}, false, nil
	}
	answers, files := botframework.Attached(t.act)
	if answers == nil && len(files) == 0 {
		return outcome{}, false, nil
	}
	if req.Form == commands.FormNote && answers != nil {
		q := cards.Quote{ID: answers.ID, Text: answers.Text, Author: answers.Author, Files: files}
		if err = t.hide(ctx, req.Incident); err == nil {
			err = t.addMessage(ctx, req.Incident, q)
		}
		return outcome{text: t.text("extension.added", "id", req.Incident.String()), incident: req.Incident}, true, err
	}
	p, err := t.printer(ctx)
	if err != nil {
		return outcome{}, false, err
	}
	var lines []string
	if req.Command != nil {
		lines = append(lines, req.Command.Args.Text)
	}
	if answers != nil && answers.Text != "" {
		author := answers.Author
		if author == "" {
			author = p.Text("message.unknown")
		}
		lines = append(lines, incident.Clip("“"+answers.Text+"” — "+author, 600))
	}
	if len(files) > 0 {
		lines = append(lines, p.Text("message.files", "names", incident.Clip(strings.Join(files, ", "), 300)))
	}
	req.Form, req.Command = "", &incident.Command{Verb: incident.AddNote, Incident: req.Incident, Args: incident.Args{Text: strings.Join(lines, "\n")}}
	return outcome{}, false, nil
}
