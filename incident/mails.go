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

// mails tells by mail that it has begun, got worse, or is closed, or is back after
// that. Duplicates and mere consequences are quiet.
func (a *change) mails(level Level, opened bool) {
	inc := a.inc
	if inc.Hidden(level) || inc.Consequence(level) || inc.Shadow || a.f.Route.Mode != ModeLive || a.cmd.History || inc.NoticeGap == GapMuted {
		return
	}
	old, _ := a.f.Levels.Get(a.was.level)
	episode := ""
	if inc.Episode > 1 {
		episode = "/" + itoa(inc.Episode)
	}
	switch {
	case inc.Status == Closed && a.was.status != Closed && !a.was.created:
		a.mail(MailData{Kind: MailClosed, Episode: inc.Episode}, "mail.close/"+itoa(inc.Episode))
	case !inc.Active():
	case opened && !a.was.imported:
		a.mail(MailData{Kind: MailDeclared}, "mail.declare")
	case a.was.status == Closed && !a.was.imported: // whoever was told that it is over
		a.mail(MailData{Kind: MailDeclared}, "mail.declare"+episode)
	case level.Rank < old.Rank:
		a.mail(MailData{Kind: MailRaised, Level: a.was.level}, "mail.raise/"+level.Key+episode)
	}
}

// mail stores one mail for each recipient: each has their own language, reason
// and wish to be left in peace, and one bad address stops nobody else's.
func (a *change) mail(d MailData, key string) {
	var told []string
	send := func(address, why string) {
		if address == "" || slices.Contains(told, address) {
			return
		}
		told = append(told, address)
		d.Why = why
		e := effect(a.inc.ID, KindMail, Once, "", "")
		e.Key, e.Target, e.Lane = a.inc.ID.String()+"/"+key+"/"+address, address, a.inc.ID.String()+"/mail/"+address
		a.effects = append(a.effects, e.with(d))
	}
	if a.inc.Private {
		for _, m := range a.inc.Members {
			if isMail(m.ID) {
				send(m.ID, PartMember)
			}
		}
		return
	}
	for _, group := range a.f.Notice(a.inc.Level).Mail {
		switch group {
		case PartOwner:
			send(a.f.Service.Owner, PartOwner)
		case MailSquad:
			a.squadMail(send)
		case MailStakeholders:
			for _, s := range a.f.Service.Stakeholders {
				send(s, PartStakeholder)
			}
		}
	}
}

// squadMail goes to the squad's list, else to each of its members.
func (a *change) squadMail(send func(address, why string)) {
	if a.f.Squad.Mail != "" {
		send(a.f.Squad.Mail, MailSquad)
		return
	}
	for _, m := range append([]string{a.f.Squad.Lead}, a.f.Squad.Members...) {
		send(m, MailSquad)
	}
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
