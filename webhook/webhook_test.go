package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/store/boltstore"
	"imbot/webhook"
)

func TestAnswers(t *testing.T) {
	good := event("E1", "incident.triggered", t0, "checkout is down")
	tests := []struct {
		name      string
		body      []byte
		sign      func(b []byte) string
		status    int
		incidents int
		kept      bool // the body is stored
		made      bool // something came of it
	}{
		{"good", good, nil, 202, 1, true, true},
		{"one of several signatures", good, func(b []byte) string { return pagerduty.Sign(b, "old", secret) }, 202, 1, true, true},
		{"no signature", good, func([]byte) string { return "" }, 401, 0, false, false},
		{"another secret", good, func(b []byte) string { return pagerduty.Sign(b, "another") }, 401, 0, false, false},
		{"signature of another body", good, func([]byte) string { return pagerduty.Sign([]byte("{}"), secret) }, 401, 0, false, false},
		{"nonsense for a signature", good, func([]byte) string { return "v1=zz,v2=00" }, 401, 0, false, false},
		{"empty secret", good, func(b []byte) string { return pagerduty.Sign(b, "") }, 401, 0, false, false},
		{"garbage", []byte("\x00\xffnot json at all"), nil, 202, 0, true, false},
		{"empty", []byte{}, nil, 202, 0, true, false},
		{"JSON of another kind", []byte(`[1,2,3]`), nil, 202, 0, true, false},
		{"no type", []byte(`{"event":{"id":"E1"}}`), nil, 202, 0, true, false},
		{"unknown type about nothing", []byte(`{"event":{"id":"E1","event_type":"moon.rose","data":{"type":"moon"}}}`), nil, 202, 0, true, false},
		{"unknown type about an incident", []byte(`{"event":{"id":"E1","event_type":"incident.teleported","data":{"type":"x","incident":{"id":"Q1"}}}}`), nil, 202, 0, true, true},
		{"ping", []byte(`{"event":{"id":"E1","event_type":"pagey.ping","resource_type":"pagey","data":{"message":"Hello","type":"ping"}}}`), nil, 202, 0, true, false},
		{"a service's event", []byte(`{"event":{"id":"E1","event_type":"service.updated","data":{"id":"PABC123","type":"service"}}}`), nil, 202, 0, true, false},
		{"an empty id", []byte(strings.Replace(string(good), `"id":"Q1"`, `"id":"  "`, 1)), nil, 202, 0, true, false},
		{"an empty note", note("E1", " \n"), nil, 202, 0, true, true},
		{"the largest", append(good, make([]byte, webhook.MaxBody-len(good))...), nil, 202, 0, true, false}, // NULs make it no JSON
		{"too large", append(good, make([]byte, webhook.MaxBody-len(good)+1)...), nil, 413, 0, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, boltstore.Options{})
			if tt.sign == nil {
				tt.sign = func(b []byte) string { return pagerduty.Sign(b, secret) }
			}
			for range 2 { // the second time it is a repeated delivery
				if w := h.send("d1", tt.body, tt.sign(tt.body)); w.Code != tt.status {
					t.Fatalf("status = %d (%s), want %d", w.Code, w.Body, tt.status)
				}
			}
			if n := len(h.all()); n != tt.incidents {
				t.Errorf("%d incidents, want %d", n, tt.incidents)
			}
			var want []string
			if tt.kept {
				want = []string{string(tt.body)}
			}
			if d := cmp.Diff(want, h.raw()); d != "" {
				t.Errorf("stored bodies (-want +got):\n%.500s", d)
			}
			accepted, kept, refused, seen := h.handler.Accepted.Load(), h.handler.Kept.Load(), h.handler.Refused.Load(), h.seen.Load()
			switch {
			case !tt.kept && (refused != 2 || accepted+kept+seen != 0),
				tt.made && (accepted != 2 || kept+refused != 0 || seen != 2),
				tt.kept && !tt.made && (kept != 2 || accepted+refused != 0 || seen != 2):
				t.Errorf("accepted %d, kept %d, refused %d, seen %d", accepted, kept, refused, seen)
			}
			if l := h.log.String(); strings.Contains(l, secret) || strings.Contains(l, "checkout is down") {
				t.Errorf("the log tells too much: %s", l)
			}
		})
	}
}

// TestRawIsComplete reads a body back byte for byte, with what surrounds it.
func TestRawIsComplete(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	body := []byte("  {\"event\" :\t{\"event_type\":\"x\",\"a\":1e400,\"b\":\"\\u0000é\"}}\r\n" + strings.Repeat("€", 9000))
	if w := h.deliver("d-1\n"+strings.Repeat("x", 300), body); w.Code != 202 {
		t.Fatal(w.Code)
	}
	h.view(func(tx incident.Tx) error {
		return tx.Raw(at(60), func(in incident.Inbound) bool {
			b, err := webhook.Body(in)
			if err != nil || string(b) != string(body) || in.Source != incident.SourcePagerDuty || !in.At.Equal(at(60)) || !strings.HasPrefix(in.ID, "d-1 x") || len([]rune(in.ID)) != 120 {
				t.Errorf("body of %d bytes, %v, from %s, id %q at %s", len(b), err, in.Source, in.ID, in.At)
			}
			if len(in.Body) > len(body)/4 {
				t.Errorf("%d bytes are stored as %d", len(body), len(in.Body))
			}
			return true
		})
	})
	if b, err := webhook.Body(incident.Inbound{Body: []byte("plain")}); err != nil || string(b) != "plain" {
		t.Errorf("unpacked body: %q, %v", b, err)
	}
	for _, in := range []incident.Inbound{{Encoding: "zstd", Body: []byte("no zstd")}, {Encoding: "brotli"}} {
		if _, err := webhook.Body(in); err == nil {
			t.Errorf("body %+v made no error", in)
		}
	}
}

// TestRepeats: one event is one fact, whether the delivery is repeated, the
// event comes by two subscriptions, or many arrive at once.
func TestRepeats(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	body := event("E1", "incident.triggered", t0, "checkout is down")
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			id := []string{"d1", "d1", "d2", ""}[i%4]
			if w := h.deliver(id, body); w.Code != 202 {
				t.Errorf("status = %d", w.Code)
			}
		})
	}
	wg.Wait()
	all := h.all()
	if len(all) != 1 || kinds(h.timeline(all[0].ID)) != "triggered" || len(h.raw()) != 1 {
		t.Fatalf("%d incidents, %d bodies", len(all), len(h.raw()))
	}
	h.deliver("d3", event("E2", "incident.acknowledged", at(1), "checkout is down"))
	h.deliver("d3", event("E2", "incident.acknowledged", at(1), "checkout is down"))
	h.deliver("d4", event("E3", "incident.resolved", at(3), "checkout is down"))
	inc := h.all()[0]
	if inc.Status != incident.Resolved || inc.AcknowledgedBy.ID != ani.ID || inc.Duration(at(60)) != 3*time.Minute || inc.Squad != "payments" {
		t.Errorf("%s, acknowledged by %v, %s", inc.Status, inc.AcknowledgedBy, inc.Duration(at(60)))
	}
	if got := kinds(h.timeline(inc.ID)); got != "triggered acknowledged resolved" {
		t.Errorf("timeline %q", got)
	}
}

// TestOwnNote: a note that imbot has written to PagerDuty does not come back.
func TestOwnNote(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.deliver("d1", event("E1", "incident.triggered", t0, "checkout is down"))
	for i, content := range []string{"Dewi: look here (INC-1 #7)", "Dewi: two\nlines (INC-123 #45) \n"} {
		h.deliver("own"+string(rune('0'+i)), note("N"+string(rune('0'+i)), content))
	}
	if got := kinds(h.timeline(1)); got != "triggered" || h.handler.Kept.Load() != 2 {
		t.Errorf("timeline %q, kept %d", got, h.handler.Kept.Load())
	}
	for i, content := range []string{"see (INC-1 #7) for more", "(INC-1)", "INC-1 #7", "(INC-x #7)"} {
		h.deliver("other"+string(rune('0'+i)), note("M"+string(rune('0'+i)), content))
	}
	if got := kinds(h.timeline(1)); got != "triggered note note note note" {
		t.Errorf("timeline %q, want the four notes of people", got)
	}
}

// failing is a service whose store has a bad day.
type failing struct{ err error }

func (f failing) Do(context.Context, incident.Command) (*incident.Incident, error) { return nil, f.err }
func (f failing) Keep(context.Context, incident.Inbound, []string) error           { return f.err }

func TestTryAgain(t *testing.T) {
	bodies := map[string][]byte{"event": event("E1", "incident.triggered", t0, "x"), "garbage": []byte("garbage")}
	for name, body := range bodies {
		for _, tt := range []struct {
			err   error
			after string
			busy  int64
		}{
			{errors.Join(errors.New("4096 changes are waiting"), incident.ErrBusy), "1", 1},
			{errors.New("disk full: /secret/path"), "5", 0},
			{context.DeadlineExceeded, "5", 0},
		} {
			h := newHouse(t, boltstore.Options{})
			h.handler.Service = failing{tt.err}
			w := h.deliver("d1", body)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != tt.after || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s, %v: status %d, Retry-After %q, %q", name, tt.err, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			if h.handler.Busy.Load() != tt.busy || h.handler.Failed.Load() != 1-tt.busy || h.seen.Load() != 0 || h.handler.Accepted.Load()+h.handler.Kept.Load() != 0 {
				t.Errorf("%s, %v: busy %d, failed %d, seen %d", name, tt.err, h.handler.Busy.Load(), h.handler.Failed.Load(), h.seen.Load())
			}
		}
	}
}

// TestBusyStore has the real store refuse, and take the same delivery later.
func TestBusyStore(t *testing.T) {
	h := newHouse(t, boltstore.Options{MaxQueue: 1})
	inside, release, blocked := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		blocked <- h.store.Update(ctx, func(incident.Tx) error {
			close(inside)
			<-release
			return nil
		})
	}()
	<-inside
	codes := make(chan int)
	for range 4 {
		go func() { codes <- h.deliver("d1", event("E1", "incident.triggered", t0, "x")).Code }()
	}
	for range 3 {
		if code := <-codes; code != http.StatusServiceUnavailable {
			t.Errorf("status = %d, want 503: the store takes no more", code)
		}
	}
	close(release)
	if code, err := <-codes, <-blocked; code != 202 || err != nil {
		t.Errorf("the one that waited: %d, %v", code, err)
	}
	if w := h.deliver("d1", event("E1", "incident.triggered", t0, "x")); w.Code != 202 || len(h.all()) != 1 {
		t.Errorf("tried again: %d, %d incidents", w.Code, len(h.all()))
	}
}

// TestRefusedByRules: a signed body whose command the rules refuse is kept, for
// a 4xx would be held against us.
func TestRefusedByRules(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.handler.Service = refusing{h.svc}
	body := event("E1", "incident.triggered", t0, "x")
	if w := h.deliver("d1", body); w.Code != 202 || len(h.all()) != 0 || len(h.raw()) != 1 || h.raw()[0] != string(body) {
		t.Errorf("status = %d, %d incidents, %d bodies", w.Code, len(h.all()), len(h.raw()))
	}
}

// refusing is a service whose rules refuse everything.
type refusing struct{ *incident.Service }

func (refusing) Do(context.Context, incident.Command) (*incident.Incident, error) {
	return nil, incident.NewProblem(incident.ErrConflict, "", "x", "not like this")
}

func TestUnreadableBody(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)))
	w := httptest.NewRecorder()
	if h.handler.ServeHTTP(w, r); w.Code != http.StatusBadRequest || h.handler.Refused.Load() != 1 {
		t.Errorf("status = %d", w.Code)
	}
}

// TestDocumentedEvents sends every event that PagerDuty documents, as it
// documents it: each about an incident becomes a command that says something.
func TestDocumentedEvents(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(contracts(t), "pagerduty", "webhook-v3-examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Events map[string]json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Events) < 20 {
		t.Fatalf("only %d documented events", len(file.Events))
	}
	verbs := map[string]incident.Verb{
		"incident.triggered": incident.Trigger, "incident.acknowledged": incident.Ack, "incident.unacknowledged": incident.Unack,
		"incident.resolved": incident.Resolve, "incident.reopened": incident.Reopen, "incident.annotated": incident.AddNote,
		"incident.escalated": incident.Update, "incident.delegated": incident.Update, "incident.reassigned": incident.Update,
		"incident.priority_updated": incident.Update, "incident.service_updated": incident.Update, "incident.incident_type.changed": incident.Update,
	}
	arrival := time.Date(2020, 10, 2, 18, 45, 30, 0, time.UTC)
	h := newHouse(t, boltstore.Options{})
	h.clock.set(arrival)
	for name, body := range file.Events {
		ev, err := pagerduty.ParseWebhook(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cmd, ok := webhook.Map(ev, arrival)
		if about := strings.HasPrefix(name, "incident."); ok != about {
			t.Errorf("%s: mapped %v, want %v", name, ok, about)
		}
		if w := h.deliver("d-"+name, body); w.Code != 202 {
			t.Errorf("%s: status %d", name, w.Code)
		}
		if !ok {
			continue
		}
		want := verbs[name]
		if want == "" {
			want = incident.Log
		}
		if cmd.Verb != want || cmd.Ref.ID == "" || cmd.At.IsZero() || cmd.Actor.IsZero() || !cmd.FromVendor() {
			t.Errorf("%s: command %+v, want the verb %q", name, cmd, want)
		}
		switch {
		case want == incident.Log && (cmd.Args.Text == "" || cmd.Args.Kind != incident.EvPager),
			want == incident.AddNote && cmd.Args.Text == "",
			want != incident.Log && want != incident.AddNote && (cmd.Args.Alert == nil || cmd.Args.Alert.Title == "" || cmd.Args.Alert.ServiceID == ""):
			t.Errorf("%s says nothing: %+v", name, cmd.Args)
		}
	}
	if h.handler.Failed.Load()+h.handler.Refused.Load() != 0 {
		t.Errorf("failed %d, refused %d: %s", h.handler.Failed.Load(), h.handler.Refused.Load(), h.log.String())
	}
}

func FuzzHandler(f *testing.F) {
	for _, kind := range []string{"incident.triggered", "incident.resolved", "incident.priority_updated", "incident.x"} {
		f.Add(event("E1", kind, t0, "checkout is down"))
	}
	f.Add(note("E1", "x"))
	f.Add([]byte(`{"event":{"id":"E1","event_type":"incident.responder.added","data":{"incident":{"id":"Q1"},"user":{"id":"PU2"},"type":"incident_responder"}}}`))
	f.Add([]byte(`{"event":{"event_type":"pagey.ping"}}`))
	f.Add([]byte("\xff"))
	h := newHouse(f, boltstore.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		h.t = t
		if w := h.deliver("", body); w.Code != 202 && len(body) <= webhook.MaxBody {
			t.Errorf("status = %d (%s)", w.Code, w.Body)
		}
		for _, inc := range h.newest(3) {
			if inc.Title != incident.Clip(incident.Line(inc.Title), incident.MaxTitle) || inc.OpenedAt.Year() < 2009 || inc.OpenedAt.After(at(60).Add(25*time.Hour)) {
				t.Errorf("%s: %q opened at %s", inc.ID, inc.Title, inc.OpenedAt)
			}
		}
	})
}
