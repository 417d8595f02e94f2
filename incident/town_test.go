package incident_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/store/boltstore"
)

// graph says who calls whom; all edges were seen at the same time.
type graph struct {
	calls map[string][]string
	seen  time.Time
}

func (g graph) Callees(s string) []incident.Call {
	var out []incident.Call
	for _, to := range g.calls[s] {
		out = append(out, incident.Call{From: s, To: to, Source: "newrelic", FirstSeen: g.seen, LastSeen: g.seen})
	}
	slices.SortFunc(out, func(a, b incident.Call) int { return cmp.Compare(a.To, b.To) })
	return out
}

func (g graph) Callers(s string) []incident.Call {
	var out []incident.Call
	for from, list := range g.calls {
		if slices.Contains(list, s) {
			out = append(out, incident.Call{From: from, To: s, Source: "newrelic", FirstSeen: g.seen, LastSeen: g.seen})
		}
	}
	slices.SortFunc(out, func(a, b incident.Call) int { return cmp.Compare(a.From, b.From) })
	return out
}

func (g graph) reaches(from, to string, seen map[string]bool) bool {
	for _, next := range g.calls[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if g.reaches(next, to, seen) {
				return true
			}
		}
	}
	return false
}

// Ring numbers circles by the least name in them.
func (g graph) Ring(s string) int {
	if !g.reaches(s, s, map[string]bool{}) {
		return 0
	}
	names := make([]string, 0, len(g.calls))
	for n := range g.calls {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		if n == s || (g.reaches(s, n, map[string]bool{}) && g.reaches(n, s, map[string]bool{})) {
			return i + 1
		}
	}
	return 0
}

// reach is who can be reached over one or two calls.
func (g graph) reach(s string) map[string]bool {
	out := map[string]bool{}
	for _, a := range g.calls[s] {
		out[a] = true
		for _, b := range g.calls[a] {
			out[b] = true
		}
	}
	return out
}

// town is a service over a real store, with services that call each other and a
// clock that can be set.
type town struct {
	*house
	graph graph
	now   time.Time
}

// services of the towns here: a shop, and a circle of three.
var (
	shop = graph{seen: t0.Add(-12 * time.Minute), calls: map[string][]string{
		"web": {"checkout", "search"}, "app": {"checkout"}, "checkout": {"payments", "stock"}, "payments": {"db"}, "stock": {"db"}, "search": {"index"},
		"red": {"green"}, "green": {"blue"}, "blue": {"red", "db"},
	}}
	shopServices = []string{"app", "blue", "checkout", "db", "green", "index", "lonely", "payments", "red", "search", "stock", "web"}
)

func newTown(t testing.TB, g graph) *town {
	t.Helper()
	var b strings.Builder
	b.WriteString("squads:\n  - {key: one, lead: ani@example.com, channel: \"19:one@thread.tacv2\"}\n  - {key: two, lead: dewi@example.com, channel: \"19:two@thread.tacv2\"}\nservices:\n")
	for _, s := range shopServices {
		squad := "one"
		if s == "db" {
			squad = "two"
		}
		fmt.Fprintf(&b, "  - {key: %s, squad: %s, pagerduty_service_id: P%s}\n", s, squad, strings.ToUpper(s))
	}
	file, err := catalog.Parse([]byte(b.String()), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	levels := append(incident.DefaultLevels(), incident.Level{Key: "security", Title: "Security", Rank: 2, Private: true})
	rules := append([]incident.Rule{{Name: "leak", Level: "security", Match: incident.Match{TitleWords: []string{"leak"}}}}, incident.DefaultRules()...)
	cat, err := catalog.New(file, catalog.Settings{Levels: levels, Rules: rules, BroadcastChannel: "19:all@thread.tacv2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{graph: g, now: at(600)}
	now := func() time.Time { return w.now }
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "imbot.db"), boltstore.Options{Now: now, NoSync: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	w.house = &house{store: store}
	if tt, ok := t.(*testing.T); ok {
		w.t = tt
	}
	w.Service = &incident.Service{
		Store: store, Catalog: func() incident.Catalog { return cat }, Now: now, Topology: func() incident.Topology { return w.graph },
		Linking: incident.DefaultLinking(),
	}
	return w
}

// ev is one event of the pager, in few words.
type ev struct {
	verb    incident.Verb
	pd      string
	service string
	at      time.Time
	title   string
	key     string
	began   time.Time // of the incident; zero: at
}

func (e ev) command() incident.Command {
	cmd := told(e.verb, e.pd, e.at, e.title)
	cmd.Args.Alert.Service, cmd.Args.Alert.ServiceID = e.service, "P"+strings.ToUpper(e.service)
	if e.service == "" {
		cmd.Args.Alert.ServiceID = ""
	}
	cmd.Args.Alert.Key = e.key
	if cmd.Args.Alert.CreatedAt = e.began; e.began.IsZero() {
		cmd.Args.Alert.CreatedAt = e.at
	}
	return cmd
}

// opens and ends are what most stories are made of.
func opens(pd, service string, when time.Time, title string) ev {
	return ev{verb: incident.Trigger, pd: pd, service: service, at: when, title: title}
}

func ends(pd, service string, when time.Time, title string) ev {
	return ev{verb: incident.Resolve, pd: pd, service: service, at: when, title: title}
}

func (w *town) tell(events ...ev) {
	w.t.Helper()
	for _, e := range events {
		w.do(e.command())
	}
}

// pd finds an incident by the pager's id.
func (w *town) pd(id string) *incident.Incident {
	w.t.Helper()
	for _, n := range w.all() {
		inc := w.get(n)
		if ref, ok := inc.AlertRef(); ok && ref.ID == id {
			return inc
		}
	}
	w.t.Fatalf("there is no incident for %s", id)
	return nil
}

// tree writes who is tied to whom, by the pager's ids, and how each stands.
func (w *town) tree() string {
	name := map[incident.ID]string{}
	var list []*incident.Incident
	for _, n := range w.all() {
		inc := w.get(n)
		ref, _ := inc.AlertRef()
		name[n] = ref.ID
		list = append(list, inc)
	}
	var out []string
	for _, inc := range list {
		s := name[inc.ID]
		if l := inc.Link; l != nil {
			s += " " + l.Kind + " of " + name[l.Parent] + " by " + l.Rule
		}
		for _, iv := range inc.Intervals {
			s += " " + iv.From.Format("15:04:05") + "-"
			if !iv.To.IsZero() {
				s += iv.To.Format("15:04:05")
			}
		}
		var children []string
		for _, c := range inc.Children {
			children = append(children, c.Kind+" "+name[c.ID])
		}
		slices.Sort(children)
		if len(children) > 0 {
			s += " [" + strings.Join(children, ", ") + "]"
		}
		if inc.Openings > 0 {
			s += fmt.Sprintf(" flapping %d", inc.Openings)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// later runs what was planned for a time, as the outbox does.
func (w *town) later(now time.Time) {
	w.t.Helper()
	w.now = now
	for range 10 {
		again := false
		for _, n := range w.all() {
			for _, e := range w.effects(n) {
				var verb incident.Verb
				switch e.Kind {
				case incident.KindRelink:
					verb = incident.Relink
				case incident.KindUnpause:
					verb = incident.Unpause
				default:
					continue
				}
				if e.Due.After(now) {
					continue
				}
				before := w.tree()
				w.do(incident.Command{Verb: verb, Incident: n, Actor: incident.System, Source: incident.SourceSystem})
				again = again || w.tree() != before
			}
		}
		if !again {
			return
		}
	}
}

// cards counts the cards that are to be made for an incident.
func (w *town) cards(id incident.ID) (out []string) {
	w.t.Helper()
	for _, e := range w.effects(id) {
		if e.Kind == incident.KindCard {
			out = append(out, e.Target)
		}
	}
	slices.Sort(out)
	return out
}
