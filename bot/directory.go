package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
)

// Opener opens a 1:1 chat; *botframework.Client is one.
type Opener interface {
	CreatePersonal(ctx context.Context, ref botframework.Reference, userID string) (conversationID string, err error)
}

// Directory finds the way to conversations and people: what effects need to
// speak.
type Directory struct {
	Store   Store
	Catalog func() Squads
	Opener  Opener
	BotID   string // "28:<app id>"
	Tenant  string // home tenant
	// ServiceURL is used for channels that are configured by id and that imbot has
	// not heard from yet, and for opening chats.
	// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
	ServiceURL string
	// Rebind makes bindings take effect, when a bound channel is gone. May be nil.
	Rebind func(ctx context.Context) error
}

// noWay says that there is no way to a target, until somebody does something.
type noWay struct {
	text  string
	never bool // there never was one: to a person whom imbot has no 1:1 chat with
}

func (e *noWay) Error() string   { return e.text }
func (e *noWay) Permanent() bool { return true }

// Installable reports whether imbot could be installed for somebody to make a
// way. Whoever has removed it does not want it.
func (e *noWay) Installable() bool { return e.never }

func noChat(person, why string) error {
	return &noWay{text: "no 1:1 chat with " + person + ": " + why, never: true}
}

// Address finds a conversation by its id, or the 1:1 chat of "user:<id>".
func (d *Directory) Address(ctx context.Context, target string) (botframework.Reference, string, string, error) {
	if id, ok := strings.CutPrefix(target, "user:"); ok {
		return d.person(ctx, id)
	}
	c, err := d.Store.Conversation(ctx, target)
	if errors.Is(err, incident.ErrNotFound) {
		c = Conversation{ID: target, Kind: kindOf(&botframework.Activity{Conversation: botframework.Conversation{ID: target}})}
		c.ServiceURL, err = d.serviceURL(ctx)
	}
	if err != nil {
		return botframework.Reference{}, "", "", err
	}
	if c.Gone != "" {
		return botframework.Reference{}, "", "", &noWay{text: fmt.Sprintf("no way to the channel: %s; add imbot to it again", c.Gone)}
	}
	return d.ref(c), c.Kind, d.Catalog().Language(squadOf(d.Catalog(), c)), nil
}

// squadHere is the squad whose incidents come to the conversation; "" for none.
func squadHere(ctx context.Context, s Store, cat Squads, id string) (string, error) {
	c, err := s.Conversation(ctx, id)
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return "", err
	}
	c.ID = id
	return squadOf(cat, c), nil
}

// squadOf is that of the binding, else that of the file. The first one, by key,
// where squads share a channel.
func squadOf(cat Squads, c Conversation) string {
	if c.Squad != "" && cat.Squad(c.Squad).Known {
		return c.Squad
	}
	for _, key := range cat.SquadKeys() {
		if cat.Route(key).Channel == c.ID && !cat.Route(key).Default {
			return key
		}
	}
	return ""
}

// reference is the conversation's address.
func (c *Conversation) reference() botframework.Reference {
	return botframework.Reference{
		ServiceURL: c.ServiceURL, ConversationID: c.ID, ConversationType: c.Kind, TenantID: c.TenantID, BotID: c.BotID, ChannelID: "msteams",
	}
}

func (d *Directory) ref(c Conversation) botframework.Reference {
	r := c.reference()
	if r.TenantID == "" {
		r.TenantID = d.Tenant
	}
	if r.BotID == "" {
		r.BotID = d.BotID
	}
	return r
}

// serviceURL is the tenant's: that of any conversation that imbot has heard
// from, else the configured one.
func (d *Directory) serviceURL(ctx context.Context) (string, error) {
	all, err := d.Store.Conversations(ctx)
	if err != nil {
		return "", err
	}
	best := Conversation{ServiceURL: d.ServiceURL}
	for _, c := range all {
		if c.Gone == "" && c.ServiceURL != "" && c.SeenAt.After(best.SeenAt) {
			best = c
		}
	}
	return best.ServiceURL, nil
}

func (d *Directory) person(ctx context.Context, id string) (botframework.Reference, string, string, error) {
	fail := func(err error) (botframework.Reference, string, string, error) {
		return botframework.Reference{}, "", "", err
	}
	p, err := d.Store.Person(ctx, id)
	if errors.Is(err, incident.ErrNotFound) {
		return fail(noChat(id, "ask them to add imbot in Teams and say hello"))
	}
	if err != nil {
		return fail(err)
	}
	if p.Conversation == "" {
		if p.Conversation, err = d.open(ctx, p); err != nil {
			return fail(err)
		}
	}
	c, err := d.Store.Conversation(ctx, p.Conversation)
	if errors.Is(err, incident.ErrNotFound) {
		c = Conversation{ID: p.Conversation, Kind: Personal}
		c.ServiceURL, err = d.serviceURL(ctx)
	}
	if err != nil {
		return fail(err)
	}
	if c.Gone != "" {
		return fail(&noWay{text: "no 1:1 chat with " + id + ": they have removed imbot"})
	}
	return d.ref(c), Personal, locale.Match(p.Language), nil
}

// open opens the 1:1 chat with somebody whom imbot knows from a team or chat.
func (d *Directory) open(ctx context.Context, p Person) (string, error) {
	if p.TeamsID == "" || d.Opener == nil {
		return "", noChat(p.ID, "ask them to add imbot in Teams and say hello")
	}
	url, err := d.serviceURL(ctx)
	if err != nil {
		return "", err
	}
	id, err := d.Opener.CreatePersonal(ctx, botframework.Reference{ServiceURL: url, TenantID: d.Tenant, BotID: d.BotID}, p.TeamsID)
	var refused interface{ Permanent() bool }
	if errors.As(err, &refused) && refused.Permanent() {
		return "", noChat(p.ID, "Teams does not let imbot open one; ask them to add imbot in Teams and say hello")
	}
	if err != nil {
		return "", err
	}
	_, err = changePerson(ctx, d.Store, p.AADObjectID, p.TeamsID, func() (Person, error) { return d.Store.Person(ctx, p.ID) }, func(now *Person) {
		if now.ID != "" && now.Conversation == "" {
			now.Conversation = id
		}
	})
	return id, err
}

// Gone records that imbot can not speak in a conversation any more.
func (d *Directory) Gone(ctx context.Context, conversationID, why string) error {
	c, err := markGone(ctx, d.Store, conversationID, why)
	if err != nil || c.Squad == "" || d.Rebind == nil {
		return err
	}
	return d.Rebind(ctx)
}

// Mention gives the Teams id and name of somebody whom imbot has met.
func (d *Directory) Mention(ctx context.Context, personID string) (string, string, bool) {
	p, err := d.Store.Person(ctx, personID)
	if err == nil && p.TeamsID != "" {
		return p.TeamsID, p.Name, true
	}
	return d.Catalog().TeamsAccount(personID)
}

// ObjectID gives the object id in Entra of a person: as the catalog says, else
// as imbot has met them.
func (d *Directory) ObjectID(ctx context.Context, personID string) (id string, guest, external bool) {
	id = d.Catalog().ObjectID(personID)
	p, err := d.Store.Person(ctx, personID)
	if err == nil {
		guest = p.Guest
		external = p.TenantID != "" && d.Tenant != "" && !strings.EqualFold(p.TenantID, d.Tenant)
		if id == "" {
			id = p.AADObjectID
		}
	}
	if oid, ok := strings.CutPrefix(personID, "aad:"); ok && id == "" {
		id = oid
	}
	return id, guest, external
}

// Joined records that imbot is in a group chat that was made for it: the id of
// the chat is that of the conversation, and its own tenant's service URL leads
// there. Teams may tell of it late, or never.
// https://learn.microsoft.com/microsoftteams/platform/graph-api/proactive-bots-and-messages/graph-proactive-bots-and-messages
func (d *Directory) Joined(ctx context.Context, conversationID, name string) error {
	url, err := d.knownURL(ctx)
	if err != nil {
		return err
	}
	_, err = changeConversation(ctx, d.Store, conversationID, func(c *Conversation) {
		c.Kind, c.Gone = GroupChat, ""
		if c.ServiceURL == "" {
			c.ServiceURL, c.TenantID, c.BotID = url, d.Tenant, d.BotID
		}
		setName(&c.Name, name)
	})
	return err
}

// Met records somebody for whom imbot has been installed: who they are by mail
// and by object id in Entra, and the id of the chat, as in Joined. What Teams has
// told of them already stays.
func (d *Directory) Met(ctx context.Context, personID, objectID, name, conversationID string) error {
	url, err := d.knownURL(ctx)
	if err != nil {
		return err
	}
	objectID = strings.ToLower(objectID)
	_, err = changeConversation(ctx, d.Store, conversationID, func(c *Conversation) {
		c.Kind, c.Person, c.ServiceURL, c.TenantID, c.BotID = Personal, personID, url, d.Tenant, d.BotID
	})
	if err != nil {
		return err
	}
	find := func() (Person, error) {
		p, err := d.Store.Person(ctx, "aad:"+objectID)
		if errors.Is(err, incident.ErrNotFound) {
			p, err = d.Store.Person(ctx, personID)
		}
		return p, err
	}
	_, err = changePerson(ctx, d.Store, objectID, "", find, func(p *Person) {
		if p.ID == "" {
			p.ID, p.TenantID = personID, d.Tenant
			setName(&p.Name, name)
			if strings.Contains(personID, "@") {
				p.Mail = personID
			}
		}
		if p.AADObjectID == "" {
			p.AADObjectID = objectID
		}
		if p.Conversation == "" {
			p.Conversation = conversationID
		}
	})
	return err
}

// knownURL is the tenant's service URL, without which nothing can be said.
func (d *Directory) knownURL(ctx context.Context) (string, error) {
	url, err := d.serviceURL(ctx)
	if err == nil && url == "" {
		err = &noWay{text: "imbot does not know yet how to reach Teams: add it to a team, or set teams.default_service_url"}
	}
	return url, err
}
