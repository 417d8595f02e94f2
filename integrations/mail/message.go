package mail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one mail.
const (
	MaxRecipients = 50        // addresses in Message.To
	MaxSubject    = 200       // runes; what is longer is clipped
	MaxName       = 100       // runes of an address's name; what is longer is clipped
	MaxBody       = 100 << 10 // bytes of Text, and of HTML; some programs show no more

	maxAddress    = 254 // RFC 5321 4.5.3.1.3: a path has 256 octets, two of them are < and >
	maxLocal      = 64  // RFC 5321 4.5.3.1.1
	maxDomain     = 255 // RFC 5321 4.5.3.1.2
	maxID         = 250 // of a Message-ID without < and >; databases of mail servers keep no more
	maxURL        = 900 // so that the line with it has at most 998, RFC 5322 2.1.1
	maxReferences = 20  // the first and the latest are kept
)

// Address is a person or list that gets mail.
type Address struct {
	Name string // as shown; may be empty. Any text: what can't stand in a header is taken out
	Mail string // such as ani@example.com; required, ASCII
}

// Message is one mail. Text from outside may stand in every field: it becomes
// text in the mail, or an error that names the field.
type Message struct {
	// To is who gets it, 1 to MaxRecipients; each of them sees the others. An
	// address that comes twice gets one mail.
	To []Address

	// Subject is one line. Line breaks, control characters, and those that turn
	// the direction of text are taken out; it is clipped to MaxSubject runes.
	Subject string

	// Text is the plain text, at most MaxBody bytes. Required: it is what watches,
	// search and programs without HTML show.
	Text string

	// HTML is the same as a page, at most MaxBody bytes. Default: the mail has
	// plain text only.
	HTML string

	// MessageID names the mail, such as INC-42.mail.close.2@example.com, with or
	// without < and >. It must be the same whenever the same mail is tried again.
	// Required.
	MessageID string

	// InReplyTo is the Message-ID of the mail that this one follows, so that both
	// are shown as one thread. Default: none.
	InReplyTo string

	// References are the Message-IDs of the thread, oldest first. Default:
	// InReplyTo, where there is one.
	References []string

	// ListID names the kind of mail for rules in mail programs, such as
	// incidents.imbot.example.com (RFC 2919). Default: none.
	ListID string

	// Unsubscribe is where the reader ends such mails, an https: or mailto: URL
	// (RFC 2369). Default: none.
	Unsubscribe string

	// OneClick says that Unsubscribe is https and that a POST to it, without
	// anything else, unsubscribes (RFC 8058).
	OneClick bool

	// Auto says that no person wrote the mail, so that no machine answers it (RFC
	// 3834): with it go Auto-Submitted: auto-generated and X-Auto-Response-Suppress.
	Auto bool

	// Date is when it was written. Default: now. Give the same one with every try.
	Date time.Time
}

// recipients returns who can get the mail, and who can't, because the address
// is none. The error is for lists that are no use as a whole.
func recipients(to []Address) (good []Address, refused []Refusal, err error) {
	switch {
	case len(to) == 0:
		return nil, nil, invalid("To", "there is no recipient")
	case len(to) > MaxRecipients:
		return nil, nil, invalid("To", "%d recipients are more than %d: send several mails", len(to), MaxRecipients)
	}
	seen := map[string]bool{}
	for n, a := range to {
		if err := checkAddress(a.Mail); err != nil {
			refused = append(refused, Refusal{Address: a, Err: invalid(fmt.Sprintf("To[%d]", n), "%s is refused: %v", quote(a.Mail), err)})
			continue
		}
		// RFC 5321 lets a server tell ANI@ and ani@ apart; none that matters does.
		if key := strings.ToLower(a.Mail); !seen[key] {
			seen[key] = true
			good = append(good, a)
		}
	}
	if len(good) == 0 {
		return nil, nil, nobody(refused)
	}
	return good, refused, nil
}

// checkAddress says why a mail address can't be used. It takes what RFC 5321
// calls Dot-string "@" Domain: quoted local parts and addresses in brackets are
// legal, and only ever seen in attacks.
func checkAddress(s string) error {
	at := strings.LastIndexByte(s, '@')
	switch {
	case s == "":
		return errors.New("the address is missing")
	case strings.ContainsAny(s, "\r\n"):
		return errors.New("it has a line break")
	case strings.ContainsAny(s, "<>,;\""):
		return errors.New(`it has one of < > , ; ": write one bare address, and the name apart`)
	case at < 0:
		return errors.New("it has no @")
	case len(s) > maxAddress:
		return fmt.Errorf("it has %d bytes, more than %d", len(s), maxAddress)
	case at > maxLocal:
		return fmt.Errorf("the part before @ has %d bytes, more than %d", at, maxLocal)
	case !isDotAtom(s[:at]):
		return errors.New("the part before @ may have letters of ASCII, digits, and signs such as . + - _ only")
	}
	return checkDomain(s[at+1:])
}

func checkDomain(s string) error {
	if s == "" || len(s) > maxDomain {
		return fmt.Errorf("a domain has 1 to %d bytes", maxDomain)
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notLetterDigitHyphen) {
			return errors.New("the domain must be like mail.example.com; one in other letters is written with xn--")
		}
	}
	return nil
}

func notLetterDigitHyphen(r rune) bool { return !isLetterDigit(r) && r != '-' }

func isLetterDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// isDotAtom reports whether s is a dot-atom-text of RFC 5322 3.2.3.
func isDotAtom(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return !isLetterDigit(r) && (r >= utf8.RuneSelf || !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
		}) {
			return false
		}
	}
	return true
}

// messageID returns an id of a mail with < and >.
func messageID(field, s string) (string, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
	left, right, ok := strings.Cut(bare, "@")
	if !ok || len(bare) > maxID || !isDotAtom(left) || !isDotAtom(right) {
		return "", invalid(field, "%s is no Message-ID: it must look like INC-42.open.1@example.com and have at most %d bytes", quote(s), maxID)
	}
	return "<" + bare + ">", nil
}

// thread returns the values of In-Reply-To and References, "" for none.
func (m *Message) thread() (replyTo, references string, err error) {
	ids := m.References
	if m.InReplyTo != "" {
		if replyTo, err = messageID("InReplyTo", m.InReplyTo); err != nil {
			return "", "", err
		}
		if len(ids) == 0 {
			return replyTo, replyTo, nil
		}
	}
	if len(ids) > maxReferences {
		// The first one is the thread's root, by which programs find it.
		ids = append([]string{ids[0]}, ids[len(ids)-maxReferences+1:]...)
	}
	all := make([]string, len(ids))
	for n, id := range ids {
		if all[n], err = messageID("References", id); err != nil {
			return "", "", err
		}
	}
	return replyTo, strings.Join(all, " "), nil
}

// unsubscribe returns the value of List-Unsubscribe.
func (m *Message) unsubscribe() (string, error) {
	const field = "Unsubscribe"
	if m.Unsubscribe == "" {
		if m.OneClick {
			return "", invalid("OneClick", "there is no Unsubscribe to post to")
		}
		return "", nil
	}
	u, err := url.Parse(m.Unsubscribe)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "mailto", u.Scheme == "https" && u.Host == "", u.Scheme == "mailto" && u.Opaque == "",
		strings.ContainsFunc(m.Unsubscribe, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>",`, r) }):
		return "", invalid(field, "it must be an https: or mailto: URL in ASCII")
	case len(m.Unsubscribe) > maxURL:
		return "", invalid(field, "%d bytes are more than %d", len(m.Unsubscribe), maxURL)
	case m.OneClick && u.Scheme != "https":
		return "", invalid("OneClick", "one click needs an https: URL in Unsubscribe")
	}
	return "<" + m.Unsubscribe + ">", nil
}
