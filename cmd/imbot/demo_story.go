package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

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
}

const storyBudi = "PBUDI01" // on call for payments, in PagerDuty

// cast fills the simulated PagerDuty with services and people.
func (s *story) cast() {
	s.pd.AddUser(pagerdutysim.User{ID: "PIMBOT1", Name: "imbot", Email: "imbot@example.com"})
	for i, p := range demoPeople {
		id := fmt.Sprintf("PUSER%02d", i)
		if p.mail == "budi@example.com" {
			id = storyBudi
		}
		s.pd.AddUser(pagerdutysim.User{ID: id, Name: p.name, Email: p.mail})
	}
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
		{4 * time.Second, "The disk alert clears …", func(s *story) error { return s.pd.Resolve(s.ids["disk"], storyBudi) }},
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
		select {
		case <-time.After(b.after):
		case <-ctx.Done():
			return nil
		}
		fmt.Fprintf(s.out, "  %s  %s\n", time.Now().Format("15:04:05"), b.text)
		if err := b.do(s); err != nil {
			return fmt.Errorf("the story: %w", err)
		}
	}
	fmt.Fprintf(s.out, "  %s  Now it is your turn: Payments DB is down, and nobody has acknowledged it.\n\n", time.Now().Format("15:04:05"))
	return nil
}
