// Package bot is the edge to Teams: it takes Bot Framework activities in,
// authenticates them, turns messages, buttons and forms into commands, and
// answers invokes. It remembers where imbot can speak and whom it has met.
//
// It is inbound only. What is said in Teams is an effect, run later; only the
// answer to an invoke goes out with the HTTP response. Who may do what, and what
// it does, is decided in incident.
package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/infracloudio/msbotbuilder-go/core"

	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/query"
)

// Doer carries out commands and mutes; *incident.Service is one.
type Doer interface {
	Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error)
	Enqueue(ctx context.Context, effects ...incident.Effect) error
	Mute(ctx context.Context, by incident.Actor, role incident.Role, target string, d time.Duration, reason string) (incident.Mute, error)
	Unmute(ctx context.Context, by incident.Actor, role incident.Role, target string) (incident.Mute, error)
}

// Roster looks people up; *botframework.Client is one.
type Roster interface {
	Member(ctx context.Context, ref botframework.Reference, userID string) (*botframework.Member, error)
}

// Squads is what the bot asks of the catalog besides incident.Catalog: who is
// who, and which channel belongs to whom.
type Squads interface {
	incident.Catalog
	// Language returns the squad's language, else the company's.
	Language(squad string) string
	// ServiceNames returns the keys and names of all services, sorted by name.
	ServiceNames() [][2]string
	// SquadKeys returns the keys of all squads, sorted.
	SquadKeys() []string
	// TeamsAccount returns the id by which Teams knows a person whom imbot may
	// never have met, and the name; ok is false where the catalog does not say.
	TeamsAccount(personID string) (id, name string, ok bool)
	// ObjectID returns a person's object id in Entra; "" where the catalog does not
	// say.
	ObjectID(personID string) string
	// Timezone returns where a person lives; nil where the catalog does not say.
	Timezone(personID string) *time.Location
}

// Config is what a Bot needs.
type Config struct {
	Adapter core.Adapter // authenticates: see botframework.NewAdapter
	Service Doer
	Reader  *query.Reader
	Store   Store
	// Preferences is who wants no mails. nil: no mails are sent.
	Preferences Preferences
	Catalog     func() Squads
	Rebind      func(ctx context.Context) error // makes new channel bindings take effect
	Roster      Roster
	Tenants     []string // home tenants
	Access      Access
	Dialogs     bool // buttons open dialogs
	Slash       bool // real slash commands are enabled
	// Targeted makes what only the asker needs (forms, help, lists, mistakes) be
	// said in channels and group chats so that nobody else sees it.
	Targeted bool
	Messages MessageReader // nil: messages are not read, and a pin on one means nothing
	Name     string
	Location *time.Location // the company's zone; nil: UTC
	Now      func() time.Time
	Logger   *slog.Logger
}

// Bot answers POST /api/messages.
type Bot struct {
	Config

	// Counters, by outcome.
	Accepted, Refused, Failed atomic.Int64
}

// New returns a Bot. It does no I/O.
func New(c Config) *Bot {
	if c.Name == "" {
		c.Name = "imbot"
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	return &Bot{Config: c}
}

// reply is the answer to an activity: an HTTP status and, for invokes, a body.
type reply struct {
	status int
	body   any
}

var ok200 = reply{status: http.StatusOK}

// ServeHTTP authenticates before any other work, carries commands out before it
// answers 200, and leaves only the reply in the chat to the outbox.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
	case http.MethodHead, http.MethodGet: // somebody looks whether we are here
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	default:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	act, status, err := b.receive(w, r)
	if err != nil {
		b.Refused.Add(1)
		b.Logger.Warn("bot.Bot refused", "status", status, "err", err)
		http.Error(w, http.StatusText(status), status)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), budget(act))
	defer cancel()
	rep, err := b.dispatch(ctx, act)
	if err != nil {
		b.fail(w, act, err)
		return
	}
	b.Accepted.Add(1)
	write(w, rep)
}

// budget is how long an activity may take. Teams waits for 15 s, and a person
// before a button for less.
func budget(act *botframework.Activity) time.Duration {
	switch {
	case act.Name == botframework.ExtensionQuery: // typed letter by letter, and Teams gives up after 5 s
		return 2 * time.Second
	case act.Type == botframework.TypeInvoke:
		return 3 * time.Second
	}
	return 10 * time.Second
}

// fail answers what could not be stored: Teams shows an error to the person, or
// sends again.
func (b *Bot) fail(w http.ResponseWriter, act *botframework.Activity, err error) {
	b.Failed.Add(1)
	b.Logger.Error("bot.Bot failed", "type", act.Type, "name", act.Name, "err", err)
	status := http.StatusInternalServerError
	if errors.Is(err, incident.ErrBusy) || errors.Is(err, context.DeadlineExceeded) {
		w.Header().Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	}
	http.Error(w, http.StatusText(status), status)
}

// receive reads and authenticates an activity; the status goes with the error.
func (b *Bot) receive(w http.ResponseWriter, r *http.Request) (*botframework.Activity, int, error) {
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		return nil, http.StatusUnsupportedMediaType, errors.New("the body must be application/json")
	}
	if r.Header.Get("Authorization") == "" {
		return nil, http.StatusUnauthorized, errors.New("no Authorization header")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, botframework.MaxActivityBytes))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return nil, http.StatusRequestEntityTooLarge, err
		}
		return nil, http.StatusBadRequest, err
	}
	act, err := botframework.DecodeActivity(body)
	if err != nil {
		if errors.Is(err, botframework.ErrTooLarge) {
			return nil, http.StatusRequestEntityTooLarge, err
		}
		return nil, http.StatusBadRequest, err
	}
	if err := b.authenticate(r, act); err != nil {
		var auth *botframework.AuthError
		if errors.As(err, &auth) {
			return nil, auth.Status, err
		}
		return nil, http.StatusUnauthorized, err
	}
	if err := addressed(act); err != nil {
		return nil, http.StatusBadRequest, err
	}
	return act, 0, nil
}

// maxID bounds each id in an activity, in bytes: they become keys of the store.
// Those of Teams have about 100.
const maxID = 512

// addressed makes sure that an activity says where it comes from and, where
// somebody asks for something, who that is.
func addressed(act *botframework.Activity) error {
	if root(act.Conversation.ID) == "" && !isExtension(act) { // which may be used outside of any
		return errors.New("an activity needs a conversation")
	}
	asks := act.Type == botframework.TypeMessage || act.Type == botframework.TypeInvoke
	if asks && act.From.ID == "" {
		return errors.New("a message needs a sender")
	}
	ids := []string{act.Conversation.ID, act.ID, act.ReplyToID, act.From.ID, act.From.AADObjectID, act.Recipient.ID}
	if cd := act.ChannelData; cd != nil {
		for _, r := range []*botframework.Ref{cd.Channel, cd.SelectedChannel} {
			if r != nil {
				ids = append(ids, r.ID)
			}
		}
		if cd.Team != nil {
			ids = append(ids, cd.Team.ID)
		}
	}
	for _, id := range ids {
		if len(id) > maxID || strings.ContainsRune(id, 0) {
			return errors.New("an id in the activity is no id of Teams")
		}
	}
	return nil
}

// authenticate hands the library's adapter a body with just what the token is
// checked against: its own decoder fails on values that Teams does send.
func (b *Bot) authenticate(r *http.Request, act *botframework.Activity) error {
	min, err := json.Marshal(map[string]any{
		"type": act.Type, "serviceUrl": act.ServiceURL, "channelId": act.ChannelID,
		"conversation": map[string]string{"id": act.Conversation.ID, "tenantId": act.Tenant()},
		"channelData":  map[string]any{"tenant": map[string]string{"id": act.Tenant()}},
	})
	if err != nil {
		return err
	}
	req := r.Clone(r.Context())
	req.Body = io.NopCloser(bytes.NewReader(min))
	_, err = b.Adapter.ParseRequest(r.Context(), req)
	return err
}

func write(w http.ResponseWriter, rep reply) {
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	b, err := json.Marshal(rep.body)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(rep.status)
	_, _ = w.Write(b)
}

// dispatch handles every type of activity. Unknown ones are answered 200, for
// otherwise Teams sends them again; unknown invokes 501, as the protocol asks.
func (b *Bot) dispatch(ctx context.Context, act *botframework.Activity) (reply, error) {
	if isExtension(act) {
		return b.extension(ctx, act)
	}
	if err := b.remember(ctx, act); err != nil {
		return reply{}, err
	}
	switch act.Type {
	case botframework.TypeMessage:
		return b.message(ctx, act)
	case botframework.TypeInvoke:
		return b.invoke(ctx, act)
	case botframework.TypeInstallationUpdate, botframework.TypeConversationUpdate:
		return ok200, b.conversationChanged(ctx, act)
	case botframework.TypeMessageReaction:
		return ok200, b.reacted(ctx, act)
	case botframework.TypeMessageUpdate, botframework.TypeMessageDelete:
		return ok200, b.messageChanged(ctx, act)
	}
	return ok200, nil
}
