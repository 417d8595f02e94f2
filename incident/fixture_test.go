package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// t0 is when the trouble of most tests begins; the server's clock shows an hour
// later, so that everything in between is past.
var (
	t0    = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	clock = t0.Add(time.Hour)
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

var (
	ani   = Actor{Kind: KindUser, ID: "ani@example.com", Name: "Ani"}   // lead of the squad
	budi  = Actor{Kind: KindUser, ID: "budi@example.com", Name: "Budi"} // owner of the service
	citra = Actor{Kind: KindUser, ID: "citra@example.com", Name: "Citra"}
	dewi  = Actor{Kind: KindUser, ID: "dewi@example.com", Name: "Dewi"} // of no squad
	robot = Actor{Kind: KindToken, ID: "ci", Name: "ci"}
	pager = Actor{Kind: KindVendor, ID: SourcePagerDuty, Name: "PagerDuty"}
	// pdUser is a person as the pager knows them.
	pdUser = Actor{Kind: KindUser, ID: "pd:PU1", Name: "Ani in the pager"}
)

const security = "security"

// testLevels are the default ones and a private one.
func testLevels() Levels {
	return append(DefaultLevels(), Level{
		Key: security, Title: "Security", Rank: 2, Postmortem: true, Private: true, Members: []string{"sec@example.com"},
	})
}

var testRules = func() *Rules {
	rules := append([]Rule{
		{Name: "leak", Level: security, Match: Match{TitleWords: []string{"leak"}}},
		{Name: "maintenance", Level: Other, Quiet: true, Match: Match{TitleWords: []string{"maintenance"}}},
		{Name: "p1", Level: ServiceDown, Match: Match{Priority: []string{"P1"}}},
		{Name: "prod critical", Level: HighErrorRate, Match: Match{Labels: map[string][]string{"severity": {"critical"}}}},
	}, DefaultRules()...)
	rs, err := CompileRules(rules, testLevels())
	if err != nil {
		panic(err)
	}
	return rs
}()

// static is a catalog of one service and one squad.
type static struct {
	route   Route
	service ServiceInfo
	squad   SquadInfo
	notices map[string]Notice
}

func newStatic() *static {
	return &static{
		service: ServiceInfo{Key: "checkout", Name: "Checkout", Squad: "payments", Owner: budi.ID, Tier: 1, Known: true},
		squad:   SquadInfo{Key: "payments", Name: "Payments", Lead: ani.ID, Members: []string{citra.ID}, Known: true},
		route:   Route{Channel: "19:payments", Broadcast: "19:all", Review: "19:review", Mode: ModeLive},
		notices: DefaultNotices(testLevels()),
	}
}

func (c *static) Service(name, vendorID string) ServiceInfo {
	if vendorID == "PABC123" || strings.EqualFold(name, c.service.Key) || strings.EqualFold(name, c.service.Name) {
		return c.service
	}
	return ServiceInfo{}
}

func (c *static) Squad(key string) SquadInfo {
	if key != "" && key == c.squad.Key {
		return c.squad
	}
	return SquadInfo{}
}

func (c *static) Person(a Actor) Actor {
	if a.ID == pdUser.ID {
		return ani
	}
	for _, p := range []Actor{ani, budi, citra, dewi} {
		if p.ID == a.ID {
			return p
		}
	}
	return a
}

func (c *static) Levels() Levels                              { return testLevels() }
func (c *static) Match(a *Alert, service ServiceInfo) Verdict { return testRules.Match(a, service) }
func (c *static) Notice(_, level string) Notice               { return c.notices[level] }
func (c *static) Route(squad string) Route {
	if squad == c.squad.Key {
		return c.route
	}
	return Route{Channel: "19:default", Default: true, Broadcast: c.route.Broadcast, Mode: ModeLive}
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// world applies commands to one incident the way Service does, without a store.
type world struct {
	t       fataler
	cat     *static
	now     time.Time
	details bool
	hooks   []HookWish
	inc     *Incident
	events  []Event  // of the last command
	effects []Effect // of the last command
	all     []Event
}

func newWorld(t fataler) *world {
	return &world{t: t, cat: newStatic(), now: clock, inc: &Incident{ID: 1}}
}

// try carries out a command, and leaves the incident alone where it fails.
func (w *world) try(cmd Command) error {
	next := w.inc.Clone()
	f := factsFor(w.cat, existing(next), &cmd, w.details)
	f.Hooks = w.hooks
	events, effects, err := Apply(next, cmd, f, w.now)
	if err != nil {
		return err
	}
	w.events, w.effects = events, effects
	if len(events) > 0 || len(effects) > 0 || len(next.Marks) != len(w.inc.Marks) || !next.AlertAt.Equal(w.inc.AlertAt) || !next.sameTickets(w.inc) {
		w.inc = next // as Service does: what changes nothing is not stored
	}
	w.all = append(w.all, events...)
	return nil
}

func (w *world) do(cmd Command) *world {
	w.t.Helper()
	if w.inc.Episode == 0 && cmd.Verb != Trigger && cmd.Args.Alert != nil {
		// The pager's later word comes first, see work.do.
		if err := w.try(began(cmd)); err != nil {
			w.t.Fatalf("what began before %s: %v", cmd.Verb, err)
		}
	}
	if err := w.try(cmd); err != nil {
		w.t.Fatalf("%s by %s: %v", cmd.Verb, cmd.Actor.Label(), err)
	}
	return w
}

// by is a command of a person in the role of a responder.
func by(a Actor, verb Verb, args Args) Command {
	return Command{Verb: verb, Actor: a, Role: RoleResponder, Source: SourceTeams, Args: args}
}

var alertRef = Ref{System: SourcePagerDuty, Role: RoleAlert, ID: "Q1", URL: "https://acme.example.com/incidents/Q1"}

// alert is what the pager says; the title decides the level.
func alert(title string) *Alert {
	return &Alert{Title: title, Service: "Checkout (prod)", ServiceID: "PABC123", Key: "k1", Urgency: "high", CreatedAt: t0}
}

// told is a command of the pager.
func told(verb Verb, when time.Time, al *Alert) Command {
	ref := alertRef
	return Command{Verb: verb, Actor: pager, Source: SourcePagerDuty, At: when, Ref: &ref, Args: Args{Alert: al}}
}

// triggered is a world whose incident the pager has begun.
func triggered(t testing.TB, title string) *world {
	t.Helper()
	return newWorld(t).do(told(Trigger, t0, alert(title)))
}

// declared is a world whose incident Dewi has declared by hand.
func declared(t testing.TB, args Args) *world {
	t.Helper()
	return newWorld(t).do(by(dewi, Declare, args))
}

var fullRCA = map[string]string{
	"summary": "s", "impact": "i", "root_cause": "r", "category": "code", "resolution_steps": "rolled back",
}

// in brings a new incident of this level into a status.
func in(t testing.TB, title string, s Status) *world {
	t.Helper()
	w := triggered(t, title)
	if s == Open {
		return w
	}
	w.do(told(Resolve, at(10), alert(title)))
	if s == Closed && w.inc.Status == Resolved {
		w.do(by(ani, Close, Args{Waive: "known"}))
	}
	if w.inc.Status != s {
		t.Fatalf("the incident %q is %s, want %s", title, w.inc.Status, s)
	}
	return w
}

// kinds lists the timeline entries of the last command.
func (w *world) kinds() string {
	var out []string
	for _, e := range w.events {
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, " ")
}

// told lists the targets of the effects of a kind.
func (w *world) targets(kind string) string {
	var out []string
	for _, e := range w.effects {
		if e.Kind == kind {
			out = append(out, e.Target)
		}
	}
	return strings.Join(out, " ")
}

// reasons lists the replies of the last command as "reason target".
func (w *world) replies() string {
	var out []string
	for _, e := range w.effects {
		if e.Kind == KindReply {
			out = append(out, e.Target+" "+between(string(e.Data), `"reason":"`, `"`))
		}
	}
	return strings.Join(out, ", ")
}

func between(s, a, b string) string {
	_, s, _ = strings.Cut(s, a)
	s, _, _ = strings.Cut(s, b)
	return s
}

func (w *world) silent() {
	w.t.Helper()
	if w.events != nil || w.effects != nil {
		w.t.Errorf("what was so already made events %s and effects %v", w.kinds(), w.effects)
	}
}

// wantProblem checks the kind and the key of an error.
func wantProblem(t fataler, err, kind error, key string) {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) || !errors.Is(err, kind) || p.Key != key {
		t.Errorf("error = %v, want %q of kind %q", describe(err), key, kind)
	}
}

func describe(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return fmt.Sprintf("%q of kind %q (%s)", p.Key, p.Kind, p.Detail)
	}
	return fmt.Sprint(err)
}
