package botframework

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCardText(t *testing.T) {
	adaptive := `{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"[FIRING] Checkout is down"},{"type":"ColumnSet","columns":[{"type":"Column","items":[{"type":"RichTextBlock","inlines":["5xx",{"type":"TextRun","text":"62 %"}]}]}]},
		{"type":"FactSet","facts":[{"title":"Pod:","value":"checkout-1"}]},{"type":"Input.Text","id":"x","label":"Why","value":"no"}],"actions":[{"type":"Action.OpenUrl","title":"Open","url":"https://x"}]}`
	quoted, err := json.Marshal(adaptive)
	if err != nil {
		t.Fatal(err)
	}
	const want = "[FIRING] Checkout is down\n5xx 62 %\nPod: checkout-1"
	for name, c := range map[string]struct{ kind, raw, want string }{
		"adaptive":           {ContentTypeAdaptiveCard, adaptive, want},
		"adaptive, quoted":   {ContentTypeAdaptiveCard, string(quoted), want},
		"hero":               {"application/vnd.microsoft.card.hero", `{"title":"Disk","subtitle":"node 7","text":"<b>95 %</b> full","buttons":[{"type":"openUrl","title":"Open","value":"https://x"}]}`, "Disk\nnode 7\n95 % full"},
		"connector":          {"application/vnd.microsoft.teams.card.o365connector", `{"title":"Alert","sections":[{"activityTitle":"checkout","facts":[{"name":"State","value":"down"}]}],"potentialAction":[{"name":"Open"}]}`, "Alert\ncheckout\nState: down"},
		"another attachment": {"reference", `{"title":"x"}`, ""},
		"no JSON":            {ContentTypeAdaptiveCard, `{`, ""},
		"nothing":            {ContentTypeAdaptiveCard, ``, ""},
	} {
		if got := cardText(c.kind, json.RawMessage(c.raw), 1000); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	m, err := ReadMessage(json.RawMessage(`{"id":"5","body":{"contentType":"html","content":"<attachment id=\"a\"></attachment>"},"from":{"application":{"id":"g","displayName":"Grafana"}},"attachments":[{"id":"a","contentType":"application/vnd.microsoft.card.adaptive","content":` + string(quoted) + `,"name":null}]}`))
	if err != nil || m.Text != want || m.Author != "Grafana" || m.AuthorID != "" || len(m.Files) != 0 {
		t.Errorf("an app's message is %+v, %v", m, err)
	}
}

// FuzzCardText wants a bounded, harmless text.
func FuzzCardText(f *testing.F) {
	for _, s := range []string{`{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"x"}]}`, `"{}"`, `[[[[[[[]]]]]]]`, `{"inlines":["a"]}`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cardText(ContentTypeAdaptiveCard, json.RawMessage(s), 100)
		if utf8.RuneCountInString(got) > 100 || !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Errorf("%q says %q", s, got)
		}
	})
}
