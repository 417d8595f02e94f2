package bot

import (
	"context"
	"time"

	"imbot/cards"
	"imbot/commands"
)

// Preference is what whoever has a mail address wants of imbot. It is kept by
// the address, and not with a Person: lists, and people whom imbot has not met in
// Teams, get mails, too.
type Preference struct {
	Address string    `json:"address"`      // lower-cased
	NoMail  bool      `json:"no_mail"`      // no mails
	By      string    `json:"by,omitempty"` // how it was said: "chat", "page", or "one-click" by a mail program
	At      time.Time `json:"at,omitzero"`  // when
}

// Preferences keeps preferences. Each method is one transaction of its own.
type Preferences interface {
	// Preference returns the zero Preference with the address where nothing was
	// said.
	Preference(ctx context.Context, address string) (Preference, error)
	SavePreference(ctx context.Context, p Preference) error
}

// mail says whether the asker gets mails, and turns them on or off. It is about
// nobody but the asker.
func (t *turn) mail(ctx context.Context, req commands.Request) (outcome, error) {
	switch {
	case t.Preferences == nil:
		return outcome{text: t.text("mail.pref.none"), aside: true}, nil
	case t.asker.Mail == "":
		return outcome{text: t.text("mail.pref.unknown"), aside: true}, nil
	}
	p, err := t.Preferences.Preference(ctx, t.asker.Mail)
	if err != nil {
		return outcome{}, err
	}
	key, then := "mail.pref.on", commands.OpOff
	switch {
	case req.Op != "":
		off := req.Op == commands.OpOff
		if off != p.NoMail {
			p.NoMail, p.By, p.At = off, "chat", t.Now().UTC()
			err = t.Preferences.SavePreference(ctx, p)
		}
		if off {
			key, then = "mail.pref.off", commands.OpOn
		}
	case p.NoMail:
		key, then = "mail.pref.is_off", commands.OpOn
	}
	return outcome{text: t.text(key, "address", cards.Plain(t.asker.Mail), "hint", t.env.Prefix+"mail "+then), aside: true}, err
}
