package oncall_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imbot/catalog"
	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
	"imbot/oncall"
)

var monday = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is a keeper that asks a simulated PagerDuty.
type rig struct {
	*clock
	sim    *pagerdutysim.Server
	keeper *oncall.Keeper
	mu     sync.Mutex
	plans  map[string]oncall.Plan
}

// newRig has four people, the schedule PDBA of turns of 12 hours (Dewi, Eko),
// and the policy PPAY: PDBA, then Fitri and Gita, then Ani.
func newRig(t *testing.T, change func(*oncall.Config)) *rig {
	t.Helper()
	r := &rig{clock: &clock{at: monday.Add(time.Hour)}, plans: map[string]oncall.Plan{
		"dba": {Schedule: "PDBA"}, "squad:payments": {Policy: "PPAY"}, "nobody": {Schedule: "PNONE"},
	}}
	r.sim = pagerdutysim.New(pagerdutysim.Options{Now: r.now})
	t.Cleanup(r.sim.Close)
	for _, name := range []string{"Ani", "Dewi", "Eko", "Fitri", "Gita"} {
		r.sim.AddUser(pagerdutysim.User{ID: "P" + strings.ToUpper(name), Name: name, Email: name + "@Example.com"})
	}
	r.sim.AddSchedule(pagerdutysim.Schedule{ID: "PDBA", Rotation: []string{"PDEWI", "PEKO"}, Start: monday, Turn: 12 * time.Hour})
	r.sim.AddPolicy(pagerdutysim.Policy{ID: "PPAY", Levels: [][]string{{"PDBA"}, {"PFITRI", "PGITA", "PDEWI"}, {"PANI"}}})
	client, err := pagerduty.New(pagerduty.Config{BaseURL: r.sim.URL(), Token: r.sim.Token(), Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	c := oncall.Config{
		Plans: func() map[string]oncall.Plan {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.plans
		},
		PagerDuty: client, Now: r.now,
	}
	if change != nil {
		change(&c)
	}
	r.keeper = oncall.New(c)
	return r
}

// plan replaces all plans.
func (r *rig) plan(plans map[string]oncall.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plans = plans
}

// asked is how often PagerDuty was asked.
func (r *rig) asked() int {
	n := 0
	for _, q := range r.sim.Requests() {
		if strings.HasPrefix(q.URL, "/oncalls") {
			n++
		}
	}
	return n
}

// on answers in short.
func (r *rig) on(ctx context.Context, roles ...string) string {
	return short(r.keeper.On(ctx, roles))
}

func short(shifts []oncall.Shift, gaps []oncall.Gap) string {
	var out []string
	for _, s := range shifts {
		who := s.Person.Mail
		if who == "" {
			who = s.Person.PagerDutyID
		}
		stale := ""
		if s.Stale {
			stale = "?"
		}
		out = append(out, fmt.Sprintf("%s=%d%s%s", s.Role, s.Level, strings.TrimSuffix(who, "@example.com"), stale))
	}
	for _, g := range gaps {
		out = append(out, g.Role+"!"+g.Reason)
	}
	return strings.Join(out, " ")
}

// one writes a shift in short, nothing for none.
func one(s oncall.Shift) string {
	if s == (oncall.Shift{}) {
		return ""
	}
	return short([]oncall.Shift{s}, nil)
}

// people is a catalog that knows some.
func people(t *testing.T, yaml string) func(mail, id string) (catalog.Person, bool) {
	t.Helper()
	file, err := catalog.Parse([]byte(yaml), "catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(file, catalog.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Identity
}
