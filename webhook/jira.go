package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"imbot/incident"
	"imbot/integrations/jira"
)

// Jira answers POST /webhooks/jira.
//
// Jira promises no order, and some webhooks never come. So none is believed: one
// that says that something was changed in a ticket of ours stores the effect
// that reads the issue as it is now and compares it with what it was. Twice, too
// late or out of order, that comes to the same.
//
// Jira sends what happens in whole projects. What is about no ticket of ours, or
// changes nothing that we keep in line, is accepted and not stored.
type Jira struct {
	Secrets []string // of the webhook; several while they are being changed
	Label   string   // that markers begin with
	Store   incident.Store
	Service Doer
	// Self is the account whose name imbot's own changes have in Jira, "" as long
	// as it is not known: then they are looked at for nothing.
	Self   func() string
	Now    func() time.Time
	Logger *slog.Logger

	outcomes
	Foreign, Own atomic.Int64 // not stored: about no ticket of ours; what imbot itself has done
}

// ServeHTTP answers 202 after the commit.
func (h *Jira) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.answer(w, h.Logger, "webhook.Jira", h.take(w, r))
}

// take stores what a delivery says. Its error means that nothing is stored.
func (h *Jira) take(w http.ResponseWriter, r *http.Request) error {
	body, err := read(w, r, jira.MaxWebhook, "the body is larger than 1 MB: turn off the fields that the webhook does not need; what it says is found at night")
	if err != nil {
		return err
	}
	if err := jira.VerifySignature(r.Header, body, h.Secrets); err != nil {
		return &refusal{http.StatusUnauthorized, "no valid " + jira.SignatureHeader + ": check jira.webhook_secrets, and that the webhook in Jira has a secret"}
	}
	return h.accept(r.Context(), r.Header, body)
}

// accept stores what a body says that was signed for us. Its error means that
// nothing is stored.
func (h *Jira) accept(ctx context.Context, header http.Header, body []byte) error {
	ev := jira.ParseWebhook(header, body)
	in := incident.Inbound{Source: incident.SourceJira, ID: incident.Clip(incident.Line(ev.ID), 200), At: h.Now().UTC(), Encoding: "zstd"}
	keys := []string{"jira/event/" + in.ID}
	if ev.Type == "" {
		h.Logger.Warn("webhook.Jira kept", "reason", "not understood", "delivery", in.ID)
		in.Body = pack(body)
		if err := h.Service.Keep(ctx, in, keys); err != nil {
			return err
		}
		h.Kept.Add(1)
		return nil
	}
	if !matters(ev) {
		h.Foreign.Add(1)
		return nil
	}
	if me := h.Self(); me != "" && ev.User != nil && ev.User.Ref() == me && ev.Type != jira.EventDeleted {
		h.Own.Add(1)
		return nil
	}
	id, n, err := findTicket(ctx, h.Store, h.Label, ev.Issue)
	if err != nil {
		return err
	}
	if id == 0 {
		h.Foreign.Add(1)
		return nil
	}
	in.Body = pack(body)
	_, err = h.Service.Do(ctx, incident.Command{
		Verb: incident.TicketStep, Incident: id, Keys: keys, Actor: incident.Jira, Source: incident.SourceJira, Raw: &in,
		Args: incident.Args{Ticket: &incident.TicketChange{Step: incident.TicketSeen, N: n}},
	})
	if err == nil {
		h.Accepted.Add(1)
	}
	return err
}

// followed are the fields of Jira's whose changes matter, besides what moves an
// issue to another project.
var followed = []string{"status", "duedate", "assignee", "summary", "Key", "project"}

// matters reports whether an event may have changed what both sides keep in
// line. One that does not say what was changed may have.
func matters(ev *jira.Event) bool {
	switch {
	case ev.Issue == nil:
		return false
	case ev.Type == jira.EventDeleted:
		return true
	case ev.Type != jira.EventUpdated:
		return false
	case len(ev.Changes) == 0:
		return ev.Comment == nil
	}
	for _, f := range followed {
		if ev.Change(f) != nil {
			return true
		}
	}
	return false
}

// findTicket returns whose ticket an issue is: that of the follow-up n, or of
// the postmortem for n == 0. The id is 0 where it is nobody's, such as the copy
// that somebody has made of a ticket, with all its labels.
func findTicket(ctx context.Context, store incident.Store, label string, i *jira.Issue) (id incident.ID, n int, err error) {
	err = store.View(ctx, func(tx incident.Tx) error {
		id, n = 0, 0
		ref := incident.Ref{System: incident.SourceJira, ID: incident.Clip(incident.Line(i.Key), 300)}
		value, err := tx.Key(ref.Key(), true)
		if err != nil {
			return err
		}
		if known, err := incident.ParseID(value); err == nil {
			inc, err := tx.Incident(known)
			if err != nil {
				return err
			}
			for k, t := range inc.Tickets() {
				if t.ID == i.ID {
					id, n = known, k
					return nil
				}
			}
		}
		for _, l := range i.Labels {
			marked, k, ok := incident.ParseTicketMarker(label, l)
			if !ok {
				continue
			}
			inc, err := tx.Incident(marked)
			if errors.Is(err, incident.ErrNotFound) {
				continue // of another imbot
			}
			if err != nil {
				return err
			}
			if t := inc.Ticket(k); t != nil && (t.ID == i.ID || t.ID == "" && !t.TriedAt.IsZero()) {
				id, n = marked, k
				return nil
			}
		}
		return nil
	})
	return id, n, err
}
