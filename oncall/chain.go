package oncall

import (
	"cmp"
	"net/url"
	"slices"
	"time"
)

// duty is a turn as a source has it, now or later.
type duty struct {
	person      Person
	from, until time.Time // zero: always; until is exclusive
	level       int       // at least 1
}

func (d duty) covers(at time.Time) bool {
	return !at.Before(d.from) && (d.until.IsZero() || at.Before(d.until))
}

// chain orders duties into those who are asked together, first those on duty at
// the time. It is empty if nobody is. Nobody is in it twice.
func chain(p Plan, duties []duty, at time.Time) [][]duty {
	var now, later, earlier []duty
	for _, d := range duties {
		switch {
		case d.covers(at):
			now = append(now, d)
		case d.from.After(at):
			later = append(later, d)
		default:
			earlier = append(earlier, d)
		}
	}
	if len(now) == 0 {
		return nil
	}
	slices.SortStableFunc(now, func(a, b duty) int { return cmp.Compare(a.level, b.level) })
	groups := byLevel(now)
	slices.SortStableFunc(later, func(a, b duty) int { return a.from.Compare(b.from) })
	switch {
	case p.Schedule != "", p.Policy != "": // later turns are not to be woken now
	case p.URL != "":
		groups = append(groups, each(later)...)
	default:
		slices.SortStableFunc(earlier, func(a, b duty) int { return a.from.Compare(b.from) })
		groups = append(groups, each(append(later, earlier...))...)
	}
	return once(groups)
}

// byLevel splits what is sorted by level.
func byLevel(duties []duty) [][]duty {
	var out [][]duty
	for i, d := range duties {
		if i == 0 || d.level != duties[i-1].level {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], d)
	}
	return out
}

func each(duties []duty) [][]duty {
	out := make([][]duty, len(duties))
	for i, d := range duties {
		out[i] = []duty{d}
	}
	return out
}

// once leaves everybody where they come first, and no empty groups.
func once(groups [][]duty) [][]duty {
	var seen []Person
	var out [][]duty
	for _, group := range groups {
		var left []duty
		for _, d := range group {
			if !slices.ContainsFunc(seen, d.person.is) {
				seen = append(seen, d.person)
				left = append(left, d)
			}
		}
		if len(left) > 0 {
			out = append(out, left)
		}
	}
	return out
}

// sourceOf names where a plan asks, without what may be secret.
func sourceOf(p Plan) string {
	switch {
	case p.Schedule != "":
		return "pagerduty schedule " + p.Schedule
	case p.Policy != "":
		return "pagerduty policy " + p.Policy
	case p.URL != "":
		u, err := url.Parse(p.URL)
		if err != nil {
			return "standby tool"
		}
		return u.Scheme + "://" + u.Host
	}
	return "rota"
}

// rotaDuties are a rota's turns.
func rotaDuties(p Plan) []duty {
	out := make([]duty, len(p.Rota))
	for i, t := range p.Rota {
		out[i] = duty{person: Person{Mail: t.Mail, Name: t.Name, PagerDutyID: t.PagerDutyID}, from: t.From, until: t.Until, level: 1}
	}
	return out
}

func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
