package pagerdutysim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func (s *Server) getAbilities(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"abilities": []string{"teams", "urgencies", "event_orchestrations"}})
}

type restUser struct {
	reference
	Name     string `json:"name"`
	Email    string `json:"email"`
	TimeZone string `json:"time_zone"`
	Role     string `json:"role"`
}

func (u *User) rest() restUser {
	r := restUser{reference: userRef(u), Name: u.Name, Email: u.Email, TimeZone: "Asia/Jakarta", Role: "user"}
	r.Type = "user"
	return r
}

func (s *Server) getUsers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	part := strings.ToLower(q.Get("query"))
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []restUser
	for _, u := range s.users {
		if strings.Contains(strings.ToLower(u.Name), part) || strings.Contains(strings.ToLower(u.Email), part) {
			all = append(all, u.rest())
		}
	}
	page, p, err := slice(q, all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	answer(w, http.StatusOK, struct {
		paging
		Users []restUser `json:"users"`
	}{p, page})
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(r.PathValue("id"))
	if u == nil {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, map[string]any{"user": u.rest()})
}

func (s *Server) getMe(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(s.opt.TokenUser)
	if u == nil {
		invalid(w, "This endpoint needs a user-level API key")
		return
	}
	answer(w, http.StatusOK, map[string]any{"user": u.rest()})
}

func (s *Server) getAlerts(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		page, p, err := slice(r.URL.Query(), i.alerts)
		if err != nil {
			invalid(w, err.Error())
			return
		}
		out := make([]map[string]any, len(page))
		for n, a := range page {
			out[n] = a.rest(i)
		}
		answer(w, http.StatusOK, struct {
			paging
			Alerts []map[string]any `json:"alerts"`
		}{p, out})
	})
}

func (a *alert) rest(i *incident) map[string]any {
	status := "triggered"
	if a.resolved {
		status = "resolved"
	}
	body := map[string]any{"type": "alert_body", "contexts": []any{}}
	cef := map[string]any{"client": a.Client, "severity": a.Severity, "dedup_key": a.Key, "message": a.Summary}
	if a.Link != "" {
		body["contexts"] = []map[string]string{{"type": "link", "href": a.Link, "text": "View at the source"}}
		cef["client_url"] = a.Link
	}
	if a.Details != nil {
		body["details"], cef["details"] = a.Details, a.Details
	}
	body["cef_details"] = cef
	r := ref("alert", "alerts", a.ID, a.Summary)
	return map[string]any{
		"id": a.ID, "type": "alert", "summary": a.Summary, "self": r.Self, "html_url": r.HTMLURL,
		"created_at": seconds(a.At), "status": status, "alert_key": a.Key, "severity": a.Severity, "suppressed": false,
		"service": serviceRef(i.service), "incident": incidentRef(i), "body": body,
	}
}

func (s *Server) getLogEntries(w http.ResponseWriter, r *http.Request) {
	s.withIncident(w, r, func(i *incident) {
		q := r.URL.Query()
		var since time.Time
		if v := q.Get("since"); v != "" {
			var err error
			if since, err = time.Parse(time.RFC3339, v); err != nil {
				invalid(w, "Since is not a date")
				return
			}
		}
		log := slices.DeleteFunc(slices.Clone(i.log), func(e logEntry) bool { return e.at.Before(since) })
		slices.SortStableFunc(log, func(a, b logEntry) int { return b.at.Compare(a.at) }) // newest first
		page, p, err := slice(q, log)
		if err != nil {
			invalid(w, err.Error())
			return
		}
		out := make([]map[string]any, len(page))
		for n, e := range page {
			out[n] = e.rest(i)
		}
		answer(w, http.StatusOK, struct {
			paging
			LogEntries []map[string]any `json:"log_entries"`
		}{p, out})
	})
}

func (e logEntry) rest(i *incident) map[string]any {
	r := ref("log_entry", "log_entries", e.id, e.summary)
	channel := map[string]any{"type": e.channel}
	if e.changed != nil {
		channel["changeset"] = e.changed.rest()
	}
	m := map[string]any{
		"id": e.id, "type": e.kind, "summary": e.summary, "self": r.Self, "html_url": r.HTMLURL,
		"created_at": seconds(e.at), "channel": channel,
		"service": serviceRef(i.service), "incident": incidentRef(i), "teams": teamRefs(i.service), "contexts": []any{},
	}
	if e.agent.ID != "" {
		m["agent"] = e.agent
	}
	return m
}

type restSubscription struct {
	ID             string   `json:"id"`
	Type           string   `json:"type"`
	Active         bool     `json:"active"`
	Description    string   `json:"description"`
	Events         []string `json:"events"`
	DeliveryMethod struct {
		ID                  string  `json:"id"`
		Type                string  `json:"type"`
		URL                 string  `json:"url"`
		Secret              *string `json:"secret"`
		TemporarilyDisabled bool    `json:"temporarily_disabled"`
	} `json:"delivery_method"`
	Filter struct {
		ID   string `json:"id,omitempty"`
		Type string `json:"type"`
	} `json:"filter"`
}

// restSub shows a subscription, without its secret.
func (s *Server) restSub(b *subscription) restSubscription {
	r := restSubscription{ID: b.id, Type: "webhook_subscription", Active: b.active, Description: b.description, Events: b.events}
	r.DeliveryMethod.ID, r.DeliveryMethod.Type, r.DeliveryMethod.URL = "D"+b.id, "http_delivery_method", b.url
	r.DeliveryMethod.TemporarilyDisabled = s.disabled(b)
	r.Filter.ID, r.Filter.Type = b.filterID, b.filterType
	return r
}

func (s *Server) getSubscriptions(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]restSubscription, len(s.subs))
	for n, b := range s.subs {
		all[n] = s.restSub(b)
	}
	page, p, err := slice(r.URL.Query(), all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	answer(w, http.StatusOK, struct {
		paging
		Subscriptions []restSubscription `json:"webhook_subscriptions"`
	}{p, page})
}

type subscriptionBody struct {
	Subscription restSubscription `json:"webhook_subscription"`
}

// postSubscription answers with the secret: the only time that it is shown.
func (s *Server) postSubscription(w http.ResponseWriter, r *http.Request) {
	var body subscriptionBody
	if !decode(w, r, &body) {
		return
	}
	in := body.Subscription
	if in.DeliveryMethod.URL == "" || in.Filter.Type == "" || len(in.Events) == 0 {
		invalid(w, "Delivery method, filter and events are required")
		return
	}
	for _, e := range in.Events {
		if !slices.Contains(AllEvents(), e) {
			invalid(w, "Events contains an unknown event type")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.subscribe(&subscription{
		url: in.DeliveryMethod.URL, description: in.Description, events: in.Events,
		filterType: in.Filter.Type, filterID: in.Filter.ID,
	})
	out := s.restSub(b)
	out.DeliveryMethod.Secret = &b.secrets[0]
	answer(w, http.StatusOK, subscriptionBody{out})
}

func (s *Server) withSubscription(w http.ResponseWriter, r *http.Request, fn func(*subscription)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.subscription(r.PathValue("id"))
	if err != nil {
		notFound(w)
		return
	}
	fn(b)
}

func (s *Server) getSubscription(w http.ResponseWriter, r *http.Request) {
	s.withSubscription(w, r, func(b *subscription) { answer(w, http.StatusOK, subscriptionBody{s.restSub(b)}) })
}

func (s *Server) enableSubscription(w http.ResponseWriter, r *http.Request) {
	s.withSubscription(w, r, func(b *subscription) {
		b.disabledUntil, b.drops = time.Time{}, 0
		answer(w, http.StatusOK, subscriptionBody{s.restSub(b)})
	})
}

func (s *Server) pingSubscription(w http.ResponseWriter, r *http.Request) {
	s.withSubscription(w, r, func(b *subscription) {
		s.ping(b, s.agent(s.opt.TokenUser))
		w.WriteHeader(http.StatusAccepted)
	})
}
