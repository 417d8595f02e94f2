package mail

import (
	"fmt"
	netmail "net/mail"
	"time"
)

// Writer writes mails for another way of sending than SMTP, as Client would send
// them, and keeps within the same limit: Exchange Online counts the mails of a
// mailbox in a minute whichever way they come. It is safe for concurrent use.
// https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits#sending-limits-1
type Writer struct {
	c Client
}

// NewWriter returns a writer of mails from this sender, such as "Incidents
// <imbot@example.com>": at most perMinute in a minute (0: DefaultPerMinute), by
// this clock (nil: time.Now).
func NewWriter(from string, perMinute int, now func() time.Time) (*Writer, error) {
	a, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("mail: the sender %.80q is no mail address: write imbot@example.com or \"Incidents <imbot@example.com>\"", from)
	}
	if err := checkAddress(a.Address); err != nil {
		return nil, fmt.Errorf("mail: the sender %.80q can't be used: %w", a.Address, err)
	}
	if now == nil {
		now = time.Now
	}
	return &Writer{Client{from: Address{Name: a.Name, Mail: a.Address}, budget: newBudget(orElse(perMinute, DefaultPerMinute)), now: now}}, nil
}

// From returns the sender's address.
func (w *Writer) From() string { return w.c.from.Mail }

// Write returns the whole mail, headers and body, as it is to be sent now. It
// fails with an [Error], as [Client.Send] does, where it can't be sent as it is,
// where any of its recipients is no address, or where the mails of this minute
// are used up.
func (w *Writer) Write(m Message) ([]byte, error) {
	to, refused, err := recipients(m.To)
	if err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		return nil, refused[0].Err
	}
	raw, err := w.c.compose(&m, to)
	if err != nil {
		return nil, err
	}
	if wait := w.c.budget.take(w.c.now()); wait > 0 {
		return nil, &Error{Op: "send", Message: fmt.Sprintf("not tried: the mails of this minute are used up for %s", wait.Round(time.Millisecond)), retryAfter: wait}
	}
	return raw, nil
}
