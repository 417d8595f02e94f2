package jira

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
)

// Types of webhook events that are decoded. Jira has some fifty more.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/#registering-a-webhook-using-the-rest-api--other-integrations-
const (
	EventCreated        = "jira:issue_created"
	EventUpdated        = "jira:issue_updated"
	EventDeleted        = "jira:issue_deleted"
	EventCommentCreated = "comment_created"
)

// Event is one webhook: something that happened in Jira. Their order is not
// guaranteed, and Issue is the issue as it was then: read it anew before
// relying on it.
type Event struct {
	// ID recognises repeated deliveries: the identifier that Jira gives a
	// webhook, or, where there is none, "sha256:" and the hash of the body,
	// which holds the time.
	ID    string
	Retry int // how many attempts there were before

	Type    string    // such as EventUpdated; "" if the body is no webhook of Jira's
	Subtype string    // of issue events, such as "issue_generic", "issue_assigned"; may be empty
	At      time.Time // when it happened, UTC; zero if missing or unreadable
	User    *User     // who did it; nil if Jira does not say
	Issue   *Issue    // the issue after the event; nil if it is not about one
	Changes []Change  // EventUpdated: what changed
	Comment *Comment  // where there is one
}

// Change is one change of a field.
type Change struct {
	Field    string // name, such as "status", "duedate", "assignee", "summary"
	FieldID  string // may be empty
	From, To string // values in Jira's form: ids of statuses and users, dates
	FromText string // the same for people
	ToText   string
}

// Change returns the last change of a field, by name or id, or nil.
func (e *Event) Change(field string) *Change {
	for i := len(e.Changes) - 1; i >= 0; i-- {
		if c := &e.Changes[i]; strings.EqualFold(c.Field, field) || c.FieldID == field {
			return c
		}
	}
	return nil
}

type wireEvent struct {
	Type      text        `json:"webhookEvent"`
	Subtype   text        `json:"issue_event_type_name"`
	Timestamp text        `json:"timestamp"` // milliseconds
	User      *wireUser   `json:"user"`
	Issue     *wireIssue  `json:"issue"`
	Changelog changelog   `json:"changelog"`
	Comment   *wireAuthor `json:"comment"`
}

// wireAuthor is a comment with whom did it last.
type wireAuthor struct {
	wireComment
	UpdateAuthor *wireUser `json:"updateAuthor"`
}

// changelog is lenient about its items one by one.
type changelog struct {
	Items []json.RawMessage `json:"items"`
}

type wireIssue struct {
	ID     text            `json:"id"`
	Key    text            `json:"key"`
	Fields json.RawMessage `json:"fields"`
}

type wireFields struct {
	Summary text      `json:"summary"`
	Type    wireNamed `json:"issuetype"`
	Status  struct {
		Name     text `json:"name"`
		Category struct {
			Key text `json:"key"`
		} `json:"statusCategory"`
	} `json:"status"`
	Priority wireNamed `json:"priority"`
	Labels   []text    `json:"labels"`
	Due      text      `json:"duedate"`
	Assignee *wireUser `json:"assignee"`
	Created  text      `json:"created"`
	Updated  text      `json:"updated"`
}

type wireNamed struct {
	Name text `json:"name"`
}

func (w *wireIssue) issue() *Issue {
	if w == nil || (w.ID == "" && w.Key == "") {
		return nil
	}
	var f wireFields
	_ = json.Unmarshal(w.Fields, &f) // what is of another type is left out
	i := &Issue{
		ID: string(w.ID), Key: string(w.Key), Type: string(f.Type.Name), Summary: string(f.Summary),
		Status: string(f.Status.Name), Category: string(f.Status.Category.Key), Priority: string(f.Priority.Name),
		Due: f.Due.date(), Assignee: f.Assignee.user(), Created: f.Created.time(), Updated: f.Updated.time(),
	}
	for _, l := range f.Labels {
		if l != "" {
			i.Labels = append(i.Labels, string(l))
		}
	}
	return i
}

// ParseWebhook decodes a webhook. It never fails, for answering a signed webhook
// with an error helps nobody: an unknown type comes back as such, a field of
// another type than expected is left out, and a body that is no webhook of
// Jira's gives an event without a Type.
//
// Check the signature first: see [VerifySignature].
func ParseWebhook(h http.Header, body []byte) *Event {
	e := &Event{ID: fit.Line(h.Get(IDHeader), 200)}
	if e.ID == "" {
		sum := sha256.Sum256(body)
		e.ID = "sha256:" + hex.EncodeToString(sum[:])
	}
	if n, err := strconv.Atoi(h.Get(RetryHeader)); err == nil && n > 0 {
		e.Retry = n
	}
	var w wireEvent
	if err := json.Unmarshal(body, &w); err != nil && !onlyTypes(err) {
		return e
	}
	e.Type, e.Subtype = string(w.Type), string(w.Subtype)
	if e.Type == "" {
		return e
	}
	if ms, err := strconv.ParseFloat(string(w.Timestamp), 64); err == nil && ms > 0 && ms < 1e14 {
		e.At = time.UnixMilli(int64(ms)).UTC()
	}
	e.Issue = w.Issue.issue()
	e.User = w.User.user()
	if w.Comment != nil && w.Comment.ID != "" {
		c := w.Comment.comment()
		e.Comment = &c
		if e.User == nil { // comment events name nobody else
			if e.User = w.Comment.UpdateAuthor.user(); e.User == nil {
				e.User = w.Comment.Author.user()
			}
		}
	}
	for _, raw := range w.Changelog.Items {
		if c, ok := parseChange(raw); ok {
			e.Changes = append(e.Changes, c)
		}
	}
	return e
}

func parseChange(raw json.RawMessage) (Change, bool) {
	var c struct {
		Field    text `json:"field"`
		FieldID  text `json:"fieldId"`
		From     text `json:"from"`
		To       text `json:"to"`
		FromText text `json:"fromString"`
		ToText   text `json:"toString"`
	}
	if err := json.Unmarshal(raw, &c); (err != nil && !onlyTypes(err)) || c.Field == "" {
		return Change{}, false
	}
	return Change{
		Field: string(c.Field), FieldID: string(c.FieldID), From: string(c.From), To: string(c.To),
		FromText: string(c.FromText), ToText: string(c.ToText),
	}, true
}
