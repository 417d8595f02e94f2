package botframework

import (
	"context"
	"errors"
)

// Outgoing is one message that is to be said, complete with where: a plain
// value, so that it can be stored and sent later.
type Outgoing struct {
	Ref      Reference `json:"ref"`
	ReplyTo  string    `json:"reply_to,omitempty"` // activity in whose thread it is said
	Update   string    `json:"update,omitempty"`   // message of the bot to replace, instead of a new one
	Activity *Activity `json:"activity"`
	// Else is where a message for one person alone is said if Teams does not let it
	// be said to them in Ref, such as their 1:1 chat. Nil: nowhere.
	Else *Reference `json:"else,omitempty"`
}

// Deliver sends o: one call of Update, ReplyInThread or Send. A message for one
// person alone that Teams refuses for good is said at o.Else instead: some
// clients and conversations know no such messages.
// https://learn.microsoft.com/microsoftteams/platform/agents-in-teams/targeted-messages
func (c *Client) Deliver(ctx context.Context, o Outgoing) error {
	var err error
	switch {
	case o.Update != "":
		err = c.Update(ctx, o.Ref, o.Update, o.Activity)
	case o.ReplyTo != "":
		_, err = c.ReplyInThread(ctx, o.Ref, o.ReplyTo, o.Activity)
	default:
		_, err = c.Send(ctx, o.Ref, o.Activity)
	}
	var refused *Error
	if err == nil || o.Else == nil || !o.Activity.Recipient.IsTargeted || !errors.As(err, &refused) || !refused.Permanent() {
		return err
	}
	open := *o.Activity
	open.Recipient, open.ReplyToID = Account{}, ""
	_, err = c.Send(ctx, *o.Else, &open)
	return err
}
