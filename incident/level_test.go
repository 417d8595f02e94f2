package incident

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// TestDefaultRules reads titles as monitors and people write them, in English
// and Indonesian.
func TestDefaultRules(t *testing.T) {
	rules, err := CompileRules(DefaultRules(), DefaultLevels())
	if err != nil {
		t.Fatal(err)
	}
	for title, want := range map[string]string{
		"checkout is DOWN!":                          ServiceDown,
		"[FIRING:1] payments-db unreachable":         ServiceDown,
		"host/db-1:down":                             ServiceDown,
		"Host Not Reporting: db-1":                   ServiceDown,
		"no healthy   upstream":                      ServiceDown,
		"Layanan checkout mati":                      ServiceDown,
		"checkout tidak bisa diakses":                ServiceDown,
		"Checkout TIDAK BISA":                        ServiceDown,
		"High error-rate on checkout":                HighErrorRate,
		"5xx > 5% for 5m":                            HighErrorRate,
		"pembayaran gagal":                           HighErrorRate,
		"banyak error di checkout":                   HighErrorRate,
		"p99 above 2s":                               HighResponseTime,
		"Apdex below 0.7":                            HighResponseTime,
		"checkout lambat sekali":                     HighResponseTime,
		"aplikasi lemot":                             HighResponseTime,
		"waktu respons tinggi":                       HighResponseTime,
		"errors, and slow":                           HighErrorRate, // the first rule that matches
		"countdown to the sale":                      Other,
		"cooldown period ended":                      Other,
		"shutdown of the old cluster":                Other,
		"downtime report":                            Other,
		"slowly growing disk":                        Other,
		"otomatis mematikan":                         Other, // "mati" inside a word
		"terror alert drill":                         Other,
		"certificate expires in 14 days":             Other,
		"p999 looks good":                            Other,
		"":                                           Other,
		"!!!":                                        Other,
		strings.Repeat("x", 5000) + " down":          Other, // beyond the bound
		"down " + strings.Repeat("very long ", 1000): ServiceDown,
	} {
		if got := rules.Match(&Alert{Title: title}, ServiceInfo{}); got.Level != want || (got.Rule == "") != (want == Other) {
			t.Errorf("Match(%q) = %+v, want %s", Clip(title, 60), got, want)
		}
	}
}

func TestMatchFields(t *testing.T) {
	al := &Alert{
		Title: "disk full", Service: "Checkout (prod)", ServiceID: "PABC123", Priority: "P1", Urgency: "high", Condition: "Disk Usage High",
		Labels: map[string]string{"env": "prod", "severity": "Critical"},
	}
	svc := ServiceInfo{Key: "checkout", Name: "Checkout", Tier: 1}
	tests := []struct {
		name string
		m    Match
		want bool
	}{
		{"nothing set", Match{}, true},
		{"words", Match{TitleWords: []string{"nope", "Disk-Full"}}, true},
		{"words across", Match{TitleWords: []string{"full disk"}}, false},
		{"regex", Match{TitleRegex: `(?i)^DISK\s`}, true},
		{"regex not", Match{TitleRegex: `^full`}, false},
		{"service by key", Match{Service: []string{"CHECKOUT"}}, true},
		{"service by vendor's name", Match{Service: []string{"checkout (prod)"}}, true},
		{"service by vendor's id", Match{Service: []string{"pabc123"}}, true},
		{"service not", Match{Service: []string{"ledger", ""}}, false},
		{"tier", Match{Tier: []int{2, 1}}, true},
		{"tier not", Match{Tier: []int{2}}, false},
		{"priority", Match{Priority: []string{"p1"}}, true},
		{"priority not", Match{Priority: []string{"P2"}}, false},
		{"urgency", Match{Urgency: []string{"HIGH"}}, true},
		{"urgency not", Match{Urgency: []string{"low"}}, false},
		{"part of the condition", Match{Condition: []string{"disk usage"}}, true},
		{"condition not", Match{Condition: []string{"memory"}}, false},
		{"label", Match{Labels: map[string][]string{"severity": {"warning", "critical"}}}, true},
		{"label not", Match{Labels: map[string][]string{"severity": {"warning"}}}, false},
		{"label missing", Match{Labels: map[string][]string{"team": {""}}}, false},
		{"all of them", Match{TitleWords: []string{"disk"}, Tier: []int{1}, Labels: map[string][]string{"env": {"prod"}, "severity": {"critical"}}}, true},
		{"all but one", Match{TitleWords: []string{"disk"}, Tier: []int{1}, Labels: map[string][]string{"env": {"dev"}, "severity": {"critical"}}}, false},
	}
	for _, tt := range tests {
		rs, err := CompileRules([]Rule{{Name: tt.name, Level: ServiceDown, Match: tt.m}}, DefaultLevels())
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := rs.Match(al, svc); (got.Rule == tt.name) != tt.want {
			t.Errorf("%s: verdict %+v, want a match %v", tt.name, got, tt.want)
		}
		if got := rs.Match(&Alert{}, ServiceInfo{}); (got.Rule == tt.name) != (tt.name == "nothing set") {
			t.Errorf("%s: empty fields gave %+v", tt.name, got)
		}
	}
}

func TestCompileRules(t *testing.T) {
	for want, r := range map[string]Rule{
		`rule 1 ("r"): there is no level "sev1"`:  {Name: "r", Level: "sev1"},
		`title_words has an entry without a word`: {Level: Other, Match: Match{TitleWords: []string{"--"}}},
		`title_regex: error parsing regexp`:       {Level: Other, Match: Match{TitleRegex: "("}},
	} {
		if _, err := CompileRules([]Rule{r}, DefaultLevels()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CompileRules(%+v) = %v, want %q", r, err, want)
		}
	}
	rs, err := CompileRules([]Rule{{Level: HighErrorRate, Quiet: true}}, DefaultLevels())
	if err != nil {
		t.Fatal(err)
	}
	if got := rs.Match(&Alert{}, ServiceInfo{}); got != (Verdict{Level: HighErrorRate, Rule: "rule 1", No: 1, Quiet: true}) {
		t.Errorf("a rule without a name: %+v", got)
	}
	var none *Rules
	if got := none.Match(&Alert{Title: "down"}, ServiceInfo{}); got != (Verdict{Level: Other}) {
		t.Errorf("no rules: %+v", got)
	}
}

func TestLevels(t *testing.T) {
	ls := DefaultLevels()
	if d := cmp.Diff([]string{ServiceDown, HighErrorRate, HighResponseTime, Other}, ls.Keys()); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	l, ok := ls.Get("removed")
	if ok || l.Key != "removed" || l.Postmortem || l.Room || l.Rank <= ls[3].Rank {
		t.Errorf("a removed level = %+v, %v; want one that entails nothing and is the least urgent", l, ok)
	}
	n := DefaultNotices(ls)
	want := map[string]Notice{
		ServiceDown:      {Card: true, Broadcast: true, Room: true, Mail: []string{"owner", "squad", "stakeholders"}, Page: []string{"dba", "devops"}, Mention: []string{"oncall"}},
		HighErrorRate:    {Card: true, Mail: []string{"owner", "squad"}, Mention: []string{"oncall"}},
		HighResponseTime: {Card: true, Mail: []string{"owner", "squad"}, Mention: []string{"oncall"}},
		Other:            {Card: true},
	}
	if d := cmp.Diff(want, n); d != "" {
		t.Errorf("notices (-want +got):\n%s", d)
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"checkout is down", "COUNTDOWN", "5xx", "tidak bisa", "\xff", "ﬀ İ ß", "p99\tlatency"} {
		f.Add(s)
	}
	rules, err := CompileRules(DefaultRules(), DefaultLevels())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, title string) {
		w := words(title)
		if !strings.HasPrefix(w, " ") || !strings.HasSuffix(w, " ") || strings.Contains(w, "  ") {
			t.Errorf("words(%q) = %q", title, w)
		}
		for _, r := range w {
			if r != ' ' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				t.Errorf("words(%q) = %q holds %q", title, w, r)
			}
		}
		if again := words(w); again != w {
			t.Errorf("words(%q) = %q, and again %q", title, w, again)
		}
		v := rules.Match(&Alert{Title: title}, ServiceInfo{})
		if _, ok := DefaultLevels().Get(v.Level); !ok {
			t.Errorf("Match(%q) = %+v: no such level", title, v)
		}
		if len([]rune(title)) < maxTitleForRegex-10 {
			if v := rules.Match(&Alert{Title: title + " (down)"}, ServiceInfo{}); v.Level != ServiceDown {
				t.Errorf("Match(%q + down) = %+v", title, v)
			}
		}
	})
}
