package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// beat is one thing that happens in the demo's story.
type beat struct {
	after time.Duration // since the beat before
	text  string        // what the terminal says
	do    func(s *story) error
}

// story is a quarter of an hour of an on-call shift, told in half a minute: the
// payments database is down, checkout suffers from it, and the inventory
// service makes noise.
type story struct {
	pd  *pagerdutysim.Server
	out io.Writer
	ids map[string]string // what the beats call an incident -> its PagerDuty id

	ended <-chan struct{} // closed when nobody listens any more
}

var (
	storyBudi = demoPagerID("budi@example.com") // on call for payments, in PagerDuty
	storyDewi = demoPagerID("dewi@example.com") // the DBA on standby
)

// cast fills the simulated PagerDuty with services and people.
func (s *story) cast() {
	s.pd.AddUser(pagerdutysim.User{ID: "PIMBOT1", Name: "imbot", Email: "imbot@example.com"})
	for _, p := range demoPeople {
		s.pd.AddUser(pagerdutysim.User{ID: demoPagerID(p.mail), Name: p.name, Email: p.mail})
	}
	for _, d := range demoDuties {
		s.pd.AddSchedule(pagerdutysim.Schedule{ID: d.schedule, Name: d.name, Rotation: []string{demoPagerID(d.mail)}})
		s.pd.AddPolicy(pagerdutysim.Policy{ID: d.policy, Name: d.name, Levels: [][]string{{d.schedule}}})
	}
	s.pd.AddPolicy(pagerdutysim.Policy{ID: "PPOLPAY", Name: "Payments", Levels: [][]string{{storyBudi}}})
	s.pd.AddPolicy(pagerdutysim.Policy{ID: "PPOLFUL", Name: "Fulfilment", Levels: [][]string{{storyDewi}}})
	s.pd.AddService(pagerdutysim.Service{ID: "PSVCDB1", Name: "Payments DB"})
	s.pd.AddService(pagerdutysim.Service{ID: "PSVCCO1", Name: "Checkout"})
	s.pd.AddService(pagerdutysim.Service{ID: "PSVCIN1", Name: "Inventory"})
}

func (s *story) beats() []beat {
	return []beat{
		{1 * time.Second, "Inventory: a log disk fills up. Nobody needs to wake up for it.", func(s *story) error {
			s.trigger("disk", "PSVCIN1", "Disk 82% full on inventory-node-3", "low", "", "Prometheus", map[string]string{"alertname": "DiskFillingUp", "mountpoint": "/var/log"})
			return nil
		}},
		{3 * time.Second, "Payments DB goes down.", func(s *story) error {
			s.trigger("db", "PSVCDB1", "Payments DB is down: no healthy upstream", "high", "P1", "New Relic", map[string]string{"condition_name": "Host not reporting", "entity": "payments-db-1"})
			return nil
		}},
		{6 * time.Second, "Checkout, which needs it, answers every eighth order with an error: it is listed on the database's card, as a consequence.", func(s *story) error {
			s.trigger("checkout", "PSVCCO1", "High error rate on Checkout: 12.4 % of requests fail", "high", "P2", "New Relic", map[string]string{"condition_name": "Error percentage (High)", "entity": "checkout-api"})
			return nil
		}},
		{2 * time.Second, "Dewi, the DBA on standby, answers her phone: she is on it.", func(s *story) error { return s.answer("db", storyDewi) }},
		{2 * time.Second, "The disk alert clears …", func(s *story) error { return s.pd.Resolve(s.ids["disk"], storyBudi) }},
		{3 * time.Second, "… and comes back: a duplicate, which opens the first one again. No second card.", func(s *story) error {
			s.trigger("disk2", "PSVCIN1", "Disk 84% full on inventory-node-3", "low", "", "Prometheus", map[string]string{"alertname": "DiskFillingUp"})
			return nil
		}},
		{4 * time.Second, "Budi acknowledges the checkout incident in PagerDuty. Write \"@imbot show INC-3\" to see it.", func(s *story) error {
			return s.pd.Acknowledge(s.ids["checkout"], storyBudi)
		}},
		{3 * time.Second, "Budi leaves a note in PagerDuty.", func(s *story) error {
			return s.pd.AddNote(s.ids["checkout"], storyBudi, "Errors come from payments-db; watching it recover.")
		}},
	}
}

// answerWait bounds how long the story waits for imbot to have somebody woken.
const answerWait = 30 * time.Second

var errNotAsked = errors.New("nobody has woken her, see imbot.log in the demo's folder")

// answer has somebody accept, as soon as they are asked.
func (s *story) answer(name, user string) error {
	for end := time.Now().Add(answerWait); time.Now().Before(end); {
		asked, err := s.pd.Responders(s.ids[name])
		if err != nil {
			return err
		}
		if slices.ContainsFunc(asked, func(r pagerdutysim.Responder) bool { return r.User == user }) {
			return s.pd.ReplyResponder(s.ids[name], user, pagerduty.ResponderJoined)
		}
		if st, err := s.pd.State(s.ids[name]); err != nil || st.Status == pagerduty.StatusResolved {
			return errors.Join(err, pagerdutysim.ErrAlreadyResolved)
		}
		select {
		case <-time.After(watchPause):
		case <-s.ended:
			return nil
		}
	}
	return errNotAsked
}

func (s *story) trigger(name, service, title, urgency, priority, client string, details map[string]string) {
	raw, err := json.Marshal(details)
	if err != nil { // a map of strings
		panic("demo: " + err.Error())
	}
	st := s.pd.Trigger(pagerdutysim.Spec{
		Title: title, Service: service, Urgency: urgency, Priority: priority, Assignee: storyBudi,
		Alert: pagerdutysim.Alert{Client: client, Link: "https://monitoring.example.com/" + name, Details: raw},
	})
	s.ids[name] = st.ID
}

// tell plays the story, at its pace, until its end or the end of ctx.
func (s *story) tell(ctx context.Context) error {
	for _, b := range s.beats() {
		if err := s.play(ctx, b); err != nil || ctx.Err() != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "  %s  Now it is your turn: Payments DB is down, and nobody has acknowledged it.\n\n", time.Now().Format("15:04:05"))
	return nil
}

// play waits for a beat, and does it unless ctx has ended. Whoever plays along
// may be faster than the story.
func (s *story) play(ctx context.Context, b beat) error {
	s.ended = ctx.Done()
	select {
	case <-time.After(b.after):
	case <-ctx.Done():
		return nil
	}
	fmt.Fprintf(s.out, "  %s  %s\n", time.Now().Format("15:04:05"), b.text)
	switch err := b.do(s); {
	case errors.Is(err, pagerdutysim.ErrAlreadyResolved):
		fmt.Fprintln(s.out, "            (It is over already: you were faster.)")
	case errors.Is(err, errNotAsked):
		fmt.Fprintf(s.out, "            (Not yet: %v.)\n", err)
	case err != nil:
		return fmt.Errorf("the story: %w", err)
	}
	return nil
}
