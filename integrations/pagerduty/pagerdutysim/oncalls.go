package pagerdutysim

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Schedule says whose turn it is when. Rotation and Shifts can be combined: a
// shift replaces the rotation for its time, as an override does.
type Schedule struct {
	ID       string // made up if empty
	Name     string
	Rotation []string      // ids of users, in turn; empty: nobody but Shifts
	Start    time.Time     // of the first turn; default 1970
	Turn     time.Duration // how long each turn is; default a week
	Shifts   []Shift
	V3       bool // a shift-based schedule, whose references have another type
}

// Shift is one turn of one user.
type Shift struct {
	User        string // id; empty: nobody is on call
	From, Until time.Time
}

// Policy is an escalation policy: each level has the ids of the users and
// schedules that are told together.
type Policy struct {
	ID     string // made up if empty
	Name   string
	Levels [][]string
}

// AddSchedule adds a schedule, or replaces the one with its id, and returns it
// with its id. PagerDuty derives who is on call from policies: a schedule counts
// when a policy has it.
func (s *Server) AddSchedule(v Schedule) Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.ID == "" {
		v.ID = s.newID('P', 6)
	}
	if v.Turn <= 0 {
		v.Turn = 7 * 24 * time.Hour
	}
	if v.Start.IsZero() {
		v.Start = time.Unix(0, 0).UTC()
	}
	s.schedules = slices.DeleteFunc(s.schedules, func(o *Schedule) bool { return o.ID == v.ID })
	s.schedules = append(s.schedules, &v)
	return v
}

// AddPolicy adds an escalation policy, or replaces the one with its id, and
// returns it with its id.
func (s *Server) AddPolicy(p Policy) Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.ID == "" {
		p.ID = s.newID('P', 6)
	}
	s.policies = slices.DeleteFunc(s.policies, func(o *Policy) bool { return o.ID == p.ID })
	s.policies = append(s.policies, &p)
	return p
}

func (s *Server) schedule(id string) *Schedule {
	for _, v := range s.schedules {
		if v.ID == id {
			return v
		}
	}
	return nil
}

func (s *Server) policy(id string) *Policy {
	for _, p := range s.policies {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func scheduleRef(v *Schedule) reference {
	r := ref("schedule", "schedules", v.ID, v.Name)
	if v.V3 {
		r.Type = "schedule_v3_reference"
	}
	return r
}

func (p *Policy) ref() reference {
	return ref("escalation_policy", "escalation_policies", p.ID, p.Name)
}

// turns returns the turns that overlap with the time from since until until, in
// order. A turn that touches until only does not.
func (v *Schedule) turns(since, until time.Time) []Shift {
	if !until.After(since) {
		until = since.Add(time.Nanosecond) // the moment itself
	}
	overlaps := func(t Shift) bool { return t.From.Before(until) && t.Until.After(since) }
	var out []Shift
	if n := len(v.Rotation); n > 0 && until.After(v.Start) {
		first := max(int(since.Sub(v.Start)/v.Turn)-1, 0)
		for k := first; ; k++ {
			from := v.Start.Add(time.Duration(k) * v.Turn)
			if !from.Before(until) {
				break
			}
			t := Shift{User: v.Rotation[k%n], From: from, Until: from.Add(v.Turn)}
			for _, part := range without(t, v.Shifts) {
				if overlaps(part) {
					out = append(out, part)
				}
			}
		}
	}
	for _, t := range v.Shifts {
		if t.User != "" && overlaps(t) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b Shift) int { return a.From.Compare(b.From) })
	return out
}

// without returns what overrides leave of a turn.
func without(t Shift, overrides []Shift) []Shift {
	left := []Shift{t}
	for _, o := range overrides {
		var next []Shift
		for _, p := range left {
			if !o.From.Before(p.Until) || !o.Until.After(p.From) {
				next = append(next, p)
				continue
			}
			if p.From.Before(o.From) {
				next = append(next, Shift{p.User, p.From, o.From})
			}
			if o.Until.Before(p.Until) {
				next = append(next, Shift{p.User, o.Until, p.Until})
			}
		}
		left = next
	}
	return left
}

// onCall is one entry of GET /oncalls.
type onCall struct {
	policy   *Policy
	level    int
	user     *User
	schedule *Schedule // nil for a user of the policy itself
	shift    Shift     // zero times: always
}

// onCalls lists the turns of a policy, level by level.
func (s *Server) onCalls(p *Policy, since, until time.Time) []onCall {
	var out []onCall
	for n, targets := range p.Levels {
		for _, id := range targets {
			if u := s.user(id); u != nil {
				out = append(out, onCall{policy: p, level: n + 1, user: u})
				continue
			}
			v := s.schedule(id)
			if v == nil {
				continue
			}
			for _, t := range v.turns(since, until) {
				if u := s.user(t.User); u != nil {
					out = append(out, onCall{p, n + 1, u, v, t})
				}
			}
		}
	}
	return out
}

// firstLevel returns the users whom a policy tells first, now.
func (s *Server) firstLevel(p *Policy) []*User {
	var out []*User
	level, now := 0, s.now()
	for _, o := range s.onCalls(p, now, now) {
		if level == 0 {
			level = o.level
		}
		if o.level == level && !slices.Contains(out, o.user) {
			out = append(out, o.user)
		}
	}
	return out
}

func (s *Server) getOnCalls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	since, until, problem := s.onCallRange(q)
	if problem != "" {
		invalid(w, problem)
		return
	}
	type key struct {
		policy *Policy
		level  int
		user   *User
	}
	seen := map[key]bool{}
	var all []onCall
	for _, p := range s.policies {
		if !wanted(q["escalation_policy_ids[]"], p.ID) {
			continue
		}
		for _, o := range s.onCalls(p, since, until) {
			id := "null" // as PagerDuty names those of no schedule
			if o.schedule != nil {
				id = o.schedule.ID
			}
			k := key{o.policy, o.level, o.user}
			if !wanted(q["schedule_ids[]"], id) || !wanted(q["user_ids[]"], o.user.ID) || q.Get("earliest") == "true" && seen[k] {
				continue
			}
			seen[k] = true
			all = append(all, o)
		}
	}
	page, p, err := slice(q, all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	out := make([]map[string]any, len(page))
	for n, o := range page {
		out[n] = o.rest(slices.Contains(q["include[]"], "users"))
	}
	answer(w, http.StatusOK, struct {
		paging
		OnCalls []map[string]any `json:"oncalls"`
	}{p, out})
}

// onCallRange reads since and until, which default to now and reach 90 days
// ahead at most.
func (s *Server) onCallRange(q url.Values) (since, until time.Time, problem string) {
	since = s.now()
	var err error
	if v := q.Get("since"); v != "" {
		if since, err = time.Parse(time.RFC3339, v); err != nil {
			return since, until, "Since is not a date"
		}
	}
	until = since
	if v := q.Get("until"); v != "" {
		if until, err = time.Parse(time.RFC3339, v); err != nil {
			return since, until, "Until is not a date"
		}
	}
	if until.Before(since) {
		return since, until, "Until cannot be before since"
	}
	if limit := s.now().AddDate(0, 0, 90); until.After(limit) {
		until = limit
	}
	return since, until, ""
}

func (o *onCall) rest(users bool) map[string]any {
	m := map[string]any{
		"escalation_policy": o.policy.ref(), "escalation_level": o.level, "user": userRef(o.user),
		"schedule": nil, "start": nil, "end": nil,
	}
	if users {
		m["user"] = o.user.rest()
	}
	if o.schedule != nil {
		m["schedule"], m["start"], m["end"] = scheduleRef(o.schedule), seconds(o.shift.From), seconds(o.shift.Until)
	}
	return m
}
