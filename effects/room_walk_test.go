package effects_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/botframework/botframeworksim"
	"imbot/integrations/graph/graphrest"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/outbox"
)

// The same walks each time: other ones by -walk.seed, more of them by -walks.
var (
	walks    = flag.Int("walks", 12, "how many walks TestRoomWalks takes")
	walkSeed = flag.Uint64("walk.seed", 20261122, "the first seed of TestRoomWalks")
)

// stride is one step of a walk. Its numbers are taken modulo of what there is
// when it is taken, so that a walk is one still when steps are left out.
type stride struct {
	op      string
	a, b, c int
}

// TestRoomWalks: whatever people, the pager and time do to incidents that are
// tied to each other, and whatever fails for a while meanwhile, in the end what
// docs/rooms.md and docs/standby.md promise holds. A walk that fails is shortened.
func TestRoomWalks(t *testing.T) {
	failed := map[string]bool{}
	for n := range *walks {
		seed := *walkSeed + uint64(n)
		rnd := rand.New(rand.NewPCG(seed, 7))
		c := roomConfig{blind: rnd.IntN(4) == 0}
		if rnd.IntN(3) == 0 {
			c.size = 4
		}
		path := strides(rnd)
		wrong := walkAlong(t, c, path)
		if len(wrong) == 0 {
			continue
		}
		i := slices.IndexFunc(wrong, func(s string) bool { return !failed[kindOf(s)] })
		if i < 0 {
			continue // one walk for each thing that is wrong
		}
		what := kindOf(wrong[i])
		failed[what] = true
		path = shorter(path, func(p []stride) bool {
			return slices.ContainsFunc(walkAlong(t, c, p), func(w string) bool { return kindOf(w) == what })
		})
		t.Errorf("seed %d, %+v:\n%s\nafter:", seed, c, strings.Join(walkAlong(t, c, path), "\n"))
		for _, s := range path {
			t.Logf("  %+v", s)
		}
	}
}

// kindOf is what is wrong, without whom it is about.
func kindOf(wrong string) string {
	kind, _, _ := strings.Cut(wrong, ":")
	return kind
}

// shorter leaves out what a walk does not need to fail.
func shorter(path []stride, fails func([]stride) bool) []stride {
	for size := len(path) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(path); {
			if some := slices.Delete(slices.Clone(path), at, at+size); fails(some) {
				path = some
			} else {
				at += size
			}
		}
	}
	return path
}

// strides draws a walk.
func strides(rnd *rand.Rand) []stride {
	var ops []string
	for op, weight := range map[string]int{
		"trigger": 8, "declare": 4, "pager": 6, "life": 6, "level": 5, "room": 8, "person": 4, "link": 5, "assign": 4, "page": 5, "answer": 6,
		"member": 2, "public": 2, "hide": 2, "leave": 3, "come": 3, "update": 2, "remind": 2, "pass": 16, "fault": 4, "restart": 2,
	} {
		ops = append(ops, slices.Repeat([]string{op}, weight)...)
	}
	slices.Sort(ops)
	out := []stride{{op: "trigger", a: rnd.IntN(100), b: rnd.IntN(100), c: rnd.IntN(100)}}
	for range 5 + rnd.IntN(25) {
		out = append(out, stride{ops[rnd.IntN(len(ops))], rnd.IntN(100), rnd.IntN(100), rnd.IntN(100)})
	}
	return out
}

// walk is a town of incidents, in which everything is recorded that imbot does
// to people.
type walk struct {
	*rooms
	c       roomConfig
	alerts  map[incident.ID]string    // in PagerDuty
	private map[incident.ID]time.Time // since when
	lost    int                       // answers of Teams, each of which may have been to a post that nobody knows of
	left    map[string]bool           // chat and object id: has left, and nobody has asked for them since
	unasked map[string][]time.Time    // posts by chat
	objects map[string]string         // mail -> object id
	healAt  time.Time
	wrong   []string
}

func (w *walk) bad(kind, format string, args ...any) {
	if s := kind + ": " + fmt.Sprintf(format, args...); !slices.Contains(w.wrong, s) {
		w.wrong = append(w.wrong, s)
	}
}

var (
	walkServices = []string{"checkout", "cart", "db", "stock"}
	walkLevels   = []string{incident.ServiceDown, incident.HighErrorRate, incident.Other, "secret"}
	walkPeople   = []string{"ani@example.com", "budi@example.com", "eko@example.com", "dewi@example.com", "fitri@example.com", "gita@example.com"}
	walkTimes    = []time.Duration{0, time.Second, 10 * time.Second, 40 * time.Second, 3 * time.Minute, 6 * time.Minute, 20 * time.Minute, 3 * time.Hour}
)

// calls is who calls whom in the town.
type calls []incident.Call

func (c calls) Callees(s string) (out []incident.Call) {
	return slices.DeleteFunc(slices.Clone(c), func(x incident.Call) bool { return x.From != s })
}

func (c calls) Callers(s string) (out []incident.Call) {
	return slices.DeleteFunc(slices.Clone(c), func(x incident.Call) bool { return x.To != s })
}

func (calls) Ring(string) int { return 0 }

// watched records whom imbot adds to chats.
type watched struct {
	chats
	w *walk
}

func (c watched) AddMembers(ctx context.Context, id string, members []graphrest.Member) ([]graphrest.LeftOut, error) {
	before, _ := c.w.graph.Chat(id)
	left, err := c.chats.AddMembers(ctx, id, members)
	after, _ := c.w.graph.Chat(id)
	for _, m := range after.Members {
		if !slices.ContainsFunc(before.Members, func(b graphsim.Member) bool { return b.UserID == m.UserID }) {
			c.w.added(id, m.UserID)
		}
	}
	return left, err
}

// walkAlong takes a walk in a town of its own, and returns what is wrong in the
// end.
func walkAlong(t *testing.T, c roomConfig, path []stride) (wrong []string) {
	t.Helper()
	t.Run("", func(t *testing.T) {
		w := newWalk(t, c)
		for i, s := range path {
			w.take(i, s)
		}
		w.heal()
		w.pass(4 * time.Hour)
		w.check()
		wrong = w.wrong
	})
	return wrong
}

func newWalk(t *testing.T, c roomConfig) *walk {
	w := &walk{c: c, alerts: map[incident.ID]string{}, private: map[incident.ID]time.Time{}, left: map[string]bool{}, unasked: map[string][]time.Time{}}
	w.rooms = newRooms(t, c)
	for _, name := range []string{"Ani", "Eko", "Dewi"} {
		w.pd.AddUser(pagerdutysim.User{ID: "P" + strings.ToUpper(name), Name: name, Email: strings.ToLower(name) + "@example.com"})
	}
	for i, s := range walkServices[1:] {
		w.pd.AddService(pagerdutysim.Service{ID: fmt.Sprintf("PSVC0%d", i+2), Name: s})
	}
	w.townCatalog()
	w.svc.Topology = func() incident.Topology {
		return calls{{From: "cart", To: "db", Source: "catalog"}, {From: "checkout", To: "cart", Source: "catalog"}, {From: "stock", To: "db", Source: "catalog"}}
	}
	w.chain["dba"] = []incident.Actor{{Kind: incident.KindUser, ID: "dewi@example.com", Name: "Dewi"}, ekoActor, person}
	w.chain["devops"] = []incident.Actor{w.chain["dba"][0], aniActor}
	w.chain["squad:payments"] = []incident.Actor{person, aniActor}
	w.objects = map[string]string{}
	for _, mail := range walkPeople {
		u, err := w.fx.Chats.User(t.Context(), mail)
		must(t, err)
		w.objects[mail] = u.ID
	}
	w.restart()
	return w
}

// mail is whose account in Entra this is.
func (w *walk) mail(object string) string {
	for mail, id := range w.objects {
		if strings.EqualFold(id, object) {
			return mail
		}
	}
	return object
}

func (w *walk) townCatalog() {
	file, err := catalog.Parse([]byte(strings.ReplaceAll(`
squads:
  - {key: payments, name: Payments, channel: "CHANNEL", lead: ani@example.com, members: [budi@example.com], bridge_url: "https://meet.example.com/payments", standby: {pagerduty_escalation_policy: PEP1}}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC01, standby: [dba], stakeholders: [fitri@example.com]}
  - {key: cart, name: Cart, squad: payments, owner: fitri@example.com, pagerduty_service_id: PSVC02, standby: [dba, devops]}
  - {key: db, name: Database, squad: payments, owner: ani@example.com, pagerduty_service_id: PSVC03, standby: [dba, nobody]}
  - {key: stock, name: Stock, squad: payments, owner: gita@example.com, pagerduty_service_id: PSVC04, stakeholders: [hana@partner.example, nobody@example.com, fitri@example.com]}
standby:
  dba: {pagerduty_schedule: PDBA001}
  devops: {pagerduty_schedule: PDBA003}
  nobody: {pagerduty_schedule: PDBA002}
people:
  - {mail: dewi@example.com, name: Dewi}
  - {mail: budi@example.com, name: Budi, pagerduty_id: PBUDI}
`, "CHANNEL", w.payments)), "catalog.yaml")
	must(w.t, err)
	levels := append(incident.DefaultLevels(), incident.Level{Key: "secret", Title: "Secret", Rank: 2, Room: true, Private: true, Members: []string{"eko@example.com"}})
	w.cat, err = catalog.New(file, catalog.Settings{
		DefaultChannel: w.def, BroadcastChannel: w.everywhere, Levels: levels,
		Notices: map[string]incident.Notice{
			incident.ServiceDown: {Card: true, Room: true, Broadcast: true, Page: []string{"dba"}}, "secret": {Room: true}, incident.Other: {Card: true}, incident.HighErrorRate: {Card: true},
		},
	}, nil)
	must(w.t, err)
}

// restart is another process on the same store.
func (w *walk) restart() {
	api := w.rooms.fx.Chats
	if plain, ok := api.(chats); ok {
		api = watched{plain, w}
	}
	w.start(w.c, consent, api)
	w.fx.Standby = w.chain
	w.fx.App = &effects.App{ManifestID: manifestID, Consent: consent}
	h := w.runner.Handlers
	for _, k := range []string{incident.KindMail, incident.KindDirect, incident.KindTicket, incident.KindTask, incident.KindTaskSync, incident.KindPublish, incident.KindHook} {
		h[k] = func(context.Context, outbox.Job) error { return nil } // other tests are for these
	}
	h[incident.KindPage], h[incident.KindWake], h[incident.KindWaited], h[incident.KindPageOver] = w.waker.Find, w.waker.Wake, w.waker.Waited, w.waker.Over
	h[incident.KindPDAck], h[incident.KindPDResolve], h[incident.KindPDNote], h[incident.KindDetails] = w.pager.Ack, w.pager.Resolve, w.pager.Note, w.pager.Details
	h[incident.KindNudge], h[incident.KindRelink], h[incident.KindUnpause] = effects.Again(w.svc, incident.Nudge), effects.Again(w.svc, incident.Relink), effects.Again(w.svc, incident.Unpause)
	h[incident.KindRoomSay] = w.sayWatched
	w.runner.OnDead = func(_ context.Context, job outbox.Job, err error) { w.bad("dead", "%s: %v", job.Key, err) }
}

// sayWatched notes when something was posted in a room that nobody asked for.
func (w *walk) sayWatched(ctx context.Context, job outbox.Job) error {
	count := func() map[string]int {
		out := map[string]int{}
		for _, c := range w.graph.Chats() {
			out[c.ID] = len(w.teams.Posts(c.ID))
		}
		return out
	}
	before := count()
	err := w.say.RoomSay(ctx, job)
	for id, n := range count() {
		if n > before[id] && strings.Contains(string(job.Data), `"reason"`) && !strings.Contains(string(job.Data), `"asked":true`) && err == nil {
			w.unasked[id] = append(w.unasked[id], w.Now())
		}
	}
	return err
}

// pass lets time pass, and runs what is due meanwhile.
func (w *walk) pass(d time.Duration) {
	end := w.Now().Add(d)
	for range 5000 {
		if w.killed {
			w.restart()
		}
		_, next, err := w.runner.RunDue(hurried(w.t.Context()))
		must(w.t, err)
		if !w.healAt.IsZero() && !w.Now().Before(w.healAt) {
			w.heal()
		}
		if next.IsZero() || next.After(end) {
			w.advance(max(0, end.Sub(w.Now())))
			return
		}
		w.advance(max(0, next.Sub(w.Now())))
	}
	w.bad("busy", "the outbox never comes to rest")
}

// fault makes one vendor fail for a while.
func (w *walk) fault(s stride) {
	f := graphsim.Fault{Method: []string{"", "POST", "GET", "PATCH"}[s.b%4]}
	teams := botframeworksim.Pass()
	switch s.c % 5 {
	case 0:
		f.Status, teams = 500, botframeworksim.Answer(500)
	case 1:
		f.Status, f.RetryAfter, teams = 429, 20*time.Second, botframeworksim.AnswerAfter(429, 20*time.Second)
	case 2:
		f.After, f.Drop, f.Times, teams = true, true, 1, botframeworksim.LoseAnswer()
	case 3:
		f.Drop, teams = true, botframeworksim.Drop()
	case 4:
		f.Status, f.Times, teams = http.StatusServiceUnavailable, 2, botframeworksim.Answer(502)
	}
	w.healAt = w.Now().Add(walkTimes[1+s.b%5])
	switch s.a % 4 {
	case 0, 1:
		w.graph.Inject(f)
	case 2:
		w.pd.Inject(pagerdutysim.Fault(f))
	case 3:
		n := 0
		w.teams.Fault(func(botframeworksim.Call) botframeworksim.Outcome {
			if n++; s.c%5 == 2 && n > 1 {
				return botframeworksim.Pass()
			}
			if s.c%5 == 2 {
				w.lost++
			}
			return teams
		})
	}
}

func (w *walk) heal() {
	w.graph.ClearFaults()
	w.pd.ClearFaults()
	w.teams.Fault(nil)
	w.healAt, w.die = time.Time{}, nil
}
