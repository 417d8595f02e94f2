package effects

import (
	"context"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/query"
)

type knownUser struct {
	account string // "" for somebody whom Jira does not know
	until   time.Time
}

// How long it is remembered who somebody is in Jira, and that Jira does not
// know somebody: accounts are made more often than changed.
const (
	userLasts   = 24 * time.Hour
	nobodyLasts = 10 * time.Minute
	maxAccounts = 10_000
)

// jiraPerson begins the id of somebody whom only Jira knows.
const jiraPerson = "jira:"

// assignee is who the issue of a follow-up is for, or of the postmortem: the
// service's owner, else the commander. left says who was left out because Jira
// does not know them.
func (t *Tickets) assignee(ctx context.Context, v *query.View, n int) (account string, left []string, err error) {
	who := v.Incident.TicketFields(n).Owner
	if n == 0 {
		if who = v.Service.Owner; who == "" {
			who = v.Incident.Commander.ID
		}
	}
	if who == "" {
		return "", nil, nil
	}
	if account, err = t.account(ctx, who); err != nil || account != "" {
		return account, nil, err
	}
	return "", []string{"assignee (Jira knows no " + who + ")"}, nil
}

// account is what Jira calls a person; "" for somebody whom it does not know.
func (t *Tickets) account(ctx context.Context, id string) (string, error) {
	if ref, ok := strings.CutPrefix(id, jiraPerson); ok {
		return ref, nil
	}
	if !strings.Contains(id, "@") {
		return "", nil
	}
	if a := t.Account(id); a != "" {
		t.remember(id, a, userLasts)
		return a, nil
	}
	t.mu.Lock()
	known, ok := t.users[id]
	t.mu.Unlock()
	if ok && t.Now().Before(known.until) {
		return known.account, nil
	}
	u, err := t.API.UserByEmail(ctx, id)
	switch {
	case jiraGone(err):
		t.remember(id, "", nobodyLasts)
		return "", nil
	case err != nil:
		return "", err
	}
	t.remember(id, u.Ref(), userLasts)
	return u.Ref(), nil
}

func (t *Tickets) remember(mail, account string, lasts time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users == nil || len(t.users) > maxAccounts {
		t.users, t.mails = map[string]knownUser{}, map[string]string{}
	}
	t.users[mail] = knownUser{account, t.Now().Add(lasts)}
	if account != "" {
		t.mails[account] = mail
	}
}

// maxAsked bounds how many people are asked for to find out whose account
// somebody's is; what was found is remembered.
const maxAsked = 25

// person is who is assigned to an issue. Jira Cloud often hides addresses: then
// it is whoever of the incident's people has that account, else somebody whom
// only Jira knows.
func (t *Tickets) person(ctx context.Context, v *query.View, ticket *incident.Ticket, u *jira.User) (incident.Actor, error) {
	if u == nil {
		return incident.Actor{}, nil
	}
	name := incident.Clip(incident.Line(u.FullName), 80)
	if strings.Contains(u.Email, "@") {
		mail := strings.ToLower(incident.Clip(incident.Line(u.Email), 254))
		t.remember(mail, u.Ref(), userLasts)
		return incident.Actor{Kind: incident.KindUser, ID: mail, Name: name}, nil
	}
	t.mu.Lock()
	mail := t.mails[u.Ref()]
	t.mu.Unlock()
	if mail == "" && ticket.There.Owner == u.Ref() {
		mail = ticket.Here.Owner
	}
	if mail == "" {
		var err error
		if mail, err = t.search(ctx, v, u.Ref()); err != nil {
			return incident.Actor{}, err
		}
	}
	if mail == "" {
		mail = jiraPerson + u.Ref()
	}
	return incident.Actor{Kind: incident.KindUser, ID: mail, Name: name}, nil
}

// search looks among the people who have to do with the incident.
func (t *Tickets) search(ctx context.Context, v *query.View, ref string) (string, error) {
	people := append([]string{v.Service.Owner, v.Squad.Lead, v.Incident.Commander.ID}, v.Squad.Members...)
	for _, a := range v.Incident.Actions {
		people = append(people, a.Owner.ID, a.By.ID)
	}
	for _, p := range v.Incident.Responders {
		people = append(people, p.ID)
	}
	seen := map[string]bool{}
	for _, id := range people {
		if seen[id] || !strings.Contains(id, "@") {
			continue
		}
		if seen[id] = true; len(seen) > maxAsked {
			break
		}
		account, err := t.account(ctx, id)
		if err != nil {
			return "", err
		}
		if account == ref {
			return id, nil
		}
	}
	return "", nil
}
