package incident

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// publishes counts the effects of the last command that show it on the page.
func (w *world) publishes() int {
	n := 0
	for _, e := range w.effects {
		if e.Kind == KindPublish {
			n++
		}
	}
	return n
}

// page records a page of this id, as the effect does.
func page(id string) Command {
	return Command{Verb: Attach, Actor: System, Source: SourceSystem, Args: Args{Ref: &Ref{
		System: SourceConfluence, Role: RolePage, ID: id, URL: "https://wiki.example.com/pages/" + id,
	}}}
}

// outweighed is the pager's word that the incident was merged into another one.
func outweighed() Command {
	c := told(Resolve, at(3), alert(slow))
	c.Args.Merge = &Ref{System: SourcePagerDuty, Role: RoleAlert, ID: "Q7"}
	return c
}

// failed is the word that an effect has failed for good.
func failed(kind string) Command {
	return Command{Verb: Fail, Actor: System, Args: Args{Text: "x", Data: map[string]string{"effect": kind}}}
}

// TestPublish says after which commands the page is made or brought up to date.
func TestPublish(t *testing.T) {
	type step struct {
		cmd  Command
		want int
	}
	same := func(*static) {}
	tests := []struct {
		name  string
		setup func(*static)
		steps []step
	}{
		{"an RCA is owed", same, []step{
			{told(Trigger, t0, alert(slow)), 1},
			{page("7"), 0}, // it shows what it was made from
			{by(dewi, AddNote, Args{Text: "looking"}), 1},
			{by(ani, WriteRCA, Args{RCA: map[string]string{"summary": "x"}}), 1},
			{by(ani, WriteRCA, Args{RCA: map[string]string{"summary": "x"}}), 0}, // unchanged
			{failed(KindPublish), 0},
			{failed(KindMail), 0},
			{by(dewi, Resolve, Args{}), 1},
			{by(ani, WriteRCA, Args{Complete: true, RCA: fullRCA}), 1},
			{by(ani, DoAction, Args{Action: &ActionArgs{Op: "add", Title: "alert earlier"}}), 1},
			{by(dewi, Reopen, Args{}), 1},
		}},
		{"none is owed", same, []step{{told(Trigger, t0, alert(odd)), 0}, {by(dewi, AddNote, Args{Text: "x"}), 0}}},
		{"raised to a level that owes one", same, []step{
			{told(Trigger, t0, alert(odd)), 0},
			{by(ani, SetLevel, Args{Level: HighErrorRate}), 1},
			{by(ani, SetLevel, Args{Level: Other}), 0}, // there is no page yet
		}},
		{"lowered, and there is a page", same, []step{
			{told(Trigger, t0, alert(slow)), 1},
			{page("7"), 0},
			{by(ani, SetLevel, Args{Level: Other}), 1},
		}},
		{"quiet", same, []step{{told(Trigger, t0, alert("planned maintenance, response time")), 0}}},
		{"merged before there is a page", same, []step{{told(Trigger, t0, alert(slow)), 1}, {outweighed(), 0}}},
		{"merged after", same, []step{{told(Trigger, t0, alert(slow)), 1}, {page("7"), 0}, {outweighed(), 1}}},
		{"merged while it was made", same, []step{{told(Trigger, t0, alert(slow)), 1}, {outweighed(), 0}, {page("7"), 1}}},
		{"shadow", func(c *static) { c.route.Mode = ModeShadow }, []step{{told(Trigger, t0, alert(slow)), 0}}},
		{"muted", func(c *static) { c.route.Mode = ModeMuted }, []step{{told(Trigger, t0, alert(slow)), 0}}},
		{"private", same, []step{
			{by(dewi, Declare, Args{Title: "leak", Service: "checkout"}), 0},
			{by(dewi, AddNote, Args{Text: "x"}), 0},
			{Command{Verb: Publicise, Actor: ani, Role: RoleAdmin, Source: SourceTeams, Args: Args{Reason: "over"}}, 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.setup(w.cat)
			for i, s := range tt.steps {
				w.do(s.cmd)
				if got := w.publishes(); got != s.want {
					t.Errorf("step %d, %s: %d effects, want %d", i+1, s.cmd.Verb, got, s.want)
				}
			}
		})
	}
}

func TestPublishEffect(t *testing.T) {
	w := triggered(t, slow)
	var got Effect
	for _, e := range w.effects {
		if e.Kind == KindPublish {
			got = e
		}
	}
	want := Effect{Key: "INC-1/confluence.page", Kind: KindPublish, Mode: Latest, Incident: 1, Lane: "INC-1/confluence", Due: clock.Add(publishAfter)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("effect (-want +got):\n%s", d)
	}
}

// TestPublished: there is one page, and cards learn of it.
func TestPublished(t *testing.T) {
	w := triggered(t, slow).do(page("7"))
	if w.kinds() != "published" || w.targets(KindCard) == "" {
		t.Errorf("events %s, cards %q", w.kinds(), w.targets(KindCard))
	}
	w.do(page("7")).silent()
	w.do(page("8")) // the first one was deleted
	ref, ok := w.inc.PublicPage()
	if !ok || ref.ID != "8" || w.kinds() != "published" || len(w.inc.Refs) != 2 {
		t.Errorf("page %+v, events %s, refs %+v", ref, w.kinds(), w.inc.Refs)
	}
}

// TestPublishedThenPrivate: a page that others can read is not forgotten.
func TestPublishedThenPrivate(t *testing.T) {
	exposed := func(w *world) string {
		if n := len(w.events); n > 0 && w.events[n-1].Kind == EvPublished {
			return w.events[n-1].Data["how"] + " " + w.events[n-1].Data["url"]
		}
		return ""
	}
	const want = "exposed https://wiki.example.com/pages/7"
	w := triggered(t, slow).do(page("7"))
	if got := exposed(w); got != " https://wiki.example.com/pages/7" {
		t.Errorf("published: %q", got)
	}
	w.do(by(ani, SetLevel, Args{Level: security}))
	if got := exposed(w); got != want || w.publishes() != 0 {
		t.Errorf("%q, %d effects after it became private", got, w.publishes())
	}
	w.do(by(ani, AddNote, Args{Text: "x"}))
	if got := exposed(w); got != "" || w.publishes() != 0 {
		t.Errorf("%q, %d effects after a note", got, w.publishes())
	}

	w = triggered(t, slow).do(by(ani, SetLevel, Args{Level: security}))
	if got := exposed(w); got != "" {
		t.Errorf("%q where there is no page", got)
	}
	if w.do(page("7")); exposed(w) != want { // it was being made
		t.Errorf("%q when the page came", exposed(w))
	}
}
