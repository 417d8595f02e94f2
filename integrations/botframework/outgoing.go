package botframework

import "context"

// Outgoing is one message that is to be said, complete with where: a plain
// value, so that it can be stored and sent later.
type Outgoing struct {
	Ref      Reference `json:"ref"`
	ReplyTo  string    `json:"reply_to,omitempty"` // activity in whose thread it is said
	Update   string    `json:"update,omitempty"`   // message of the bot to replace, instead of a new one
	Activity *Activity `json:"activity"`
}

// Deliver sends o: one call of Update, ReplyInThread or Send.
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
	return err
}
