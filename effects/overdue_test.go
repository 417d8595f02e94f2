package effects_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/mail/mailsim"
	"imbot/query"
	"imbot/reminders"
)

var jakarta = time.FixedZone("WIB", 7*3600)

// overdue adds reminders to the rig. Each call is another start of the program.
func (r *mailRig) overdue() *reminders.Runner {
	rules := &reminders.Rules{Zone: func(context.Context, string) *time.Location { return jakarta }}
	o := &effects.Overdue{View: r.say.View, Rules: rules, Teams: r.say, Mails: r.mails, Now: r.Now}
	r.runner.Handlers[incident.KindOverdue] = o.Remind
	return &reminders.Runner{Rules: rules, List: r.say.View.(*query.Reader), Enqueue: r.svc.Enqueue, Now: r.Now}
}

// at sets the clock to a day and time in Jakarta.
func (r *mailRig) at(s string) {
	r.t.Helper()
	to, err := time.ParseInLocation("2006-01-02 15:04", s, jakarta)
	must(r.t, err)
	d := to.Sub(r.Now())
	if d < 0 {
		r.t.Fatalf("the clock is past %s", s)
	}
	r.advance(d)
}

// over declares and resolves an incident, whose RCA is owed then.
func (r *mailRig) over(title string) incident.ID {
	r.t.Helper()
	id := r.down(title)
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "rolled back"}})
	return id
}

// TestOverdueMonth runs the hourly look for a month, by two programs at once that
// start anew all the time: each person gets at most one reminder a day in their
// chat and one by mail, in working hours, and none once the RCA is there.
func TestOverdueMonth(t *testing.T) {
	r := newMailRig(t)
	r.mu.Lock()
	r.now = time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC) // Monday, 08:00 in Jakarta
	r.mu.Unlock()
	begin := r.Now()
	first := r.over("Checkout is down")
	second := r.over("Payments are down, all of them")
	stopped := r.over("A third thing broke")
	r.do(incident.Command{Verb: incident.Remind, Incident: stopped, Args: incident.Args{Op: incident.RemindStop}})
	r.settle(time.Minute)
	r.sim.Clear()
	chats := func(user string) []time.Time {
		var out []time.Time
		for _, p := range r.teams.Posts(r.teams.Personal(user)) {
			if p.Card() != nil && p.Contains("overdue") {
				out = append(out, p.Posted)
			}
		}
		return out
	}
	for hour := range 30 * 24 {
		r.mu.Lock()
		r.now = begin.Add(time.Duration(hour) * time.Hour)
		r.mu.Unlock()
		must(t, r.overdue().Run(t.Context()))
		must(t, r.overdue().Run(t.Context()))
		r.settle(30 * time.Second)
		if hour == 21*24 {
			r.complete(first)
			r.complete(second)
		}
	}
	// Due after 5 days, on Saturday: from Monday the 7th on, ten working days lie
	// before the 21st, when at 08:00 the RCAs are done.
	want := 10
	if got := chats(r.ani); len(got) != want {
		t.Errorf("%d reminders in the chat of the owner, want %d: %v", len(got), want, got)
	}
	mails := r.to("ani@example.com")
	mails = slices.DeleteFunc(mails, func(m mailsim.Mail) bool { return !strings.Contains(m.MessageID, "rca.") })
	if len(mails) != want {
		t.Errorf("%d mails to the owner, want %d", len(mails), want)
	}
	days := map[string]int{}
	for _, m := range mails {
		at := m.At.In(jakarta)
		days[at.Format(time.DateOnly)]++
		if !reminders.DefaultHours.Contain(at) {
			t.Errorf("a mail at %s", at)
		}
		if strings.Contains(m.Text, stopped.String()) || !strings.Contains(m.Text, first.String()) || !strings.Contains(m.Text, second.String()) {
			t.Errorf("the mail of %s:\n%s", at, m.Text)
		}
	}
	for day, n := range days {
		if n > 1 {
			t.Errorf("%d mails on %s", n, day)
		}
	}
	if n := len(chats(r.budi)); n != 0 {
		t.Errorf("%d reminders to somebody whom it does not concern", n)
	}
}

// complete writes the RCA of an incident.
func (r *mailRig) complete(id incident.ID) {
	r.t.Helper()
	rca := map[string]string{}
	for _, f := range incident.RequiredRCA {
		rca[f] = "because"
	}
	rca["category"] = incident.Categories[0]
	r.do(incident.Command{Verb: incident.WriteRCA, Incident: id, Args: incident.Args{RCA: rca, Complete: true}})
}

// TestOverdueRereads: what is no longer so when the reminder runs.
func TestOverdueRereads(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(r *mailRig, ids []incident.ID)
		want      string // why it is skipped; "" for a reminder of the second alone
	}{
		"all written": {func(r *mailRig, ids []incident.ID) { r.complete(ids[0]); r.complete(ids[1]) }, "nothing is overdue any more"},
		"one written": {func(r *mailRig, ids []incident.ID) { r.complete(ids[0]) }, ""},
		"one stopped": {func(r *mailRig, ids []incident.ID) {
			r.do(incident.Command{Verb: incident.Remind, Incident: ids[0], Args: incident.Args{Op: incident.RemindStop}})
		}, ""},
		"late":       {func(r *mailRig, _ []incident.ID) { r.advance(9 * time.Hour) }, "the working day was over before it was sent"},
		"a day late": {func(r *mailRig, _ []incident.ID) { r.advance(24 * time.Hour) }, "the working day was over before it was sent"},
		"no mail": {func(r *mailRig, _ []incident.ID) {
			must(r.t, r.store.SavePreference(r.t.Context(), bot.Preference{Address: "ani@example.com", NoMail: true}))
		}, "does not want mail"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newMailRig(t)
			r.mu.Lock()
			r.now = time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC)
			r.mu.Unlock()
			ids := []incident.ID{r.over("Checkout is down"), r.over("Payments are down, all of them")}
			r.settle(time.Minute)
			r.sim.Clear()
			r.at("2026-12-08 10:00")
			must(t, r.overdue().Run(t.Context()))
			c.meanwhile(r, ids)
			r.settle(time.Minute)
			mail := r.to("ani@example.com")
			mail = slices.DeleteFunc(mail, func(m mailsim.Mail) bool { return !strings.Contains(m.MessageID, "rca.") })
			key := "rca/ani@example.com/2026-12-08/mail"
			if c.want != "" {
				if got := r.skipped(key); got != c.want || len(mail) != 0 {
					t.Errorf("skipped: %q, want %q; %d mails", got, c.want, len(mail))
				}
				return
			}
			if len(mail) != 1 || strings.Contains(mail[0].Text, ids[0].String()) || !strings.Contains(mail[0].Text, ids[1].String()) {
				t.Errorf("%d mails: %v", len(mail), fmt.Sprint(mail))
			}
		})
	}
}

// skipped says why an effect was skipped.
func (r *mailRig) skipped(key string) string {
	r.t.Helper()
	all, err := r.store.Jobs(r.t.Context(), incident.EffectSkipped, 1000)
	must(r.t, err)
	for _, e := range all {
		if e.Key == key {
			return e.Error
		}
	}
	return "it is not among the skipped"
}
