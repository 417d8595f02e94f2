package graph_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/integrations/graph"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/internal/contract"
)

// csdl is Microsoft's newer description, which knows the names of members.
type csdl map[string]*csdlType

// csdlType is an entity or complex type of the CSDL.
type csdlType struct {
	Name  string       `xml:"Name,attr"`
	Base  string       `xml:"BaseType,attr"`
	Props []csdlMember `xml:"Property"`
	Navs  []csdlMember `xml:"NavigationProperty"`
}

type csdlMember struct {
	Name string `xml:"Name,attr"`
	Type string `xml:"Type,attr"`
}

// newContract checks exchanges against Microsoft's OpenAPI description and, for
// names, against the newer CSDL.
func newContract(t *testing.T) *contract.Contract {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(contract.Dir(t), "msgraph", "v1.0-Prod.trim.csdl.xml"))
	must(t, "CSDL", err)
	var schema struct {
		Entities []csdlType `xml:"EntityType"`
		Complex  []csdlType `xml:"ComplexType"`
	}
	must(t, "CSDL", xml.Unmarshal(raw, &schema))
	types := csdl{}
	for _, list := range [][]csdlType{schema.Entities, schema.Complex} {
		for i := range list {
			types[list[i].Name] = &list[i]
		}
	}
	k := &contract.Contract{
		Path: describedPath, Query: types.query, Names: types, Empty: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted},
		// MIME is described in prose only.
		Prose: func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") },
	}
	return k.Of(t, contract.Read(t, "msgraph/v1.0.trim.json"))
}

// describedPaths are the paths as the description writes them: actions with their
// namespace, and a user's chats like the signed-in user's.
var describedPaths = []struct {
	path *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`^/users/[^/]+/chats$`), "/chats"},
	// Those of people are not among the contracts: they are described like those of chats.
	{regexp.MustCompile(`^/users/([^/]+)/teamwork/installedApps$`), "/chats/$1/installedApps"},
	{regexp.MustCompile(`^/users/([^/]+)/teamwork/installedApps/[^/]+/chat$`), "/chats/$1"},
	{regexp.MustCompile(`^(/users/[^/]+)/sendMail$`), "$1/microsoft.graph.sendMail"},
	{regexp.MustCompile(`^(/users/[^/]+/onlineMeetings)/createOrGet$`), "$1/microsoft.graph.createOrGet"},
}

// bodies are the types of what is sent, and of what comes back.
var bodies = map[string]struct{ in, out string }{
	"GET /users": {"", "user"}, "GET /users/{user-id}": {"", "user"},
	"GET /chats": {"", "chat"}, "POST /chats": {"chat", "chat"}, "GET /chats/{chat-id}": {"", "chat"}, "PATCH /chats/{chat-id}": {"chat", "chat"},
	"GET /chats/{chat-id}/members": {"", "conversationMember"}, "POST /chats/{chat-id}/members": {"conversationMember", ""},
	"GET /chats/{chat-id}/installedApps": {"", "teamsAppInstallation"}, "POST /chats/{chat-id}/installedApps": {"teamsAppInstallation", ""},
	"GET /chats/{chat-id}/messages/{chatMessage-id}":                   {"", "chatMessage"},
	"GET /appCatalogs/teamsApps":                                       {"", "teamsApp"},
	"POST /users/{user-id}/onlineMeetings/microsoft.graph.createOrGet": {"action", "onlineMeeting"},
	"POST /users/{user-id}/microsoft.graph.sendMail":                   {"action", ""},
}

var nested = regexp.MustCompile(`^(\w+)\(\$select=([\w,]+)\)$`)

func describedPath(path string) (string, error) {
	path, ok := strings.CutPrefix(path, "/v1.0")
	if !ok {
		return "", errors.New("the path is not of version 1.0")
	}
	for _, d := range describedPaths {
		path = d.path.ReplaceAllString(path, d.as)
	}
	return path, nil
}

// query leaves out what is only in Graph's words, and what an expansion selects.
func (c csdl) query(query url.Values) (url.Values, error) {
	query.Del("$skiptoken")
	m := nested.FindStringSubmatch(query.Get("$expand"))
	if m == nil {
		return query, nil
	}
	query.Set("$expand", m[1])
	for name := range strings.SplitSeq(m[2], ",") {
		if c.member("teamsAppDefinition", name) == "" {
			return nil, fmt.Errorf("$expand selects %s, which teamsAppDefinition does not have", name)
		}
	}
	return query, nil
}

// Response checks the names in an answer.
func (c csdl) Response(key string, body []byte) error {
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	if list, ok := value["value"]; ok {
		return c.named(list, bodies[key].out, "answer")
	}
	return c.named(value, bodies[key].out, "answer")
}

// All that the client says, and all that the simulator answers, is what
// Microsoft describes.
func TestContract(t *testing.T) {
	k := newContract(t)
	w := newWorld(t, graphsim.Options{PageSize: 2}, graph.Config{HTTP: &http.Client{Transport: k}})
	ctx := t.Context()
	for _, who := range []string{w.ani.ID, w.budi.Mail, w.cin.UPN} {
		_, err := w.client.User(ctx, who)
		must(t, "user", err)
	}
	missing, err := w.client.Missing(ctx, []string{w.ani.ID, w.budi.ID, w.cin.ID})
	if err != nil || len(missing) != 0 {
		t.Errorf("Missing = %v, %v", missing, err)
	}
	id := w.room(t)
	_, err = w.client.Chat(ctx, id)
	must(t, "chat", err)
	dewi := w.AddUser(graphsim.User{Name: "Dewi", Mail: "dewi@example.com"})
	_, err = w.client.AddMembers(ctx, id, []graphrest.Member{{UserID: dewi.ID}})
	must(t, "add", err)
	members, err := w.client.Members(ctx, id)
	if err != nil || len(members) != 4 {
		t.Errorf("%d members, %v", len(members), err)
	}
	must(t, "rename", w.client.Rename(ctx, id, "INC-42: resolved"))
	w.Grant("Chat.Read.All") // the consent of these tests does not cover messages
	w.PutMessage(id, graphsim.Message{ID: "1700000000001", UserID: w.ani.ID, HTML: "<p>rolled back</p>"})
	_, err = w.client.ChatMessage(ctx, id, "1700000000001")
	must(t, "message", err)
	w.clock.Pass(time.Second) // for the rate limits
	must(t, "install for a user", w.client.InstallForUser(ctx, w.ani.ID, w.app.ID, consent))
	w.SetPersonalConsent(true)
	w.Grant("TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All")
	must(t, "install with consent", w.client.InstallForUser(ctx, w.budi.ID, w.app.ID, consent))
	_, err = w.client.PersonalChat(ctx, w.budi.ID, w.app.ID)
	must(t, "personal chat", err)
	_, found, err := w.client.FindChat(ctx, w.ani.ID, "INC-42: resolved")
	if err != nil || !found {
		t.Errorf("FindChat = %v, %v", found, err)
	}
	m := graphrest.Message{To: []string{"Ani <ani@example.com>"}, Cc: []string{"b@c.example"}, ReplyTo: []string{"d@e.example"}, Subject: "s", HTML: "<p>x", ID: "<1@imbot>", Headers: map[string]string{"X-Incident": "INC-42"}, Keep: true}
	must(t, "mail", w.client.SendMail(ctx, w.ani.ID, m))
	must(t, "MIME", w.client.SendMIME(ctx, w.ani.ID, []byte("To: a@b.example\r\n\r\nx")))
	for _, f := range w.client.Probe(ctx, graphrest.ProbeInput{ExternalID: manifestID, Version: "1.2.0", Consent: consent, Chat: id, Person: w.ani.ID, Organizer: w.ani.ID}) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	// Refusals are described, too.
	_, err = w.client.User(ctx, "nobody@example.com")
	wantError(t, "nobody", err, 404, true)
	w.Revoke("Chat.Create", "Chat.Read.All")
	_, err = w.client.CreateChat(ctx, w.newChat())
	wantError(t, "no permission", err, 403, true)
	_, err = w.client.ChatMessage(ctx, id, "1700000000001")
	wantError(t, "no permission", err, 403, true)

	k.Kept(t, slices.Collect(maps.Keys(bodies))...)
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	member := `{"@odata.type":"#microsoft.graph.aadUserConversationMember","roles":["owner"],"user@odata.bind":"https://graph.microsoft.com/v1.0/users('x')"}`
	post := contract.Exchange{Method: "POST", Target: "/v1.0/chats", Body: `{"chatType":"group","topic":"x","members":[` + member + `]}`, Status: 201, Answer: `{"id":"19:x@thread.v2","chatType":"group"}`}
	replace := func(old, with string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.Body = strings.Replace(e.Body, old, with, 1) }
	}
	k.Finds(t, post, map[string]contract.Case{
		"beta":            {Change: func(e *contract.Exchange) { e.Target = "/beta/chats" }},
		"wrong method":    {Change: func(e *contract.Exchange) { e.Method = "DELETE" }},
		"wrong path":      {Change: func(e *contract.Exchange) { e.Target = "/v1.0/chat" }},
		"unknown query":   {Change: func(e *contract.Exchange) { e.Target += "?$force=1" }},
		"unknown select":  {Change: func(e *contract.Exchange) { e.Method, e.Target, e.Body = "GET", "/v1.0/users?$select=nickname", "" }},
		"unknown member":  {Change: replace(`"topic"`, `"title"`)},
		"nested member":   {Change: replace(`"roles"`, `"role"`)},
		"unknown type":    {Change: replace(`aadUser`, `aaduser`)},
		"unknown binding": {Change: replace(`user@odata`, `users@odata`)},
		"wrong enum":      {Change: replace(`"group"`, `"groupe"`)},
		"wrong JSON type": {Change: replace(`["owner"]`, `"owner"`)},
		"no JSON":         {Change: replace(`{`, `[`)},
		"wrong answer":    {Change: func(e *contract.Exchange) { e.Answer = `{"id":1}` }},
		"unknown answer":  {Change: func(e *contract.Exchange) { e.Answer = `{"id":"1","number":2}` }},
		"mail": {Change: func(e *contract.Exchange) {
			e.Target, e.Body, e.Answer = "/v1.0/users/x/sendMail", `{"Message":{"subject":"x"}}`, ""
		}, Fine: true},
		"unknown in mail": {Change: func(e *contract.Exchange) {
			e.Target, e.Body, e.Answer = "/v1.0/users/x/sendMail", `{"Message":{"title":"x"}}`, ""
		}},
		"unknown argument": {Change: func(e *contract.Exchange) {
			e.Target, e.Body, e.Answer = "/v1.0/users/x/sendMail", `{"message":{}}`, ""
		}},
		"expanded select": {Change: func(e *contract.Exchange) {
			e.Method, e.Target, e.Body, e.Answer = "GET", "/v1.0/appCatalogs/teamsApps?$expand=appDefinitions($select=id,colour)", "", `{"value":[]}`
		}},
	})
}
