package confluencesim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/integrations/confluence/confluencesim"
)

func start(t *testing.T, o confluencesim.Options) *confluencesim.Server {
	t.Helper()
	o.Now = func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }
	s := confluencesim.New(o)
	t.Cleanup(s.Close)
	s.AddSpace("OPS", "Operations")
	return s
}

// call makes a request with good credentials, and returns status and answer.
func call(t *testing.T, s *confluencesim.Server, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/wiki/api/v2"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.Email(), s.Token())
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(got, &answer); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, answer
}

// spaceID returns the id of the space OPS.
func spaceID(t *testing.T, s *confluencesim.Server) string {
	t.Helper()
	_, a := call(t, s, "GET", "/spaces?keys=OPS", "")
	return a["results"].([]any)[0].(map[string]any)["id"].(string)
}

func TestCreateRules(t *testing.T) {
	s := start(t, confluencesim.Options{})
	s.AddPage("OPS", "Taken", "")
	s.Set(s.AddPage("OPS", "Away", ""), func(p *confluencesim.Page) { p.Status = "trashed" })
	s.Set(s.AddPage("OPS", "Old", ""), func(p *confluencesim.Page) { p.Status = "archived" })
	const good = `{"spaceId":"SPACE","status":"current","title":"New","body":{"representation":"storage","value":"<p>&nbsp;</p>"}}`
	for _, tt := range []struct {
		name, from, to string
		want           int
	}{
		{"good", "", "", 200},
		{"twice", "", "", 400},
		{"other case", `"New"`, `"NEW"`, 400},
		{"taken", `"New"`, `"Taken"`, 400},
		{"archived", `"New"`, `"Old"`, 400},
		{"in the trash", `"New"`, `"Away"`, 200},
		{"no title", `"New"`, `""`, 400},
		{"spaces", `"New"`, `" x"`, 400},
		{"255", `"New"`, `"` + strings.Repeat("é", 255) + `"`, 200},
		{"256", `"New"`, `"` + strings.Repeat("x", 256) + `"`, 400},
		{"surrogates", `"New"`, `"` + strings.Repeat("😀", 128) + `"`, 400},
		{"unknown property", `"status"`, `"state"`, 400},
		{"nested property", `"value"`, `"values"`, 400},
		{"no such space", "SPACE", "1", 404},
		{"space as number", `"SPACE"`, `1`, 400},
		{"draft", `"current"`, `"draft"`, 400},
		{"no such parent", `"status"`, `"parentId":"1","status"`, 404},
		{"open tag", "</p>", "", 400},
		{"crossed tags", "<p>", "<p><b></p></b>", 400},
		{"unknown entity", "&nbsp;", "&x;", 400},
		{"control character", "&nbsp;", `\u0001`, 400},
		{"script", "<p>", "<script/><p>", 400},
		{"handler", "<p>", `<p onclick=\"x()\">`, 400},
		{"javascript", "<p>", `<p><a href=\"javascript:x()\"/>`, 400},
		{"wiki markup", `"storage"`, `"wiki"`, 400},
		{"no JSON", "{", "", 400},
		{"two values", "}}", "}}{}", 400},
		{"too large", "&nbsp;", strings.Repeat("x", 6<<20), 413},
	} {
		body := good
		if tt.from != "" {
			body = strings.Replace(good, tt.from, tt.to, 1)
		}
		if tt.want == 200 && tt.name != "good" {
			body = strings.ReplaceAll(body, "&nbsp;", "x")
		}
		if got, a := call(t, s, "POST", "/pages", strings.ReplaceAll(body, "SPACE", spaceID(t, s))); got != tt.want {
			t.Errorf("%s: %d %v, want %d", tt.name, got, a, tt.want)
		}
	}
	if n := len(s.Pages()); n != 5 {
		t.Errorf("%d pages", n)
	}
}

func TestUpdateRules(t *testing.T) {
	s := start(t, confluencesim.Options{})
	s.AddPage("OPS", "Taken", "")
	id := s.AddPage("OPS", "Page", "")
	hidden := s.AddPage("OPS", "Hidden", "")
	s.Set(hidden, func(p *confluencesim.Page) { p.Hidden = true })
	const good = `{"id":"ID","status":"current","title":"Page","body":{"representation":"storage","value":"x"},"version":{"number":2}}`
	for _, tt := range []struct {
		name, from, to string
		want           int
	}{
		{"good", "", "", 200},
		{"same version", "", "", 409},
		{"version ahead", ":2", ":4", 409},
		{"no version", `,"version":{"number":2}`, "", 400},
		{"other id", "ID", "1", 400},
		{"taken", `"Page"`, `"Taken"`, 400},
		{"taken by a hidden page", `"Page"`, `"Hidden"`, 400},
		{"moved to nowhere", `"status"`, `"parentId":"1","status"`, 404},
		{"other space", `"status"`, `"spaceId":"1","status"`, 400},
		{"unknown property", `"status"`, `"state":"x","status"`, 400},
		{"not well-formed", `"x"`, `"<x>"`, 400},
		{"next", ":2", ":3", 200},
	} {
		body := good
		if tt.from != "" {
			body = strings.Replace(good, tt.from, tt.to, 1)
		}
		if tt.want == 400 || tt.want == 404 {
			body = strings.Replace(body, ":2", ":3", 1)
		}
		if got, a := call(t, s, "PUT", "/pages/"+id, strings.Replace(body, "ID", id, 1)); got != tt.want {
			t.Errorf("%s: %d %v, want %d", tt.name, got, a, tt.want)
		}
	}
	if p, _ := s.Page(id); p.Version != 3 {
		t.Errorf("version %d", p.Version)
	}
	for path, want := range map[string]int{"/pages/" + id: 200, "/pages/" + hidden: 404, "/pages/1": 404, "/pages/" + id + "?expand=body": 400, "/pages/" + id + "?body-format=html": 400, "/nothing": 404, "/spaces/1": 404} {
		if got, _ := call(t, s, "GET", path, ""); got != want {
			t.Errorf("GET %s: %d, want %d", path, got, want)
		}
	}
}

func TestLists(t *testing.T) {
	s := start(t, confluencesim.Options{PageSize: 2})
	for n := range 5 {
		s.AddPage("OPS", fmt.Sprint("P", n), "")
	}
	var got []string
	path := "/pages?sort=-created-date&limit=100&space-id=" + spaceID(t, s)
	for path != "" {
		status, a := call(t, s, "GET", path, "")
		if status != 200 {
			t.Fatal(a)
		}
		for _, p := range a["results"].([]any) {
			got = append(got, p.(map[string]any)["title"].(string))
		}
		next, _ := a["_links"].(map[string]any)["next"].(string)
		path = strings.TrimPrefix(next, "/wiki/api/v2")
	}
	if all := strings.Join(got, " "); all != "P4 P3 P2 P1 P0 Operations" {
		t.Errorf("pages %s", all)
	}
	for path, want := range map[string]int{"/pages?title=P1": 1, "/pages?title=p1": 0, "/pages?space-id=1": 0, "/pages?status=trashed": 0, "/spaces?keys=OPS,HR": 1, "/spaces?keys=HR": 0} {
		if _, a := call(t, s, "GET", path, ""); len(a["results"].([]any)) != want {
			t.Errorf("GET %s: %v", path, a)
		}
	}
	for _, path := range []string{"/pages?limit=0", "/pages?limit=251", "/pages?cursor=x", "/pages?sort=name", "/pages?titel=x", "/pages?body-format=view"} {
		if got, _ := call(t, s, "GET", path, ""); got != 400 {
			t.Errorf("GET %s: %d", path, got)
		}
	}
}

// A browser shows a page where its address says; one that is hidden it does not.
func TestBrowse(t *testing.T) {
	s := start(t, confluencesim.Options{})
	shown, hidden := s.AddPage("OPS", "A & B", "<p>words</p>"), s.AddPage("OPS", "C", "<p>secret</p>")
	s.Set(hidden, func(p *confluencesim.Page) { p.Hidden = true })
	for id, want := range map[string]string{shown: "<h1>A &amp; B</h1>\n<p>words</p>", hidden: "Page not found"} {
		resp, err := http.Get(s.PageURL(id)) //nolint:noctx // a browser
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %v\n%s", id, resp.StatusCode, err, body)
		}
	}
	if got := s.PageURL("1"); got != "" {
		t.Errorf("a page that is not there is at %q", got)
	}
}
