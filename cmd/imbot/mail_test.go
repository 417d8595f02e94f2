package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/graph/graphsim"
	"imbot/integrations/mail/mailsim"
)

// mailServer is a mail server, and the section of a configuration that uses it.
func mailServer(t *testing.T, password string) (*mailsim.Server, string) {
	t.Helper()
	sim := mailsim.New(mailsim.Options{Users: []mailsim.User{{Name: "imbot", Password: "right", Senders: []string{"imbot@example.com"}}}})
	t.Cleanup(sim.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, sim.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	return sim, fmt.Sprintf("mail: {from: Incidents <imbot@example.com>, smtp: {host: %s, port: %d, user: imbot, password: %s, ca_file: %s}}\n", sim.Host(), sim.Port(), password, ca)
}

// effectOf is the state of an effect of the first incident, as "state error".
func (r *rig) effectOf(id incident.ID, suffix string) string {
	r.t.Helper()
	var out []incident.EffectState
	err := r.app.store.View(r.t.Context(), func(tx incident.Tx) error {
		var err error
		out, err = tx.Effects(id)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range out {
		if strings.HasSuffix(e.Key, suffix) {
			return strings.TrimSpace(e.State + " " + e.Error)
		}
	}
	return "none"
}

// TestMail: from PagerDuty's webhook to the mailbox, and out again by the link in
// the mail and by the bot's verb.
func TestMail(t *testing.T) {
	sim, section := mailServer(t, "right")
	r := newRig(t, section)
	r.trigger("Checkout is DOWN")
	r.settle(time.Minute)
	var link string
	for _, m := range sim.Mails() {
		if m.To[0] == "budi@example.com" {
			link = strings.Trim(m.Header.Get("List-Unsubscribe"), "<>")
		}
		if !m.TLS || m.User != "imbot" {
			t.Errorf("a mail came without TLS or by %q", m.User)
		}
	}
	if n := len(sim.Mails()); n != 2 || !strings.HasPrefix(link, "https://imbot.example.com/unsubscribe?") {
		t.Fatalf("%d mails, want one for Ani, who owns and leads, and one for Budi; link %q", n, link)
	}
	resp, err := http.Post(r.url+strings.TrimPrefix(link, "https://imbot.example.com"), "application/x-www-form-urlencoded", strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("one click: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	r.say(r.ani, r.teams.Personal(r.ani), "mail off")
	r.say(r.ani, r.teams.Personal(r.ani), "resolve 1 rolled back")
	r.settle(time.Minute)
	r.advance(48 * time.Hour)
	r.trigger("Payments are unreachable, everybody is out")
	r.settle(time.Minute)
	for _, address := range []string{"ani@example.com", "budi@example.com"} {
		if got := r.effectOf(2, "/mail.declare/"+address); got != "skipped not needed: does not want mail" {
			t.Errorf("%s: %s", address, got)
		}
	}
	r.say(r.ani, r.teams.Personal(r.ani), "mail on")
	r.settle(time.Minute)
	sim.Clear()
	// The reminder of the RCA, on a working day that is late enough. The company is
	// at UTC; Ani is in Jakarta, as Teams tells, where its noon is the evening.
	day := r.Now().Add(6 * 24 * time.Hour).Truncate(24 * time.Hour)
	for day.Weekday() != time.Tuesday {
		day = day.Add(24 * time.Hour)
	}
	remind := func(at time.Time) {
		r.advance(at.Sub(r.Now()))
		for range 3 {
			if err := r.app.remind(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.settle(time.Minute)
		}
	}
	remind(day.Add(12 * time.Hour))
	if n := len(sim.Mails()); n != 0 {
		t.Errorf("%d mails at 19:00 in Jakarta", n)
	}
	remind(day.Add(27 * time.Hour))
	if got := sim.Mails(); len(got) != 1 || !strings.HasPrefix(got[0].MessageID, "<rca.") || !strings.Contains(got[0].Text, "INC-1") || !strings.Contains(got[0].Text, "Asia/Jakarta") {
		t.Errorf("%d mails, want one of overdue RCAs", len(got))
		for _, m := range got {
			t.Errorf("to %v: %s %s", m.To, m.MessageID, m.Subject)
		}
	}
}

// TestMailOff: an absent section, and a dry run, are shown.
func TestMailOff(t *testing.T) {
	sim, section := mailServer(t, "right")
	for extra, want := range map[string]string{"": "skipped mail off", "dry_run: true\n" + section: "skipped dry run"} {
		r := newRig(t, extra)
		r.trigger("Checkout is DOWN")
		r.settle(time.Minute)
		if got := r.effectOf(1, "/mail.declare/ani@example.com"); got != want {
			t.Errorf("%q: %s, want %s", extra, got, want)
		}
		if off := strings.Join(r.app.off(), "\n"); strings.Contains(off, "mail: no section") != (extra == "") {
			t.Errorf("%q: off says\n%s", extra, off)
		}
	}
	if n := len(sim.Mails()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// TestMailDoctor: what doctor finds of mail, by both ways.
func TestMailDoctor(t *testing.T) {
	graph := graphsim.New(graphsim.Options{Verify: func(string) error { return nil }})
	t.Cleanup(graph.Close)
	graph.AddUser(graphsim.User{Name: "imbot", Mail: "imbot@example.com"})
	byGraph := "mail: {from: imbot@example.com, graph: {url: " + graph.URL() + "}}\n"
	_, good := mailServer(t, "right")
	sim, bad := mailServer(t, "wrong")
	for _, c := range []struct {
		name, section, state, detail string
		before                       func()
	}{
		{name: "off", state: checkOff, detail: "mails are skipped"},
		{name: "smtp", section: good, state: checkOK, detail: "takes mails from"},
		{name: "smtp, wrong password", section: bad, state: checkFail, detail: "sign in"},
		{name: "graph", section: byGraph, state: checkOK, detail: "Microsoft Graph takes mails"},
		{name: "graph without the permission", section: byGraph, state: checkFail, detail: "send the mail", before: func() { graph.Revoke("Mail.Send") }},
	} {
		if c.before != nil {
			c.before()
		}
		r := newRig(t, c.section)
		d := &doctor{cfg: r.app.cfg}
		d.mail(t.Context())
		if len(d.checks) < 1 || d.checks[0].State != c.state || !strings.Contains(d.checks[0].Detail, c.detail) || strings.Contains(fmt.Sprint(d.checks), "wrong ") {
			t.Errorf("%s: %+v", c.name, d.checks)
		}
	}
	if n := len(sim.Mails()) + len(graph.Mails()); n != 0 {
		t.Errorf("doctor sent %d mails", n)
	}
}

// TestMailDoctorOneMailbox: doctor proves that imbot may send from one mailbox
// only, and sends nothing.
func TestMailDoctorOneMailbox(t *testing.T) {
	for name, c := range map[string]struct {
		admin         graphsim.User
		state, detail string
	}{
		"limited":     {graphsim.User{Mail: "ani@example.com", Guarded: true}, checkOK, "may not send as ani@example.com"},
		"not limited": {graphsim.User{Mail: "ani@example.com"}, checkWarn, "as everybody"},
		"no mailbox":  {graphsim.User{Mail: "ani@example.com", NoMailbox: true}, checkOff, "not tried"},
	} {
		graph := graphsim.New(graphsim.Options{Verify: func(string) error { return nil }})
		t.Cleanup(graph.Close)
		graph.AddUser(graphsim.User{Name: "imbot", Mail: "imbot@example.com"})
		graph.AddUser(c.admin)
		r := newRig(t, "mail: {from: imbot@example.com, graph: {url: "+graph.URL()+"}}\n")
		d := &doctor{cfg: r.app.cfg}
		d.mail(t.Context())
		if len(d.checks) != 2 || d.checks[0].State != checkOK || d.checks[1].State != c.state || !strings.Contains(d.checks[1].Detail, c.detail) || len(graph.Mails()) != 0 {
			t.Errorf("%s: %+v", name, d.checks)
		}
	}
}
