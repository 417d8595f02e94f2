package jira_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

// model is what Jira should have after what was done with it, written down
// without looking at the simulator.
type model struct {
	t    *rapid.T
	sim  *jirasim.Server
	c    *jira.Client
	ck   *clock
	want []jirasim.Issue // in order of creation; deleted ones have no Key
	seen map[string]string
}

// After any operations, by the client and by people, through faults that lose
// answers and mischief with webhooks, the simulator has what the model has,
// searches find it once time has passed, and a receiver of webhooks that reads
// what it is told of knows the same.
func TestSimulatorIsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dc := rapid.Bool().Draw(rt, "data center")
		delay := time.Duration(rapid.IntRange(1, 60).Draw(rt, "delay")) * time.Second
		sim, c, ck := start(t, jirasim.Options{
			DataCenter: dc, IndexDelay: delay, PageSize: rapid.IntRange(2, 20).Draw(rt, "page"), Unlimited: true, Seed: rapid.Uint64Min(1).Draw(rt, "seed"),
		}, jira.Config{})
		defer sim.Close()
		m := &model{t: rt, sim: sim, c: c, ck: ck, seen: map[string]string{}}
		sim.SetMischief(jirasim.Mischief{Duplicate: 0.3, Reorder: 0.3})
		sim.SetWebhook(receiver(t, m.take), "s")
		if _, err := c.Server(t.Context()); err != nil {
			rt.Fatal(err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "create": m.create, "update": m.update, "move": m.move, "comment": m.comment, "link": m.link,
			"people": m.people, "delete": m.delete, "pass": func(r *rapid.T) {
				ck.Pass(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
			},
		})
		sim.Advance(t.Context(), 2*time.Minute)
		m.checkFound()
	})
}

// take receives a webhook as a careful receiver does: it reads the issue anew.
func (m *model) take(h http.Header, body []byte) int {
	e := jira.ParseWebhook(h, body)
	if err := jira.VerifySignature(h, body, []string{"s"}); err != nil || e.Issue == nil && e.Comment == nil {
		m.t.Errorf("webhook %s: %v", body, err)
		return http.StatusOK
	}
	if e.Issue == nil {
		return http.StatusOK
	}
	now, ok := m.sim.Issue(e.Issue.ID)
	if delete(m.seen, e.Issue.ID); ok {
		m.seen[e.Issue.ID] = now.Status
	}
	return http.StatusOK
}

// pick draws an issue that is there, or none.
func (m *model) pick(r *rapid.T) *jirasim.Issue {
	var there []*jirasim.Issue
	for n := range m.want {
		if m.want[n].Key != "" {
			there = append(there, &m.want[n])
		}
	}
	if len(there) == 0 {
		r.Skip("no issue")
	}
	return rapid.SampledFrom(there).Draw(r, "issue")
}

var (
	words = rapid.StringMatching(`[a-zA-Z🔥{}\[\]"\\ ]{0,20}[a-z]`)
	dates = rapid.SampledFrom([]string{"", "2026-03-31", "2028-02-29"})
	tags  = rapid.SampledFrom([]string{"imbot", "INC-1", "x.y:z", "ünï"})
	refs  = rapid.SampledFrom([]string{"", ani, budi})
)

func (m *model) ref(account string) string {
	if u, ok := map[string]string{ani: "ani", budi: "budi"}[account]; ok && strings.HasPrefix(m.mode(), "dc") {
		return u
	}
	return account
}

func (m *model) mode() string {
	server, err := m.c.Server(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if server.Cloud {
		return "cloud"
	}
	return "dc"
}

func (m *model) create(r *rapid.T) {
	marker := fmt.Sprintf("m-%d", len(m.want))
	n := jira.NewIssue{
		Type: "Task", Summary: words.Draw(r, "summary"), Description: words.Draw(r, "description"), Due: dates.Draw(r, "due"),
		Assignee: m.ref(refs.Draw(r, "assignee")), Labels: slices.Compact([]string{tags.Draw(r, "label")}), Marker: marker,
	}
	was := m.ck.Now()
	var tried time.Time
	if fault := rapid.IntRange(0, 2).Draw(r, "fault"); fault > 0 { // 1: done but lost; 2: lost
		m.sim.Inject(jirasim.Fault{Method: http.MethodPost, Path: "/rest/api/2/issue", Times: 1, After: fault == 1, Drop: true})
		_, err := m.c.CreateOnce(r.Context(), n, time.Time{})
		m.wantLost(r, err)
		tried = was
	}
	for attempt := 0; ; attempt++ {
		made, err := m.c.CreateOnce(r.Context(), n, tried)
		if err == nil {
			got, ok := m.sim.Issue(made.Key)
			if !ok {
				r.Fatalf("%s is not there", made.Key)
			}
			m.want = append(m.want, jirasim.Issue{
				ID: made.ID, Key: made.Key, Project: "OPS", Type: "Task", Summary: strings.Join(strings.Fields(n.Summary), " "), Description: n.Description,
				Status: "To Do", Category: "new", Priority: "Medium", Labels: append(n.Labels, marker), Due: n.Due,
				Assignee: map[string]string{"ani": ani, "budi": budi, ani: ani, budi: budi}[n.Assignee], Reporter: "712020:bot",
				Created: got.Created, Updated: got.Updated,
			})
			return
		}
		e := m.wantError(r, err)
		if e.Permanent() || e.RetryAfter() <= 0 || attempt > 3 {
			r.Fatalf("attempt %d: %v", attempt, err)
		}
		m.ck.Pass(e.RetryAfter())
	}
}

func (m *model) wantError(r *rapid.T, err error) *jira.Error {
	e, ok := err.(*jira.Error)
	if !ok {
		r.Fatalf("%v, want a *jira.Error", err)
	}
	return e
}

func (m *model) wantLost(r *rapid.T, err error) {
	if e := m.wantError(r, err); !e.MayBeDone() || e.Permanent() {
		r.Fatalf("lost: %v", err)
	}
}

// again makes a change, at times with its answer lost, and then once more.
func (m *model) again(r *rapid.T, do func() error) {
	if rapid.Bool().Draw(r, "lost") {
		m.sim.Inject(jirasim.Fault{Method: rapid.SampledFrom([]string{http.MethodPut, http.MethodPost}).Draw(r, "method"), Path: "/rest/api/2/issue", Times: 1, After: true, Drop: true})
		if err := do(); err != nil {
			m.wantLost(r, err)
		}
		m.sim.ClearFaults()
	}
	if err := do(); err != nil {
		r.Fatal(err)
	}
}

func (m *model) update(r *rapid.T) {
	i := m.pick(r)
	u := jira.Update{}
	if rapid.Bool().Draw(r, "summary?") {
		u.Summary = ptr(words.Draw(r, "summary"))
		i.Summary = strings.Join(strings.Fields(*u.Summary), " ")
	}
	if rapid.Bool().Draw(r, "due?") {
		i.Due = dates.Draw(r, "due")
		u.Due = ptr(i.Due)
	}
	if rapid.Bool().Draw(r, "assignee?") {
		i.Assignee = refs.Draw(r, "assignee")
		u.Assignee = ptr(m.ref(i.Assignee))
	}
	if rapid.Bool().Draw(r, "label?") {
		u.AddLabels = []string{tags.Draw(r, "label")}
		i.Labels = append(i.Labels, u.AddLabels...)
	}
	m.again(r, func() error { return m.c.Update(r.Context(), i.Key, u) })
}

var statuses = map[string]string{"new": "To Do", "indeterminate": "In Progress", "done": "Done"}

func (i statusOf) set(category string) {
	i.Category, i.Status, i.Resolution = category, statuses[category], ""
	if category == "done" {
		i.Resolution = "Done"
	}
}

type statusOf struct{ *jirasim.Issue }

func (m *model) move(r *rapid.T) {
	i := m.pick(r)
	category := rapid.SampledFrom([]string{"new", "indeterminate", "done"}).Draw(r, "category")
	statusOf{i}.set(category)
	m.again(r, func() error { _, err := m.c.Transition(r.Context(), i.Key, category); return err })
}

func (m *model) comment(r *rapid.T) {
	i := m.pick(r)
	body := words.Draw(r, "body")
	if err := m.sim.Say(ani, i.Key, body); err != nil {
		r.Fatal(err)
	}
	got, _ := m.sim.Issue(i.Key)
	i.Comments = append(i.Comments, jirasim.Comment{ID: got.Comments[len(got.Comments)-1].ID, Author: ani, Body: body, Created: m.ck.Now()})
}

func (m *model) link(r *rapid.T) {
	i := m.pick(r)
	l := jira.Link{GlobalID: tags.Draw(r, "id"), URL: "https://x.example/", Title: strings.TrimSpace(words.Draw(r, "title")), Resolved: rapid.Bool().Draw(r, "resolved")}
	m.again(r, func() error { return m.c.SetLink(r.Context(), i.Key, l) })
	has := jirasim.Link{GlobalID: l.GlobalID, URL: l.URL, Title: strings.Join(strings.Fields(l.Title), " "), Resolved: l.Resolved}
	n := slices.IndexFunc(i.Links, func(old jirasim.Link) bool { return old.GlobalID == l.GlobalID })
	if n < 0 {
		i.Links = append(i.Links, has)
	} else {
		i.Links[n] = has
	}
}

func (m *model) people(r *rapid.T) {
	i := m.pick(r)
	category := rapid.SampledFrom([]string{"new", "indeterminate", "done"}).Draw(r, "category")
	if err := m.sim.Move(ani, i.Key, statuses[category]); err != nil {
		r.Fatal(err)
	}
	statusOf{i}.set(category)
	i.Assignee = budi
	if err := m.sim.Assign(ani, i.Key, budi); err != nil {
		r.Fatal(err)
	}
}

func (m *model) delete(r *rapid.T) {
	i := m.pick(r)
	if err := m.sim.Delete(ani, i.Key); err != nil {
		r.Fatal(err)
	}
	i.Key = ""
}

// normal leaves out what the model does not know, and order that has no meaning.
func normal(i jirasim.Issue) jirasim.Issue {
	i.Updated = time.Time{}
	i.Fields = nil
	i.Labels = slices.Sorted(slices.Values(i.Labels))
	i.Labels = slices.Compact(i.Labels)
	i.Links = slices.Clone(i.Links)
	for n := range i.Links {
		i.Links[n].ID = 0
	}
	return i
}

func (m *model) there() []jirasim.Issue {
	var out []jirasim.Issue
	for _, i := range m.want {
		if i.Key != "" {
			out = append(out, normal(i))
		}
	}
	return out
}

func (m *model) check(r *rapid.T) {
	m.ck.Pass(time.Second) // so that the client never has to keep within the limits of one issue
	var got []jirasim.Issue
	for _, i := range m.sim.Issues() {
		got = append(got, normal(i))
	}
	if d := cmp.Diff(m.there(), got); d != "" {
		r.Fatalf("issues (-model +simulator):\n%s", d)
	}
}

// checkFound looks from the outside.
func (m *model) checkFound() {
	var want, open []string
	for _, i := range m.there() {
		want = append(want, i.Key+" "+i.Status)
		if i.Category != "done" {
			open = append(open, i.Key+" "+i.Status)
		}
		if m.seen[i.ID] != i.Status {
			m.t.Errorf("by webhooks %s is %q, want %s", i.Key, m.seen[i.ID], i.Status)
		}
		delete(m.seen, i.ID)
	}
	if len(m.seen) > 0 {
		m.t.Errorf("by webhooks there are also %v", m.seen)
	}
	// The client's clock is not the simulator's, which was advanced.
	for q, want := range map[*jira.Query][]string{{Project: "OPS"}: want, {Project: "OPS", Open: true}: open} {
		var got []string
		err := m.c.Search(m.t.Context(), *q, func(i jira.Issue) bool { got = append(got, i.Key+" "+i.Status); return true })
		if err != nil || !slices.Equal(got, want) {
			m.t.Errorf("found %v, %v, want %v", got, err, want)
		}
	}
}
