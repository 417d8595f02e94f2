package mail

import (
	"context"
	"fmt"
	"time"
)

// Send sends a mail, and returns nil when the server has taken it for all
// recipients. It returns a [PartialError] if it took it for some, else an
// [Error]: with no recipient, a field that can't be sent, too many mails in this
// minute, or whatever the server says.
//
// A mail that was sent twice under one MessageID, because the answer to the
// first try got lost, arrives twice.
func (c *Client) Send(ctx context.Context, m Message) error {
	to, refused, err := recipients(m.To)
	if err != nil {
		return err
	}
	raw, err := c.compose(&m, to)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &Error{Op: "send", Message: "not tried", Err: err}
	}
	if wait := c.budget.take(c.now()); wait > 0 {
		return &Error{Op: "send", Message: fmt.Sprintf("not tried: the mails of this minute are used up for %s", wait.Round(time.Millisecond)), retryAfter: wait}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	by, err := s.deliver(c.from.Mail, to, raw)
	if err != nil {
		return err
	}
	s.quit()
	refused = append(refused, by...)
	switch {
	case len(refused) == 0:
		return nil
	case len(by) == len(to):
		return nobody(refused)
	}
	e := &PartialError{Refused: refused}
	for _, a := range to {
		if !e.refused(a) {
			e.Sent = append(e.Sent, a.Mail)
		}
	}
	return e
}

func (e *PartialError) refused(a Address) bool {
	for _, r := range e.Refused {
		if r.Address == a {
			return true
		}
	}
	return false
}

// Check connects, encrypts, signs in and asks the server for nothing, which
// shows that mails can be handed over. It sends none, and does not count as one.
// It returns an [Error].
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.smtp.Noop(); err != nil {
		return s.failed("check", err)
	}
	s.quit()
	return nil
}
