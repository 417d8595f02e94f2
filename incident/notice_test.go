package incident

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCards says which conversations get a card when an incident begins.
func TestCards(t *testing.T) {
	tests := []struct {
		name  string
		setup func(c *static)
		title string
		cards string
		gap   string
	}{
		{"other: one card", nil, odd, "19:payments", ""},
		{"a level with an RCA: one card", nil, slow, "19:payments", ""},
		{"a room level: broadcast too", nil, down, "19:payments 19:all", ""},
		{"quiet rule", nil, "planned maintenance", "", GapQuiet},
		{"muted", func(c *static) { c.route.Mode = ModeMuted }, down, "", GapMuted},
		{"shadow", func(c *static) { c.route.Mode = ModeShadow }, down, "19:review", ""},
		{"shadow without a review channel", func(c *static) { c.route = Route{Mode: ModeShadow, Channel: "19:payments"} }, down, "", GapNoChannel},
		{"no channel at all", func(c *static) { c.route = Route{Mode: ModeLive} }, down, "", GapNoChannel},
		{"no channel, broadcast only", func(c *static) { c.route = Route{Mode: ModeLive, Broadcast: "19:all"} }, down, "19:all", ""},
		{"the same channel once", func(c *static) { c.route.Broadcast = "19:payments" }, down, "19:payments", ""},
		{"owner and lead in 1:1", func(c *static) { c.notices[Other] = Notice{Direct: []string{"owner", "lead", "nobody"}} }, odd, "user:budi@example.com user:ani@example.com", ""},
		{"nobody to tell in 1:1", func(c *static) {
			c.notices[Other] = Notice{Direct: []string{"owner"}}
			c.service.Owner = ""
		}, odd, "", ""},
		{"a level that tells nobody", func(c *static) { c.notices[Other] = Notice{} }, odd, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.setup != nil {
				tt.setup(w.cat)
			}
			w.do(told(Trigger, t0, alert(tt.title)))
			if got := strings.Join(w.inc.Cards, " "); got != tt.cards || w.inc.NoticeGap != tt.gap {
				t.Errorf("cards = %q, gap = %q; want %q, %q", got, w.inc.NoticeGap, tt.cards, tt.gap)
			}
			if got := w.targets(KindCard); got != tt.cards {
				t.Errorf("card effects for %q, want %q", got, tt.cards)
			}
			if w.replies() != "" {
				t.Errorf("a new incident made replies: %s", w.replies())
			}
			if w.inc.Shadow != (w.cat.route.Mode == ModeShadow) || w.inc.DefaultChan {
				t.Errorf("shadow %v, default channel %v", w.inc.Shadow, w.inc.DefaultChan)
			}
		})
	}
}

// TestCardEffect says what a card's effect looks like: it carries no data, and
// its key names incident, kind and place.
func TestCardEffect(t *testing.T) {
	w := triggered(t, slow)
	want := []Effect{{Key: "INC-1/card/19:payments", Kind: KindCard, Mode: Latest, Incident: 1, Lane: "INC-1/teams/19:payments", Target: "19:payments"}}
	cards := slices.DeleteFunc(w.effects, func(e Effect) bool { return e.Kind != KindCard })
	if d := cmp.Diff(want, cards); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
	w = triggered(t, down)
	for _, e := range w.effects {
		if want := e.Kind == KindCard || e.Kind == KindRoom; e.Urgent != want {
			t.Errorf("%s: urgent %v", e.Key, e.Urgent)
		}
	}
}

// TestReplies is the fixed list of changes that add a reply in the thread of
// every card; everything else is silent.
func TestReplies(t *testing.T) {
	room := func(reason string) string { return "19:payments " + reason + ", 19:all " + reason }
	tests := []struct {
		name string
		w    *world
		cmd  Command
		want string
	}{
		{"raised by hand", triggered(t, slow), by(ani, SetLevel, Args{Level: ServiceDown}), room(ReplyRaised)},
		{"raised by the rules", triggered(t, slow), told(Update, at(1), alert(down)), room(ReplyRaised)},
		{"raised, but to no room level", triggered(t, odd), by(ani, SetLevel, Args{Level: HighErrorRate}), ""},
		{"raised after the end", in(t, slow, Resolved), by(ani, SetLevel, Args{Level: ServiceDown}), ""},
		{"lowered", triggered(t, down), by(ani, SetLevel, Args{Level: Other}), ""},
		{"reopened", in(t, down, Resolved), by(dewi, Reopen, Args{Reason: "again"}), room(ReplyReopened)},
		{"triggered again", in(t, down, Closed), told(Trigger, at(90), alert(down)), room(ReplyReopened)},
		{"new commander", triggered(t, down), by(dewi, Assign, Args{Person: &citra}), room(ReplyCommander)},
		{"new scribe", triggered(t, down), by(dewi, Assign, Args{Role: "scribe", Person: &citra}), ""},
		{"resolved", triggered(t, down), by(dewi, Resolve, Args{Text: "done"}), room(ReplyResolved)},
		{"resolved in the pager", triggered(t, down), told(Resolve, at(1), alert(down)), room(ReplyResolved)},
		{"acknowledged", triggered(t, down), by(dewi, Ack, Args{}), ""},
		{"note", triggered(t, down), by(dewi, AddNote, Args{Text: "x"}), ""},
		{"closed", in(t, down, Resolved), by(ani, Close, Args{Waive: "x"}), ""},
		{"action", triggered(t, down), by(dewi, DoAction, Args{Action: &ActionArgs{Op: "add", Title: "x"}}), ""},
		{"resolved a second time", in(t, down, Resolved), told(Resolve, at(5), alert(down)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.w.do(tt.cmd)
			if got := tt.w.replies(); got != tt.want {
				t.Errorf("replies = %q, want %q", got, tt.want)
			}
			if tt.w.targets(KindCard) != strings.Join(tt.w.inc.Cards, " ") {
				t.Errorf("cards updated: %q, want all of %v", tt.w.targets(KindCard), tt.w.inc.Cards)
			}
		})
	}
}

func TestReplyData(t *testing.T) {
	w := triggered(t, down).do(by(dewi, Resolve, Args{Text: "restarted"}))
	var got *Effect
	for i := range w.effects {
		if w.effects[i].Kind == KindReply {
			got = &w.effects[i]
			break
		}
	}
	if got == nil || got.Mode != Once || got.Lane != "INC-1/teams/19:payments" || got.Key != "INC-1/reply/19:payments/resolved/2" {
		t.Fatalf("reply = %+v", got)
	}
	want := `{"reason":"resolved","by":{"kind":"user","id":"dewi@example.com","name":"Dewi"},"text":"restarted","level":"service-down","person":{"kind":"","id":""}}`
	if strings.ReplaceAll(string(got.Data), `,"person":{"kind":"","id":""}`, "") != strings.ReplaceAll(want, `,"person":{"kind":"","id":""}`, "") {
		t.Errorf("data = %s", got.Data)
	}
}

// TestDuplicatesNotifyNobody: no card for a new one, no reply for one that had a
// card before it was known to be a duplicate.
func TestDuplicatesNotifyNobody(t *testing.T) {
	w := newWorld(t)
	w.inc.Link = &Link{Kind: LinkDuplicate, Parent: 7}
	w.do(told(Trigger, t0, alert(down)))
	if len(w.inc.Cards) != 0 || len(w.effects) != 0 || w.inc.NoticeGap != "" {
		t.Errorf("a new duplicate has cards %v, effects %v, gap %q", w.inc.Cards, w.effects, w.inc.NoticeGap)
	}
	w = triggered(t, slow)
	w.inc.Link = &Link{Kind: LinkDuplicate, Parent: 7}
	for _, cmd := range []Command{
		told(Update, at(1), alert(down)), by(dewi, Assign, Args{Person: &citra}), by(dewi, Resolve, Args{}), by(dewi, Reopen, Args{}),
	} {
		if w.do(cmd); w.replies() != "" || len(w.inc.Cards) != 1 {
			t.Errorf("%s of a duplicate: replies %q, cards %v", cmd.Verb, w.replies(), w.inc.Cards)
		}
	}
	// A cascade is not a duplicate: it keeps its notice.
	w = newWorld(t)
	w.inc.Link = &Link{Kind: LinkCascade, Parent: 7}
	if w.do(told(Trigger, t0, alert(down))); len(w.inc.Cards) != 2 {
		t.Errorf("a cascade has cards %v", w.inc.Cards)
	}
}

// TestRaisedCards: a more urgent level tells more people; a lower one takes
// nothing away, and going live tells nothing of the past.
func TestRaisedCards(t *testing.T) {
	w := triggered(t, odd)
	w.do(by(ani, SetLevel, Args{Level: ServiceDown}))
	if got := strings.Join(w.inc.Cards, " "); got != "19:payments 19:all" {
		t.Errorf("raised: cards %q", got)
	}
	w.do(by(ani, SetLevel, Args{Level: Other}))
	if got := strings.Join(w.inc.Cards, " "); got != "19:payments 19:all" {
		t.Errorf("lowered: cards %q", got)
	}

	w = newWorld(t)
	w.cat.route.Mode = ModeShadow
	w.do(told(Trigger, t0, alert(odd)))
	w.cat.route.Mode = ModeLive
	if w.do(told(Update, at(1), alert(down))); strings.Join(w.inc.Cards, " ") != "19:review" || !w.inc.Shadow {
		t.Errorf("begun in shadow mode: cards %v, shadow %v", w.inc.Cards, w.inc.Shadow)
	}

	// What was quiet, and is not any more, is told as if it were new.
	for _, cmd := range []Command{by(ani, SetLevel, Args{Level: Other}), told(Update, at(1), alert(odd))} {
		w = triggered(t, "planned maintenance")
		if w.do(cmd); strings.Join(w.inc.Cards, " ") != "19:payments" || w.inc.NoticeGap != "" || w.inc.Quiet {
			t.Errorf("%s: cards %v, gap %q, quiet %v", cmd.Verb, w.inc.Cards, w.inc.NoticeGap, w.inc.Quiet)
		}
	}
}

func TestReroute(t *testing.T) {
	move := Command{Verb: Reroute, Actor: System, Args: Args{Target: "19:default", Text: "gone"}}
	w := triggered(t, slow).do(move)
	if strings.Join(w.inc.Cards, " ") != "19:payments 19:default" || !w.inc.DefaultChan || w.kinds() != "failed" {
		t.Errorf("cards %v, default %v, events %q", w.inc.Cards, w.inc.DefaultChan, w.kinds())
	}
	w.do(move).silent()
	private(t).do(move).silent()
	triggered(t, slow).do(Command{Verb: Reroute, Actor: System}).silent()
}
