package cards

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imbot/commands"
	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "checkout is down", "checkout is down"},
		{"underscore in a word", "checkout_api_v2", "checkout_api_v2"},
		{"underscores around", "_x_ __init__", `\_x\_ \_\_init\_\_`},
		{"emphasis", "is *down*", `is \*down\*`},
		{"brackets", "[prod] web", `\[prod\] web`},
		{"link", "[x](https://evil.example)", `\[x\] (https\://evil.example)`},
		{"reference", "[x][y] [y]: https://e", `\[x\] \[y\] \[y\] : https\://e`},
		{"image", "![x](https://e/x.png)", `!\[x\] (https\://e/x.png)`},
		{"code", "run `rm`", "run \\`rm\\`"},
		{"mention", "<at>Ani</at>", "‹at>Ani‹/at>"},
		{"less than", "5 < 6 > 4", `5 \< 6 > 4`},
		{"date", "{{DATE(2026-01-01T00:00:00Z)}}", "{ {DATE(2026-01-01T00:00:00Z)}}"},
		{"more braces", "{{{TIME(2026-01-01T00:00:00Z)}}}", "{ { {TIME(2026-01-01T00:00:00Z)}}}"},
		{"heading", "# big", `\# big`},
		{"quote", "> said", `\> said`},
		{"list", "- one", `\- one`},
		{"numbered", "1. one", `1\. one`},
		{"numbered with paren", "12) one", `12\) one`},
		{"number", "500 errors", "500 errors"},
		{"rule", "---", `\---`},
		{"backslash", `C:\temp`, `C:\\temp`},
		{"entity", "a &lt;at&gt; b & c", `a \&lt;at\&gt; b & c`},
		{"mail stays", "ani@example.com", "ani@example.com"},
		{"www", "www.evil.example", `www\.evil.example`},
		{"lines", "a\r\n\tb\u2028c", "a b c"},
		{"zero width", "a\u200bb\u200d\ufeffc\u00ad\u2060\U000e0041", "abc"},
		{"direction", "\u202egnp.exe\u2066", "gnp.exe"},
		{"bad bytes", "a\xff\x00b", "a\uFFFD b"},
		{"tags by zero width", "<\u200bat>x", "‹at>x"},
		{"strike and table", "~~x~~ |a|", `\~\~x\~\~ \|a\|`},
		{"emoji", "🔥 down 🔥", "🔥 down 🔥"},
		{"empty", "\u200b\n", ""},
	}
	for _, tt := range tests {
		if got := Escape(tt.in); got != tt.want {
			t.Errorf("%s: Escape(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

// markdown reads more than Teams does: what it finds harmless is harmless there.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

func render(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	if err := markdown.Convert([]byte(s), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	tag      = regexp.MustCompile(`<(/?[a-z0-9]+)[^>]*>`)
	mailLink = regexp.MustCompile(`<a href="mailto:[^"]*">([^<]*)</a>`)
	function = regexp.MustCompile(`(?i)\{\{\s*(DATE|TIME)\s*\(`)
	wanted   = []string{"p", "/p"}
)

// harmless fails unless Markdown makes of s one paragraph of text, and returns
// that text.
func harmless(t testing.TB, s string) string {
	t.Helper()
	out := mailLink.ReplaceAllString(render(t, s), "$1") // shows where it leads
	for _, m := range tag.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(wanted, m[1]) {
			t.Errorf("%q becomes %q", s, out)
		}
	}
	if strings.Contains(out, "<!--") {
		t.Errorf("%q hides %q", s, out)
	}
	return html.UnescapeString(strings.TrimSpace(tag.ReplaceAllString(out, "")))
}

var hostile = []string{
	"checkout is down", "[prod] *x* _y_ `z`", "[x](https://evil.example)", "<at>Ani</at>", "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
	"1. a", "- a", "> a", "# a", "a\n\n# b", "![x](y)", "<https://evil.example>", "https://evil.example www.evil.example", "\\[x\\](y)", "&#91;x&#93;(y)",
	"[x]\u200b(https://evil.example)", "<script>", "<!-- x", "a|b\n-|-", "~~a~~", "\u202e", "\xff", "_a_b_", "http://a_b_c*d*", "ftp://x", "+ a", "=", "*", "\\", "a\\",
	"[^1]", "- [ ] x", "&lt;at&gt;Ani&lt;/at&gt;", "{\u200b{TIME(2026-01-01T00:00:00Z)}}", "<a\u00adt>", "a ](b", "FTP://a.b", "a.HTTP://b.c", "WWW.a.b", "mailto:a@b.c", "xmpp:a@b.c/d",
}

func FuzzEscape(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, before := range []string{"", "Caused by "} {
			e := Escape(before + s)
			got := harmless(t, e)
			if want := Plain(before + s); squeeze(got) != squeeze(want) {
				t.Errorf("Escape(%q) = %q shows %q, want %q", before+s, e, got, want)
			}
			if function.MatchString(e) || strings.Contains(strings.ToLower(e), "<at") {
				t.Errorf("Escape(%q) = %q is still a function or a mention", s, e)
			}
		}
		p := Plain(s)
		if function.MatchString(p) || strings.Contains(strings.ToLower(p), "<at") || strings.Contains(p, "](") || strings.ContainsAny(p, "\n\r\t\u200b\u202e") {
			t.Errorf("Plain(%q) = %q", s, p)
		}
		if Plain(p) != p {
			t.Errorf("Plain is not stable: %q, %q", p, Plain(p))
		}
	})
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// markup counts what is active in the texts of a card: links, mentions, date
// functions.
func markup(t testing.TB, raw []byte) map[string]int {
	t.Helper()
	var card any
	if err := json.Unmarshal(raw, &card); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	count := func(s string, isMarkdown bool) {
		out["functions"] += len(function.FindAllString(s, -1))
		out["mentions"] += strings.Count(strings.ToLower(s), "<at")
		if !isMarkdown {
			return
		}
		for _, m := range tag.FindAllStringSubmatch(mailLink.ReplaceAllString(render(t, s), "$1"), -1) {
			out["<"+m[1]+">"]++
		}
	}
	walk(card, func(o map[string]any) {
		switch o["type"] {
		case "TextBlock":
			count(o["text"].(string), true)
		case "TextRun":
			count(o["text"].(string), false)
		case "FactSet":
			for _, f := range o["facts"].([]any) {
				count(f.(map[string]any)["value"].(string), true)
			}
		case "AdaptiveCard":
			count(o["fallbackText"].(string), true)
		}
	})
	return out
}

// poison puts s wherever text from outside goes, and returns all cards.
func poison(t testing.TB, s string) map[string]Card {
	w := closed(t).Action("x", "2027-01-15", &budi)
	w.Inc.Actions[0].Title, w.Inc.Actions[0].Due = s, s
	w.Inc.Actions[0].Owner.Name = s
	r := resolved(t)
	o := opened(t)
	for _, inc := range []*incident.Incident{w.Inc, r.Inc, o.Inc} {
		inc.Title, inc.Description, inc.Squad, inc.ServiceName, inc.LevelRule, inc.Alert.Priority = s, s, s, s, s, s
		inc.AcknowledgedBy.Name, inc.ResolvedBy.Name, inc.Commander = s, s, incident.Actor{Kind: "user", ID: "x", Name: s}
		inc.Responders = []incident.Actor{{Kind: "user", ID: "x", Name: s}}
		inc.Postmortem.Reason, inc.Postmortem.RCA.RootCause, inc.Postmortem.RCA.ResolutionSteps = s, s, s
		inc.Link = &incident.Link{Kind: incident.LinkDuplicate, ParentRef: &incident.Ref{System: s, ID: s}, Evidence: []string{s}}
		inc.DefaultChan = true
	}
	view := func(w *example.World) *query.View {
		v := w.View()
		v.Squad.Name, v.Service.Name, v.Owner.Name, v.Level.Title = s, s, s, "!"+s
		v.Links = []incident.LinkURL{{Title: s, URL: "https://a.example"}}
		v.Trouble = []incident.EffectState{{Effect: incident.Effect{Kind: s}, State: incident.EffectDead, Error: "!" + s}}
		return v
	}
	opt := Options{BotName: s, Mentions: []Mention{{ID: "29:x", Name: s}}}
	tied := poisonRelations(view(o), s)
	out := map[string]Card{
		"tied": Incident(tied, opt), "relatives": Relatives(tied, tied.Children, 0, 43, "!"+s, opt), "similar": Similar(tied, tied.Similar, opt),
		"mutes": Mutes([]query.Muted{*tied.Muted}, opt), "link": LinkForm(tied, map[string]string{"parent": s}, map[string]string{"parent": "!" + s}, []Choice{{"!" + s, "INC-1"}}, opt),
		"open": Incident(view(o), opt), "resolved": Incident(view(r), opt), "closed": Incident(view(w), opt),
		"list":    List(query.Page{Incidents: []*query.View{view(o)}}, "!"+s, opt),
		"help":    Help([]commands.HelpRow{{Verb: "!" + s, Usage: "!" + s, Example: "!" + s}}, opt),
		"message": Message("!"+s, opt),
		"declare": DeclareForm(map[string]string{"title": s}, map[string]string{"title": "!" + s, "other": "!" + s}, nil, opt),
	}
	for step := 1; step <= RCASteps; step++ {
		out["rca"] = RCAForm(view(r), step, nil, map[string]string{"summary": "!" + s}, opt)
	}
	return out
}

// poisonRelations puts s into all that is said of other incidents.
func poisonRelations(v *query.View, s string) *query.View {
	inc := v.Incident.Clone()
	v.Incident = inc
	who := incident.Actor{Kind: "user", ID: "x", Name: s}
	inc.Link = &incident.Link{
		Kind: incident.LinkCascade, Parent: 41, Rule: "!" + s, By: who, Began: t0,
		Path: []incident.Via{{From: s, To: s, Source: s, SeenAt: t0}, {From: s, To: s, Source: s}},
	}
	inc.LinkWas = &incident.LinkWas{By: who}
	inc.Children = []incident.Child{{ID: 43, Kind: incident.LinkDuplicate}}
	inc.NoticeGap, inc.Openings = incident.GapMaintenance, 5
	rel := query.Related{ID: 43, Title: "!" + s, Service: "!" + s, Level: incident.Level{Key: s, Title: "!" + s}, Status: incident.Open, OpenedAt: t0, Link: inc.Link}
	v.Parent, v.Children, v.Burst, v.BurstSize = &rel, []query.Related{rel}, []query.Related{rel}, 2
	v.Similar = []query.Similar{{Related: rel, ResolvedAt: t0, Cause: "!" + s, Fix: "!" + s}}
	v.Muted = &query.Muted{Name: "!" + s, Mute: incident.Mute{Service: s, Until: t0, Reason: "!" + s, By: who}}
	return v
}

// FuzzCards: whatever comes from outside, a card has the links, mentions and
// functions that it has for a harmless word.
func FuzzCards(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Plain(s) == "" || bare(s, 40) == "" || strings.TrimSpace(bare(s, 60)) == "" {
			return // parts are left out then
		}
		want := poison(t, "word")
		for name, card := range poison(t, s) {
			a, err := card.JSON()
			if err != nil {
				t.Fatal(err)
			}
			b, err := want[name].JSON()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(markup(t, b), markup(t, a)); d != "" && Plain(s) != "" {
				t.Errorf("%s of %q (-word +this): %s\n%s", name, s, d, a)
			}
		}
	})
}

func FuzzLink(f *testing.F) {
	for _, s := range []string{
		"https://wiki.example.com/a?b=(c)", "javascript:alert(1)", "https://a.example/) [x](https://b.example", "http://u:p@h/", "//host/x", "https://", "HTTPS://A.example/ü",
		"https://a.example/{{DATE(2026-01-01T00:00:00Z)}}", "data:text/html,x", "https://a.example/\\", "https://a.example/*x*_y_", "https://a.example/\u202e", " https://a.example ", "https://a.example/%zz", "https://[::1]/x", "HTTP://0\"0", "https://xn--a.example:443/x", "https://\u0430pple.example/",
	} {
		f.Add("Run*book* ](x", s)
	}
	f.Fuzz(func(t *testing.T, title, address string) {
		a := string(anchor(title, address))
		if a == "" {
			return
		}
		out := render(t, "x "+a+" y")
		m := regexp.MustCompile(`^<p>x <a href="(https?://[^"]+)">[^<]+</a> y</p>\n$`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("anchor(%q, %q) = %q becomes %q", title, address, a, out)
		}
		got, err := url.Parse(html.UnescapeString(m[1]))
		want, _ := url.Parse(strings.TrimSpace(address))
		if err != nil || !strings.EqualFold(got.Hostname(), want.Hostname()) || got.User != nil {
			t.Errorf("anchor(%q, %q) leads to %v, %v", title, address, got, err)
		}
		if function.MatchString(a) {
			t.Errorf("anchor(%q, %q) = %q is a function", title, address, a)
		}
	})
}

func TestLinks(t *testing.T) {
	for in, want := range map[string]md{
		"https://wiki.example.com/a": "[Runbook](https://wiki.example.com/a)",
		"http://intranet/a b":        "[Runbook](http://intranet/a%20b)",
		"javascript:alert(1)":        "", "": "", "/x": "", "https://u:p@a.example": "", "ftp://a.example": "", "https://a.example/" + strings.Repeat("x", maxURL): "",
	} {
		if got := anchor("Run[book]*", in); got != want {
			t.Errorf("anchor(%q) = %q, want %q", in, got, want)
		}
	}
	m := Options{}.maker()
	v := &query.View{Page: "https://imbot.example.com/incidents/INC-42"}
	for _, s := range []string{"a", "a", "b", "c", "d", "e"} {
		v.Links = append(v.Links, incident.LinkURL{Title: s, URL: "https://" + s + ".example"})
	}
	want := md("[a](https://a.example) · [b](https://b.example) · [c](https://c.example) · [d](https://d.example) · [Open in browser](https://imbot.example.com/incidents/INC-42)")
	if got := m.links(v); got != want {
		t.Errorf("links = %q, want %q", got, want)
	}
}
