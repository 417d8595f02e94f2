package oncall

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever a standby tool answers, people have a mail address on one line, and
// turns end after they begin.
func FuzzStandbyTool(f *testing.F) {
	for _, s := range []string{
		`{"on_call":[{"mail":"ani@example.com","name":"Ani","from":"2026-01-05T09:00:00Z","until":"2026-01-05T21:00:00+07:00","level":2}]}`,
		`{"on_call":[{"mail":"a@b","name":"x\u202ey\nz"},{"mail":"","level":99}]}`, `{"on_call":[null]}`, `{"on_call":null}`, `{"on_call":{}}`, `[]`, "",
		`{"ON_CALL":[{"mail":"a@b","from":"0000-01-01T00:00:00Z"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		duties, err := parseTool(body)
		var refused *toolError
		if err != nil && (!errors.As(err, &refused) || !refused.Permanent() || duties != nil) {
			t.Errorf("parseTool(%q) = %v, %v", body, duties, err)
		}
		if len(duties) > maxEntries {
			t.Errorf("%d entries", len(duties))
		}
		for _, d := range duties {
			if !strings.Contains(d.person.Mail, "@") || strings.ContainsAny(d.person.Mail, " \r\n<>") || strings.ContainsAny(d.person.Name, "\r\n") ||
				utf8.RuneCountInString(d.person.Name) > maxName || d.level < 1 || !d.until.IsZero() && !d.until.After(d.from) {
				t.Errorf("%+v of %q", d, body)
			}
		}
		at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
		if len(duties) > 0 && !duties[0].from.IsZero() {
			at = duties[0].from
		}
		groups := chain(Plan{URL: "https://x"}, duties, at)
		var seen []Person
		for _, g := range groups {
			for _, d := range g {
				for _, p := range seen {
					if p.is(d.person) {
						t.Errorf("%v is there twice", p)
					}
				}
				seen = append(seen, d.person)
			}
		}
	})
}
