package locale

import (
	"testing"
	"time"

	"imbot/incident"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	for in, want := range map[string]string{
		"id-ID": "id", "id": "id", "ID_id": "id", "in-ID": "id", " id-ID ": "id",
		"en-US": "en", "en": "en", "": "en", "de-DE": "en", "idk": "en", "-id": "en",
	} {
		if got := Match(in); got != want {
			t.Errorf("Match(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPrinter(t *testing.T) {
	en, id := For("en"), For("id-ID")
	tests := []struct{ name, got, want string }{
		{"english", en.Text("card.ack"), "Acknowledge"},
		{"indonesian", id.Text("card.ack"), "Tangani (ack)"},
		{"zero printer", Printer{}.Text("card.ack"), "Acknowledge"},
		{"placeholder", en.Text("done.resolve", "id", "INC-42"), "INC-42 is resolved."},
		{"list", en.Text("err.rca_missing", "id", incident.ID(42), "missing", []string{"a", "b"}), "The RCA of INC-42 still lacks: a, b."},
		{"value is not expanded", en.Text("say.held", "id", "{who}", "level", "{id}", "what", "x", "who", "Ani"), "{who} {id} x, Ani has it"},
		{"no value", en.Text("done.resolve"), "{id} is resolved."},
		{"unknown key", en.Text("no.such"), "no.such"},
		{"default", id.Or("level.security", "Keamanan"), "Keamanan"},
		{"one", en.N("card.recurs", 1), "Seen once before"},
		{"many", en.N("card.recurs", 3), "Seen 3 times before"},
		{"one without form", en.N("card.more", 1), "and 1 more"},
		{"one in indonesian", id.N("card.recurs", 1), "Sudah pernah terjadi 1 kali"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestFill(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""}, {"plain", "plain"}, {"{a}", "1"}, {"{a}{b}", "12"}, {"x{a", "x{a"}, {"}{a}", "}1"}, {"{}", "{}"}, {"{c} {a}", "{c} 1"},
	} {
		if got := fill(tt.text, []any{"a", 1, "b", "2"}); got != tt.want {
			t.Errorf("fill(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestProblem(t *testing.T) {
	p := func(key string) *incident.Problem {
		return incident.NewProblem(incident.ErrInvalid, "x", key, "detail in English")
	}
	tests := []struct {
		name, lang string
		p          *incident.Problem
		want       string
	}{
		{"text", "id", p("title_missing"), "Tulis apa yang bermasalah: judul harus diisi."},
		{"values", "id", p("no_time").With("id", "INC-42").With("time", 7), "INC-42 tidak punya waktu “7” untuk dikoreksi."},
		{"words of ours", "id", p("rca_missing").With("id", "INC-42").With("missing", []string{"root_cause", "category"}), "RCA INC-42 masih kurang: Akar masalah, Kategori."},
		{"status", "id", p("not_open").With("id", "INC-42").With("status", "resolved"), "INC-42 sudah pulih: tidak ada yang perlu di-ack."},
		{"field", "en", p("too_long").With("field", "root_cause").With("limit", 4000), "Root cause is too long: at most 4000 characters."},
		{"typed field stays", "id", p("field_twice").With("field", "title"), "title tertulis dua kali: sisakan satu."},
		{"unknown key", "id", p("never_heard"), "detail in English"},
		{"no key", "id", p(""), "detail in English"},
		{"a value is lacking", "id", p("no_time").With("id", "INC-42"), "detail in English"},
		{"hostile value", "en", p("unknown_verb").With("verb", "{verb}{x}"), "There is no verb “{verb}{x}”."},
	}
	for _, tt := range tests {
		if got := Problem(tt.lang, tt.p); got != tt.want {
			t.Errorf("%s: Problem(%s, %s) = %q, want %q", tt.name, tt.lang, tt.p.Key, got, tt.want)
		}
	}
}

func TestLevel(t *testing.T) {
	tests := []struct {
		level            incident.Level
		lang, want, word string
	}{
		{incident.Level{Key: "service-down", Title: "Service down"}, "id", "Layanan mati", "MATI"},
		{incident.Level{Key: "service-down", Title: "Service down"}, "en", "Service down", "DOWN"},
		{incident.Level{Key: "service-down", Title: "SEV1"}, "id", "SEV1", "SEV1"},
		{incident.Level{Key: "security", Title: "Security"}, "id", "Security", "SECURITY"},
		{incident.Level{Key: "gone", Title: "gone"}, "id", "gone", "GONE"},
		{incident.Level{Key: "bare"}, "en", "bare", "BARE"},
	}
	for _, tt := range tests {
		p := For(tt.lang)
		if got, word := p.Level(tt.level), p.LevelWord(tt.level); got != tt.want || word != tt.word {
			t.Errorf("%v in %s = %q, %q, want %q, %q", tt.level, tt.lang, got, word, tt.want, tt.word)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 59*time.Minute + 31*time.Second: "1 h",
		72 * time.Minute: "1 h 12 min", 24 * time.Hour: "1 day", 49*time.Hour + 10*time.Minute: "2 days 1 h",
	} {
		if got := For("en").Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	if got := For("id").Duration(26 * time.Hour); got != "1 hari 2 jam" {
		t.Errorf("Duration(26h) in Indonesian = %q", got)
	}
}

// TestRefs: things that would be called the same are told apart, and the card in
// the war room is called that.
func TestRefs(t *testing.T) {
	inc := &incident.Incident{Room: &incident.Room{Chat: "19:room"}, Refs: []incident.Ref{
		{System: "teams", Role: incident.RoleRoom, ID: "19:room"},
		{System: "teams", Role: incident.RoleCard, Target: "19:a", URL: "https://x/1"},
		{System: "teams", Role: incident.RoleCard, Target: "19:b", URL: "https://x/2"},
		{System: "teams", Role: incident.RoleCard, Target: "19:room", URL: "https://x/3"},
		{System: "jira", Role: incident.RolePostmortem, ID: "PAY-1", URL: "https://x/4"},
	}}
	want := []string{"Teams (war room)", "Teams (card)", "Teams (card) 2", "Teams (war room)", "Jira PAY-1 (RCA)"}
	if diff := cmp.Diff(want, For("en").Refs(inc)); diff != "" {
		t.Errorf("Refs (-want +got):\n%s", diff)
	}
}
