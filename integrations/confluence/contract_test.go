package confluence_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"imbot/integrations/confluence"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/internal/contract"
)

// newContract checks exchanges against Atlassian's OpenAPI description.
func newContract(t *testing.T) *contract.Contract {
	t.Helper()
	doc := contract.Read(t, "confluence/rest-v2.trim.json")
	// That these can be null is described in words only.
	for _, page := range []string{"PageBulk", "PageSingle"} {
		for _, name := range []string{"parentId", "lastOwnerId"} {
			doc.Components.Schemas[page].Value.Properties[name].Value.Nullable = true
		}
	}
	parent := doc.Components.Schemas["ParentContentType"].Value
	parent.Nullable, parent.Enum = true, append(parent.Enum, nil)
	k := &contract.Contract{Path: func(path string) (string, error) {
		rest, ok := strings.CutPrefix(path, "/wiki/api/v2/")
		if !ok {
			return "", errors.New("the path is not of version 2")
		}
		return "/" + rest, nil
	}}
	return k.Of(t, doc)
}

// All that the client says, and all that the simulator answers, is what
// Atlassian describes.
func TestContract(t *testing.T) {
	k := newContract(t)
	sim, c, ck := start(t, confluencesim.Options{PageSize: 1}, confluence.Config{HTTP: &http.Client{Transport: k}})
	must(t, "check", c.Check(t.Context()))
	parent := sim.AddPage("OPS", "Incidents", "")
	sim.AddPage("OPS", "Checkout is down", "")
	under := connect(t, sim, confluence.Config{ParentID: parent, HTTP: &http.Client{Transport: k}}, ck)
	must(t, "check parent", under.Check(t.Context()))
	for n, c := range []*confluence.Client{c, under} {
		p := page()
		p.Key += fmt.Sprint(n)
		p.Body += everything(`"hostile" <text> ]]>`)
		made := put(t, c, p, "")
		sim.Edit(made.ID, func(*confluencesim.Page) {})
		p.Body += "<p>new</p>"
		put(t, c, p, "")
		p.Title += "!"
		sim.Inject(confluencesim.Fault{Method: http.MethodPut, Times: 1, Meanwhile: func() { sim.Edit(made.ID, func(*confluencesim.Page) {}) }})
		put(t, c, p, made.ID)
		sim.Purge(made.ID)
		put(t, c, p, made.ID)
	}
	// Refusals are described, too.
	sim.ChangeSpace("OPS", func(s *confluencesim.Space) { s.Readers = true })
	_, err := c.Put(t.Context(), confluence.Page{Key: "imbot-INC-9", Title: "x"}, "")
	wantError(t, "may not", err, 404, true)
	bad := connect(t, sim, confluence.Config{Email: "x", APIToken: "x", HTTP: &http.Client{Transport: k}}, ck)
	wantError(t, "login", bad.Check(t.Context()), 401, true)

	k.Kept(t, "GET /spaces", "GET /spaces/{id}", "GET /pages", "POST /pages", "GET /pages/{id}", "PUT /pages/{id}")
}

// The check itself finds what is wrong.
func TestContractFindsDeviations(t *testing.T) {
	k := newContract(t)
	post := contract.Exchange{Method: "POST", Target: "/wiki/api/v2/pages", Body: `{"spaceId":"1","title":"x","body":{"representation":"storage","value":""}}`, Answer: `{"id":"1"}`}
	k.Finds(t, post, map[string]contract.Case{
		"nested body": {Change: func(e *contract.Exchange) {
			e.Body = `{"spaceId":"1","body":{"storage":{"representation":"storage","value":""}}}`
		}, Fine: true},
		"base":           {Change: func(e *contract.Exchange) { e.Answer = `{"_links":{"base":"x","webui":"y"}}` }, Fine: true},
		"version 1":      {Change: func(e *contract.Exchange) { e.Target = "/wiki/rest/api/content" }},
		"wrong method":   {Change: func(e *contract.Exchange) { e.Method = "PATCH" }},
		"wrong path":     {Change: func(e *contract.Exchange) { e.Target = "/wiki/api/v2/page" }},
		"unknown query":  {Change: func(e *contract.Exchange) { e.Target += "?force=1" }},
		"wrong query":    {Change: func(e *contract.Exchange) { e.Target += "?private=perhaps" }},
		"no space":       {Change: func(e *contract.Exchange) { e.Body = `{"title":"x"}` }},
		"number":         {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":1}` }},
		"unknown member": {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":"1","spaceKey":"OPS"}` }},
		"unknown nested": {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":"1","body":{"representation":"storage","values":""}}` }},
		"both bodies":    {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":"1","body":{"representation":"storage","wiki":{}}}` }},
		"wrong enum":     {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":"1","body":{"representation":"html","value":""}}` }},
		"wrong status":   {Change: func(e *contract.Exchange) { e.Body = `{"spaceId":"1","status":"published"}` }},
		"no JSON":        {Change: func(e *contract.Exchange) { e.Body = `{` }},
		"wrong answer":   {Change: func(e *contract.Exchange) { e.Answer = `{"id":1}` }},
		"unknown answer": {Change: func(e *contract.Exchange) { e.Answer = `{"id":"1","space":{"key":"OPS"}}` }},
		"unknown link":   {Change: func(e *contract.Exchange) { e.Answer = `{"_links":{"self":"x"}}` }},
	})
}
