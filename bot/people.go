package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/botframework"
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

// lookUpTimeout bounds the look-up of a person: a failed one never blocks an
// acknowledgement.
const lookUpTimeout = 1500 * time.Millisecond

// who finds out who sent the activity: remembered, else by the catalog, else by
// the roster, else by the object id alone.
func (b *Bot) who(ctx context.Context, act *botframework.Activity) (asker, error) {
	key := act.From.ID
	if act.From.AADObjectID != "" {
		key = "aad:" + strings.ToLower(act.From.AADObjectID)
	}
	p, err := b.Store.Person(ctx, key)
	known := err == nil
	if err != nil && !errors.Is(err, incident.ErrNotFound) {
		return asker{}, err
	}
	old := p
	p.TeamsID = act.From.ID
	if act.From.AADObjectID != "" {
		p.AADObjectID = strings.ToLower(act.From.AADObjectID)
	}
	if n := incident.Clip(incident.Line(act.From.Name), 80); n != "" {
		p.Name = n
	}
	if p.TenantID == "" {
		p.TenantID = act.Tenant()
	}
	if kindOf(act) == Personal {
		p.Conversation = root(act.Conversation.ID)
	}
	if act.Locale != "" && p.Language == "" {
		p.Language = incident.Clip(act.Locale, 16)
	}
	if !known || p.Mail == "" || b.Now().Sub(p.SeenAt) > personStale {
		b.lookUp(ctx, act, &p)
	}
	b.identify(&p)
	if p != old {
		if p.SeenAt.IsZero() || b.Now().Sub(p.SeenAt) > personStale {
			p.SeenAt = b.Now().UTC()
		}
		if err := b.Store.SavePerson(ctx, p); err != nil {
			return asker{}, err
		}
	}
	home := !p.Guest && slices.ContainsFunc(b.Tenants, func(t string) bool { return strings.EqualFold(t, p.TenantID) })
	actor := incident.Actor{Kind: incident.KindUser, ID: p.ID, Name: p.Name}
	return asker{Person: p, actor: actor, role: b.Access.RoleOf(p.ID, home)}, nil
}

// identify gives the person the one id: the catalog's, else the mail, else the
// object id.
func (b *Bot) identify(p *Person) {
	id := "aad:" + p.AADObjectID
	if p.AADObjectID == "" {
		id = "teams:" + p.TeamsID
	}
	if p.Mail != "" {
		id = p.Mail
	}
	cat := b.Catalog()
	joined := cat.Person(incident.Actor{Kind: incident.KindUser, ID: id, Name: p.Name})
	if joined.ID == id && p.AADObjectID != "" {
		joined = cat.Person(incident.Actor{Kind: incident.KindUser, ID: "aad:" + p.AADObjectID, Name: p.Name})
		if strings.HasPrefix(joined.ID, "aad:") {
			joined.ID = id
		}
	}
	p.ID = joined.ID
	if p.Mail == "" && strings.Contains(p.ID, "@") {
		p.Mail = p.ID
	}
}

// lookUp asks the roster for mail and role. A failure is logged, and tried again
// with the person's next activity.
func (b *Bot) lookUp(ctx context.Context, act *botframework.Activity, p *Person) {
	if b.Roster == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	ref := act.Reference()
	ref.ConversationID = root(ref.ConversationID)
	m, err := b.Roster.Member(ctx, ref, act.From.ID)
	if err != nil {
		b.Logger.Warn("bot.Bot person not found in the roster", "err", err)
		return
	}
	for _, mail := range []string{m.Email, m.UPN} {
		if mail = strings.ToLower(incident.Clip(incident.Line(mail), 254)); strings.Contains(mail, "@") && p.Mail == "" {
			p.Mail = mail
		}
	}
	p.Guest = strings.EqualFold(m.UserRole, "guest")
	if m.TenantID != "" {
		p.TenantID = m.TenantID
	}
	p.SeenAt = b.Now().UTC()
}
