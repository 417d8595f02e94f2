package graphsim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// do makes a call without a network, with the token, and decodes the answer.
func do(t *testing.T, s *Server, method, target, body string) (int, object) {
	t.Helper()
	r := httptest.NewRequest(method, "/v1.0"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out object
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, target, err, w.Body)
		}
	}
	return w.Code, out
}

func errorCode(o object) string {
	e, _ := o["error"].(object)
	return field("code")(e)
}

func member(id, role string) string {
	return fmt.Sprintf(`{"@odata.type":"#microsoft.graph.aadUserConversationMember","roles":[%q],"user@odata.bind":"https://graph.microsoft.com/v1.0/users('%s')"}`, role, id)
}

// The rules of Graph, each broken once.
func TestRules(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	ani, budi, cin := s.AddUser(User{Mail: "ani@example.com"}), s.AddUser(User{Mail: "budi@example.com"}), s.AddUser(User{Mail: "cin@example.com", Guest: true})
	off := s.AddUser(User{Mail: "off@example.com", Disabled: true})
	app := s.PutApp(App{ExternalID: "e", Permissions: []Permission{{Name: "ChatMember.Read.Chat"}, {Name: "X.Y.Chat", Delegated: true}}})
	foreign := s.PutApp(App{ExternalID: "f", ClientID: "somebody-else"})
	chat := s.AddChat("x", ani.ID, budi.ID).ID
	a, b := member(ani.ID, "owner"), member(budi.ID, "owner")
	group := func(members ...string) string {
		return `{"chatType":"group","topic":"x","members":[` + strings.Join(members, ",") + `]}`
	}
	install := func(id, set string) string {
		return `{"teamsApp@odata.bind":"https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/` + id + `"` + set + `}`
	}
	const set = `,"consentedPermissionSet":{"resourceSpecificPermissions":[{"permissionValue":"ChatMember.Read.Chat","permissionType":"Application"}]}`
	for name, tt := range map[string]struct {
		call   string
		body   string
		status int
		code   string
	}{
		"chats of nobody":        {"GET /chats", "", 412, "PreconditionFailed"},
		"unknown path":           {"GET /chat", "", 400, "BadRequest"},
		"one member":             {"POST /chats", group(a), 400, "BadRequest"},
		"nobody":                 {"POST /chats", group(), 400, "BadRequest"},
		"twice the same":         {"POST /chats", group(a, a), 400, "BadRequest"},
		"no role":                {"POST /chats", group(a, member(budi.ID, "member")), 400, "BadRequest"},
		"guest as owner":         {"POST /chats", group(a, member(cin.ID, "owner")), 400, "BadRequest"},
		"owner as guest":         {"POST /chats", group(a, member(budi.ID, "guest")), 400, "BadRequest"},
		"guest as guest":         {"POST /chats", group(a, member(cin.ID, "guest")), 201, ""},
		"disabled":               {"POST /chats", group(a, member(off.ID, "owner")), 403, "Forbidden"},
		"unknown":                {"POST /chats", group(a, member("x", "owner")), 404, "NotFound"},
		"no type":                {"POST /chats", group(a, strings.Replace(b, `"@odata.type":"#microsoft.graph.aadUserConversationMember",`, "", 1)), 400, "BadRequest"},
		"bound elsewhere":        {"POST /chats", group(a, strings.Replace(b, "/users(", "/groups(", 1)), 400, "BadRequest"},
		"unknown member of body": {"POST /chats", `{"chatType":"group","title":"x","members":[` + a + `,` + b + `]}`, 400, "BadRequest"},
		"one on one":             {"POST /chats", strings.Replace(group(a, b), "group", "oneOnOne", 1), 400, "BadRequest"},
		"colon":                  {"POST /chats", strings.Replace(group(a, b), `"x"`, `"x:y"`, 1), 400, "BadRequest"},
		"topic of 251":           {"POST /chats", strings.Replace(group(a, b), `"x"`, `"`+strings.Repeat("é", 251)+`"`, 1), 400, "BadRequest"},
		"topic of 250":           {"POST /chats", strings.Replace(group(a, b), `"x"`, `"`+strings.Repeat("é", 250)+`"`, 1), 201, ""},
		"251 members":            {"POST /chats", group(slices.Repeat([]string{a}, 251)...), 400, "BadRequest"},
		"no JSON":                {"POST /chats", "{", 400, "BadRequest"},
		"rename, no permission":  {"PATCH /chats/" + chat, `{"topic":"y"}`, 403, "Forbidden"},
		"read, no such chat":     {"GET /chats/19:0@thread.v2", "", 404, "NotFound"},
		"members":                {"GET /chats/" + chat + "/members", "", 200, ""},
		"unknown option":         {"GET /chats/" + chat + "/members?$orderby=x", "", 400, "BadRequest"},
		"top of 51":              {"GET /users/" + ani.ID + "/chats?$top=51", "", 400, "BadRequest"},
		"odd token":              {"GET /users/" + ani.ID + "/chats?$skiptoken=x", "", 400, "BadRequest"},
		"chats of a stranger":    {"GET /users/x/chats", "", 404, "NotFound"},
		"odd filter":             {"GET /users?$filter=startswith(mail,'a')", "", 400, "Request_UnsupportedQuery"},
		"filter of others":       {"GET /users?$filter=city%20eq%20'x'", "", 400, "Request_UnsupportedQuery"},
		"no such user":           {"GET /users/x", "", 404, "Request_ResourceNotFound"},
		"not in the catalog":     {"POST /chats/" + chat + "/installedApps", install("x", set), 404, "NotFound"},
		"no consent":             {"POST /chats/" + chat + "/installedApps", install(app.ID, ""), 400, "BadRequest"},
		"more consent":           {"POST /chats/" + chat + "/installedApps", install(app.ID, strings.Replace(set, "[", `[{"permissionValue":"Z.Chat","permissionType":"application"},`, 1)), 400, "BadRequest"},
		"odd consent":            {"POST /chats/" + chat + "/installedApps", install(app.ID, strings.Replace(set, "Application", "app", 1)), 400, "BadRequest"},
		"another's app":          {"POST /chats/" + chat + "/installedApps", install(foreign.ID, ""), 403, "Forbidden"},
		"mail header":            {"POST /users/" + ani.ID + "/sendMail", `{"Message":{"toRecipients":[{"emailAddress":{"address":"a@b"}}],"internetMessageHeaders":[{"name":"Bcc","value":"x"}]}}`, 400, "InvalidInternetMessageHeader"},
		"mail to nobody":         {"POST /users/" + ani.ID + "/sendMail", `{"Message":{}}`, 400, "ErrorInvalidRecipients"},
		"meeting without a key":  {"POST /users/" + ani.ID + "/onlineMeetings/createOrGet", `{"subject":"x"}`, 400, "BadRequest"},
		"meeting at no time":     {"POST /users/" + ani.ID + "/onlineMeetings/createOrGet", `{"externalId":"k","startDateTime":"soon"}`, 400, "BadRequest"},
		"meeting of nobody":      {"POST /users/x/onlineMeetings/createOrGet", `{"externalId":"k"}`, 404, "NotFound"},
	} {
		s.opt.Unlimited = true
		method, target, _ := strings.Cut(tt.call, " ")
		if status, got := do(t, s, method, target, tt.body); status != tt.status || errorCode(got) != tt.code {
			t.Errorf("%s: %d %v, want %d %s", name, status, got, tt.status, tt.code)
		}
	}
	// What was delegated may be left out of the consent, and the app's permissions
	// hold in this chat only.
	if status, got := do(t, s, "POST", "/chats/"+chat+"/installedApps", install(app.ID, set)); status != 201 {
		t.Errorf("install = %d %v", status, got)
	}
	if status, _ := do(t, s, "POST", "/chats/"+chat+"/installedApps", install(app.ID, set)); status != 409 {
		t.Errorf("install again = %d", status)
	}
	s.Revoke("Chat.ReadBasic.All")
	other := s.AddChat("y", ani.ID, budi.ID).ID
	for id, want := range map[string]int{chat: 200, other: 403} {
		if status, got := do(t, s, "GET", "/chats/"+id+"/members", ""); status != want {
			t.Errorf("members = %d %v, want %d", status, got, want)
		}
	}
}

func TestToken(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	for token, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer x": 401, "Bearer " + Token: 200} {
		r := httptest.NewRequest("GET", "/v1.0/users", nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want || (want == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%q = %d", token, w.Code)
		}
	}
}

// A simulator of Teams hears of a chat before the caller does.
func TestChanged(t *testing.T) {
	var s *Server
	var heard []string
	s = New(Options{Changed: func(c Chat) {
		now, ok := s.Chat(c.ID)
		heard = append(heard, fmt.Sprint(c.Topic, len(c.Members), len(c.Apps), ok && now.Topic == c.Topic))
	}})
	defer s.Close()
	s.Grant("Chat.ReadWrite.All")
	ani, budi, cin := s.AddUser(User{Mail: "a@b"}), s.AddUser(User{Mail: "b@b"}), s.AddUser(User{Mail: "c@b"})
	app := s.PutApp(App{ExternalID: "e"})
	_, made := do(t, s, "POST", "/chats", `{"chatType":"group","topic":"x","members":[`+member(ani.ID, "owner")+`,`+member(budi.ID, "owner")+`]}`)
	at := "/chats/" + field("id")(made)
	do(t, s, "POST", at+"/installedApps", `{"teamsApp@odata.bind":"https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/`+app.ID+`"}`)
	do(t, s, "POST", at+"/members", member(cin.ID, "owner"))
	do(t, s, "PATCH", at, `{"topic":"y"}`)
	do(t, s, "PATCH", at, `{"topic":"y:"}`)
	do(t, s, "GET", at, "")
	if want := []string{"x2 0 true", "x2 1 true", "x3 1 true", "y3 1 true"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestMIME(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	ani := s.AddUser(User{Mail: "ani@example.com"})
	for body, want := range map[string]int{
		base64.StdEncoding.EncodeToString([]byte("To: a@b.example\r\nSubject: s\r\n\r\nx")): 202,
		base64.StdEncoding.EncodeToString([]byte("Subject: s\r\n\r\nx")):                    400,
		base64.StdEncoding.EncodeToString([]byte("To: a b\r\n\r\nx")):                       400,
		"%": 400,
	} {
		r := httptest.NewRequest("POST", "/v1.0/users/"+ani.ID+"/sendMail", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+Token)
		r.Header.Set("Content-Type", "text/plain")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s = %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
	if got := s.Mails(); len(got) != 1 || got[0].Subject != "s" || got[0].ID == "" {
		t.Errorf("mails %+v", got)
	}
}

// Of one mailbox four requests may be under way, and a fault is one of them.
func TestMailboxConcurrency(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	ani := s.AddUser(User{Mail: "ani@example.com"})
	for range 4 {
		if !s.enter("/users/" + ani.ID) {
			t.Fatal("one of four is too many")
		}
	}
	status, got := do(t, s, "POST", "/users/"+ani.ID+"/sendMail", `{}`)
	if status != http.StatusTooManyRequests || errorCode(got) != "ApplicationThrottled" {
		t.Errorf("the fifth = %d %v", status, got)
	}
	s.leave("/users/" + ani.ID)
	if status, _ = do(t, s, "POST", "/users/"+ani.ID+"/sendMail", `{"Message":{"toRecipients":[{"emailAddress":{"address":"a@b"}}]}}`); status != http.StatusAccepted {
		t.Errorf("afterwards = %d", status)
	}
}

func TestParseFilter(t *testing.T) {
	for in, want := range map[string]string{
		"topic eq 'it''s'":                  "[{topic [it's]}]",
		"mail eq 'a' or displayName eq 'b'": "[{mail [a]} {displayName [b]}]",
		"id in ('a','b') or mail eq ' or '": "[{id [a b]} {mail [ or ]}]",
		"":                                  "",
		"x":                                 "",
		"x eq":                              "",
		"x eq y":                            "",
		"x ne 'y'":                          "",
		"x eq 'y":                           "",
		"x eq 'y' and z eq 'a'":             "",
		"x in ('y'":                         "",
		"x in ()":                           "",
		"x eq 'y' or ":                      "",
		"x in (" + strings.Repeat("'y',", 15) + "'y')": "",
	} {
		got, ok := parseFilter(in)
		if ok != (want != "") || (ok && fmt.Sprint(got) != want) {
			t.Errorf("parseFilter(%q) = %v, %v; want %s", in, got, ok, want)
		}
	}
}

// A filter that is understood can be written down again.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"a eq 'b'", "a in ('b','c') or d eq 'e''f'", "a eq ''", "'", "a in ("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clauses, ok := parseFilter(s)
		if !ok {
			return
		}
		var b bytes.Buffer
		for i, c := range clauses {
			if i > 0 {
				b.WriteString(" or ")
			}
			b.WriteString(c.field + " in (")
			for j, v := range c.values {
				if j > 0 {
					b.WriteByte(',')
				}
				b.WriteString("'" + strings.ReplaceAll(v, "'", "''") + "'")
			}
			b.WriteByte(')')
		}
		again, ok := parseFilter(b.String())
		if !ok || fmt.Sprint(again) != fmt.Sprint(clauses) {
			t.Errorf("%q is %v, and %q is %v", s, clauses, b.String(), again)
		}
	})
}

// The first chats have the ids and addresses that they are told to have.
func TestChatIDs(t *testing.T) {
	s := New(Options{ChatIDs: []string{"19:first@thread.v2"}, ChatURL: func(id string) string { return "https://chat.example.com/" + id }})
	defer s.Close()
	ani, budi := s.AddUser(User{Mail: "ani@example.com"}), s.AddUser(User{Mail: "budi@example.com"})
	body := `{"chatType":"group","topic":"x","members":[` + member(ani.ID, "owner") + "," + member(budi.ID, "owner") + `]}`
	code, first := do(t, s, http.MethodPost, "/chats", body)
	if code != http.StatusCreated || first["id"] != "19:first@thread.v2" || first["webUrl"] != "https://chat.example.com/19:first@thread.v2" {
		t.Errorf("the first chat: %d %v", code, first)
	}
	if _, second := do(t, s, http.MethodPost, "/chats", body); second["id"] == first["id"] || second["id"] == "" {
		t.Errorf("the second chat: %v", second)
	}
}
