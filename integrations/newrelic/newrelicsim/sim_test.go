package newrelicsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ask sends a query and returns status and body.
func ask(t testing.TB, s *Server, query string, variables map[string]any) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("API-Key", s.Key())
	resp, err := (&http.Client{Transport: s}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(got))
}

func TestQueries(t *testing.T) {
	s := Unstarted(Options{PageSize: 2})
	for _, name := range []string{"a", "b", "c"} {
		s.Add(Entity{GUID: "G" + name, Name: name, Domain: "APM", Type: "APPLICATION"})
	}
	s.Call("Ga", "Gb")
	s.Call("Gc", "Ga")
	const bad = `{"data":null,"errors":[{"extensions":{"errorClass":"INVALID_INPUT"},"message":`
	for _, tt := range []struct{ name, query, want string }{
		{"count", `{actor{entitySearch(query:"domain = 'APM'"){count}}}`, `{"data":{"actor":{"entitySearch":{"count":3}}}}`},
		{"first page", `{actor{entitySearch(query:"domain = 'APM'"){results{nextCursor entities{name}}}}}`, `{"data":{"actor":{"entitySearch":{"results":{"entities":[{"name":"a"},{"name":"b"}],"nextCursor":"after-2"}}}}}`},
		{"second page", `{actor{entitySearch(query:"domain = 'APM'"){results(cursor:"after-2"){nextCursor entities{name}}}}}`, `{"data":{"actor":{"entitySearch":{"results":{"entities":[{"name":"c"}],"nextCursor":null}}}}}`},
		{"no such page", `{actor{entitySearch(query:"domain = 'APM'"){results(cursor:"7"){nextCursor}}}}`, bad + `"the cursor \"7\" is not one of mine"}]}`},
		{"groups", `{actor{entitySearch(query:"(name = 'a' AND domain = 'EXT') OR (name = 'b' AND reporting = 'true')"){count}}}`, `{"data":{"actor":{"entitySearch":{"count":1}}}}`},
		{"no search", `{actor{entitySearch(query:"anything"){count}}}`, bad + `"the search \"anything\" is not understood"}]}`},
		{"outbound", `{actor{entity(guid:"Ga"){relatedEntities(filter:{direction:OUTBOUND}){results{target{entity{name}}}}}}}`, `{"data":{"actor":{"entity":{"relatedEntities":{"results":[{"target":{"entity":{"name":"b"}}}]}}}}}`},
		{"inbound", `{actor{entity(guid:"Ga"){relatedEntities(filter:{direction:INBOUND}){results{source{entity{name}}}}}}}`, `{"data":{"actor":{"entity":{"relatedEntities":{"results":[{"source":{"entity":{"name":"c"}}}]}}}}}`},
		{"both", `{actor{entity(guid:"Ga"){relatedEntities{results{type}}}}}`, `{"data":{"actor":{"entity":{"relatedEntities":{"results":[{"type":"CALLS"},{"type":"CALLS"}]}}}}}`},
		{"by type", `{actor{entity(guid:"Ga"){relatedEntities(filter:{relationshipTypes:{include:[HOSTS]}}){results{type}}}}}`, `{"data":{"actor":{"entity":{"relatedEntities":{"results":[]}}}}}`},
		{"unknown entity", `{actor{entity(guid:"x"){name}}}`, `{"data":{"actor":{"entity":null}}}`},
		{"unknown field", `{actor{entity(guid:"Ga"){nam}}}`, bad + `"cannot query field \"nam\""}]}`},
		{"no selection", `{actor{entity(guid:"Ga")}}`, bad + `"select the fields of every object"}]}`},
		{"no such variable", `{actor{entity(guid:$g){name}}}`, bad + `"variable $g has no value"}]}`},
	} {
		status, got := ask(t, s, tt.query, nil)
		if status != 200 || got != tt.want {
			t.Errorf("%s: %d %s\nwant %s", tt.name, status, got, tt.want)
		}
	}
}

func TestReporting(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := Unstarted(Options{Now: func() time.Time { return now }})
	a, b := s.AddService("a"), s.AddService("b")
	s.Call(a, b)
	s.StopReporting(b)
	_, got := ask(t, s, `{actor{entitySearch(query:"reporting = 'false'"){results{entities{name reporting}}}}}`, nil)
	if want := `"entities":[{"name":"b","reporting":false}]`; !strings.Contains(got, want) {
		t.Errorf("answer %s, want %s", got, want)
	}
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{DefaultTTL, true}, {time.Second, false}} {
		s.Advance(tt.after)
		if got := s.alive(s.related[0]); got != tt.want {
			t.Errorf("after %v more: alive %v, want %v", tt.after, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := New(Options{})
	defer s.Close()
	for _, tt := range []struct {
		method, path, key, body string
		want                    int
	}{
		{"POST", "", s.Key(), `{"query":"{actor{entitySearch(query:\"domain = 'APM'\"){count}}}"}`, 200},
		{"POST", "", "other", `{}`, 401},
		{"POST", "", s.Key(), `{`, 400},
		{"GET", "", s.Key(), ``, 404},
		{"POST", "s", s.Key(), `{}`, 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL()+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("API-Key", tt.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.body, resp.StatusCode, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{everything, `{a}`, `query x($a:[B!]!){a(b:{c:[1,-2.5,"x",E,$a]}){d}}`, `{`, `{a(`, `{a(b:[[[[`, `"`, "{a\x00}", `mutation{a}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		doc, err := parse(query)
		if err == nil && len(doc.fields) == 0 {
			t.Errorf("%q selects nothing", query)
		}
		if _, err := pick(Unstarted(Options{}).root(), doc.fields, nil); err == nil && len(doc.fields) == 0 {
			t.Errorf("%q: something was picked of nothing", query)
		}
	})
}
