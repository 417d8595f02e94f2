package newrelic

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever stands in a row, a change that comes of it can be used.
func FuzzChanges(f *testing.F) {
	for _, s := range []string{
		`{"timestamp":1772366400000,"changeTrackingId":"a","category":"Deployment","version":"v1","deepLink":"https://x.example","entity.guid":"MXxBUE18QVBQTElDQVRJT058MQ","entity.name":"web"}`,
		`{"timestamp":"soon"}`, `{"timestamp":1e300,"entity.name":"x"}`, `{"timestamp":-1,"entity.name":"x"}`, `null`,
		`{"timestamp":1,"entity.name":"a\u0000b\u202e","user":7,"deepLink":"javascript:x","description":"` + "\xff" + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		body := append(append([]byte(`{"data":{"actor":{"account":{"nrql":{"results":[`), row...), `]}}}}}`...)
		var answer changesAnswer
		if err := decode(http.Header{}, time.Time{}, body, &answer); err != nil || answer.Actor == nil || answer.Actor.Account == nil || answer.Actor.Account.NRQL == nil {
			return
		}
		for _, c := range answer.Actor.Account.NRQL.changes(time.UnixMilli(0)) {
			all, err := json.Marshal(c)
			if err != nil || c.At.IsZero() || c.EntityGUID == "" && c.EntityName == "" || c.Title() == "" || len(all) > 20_000 {
				t.Errorf("%s, %v", all, err)
			}
			for _, s := range []string{c.ID, c.Title(), c.User, c.Version, c.EntityName, c.Link, c.Description} {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\u202e") {
					t.Errorf("%q of %s", s, row)
				}
			}
			if c.Link != "" && !strings.HasPrefix(c.Link, "http") {
				t.Errorf("link %q", c.Link)
			}
		}
	})
}
