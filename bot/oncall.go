package bot

import (
	"context"

	"imbot/cards"
	"imbot/commands"
	"imbot/query"
)

// onCall shows who is on duty for a service, a squad or a role.
func (t *turn) onCall(ctx context.Context, req commands.Request) (outcome, error) {
	o, err := t.Reader.OnCall(ctx, query.OnCallAnything, req.Target)
	if err != nil {
		return outcome{}, err
	}
	card := cards.OnCall(o, t.options())
	return outcome{card: &card, summary: t.text("oncall.title"), aside: true}, nil
}
