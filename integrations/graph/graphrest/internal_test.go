package graphrest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		status      int
		code, words string
		reason      Reason
		permissions string
	}{
		{403, "Forbidden", "Missing role permissions on the request. API requires one of 'Chat.Create'. Roles on the request 'User.Read.All'.", ReasonPermission, "Chat.Create"},
		{403, "Forbidden", "Missing scope permissions on the request. API requires one of 'Chat.ReadBasic, Chat.Read'. Scopes on the request 'User.Read'", ReasonPermission, "Chat.ReadBasic Chat.Read"},
		{403, "Forbidden", "Missing role permissions on the request. API requires one of 'A.B, <script>, ../x'. Resource specific consent grants on the request ''.", ReasonPermission, "A.B"},
		{403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.", ReasonPermission, ""},
		{403, "Forbidden", "Trying to CreateTeamAppEntitlement for an App that is explicitly blocked by the tenant admin.", ReasonAppBlocked, ""},
		{403, "Forbidden", "Resource-specific consent is disabled.", ReasonConsentOff, ""},
		{412, "PreconditionFailed", "Failed to execute TeamsGraphService backend request IsUserAuthorizedToGrantGroupResourceSpecificPermissionsRequest.", ReasonConsentOff, ""},
		{400, "BadRequest", "consentedPermissionSet does not match", ReasonConsentMismatch, ""},
		{412, "PreconditionFailed", "Requested API is not supported in application-only context", ReasonNotForApps, ""},
		{403, "Forbidden", "AclCheckFailed-The initiator 28:app:x is not a member of the roster y", ReasonNotInChat, ""},
		{403, "General", "No application access policy found for this app.", ReasonMeetingPolicy, ""},
		{401, "Unauthorized", "App x is not authorized to Create meeting on behalf of user y", ReasonMeetingPolicy, ""},
		{403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", ReasonMailbox, ""},
		{404, "MailboxNotEnabledForRESTAPI", "x", ReasonMailbox, ""},
		{403, "Forbidden", "Forbidden", "", ""},
		{404, "NotFound", "resource specific", "", ""},
		{500, "x", "blocked by the tenant", "", ""},
	} {
		reason, permissions := classify(tt.status, tt.code, tt.words)
		if reason != tt.reason || strings.Join(permissions, " ") != tt.permissions {
			t.Errorf("classify(%d, %s, %s) = %q, %q; want %q, %q", tt.status, tt.code, tt.words, reason, permissions, tt.reason, tt.permissions)
		}
	}
}

func TestReasons(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"error":{"code":"NotFound","message":"NotFound","innerError":{"code":"1","message":"ThreadNotFound","date":"x"}}}`: {"NotFound", "ThreadNotFound"},
		`{"error":{"code":"Forbidden","message":"InsufficientPrivileges","innerError":{"code":"AclCheckFailed"}}}`:           {"Forbidden", "InsufficientPrivileges: AclCheckFailed"},
		`{"error":{"code":"a","message":"m","innerError":{"message":"m"}}}`:                                                  {"a", "m"},
		`{"error":{"code":7,"message":null}}`: {"", ""},
		`{"error":"x"}`:                       {"", ""},
		`[]`:                                  {"", ""},
		``:                                    {"", ""},
	} {
		if code, message := reasons([]byte(body)); code != want[0] || message != want[1] {
			t.Errorf("reasons(%s) = %q, %q; want %q", body, code, message, want)
		}
	}
}

func TestCleanTopic(t *testing.T) {
	for in, want := range map[string]string{
		"INC-42: checkout down":          "INC-42 – checkout down",
		"at 10:30, a::b：c":               "at 10-30, a--b-c",
		"  a\r\n\tb\u2028c\x00 ":         "a b c",
		"\u202egnp.exe\u200b":            "gnp.exe",
		strings.Repeat("é", 251):         strings.Repeat("é", 249) + "…",
		strings.Repeat("é", 250):         strings.Repeat("é", 250),
		strings.Repeat("🔥", 126):         strings.Repeat("🔥", 124) + "…",
		strings.Repeat("x", 248) + " yz": strings.Repeat("x", 248) + "…",
		"\xff\xfe":                       "?",
		" \n":                            "",
	} {
		if got := CleanTopic(in); got != want {
			t.Errorf("CleanTopic(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever a topic is, it becomes one that Graph takes, and stays what it is
// when it is cleaned again: that is how a chat is found by it.
func FuzzCleanTopic(f *testing.F) {
	for _, s := range []string{"INC-42: x", "a:\u200b: b", strings.Repeat("🔥:", 200), "\xff\u202e", ": : :", "：", "a\u200b \u200bb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := CleanTopic(s)
		bad := strings.ContainsFunc(got, func(r rune) bool { return r == ':' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
		if bad || len(utf16.Encode([]rune(got))) > MaxTopic || !utf8.ValidString(got) || got != strings.TrimSpace(got) {
			t.Errorf("CleanTopic(%q) = %q", s, got)
		}
		if again := CleanTopic(got); again != got {
			t.Errorf("CleanTopic(%q) = %q, and then %q", s, got, again)
		}
	})
}

// Whatever Graph answers, an error is a short line with nothing of it that could
// do harm.
func FuzzAnswerError(f *testing.F) {
	for _, s := range []string{
		`{"error":{"code":"Forbidden","message":"Missing role permissions on the request. API requires one of 'A.B'.","innerError":{"code":"x"}}}`,
		`{"error":{"innerError":{"innerError":{"innerError":{"message":"deep"}}}}}`, `{"error":null}`, `[]`, "\xff", `{"error":{"message":"a\nb\u202e"}}`,
	} {
		for _, status := range []int{400, 403, 404, 412, 429, 500} {
			f.Add(status, s, "1.5", "application/json")
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, after, media string) {
		if status < 300 || status > 599 {
			return
		}
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}, "Retry-After": {after}, "Request-Id": {body}}}
		e := answerError(resp, []byte(body), time.Now())
		s := e.Error()
		if len(s) > 1000 || strings.ContainsAny(s, "\r\n\u202e") || !utf8.ValidString(s) || e.Message == "" {
			t.Errorf("%d %q: %q", status, body, s)
		}
		if e.RetryAfter() < 0 || e.RetryAfter() > maxHold || (e.Reason == ReasonPermission && slices.ContainsFunc(e.Permissions, func(p string) bool { return !permissionName.MatchString(p) })) {
			t.Errorf("%d %q: %+v", status, body, e)
		}
		if status >= 500 && status != 501 && e.Permanent() || status == 429 && e.Permanent() {
			t.Errorf("%d is permanent", status)
		}
	})
}

// A text that passes for a mail address can neither leave its place in a path
// nor end a filter's string, and no other text is sent.
func FuzzMailAddress(f *testing.F) {
	for _, s := range []string{"ani@example.com", "o'neil@example.com", "a_b#EXT#@x.onmicrosoft.com", "a/../b@c", "a@b'or'1", "a\n@b", "a\"@b", "@", "$x@y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !mailAddress.MatchString(s) {
			return
		}
		if strings.ContainsAny(s, "\"\\/?%<>()[],;: \r\n\t") || strings.Count(s, "@") != 1 {
			t.Errorf("%q passes", s)
		}
		q := quote(s)
		inner := strings.ReplaceAll(q[1:len(q)-1], "''", "")
		if strings.Contains(inner, "'") {
			t.Errorf("%q becomes %s", s, q)
		}
	})
}

// Whatever Graph answers to a look at the catalog, nothing breaks, and what comes
// out is fit for the next request.
func FuzzCatalogAnswer(f *testing.F) {
	for _, s := range []string{
		`{"value":[{"id":"1","externalId":"2","appDefinitions":[{"version":"1.10.0","publishingState":"published"},{"version":"1.9.0"}]}]}`,
		`{"value":[{"appDefinitions":[{"authorization":{"requiredPermissionSet":{"resourceSpecificPermissions":[{"permissionValue":"A.B","permissionType":"Delegated"}]}}}]}]}`,
		`{"value":[null,{"appDefinitions":null}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p page[wireApp]
		if json.Unmarshal(body, &p) != nil {
			return
		}
		for i := range p.Value {
			for _, r := range p.Value[i].app().Permissions {
				if !permissionName.MatchString(r.Name) {
					t.Errorf("%q of %s", r.Name, body)
				}
			}
		}
	})
}

func TestCompareVersions(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"1.10.0", "1.9.0", 1}, {"1.0", "1.0.0", -1}, {"2", "2", 0}, {"1.a", "1.b", -1}} {
		if got := compareVersions(tt.a, tt.b); got != tt.want {
			t.Errorf("compareVersions(%s, %s) = %d", tt.a, tt.b, got)
		}
	}
}
