package jirasim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check refuses values that do not exist.
func (s *Server) check(q query) error {
	for _, t := range q.tests {
		for _, v := range t.values {
			wrong := false
			switch t.field {
			case "project":
				wrong = s.project(v) == nil
			case "statuscategory":
				wrong = categoryOf(v) == ""
			case "key":
				if s.find(strings.ToUpper(v)) == nil {
					return saying("An issue with key '%s' does not exist for field 'key'.", v)
				}
			case "updated", "created":
				if _, ok := moment(v, s.now()); !ok {
					return saying("Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", v, t.field)
				}
			}
			if wrong {
				return saying("The value '%s' does not exist for the field '%s'.", v, t.field)
			}
		}
	}
	return nil
}

// categoryOf returns the key of the category with that name, id or key.
func categoryOf(v string) string {
	for key, c := range categories {
		if strings.EqualFold(v, key) || strings.EqualFold(v, c["name"].(string)) || v == fmt.Sprint(c["id"]) {
			return key
		}
	}
	return ""
}

// userZone is the time zone of the credentials' user: absolute times are of it.
var userZone = time.FixedZone("WIB", 7*60*60)

// moment reads a time: absolute, to the minute, or as a period before now.
func moment(v string, now time.Time) (time.Time, bool) {
	for _, layout := range []string{"2006/01/02 15:04", "2006-01-02 15:04", "2006/01/02", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, v, userZone); err == nil {
			return at, true
		}
	}
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if len(v) < 2 {
		return time.Time{}, false
	}
	n, err := strconv.Atoi(v[:len(v)-1])
	unit := units[v[len(v)-1]]
	return now.Add(time.Duration(n) * unit), err == nil && unit > 0
}

// matches reports whether all tests are true of an issue.
func (s *Server) matches(q query, i *Issue) bool {
	for _, t := range q.tests {
		if !s.passes(t, i) {
			return false
		}
	}
	return true
}

func (s *Server) passes(t test, i *Issue) bool {
	if t.field == "updated" || t.field == "created" {
		at := i.Updated
		if t.field == "created" {
			at = i.Created
		}
		bound, _ := moment(t.values[0], s.now()) // check has seen it
		c := at.Compare(bound)
		return map[string]bool{"=": c == 0, "!=": c != 0, ">": c > 0, ">=": c >= 0, "<": c < 0, "<=": c <= 0}[t.op]
	}
	has := slices.ContainsFunc(t.values, func(v string) bool {
		switch t.field {
		case "project":
			return s.project(v).Key == i.Project
		case "labels":
			return slices.ContainsFunc(i.Labels, func(l string) bool { return strings.EqualFold(l, v) })
		case "key":
			return s.find(strings.ToUpper(v)).ID == i.ID
		case "status":
			return strings.EqualFold(v, i.Status)
		case "statuscategory":
			return categoryOf(v) == i.Category
		}
		return s.ref(i.Assignee) == v
	})
	return has == (t.op == "=" || t.op == "in")
}

// sort orders issues as the query says, and newest first without an order.
func (q query) sort(all []Issue) {
	by := q.order
	if len(by) == 0 {
		by = []order{{"created", true}}
	}
	slices.SortStableFunc(all, func(a, b Issue) int {
		for _, o := range by {
			c := 0
			switch o.field {
			case "created":
				c = a.Created.Compare(b.Created)
			case "updated":
				c = a.Updated.Compare(b.Updated)
			case "key":
				c = cmp.Or(strings.Compare(a.Project, b.Project), cmp.Compare(keyNumber(a.Key), keyNumber(b.Key)))
			case "status":
				c = strings.Compare(a.Status, b.Status)
			case "project":
				c = strings.Compare(a.Project, b.Project)
			}
			if o.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

func keyNumber(key string) int {
	n, _ := strconv.Atoi(key[strings.LastIndexByte(key, '-')+1:]) // of our own making
	return n
}
