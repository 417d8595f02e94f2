package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"imbot/integrations/graph"
	"imbot/integrations/graph/graphsim"
)

// contracts returns the folder of vendors' published contracts, or skips.
func contracts(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("IMBOT_CONTRACTS"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "..", "shared", "contracts")
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("no contract files: set IMBOT_CONTRACTS to their folder")
	return ""
}

// contract checks every exchange against Microsoft's OpenAPI description and,
// for names, against the newer CSDL, on its way between client and simulator.
type contract struct {
	router routers.Router
	types  map[string]*csdlType

	mu      sync.Mutex
	covered map[string]bool // "GET /chats/{chat-id}"
	faults  []string
}

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

func newContract(t *testing.T) *contract {
	t.Helper()
	dir := filepath.Join(contracts(t), "msgraph")
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "v1.0.trim.json"))
	must(t, "OpenAPI", err)
	doc.Servers = openapi3.Servers{{URL: "/"}}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation())
	must(t, "router", err)
	raw, err := os.ReadFile(filepath.Join(dir, "v1.0-Prod.trim.csdl.xml"))
	must(t, "CSDL", err)
	var schema struct {
		Entities []csdlType `xml:"EntityType"`
		Complex  []csdlType `xml:"ComplexType"`
	}
	must(t, "CSDL", xml.Unmarshal(raw, &schema))
	c := &contract{router: router, types: map[string]*csdlType{}, covered: map[string]bool{}}
	for _, list := range [][]csdlType{schema.Entities, schema.Complex} {
		for i := range list {
			c.types[list[i].Name] = &list[i]
		}
	}
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	if problem := c.check(r, body, resp, got); problem != nil {
		c.mu.Lock()
		c.faults = append(c.faults, fmt.Sprintf("%s %s %s -> %d %s: %v", r.Method, r.URL.RequestURI(), body, resp.StatusCode, got, problem))
		c.mu.Unlock()
	}
	return resp, nil
}

func readAll(r io.ReadCloser) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	defer r.Close()
	return io.ReadAll(r)
}

// described are the paths as the description writes them: actions with their
// namespace, and a user's chats like the signed-in user's.
var described = []struct {
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

func (c *contract) check(r *http.Request, body []byte, resp *http.Response, got []byte) error {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1.0")
	if !ok {
		return fmt.Errorf("the path is not of version 1.0")
	}
	for _, d := range described {
		path = d.path.ReplaceAllString(path, d.as)
	}
	query := r.URL.Query()
	if m := nested.FindStringSubmatch(query.Get("$expand")); m != nil {
		query.Set("$expand", m[1])
		for name := range strings.SplitSeq(m[2], ",") {
			if c.member("teamsAppDefinition", name) == "" {
				return fmt.Errorf("$expand selects %s, which teamsAppDefinition does not have", name)
			}
		}
	}
	req := r.Clone(context.Background())
	req.URL = &url.URL{Path: path, RawQuery: query.Encode()}
	if unescaped, err := url.PathUnescape(path); err == nil {
		req.URL.Path = unescaped
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		req.Body = nil
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return err
	}
	key := r.Method + " " + route.Path
	c.mu.Lock()
	c.covered[key] = true
	c.mu.Unlock()
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		return nil // MIME is described in prose only
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route, QueryParams: query,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := c.strict(route, key, query, body); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return c.answer(in, key, resp, got)
}

func (c *contract) answer(in *openapi3filter.RequestValidationInput, key string, resp *http.Response, got []byte) error {
	if len(got) == 0 {
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("answer: an error without a body")
		}
		return nil // described with a body, documented without one
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header.Clone(), Options: in.Options}
	out.Header.Set("Content-Type", "application/json") // the description knows the plain media type only
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil
	}
	var value map[string]any
	if err := json.Unmarshal(got, &value); err != nil {
		return fmt.Errorf("answer: %w", err)
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
	_, err = w.client.AddMembers(ctx, id, []graph.Member{{UserID: dewi.ID}})
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
	w.clock.pass(time.Second) // for the rate limits
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
	m := graph.Message{To: []string{"Ani <ani@example.com>"}, Cc: []string{"b@c.example"}, ReplyTo: []string{"d@e.example"}, Subject: "s", HTML: "<p>x", ID: "<1@imbot>", Headers: map[string]string{"X-Incident": "INC-42"}, Keep: true}
	must(t, "mail", w.client.SendMail(ctx, w.ani.ID, m))
	must(t, "MIME", w.client.SendMIME(ctx, w.ani.ID, []byte("To: a@b.example\r\n\r\nx")))
	for _, f := range w.client.Probe(ctx, graph.ProbeInput{ExternalID: manifestID, Version: "1.2.0", Consent: consent, Chat: id, Person: w.ani.ID, Organizer: w.ani.ID}) {
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

	for _, f := range k.faults {
		t.Error(f)
	}
	for want := range bodies {
		if !k.covered[want] {
			t.Errorf("%s was not called", want)
		}
	}
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	type exchange struct{ method, target, body, answer string }
	member := `{"@odata.type":"#microsoft.graph.aadUserConversationMember","roles":["owner"],"user@odata.bind":"https://graph.microsoft.com/v1.0/users('x')"}`
	post := exchange{"POST", "/v1.0/chats", `{"chatType":"group","topic":"x","members":[` + member + `]}`, `{"id":"19:x@thread.v2","chatType":"group"}`}
	replace := func(old, with string) func(*exchange) {
		return func(e *exchange) { e.body = strings.Replace(e.body, old, with, 1) }
	}
	for name, tt := range map[string]struct {
		change func(*exchange)
		fine   bool
	}{
		"good":            {func(*exchange) {}, true},
		"beta":            {func(e *exchange) { e.target = "/beta/chats" }, false},
		"wrong method":    {func(e *exchange) { e.method = "DELETE" }, false},
		"wrong path":      {func(e *exchange) { e.target = "/v1.0/chat" }, false},
		"unknown query":   {func(e *exchange) { e.target += "?$force=1" }, false},
		"unknown select":  {func(e *exchange) { e.method, e.target, e.body = "GET", "/v1.0/users?$select=nickname", "" }, false},
		"unknown member":  {replace(`"topic"`, `"title"`), false},
		"nested member":   {replace(`"roles"`, `"role"`), false},
		"unknown type":    {replace(`aadUser`, `aaduser`), false},
		"unknown binding": {replace(`user@odata`, `users@odata`), false},
		"wrong enum":      {replace(`"group"`, `"groupe"`), false},
		"wrong JSON type": {replace(`["owner"]`, `"owner"`), false},
		"no JSON":         {replace(`{`, `[`), false},
		"wrong answer":    {func(e *exchange) { e.answer = `{"id":1}` }, false},
		"unknown answer":  {func(e *exchange) { e.answer = `{"id":"1","number":2}` }, false},
		"mail": {func(e *exchange) {
			e.target, e.body, e.answer = "/v1.0/users/x/sendMail", `{"Message":{"subject":"x"}}`, ""
		}, true},
		"unknown in mail": {func(e *exchange) {
			e.target, e.body, e.answer = "/v1.0/users/x/sendMail", `{"Message":{"title":"x"}}`, ""
		}, false},
		"unknown argument": {func(e *exchange) { e.target, e.body, e.answer = "/v1.0/users/x/sendMail", `{"message":{}}`, "" }, false},
		"expanded select": {func(e *exchange) {
			e.method, e.target, e.body, e.answer = "GET", "/v1.0/appCatalogs/teamsApps?$expand=appDefinitions($select=id,colour)", "", `{"value":[]}`
		}, false},
	} {
		e := post
		tt.change(&e)
		r, err := http.NewRequestWithContext(t.Context(), e.method, "http://127.0.0.1"+e.target, nil)
		must(t, name, err)
		if e.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		ok := &http.Response{StatusCode: 201, Header: http.Header{"Content-Type": {"application/json"}}}
		if err := k.check(r, []byte(e.body), ok, []byte(e.answer)); (err == nil) != tt.fine {
			t.Errorf("%s: check = %v, want fine %v", name, err, tt.fine)
		}
	}
}
