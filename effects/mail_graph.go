package effects

import (
	"context"
	"errors"
	"fmt"
	"net/http"

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
	switch {
	case !errors.As(err, &e):
		return err
	case e.MayBeDone():
		return fmt.Errorf("it may have been sent, and is sent again with the same Message-ID: %w", err)
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusNotFound:
		same := *e
		same.RequestID = "" // the next mail's is another one, and says the same
		return &noMailbox{&same}
	}
	return err
}

// noMailbox is the error where nothing can be sent from the mailbox.
type noMailbox struct{ error }

// Unwrap returns the cause.
func (e *noMailbox) Unwrap() error { return e.error }

// General is as in mail.Error.
func (*noMailbox) General() bool { return true }
