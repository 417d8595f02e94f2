package pagerduty

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// pageSize is PagerDuty's maximum.
	pageSize = 100
	// maxOffset is how deep PagerDuty pages into one list: offset plus limit
	// can't exceed it. https://developer.pagerduty.com/docs/pagination
	maxOffset = 10_000
	// maxRange is a little less than the six months that PagerDuty searches at
	// once.
	maxRange = 180 * 24 * time.Hour
	// overlap is how many incidents a page has in common with the one before.
	overlap = 20
	// maxRestarts bounds how often a list that changed under the reader is read
	// from its start again.
	maxRestarts = 3
)

// Incident returns one incident.
func (c *Client) Incident(ctx context.Context, id string) (*Incident, error) {
	op := "read incident " + id
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	var answer struct {
		Incident wireIncident `json:"incident"`
	}
	if err := c.send(ctx, op, http.MethodGet, "/incidents/"+id, "", nil, &answer); err != nil {
		return nil, err
	}
	if answer.Incident.ID == "" {
		return nil, &Error{Op: op, Status: http.StatusOK, Message: "the answer holds no incident"}
	}
	return answer.Incident.incident(), nil
}

// Incidents returns the incidents of every status that were created from since
// (inclusive) until until (exclusive), oldest first, each once. Both are cut to
// whole seconds, as PagerDuty's times are. It asks for pages as they are needed,
// in ranges that PagerDuty accepts. An error ends it.
func (c *Client) Incidents(ctx context.Context, since, until time.Time) iter.Seq2[*Incident, error] {
	return func(yield func(*Incident, error) bool) {
		w := walk{c: c, ctx: ctx, op: "list incidents", seen: make(map[string]bool), yield: yield}
		w.statuses = []string{StatusTriggered, StatusAcknowledged, StatusResolved}
		w.ranges(since.Truncate(time.Second), until.Truncate(time.Second))
	}
}

// OpenIncidents returns all triggered and acknowledged incidents, however old,
// oldest first.
func (c *Client) OpenIncidents(ctx context.Context) ([]*Incident, error) {
	var out []*Incident
	var failed error
	w := walk{c: c, ctx: ctx, op: "list open incidents", seen: make(map[string]bool)}
	w.statuses = []string{StatusTriggered, StatusAcknowledged}
	w.yield = func(i *Incident, err error) bool {
		if err != nil {
			failed = err
			return false
		}
		out = append(out, i)
		return true
	}
	last, more := w.pages(url.Values{"date_range": {"all"}})
	if more && failed == nil { // deeper than PagerDuty pages: go on by date
		w.ranges(last, c.now().Add(time.Minute))
	}
	if failed != nil {
		return nil, failed
	}
	return out, nil
}

// walk reads a list of incidents through all its pages.
type walk struct {
	c        *Client
	ctx      context.Context // of the one call that the walk lives in
	op       string
	statuses []string
	seen     map[string]bool
	yield    func(*Incident, error) bool
	stopped  bool
}

func (w *walk) emit(i *Incident, err error) {
	if !w.stopped && !w.yield(i, err) || err != nil {
		w.stopped = true
	}
}

// ranges walks from since until until in ranges of at most maxRange, and of
// less where one holds more incidents than PagerDuty pages through.
func (w *walk) ranges(since, until time.Time) {
	for since.Before(until) && !w.stopped {
		end := until
		if end.Sub(since) > maxRange {
			end = since.Add(maxRange)
		}
		last, more := w.pages(url.Values{"since": {stamp(since)}, "until": {stamp(end)}}, since, end)
		switch {
		case !more:
			since = end
		case last.After(since):
			since = last // again from there: those of that second are known already
		default:
			w.emit(nil, &Error{Op: w.op, Message: "more than 10,000 incidents were created in one second"})
		}
	}
}

// pages walks the pages of one list, oldest first, and hands on what is new
// and, if bounds are given, within them. It returns the time of the last
// incident, and whether there are more than PagerDuty shows.
//
// An incident that leaves the list while it is read (an open one that gets
// resolved) moves all later ones forward, past the reader. So pages overlap: if
// a page starts with an incident that was read before, nothing is missing. Else
// the list is read again from its start, and after some times given up, for to
// leave out an open incident would be to call it resolved.
func (w *walk) pages(query url.Values, bounds ...time.Time) (last time.Time, more bool) {
	query["statuses[]"] = w.statuses
	query.Set("sort_by", "created_at:asc")
	query.Set("limit", strconv.Itoa(pageSize))
	read := make(map[string]bool)
	offset, restarts := 0, 0
	for !w.stopped {
		query.Set("offset", strconv.Itoa(offset))
		page, more, err := w.page(query)
		if err != nil {
			w.emit(nil, err)
			return last, false
		}
		if offset > 0 && (len(page) == 0 || !read[page[0].ID]) {
			if restarts++; restarts > maxRestarts {
				w.emit(nil, &Error{Op: w.op, Message: "the list kept changing while it was read"})
				return last, false
			}
			offset = 0
			continue
		}
		for _, i := range page {
			if read[i.ID] = true; !i.CreatedAt.IsZero() {
				last = i.CreatedAt
			}
			w.offer(i, bounds)
		}
		if !more || len(page) == 0 {
			return last, false
		}
		offset += max(len(page)-overlap, 1)
		if offset+pageSize > maxOffset {
			return last, true
		}
	}
	return last, false
}

func (w *walk) offer(i *Incident, bounds []time.Time) {
	if w.stopped || w.seen[i.ID] {
		return
	}
	if len(bounds) == 2 && !i.CreatedAt.IsZero() && (i.CreatedAt.Before(bounds[0]) || !i.CreatedAt.Before(bounds[1])) {
		return
	}
	w.seen[i.ID] = true
	w.emit(i, nil)
}

func (w *walk) page(query url.Values) ([]*Incident, bool, error) {
	var answer struct {
		Incidents []wireIncident `json:"incidents"`
		More      bool           `json:"more"`
	}
	if err := w.c.send(w.ctx, w.op, http.MethodGet, "/incidents?"+query.Encode(), "", nil, &answer); err != nil {
		return nil, false, err
	}
	out := make([]*Incident, len(answer.Incidents))
	for n := range answer.Incidents {
		out[n] = answer.Incidents[n].incident()
	}
	return out, answer.More, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// LogEntry is one entry of an incident's history.
type LogEntry struct {
	ID        string
	Type      string // such as "acknowledge_log_entry", see the LogEntry constants
	CreatedAt time.Time
	Agent     *Reference // who did it; nil if PagerDuty does not say
	Summary   string     // for people
	Channel   string     // how it was done, such as "website" or "api"

	// Priority is set where the entry says that the priority changed.
	Priority *PriorityChange
}

// Types of log entries that change an incident's state.
const (
	LogEntryTrigger       = "trigger_log_entry"
	LogEntryAcknowledge   = "acknowledge_log_entry"
	LogEntryUnacknowledge = "unacknowledge_log_entry"
	LogEntryResolve       = "resolve_log_entry"
)

// LogEntryAnnotate is the type of the log entry of a note.
const LogEntryAnnotate = "annotate_log_entry"

// LogEntries returns the history of an incident from since on, or all of it if
// since is zero, oldest first. It has the time of everything that happened,
// also of what no webhook told. Of a history of more than 10,000 entries the
// newest 10,000 are returned.
func (c *Client) LogEntries(ctx context.Context, id string, since time.Time) ([]LogEntry, error) {
	op := "read the history of " + id
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", stamp(since))
	}
	var out []LogEntry
	err := c.each(ctx, op, "/incidents/"+id+"/log_entries", query, func(p *wirePage) int {
		for _, w := range p.LogEntries {
			e := LogEntry{
				ID: string(w.ID), Type: string(w.Type), CreatedAt: w.CreatedAt.time(), Agent: w.Agent.pointer(),
				Summary: string(w.Summary), Channel: string(w.Channel.Type), Priority: w.Channel.priority(),
			}
			if e.CreatedAt.Before(since.Truncate(time.Second)) {
				continue
			}
			out = append(out, e)
		}
		return len(p.LogEntries)
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(out) // PagerDuty sends the newest first: keep the order within a second
	sortByTime(out, func(e LogEntry) time.Time { return e.CreatedAt })
	return out, nil
}

// Notes returns the notes of an incident, oldest first, in full length.
func (c *Client) Notes(ctx context.Context, id string) ([]Note, error) {
	op := "read the notes of " + id
	if err := checkID(op, id); err != nil {
		return nil, err
	}
	var answer wirePage
	if err := c.send(ctx, op, http.MethodGet, "/incidents/"+id+"/notes", "", nil, &answer); err != nil {
		return nil, err
	}
	out := make([]Note, len(answer.Notes))
	for i, n := range answer.Notes {
		out[i] = Note{ID: string(n.ID), Content: string(n.Content), User: n.User.pointer(), CreatedAt: n.CreatedAt.time()}
	}
	slices.Reverse(out) // as in LogEntries
	sortByTime(out, func(n Note) time.Time { return n.CreatedAt })
	return out, nil
}

// wirePage is one page of any of the lists but that of incidents.
type wirePage struct {
	More       bool `json:"more"`
	LogEntries []struct {
		wireRef
		CreatedAt text        `json:"created_at"`
		Agent     *wireRef    `json:"agent"`
		Channel   wireChannel `json:"channel"`
	} `json:"log_entries"`
	Notes []struct {
		ID        text     `json:"id"`
		Content   text     `json:"content"`
		User      *wireRef `json:"user"`
		CreatedAt text     `json:"created_at"`
	} `json:"notes"`
	Alerts        []wireAlert        `json:"alerts"`
	Subscriptions []wireSubscription `json:"webhook_subscriptions"`
	Services      []wireRef          `json:"services"`
	Priorities    []wirePriority     `json:"priorities"`
	OnCalls       []wireOnCall       `json:"oncalls"`
}

// each reads all pages of a list, at most maxOffset entries. take says how many
// entries the page had.
func (c *Client) each(ctx context.Context, op, path string, query url.Values, take func(*wirePage) int) error {
	query.Set("limit", strconv.Itoa(pageSize))
	for offset := 0; offset+pageSize <= maxOffset; {
		query.Set("offset", strconv.Itoa(offset))
		var page wirePage
		if err := c.send(ctx, op, http.MethodGet, path+"?"+query.Encode(), "", nil, &page); err != nil {
			return err
		}
		n := take(&page)
		if !page.More || n == 0 {
			return nil
		}
		offset += n
	}
	return nil
}

// webLink returns raw if it is an absolute http or https URL, else "".
func webLink(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.String()
}
