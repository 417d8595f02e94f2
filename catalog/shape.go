package catalog

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"imbot/incident"
)

// Shapes of ids. PagerDuty's are letters and digits; those of Entra are GUIDs.
var (
	keyShape       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	pagerDutyShape = regexp.MustCompile(`^[A-Za-z0-9]{2,32}$`)
	guidShape      = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	mailShape      = regexp.MustCompile(`^[^\s@<>(),;:"\\\x00-\x1f]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	channelShape   = regexp.MustCompile(`^19:[A-Za-z0-9_.:=+/-]+@thread\.(tacv2|skype|v2)$`)
	projectShape   = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,49}$`)
	opaqueShape    = regexp.MustCompile(`^[A-Za-z0-9:|=+/_.-]{1,200}$`)
)

// Languages that imbot speaks.
var Languages = []string{"en", "id"}

const (
	maxName = 100
	maxMail = 254 // https://www.rfc-editor.org/errata/eid1690
	maxURL  = 2048
)

// CheckMail returns what is wrong with a mail address, and how it is mended.
func CheckMail(s string) error {
	if len(s) > maxMail || !mailShape.MatchString(s) {
		return errors.New("is not a mail address; write it as in ani@example.com")
	}
	return nil
}

// CheckChannel returns what is wrong with the id of a channel or group chat,
// and how it is mended.
func CheckChannel(id string) error {
	if before, _, cut := strings.Cut(id, ";messageid="); cut && channelShape.MatchString(before) {
		return errors.New(`is a thread; cut off ";messageid=" and what follows`)
	}
	if strings.HasPrefix(id, "https://teams.") {
		return errors.New("is a link; of a channel's link take the part that begins with 19: and decode it (%3A is a colon, %40 is an @)")
	}
	if !channelShape.MatchString(id) {
		return errors.New(`is not the id of a channel; write it as in "19:…@thread.tacv2" (it is part of the channel's link), or leave it out and say "connect" to imbot in the channel`)
	}
	return nil
}

// CheckLink returns what is wrong with an address that people are sent to, and
// how it is mended.
func CheckLink(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("is not a web address; write it as in https://wiki.example.com/page")
	case u.User != nil:
		return errors.New("has a user or password in it, which everybody would see; remove it")
	case len(s) > maxURL:
		return fmt.Errorf("is longer than %d characters; use a shorter link", maxURL)
	}
	return nil
}

// CheckGUID returns what is wrong with an id of Entra, and how it is mended.
func CheckGUID(s string) error {
	if !guidShape.MatchString(s) {
		return errors.New("is not a GUID; copy it from the Entra admin center, as in 12345678-90ab-cdef-1234-567890abcdef")
	}
	return nil
}

// CheckLanguage returns what is wrong with a language.
func CheckLanguage(s string) error {
	if !slices.Contains(Languages, s) {
		return fmt.Errorf("is no language that imbot speaks; use %s", strings.Join(Languages, " or "))
	}
	return nil
}

// CheckName returns what is wrong with a name for people: they are shown in
// cards and mails on one line.
func CheckName(s string) error {
	switch {
	case incident.Line(s) != s:
		return errors.New("has line breaks, double spaces or invisible characters; write it on one line")
	case utf8.RuneCountInString(s) > maxName:
		return fmt.Errorf("is longer than %d characters; use a shorter name", maxName)
	}
	return nil
}

func checkShape(shape *regexp.Regexp, advice string) func(string) error {
	return func(s string) error {
		if !shape.MatchString(s) {
			return errors.New(advice)
		}
		return nil
	}
}

var (
	checkKey       = checkShape(keyShape, `is no key; use letters, digits, ".", "_" and "-", at most 64`)
	checkPagerDuty = checkShape(pagerDutyShape, "is not an id of PagerDuty; copy it from the address of its page, as in PABC123")
	checkProject   = checkShape(projectShape, "is not a key of a Jira project; write it in capitals, as in PAY")
	checkOpaque    = checkShape(opaqueShape, "is not an id; copy it without spaces")
)
