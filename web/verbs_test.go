package web

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"imbot/commands"
	"imbot/incident"
)

// TestVerbsInDocument: the document names all verbs that the endpoint takes, in
// its list and in the words about them, and no other.
func TestVerbsInDocument(t *testing.T) {
	_, err := commands.FromJSON([]byte(`{"verb":"help"}`))
	var p *incident.Problem
	if !errors.As(err, &p) {
		t.Fatalf("FromJSON = %v, want a problem that tells the verbs", err)
	}
	_, list, _ := strings.Cut(p.Detail, "Verbs here are: ")
	list = strings.TrimSuffix(list, ".")
	want := strings.Split(list, ", ")
	if len(want) < 10 {
		t.Fatalf("the verbs are not in %q", p.Detail)
	}
	doc, err := openapi3.NewLoader().LoadFromData(openapiYAML)
	if err != nil {
		t.Fatal(err)
	}
	post := doc.Paths.Find("/api/v1/incidents/{id}/commands").Post
	var got []string
	for _, v := range post.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties["verb"].Value.Enum {
		got = append(got, v.(string))
	}
	for _, v := range want {
		if !slices.Contains(got, v) {
			t.Errorf("the document does not list %s", v)
		}
		if !regexp.MustCompile(`[;:]\s+` + v + `( \(|;|\.)`).MatchString(post.Description) {
			t.Errorf("the document does not tell what %s takes", v)
		}
	}
	for _, v := range got {
		if !slices.Contains(want, v) {
			t.Errorf("the document lists %s, which the endpoint does not take", v)
		}
	}
}
