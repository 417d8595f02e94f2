package effects_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/hook"
	"imbot/outbox"
)

const sharedSecret = "a-secret-of-both-sides"

// told is what a receiver has been told, and whether it took it.
type told struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Incident struct {
		ID     string `json:"id"`
		Title  string `json:"title"`
		Status string `json:"status"`
		Level  string `json:"level"`
		URL    string `json:"url"`
	} `json:"incident"`
	Event struct {
		N     int    `json:"n"`
		Kind  string `json:"kind"`
		Actor struct {
			ID string `json:"id"`
		} `json:"actor"`
	} `json:"event"`
	taken bool
}

// receiver is another system: it checks each signature, and answers by script.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	all    []told
	raw    strings.Builder
	script []int // statuses to answer with, one after the other; then 204. 0: the answer gets lost
	after  string
}

func receive(t testing.TB) *receiver {
	t.Helper()
	v := &receiver{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var got told
		if err := json.Unmarshal(body, &got); err != nil {
			t.Errorf("body: %v", err)
		}
		if want := hook.Scheme + hook.Sign(sharedSecret, r.Header.Get(hook.HeaderTimestamp), body); r.Header.Get(hook.HeaderSignature) != want {
			t.Errorf("the signature of %s is wrong", got.ID)
		}
		if r.Header.Get(hook.HeaderDelivery) != got.ID {
			t.Errorf("delivery %q has the body of %q", r.Header.Get(hook.HeaderDelivery), got.ID)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		status := http.StatusNoContent
		if len(v.script) > 0 {
			status, v.script = v.script[0], v.script[1:]
		}
		got.taken = status == 0 || status/100 == 2
		v.all = append(v.all, got)
		v.raw.Write(body)
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", v.after)
		w.WriteHeader(status)
	}))
	t.Cleanup(v.Close)
	return v
}

// taken lists what was accepted, each delivery once, as "INC-1 type kind".
func (v *receiver) taken() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := map[string]bool{}
	var out []string
	for _, d := range v.all {
		if d.taken && !seen[d.ID] {
			out = append(out, d.Incident.ID+" "+d.Type+" "+d.Event.Kind)
		}
		seen[d.ID] = seen[d.ID] || d.taken
	}
	return out
}

// tell makes the receiver one that is told of what the wish says.
func (r *rig) tell(v *receiver, wish incident.HookWish) {
	var wishes []incident.HookWish
	if r.svc.Hooks != nil {
		wishes = r.svc.Hooks()
	}
	wishes = append(wishes, wish)
	r.svc.Hooks = func() []incident.HookWish { return wishes }
	hooks := map[string]effects.Hook{}
	for _, w := range wishes {
		hooks[w.Name] = effects.Hook{API: hook.New(hook.Config{Private: true, Now: r.Now, Timeout: 5 * time.Second}), URL: v.URL + "/" + w.Name, Secret: sharedSecret}
	}
	r.runner.Handlers[incident.KindHook] = (&effects.Hooks{Hooks: hooks, View: r.say.View}).Send
}

// life declares an incident, acknowledges and resolves it.
func (r *rig) life() incident.ID {
	r.t.Helper()
	id := r.declare("Odd things happen")
	r.do(incident.Command{Verb: incident.Ack, Incident: id})
	r.do(incident.Command{Verb: incident.Resolve, Incident: id})
	return id
}

var lifeTold = []string{"INC-1 incident.opened declared", "INC-1 incident.changed acknowledged", "INC-1 incident.closed closed"}

// TestHooks: a life is told in order, whatever the receiver answers in between,
// and nothing of it twice but what it has not answered.
func TestHooks(t *testing.T) {
	tests := []struct {
		name   string
		script []int
		after  string
		calls  int
	}{
		{"all is well", nil, "", 3},
		{"other good answers", []int{200, 201, 299}, "", 3},
		{"down for a while", []int{500, 503, 502}, "", 6},
		{"too many requests", []int{429, 429}, "30", 5},
		{"answers get lost", []int{0, 0}, "", 5},
		{"in the middle", []int{204, 500, 0, 204}, "", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, v := newRig(t), receive(t)
			v.script, v.after = tt.script, tt.after
			r.tell(v, incident.HookWish{Name: "status"})
			id := r.life()
			r.settle(time.Hour)
			if got := v.taken(); !slices.Equal(got, lifeTold) {
				t.Errorf("told %q, want %q", got, lifeTold)
			}
			if len(v.all) != tt.calls {
				t.Errorf("%d deliveries, want %d", len(v.all), tt.calls)
			}
			first := v.all[0]
			if first.ID != fmt.Sprintf("%s/hook/status/%d", id, first.Event.N) || first.Incident.Title != "Odd things happen" || first.Event.Actor.ID != person.ID {
				t.Errorf("first delivery: %+v", first)
			}
			if len(r.dead) > 0 {
				t.Errorf("given up: %v", r.dead)
			}
		})
	}
}

// TestHookWaits: a receiver that says when to come back is left alone until
// then.
func TestHookWaits(t *testing.T) {
	r, v := newRig(t), receive(t)
	v.script, v.after = []int{429}, "600"
	r.tell(v, incident.HookWish{Name: "status"})
	r.declare("Odd things happen")
	r.settle(9 * time.Minute)
	if len(v.all) != 1 {
		t.Errorf("%d deliveries within 9 minutes, want 1", len(v.all))
	}
	r.settle(10 * time.Minute)
	if got := v.taken(); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}

// TestHookRefused: what is refused for good is on the timeline, and makes no
// further deliveries; other systems hear all the same.
func TestHookRefused(t *testing.T) {
	for status, says := range map[int]string{http.StatusGone: "remove the hook", http.StatusNotFound: "404", http.StatusFound: "redirects are not followed"} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			r, v, other := newRig(t), receive(t), receive(t)
			v.script = slices.Repeat([]int{status}, 20)
			r.tell(v, incident.HookWish{Name: "status"})
			handler := r.runner.Handlers[incident.KindHook]
			r.tell(other, incident.HookWish{Name: "other"})
			second := r.runner.Handlers[incident.KindHook]
			r.runner.Handlers[incident.KindHook] = sortOut(handler, second)
			r.runner.OnDead = func(_ context.Context, job outbox.Job, err error) { // as the program does
				r.do(incident.Command{
					Verb: incident.Fail, Incident: job.Incident, Actor: incident.System,
					Args: incident.Args{Text: err.Error(), Data: map[string]string{"effect": job.Kind}},
				})
			}
			id := r.life()
			r.settle(time.Hour)
			if len(v.all) != 3 {
				t.Errorf("%d deliveries, want each once", len(v.all))
			}
			if got := other.taken(); !slices.Equal(got, lifeTold) {
				t.Errorf("the other was told %q, want %q", got, lifeTold)
			}
			said := false
			for _, e := range r.view(id).Timeline {
				said = said || (e.Kind == incident.EvFailed && strings.Contains(e.Text, says))
			}
			if !said {
				t.Errorf("the timeline does not say %q", says)
			}
		})
	}
}

// TestHookPrivate: no word of a private incident leaves, nor of one that has
// become private since.
func TestHookPrivate(t *testing.T) {
	r, v := newRig(t), receive(t)
	r.tell(v, incident.HookWish{Name: "status"})
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Canary leak", Service: "checkout", Private: true}}).ID
	r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "Canary note"}})
	r.settle(time.Minute)
	if len(v.all) != 0 {
		t.Fatalf("told of a private incident: %s", v.raw.String())
	}
	open := r.declare("Canary that turns private")
	must(t, r.store.Update(t.Context(), func(tx incident.Tx) error {
		inc, err := tx.Incident(open)
		if err != nil {
			return err
		}
		inc.Private = true
		return tx.PutIncident(inc)
	}))
	r.settle(time.Minute)
	if len(v.all) != 0 {
		t.Errorf("told of it after it had become private: %s", v.raw.String())
	}
	r.do(incident.Command{Verb: incident.Publicise, Incident: id, Args: incident.Args{Reason: "over"}})
	r.settle(time.Minute)
	if got := v.taken(); len(got) != 1 || got[0] != id.String()+" incident.opened public" {
		t.Errorf("told %q when it became public", got)
	}
}

// TestHookGone: a hook that the configuration has no more is skipped.
func TestHookGone(t *testing.T) {
	r, v := newRig(t), receive(t)
	r.tell(v, incident.HookWish{Name: "status"})
	r.runner.Handlers[incident.KindHook] = (&effects.Hooks{View: r.say.View}).Send
	id := r.declare("Odd things happen")
	r.settle(time.Minute)
	n := r.view(id).Incident.Events
	for ; n > 0; n-- {
		if e, ok := r.lookUp(id, fmt.Sprintf("/hook/status/%d", n)); ok {
			if e.State != incident.EffectSkipped {
				t.Errorf("the effect is %+v", e)
			}
			return
		}
	}
	t.Error("there was no effect")
}

// sortOut hands what is for the hook "status" to the first handler.
func sortOut(status, rest outbox.Handler) outbox.Handler {
	return func(ctx context.Context, job outbox.Job) error {
		if strings.Contains(job.Key, "/hook/status/") {
			return status(ctx, job)
		}
		return rest(ctx, job)
	}
}

// lookUp finds the effect whose key ends so.
func (r *rig) lookUp(id incident.ID, suffix string) (found incident.EffectState, ok bool) {
	r.t.Helper()
	must(r.t, r.store.View(r.t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(id)
		for _, e := range all {
			if strings.HasSuffix(e.Key, suffix) {
				found, ok = e, true
			}
		}
		return err
	}))
	return found, ok
}
