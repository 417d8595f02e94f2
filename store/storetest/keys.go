package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

// key looks a key up; those of the tests that are kept begin with "ref/" or
// "kept".
func (e *env) key(key string) string {
	e.Helper()
	keep := strings.HasPrefix(key, "ref/") || strings.HasPrefix(key, "kept")
	var out string
	e.view(func(tx incident.Tx) (err error) {
		out, err = tx.Key(key, keep)
		return err
	})
	return out
}

func (e *env) putKey(key, value string, keep bool) {
	e.Helper()
	e.update(func(tx incident.Tx) error { return tx.PutKey(key, value, keep) })
}

func testKeys(e *env) {
	long := "in/" + strings.Repeat("k", 2000)
	for _, k := range []string{"in/a", long, "ref/pagerduty/Q1"} {
		if got := e.key(k); got != "" {
			e.Errorf("Key(%.20s) of an empty store = %q", k, got)
		}
	}
	e.putKey("in/a", "INC-1", false)
	e.putKey(long, "INC-2", false)
	e.putKey("ref/pagerduty/Q1", "INC-3", true)
	for k, want := range map[string]string{"in/a": "INC-1", long: "INC-2", "ref/pagerduty/Q1": "INC-3", "in/": "", "in/ab": ""} {
		if got := e.key(k); got != want {
			e.Errorf("Key(%.20s) = %q, want %q", k, got, want)
		}
	}
	// What is put last wins, on another day too; kept ones are a set of their own.
	for i, s := range []struct {
		value string
		later time.Duration
	}{{"one", 0}, {"two", 30 * time.Hour}, {"", 0}, {"three", 30 * time.Hour}, {"", 30 * time.Hour}} {
		e.clock.Add(s.later)
		for _, k := range []string{"k", "kept"} {
			e.putKey(k, k+s.value, k == "kept")
			if s.value == "" {
				e.putKey(k, "", k == "kept")
			}
			want := k + s.value
			if s.value == "" {
				want = ""
			}
			if got := e.key(k); got != want {
				e.Errorf("step %d: Key(%s) = %q, want %q", i, k, got, want)
			}
		}
	}
	var within []string
	e.update(func(tx incident.Tx) error {
		a, err := tx.Key("new", false)
		err = errors.Join(err, tx.PutKey("new", "x", false))
		b, err2 := tx.Key("new", false)
		err = errors.Join(err, err2, tx.PutKey("new", "y", true))
		c, err3 := tx.Key("new", false)
		d, err4 := tx.Key("new", true)
		within = []string{a, b, c, d}
		return errors.Join(err, err3, err4)
	})
	if want := []string{"", "x", "x", "y"}; !slices.Equal(within, want) {
		e.Errorf("Key inside the change = %q, want %q", within, want)
	}
	if err := e.Update(e.ctx(), func(tx incident.Tx) error { return tx.PutKey("", "x", false) }); err == nil {
		e.Error("PutKey of no key succeeds")
	}
}

func testKeyRetention(e *env) {
	e.clock.Set(time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)) // just before the day ends
	e.putKey("in/early", "INC-1", false)
	e.putKey("ref/early", "INC-1", true)
	e.clock.Add(2 * time.Second)
	e.putKey("in/late", "INC-2", false)
	e.clock.Add(keyRetention - 3*time.Second)
	e.must(e.Prune(e.ctx(), e.clock.Now()))
	for _, k := range []string{"in/early", "in/late"} {
		if e.key(k) == "" {
			e.Errorf("%s is forgotten before its retention has passed", k)
		}
	}
	e.clock.Add(12 * time.Hour)
	e.must(e.Prune(e.ctx(), e.clock.Now()))
	if got := e.key("in/early"); got != "" {
		e.Errorf("Key(in/early) = %q half a day after its retention", got)
	}
	e.clock.Add(25 * time.Hour)
	if got := e.key("in/late"); got != "" {
		e.Errorf("Key(in/late) = %q a day and a half after its retention, before Prune", got)
	}
	e.must(e.Prune(e.ctx(), e.clock.Now()))
	if got := e.key("ref/early"); got != "INC-1" {
		e.Errorf("Key(ref/early) = %q, want INC-1: it was to be kept", got)
	}
	e.putKey("in/early", "INC-3", false)
	if got := e.key("in/early"); got != "INC-3" {
		e.Errorf("Key(in/early) = %q, want INC-3: it was put again", got)
	}
}

func (e *env) raw(since time.Time) []incident.Inbound {
	e.Helper()
	var out []incident.Inbound
	e.view(func(tx incident.Tx) error {
		out = nil
		return tx.Raw(since, func(in incident.Inbound) bool {
			out = append(out, in)
			return true
		})
	})
	return out
}

func testRaw(e *env) {
	at := func(s int) time.Time { return Start.Add(time.Duration(s) * time.Second) }
	bodies := []incident.Inbound{
		{Source: "pagerduty", ID: "a", At: at(2), Body: []byte(`{"x":1}`)},
		{Source: "pagerduty", ID: "b", At: at(1), Encoding: "zstd", Body: []byte{0, 1, 2, 255}},
		{Source: "teams", ID: "c", At: at(2), Body: []byte(strings.Repeat("long ", 60_000))},
		{Source: "", ID: "", At: at(3), Body: nil},
	}
	for _, in := range bodies {
		e.update(func(tx incident.Tx) error { return tx.PutRaw(in) })
	}
	norm := cmp.Transformer("body", func(b []byte) string { return string(b) })
	want := []incident.Inbound{bodies[1], bodies[0], bodies[2], bodies[3]}
	if d := cmp.Diff(want, e.raw(time.Time{}), norm); d != "" {
		e.Errorf("Raw (-want +got):\n%.2000s", d)
	}
	if d := cmp.Diff(want[1:], e.raw(at(2)), norm); d != "" {
		e.Errorf("Raw since the second time (-want +got):\n%.2000s", d)
	}
	n := 0
	e.update(func(tx incident.Tx) error {
		n = 0
		if err := tx.PutRaw(incident.Inbound{At: at(2), ID: "within"}); err != nil {
			return err
		}
		return tx.Raw(at(2), func(in incident.Inbound) bool {
			n++
			return in.ID != "within"
		})
	})
	if n != 3 {
		e.Errorf("Raw inside the change met the new body as number %d, want 3", n)
	}
}

func testPrune(e *env) {
	for day := range 3 {
		e.update(func(tx incident.Tx) error {
			for i := range 400 { // more than one step
				in := incident.Inbound{ID: fmt.Sprint(i), At: Start.Add(time.Duration(day) * 24 * time.Hour), Body: []byte("x")}
				if err := tx.PutRaw(in); err != nil {
					return err
				}
			}
			return nil
		})
	}
	e.put(sample(1, Start.Add(-1000*24*time.Hour)))
	e.must(e.Prune(e.ctx(), Start.Add(rawRetention)))
	if got := len(e.raw(time.Time{})); got != 1200 {
		e.Errorf("%d bodies at the end of their retention, want all 1200", got)
	}
	e.must(e.Prune(e.ctx(), Start.Add(rawRetention+25*time.Hour)))
	if got := len(e.raw(time.Time{})); got != 400 {
		e.Errorf("%d bodies after the retention of two days, want 400", got)
	}
	e.wantRows("incidents are kept", false, 1)
}
