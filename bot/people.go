package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
	"imbot/locale"
	"imbot/query"
)

// Access says what people of the home tenant may do.
type Access struct {
	Default incident.Role // of those not named; "" means responder
	Admins  []string      // persons' ids (mails)
	Viewers []string
}

// RoleOf returns the standing of a person. Guests and people of foreign tenants
// read only, whatever the lists say.
func (a Access) RoleOf(id string, home bool) incident.Role {
	switch {
	case !home:
		return incident.RoleViewer
	case slices.Contains(a.Admins, id):
		return incident.RoleAdmin
	case slices.Contains(a.Viewers, id):
		return incident.RoleViewer
	case a.Default != "":
		return a.Default
	}
	return incident.RoleResponder
}

// asker is who sent an activity.
type asker struct {
	Person
	actor incident.Actor
	role  incident.Role
}

func (a asker) viewer() query.Viewer { return query.Viewer{Actor: a.actor, Role: a.role} }

// personStale is when a person is looked up again: mails and roles change.
const personStale = 24 * time.Hour

// lookUpTimeout bounds all look-ups that one activity causes: a failed one never
// blocks an acknowledgement.
const lookUpTimeout = 1500 * time.Millisecond

// lookUpAgain is how long a failed look-up is not repeated: an outage of the
// roster must not slow every message down.
const lookUpAgain = 10 * time.Second

// who finds out who sent the activity: remembered, else by the roster, else by
// the object id alone; the catalog joins them with the rest of the world. look
// ends when no more time is to be spent on the roster.
func (b *Bot) who(ctx, look context.Context, act *botframework.Activity) (asker, error) {
	find := func() (Person, error) { return b.find(ctx, &act.From) }
	p, err := find()
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return asker{}, err
	}
	asked := b.Roster != nil && act.Conversation.ID != "" && b.Now().Sub(p.LookedUpAt) > personStale
	var found *botframework.Member
	if asked {
		found = b.lookUp(look, act)
	}
	chat := p.Conversation
	p, err = changePerson(ctx, b.Store, act.From.AADObjectID, act.From.ID, find, func(p *Person) { b.learn(p, act, found, asked) })
	if err != nil {
		return asker{}, err
	}
	if p.Conversation != chat {
		if _, err := changeConversation(ctx, b.Store, p.Conversation, func(c *Conversation) { c.Person = p.ID }); err != nil {
			return asker{}, err
		}
	}
	actor := incident.Actor{Kind: incident.KindUser, ID: p.ID, Name: p.Name}
	return asker{Person: p, actor: actor, role: b.Access.RoleOf(p.ID, b.home(&p))}, nil
}

// find looks for somebody by object id, else by the Teams id: a mention, and
// thus whoever was only mentioned so far, has no object id.
func (b *Bot) find(ctx context.Context, a *botframework.Account) (Person, error) {
	if a.AADObjectID != "" {
		p, err := b.Store.Person(ctx, "aad:"+strings.ToLower(a.AADObjectID))
		if err == nil || !errors.Is(err, incident.ErrNotFound) {
			return p, err
		}
	}
	return b.Store.Person(ctx, a.ID)
}

// home reports whether the person is no guest, and of a home tenant.
func (b *Bot) home(p *Person) bool {
	return !p.Guest && slices.ContainsFunc(b.Tenants, func(t string) bool { return strings.EqualFold(t, p.TenantID) })
}

// learn takes over what an activity, and the roster if it was asked, say about
// its sender.
func (b *Bot) learn(p *Person, act *botframework.Activity, found *botframework.Member, asked bool) {
	old := *p
	p.TeamsID = act.From.ID
	if id := strings.ToLower(act.From.AADObjectID); id != "" {
		p.AADObjectID = id
	}
	if n := incident.Clip(incident.Line(act.From.Name), 80); n != "" {
		p.Name = n
	}
	if act.Locale != "" {
		p.Language = locale.Match(act.Locale)
	}
	if z := timezoneOf(act); z != "" {
		p.Timezone = z
	}
	if kindOf(act) == Personal {
		p.Conversation = root(act.Conversation.ID)
	}
	if p.TenantID == "" {
		p.TenantID = act.Tenant()
	}
	now := b.Now().UTC()
	switch {
	case found != nil:
		b.enrol(p, found)
		p.LookedUpAt = now
	case asked:
		p.LookedUpAt = now.Add(lookUpAgain - personStale)
	}
	b.identify(p)
	if *p != old && now.Sub(p.SeenAt) > personStale {
		p.SeenAt = now
	}
}

// enrol takes over what the roster says. The mail is the identity here, and only
// a home tenant vouches for it: a foreign one, and a guest, may carry any mail,
// such as that of one of ours.
func (b *Bot) enrol(p *Person, m *botframework.Member) {
	// https://learn.microsoft.com/microsoftteams/platform/apps-in-teams-meetings/build-apps-for-anonymous-user
	p.Guest = strings.EqualFold(m.UserRole, "guest") || strings.EqualFold(m.UserRole, "anonymous")
	if m.TenantID != "" {
		p.TenantID = m.TenantID
	}
	if p.AADObjectID == "" {
		p.AADObjectID = strings.ToLower(m.AADObjectID)
	}
	if p.Name == "" {
		p.Name = incident.Clip(incident.Line(m.Name), 80)
	}
	if !b.home(p) {
		p.Mail = ""
		return
	}
	for _, mail := range []string{m.Email, m.UPN} {
		mail = strings.ToLower(strings.TrimSpace(mail))
		if strings.Contains(mail, "@") && len(mail) <= 254 && mail == incident.Line(mail) {
			p.Mail = mail
			return
		}
	}
}

// identify gives the person the one id: the catalog's, else the mail, else the
// object id, else the Teams id.
func (b *Bot) identify(p *Person) {
	cat := b.Catalog()
	join := func(id string) string {
		return cat.Person(incident.Actor{Kind: incident.KindUser, ID: id, Name: p.Name}).ID
	}
	object := ""
	if p.AADObjectID != "" {
		object = "aad:" + p.AADObjectID
		if id := join(object); id != object {
			p.ID = id
		} else if p.ID = object; p.Mail != "" {
			p.ID = join(p.Mail)
		}
	} else if p.ID = p.TeamsID; p.Mail != "" {
		p.ID = join(p.Mail)
	}
	if p.Mail == "" && strings.Contains(p.ID, "@") && !strings.HasPrefix(p.ID, "29:") {
		p.Mail = p.ID
	}
}

// lookUp asks the roster for mail and role; nil where it does not tell. A failure
// is logged, and tried again with a later activity.
func (b *Bot) lookUp(ctx context.Context, act *botframework.Activity) *botframework.Member {
	ref := act.Reference()
	ref.ConversationID = root(ref.ConversationID)
	m, err := b.Roster.Member(ctx, ref, act.From.ID)
	if err != nil {
		b.Logger.Warn("bot.Bot person not found in the roster", "err", err)
		return nil
	}
	return m
}
