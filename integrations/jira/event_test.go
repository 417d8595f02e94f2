package jira_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

const updated = `{
 "timestamp": 1772352000123, "webhookEvent": "jira:issue_updated", "issue_event_type_name": "issue_generic",
 "user": {"accountId": "712020:ani", "displayName": "Ani", "active": true, "accountType": "atlassian"},
 "issue": {"id": "10002", "key": "OPS-7", "self": "https://x.atlassian.net/rest/api/2/10002", "fields": {
  "summary": "Fix the retry storm", "duedate": "2026-03-31", "labels": ["imbot", "INC-42"],
  "status": {"name": "Erledigt", "id": "10001", "statusCategory": {"id": 3, "key": "done", "name": "Done"}},
  "issuetype": {"name": "Task"}, "priority": {"name": "High"}, "assignee": {"accountId": "712020:budi", "displayName": "Budi"},
  "created": "2026-03-01T14:00:00.000+0700", "updated": "2026-03-01T15:00:00.123+0700", "customfield_10010": {"value": 1}}},
 "changelog": {"id": "10124", "items": [
  {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "10000", "fromString": "Offen", "to": "10001", "toString": "Erledigt"},
  {"field": "duedate", "fieldtype": "jira", "from": null, "fromString": null, "to": "2026-03-31", "toString": "2026-03-31 00:00:00.0"}]}}`

func header(kv ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(kv); i += 2 {
		h.Add(kv[i], kv[i+1])
	}
	return h
}

func TestParseWebhook(t *testing.T) {
	got := jira.ParseWebhook(header(jira.IDHeader, "abc", jira.RetryHeader, "2"), []byte(updated))
	want := &jira.Event{
		ID: "abc", Retry: 2, Type: jira.EventUpdated, Subtype: "issue_generic", At: time.Date(2026, 3, 1, 8, 0, 0, 123e6, time.UTC),
		User: &jira.User{AccountID: ani, FullName: "Ani", Active: true},
		Issue: &jira.Issue{
			ID: "10002", Key: "OPS-7", Type: "Task", Summary: "Fix the retry storm", Status: "Erledigt", Category: jira.CategoryDone,
			Priority: "High", Labels: []string{"imbot", "INC-42"}, Due: "2026-03-31", Assignee: &jira.User{AccountID: budi, FullName: "Budi", Active: true},
			Created: time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC), Updated: time.Date(2026, 3, 1, 8, 0, 0, 123e6, time.UTC),
		},
		Changes: []jira.Change{
			{Field: "status", FieldID: "status", From: "10000", FromText: "Offen", To: "10001", ToText: "Erledigt"},
			{Field: "duedate", To: "2026-03-31", ToText: "2026-03-31 00:00:00.0"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
	if got.Change("Status").To != "10001" || got.Change("assignee") != nil || !got.Issue.Done() {
		t.Errorf("event %+v", got)
	}
}

// Whatever comes with a good signature is an event.
func TestParseWebhookLenient(t *testing.T) {
	for name, tt := range map[string]struct {
		body  string
		check func(*jira.Event) bool
	}{
		"empty":            {``, func(e *jira.Event) bool { return e.Type == "" && strings.HasPrefix(e.ID, "sha256:") }},
		"no JSON":          {`hello`, func(e *jira.Event) bool { return e.Type == "" }},
		"list":             {`[]`, func(e *jira.Event) bool { return e.Type == "" }},
		"null":             {`null`, func(e *jira.Event) bool { return e.Type == "" }},
		"cut":              {updated[:200], func(e *jira.Event) bool { return e.Type == "" && e.Issue == nil }},
		"another's":        {`{"event":{"type":"x"}}`, func(e *jira.Event) bool { return e.Type == "" }},
		"unknown type":     {`{"webhookEvent":"sprint_started","sprint":{"id":1}}`, func(e *jira.Event) bool { return e.Type == "sprint_started" && e.Issue == nil }},
		"deleted":          {`{"webhookEvent":"jira:issue_deleted","issue":{"id":"1","key":"OPS-1"}}`, func(e *jira.Event) bool { return e.Issue.Key == "OPS-1" && e.User == nil }},
		"issue is a list":  {`{"webhookEvent":"jira:issue_updated","issue":[],"timestamp":1}`, func(e *jira.Event) bool { return e.Issue == nil && !e.At.IsZero() }},
		"fields a string":  {`{"webhookEvent":"jira:issue_updated","issue":{"id":1,"key":"A-1","fields":"x"}}`, func(e *jira.Event) bool { return e.Issue.ID == "1" && e.Issue.Summary == "" }},
		"odd field":        {`{"webhookEvent":"jira:issue_updated","issue":{"key":"A-1","fields":{"status":7,"summary":"s","labels":[1,{},"x"]}}}`, func(e *jira.Event) bool { return e.Issue.Summary == "s" && len(e.Issue.Labels) == 2 }},
		"odd item":         {`{"webhookEvent":"jira:issue_updated","changelog":{"items":[1,{"field":"status","to":3},{}]}}`, func(e *jira.Event) bool { return len(e.Changes) == 1 && e.Change("status").To == "3" }},
		"odd changelog":    {`{"webhookEvent":"jira:issue_updated","changelog":[],"issue":{"key":"A-1"}}`, func(e *jira.Event) bool { return e.Issue != nil && e.Changes == nil }},
		"time as text":     {`{"webhookEvent":"x","timestamp":"1772352000123"}`, func(e *jira.Event) bool { return e.At.Year() == 2026 }},
		"no time":          {`{"webhookEvent":"x","timestamp":-1e300}`, func(e *jira.Event) bool { return e.At.IsZero() }},
		"due no date":      {`{"webhookEvent":"x","issue":{"key":"A-1","fields":{"duedate":"soon"}}}`, func(e *jira.Event) bool { return e.Issue.Due == "" }},
		"data center":      {`{"webhookEvent":"jira:issue_updated","user":{"name":"ani","key":"JIRAUSER1","displayName":"Ani"}}`, func(e *jira.Event) bool { return e.User.Ref() == "ani" && e.User.Active }},
		"comment":          {`{"webhookEvent":"comment_created","comment":{"id":"7","body":"hi","author":{"accountId":"a"}},"issue":{"key":"A-1"}}`, func(e *jira.Event) bool { return e.Comment.Body == "hi" && e.User.AccountID == "a" }},
		"comment edited":   {`{"webhookEvent":"comment_updated","comment":{"id":"7","author":{"accountId":"a"},"updateAuthor":{"accountId":"b"}}}`, func(e *jira.Event) bool { return e.User.AccountID == "b" }},
		"comment document": {`{"webhookEvent":"comment_created","comment":{"id":"7","body":{"type":"doc"}}}`, func(e *jira.Event) bool { return e.Comment != nil && e.Comment.Body == "" }},
	} {
		if e := jira.ParseWebhook(nil, []byte(tt.body)); e == nil || !tt.check(e) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Without Jira's identifier, the same body is the same event, and another is not.
func TestEventIDWithoutHeader(t *testing.T) {
	a, b := jira.ParseWebhook(nil, []byte(updated)), jira.ParseWebhook(nil, []byte(updated))
	c := jira.ParseWebhook(nil, []byte(strings.Replace(updated, "0123", "0124", 1)))
	if a.ID != b.ID || a.ID == c.ID {
		t.Errorf("ids %s, %s, %s", a.ID, b.ID, c.ID)
	}
}

func TestVerifySignature(t *testing.T) {
	// Atlassian's own example.
	const secret, body = "It's a Secret to Everybody", "Hello World!"
	const good = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	if got := jira.Sign([]byte(body), secret); got != good {
		t.Errorf("Sign = %s, want %s", got, good)
	}
	mac := hmac.New(sha512.New, []byte(secret)) // as a Data Center may be set to
	mac.Write([]byte(body))
	for name, tt := range map[string]struct {
		values  []string
		secrets []string
		fine    bool
	}{
		"good":            {[]string{good}, []string{secret}, true},
		"upper case":      {[]string{"SHA256=" + strings.ToUpper(good[7:])}, []string{secret}, true},
		"new secret too":  {[]string{good}, []string{"new", secret}, true},
		"two headers":     {[]string{"sha256=00", good}, []string{secret}, true},
		"sha512":          {[]string{"sha512=" + hex.EncodeToString(mac.Sum(nil))}, []string{secret}, true},
		"sha512 cut":      {[]string{"sha512=" + hex.EncodeToString(mac.Sum(nil)[:32])}, []string{secret}, false},
		"other secret":    {[]string{good}, []string{"other"}, false},
		"no secret":       {[]string{good}, nil, false},
		"empty secret":    {[]string{jira.Sign([]byte(body), "")}, []string{""}, false},
		"no header":       {nil, []string{secret}, false},
		"no method":       {[]string{good[7:]}, []string{secret}, false},
		"sha1":            {[]string{"sha1=33f9d709782f62b8b4a0178586c65ab098a39fe2"}, []string{secret}, false},
		"cut":             {[]string{good[:60]}, []string{secret}, false},
		"no hex":          {[]string{"sha256=" + strings.Repeat("z", 64)}, []string{secret}, false},
		"beyond the many": {append(make([]string, 50), good), []string{secret}, false},
	} {
		h := make(http.Header)
		for _, v := range tt.values {
			h.Add(jira.SignatureHeader, v)
		}
		err := jira.VerifySignature(h, []byte(body), tt.secrets)
		if (err == nil) != tt.fine || (err != nil && !errors.Is(err, jira.ErrSignature)) {
			t.Errorf("%s: %v, want fine %v", name, err, tt.fine)
		}
	}
	big := make([]byte, jira.MaxWebhook+1)
	if err := jira.VerifySignature(header(jira.SignatureHeader, jira.Sign(big, secret)), big, []string{secret}); !errors.Is(err, jira.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// FuzzParseWebhook: nothing makes it fail, and what it gives is usable.
func FuzzParseWebhook(f *testing.F) {
	f.Add([]byte(updated), "abc", "1")
	f.Add([]byte(`{"webhookEvent":"comment_created","comment":{"id":"7","body":"hi"}}`), "", "x")
	f.Add([]byte(`{"webhookEvent":"jira:issue_updated","issue":{"fields":{"labels":[null,1]}},"changelog":{"items":[null]}}`), "\n", "-1")
	f.Fuzz(func(t *testing.T, body []byte, id, retry string) {
		h := http.Header{jira.IDHeader: {id}, jira.RetryHeader: {retry}}
		e := jira.ParseWebhook(h, body)
		if e.ID == "" || len(e.ID) > 200 || strings.ContainsAny(e.ID, "\r\n") || e.Retry < 0 {
			t.Errorf("id %q, retry %d", e.ID, e.Retry)
		}
		if e.Type == "" && (e.Issue != nil || e.Changes != nil || e.User != nil) {
			t.Errorf("no type, but %+v", e)
		}
		if e.Issue != nil && e.Issue.ID == "" && e.Issue.Key == "" {
			t.Error("an issue without a name")
		}
		if !e.At.IsZero() && (e.At.Year() < 1970 || e.At.Year() > 5200) {
			t.Errorf("time %s", e.At)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
		_ = jira.VerifySignature(header(jira.SignatureHeader, string(body)), body, []string{id})
	})
}

// What the simulator sends, the parser understands.
func TestSimulatedWebhooks(t *testing.T) {
	both(t, jirasim.Options{}, func(t *testing.T, sim *jirasim.Server, c *jira.Client, _ *clock) {
		const secret = "s3cret"
		var got []*jira.Event
		var bad []string
		in := receiver(t, func(h http.Header, body []byte) int {
			if err := jira.VerifySignature(h, body, []string{secret}); err != nil {
				bad = append(bad, err.Error())
			}
			got = append(got, jira.ParseWebhook(h, body))
			return http.StatusOK
		})
		sim.SetWebhook(in, secret)
		key := create(t, c, jira.NewIssue{Summary: "x", Labels: []string{"imbot"}}).Key
		must(t, "assign", sim.Assign(ani, key, budi))
		must(t, "move", sim.Move(budi, key, "Done"))
		must(t, "edit", sim.Edit(ani, key, func(i *jirasim.Issue) { i.Due, i.Summary = "2026-04-01", "y" }))
		must(t, "say", sim.Say(ani, key, "hello"))
		must(t, "delete", sim.Delete(ani, key))
		sim.Deliver(t.Context())
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		var story []string
		for _, e := range got {
			line := e.Type + " by " + e.User.FullName
			for _, ch := range e.Changes {
				line += " " + ch.Field + "=" + ch.ToText
			}
			if e.Issue != nil {
				line += " (" + e.Issue.Key + " " + e.Issue.Category + ")"
			}
			if e.Comment != nil {
				line += " " + e.Comment.Body
			}
			story = append(story, line)
		}
		said := []string{"comment_created by Ani (OPS-1 done) hello"}
		if strings.HasSuffix(sim.URL(), "/jira") {
			said = []string{"jira:issue_updated by Ani (OPS-1 done) hello", "comment_created by Ani hello"}
		}
		want := append([]string{
			"jira:issue_created by Incident Bot (OPS-1 new)",
			"jira:issue_updated by Ani assignee=Budi (OPS-1 new)",
			"jira:issue_updated by Budi status=Done resolution=Done (OPS-1 done)",
			"jira:issue_updated by Ani summary=y duedate=2026-04-01 (OPS-1 done)",
		}, said...)
		want = append(want, "jira:issue_deleted by Ani (OPS-1 done)")
		if d := cmp.Diff(want, story); d != "" {
			t.Errorf("story (-want +got):\n%s", d)
		}
		last := got[3]
		if last.Issue.Due != "2026-04-01" || last.Issue.Assignee.Ref() == "" || last.At.IsZero() || last.Issue.Labels[0] != "imbot" {
			t.Errorf("event %+v of %+v", last, last.Issue)
		}
	})
}
