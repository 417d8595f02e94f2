package webhook_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/store/boltstore"
	"imbot/webhook"
)

const jiraSecret = "the-secret-of-the-jira-webhook"

// jiraHouse is the handler over an incident whose follow-up 1 is issue 10001,
// OPS-1, and whose follow-up 2 is being made.
type jiraHouse struct {
	*house
	handler *webhook.Jira
}

func newJiraHouse(t testing.TB) *jiraHouse {
	t.Helper()
	h := &jiraHouse{house: newHouse(t, boltstore.Options{})}
	h.handler = &webhook.Jira{
		Secrets: []string{"an-older-secret", jiraSecret}, Label: "imbot", Store: h.store, Service: h.svc,
		Self: func() string { return "712020:bot" }, Now: h.clock.Now, Logger: slog.New(slog.NewTextHandler(&h.log, nil)),
	}
	admin := func(verb incident.Verb, args incident.Args) {
		h.do(incident.Command{Verb: verb, Incident: 1, Actor: ani, Role: incident.RoleAdmin, Args: args})
	}
	h.do(incident.Command{Verb: incident.Declare, Actor: ani, Role: incident.RoleAdmin, Args: incident.Args{Title: "x", Service: "checkout", Level: incident.Other}})
	admin(incident.DoAction, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "fix it"}})
	admin(incident.DoAction, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: "test it"}})
	h.step(incident.TicketChange{Step: incident.TicketCreated, N: 1, ID: "10001", Key: "OPS-1", Fields: []incident.FieldSync{
		{Field: incident.FieldTitle, Here: "fix it", There: "fix it"}, {Field: incident.FieldDone, Here: incident.TicketOpen, There: incident.TicketOpen},
	}})
	h.step(incident.TicketChange{Step: incident.TicketTried, N: 2, Tried: h.clock.Now()})
	return h
}

func (h *house) do(cmd incident.Command) {
	h.t.Helper()
	if _, err := h.svc.Do(ctx, cmd); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) step(c incident.TicketChange) {
	h.t.Helper()
	h.do(incident.Command{Verb: incident.TicketStep, Incident: 1, Actor: incident.Jira, Source: incident.SourceJira, Args: incident.Args{Ticket: &c}})
}

// looks are the keys of the effects that look at a ticket anew.
func (h *house) looks() string {
	h.t.Helper()
	var out []string
	h.view(func(tx incident.Tx) error {
		all, err := tx.Effects(1)
		for _, e := range all {
			if e.Kind == incident.KindTaskSync {
				out = append(out, strings.TrimPrefix(e.Key, "INC-1/jira.sync/"))
			}
		}
		return err
	})
	return strings.Join(out, " ")
}

func (h *jiraHouse) post(id, body, secret string) int {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/webhooks/jira", strings.NewReader(body))
	if secret != "" {
		r.Header.Set(jira.SignatureHeader, jira.Sign([]byte(body), secret))
	}
	if id != "" {
		r.Header.Set(jira.IDHeader, id)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Code
}

// jiraEvent is a webhook about an issue.
func jiraEvent(kind, id, key, user, field string, labels ...string) string {
	items := ""
	if field != "" {
		items = fmt.Sprintf(`{"field":%q,"fieldId":%q,"from":"1","to":"2"}`, field, field)
	}
	list := ""
	if len(labels) > 0 {
		list = `"` + strings.Join(labels, `","`) + `"`
	}
	return fmt.Sprintf(`{"timestamp":1772445600000,"webhookEvent":%q,"user":{"accountId":%q},"issue":{"id":%q,"key":%q,"fields":{"summary":"lies","labels":[%s]}},"changelog":{"items":[%s]}}`,
		kind, user, id, key, list, items)
}

func TestJiraWebhook(t *testing.T) {
	const updated, person = jira.EventUpdated, "712020:ani"
	for _, c := range []struct {
		name, body string
		want       string // what is looked at then
		raw        int
		count      func(h *webhook.Jira) int64
	}{
		{"a change", jiraEvent(updated, "10001", "OPS-1", person, "status"), "1", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"its due date", jiraEvent(updated, "10001", "OPS-1", person, "duedate"), "1", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"without saying what", jiraEvent(updated, "10001", "OPS-1", person, ""), "1", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"deleted", jiraEvent(jira.EventDeleted, "10001", "OPS-1", person, ""), "1", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"moved, known by its marker", jiraEvent(updated, "10001", "PAY-9", person, "Key", "imbot-INC-1-a1"), "1", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"being made", jiraEvent(updated, "10002", "OPS-2", person, "status", "imbot-INC-1-a2"), "2", 1, func(h *webhook.Jira) int64 { return h.Accepted.Load() }},
		{"our own change", jiraEvent(updated, "10001", "OPS-1", "712020:bot", "status"), "", 0, func(h *webhook.Jira) int64 { return h.Own.Load() }},
		{"a field of no interest", jiraEvent(updated, "10001", "OPS-1", person, "Sprint"), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"a copy of the ticket", jiraEvent(updated, "10077", "OPS-77", person, "status", "imbot-INC-1-a1"), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"somebody else's issue", jiraEvent(updated, "10078", "OPS-78", person, "status"), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"another imbot's", jiraEvent(updated, "10079", "OPS-79", person, "status", "imbot-INC-999-a1", "prod-INC-1-a1"), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"a comment", jiraEvent(jira.EventCommentCreated, "10001", "OPS-1", person, ""), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"an unknown event", jiraEvent("jira:version_released", "10001", "OPS-1", person, "status"), "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"no issue", `{"webhookEvent":"jira:issue_updated"}`, "", 0, func(h *webhook.Jira) int64 { return h.Foreign.Load() }},
		{"not JSON", `<xml>`, "", 1, func(h *webhook.Jira) int64 { return h.Kept.Load() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newJiraHouse(t)
			events := len(h.timeline(1))
			for range 2 { // it comes twice
				if code := h.post("delivery-1", c.body, jiraSecret); code != http.StatusAccepted {
					t.Fatalf("status %d", code)
				}
			}
			if got := h.looks(); got != c.want || len(h.raw()) != c.raw || c.count(h.handler) != 2 {
				t.Errorf("looks at %q, keeps %d bodies, counts %d; log %s", got, len(h.raw()), c.count(h.handler), h.log.String())
			}
			if got := h.timeline(1); len(got) != events || strings.Contains(fmt.Sprint(h.all()[0].Actions), "lies") {
				t.Error("the webhook's word was taken")
			}
		})
	}
}

func TestJiraWebhookRefuses(t *testing.T) {
	h := newJiraHouse(t)
	body := jiraEvent(jira.EventUpdated, "10001", "OPS-1", "712020:ani", "status")
	for name, got := range map[string][2]int{
		"unsigned":     {h.post("1", body, ""), http.StatusUnauthorized},
		"wrong secret": {h.post("2", body, "a-guess"), http.StatusUnauthorized},
		"old secret":   {h.post("3", body, "an-older-secret"), http.StatusAccepted},
		"too long":     {h.post("4", body+strings.Repeat(" ", jira.MaxWebhook), jiraSecret), http.StatusRequestEntityTooLarge},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d, want %d", name, got[0], got[1])
		}
	}
	if len(h.raw()) != 1 || h.handler.Refused.Load() != 3 {
		t.Errorf("%d bodies kept, %d refused", len(h.raw()), h.handler.Refused.Load())
	}
	if strings.Contains(h.log.String(), jiraSecret) {
		t.Error("the log has the secret")
	}
}

// Without an identifier, as on Data Center, the body itself is one.
func TestJiraWebhookDataCenter(t *testing.T) {
	h := newJiraHouse(t)
	body := jiraEvent(jira.EventUpdated, "10001", "OPS-1", "712020:ani", "status")
	h.post("", body, jiraSecret)
	h.post("", body, jiraSecret)
	h.post("", body+" ", jiraSecret)
	if len(h.raw()) != 2 {
		t.Errorf("%d bodies kept, want 2", len(h.raw()))
	}
}

func FuzzJiraWebhook(f *testing.F) {
	f.Add([]byte(jiraEvent(jira.EventUpdated, "10001", "OPS-1", "712020:ani", "status", "imbot-INC-1-a1")))
	f.Add([]byte(jiraEvent(jira.EventDeleted, "", "\u202eOPS-1", "", "", "imbot-INC-18446744073709551616-a1", "imbot--a1", "imbot-INC-1-a0")))
	f.Add([]byte(`{"webhookEvent":"jira:issue_updated","issue":{"id":{},"key":[1],"fields":{"labels":"x"}}}`))
	h := newJiraHouse(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/jira", bytes.NewReader(body))
		r.Header.Set(jira.SignatureHeader, jira.Sign(body, jiraSecret))
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted && len(body) <= jira.MaxWebhook {
			t.Errorf("status %d", w.Code)
		}
	})
}
