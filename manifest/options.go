package manifest

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Options describe one app package.
type Options struct {
	// AppID is the GUID of the Entra app, which is the bot's id too. Required.
	AppID string
	// ManifestID is the GUID that names the app in a tenant's app catalog: the same id makes an upload an update.
	// Default: derived from AppID, the same on every machine and in every version.
	ManifestID string
	// Profile decides the permissions asked for. Default: Minimal.
	Profile Profile
	// PublicURL is where people reach imbot, such as https://imbot.example.com. Required, https.
	PublicURL string
	// Version is the package's version, three numbers as in "1.0.0" (the default). Teams offers an update only where
	// it is higher than the one installed.
	Version string
	// Name is what people type after the @, at most 30 characters. Default "imbot".
	Name string
	// Developer is shown on the app's page. Empty fields take Name and PublicURL.
	Developer Developer
	// Commands fill the menu that opens after a mention of the bot, in this order. At most 10 a scope; none: no menu.
	Commands []Command
	// Dialogs says that buttons open dialogs: the host of PublicURL becomes a valid domain, which Teams demands of a
	// dialog's page. Without it the app asks for no domain at all.
	Dialogs bool
	// Extension is the message extension. Without commands there is none.
	Extension []ExtensionCommand
	// Preview makes a manifest for Teams' public developer preview, in which the commands can be called with a slash
	// and answered so that only the asker sees it. Default: a manifest for every client.
	Preview bool
	// Targeted makes a manifest of the same version in which people can write to the bot so that nobody else sees it,
	// without slash commands. Preview includes it.
	Targeted bool
	// SelfInstall makes a manifest of an app that may install itself for people, by Microsoft Graph.
	SelfInstall bool
}

// Developer is who offers the app.
type Developer struct {
	// Name has at most 32 characters. Default: Options.Name.
	Name string
	// WebsiteURL, PrivacyURL and TermsURL are https pages. Default: Options.PublicURL.
	WebsiteURL, PrivacyURL, TermsURL string
}

// Command is one entry of the bot's menu. Choosing it only types its title: it reaches the bot as a normal message.
type Command struct {
	// Title is the verb as the bot understands it, at most 32 characters; more is cut off in the menu.
	Title string
	// Description is one line of at most 128 characters.
	Description string
	// Scopes are where it is offered, of ScopePersonal, ScopeTeam and ScopeGroupChat. None means everywhere.
	Scopes []string
}

// The scopes, spelled as manifests from 1.17 on want them (lower-case "groupchat" is refused).
const (
	ScopePersonal  = "personal"
	ScopeTeam      = "team"
	ScopeGroupChat = "groupChat"
)

// Limits of the schema, in characters, or where Teams' menus cut earlier, that.
// https://learn.microsoft.com/microsoft-365/extensibility/schema/root
const (
	maxName        = 30
	maxDeveloper   = 32
	maxURL         = 2048
	maxCommands    = 10
	maxTitle       = 32
	maxDescription = 128
)

var (
	guidPattern    = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$`)
	hostPattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	scopes         = []string{ScopePersonal, ScopeTeam, ScopeGroupChat}
)

const nilGUID = "00000000-0000-0000-0000-000000000000"

// complete returns o with defaults filled in, or every mistake in it at once.
func (o Options) complete() (Options, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	o.AppID = strings.ToLower(strings.TrimSpace(o.AppID))
	note(checkGUID("app id", o.AppID, "copy the Application (client) ID from the app's overview page in the Entra admin center"))
	o.ManifestID = strings.ToLower(strings.TrimSpace(o.ManifestID))
	if o.ManifestID == "" {
		o.ManifestID = manifestID(o.AppID)
	} else {
		note(checkGUID("manifest id", o.ManifestID, "leave it out to have it derived from the app id"))
	}
	var err error
	o.Profile, err = ParseProfile(string(o.Profile))
	note(err)
	o.Version = or(o.Version, "1.0.0")
	if !versionPattern.MatchString(o.Version) {
		note(fmt.Errorf("package version %q is not three numbers: write it as in 1.0.0", o.Version))
	}
	o.PublicURL = strings.TrimRight(strings.TrimSpace(o.PublicURL), "/")
	note(checkURL("public url", o.PublicURL))
	o.Name = or(strings.TrimSpace(o.Name), "imbot")
	note(checkText("name", o.Name, maxName))
	d := &o.Developer
	d.Name = or(strings.TrimSpace(d.Name), o.Name)
	note(checkText("developer name", d.Name, maxDeveloper))
	for _, u := range []struct {
		what string
		url  *string
	}{{"developer website url", &d.WebsiteURL}, {"developer privacy url", &d.PrivacyURL}, {"developer terms url", &d.TermsURL}} {
		if *u.url == "" {
			*u.url = o.PublicURL
			continue
		}
		note(checkURL(u.what, *u.url))
	}
	note(checkCommands(o.Commands))
	note(checkExtension(o.Extension))
	return o, errors.Join(errs...)
}

// or returns s, or the default d where s is empty.
func or(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func checkGUID(what, s, hint string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s is missing: %s", what, hint)
	case !guidPattern.MatchString(s) || s == nilGUID:
		return fmt.Errorf("%s %q is not a GUID such as 12345678-90ab-cdef-1234-567890abcdef: %s", what, s, hint)
	}
	return nil
}

// checkURL accepts what Teams does: https, a host name, and nothing that would make the address secret or ambiguous.
// Neither user info nor query is repeated in the error, as they may hold a secret.
func checkURL(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is missing: give the https address that people reach it by, such as https://imbot.example.com", what)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%s is not an address: write it as in https://imbot.example.com", what)
	}
	switch {
	case u.Scheme != "https":
		return fmt.Errorf("%s begins with %s://: Teams accepts https only", what, u.Scheme)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("%s has a user, a query or a fragment: give scheme, host and path only", what)
	case !hostPattern.MatchString(strings.ToLower(u.Hostname())):
		return fmt.Errorf("%s has the host %q: give a plain host name (an international one in its xn-- form)", what, u.Hostname())
	case utf8.RuneCountInString(s) > maxURL:
		return fmt.Errorf("%s is longer than %d characters: shorten it", what, maxURL)
	}
	return nil
}

func checkText(what, s string, limit int) error {
	switch n := utf8.RuneCountInString(s); {
	case n > limit:
		return fmt.Errorf("%s %q has %d characters: Teams allows %d", what, s, n, limit)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%s %q has characters that do not print: remove them", what, s)
	}
	return nil
}

func checkCommands(commands []Command) error {
	var errs []error
	count := map[string]int{}
	seen := map[string]bool{}
	for _, c := range commands {
		if strings.TrimSpace(c.Title) == "" || strings.TrimSpace(c.Description) == "" {
			errs = append(errs, fmt.Errorf("menu command %q needs a title and a description", c.Title))
		}
		errs = append(errs, checkText("menu command", c.Title, maxTitle),
			checkText("description of menu command "+c.Title, c.Description, maxDescription))
		if seen[strings.ToLower(c.Title)] {
			errs = append(errs, fmt.Errorf("menu command %q is there twice: list it once, with all its scopes", c.Title))
		}
		seen[strings.ToLower(c.Title)] = true
		for _, s := range c.Scopes {
			if !slices.Contains(scopes, s) {
				errs = append(errs, fmt.Errorf("menu command %q has the scope %q: use %s", c.Title, s, strings.Join(scopes, ", ")))
			}
		}
		for _, s := range scopes {
			if c.in(s) {
				count[s]++
			}
		}
	}
	for _, s := range scopes {
		if count[s] > maxCommands {
			errs = append(errs, fmt.Errorf("%d menu commands in scope %s: Teams shows %d, hand in the commonest", count[s], s, maxCommands))
		}
	}
	return errors.Join(errs...)
}

// in says whether the command is offered in scope.
func (c Command) in(scope string) bool {
	return len(c.Scopes) == 0 || slices.Contains(c.Scopes, scope)
}

// ID is the manifest id of an Entra app where none is configured. It is empty for what is no GUID.
func ID(appID string) string { return manifestID(strings.ToLower(strings.TrimSpace(appID))) }

// manifestID derives the app's catalog id from the Entra app's id as a version 5 UUID (RFC 9562, section 5.5) with the
// app id as namespace: stable, and never equal to the app id of another app.
func manifestID(appID string) string {
	namespace, err := hex.DecodeString(strings.ReplaceAll(appID, "-", ""))
	if err != nil {
		return "" // complete has noted that the app id is no GUID
	}
	sum := sha1.Sum(append(namespace, "imbot Teams app"...))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
