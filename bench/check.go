package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/webhook"
)

// checked is how many of a cell's accepted webhooks are read back.
const checked = 50

// checkStored makes sure, for a sample of the accepted webhooks, that all that
// belongs to the commit is there: incident, timeline, both keys, effects and the
// body as it was sent.
func (im *imbot) checkStored(src source, first int, accepted []int, since time.Time) error {
	if len(accepted) == 0 {
		return errors.New("nothing was accepted")
	}
	slices.Sort(accepted)
	bodies := map[string][]byte{} // by delivery
	err := im.store.View(context.Background(), func(tx incident.Tx) error {
		for i := range checked {
			n := first + accepted[i*(len(accepted)-1)/(checked-1)]
			body, h := src.webhook(n)
			delivery := h.Get(pagerduty.WebhookIDHeader)
			bodies[delivery] = body
			if err := checkIncident(tx, src, n, delivery, body); err != nil {
				return fmt.Errorf("webhook %d was answered 202, but %w", n, err)
			}
		}
		var bad error
		err := tx.Raw(since.Add(-time.Second), func(in incident.Inbound) bool {
			want, ok := bodies[in.ID]
			if !ok {
				return true
			}
			delete(bodies, in.ID)
			got, err := webhook.Body(in)
			if bad = err; err == nil && !bytes.Equal(got, want) {
				bad = fmt.Errorf("the body of the delivery %s is another one", in.ID)
			}
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	if err == nil && len(bodies) > 0 {
		err = fmt.Errorf("of %d accepted webhooks no body is there", len(bodies))
	}
	return err
}

func checkIncident(tx incident.Tx, src source, n int, delivery string, body []byte) error {
	inc, err := find(tx, src, n)
	if err != nil {
		return err
	}
	if inc.Title != src.title(n) || inc.Status != incident.Open || len(inc.Cards) == 0 || inc.Squad == "" {
		return fmt.Errorf("%s is %q, %s, with %d cards", inc.ID, inc.Title, inc.Status, len(inc.Cards))
	}
	events, err := tx.Timeline(inc.ID, 0, 0)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return fmt.Errorf("%s has no timeline", inc.ID)
	}
	effects, err := tx.Effects(inc.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(effects, func(e incident.EffectState) bool {
		return e.Kind == incident.KindCard && e.Target == inc.Cards[0] && e.State == incident.EffectWaiting
	}) {
		return fmt.Errorf("%s has no card among %d effects", inc.ID, len(effects))
	}
	var sent struct {
		Event struct {
			ID string `json:"id"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return err
	}
	for _, key := range []string{"in/pagerduty/delivery/" + delivery, "in/pagerduty/event/" + sent.Event.ID} {
		v, err := tx.Key(key, false)
		if err != nil {
			return err
		}
		if v != inc.ID.String() {
			return fmt.Errorf("the key %s leads to %q", key, v)
		}
	}
	return nil
}

// find returns the incident of a source's number.
func find(tx incident.Tx, src source, n int) (*incident.Incident, error) {
	v, err := tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: src.incident(n)}.Key(), true)
	if err != nil {
		return nil, err
	}
	if v == "" {
		return nil, fmt.Errorf("%s of the pager is not known", src.incident(n))
	}
	id, err := incident.ParseID(v)
	if err != nil {
		return nil, err
	}
	return tx.Incident(id)
}
