package graphrest

import (
	"net/http"
	"regexp"
	"strings"
)

// Reason is what is behind a refusal, where it can be told. "" where not.
type Reason string

// Reasons. Graph has no codes for most of them: they are told by status, place
// and words, which are those of Microsoft's documentation or of answers that
// were published.
const (
	// ReasonPermission: an application permission is not granted, see
	// Error.Permissions.
	ReasonPermission Reason = "permission"
	// ReasonConsentOff: apps that ask for permissions of a single chat can't be
	// installed in this tenant.
	// https://learn.microsoft.com/graph/api/resources/teamsappsettings?view=graph-rest-beta
	ReasonConsentOff Reason = "consent-off"
	// ReasonConsentMismatch: the permissions consented to are not those of the
	// app that is in the catalog, mostly because an older one is there.
	// https://learn.microsoft.com/graph/api/chat-post-installedapps
	ReasonConsentMismatch Reason = "consent-mismatch"
	// ReasonNotInCatalog: the organisation's catalog does not have the app.
	ReasonNotInCatalog Reason = "not-in-catalog"
	// ReasonOldVersion: the app is there, in another version than expected.
	ReasonOldVersion Reason = "old-version"
	// ReasonAppBlocked: an administrator blocked the app, or a policy does.
	ReasonAppBlocked Reason = "app-blocked"
	// ReasonNotOwn: the app in the catalog names another Entra app, or none, as its
	// own: it may not install itself.
	// https://github.com/microsoftgraph/microsoft-graph-docs/issues/16666
	ReasonNotOwn Reason = "not-own"
	// ReasonNotInChat: the app is not, or not yet, a member of the chat.
	ReasonNotInChat Reason = "not-in-chat"
	// ReasonMember: people can't be members, see Error.UserIDs.
	ReasonMember Reason = "member"
	// ReasonMeetingPolicy: no application access policy lets the app make
	// meetings for this organiser.
	// https://learn.microsoft.com/graph/cloud-communication-online-meeting-application-access-policy
	ReasonMeetingPolicy Reason = "meeting-policy"
	// ReasonMailbox: the sender has no mailbox, or the app may not use it.
	// https://learn.microsoft.com/graph/auth-limit-mailbox-access
	ReasonMailbox Reason = "mailbox"
	// ReasonNotForApps: the call works for signed-in people only.
	ReasonNotForApps Reason = "not-for-apps"
	// ReasonLimit: too many requests, found by Graph or before sending.
	ReasonLimit Reason = "limit"
)

// Fix says what somebody can do about it; "" if nothing is known.
func (r Reason) Fix() string {
	switch r {
	case ReasonPermission:
		return "grant the permission to the app in Entra, with admin consent"
	case ReasonConsentOff:
		return "turn resource-specific consent for chats on in the tenant"
	case ReasonConsentMismatch, ReasonOldVersion:
		return "upload the app package of this version to the organisation's catalog"
	case ReasonNotInCatalog:
		return "upload the app package to the organisation's catalog in the Teams admin center"
	case ReasonAppBlocked:
		return "allow the app in the Teams admin center, under Manage apps and the permission policies"
	case ReasonNotOwn:
		return "upload the app package whose webApplicationInfo names this Entra app"
	case ReasonMeetingPolicy:
		return "grant the organiser an application access policy that names the app"
	case ReasonMailbox:
		return "check that the sender has a mailbox that the app may send from"
	}
	return ""
}

var requiresOne = regexp.MustCompile(`(?i)missing (?:role|scope) permissions.*?requires? one of '([^']+)'`)

// classify tells what is behind a refusal.
func classify(status int, code, message string) (Reason, []string) {
	words := strings.ToLower(code + " " + message)
	squeezed := strings.NewReplacer("-", "", " ", "", "_", "").Replace(words)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	refusing := status == http.StatusForbidden || status == http.StatusPreconditionFailed || status == http.StatusUnauthorized
	switch {
	case refusing && requiresOne.MatchString(message):
		return ReasonPermission, permissions(requiresOne.FindStringSubmatch(message)[1])
	case refusing && has("application access policy", "not authorized to create meeting", "is not allowed to perform operations on the user"):
		return ReasonMeetingPolicy, nil
	case has("erroraccessdenied", "errorsendasdenied", "errorinvaliduser", "mailboxnotenabledforrestapi", "mailboxnothostedinexchangeonline"):
		return ReasonMailbox, nil
	case status == http.StatusPreconditionFailed && has("application-only context"):
		return ReasonNotForApps, nil
	case refusing && has("blocked by the tenant", "blocked by tenant", "blocked by policy", "blocked by admin", "blocked by an admin", "disabled by the tenant", "disabled by tenant", "app permission policy", "not allowed by policy"):
		return ReasonAppBlocked, nil
	case refusing && has("is not allowed to manage the teams app"):
		return ReasonNotOwn, nil
	case refusing && strings.Contains(squeezed, "resourcespecific"):
		return ReasonConsentOff, nil
	case status == http.StatusBadRequest && (strings.Contains(squeezed, "resourcespecific") || strings.Contains(squeezed, "consentedpermission")):
		return ReasonConsentMismatch, nil
	case status == http.StatusForbidden && has("aclcheckfailed", "not a member of the roster", "botnotinconversationroster"):
		return ReasonNotInChat, nil
	case status == http.StatusForbidden && has("authorization_requestdenied"):
		return ReasonPermission, nil
	}
	return "", nil
}

var permissionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]{1,99}$`)

// permissions splits 'A.Read.All, B.Read.All'.
func permissions(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); permissionName.MatchString(p) && len(out) < 30 {
			out = append(out, p)
		}
	}
	return out
}
