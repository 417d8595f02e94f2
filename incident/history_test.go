package incident_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/catalog"
	"imbot/incident"
	"imbot/store/boltstore"
)

// tale is the story of an incident that began at a minute and was over ten
// minutes later.
func tale(pd string, minute int, title string) []incident.Command {
	began := told(incident.Trigger, pd, at(minute), title)
	began.Args.Alert.CreatedAt = at(minute)
	ack := told(incident.Ack, pd, at(minute+1), title)
	ack.Actor = incident.Actor{Kind: incident.KindUser, ID: "pd:PU1", Name: "Ani there"}
	look := told(incident.Enrich, pd, at(minute), title)
	look.Args.Alert = &incident.Alert{Condition: "latency", Labels: map[string]string{"pod": "a"}}
	return []incident.Command{began, look, ack, about(told(incident.AddNote, pd, at(minute+2), title), "restarted it"), told(incident.Resolve, pd, at(minute+10), title)}
}

func (h *house) recall(cmds []incident.Command) *incident.Incident {
	h.t.Helper()
	inc, added, err := h.Import(ctx, cmds)
	if err != nil || !added {
		h.t.Fatalf("Import: %v, added %v", err, added)
	}
	return inc
}

func (h *house) noEffects() {
	h.t.Helper()
	for _, id := range h.all() {
		for _, e := range h.effects(id) {
			h.t.Errorf("%s has the effect %s", id, e.Key)
		}
	}
	if h.wakes != 0 {
		h.t.Errorf("%d wakes", h.wakes)
	}
}

func TestImport(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.Details = true
	inc := h.recall(tale("Q1", -1000, "checkout is down"))
	if !inc.Imported || inc.Status != incident.Closed || inc.Level != incident.ServiceDown || inc.Postmortem.Required || inc.NoticeGap != incident.GapImported {
		t.Errorf("imported %v, %s, level %s, RCA %v, gap %q", inc.Imported, inc.Status, inc.Level, inc.Postmortem.Required, inc.NoticeGap)
	}
	if !inc.OpenedAt.Equal(at(-1000)) || !inc.ResolvedAt.Equal(at(-990)) || !inc.AcknowledgedAt.Equal(at(-999)) || inc.AcknowledgedBy != ani || inc.Alert.Condition != "latency" {
		t.Errorf("life %+v", inc.Life)
	}
	if got, want := h.timeline(1), "triggered imported details acknowledged note resolved closed"; got != want {
		t.Errorf("timeline %q, want %q", got, want)
	}
	if n := len(h.bodies()); n != 5 {
		t.Errorf("%d bodies", n)
	}
	h.noEffects()

	// The second time nothing happens, whatever the keys of the commands are.
	before := h.get(1)
	again := tale("Q1", -1000, "checkout is on fire")
	for i := range again {
		again[i].Keys = nil
	}
	if inc, added, err := h.Import(ctx, again); added || err != nil || inc.ID != 1 {
		t.Errorf("again: %v, %v, %v", inc, added, err)
	}
	if d := cmp.Diff(before, h.get(1)); d != "" || len(h.all()) != 1 || len(h.bodies()) != 5 {
		t.Errorf("the second time changed something:\n%s", d)
	}
	if _, _, err := h.Import(ctx, again[1:]); err == nil {
		t.Error("a story without its beginning is taken")
	}
}

// TestImportWhole: what is not over, or makes no sense, leaves nothing.
func TestImportWhole(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	open := tale("Q1", -1000, "checkout is down")
	if _, _, err := h.Import(ctx, open[:4]); !errors.Is(err, incident.ErrNotOver) {
		t.Errorf("Import of an open one = %v", err)
	}
	odd := tale("Q1", -1000, "checkout is down")
	odd[3].Args.Text = " "
	var p *incident.Problem
	if _, _, err := h.Import(ctx, odd); !errors.As(err, &p) {
		t.Errorf("Import with an empty note = %v", err)
	}
	if len(h.all()) != 0 || len(h.bodies()) != 0 {
		t.Errorf("incidents %v, %d bodies", h.all(), len(h.bodies()))
	}
	if inc := h.recall(open); inc.Episode != 1 {
		t.Errorf("episode %d", inc.Episode)
	}
}

// TestImportedOpensAgain: history that goes on is no history any more; what was
// told of the time before is.
func TestImportedOpensAgain(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.Details = true
	h.recall(tale("Q1", -1000, "checkout is down"))
	before := h.get(1)
	for _, late := range []incident.Command{ // webhooks that waited, with the milliseconds
		told(incident.Trigger, "Q1", at(-1000).Add(300*time.Millisecond), "checkout is down"),
		told(incident.Reopen, "Q1", at(-995), "checkout is down"),
		about(told(incident.AddNote, "Q1", at(-998), "n"), "restarted it"),
		told(incident.Reopen, "Q1", at(-990).Add(700*time.Millisecond), "checkout is down"),
		told(incident.Resolve, "Q1", at(-990).Add(900*time.Millisecond), "checkout is down"),
	} {
		h.do(late)
	}
	if d := cmp.Diff(before, h.get(1)); d != "" {
		t.Errorf("what came late changed something:\n%s", d)
	}
	h.noEffects()

	// What people say of it now goes its way, and shows it to nobody.
	h.do(incident.Command{Verb: incident.AddNote, Incident: 1, Actor: dewi, Role: incident.RoleResponder, Source: incident.SourceTeams, Args: incident.Args{Text: "it was the cache"}})
	if e := h.effects(1); len(e) != 1 || e[0].Kind != incident.KindPDNote {
		t.Errorf("effects of a note: %v", e)
	}
	if inc := h.get(1); !inc.Imported || len(inc.Cards) != 0 {
		t.Errorf("imported %v, cards %v", inc.Imported, inc.Cards)
	}

	inc := h.do(told(incident.Reopen, "Q1", at(30), "checkout is down"))
	if inc.Imported || inc.NoticeGap != "" || !slices.Equal(inc.Cards, []string{"19:payments@thread.tacv2"}) || inc.Episode != 2 || inc.Status != incident.Open {
		t.Errorf("reopened: imported %v, gap %q, cards %v, episode %d, %s", inc.Imported, inc.NoticeGap, inc.Cards, inc.Episode, inc.Status)
	}
	kinds := map[string]int{}
	for _, e := range h.effects(1) {
		kinds[e.Kind]++
	}
	if d := cmp.Diff(map[string]int{incident.KindPDNote: 1, incident.KindCard: 1, incident.KindRoom: 1, incident.KindNudge: 1, incident.KindTicket: 1, incident.KindPublish: 1}, kinds); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
	if inc = h.do(told(incident.Resolve, "Q1", at(40), "checkout is down")); inc.Status != incident.Resolved || !inc.Postmortem.Required {
		t.Errorf("resolved: %s, RCA %v", inc.Status, inc.Postmortem.Required)
	}

	// By hand it is the same.
	h.recall(tale("Q2", -500, "checkout is slow"))
	inc = h.do(incident.Command{Verb: incident.Reopen, Incident: 2, Actor: dewi, Role: incident.RoleResponder, Source: incident.SourceTeams})
	if inc.Imported || len(inc.Cards) != 1 {
		t.Errorf("reopened by hand: imported %v, cards %v", inc.Imported, inc.Cards)
	}
}

// TestImportedPast: the next alert of its kind is known to end by itself, and
// recurs.
func TestImportedPast(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	for i := range 6 {
		cmds := tale(fmt.Sprint("Q", i), -1000*(i+1), "nightly report of checkout")
		cmds = []incident.Command{cmds[0], told(incident.Resolve, fmt.Sprint("Q", i), at(-1000*(i+1)+2), "nightly report of checkout")}
		h.recall(cmds)
	}
	cmd := told(incident.Trigger, "NEW", at(59), "nightly report of checkout")
	cmd.Args.Alert.CreatedAt = at(59)
	inc := h.do(cmd)
	if !inc.PausedUntil.Equal(at(61)) || inc.Recurrences != 6 || inc.NoticeGap != incident.GapPaused {
		t.Errorf("paused until %s, %d before, gap %q", inc.PausedUntil, inc.Recurrences, inc.NoticeGap)
	}
	h.view(func(tx incident.Tx) error {
		same, _, err := incident.Past(tx, inc)
		if d := cmp.Diff([]incident.ID{1, 2, 3, 4, 5, 6}, same); d != "" {
			t.Errorf("Past (-want +got):\n%s", d)
		}
		return err
	})
}

// TestImportedMerge: the parent is told without a sound, in any order.
func TestImportedMerge(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	child := func(pd, into string) []incident.Command {
		cmds := tale(pd, -1000, "checkout is down")
		cmds[len(cmds)-1] = merged(cmds[len(cmds)-1], into)
		return cmds
	}
	live := h.do(told(incident.Trigger, "LIVE", t0, "checkout is down"))
	effects, wakes := h.effects(live.ID), h.wakes
	a, b := h.recall(child("Q1", "LIVE")), h.recall(child("Q2", "Q3"))
	root := h.recall(tale("Q3", -1001, "checkout is down"))
	a, b, live = h.get(a.ID), h.get(b.ID), h.get(live.ID)
	if a.Link == nil || a.Link.Parent != live.ID || b.Link == nil || b.Link.Parent != root.ID || len(live.Children) != 1 || len(root.Children) != 1 || !root.Imported {
		t.Errorf("links %+v, %+v; children %v, %v", a.Link, b.Link, live.Children, root.Children)
	}
	if d := cmp.Diff(effects, h.effects(live.ID)); d != "" || h.wakes != wakes {
		t.Errorf("the live incident is shown anew:\n%s", d)
	}
	for _, id := range []incident.ID{a.ID, b.ID, root.ID} {
		if e := h.effects(id); len(e) != 0 {
			t.Errorf("%s has effects %v", id, e)
		}
	}
}

// TestImportedEarly: a note that waited for its incident is in its history, too;
// what is not stays.
func TestImportedEarly(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.do(about(told(incident.AddNote, "Q1", at(-998), "n"), "restarted it"))
	h.do(about(told(incident.Log, "Q1", at(20), "l"), "somebody joined"))
	inc := h.recall(tale("Q1", -1000, "checkout is down"))
	if got := h.timeline(inc.ID); got != "triggered imported pager details acknowledged note resolved closed" {
		t.Errorf("timeline %q", got)
	}
	h.wakes = 0
	h.noEffects()
}

// TestImportedPrivate: nobody becomes a member by what is long over.
func TestImportedPrivate(t *testing.T) {
	h := newHouse(t, boltstore.Options{})
	h.Catalog = privateCatalog(t)
	inc := h.recall(tale("Q1", -1000, "checkout is down"))
	admin := incident.Actor{Kind: incident.KindUser, ID: "root@example.com"}
	if !inc.Private || len(inc.Members) != 0 || inc.VisibleTo(ani, incident.RoleResponder) || !inc.VisibleTo(admin, incident.RoleAdmin) {
		t.Errorf("private %v, members %v", inc.Private, inc.Members)
	}
	h.noEffects()
	inc = h.do(told(incident.Reopen, "Q1", at(30), "checkout is down"))
	if !inc.Private || len(inc.Members) == 0 || !inc.Visible(incident.Actor{Kind: incident.KindUser, ID: "budi@example.com"}) {
		t.Errorf("reopened: private %v, members %v", inc.Private, inc.Members)
	}
	for _, e := range h.effects(inc.ID) {
		if e.Kind == incident.KindCard && e.Target != "user:budi@example.com" {
			t.Errorf("a card goes to %s", e.Target)
		}
	}
}

// privateCatalog has incidents that are down be private.
func privateCatalog(t *testing.T) func() incident.Catalog {
	t.Helper()
	file, err := catalog.Parse([]byte(catalogYAML), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	levels := incident.DefaultLevels()
	for i := range levels {
		levels[i].Private = levels[i].Key == incident.ServiceDown
	}
	cat, err := catalog.New(file, catalog.Settings{Levels: levels, Rules: incident.DefaultRules()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() incident.Catalog { return cat }
}
