package effects_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/outbox"
)

// roomCalls are the calls of Graph that opening a room makes, and the state in
// which it ends if the call is refused for good.
var roomCalls = []struct{ name, method, path, refused string }{
	{"look up", "GET", "/users/dewi@example.com", incident.RoomOpen}, // Dewi is named as missing
	{"chat", "POST", "/chats", incident.RoomThread},
	{"catalog", "GET", "/appCatalogs/teamsApps", incident.RoomThread},
	{"install", "POST", "/installedApps", incident.RoomThread},
	{"call", "POST", "/onlineMeetings/createOrGet", incident.RoomOpen}, // the squad's own one serves
}

var graphFaults = map[string]graphsim.Fault{
	"timeout": {Hang: true}, "drop": {Drop: true}, "500": {Status: 500}, "429": {Status: 429, RetryAfter: 20 * time.Second},
	"403":  {Status: 403, Code: "Forbidden", Message: "Missing role permissions on the request. API requires one of 'Some.Permission'."},
	"lost": {After: true, Drop: true}, "done and 500": {After: true, Status: 500},
}

// row is one line of the table that TestRoomFaults prints.
type row struct {
	what, fault, mode string
	state             string
	chats, told       int
	in, missing       string
	took              time.Duration
}

func (r row) String() string {
	return fmt.Sprintf("%-14s %-13s %-6s %-7s %d chats, %d counted, in: %-22s missing: %-5s after %s", r.what, r.fault, r.mode, r.state, r.chats, r.told, r.in, r.missing, r.took)
}

// TestRoomFaults: each call of each step, gone wrong in each way, where imbot may
// look for chats and where it may not. There is one room, or one more that is
// counted; everybody is in it or named; and within a minute the incident is told.
func TestRoomFaults(t *testing.T) {
	for _, call := range roomCalls {
		for _, name := range slices.Sorted(keys(graphFaults)) {
			for _, mode := range []string{"looks", "blind"} {
				if mode == "blind" && call.name != "chat" {
					continue // it makes no difference
				}
				t.Run(call.name+" "+name+" "+mode, func(t *testing.T) {
					t.Parallel()
					r := newRooms(t, roomConfig{blind: mode == "blind", organizer: "eko@example.com"})
					f := graphFaults[name]
					f.Method, f.Path, f.Times = call.method, call.path, 1
					r.graph.Inject(f)
					want := incident.RoomOpen
					if name == "403" {
						want = call.refused
					}
					id := r.down("checkout")
					r.settle(time.Minute)
					got := r.check(id, want)
					got.what, got.fault, got.mode = call.name, name, mode
					t.Log(got)
					doubtful := call.name == "chat" && (name == "lost" || name == "done and 500" || name == "timeout" || name == "drop" || name == "500")
					if most := 1; mode == "blind" && doubtful {
						most = 2
						if got.told != most {
							t.Errorf("%d chats are counted", got.told)
						}
					} else if got.chats > most || got.told > most {
						t.Errorf("%d chats, %d counted", got.chats, got.told)
					}
				})
			}
		}
	}
}

func keys[M ~map[string]V, V any](m M) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// check looks at what must hold in the end of all cells.
func (r *rooms) check(id incident.ID, want string) row {
	r.t.Helper()
	room := r.room(id)
	out := row{
		state: room.State, chats: len(r.graph.Chats()), told: room.Chats, in: names(room, incident.PersonIn), missing: names(room, incident.PersonMissing),
	}
	if !room.OpenAt.IsZero() {
		out.took = room.OpenAt.Sub(r.view(id).Incident.OpenedAt).Round(time.Second)
	}
	if room.State != want {
		r.t.Errorf("the room is %s (%s), want %s", room.State, room.Reason, want)
	}
	card := r.one(r.payments)
	if opened := r.view(id).Incident.OpenedAt; card.Posted.After(opened.Add(time.Minute)) {
		r.t.Errorf("nobody was told before %s", card.Posted.Sub(opened))
	}
	switch room.State {
	case incident.RoomOpen:
		in := r.inChat(room.Chat)
		for _, p := range room.People {
			name, _, _ := strings.Cut(p.Person.ID, "@")
			if there := strings.Contains(in, name); p.State != incident.PersonIn && p.State != incident.PersonMissing || p.State == incident.PersonIn && !there {
				r.t.Errorf("%s is %s; in the chat are %s", name, p.State, in)
			}
		}
		if r.one(room.Chat).Card() == nil {
			r.t.Error("there is no card in the room")
		}
	case incident.RoomThread:
		if room.Reason == "" || !card.Contains("No war room") {
			r.t.Errorf("nobody is told why: %s", card.Card())
		}
		if len(r.teams.Posts(r.payments)) != 2 {
			r.t.Error("the thread calls nobody")
		}
	}
	ended := []string{"/room", "/card"}
	if room.State == incident.RoomOpen {
		ended = append(ended, "/room.sync")
	}
	for _, e := range ended {
		if e := r.find(id, e); e.State != done {
			r.t.Errorf("%s is %s: %s", e.Key, e.State, e.Error)
		}
	}
	return out
}

// TestRoomKilled kills imbot before and after each step is recorded, and starts
// it again when the lease has run out.
func TestRoomKilled(t *testing.T) {
	steps := []string{incident.RoomBegin, incident.RoomPeople, incident.RoomTried, incident.RoomMade, incident.RoomReady, incident.RoomCall, incident.RoomOpened}
	for _, step := range steps {
		for _, when := range []string{"before", "after"} {
			for _, mode := range []string{"looks", "blind"} {
				if mode == "blind" && step != incident.RoomTried && step != incident.RoomMade {
					continue
				}
				t.Run(when+" "+step+" "+mode, func(t *testing.T) {
					t.Parallel()
					c := roomConfig{blind: mode == "blind", organizer: "eko@example.com"}
					r := newRooms(t, c)
					id := r.down("checkout")
					r.killAt(step, when == "before")
					r.advance(61 * time.Second)
					r.start(c, consent, r.fx.Chats)
					r.settle(time.Minute)
					got := r.check(id, incident.RoomOpen)
					got.what, got.fault, got.mode = step, "killed "+when, mode
					t.Log(got)
					most := 1
					if mode == "blind" && (step == incident.RoomMade && when == "before" || step == incident.RoomTried && when == "after") {
						most = 2
					}
					if got.chats > most || got.told != most {
						t.Errorf("%d chats, %d counted, want %d", got.chats, got.told, most)
					}
					if len(r.graph.Meetings()) > 1 {
						t.Error("there are two calls")
					}
				})
			}
		}
	}
}

// killAt runs what is due until imbot is killed: what ran at that moment is
// never ended.
func (r *rooms) killAt(step string, before bool) {
	r.t.Helper()
	var died atomic.Bool
	r.die = func(s string, b bool) bool {
		if s == step && b == before && !died.Load() {
			died.Store(true)
			return true
		}
		return false
	}
	for range 20 {
		jobs, err := r.store.Lease(r.t.Context(), r.Now(), r.Now().Add(time.Minute), 8)
		must(r.t, err)
		// Cards are posted by another worker, at the same time.
		slices.SortFunc(jobs, func(a, b outbox.Job) int { return strings.Compare(a.Kind, b.Kind) })
		for _, job := range jobs {
			err := r.runner.Handlers[job.Kind](hurried(r.t.Context()), job)
			if r.killed {
				return
			}
			must(r.t, r.store.Finish(r.t.Context(), job, outbox.Outcome{State: incident.EffectDone, At: r.Now(), Error: fmt.Sprint(err)}))
		}
	}
	r.t.Fatalf("nothing comes to the step %s", step)
}

// TestRoomSilent: Graph does not answer for a long time. After two minutes a
// thread is named; the room comes when Graph does, and the state is true.
func TestRoomSilent(t *testing.T) {
	r := newRooms(t, roomConfig{})
	r.graph.Inject(graphsim.Fault{Path: "/chats", Status: 503})
	id := r.down("checkout")
	r.settle(time.Minute)
	if room := r.room(id); room.State != incident.RoomOpening || room.Reason != "" {
		t.Fatalf("after a minute the room is %+v", room)
	}
	r.settle(90 * time.Second)
	room := r.room(id)
	if room.State != incident.RoomOpening || room.Reason == "" || !r.one(r.payments).Contains("Talk in the thread") && !r.one(r.payments).Contains("talk in the thread") {
		t.Fatalf("after two minutes the room is %+v", room)
	}
	if !r.one(r.payments).Contains("https://meet.example.com/payments") {
		t.Error("the card does not lead to the standing call meanwhile")
	}
	if n := len(r.teams.Posts(r.payments)); n != 2 || r.count(id, incident.EvRoomLate) != 1 {
		t.Errorf("%d posts, want the card and one call into its thread", n)
	}
	r.settle(20 * time.Minute)
	r.graph.ClearFaults()
	r.settle(time.Minute)
	if room = r.room(id); room.State != incident.RoomOpen || room.Reason != "" || len(r.graph.Chats()) != 1 {
		t.Errorf("when Graph is back the room is %+v", room)
	}
}

// TestRoomGivesUp: after hours nobody needs the room any more; a person may ask
// again.
func TestRoomGivesUp(t *testing.T) {
	t.Parallel()
	r := newRooms(t, roomConfig{})
	r.graph.Inject(graphsim.Fault{Path: "/chats", Status: 503})
	id := r.down("checkout")
	r.settle(3 * time.Hour)
	if room := r.room(id); room.State != incident.RoomThread {
		t.Fatalf("after hours the room is %+v", room)
	}
	r.graph.ClearFaults()
	r.ask(id, incident.Args{})
	r.settle(time.Minute)
	if room := r.room(id); room.State != incident.RoomOpen {
		t.Errorf("asked for again, the room is %+v", room)
	}
}

// TestRoomLostTwice: where imbot may not look, no more than one chat too many is
// ever made.
func TestRoomLostTwice(t *testing.T) {
	r := newRooms(t, roomConfig{blind: true})
	r.graph.Inject(graphsim.Fault{Method: "POST", Path: "/chats", After: true, Drop: true})
	id := r.down("checkout")
	r.settle(time.Hour)
	room := r.room(id)
	if room.State != incident.RoomThread || len(r.graph.Chats()) != 2 {
		t.Errorf("%d chats, the room is %+v", len(r.graph.Chats()), room)
	}
	if !r.one(r.payments).Contains("empty chat") {
		t.Errorf("the card does not speak of them: %s", r.one(r.payments).Card())
	}
}

// TestRoomNamesake: a chat of the same name that somebody made long ago is not
// taken for the room.
func TestRoomNamesake(t *testing.T) {
	r := newRooms(t, roomConfig{})
	ani, err := r.fx.Chats.User(t.Context(), "ani@example.com")
	must(t, err)
	eko, err := r.fx.Chats.User(t.Context(), "eko@example.com")
	must(t, err)
	old := r.graph.AddChat("INC-1 Checkout · DOWN · open", ani.ID, eko.ID)
	r.advance(time.Hour)
	r.graph.Inject(graphsim.Fault{Method: "POST", Path: "/chats", Status: 500, Times: 1})
	id := r.down("checkout")
	r.settle(time.Minute)
	if room := r.room(id); room.State != incident.RoomOpen || room.Chat == old.ID {
		t.Errorf("the room is %+v", room)
	}
}

// TestRoomSyncFaults: adding people and renaming, gone wrong in each way.
func TestRoomSyncFaults(t *testing.T) {
	for _, call := range []struct{ name, method, path string }{{"add", "POST", "/members"}, {"list", "GET", "/members"}, {"rename", "PATCH", "@thread.v2"}} {
		for _, name := range slices.Sorted(keys(graphFaults)) {
			t.Run(call.name+" "+name, func(t *testing.T) {
				t.Parallel()
				r := newRooms(t, roomConfig{})
				id := r.down("cart")
				r.settle(time.Minute)
				f := graphFaults[name]
				f.Method, f.Path, f.Times = call.method, call.path, 1
				r.graph.Inject(f)
				r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}})
				r.do(incident.Command{Verb: incident.Resolve, Incident: id})
				r.settle(time.Minute)
				room := r.room(id)
				in := strings.Contains(names(room, incident.PersonIn), "eko")
				refused := name == "403" && call.name == "add"
				if in == refused || in != strings.Contains(r.inChat(room.Chat), "eko") || in == strings.Contains(names(room, incident.PersonMissing), "eko") {
					t.Errorf("in: %s, missing: %s", names(room, incident.PersonIn), names(room, incident.PersonMissing))
				}
				c, _ := r.graph.Chat(room.Chat)
				if fixed := name == "403" && call.name == "rename"; room.Fixed != fixed || strings.HasSuffix(c.Topic, "resolved") == fixed || room.Topic != c.Topic {
					t.Errorf("the topic is %q, as imbot sees it %q", c.Topic, room.Topic)
				}
				if e := r.find(id, "room.sync"); e.State != done {
					t.Errorf("it is %s: %s", e.State, e.Error)
				}
			})
		}
	}
}

// TestRoomCardFaults: the first post in the room, gone wrong in each way. A lost
// answer may double it, as every post.
func TestRoomCardFaults(t *testing.T) {
	for name, want := range map[string]int{"429": 1, "503": 1, "drop": 1, "lost": 2, "403": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRooms(t, roomConfig{})
			var failed atomic.Bool
			r.teams.Fault(func(c botframeworksim.Call) botframeworksim.Outcome {
				if c.Op != "send" || !strings.HasSuffix(c.ConversationID, "@thread.v2") || failed.Swap(true) {
					return botframeworksim.Pass()
				}
				return teamsFaults[name]
			})
			id := r.down("cart")
			r.settle(time.Minute)
			room := r.room(id)
			if n := len(r.cards(room.Chat)); room.State != incident.RoomOpen || n != want {
				t.Errorf("%d cards, want %d; the room is %s", n, want, room.State)
			}
			if want == 0 && len(r.view(id).Trouble) == 0 {
				t.Error("nobody is told that there is no card in the room")
			}
		})
	}
}

// TestRoomNotInRosterYet: right after the installation Teams may not let imbot
// write yet.
func TestRoomNotInRosterYet(t *testing.T) {
	r := newRooms(t, roomConfig{})
	r.slow = true
	id := r.down("cart")
	r.settle(3 * time.Second)
	if n := len(r.cards(r.room(id).Chat)); n != 0 {
		t.Fatalf("%d cards before imbot is let in", n)
	}
	must(t, r.teams.SetInstalled(r.room(id).Chat, true))
	r.settle(2 * time.Minute)
	if posts := r.cards(r.room(id).Chat); len(posts) != 1 {
		t.Errorf("%d cards in the room", len(posts))
	}
}

var _ effects.Chats = chats{(*graphrest.Client)(nil)}

// TestRoomCallLate: a call that can not be made holds nobody up; after a while the
// squad's own one serves.
func TestRoomCallLate(t *testing.T) {
	t.Parallel()
	r := newRooms(t, roomConfig{organizer: "eko@example.com"})
	r.graph.Inject(graphsim.Fault{Path: "/createOrGet", Status: 503})
	id := r.down("cart")
	r.settle(time.Second)
	r.ask(id, incident.Args{Op: incident.RoomOpAdd, Person: &incident.Actor{Kind: incident.KindUser, ID: "eko@example.com", Name: "Eko"}})
	r.settle(time.Minute)
	room := r.room(id)
	if room.State != incident.RoomOpen || room.Call || !strings.Contains(r.inChat(room.Chat), "eko") {
		t.Errorf("in the chat are %s; the room is %+v", r.inChat(room.Chat), room)
	}
	r.settle(30 * time.Minute)
	if room = r.room(id); room.Meeting != "https://meet.example.com/payments" {
		t.Errorf("the call is %q", room.Meeting)
	}
}
