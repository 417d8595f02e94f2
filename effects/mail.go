package effects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"imbot/incident"
	"imbot/integrations/mail"
	"imbot/letters"
	"imbot/outbox"
	"imbot/query"
)

// MailSender hands mails over to be delivered; *mail.Client and *GraphMail do.
type MailSender interface {
	Send(ctx context.Context, m mail.Message) error
}

// Mails sends the mails about incidents. Each has a Message-ID that is the same
// whenever it is tried again: where the answer to the first try was lost, mail
// programs, and people, can tell that a second one is the same mail.
type Mails struct {
	View   Viewer
	Sender MailSender
	// Domain ends all Message-IDs; it is that of the sender's address.
	Domain string
	// ListID names these mails for rules of mail programs, such as
	// incidents.example.com; may be empty.
	ListID  string
	Company string // named at the foot; may be empty
	// Reads is the language and zone of whoever has an address: a person's own, else
	// those of the squad (which may be ""), else the company's. nil: English, UTC.
	Reads func(ctx context.Context, address, squad string) (lang string, zone *time.Location)
	// NoMail reports whether whoever has the address wants no mails. nil: all do.
	NoMail func(ctx context.Context, address string) (bool, error)
	// Unsubscribe is the link that ends mails to an address, also by a POST of the
	// mail program; "" where there is none. nil: there is none.
	Unsubscribe func(address string) string
}

// Send sends one mail about an incident to one address.
func (m *Mails) Send(ctx context.Context, job outbox.Job) error {
	d, err := dataOf[incident.MailData](job)
	if err != nil {
		return err
	}
	v, err := m.view(ctx, job.Incident, job.Target)
	if err != nil {
		return err
	}
	if why := needless(v, d); why != "" {
		return notNeeded(why)
	}
	o, err := m.options(ctx, job.Target, v)
	if errors.Is(err, errNoMail) {
		return notNeeded(errNoMail.Error())
	}
	if err != nil {
		return err
	}
	if !v.Incident.Private {
		o.Why = d.Why
	}
	var l letters.Letter
	switch d.Kind {
	case incident.MailDeclared:
		l = letters.Declared(v, o)
	case incident.MailRaised:
		from, ok := v.Levels.Get(d.Level)
		if !ok {
			from = incident.Level{Key: d.Level, Title: d.Level}
		}
		l = letters.Raised(v, from, o)
	case incident.MailClosed:
		l = letters.Closed(v, o)
	default:
		return fmt.Errorf("%w: mail: nothing is known of mails of the kind %q", outbox.ErrPermanent, incident.Clip(d.Kind, 40))
	}
	return m.deliver(ctx, job, job.Target, o, l, thread{id: m.id(job.Incident, what(job), job.Target), root: m.root(job.Incident, job.Target)})
}

// view reads an incident as whoever has the address may see it. A private one is
// for its members: nobody else gets as much as its number.
func (m *Mails) view(ctx context.Context, id incident.ID, address string) (*query.View, error) {
	reader := query.Viewer{Actor: incident.Actor{Kind: incident.KindUser, ID: address}}
	v, err := m.View.Get(ctx, reader, id, false)
	if errors.Is(err, incident.ErrNotFound) {
		return nil, notNeeded("it is private, and not for this address")
	}
	return v, err
}

// notNeeded skips an effect without a warning on the incident's card.
func notNeeded(why string) error { return outbox.Skip(incident.NotNeeded + why) }

// needless says why a mail is not sent any more, after what has happened since it
// was decided; "" where it is. Late mails of what is over cause alarm only.
func needless(v *query.View, d incident.MailData) string {
	inc := v.Incident
	if inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate {
		return "it is a duplicate of " + inc.Link.Parent.String()
	}
	switch d.Kind {
	case incident.MailClosed:
		if inc.Status != incident.Closed || inc.Episode != d.Episode {
			return "it is not closed any more"
		}
	case incident.MailRaised:
		if old, ok := v.Levels.Get(d.Level); ok && v.Level.Rank >= old.Rank {
			return "its level is not more urgent any more"
		}
		fallthrough
	default:
		if !inc.Active() {
			return "it was over before the mail was sent"
		}
	}
	return ""
}

// errNoMail is why somebody got no mail who wants none.
var errNoMail error = &way{"does not want mail"}

// options say for whom a letter is. The error is errNoMail where the address
// wants no mails.
func (m *Mails) options(ctx context.Context, address string, v *query.View) (letters.Options, error) {
	o := letters.Options{Company: m.Company}
	if m.NoMail != nil {
		off, err := m.NoMail(ctx, address)
		if err != nil {
			return o, err
		}
		if off {
			return o, errNoMail
		}
	}
	squad := ""
	if v != nil {
		squad = v.Incident.Squad
		if v.Incident.Private { // whoever is here is a member, see view
			o.Why = letters.WhyMember
		}
	}
	if m.Reads != nil {
		o.Lang, o.Zone = m.Reads(ctx, address, squad)
	}
	if m.Unsubscribe != nil {
		o.Unsubscribe = m.Unsubscribe(address)
	}
	return o, nil
}

// thread is where a mail stands among others.
type thread struct{ id, root string }

// deliver hands a letter over. The address is in the error, since a list of effects
// that have failed shows no other; but not where nobody would get a mail: that is
// said alike of all of them, and so but once on the timeline.
func (m *Mails) deliver(ctx context.Context, job outbox.Job, address string, o letters.Options, l letters.Letter, t thread) error {
	msg := mail.Message{
		To: []mail.Address{{Mail: address}}, Subject: l.Subject, Text: l.Text, HTML: l.HTML,
		MessageID: t.id, ListID: m.ListID, Unsubscribe: o.Unsubscribe, OneClick: o.Unsubscribe != "", Auto: true,
		// The same with every try: the effect's own time.
		Date: job.FirstDue,
	}
	if t.root != t.id {
		msg.InReplyTo = t.root
	}
	err := m.Sender.Send(ctx, msg)
	var all interface{ General() bool }
	if err == nil || errors.As(err, &all) && all.General() {
		return err
	}
	return fmt.Errorf("mail to %s: %w", incident.Clip(incident.Line(address), 100), err)
}

// root is the Message-ID of the first mail about an incident to an address. Later
// ones refer to it, and so are shown as one thread, also where it was never sent.
func (m *Mails) root(id incident.ID, address string) string {
	return m.id(id, "declare", address)
}

// id names a mail by its incident, what it is about and who gets it. The address
// itself stays out: Message-IDs are quoted in answers.
func (m *Mails) id(inc incident.ID, about, address string) string {
	return inc.String() + "." + about + "." + digest(address) + "@" + m.Domain
}

// digest is a short name for an address, or for anything else.
func digest(s string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(s)))
	return hex.EncodeToString(sum[:8])
}

// what is what a mail is about, from the key of its effect, which is of
// INC-42/mail.close/2/ani@example.com: close.2.
func what(job outbox.Job) string {
	s := strings.TrimPrefix(job.Key, job.Incident.String()+"/mail.")
	return slug(strings.TrimSuffix(s, "/"+job.Target))
}

// slug makes words for a Message-ID of any text; what would be too long for one
// becomes its digest.
func slug(s string) string {
	out := strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}), ".")
	if out == "" || len(out) > 100 {
		return digest(s)
	}
	return out
}
