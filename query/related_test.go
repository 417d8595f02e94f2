package query_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
	"imbot/query"
)

// family is a parent of three consequences and four duplicates, of each kind one
// private to Dewi, itself the consequence of an incident that is private to her.
func family(t *testing.T) *library {
	l := newLibrary(t)
	secret := []incident.Actor{dewi}
	child := func(id incident.ID, kind string, private bool) incident.Incident {
		inc := incident.Incident{
			ID: id, Title: fmt.Sprint("child ", id), Level: incident.HighErrorRate, Service: "checkout", Life: opened(at(int(id))),
			Link: &incident.Link{Kind: kind, Parent: 1, Rule: incident.RuleCalls, Confidence: .9},
		}
		if private {
			inc.Private, inc.Members = true, secret
		}
		return inc
	}
	list := []incident.Incident{{
		ID: 1, Title: "checkout is down", Level: incident.ServiceDown, Service: "checkout", Life: opened(at(1)), MoreChildren: 2,
		Link:    &incident.Link{Kind: incident.LinkCascade, Parent: 9, Rule: incident.RuleCalls, Evidence: []string{"secret path"}},
		LinkWas: &incident.LinkWas{Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 9}, By: ani}, Apart: []incident.ID{9, 2}, Major: 9,
	}}
	for i, kind := range []string{incident.LinkDuplicate, incident.LinkDuplicate, incident.LinkCascade, incident.LinkDuplicate, incident.LinkCascade, incident.LinkCascade, incident.LinkDuplicate} {
		id := incident.ID(i + 2)
		list = append(list, child(id, kind, id == 3 || id == 4))
		list[0].Children = append(list[0].Children, incident.Child{ID: id, Kind: kind})
	}
	list = append(list, incident.Incident{ID: 9, Title: "the root", Level: incident.ServiceDown, Private: true, Members: secret, Life: opened(at(0))})
	l.put(list...)
	err := l.store.Update(ctx, func(tx incident.Tx) error {
		return tx.AddEvents([]incident.Event{
			{Incident: 1, N: 1, At: at(1), Kind: incident.EvDeclared},
			{Incident: 1, N: 2, At: at(2), Kind: incident.EvLinked, Data: map[string]string{"parent": "INC-9"}},
			{Incident: 1, N: 3, At: at(3), Kind: incident.EvChild, Data: map[string]string{"child": "INC-3"}},
			{Incident: 1, N: 4, At: at(4), Kind: incident.EvChild, Data: map[string]string{"child": "INC-2"}},
			{Incident: 1, N: 5, At: at(5), Kind: incident.EvMajor, Data: map[string]string{"first": "INC-9"}},
			{Incident: 1, N: 6, At: at(6), Kind: incident.EvUndone, Data: map[string]string{"from": "INC-9", "parent": "INC-2"}},
			{Incident: 1, N: 7, At: at(7), Kind: incident.EvUnlinked, Data: map[string]string{"parent": "Q7"}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(list []query.Related) string {
	var out []string
	for _, r := range list {
		out = append(out, r.ID.String())
	}
	return strings.Join(out, " ")
}

// TestRelatives: what is linked is named as far as the viewer may know of it,
// and counted as such.
func TestRelatives(t *testing.T) {
	l := family(t)
	for _, tt := range []struct {
		name, children string
		v              query.Viewer
		n, events      int
		sees           bool
	}{
		{"member", "INC-4 INC-6 INC-7 INC-2 INC-3", member(dewi), 7, 7, true},
		{"imbot itself", "INC-4 INC-6 INC-7 INC-2 INC-3", query.Self, 7, 7, true},
		{"another one", "INC-6 INC-7 INC-2 INC-5 INC-8", member(ani), 5, 3, false},
		{"everybody", "INC-6 INC-7 INC-2 INC-5 INC-8", query.Everybody, 5, 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := l.Get(ctx, tt.v, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(v.Children); got != tt.children || len(v.Incident.Children) != tt.n || len(v.Timeline) != tt.events {
				t.Errorf("children = %s, %d in all, %d events; want %s, %d, %d", got, len(v.Incident.Children), len(v.Timeline), tt.children, tt.n, tt.events)
			}
			if (v.Parent != nil) != tt.sees || (v.Incident.Link != nil) != tt.sees || (v.Incident.LinkWas != nil) != tt.sees || (v.Incident.Major == 9) != tt.sees || len(v.Incident.Apart) != 1+bit(tt.sees) {
				t.Errorf("parent %+v, link %+v, was %+v, apart %v, major %s; want them seen: %v", v.Parent, v.Incident.Link, v.Incident.LinkWas, v.Incident.Apart, v.Incident.Major, tt.sees)
			}
			if b, _ := json.Marshal([]any{v.Incident, v.Timeline, v.Children, v.Parent, v.Burst}); strings.Contains(string(b), "INC-9") != tt.sees || strings.Contains(string(b), "secret path") != tt.sees {
				t.Errorf("the root is told of: %s", b)
			}
			if c := v.Children[0]; c.Link == nil || c.Link.Kind != incident.LinkCascade || c.Service != "Checkout" || c.Level.Key != incident.HighErrorRate || c.Status != incident.Open {
				t.Errorf("child = %+v", c)
			}
			var pages []string
			for from := 0; from < tt.n; from += 2 {
				_, rows, err := l.Relatives(ctx, tt.v, 1, from, 2)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, strings.Fields(names(rows))...)
			}
			if len(pages) != tt.n || !strings.HasPrefix(strings.Join(pages, " "), tt.children) {
				t.Errorf("pages = %v", pages)
			}
			p := l.list(tt.v, query.Filter{Level: incident.ServiceDown})
			if i := len(p.Incidents) - 1 - bit(tt.sees); len(p.Incidents[i].Incident.Children) != tt.n || (p.Incidents[i].Incident.Link != nil) != tt.sees {
				t.Errorf("in the list: %+v", p.Incidents[i].Incident)
			}
		})
	}
	for _, from := range []int{-5, 99} {
		if _, rows, err := l.Relatives(ctx, query.Everybody, 1, from, 2); err != nil || (from > 0) != (len(rows) == 0) {
			t.Errorf("from %d: %v, %v", from, rows, err)
		}
	}
	if _, _, err := l.Relatives(ctx, query.Everybody, 9, 0, 2); err == nil {
		t.Error("the relatives of a private incident are shown")
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestCheck: what one may not know of is said to be not there.
func TestCheck(t *testing.T) {
	l := family(t)
	for _, tt := range []struct {
		v    query.Viewer
		id   incident.ID
		want bool
	}{{member(dewi), 9, true}, {member(ani), 9, false}, {query.Everybody, 9, false}, {query.Everybody, 1, true}, {query.Self, 99, false}} {
		cmd := &incident.Command{Verb: incident.SetLink, Args: incident.Args{Parent: tt.id}}
		for name, err := range map[string]error{"Check": l.Check(ctx, tt.v, tt.id), "CheckParent": l.CheckParent(ctx, tt.v, cmd)} {
			if (err == nil) != tt.want || (err != nil && err.Error() != fmt.Sprintf(incident.NoIncident, tt.id)) {
				t.Errorf("%s of %s = %v, want it known: %v", name, tt.id, err, tt.want)
			}
		}
	}
	if err := l.CheckParent(ctx, query.Everybody, &incident.Command{Verb: incident.Ack, Args: incident.Args{Parent: 9}}); err != nil {
		t.Errorf("another verb: %v", err)
	}
}

// TestMentions: duplicates and mere consequences call nobody.
func TestMentions(t *testing.T) {
	l := newLibrary(t)
	for _, tt := range []struct {
		level, kind string
		want        int
	}{
		{incident.HighErrorRate, "", 1},
		{incident.HighErrorRate, incident.LinkCascade, 0},
		{incident.HighErrorRate, incident.LinkDuplicate, 0},
		{incident.ServiceDown, incident.LinkCascade, 1}, // never hidden by a link
		{incident.ServiceDown, incident.LinkDuplicate, 0},
	} {
		inc := incident.Incident{ID: 1, Level: tt.level, Service: "checkout", Responders: []incident.Actor{dewi}}
		if tt.kind != "" {
			inc.Link = &incident.Link{Kind: tt.kind, Parent: 2}
		}
		l.put(inc, incident.Incident{ID: 2, Private: true, Members: []incident.Actor{ani}})
		v, err := l.Get(ctx, query.Everybody, 1, false)
		if err != nil || len(v.Mention) != tt.want {
			t.Errorf("%s %s mentions %v, %v; want %d", tt.level, tt.kind, v.Mention, err, tt.want)
		}
	}
}

// TestBurst names the others of a burst, without those that are private.
func TestBurst(t *testing.T) {
	l := newLibrary(t)
	list := []incident.Incident{{ID: 1, Title: "before", Level: incident.ServiceDown, Life: opened(at(0))}}
	for i := range 8 {
		list = append(list, incident.Incident{ID: incident.ID(i + 2), Title: "burst", Level: incident.ServiceDown, Life: opened(at(i + 1)), Major: 2})
	}
	list[3].Private, list[3].Members = true, []incident.Actor{dewi}
	list[4].Level = incident.Other // lowered since
	list = append(list, incident.Incident{ID: 20, Title: "other", Level: incident.ServiceDown, Life: opened(at(5))}, incident.Incident{ID: 21, Level: incident.ServiceDown, Life: opened(at(90)), Major: 2})
	l.put(list...)
	for _, tt := range []struct {
		v    query.Viewer
		want string
		n    int
	}{{query.Everybody, "INC-2 INC-6 INC-7 INC-8 INC-9", 6}, {member(dewi), "INC-2 INC-4 INC-6 INC-7 INC-8", 7}} {
		v, err := l.Get(ctx, tt.v, 3, false)
		if err != nil || names(v.Burst) != tt.want || v.BurstSize != tt.n {
			t.Errorf("burst = %s of %d, %v; want %s of %d", names(v.Burst), v.BurstSize, err, tt.want, tt.n)
		}
	}
	if v, err := l.Get(ctx, query.Everybody, 1, false); err != nil || v.Burst != nil || v.BurstSize != 0 {
		t.Errorf("no burst = %v, %v", v.Burst, err)
	}
}

// TestMutedView: an incident says which window has kept it quiet.
func TestMutedView(t *testing.T) {
	l := newLibrary(t)
	if _, err := l.svc.Mute(ctx, ani, incident.RoleAdmin, "payments", 2*time.Hour, "upgrade"); err != nil {
		t.Fatal(err)
	}
	l.put(
		incident.Incident{ID: 1, Service: "checkout", Squad: "payments", NoticeGap: incident.GapMaintenance, Life: opened(at(610))},
		incident.Incident{ID: 2, Service: "checkout", Squad: "payments", NoticeGap: incident.GapMaintenance, Life: opened(at(590))},
		incident.Incident{ID: 3, Service: "checkout", Squad: "payments", Life: opened(at(610))},
		incident.Incident{ID: 4, Service: "ledger", Squad: "books", NoticeGap: incident.GapMaintenance, Life: opened(at(610))},
	)
	for id := incident.ID(1); id <= 4; id++ {
		v, err := l.Get(ctx, query.Everybody, id, false)
		if err != nil || (v.Muted != nil) != (id == 1) {
			t.Errorf("%s: muted by %+v, %v", id, v.Muted, err)
		}
		if id == 1 && (v.Muted.Name != "Payments" || v.Muted.Reason != "upgrade" || v.Muted.Target() != "payments") {
			t.Errorf("muted by %+v", v.Muted)
		}
	}
	list, err := l.Mutes(ctx, at(601))
	if err != nil || len(list) != 1 || list[0].Name != "Payments" || list[0].By.ID != ani.ID {
		t.Errorf("mutes = %+v, %v", list, err)
	}
	if list, err := l.Mutes(ctx, at(720)); err != nil || len(list) != 0 {
		t.Errorf("mutes after the end = %+v, %v", list, err)
	}
	if name := l.MuteName(incident.Mute{Service: "pd:PX"}); name != "pd:PX" {
		t.Errorf("a service of no catalog is called %q", name)
	}
}

// TestHundreds: a page with an incident of hundreds of children looks at each of
// them once.
func TestHundreds(t *testing.T) {
	l := newLibrary(t)
	parent := incident.Incident{ID: 1, Title: "storm", Life: opened(at(0))}
	list := make([]incident.Incident, 0, 500)
	for i := range 500 {
		id := incident.ID(i + 2)
		parent.Children = append(parent.Children, incident.Child{ID: id, Kind: incident.LinkDuplicate})
		list = append(list, incident.Incident{ID: id, Title: "again", Life: opened(at(1)), Private: i%100 == 0, Members: []incident.Actor{dewi}, Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 1}})
	}
	l.put(append(list, parent)...)
	v, err := l.Get(ctx, query.Everybody, 1, false)
	if err != nil || len(v.Incident.Children) != 495 || len(v.Children) != query.MaxRelated {
		t.Errorf("%d children, %d loaded, %v", len(v.Incident.Children), len(v.Children), err)
	}
	if d := cmp.Diff("INC-3 INC-4 INC-5 INC-6 INC-7", names(v.Children)); d != "" {
		t.Error(d)
	}
}

func BenchmarkGetWithChildren(b *testing.B) {
	for _, n := range []int{0, 5, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newLibrary(b)
			parent := incident.Incident{ID: 1, Title: "storm", Life: opened(at(0))}
			list := make([]incident.Incident, 0, n)
			for i := range n {
				id := incident.ID(i + 2)
				parent.Children = append(parent.Children, incident.Child{ID: id, Kind: incident.LinkDuplicate})
				list = append(list, incident.Incident{ID: id, Title: "again", Service: "checkout", Life: opened(at(1)), Link: &incident.Link{Kind: incident.LinkDuplicate, Parent: 1}})
			}
			l.put(append(list, parent)...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Get(ctx, query.Everybody, 1, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
