package incident

import "slices"

// MailData is the data of a KindMail effect, whose target is the address.
type MailData struct {
	Kind    string `json:"kind"`            // MailDeclared, …
	Why     string `json:"why"`             // PartOwner, PartStakeholder, MailSquad, …: why this one gets it
	Level   string `json:"level,omitempty"` // MailRaised: the level before
	Episode int    `json:"episode,omitempty"`
}

// Kinds of mail about an incident.
const (
	MailDeclared = "declared"
	MailRaised   = "raised" // to a more urgent level
	MailClosed   = "closed" // with root cause and what was done
)

// Groups of the notice table that get mail, beside PartOwner.
const (
	MailSquad        = "squad"
	MailStakeholders = "stakeholders"
)

// Mailed is who was told by mail that an incident began, so that they are told
// how it goes on and ends, too, whatever the notice table says of the level that
// it has by then.
type Mailed struct {
	Episode int        `json:"episode,omitempty"` // that they were told of; 0: none, or they were told of its end
	To      []MailedTo `json:"to,omitempty"`
}

// MailedTo is one of them.
type MailedTo struct {
	Address string `json:"address"`
	Why     string `json:"why,omitempty"` // as in MailData; empty for former members of a private incident
}

// mails tells by mail that it has begun, got worse, or is closed, or is back after
// that. Duplicates and mere consequences are quiet.
func (a *change) mails(level Level, opened bool) {
	inc := a.inc
	if inc.Hidden(level) || inc.Consequence(level) || inc.Shadow || a.f.Route.Mode != ModeLive || a.cmd.History || inc.NoticeGap == GapMuted {
		return
	}
	old, _ := a.f.Levels.Get(a.was.level)
	switch {
	case inc.Status == Closed && (a.was.status != Closed || opened) && !a.was.created:
		a.mail(MailData{Kind: MailClosed, Episode: inc.Episode}, "mail.close/"+itoa(inc.Episode))
		inc.Mailed.Episode = 0
	case !inc.Active():
	case (opened || !a.was.active) && !a.was.imported:
		// Nobody who was told that it began, and not that it ended, is told again; but
		// the mail may have been left out, since it was over or a duplicate for a while.
		if inc.Mailed.Episode == 0 {
			inc.Mailed.Episode = inc.Episode
		}
		a.mail(MailData{Kind: MailDeclared}, "mail.declare"+later(inc.Mailed.Episode))
	case level.Rank < old.Rank:
		a.mail(MailData{Kind: MailRaised, Level: a.was.level}, "mail.raise/"+level.Key+later(inc.Episode))
	}
}

// later is what keys end with of all episodes but the first.
func later(episode int) string {
	if episode > 1 {
		return "/" + itoa(episode)
	}
	return ""
}

// mail stores one mail for each recipient: each has their own language, reason
// and wish to be left in peace, and one bad address stops nobody else's.
func (a *change) mail(d MailData, key string) {
	for _, to := range a.readers() {
		d.Why = to.Why
		e := effect(a.inc.ID, KindMail, Once, "", "")
		e.Key, e.Target, e.Lane = a.inc.ID.String()+"/"+key+"/"+to.Address, to.Address, a.inc.ID.String()+"/mail/"+to.Address
		a.effects = append(a.effects, e.with(d))
		if to.Why == PartMember {
			to.Why = "" // once it is public they are no members any more
		}
		if m := &a.inc.Mailed; !m.has(to.Address) {
			m.To = append(m.To, to)
		}
	}
}

func (m *Mailed) has(address string) bool {
	return slices.ContainsFunc(m.To, func(t MailedTo) bool { return t.Address == address })
}

// readers are those who get the mails about an incident now, each once.
func (a *change) readers() []MailedTo {
	var out Mailed
	add := func(why string, addresses ...string) {
		for _, address := range addresses {
			if address != "" && !out.has(address) {
				out.To = append(out.To, MailedTo{address, why})
			}
		}
	}
	if a.inc.Private {
		for _, m := range a.inc.Members {
			if isMail(m.ID) {
				add(PartMember, m.ID)
			}
		}
		return out.To
	}
	for _, group := range a.f.Notice(a.inc.Level).Mail {
		switch group {
		case PartOwner:
			add(PartOwner, a.f.Service.Owner)
		case MailSquad:
			if a.f.Squad.Mail != "" { // a list, instead of each of its members
				add(MailSquad, a.f.Squad.Mail)
			} else {
				add(MailSquad, append([]string{a.f.Squad.Lead}, a.f.Squad.Members...)...)
			}
		case MailStakeholders:
			add(PartStakeholder, a.f.Service.Stakeholders...)
		}
	}
	for _, m := range a.inc.Mailed.To {
		add(m.Why, m.Address)
	}
	return out.To
}

// isMail reports whether a person's id is an address: those whom nobody knows by
// mail have another one.
func isMail(id string) bool {
	for i := range len(id) {
		if id[i] == '@' {
			return i > 0 && i < len(id)-1
		}
	}
	return false
}
