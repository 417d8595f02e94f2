package effects

import (
	"context"
	"errors"
	"fmt"

	"imbot/integrations/graph/graphrest"
	"imbot/integrations/mail"
)

// GraphMailer sends a composed mail from a mailbox; *graphrest.Client is one.
type GraphMailer interface {
	SendMIME(ctx context.Context, from string, message []byte) error
}

// GraphMail sends mails by Microsoft Graph from a mailbox in Exchange Online,
// where SMTP is turned off. They are the same mails, headers included, that SMTP
// would carry: Graph takes most headers, those of threads among them, only from
// whoever composes the message.
// https://learn.microsoft.com/graph/outlook-send-mime-message
type GraphMail struct {
	API    GraphMailer
	Writer *mail.Writer // composes, and keeps within what Exchange takes from a mailbox
}

// Send hands a mail over. A mail whose answer was lost is sent again under the
// same Message-ID.
func (g *GraphMail) Send(ctx context.Context, m mail.Message) error {
	raw, err := g.Writer.Write(m)
	if err != nil {
		return err
	}
	err = g.API.SendMIME(ctx, g.Writer.From(), raw)
	var e *graphrest.Error
	if errors.As(err, &e) && e.MayBeDone() {
		return fmt.Errorf("it may have been sent, and is sent again with the same Message-ID: %w", err)
	}
	return err
}
