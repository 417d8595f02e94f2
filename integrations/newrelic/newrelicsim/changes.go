package newrelicsim

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules for NRQL. https://docs.newrelic.com/docs/nrql/nrql-syntax-clauses-functions/
const (
	defaultRows = 100
	maxRows     = 5000
)

// Change is what was told to change tracking.
type Change struct {
	ID          string // made up if empty
	Entity      string // GUID
	Old         bool   // told by the older way: it is a Deployment, not a ChangeTrackingEvent
	Category    string // default "Deployment"; an old one has none
	Type        string // default "Basic"
	Version     string
	Flag        string
	Summary     string
	Description string
	User        string
	DeepLink    string
	At          time.Time // default now
}

// AddChange records a change, and returns its id.
func (s *Server) AddChange(c Change) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.At.IsZero() {
		c.At = s.now()
	}
	c.ID = cmp.Or(c.ID, fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.changes)+1))
	c.Type = cmp.Or(c.Type, "Basic")
	if !c.Old {
		c.Category = cmp.Or(c.Category, "Deployment")
	}
	s.changes = append(s.changes, c)
	return c.ID
}

// row is the change as NRDB has it: what it lacks is null.
func (s *Server) row(c *Change) map[string]any {
	set := func(v string) any {
		if v == "" {
			return nil
		}
		return v
	}
	row := map[string]any{
		"timestamp": c.At.UnixMilli(), "entity.guid": set(c.Entity), "version": set(c.Version), "user": set(c.User),
		"description": set(c.Description), "deepLink": set(c.DeepLink),
	}
	if e := s.byGUID[c.Entity]; e != nil {
		row["entity.name"] = e.Name
	}
	if c.Old {
		row["deploymentId"], row["deploymentType"] = c.ID, strings.ToUpper(c.Type)
		return row
	}
	row["changeTrackingId"], row["category"], row["type"] = c.ID, c.Category, c.Type
	row["featureFlagId"], row["shortDescription"] = set(c.Flag), set(c.Summary)
	return row
}

// account is the account that the key may read; others are refused.
func (s *Server) account(args map[string]any) (any, error) {
	id := fmt.Sprint(args["id"])
	if f, ok := args["id"].(float64); ok {
		id = strconv.FormatInt(int64(f), 10)
	}
	if id != strconv.Itoa(s.opt.AccountID) {
		return nil, errors.New("you do not have access to account " + id)
	}
	return object{"id": s.opt.AccountID, "nrql": resolver(s.nrql)}, nil
}

var nrqlPattern = regexp.MustCompile(`^SELECT (.+) FROM ([A-Za-z, ]+?)(?: SINCE ([0-9]+))?(?: UNTIL ([0-9]+))?(?: LIMIT ([0-9]+|MAX))?$`)

// nrql answers questions for events: attributes by name, event types, times in
// milliseconds since 1970 (without: the last hour), and a limit (without: 100).
func (s *Server) nrql(args map[string]any) (any, error) {
	query, _ := args["query"].(string)
	m := nrqlPattern.FindStringSubmatch(query)
	if m == nil {
		return nil, fmt.Errorf("NRQL Syntax Error: the simulator does not understand %q", query)
	}
	limit := defaultRows
	switch n, err := strconv.Atoi(m[5]); {
	case m[5] == "MAX":
		limit = maxRows
	case m[5] == "":
	case err != nil || n < 1 || n > maxRows:
		return nil, fmt.Errorf("NRQL Syntax Error: LIMIT is at most %d", maxRows)
	default:
		limit = n
	}
	since, until := s.now().Add(-time.Hour), s.now()
	for i, at := range []*time.Time{&since, &until} {
		if ms, err := strconv.ParseInt(m[3+i], 10, 64); err == nil {
			*at = time.UnixMilli(ms)
		}
	}
	if until.Before(since) {
		return nil, errors.New("NRQL Syntax Error: UNTIL is before SINCE")
	}
	types := strings.Split(strings.ReplaceAll(m[2], " ", ""), ",")
	var found []Change
	for _, c := range s.changes {
		kind := "ChangeTrackingEvent"
		if c.Old {
			kind = "Deployment"
		}
		if slices.Contains(types, kind) && !c.At.Before(since) && c.At.Before(until) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b Change) int { return b.At.Compare(a.At) }) // events come newest first
	rows := []map[string]any{}
	for _, c := range found[:min(len(found), limit)] {
		all, row := s.row(&c), map[string]any{}
		for name := range strings.SplitSeq(m[1], ",") {
			name = strings.TrimSpace(name)
			row[name] = all[name]
		}
		rows = append(rows, row)
	}
	return object{"results": rows, "nrql": query}, nil
}
