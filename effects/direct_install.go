package effects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/integrations/graph/graphrest"
	"imbot/locale"
	"imbot/outbox"
)

// PersonalApps installs imbot for people; *graphrest.Client is one. Its errors
// are *graphrest.Error.
type PersonalApps interface {
	User(ctx context.Context, idOrMail string) (graphrest.User, error)
	CatalogApp(ctx context.Context, externalID string) (graphrest.CatalogApp, error)
	InstallForUser(ctx context.Context, userID, catalogID string, consent []graphrest.RSC) error
	PersonalChat(ctx context.Context, userID, catalogID string) (string, error)
}

// Installs adds imbot to people's own apps in Teams, so that it has a 1:1 chat
// with them. Set the exported fields before the first call.
type Installs struct {
	Graph PersonalApps
	Book  interface {
		ObjectID(ctx context.Context, personID string) (id string, guest, external bool)
		// Met records the 1:1 chat with somebody for whom imbot was installed.
		Met(ctx context.Context, personID, objectID, name, conversationID string) error
	}
	App *App
	Now func() time.Time

	mu      sync.Mutex // guards all below
	refused map[string]refusedFor
}

// refusedFor is a refusal that is not asked for again at once: each change of an
// incident comes here.
type refusedFor struct {
	err error
	at  time.Time
}

const (
	// installPatience is how long Graph has to install imbot for somebody, all
	// tries together, before a mail has to do.
	installPatience = time.Minute
	// installTimeout bounds one try, so that there is time left for the mail.
	installTimeout = 30 * time.Second
)

// For installs imbot for somebody, unless it is there already, and records their
// 1:1 chat: the id of the chat is that of the conversation. Teams tells imbot of
// it, too, but may do so late, or never. An error with Permanent() true says that
// it can't be.
func (i *Installs) For(ctx context.Context, personID string) error {
	i.mu.Lock()
	before, ok := i.refused[personID]
	i.mu.Unlock()
	if ok && i.Now().Sub(before.at) < refusedFresh {
		return before.err
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	err := i.install(ctx, personID)
	if err == nil || !outbox.Permanent(err) {
		return err
	}
	err = &way{installWords(err)}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refused == nil || len(i.refused) >= maxUsers {
		i.refused = map[string]refusedFor{}
	}
	i.refused[personID] = refusedFor{err, i.Now()}
	return err
}

func (i *Installs) install(ctx context.Context, personID string) error {
	u, err := i.account(ctx, personID)
	if err != nil {
		return err
	}
	app, err := i.App.install(ctx, i.Graph, func(id string) error { return i.Graph.InstallForUser(ctx, u.ID, id, i.App.Consent) })
	var e *graphrest.Error
	if errors.Is(err, graphrest.ErrNotFound) && errors.As(err, &e) && e.Reason != graphrest.ReasonNotInCatalog {
		return &way{"Entra does not know them"}
	}
	if err != nil {
		return err
	}
	chat, err := i.Graph.PersonalChat(ctx, u.ID, app)
	if err != nil {
		return err
	}
	return i.Book.Met(ctx, personID, u.ID, u.Name, chat)
}

// account finds the account of a person. Where imbot may not look into Entra, and
// knows who they are there, that will do.
func (i *Installs) account(ctx context.Context, personID string) (graphrest.User, error) {
	id, guest, external := i.Book.ObjectID(ctx, personID)
	if external || guest {
		return graphrest.User{}, &way{"they are a guest"}
	}
	ask := id
	if ask == "" {
		ask = personID
	}
	u, err := i.Graph.User(ctx, ask)
	switch {
	case err == nil && !u.Enabled:
		return u, &way{"their account is blocked"}
	case err == nil && u.Guest:
		return u, &way{"they are a guest"}
	case errors.Is(err, graphrest.ErrNotFound):
		return u, &way{"Entra does not know them"}
	case errors.Is(err, graphrest.ErrInvalid):
		return u, &way{"neither a mail address nor an account of theirs is known"}
	case id != "" && outbox.Permanent(err):
		return graphrest.User{ID: id}, nil
	}
	return u, err
}

// installWords says what is behind a refusal, in words for people.
func installWords(err error) string {
	return plainly(errors.New(reasonWords(locale.For(locale.English), err)))
}

// reach is the one way to somebody, for all that is said to one person: the 1:1
// chat that there is, or that can be opened because they are in a team or chat
// with imbot; else, where install says that they are needed, that which is made
// by installing imbot for them. Where none of these goes, the error is permanent,
// and a mail has to do. Whoever has removed imbot is left in peace.
func (t *Teams) reach(ctx context.Context, job outbox.Job, target string, install bool) (botframework.Reference, string, string, error) {
	ref, place, lang, err := t.Book.Address(ctx, target)
	var may interface{ Installable() bool }
	id, isUser := strings.CutPrefix(target, "user:")
	if !isUser || !install || t.Install == nil || !errors.As(err, &may) || !may.Installable() {
		return ref, place, lang, err
	}
	why := error(&way{"Teams does not answer"})
	late := t.Now().Sub(job.FirstDue) >= installPatience
	if !late || job.Attempt <= 1 {
		why = t.Install.For(ctx, id)
	}
	if why != nil {
		if !late && soon(why) {
			return ref, place, lang, why
		}
		return ref, place, lang, &way{fmt.Sprintf("no 1:1 chat with %s, and imbot can not be installed for them: %s", id, installWords(why))}
	}
	if job.Incident != 0 {
		noteTold(ctx, t.Service, t.Logger, job, toldBy{who: incident.Actor{Kind: incident.KindUser, ID: id}, how: "installed"})
	}
	return t.Book.Address(ctx, target)
}

// soon reports whether trying again helps, and may be done before a mail has to do.
func soon(err error) bool {
	var later interface{ RetryAfter() time.Duration }
	return !outbox.Permanent(err) && (!errors.As(err, &later) || later.RetryAfter() < installPatience)
}
