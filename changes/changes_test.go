package changes_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"imbot/changes"
	"imbot/incident"
)

var now = time.Date(2026, 12, 31, 8, 30, 0, 0, time.UTC)

func TestClean(t *testing.T) {
	good := changes.Change{
		Source: "api", ID: "deploy-42", Service: " check\nout ", Title: "Deploy\tv2.3 \u202eevil", Description: strings.Repeat("é", 2000),
		URL: " HTTPS://ci.example.com/42 ", By: "Dewi\x00", Version: strings.Repeat("9", 500), At: now.In(time.FixedZone("WIB", 7*3600)),
	}
	got, ok := good.Clean(now)
	want := changes.Change{
		Source: "api", ID: "deploy-42", Service: "check out", Title: "Deploy v2.3 evil", Description: strings.Repeat("é", 999) + "…",
		URL: "https://ci.example.com/42", By: "Dewi", Version: strings.Repeat("9", 119) + "…", At: now,
	}
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Errorf("Clean = %v (-want +got):\n%s", ok, d)
	}
	for name, change := range map[string]func(*changes.Change){
		"no source":        func(c *changes.Change) { c.Source = "" },
		"no id":            func(c *changes.Change) { c.ID = "" },
		"no service":       func(c *changes.Change) { c.Service = " \n" },
		"a long service":   func(c *changes.Change) { c.Service = strings.Repeat("x", 129) },
		"no title":         func(c *changes.Change) { c.Title = "\u2028" },
		"no time":          func(c *changes.Change) { c.At = time.Time{} },
		"long ago":         func(c *changes.Change) { c.At = time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC) },
		"in the future":    func(c *changes.Change) { c.At = now.Add(5*time.Minute + 1) },
		"in the year 9999": func(c *changes.Change) { c.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		c := good
		if change(&c); c != good {
			if _, ok := c.Clean(now); ok {
				t.Errorf("%s: it can be used", name)
			}
		}
	}
	c := good
	c.At = now.Add(5 * time.Minute) // their clock runs ahead
	if _, ok := c.Clean(now); !ok {
		t.Error("a little ahead: it can not be used")
	}
	// An id that is none becomes one, and always the same.
	c.ID = "build #7 (main)"
	one, ok := c.Clean(now)
	two, _ := c.Clean(now)
	if !ok || one.ID == "" || one.ID != two.ID || strings.ContainsAny(one.ID, " #()") {
		t.Errorf("id = %q, %q", one.ID, two.ID)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"https://x.example/a?b=c#d": "https://x.example/a?b=c#d", "http://x.example": "http://x.example", "HTTP://x.example/é": "http://x.example/%C3%A9",
		"": "", "x.example": "", "/a": "", "javascript:alert(1)": "", "data:text/html,x": "", "ftp://x.example": "", "https://u:p@x.example": "", "https://": "",
		"https://x.example/" + strings.Repeat("x", 2000): "", "https://x.example/\x00": "", "https://[::1": "",
	} {
		c := changes.Change{Source: "api", ID: "a", Service: "s", Title: "t", At: now, URL: in}
		got, _ := c.Clean(now)
		if got.URL != want {
			t.Errorf("%q becomes %q, want %q", in, got.URL, want)
		}
		if faulty := len(c.Faults(now)) > 0; faulty != (want == "" && in != "") {
			t.Errorf("%q: Faults = %v", in, c.Faults(now))
		}
	}
}

func TestFaults(t *testing.T) {
	good := changes.Change{Service: "checkout", Title: "Deploy"}
	full := changes.Change{
		ID: "a" + strings.Repeat("/", 127), Service: strings.Repeat("é", 128), Title: strings.Repeat("é", 255), Description: strings.Repeat("é", 1000),
		URL: "https://x.example", By: strings.Repeat("é", 120), Version: strings.Repeat("é", 120), At: now.Add(5 * time.Minute),
	}
	for _, c := range []changes.Change{good, full} {
		if f := c.Faults(now); len(f) != 0 {
			t.Errorf("Faults of a good one = %v", f)
		}
	}
	bad := changes.Change{
		ID: "-a", Service: strings.Repeat("é", 129), Title: strings.Repeat("é", 256), Description: strings.Repeat("é", 1001),
		URL: "ftp://x", By: strings.Repeat("é", 121), Version: strings.Repeat("é", 121), At: now.Add(6 * time.Minute),
	}
	fields := func(c changes.Change) string {
		var out []string
		for _, f := range c.Faults(now) {
			if f.Detail == "" {
				t.Errorf("%s: no detail", f.Field)
			}
			out = append(out, f.Field)
		}
		return strings.Join(out, " ")
	}
	for want, c := range map[string]changes.Change{
		"service title description by version id url at": bad,
		"title service": {Title: "\n", Service: " "},
		"at":            {Service: "s", Title: "t", At: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"id":            {Service: "s", Title: "t", ID: strings.Repeat("a", 129)},
	} {
		if got := fields(c); got != want {
			t.Errorf("Faults = %s, want %s", got, want)
		}
	}
}

func TestDerive(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a", "bc"}, {"ab", "c"}, {"abc"}, {"1:a"}} {
		id := changes.Derive(parts...)
		if seen[id] || id != changes.Derive(parts...) || len(id) != 32 {
			t.Errorf("Derive(%q) = %s", parts, id)
		}
		seen[id] = true
	}
}

// Whatever a vendor says: what is usable fits its bounds and is one line, and to
// clean it again changes nothing.
func FuzzClean(f *testing.F) {
	f.Add("deploy-42", "checkout", "Deploy", "by ci", "https://x.example/1", "Dewi", "v2", int64(0))
	f.Add("#", "pd:PABC123", "\u202e\xff", strings.Repeat("x", 5000), "javascript:x", "\n", "", int64(1)<<60)
	f.Fuzz(func(t *testing.T, id, service, title, description, url, by, version string, at int64) {
		c := changes.Change{Source: "api", ID: id, Service: service, Title: title, Description: description, URL: url, By: by, Version: version, At: time.UnixMilli(at)}
		got, ok := c.Clean(now)
		if again, okAgain := got.Clean(now); okAgain != ok || again != got {
			t.Errorf("cleaned again: %+v, was %+v", again, got)
		}
		for limit, list := range map[int][]string{
			changes.MaxID: {got.ID}, changes.MaxTitle: {got.Title}, changes.MaxDescription: {got.Description}, changes.MaxBy: {got.By, got.Version}, changes.MaxURL: {got.URL},
		} {
			for _, s := range list {
				if utf8.RuneCountInString(s) > limit || s != incident.Line(s) {
					t.Errorf("%q", s)
				}
			}
		}
		if ok && (got.Title == "" || got.Service == "" || got.ID == "" || got.At.After(now.Add(time.Hour))) {
			t.Errorf("usable: %+v", got)
		}
	})
}
