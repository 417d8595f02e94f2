// Package effects carries out what must follow outside: one file for each kind
// of effect. A handler shows the present state or does one thing once, and copes
// with "it happened, but I was not told".
//
// When a handler runs, how often, and what becomes of its errors, is the
// outbox's business; what follows from what is decided in incident.
package effects

import (
	"context"
	"log/slog"
	"time"

	"imbot/cards"
	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/outbox"
	"imbot/query"
)

// Doer carries out commands; *incident.Service is one.
type Doer interface {
	Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error)
}

// Viewer reads incidents; *query.Reader is one.
type Viewer interface {
	Get(ctx context.Context, viewer query.Viewer, id incident.ID, timeline bool) (*query.View, error)
}

// Poster speaks in Teams; *botframework.Client is one.
type Poster interface {
	// Send posts, and returns the id of the message.
	Send(ctx context.Context, ref botframework.Reference, a *botframework.Activity) (string, error)
	ReplyInThread(ctx context.Context, ref botframework.Reference, rootID string, a *botframework.Activity) (string, error)
	Update(ctx context.Context, ref botframework.Reference, activityID string, a *botframework.Activity) error
	Deliver(ctx context.Context, o botframework.Outgoing) error
}

// AddressBook knows how to reach conversations and people in Teams.
type AddressBook interface {
	// Address finds the conversation of a target: a conversation's id, or
	// "user:<id>" for somebody's 1:1 chat, which may be opened for it. place is
	// "personal", "groupChat" or "channel"; language is that of the reader. An
	// error with Permanent() true says that there is no way there.
	Address(ctx context.Context, target string) (ref botframework.Reference, place, language string, err error)
	// Gone records that imbot can not speak in a conversation any more.
	Gone(ctx context.Context, conversationID, why string) error
	// Mention gives the Teams id and name of a person; ok is false for somebody
	// whom imbot has not met.
	Mention(ctx context.Context, personID string) (teamsID, name string, ok bool)
	// ObjectID gives a person's object id in Entra, as far as it is known without
	// asking there; "" where it is not. external says that they are of another
	// tenant.
	ObjectID(ctx context.Context, personID string) (id string, guest, external bool)
	// Joined records that imbot is in a group chat that was made for it.
	Joined(ctx context.Context, conversationID, name string) error
}

// Off is the handler of everything that an absent section or a dry run turns
// off: the effect is kept and shown, and run later only by its button.
func Off(reason string) outbox.Handler {
	return func(context.Context, outbox.Job) error { return outbox.Skip(reason) }
}

// Teams carries out what is said in Teams.
type Teams struct {
	Service Doer
	View    Viewer
	Poster  Poster
	Book    AddressBook
	Bot     Look
	// Default is the company's default channel, where a card goes whose own place
	// fails for good; "" where there is none.
	Default func() string
	Now     func() time.Time
	Logger  *slog.Logger
	Install *Installs // nil: imbot is installed for nobody
	// MailOf is as in Direct.
	MailOf func(ctx context.Context, person incident.Actor) string
	// Enqueue stores the mail that goes to somebody whose 1:1 chat can not be
	// reached for their card. nil: mail is off.
	Enqueue func(ctx context.Context, effects ...incident.Effect) error
	// Repeated counts posts whose answer was lost, and that are made again: Teams
	// has no way to ask whether the first one arrived. May be nil.
	Repeated func()
}

// Look is how imbot shows itself.
type Look struct {
	Name    string
	Dialogs bool
	Slash   bool
}

// options say how to render a card for a place: "personal", "groupChat" or
// "channel". chat is its conversation; "" where no button depends on that.
func (t *Teams) options(lang, place, chat string) cards.Options {
	return cards.Options{Lang: lang, Place: place, BotName: t.Bot.Name, Dialogs: t.Bot.Dialogs, Slash: t.Bot.Slash, Chat: chat}
}
