package commands

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/incident"
)

// read understands one argument that was typed.
func (a *arg) read(raw string, env *Env) (value, *incident.Problem) {
	v := value{raw: raw, str: strings.TrimSpace(raw)}
	var p *incident.Problem
	switch a.kind {
	case kindWord:
		v.str = incident.Line(raw)
	case kindFlag:
		on, ok := flags[strings.ToLower(v.str)]
		if !ok {
			return v, problem(a.name, "field_type", "field", a.name, "want", wants[kindFlag])
		}
		v.on = on
	case kindChoice:
		if v.str == "" {
			return v, nil
		}
		w, ok := a.words[strings.ToLower(v.str)]
		if !ok {
			return v, problem(a.name, "choice", "field", a.name, "choices", choices(a.words), "typed", quote(v.str))
		}
		v.str = w
	case kindNumber:
		n, err := strconv.Atoi(strings.TrimPrefix(v.str, "#"))
		if err != nil || n < 1 || n > 9999 {
			return v, problem(a.name, "field_type", "field", a.name, "want", wants[kindNumber])
		}
		v.num = n
	case kindPerson:
		v.who, v.me, p = person(a.name, v.str, env)
	case kindClock:
		v.when, p = clock(a.name, v.str, env, a.ahead)
	case kindDate:
		v.str, p = date(a.name, v.str, env)
	case kindSince:
		v.when, p = since(a.name, v.str, env)
	case kindStatus:
		if statuses(v.str) == nil {
			p = problem(a.name, "choice", "field", a.name, "choices", "open, resolved, closed, all", "typed", quote(v.str))
		}
	case kindID:
		id, err := incident.ParseID(idWord(v.str))
		if err != nil {
			return v, problem(a.name, "field_type", "field", a.name, "want", wants[kindID])
		}
		v.id = id
	case kindSpan:
		d, ok := span(v.str)
		if !ok {
			return v, problem(a.name, "span_unclear", "typed", quote(v.str))
		}
		v.span = d
	case kindKey:
		v.str = strings.ToLower(v.str)
		if !keyPattern.MatchString(v.str) {
			p = problem(a.name, "key_unclear", "typed", quote(raw))
		}
	}
	return v, p
}

var flags = map[string]bool{
	"true": true, "yes": true, "y": true, "on": true, "1": true, "ya": true,
	"false": false, "no": false, "n": false, "off": false, "0": false, "tidak": false, "": false,
}

var (
	keyPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	mailPattern = regexp.MustCompile(`^[a-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	guidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// choices lists what may be typed: each meaning once, in the alphabet's order.
func choices(words map[string]string) string {
	var out []string
	for w, meaning := range words {
		if w == meaning {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// person understands a mail address, the directory's id of a person (which is
// what a card's people picker sends), or "me".
func person(field, s string, env *Env) (who incident.Actor, me bool, p *incident.Problem) {
	t := strings.ToLower(strings.TrimPrefix(s, "@"))
	for _, m := range env.Mentions {
		if strings.EqualFold(strings.TrimPrefix(m.Text, "@"), strings.TrimPrefix(s, "@")) {
			return m.Actor, false, nil
		}
	}
	switch {
	case t == "me" || t == "saya":
		if env.Actor.IsZero() {
			return who, true, nil
		}
		return env.Actor, false, nil
	case len(t) <= 254 && mailPattern.MatchString(t):
		return incident.Actor{Kind: incident.KindUser, ID: t}, false, nil
	case guidPattern.MatchString(strings.TrimPrefix(t, "aad:")):
		return incident.Actor{Kind: incident.KindUser, ID: "aad:" + strings.TrimPrefix(t, "aad:")}, false, nil
	}
	return who, false, problem(field, "person_unknown", "typed", quote(s))
}

// clock understands a point in time: complete, or an hour of today, which was
// yesterday where it would be in the future. ahead says that it is a time to
// come: an hour that is past is tomorrow's.
func clock(field, s string, env *Env, ahead bool) (time.Time, *incident.Problem) {
	if t, err := time.Parse(time.RFC3339, strings.ToUpper(s)); err == nil {
		return t.UTC(), yearProblem(field, s, t)
	}
	if env.Now.IsZero() {
		return time.Time{}, problem(field, "time_rfc3339", "typed", quote(s))
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, strings.ToUpper(s), env.zone()); err == nil {
			return t.UTC(), yearProblem(field, s, t)
		}
	}
	if ahead {
		if d, ok := span(strings.TrimLeft(soon.ReplaceAllString(s, ""), "+")); ok {
			return env.Now.Add(d).Truncate(time.Minute).UTC(), nil
		}
	}
	if t, ok := hour(strings.ToLower(s), env, ahead); ok {
		return t.UTC(), nil
	}
	if ahead {
		return time.Time{}, problem(field, "ahead_unclear", "typed", quote(s))
	}
	return time.Time{}, problem(field, "time_unclear", "typed", quote(s))
}

// soon begins a span from now on: in 30m.
var soon = regexp.MustCompile(`^(?i)(in|dalam)\s+`)

// nearDays are the days by name that an hour may stand behind: those that were,
// and those that come.
var nearDays = map[bool]map[string]int{
	false: {"today ": 0, "hari ini ": 0, "yesterday ": -1, "kemarin ": -1},
	true:  {"today ": 0, "hari ini ": 0, "tomorrow ": 1, "besok ": 1, "lusa ": 2},
}

// hour understands an hour, of today where no day stands before it: the newest
// such moment that was, or the next one that comes.
func hour(s string, env *Env, ahead bool) (time.Time, bool) {
	day, dated := env.Now.In(env.zone()), false
	for w, n := range nearDays[ahead] {
		if r, ok := strings.CutPrefix(s, w); ok {
			day, s, dated = day.AddDate(0, 0, n), strings.TrimSpace(r), true
			break
		}
	}
	for _, layout := range []string{"15:04", "15.04", "15:04:05", "3:04pm", "3:04 pm", "3pm"} {
		h, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		at := func(other int) time.Time {
			return time.Date(day.Year(), day.Month(), day.Day()+other, h.Hour(), h.Minute(), h.Second(), 0, env.zone())
		}
		switch t := at(0); {
		case dated:
			return t, true
		case ahead && !t.After(env.Now):
			return at(1), true
		case !ahead && t.After(env.Now.Add(time.Minute)):
			return at(-1), true
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

// yearProblem refuses years in which nobody ran a service: a slip of the thumb.
func yearProblem(field, s string, t time.Time) *incident.Problem {
	if t.Year() < 2000 || t.Year() > 2200 {
		return problem(field, "time_unclear", "typed", quote(s))
	}
	return nil
}

var weekdays = map[string]time.Weekday{
	"monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6, "sunday": 0,
	"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 0,
	"senin": 1, "selasa": 2, "rabu": 3, "kamis": 4, "jumat": 5, "sabtu": 6, "minggu": 0,
}

var dayWords = map[string]int{"today": 0, "tomorrow": 1, "besok": 1, "lusa": 2}

var dayPattern = regexp.MustCompile(`^\+?([0-9]{1,3})([dwh])$`)

// date understands a day: 2006-01-02, today, tomorrow, +3d, +2w, or the next
// day of this name. "" is no date.
func date(field, s string, env *Env) (string, *incident.Problem) {
	t := strings.ToLower(s)
	if d, err := time.Parse(time.DateOnly, t); err == nil && yearProblem(field, s, d) == nil || t == "" {
		return t, nil
	}
	today := env.Now.In(env.zone())
	days, ok := dayWords[t]
	if m := dayPattern.FindStringSubmatch(t); m != nil && m[2] != "h" {
		ok = true
		if days, _ = strconv.Atoi(m[1]); m[2] == "w" {
			days *= 7
		}
	}
	if wd, named := weekdays[t]; named {
		days, ok = (int(wd-today.Weekday())+6)%7+1, true
	}
	if !ok || env.Now.IsZero() {
		return "", problem(field, "date_unclear", "typed", quote(s))
	}
	return today.AddDate(0, 0, days).Format(time.DateOnly), nil
}

// Since understands the beginning or end of a span: RFC 3339, a day (its
// beginning in loc), or how long ago, as in 7d or 12h.
func Since(field, s string, now time.Time, loc *time.Location) (time.Time, error) {
	t, p := since(field, s, &Env{Now: now, Location: loc})
	if p != nil {
		return t, p
	}
	return t, nil
}

func since(field, s string, env *Env) (time.Time, *incident.Problem) {
	if t, err := time.Parse(time.RFC3339, s); err == nil && yearProblem(field, s, t) == nil {
		return t.UTC(), nil
	}
	if m := dayPattern.FindStringSubmatch(strings.ToLower(s)); m != nil && s[0] != '+' {
		n, _ := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		return env.Now.Add(-time.Duration(n) * unit).UTC(), nil
	}
	today := env.Now.In(env.zone())
	switch strings.ToLower(s) {
	case "today":
		return time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, env.zone()).UTC(), nil
	case "yesterday":
		return time.Date(today.Year(), today.Month(), today.Day()-1, 0, 0, 0, 0, env.zone()).UTC(), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, env.zone()); err == nil && yearProblem(field, s, t) == nil {
		return t.UTC(), nil
	}
	return time.Time{}, problem(field, "since_unclear", "typed", quote(s))
}
