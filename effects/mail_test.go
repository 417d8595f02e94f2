package effects_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/mail"
	"imbot/integrations/mail/mailsim"
	"imbot/outbox"
)

// mailRig is a rig with a mail server.
type mailRig struct {
	*rig
	sim    *mailsim.Server
	mails  *effects.Mails
	direct *effects.Direct
	errs   map[string]string // by key: of effects that failed for good
}

const squadList = "payments-list@example.com"

func newMailRig(t *testing.T) *mailRig {
	t.Helper()
	r := &mailRig{rig: newRig(t), errs: map[string]string{}}
	r.sim = mailsim.New(mailsim.Options{Now: r.Now})
	t.Cleanup(r.sim.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, r.sim.CA(), 0o600))
	client, err := mail.New(mail.Config{
		From: "Incidents <imbot@example.com>", Host: r.sim.Host(), Port: r.sim.Port(), CAFile: ca, Now: r.Now, Timeout: 5 * time.Second,
	})
	must(t, err)
	file, err := catalog.Parse([]byte(fmt.Sprintf(`
squads:
  - {key: payments, name: Payments, channel: %q, lead: ani@example.com, members: [budi@example.com], mail: %s, language: id}
services:
  - {key: checkout, name: Checkout, squad: payments, owner: ani@example.com, stakeholders: [boss@example.com], pagerduty_service_id: PSVC01}
`, r.payments, squadList)), "catalog.yaml")
	must(t, err)
	row := incident.Notice{Mail: []string{"owner", "squad", "stakeholders"}}
	r.cat, err = catalog.New(file, catalog.Settings{
		DefaultChannel: r.def, Notices: map[string]incident.Notice{incident.ServiceDown: row, incident.HighErrorRate: row, incident.HighResponseTime: {}},
	}, nil)
	must(t, err)
	r.mails = &effects.Mails{
		View: r.say.View, Sender: client, Domain: "example.com", ListID: "incidents.example.com", Company: "Example",
		NoMail: func(ctx context.Context, address string) (bool, error) {
			p, err := r.store.Preference(ctx, address)
			return p.NoMail, err
		},
		Reads: func(ctx context.Context, address, squad string) (string, *time.Location) {
			if p, err := r.store.Person(ctx, address); err == nil && p.Language != "" {
				return p.Language, time.UTC
			}
			return r.cat.Language(squad), time.FixedZone("WIB", 7*3600)
		},
		Unsubscribe: func(address string) string { return "https://imbot.example.com/unsubscribe?a=" + address },
	}
	r.direct = &effects.Direct{
		Service: r.svc, View: r.say.View, Teams: r.say, Mails: r.mails, Now: r.Now, Logger: slog.New(slog.DiscardHandler),
	}
	r.say.Enqueue = r.svc.Enqueue
	r.runner.Handlers[incident.KindMail] = r.mails.Send
	r.runner.Handlers[incident.KindDirect] = r.direct.Tell
	for _, k := range []string{
		incident.KindRoom, incident.KindRoomSync, incident.KindRoomSay, incident.KindPage, incident.KindNudge, incident.KindTicket, incident.KindTask,
		incident.KindTaskSync, incident.KindPublish, incident.KindRelink, incident.KindUnpause,
	} {
		r.runner.Handlers[k] = effects.Off("not here")
	}
	r.runner.OnDead = func(_ context.Context, job outbox.Job, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs[job.Key] = err.Error()
	}
	return r
}

// down declares an incident of the level that tells by mail.
func (r *mailRig) down(title string) incident.ID {
	r.t.Helper()
	return r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: title, Service: "checkout", Level: incident.ServiceDown}}).ID
}

// to returns the mails to an address.
func (r *mailRig) to(address string) []mailsim.Mail {
	return slices.DeleteFunc(r.sim.Mails(), func(m mailsim.Mail) bool { return !slices.Contains(m.To, address) })
}

func (r *mailRig) only(address string) mailsim.Mail {
	r.t.Helper()
	all := r.to(address)
	if len(all) != 1 {
		r.t.Fatalf("%d mails to %s, want 1", len(all), address)
	}
	return all[0]
}

// TestMailThread: all mails about an incident to one reader are one thread, in
// their language, and say that they come from a machine and how they end.
func TestMailThread(t *testing.T) {
	r := newMailRig(t)
	p, err := r.store.Person(t.Context(), "ani@example.com")
	must(t, err)
	p.Language = "en"
	must(t, r.store.SavePerson(t.Context(), p))
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Checkout errors", Service: "checkout", Level: incident.HighErrorRate}}).ID
	r.settle(time.Minute)
	first := r.only("ani@example.com")
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "List-Id": "<incidents.example.com>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"List-Unsubscribe": "<https://imbot.example.com/unsubscribe?a=ani@example.com>", "In-Reply-To": "", "From": `"Incidents" <imbot@example.com>`,
	} {
		if got := first.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(first.MessageID, "<"+id.String()+".declare.") || !strings.HasSuffix(first.MessageID, "@example.com>") {
		t.Errorf("Message-ID %s", first.MessageID)
	}
	if !strings.Contains(first.Text, "https://imbot.example.com/unsubscribe?a=ani@example.com") {
		t.Errorf("the text has no link that ends mails:\n%s", first.Text)
	}
	list := r.only(squadList)
	if list.Text == first.Text || !strings.Contains(list.Text, "WIB") || strings.Contains(first.Text, "WIB") {
		t.Errorf("the list, which reads Indonesian at UTC+7, got:\n%s\nAni, who reads English in UTC:\n%s", list.Text, first.Text)
	}
	r.only("boss@example.com")
	r.do(incident.Command{Verb: incident.SetLevel, Incident: id, Args: incident.Args{Level: incident.ServiceDown, Reason: "nothing works"}})
	r.settle(time.Minute)
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "rolled back"}})
	r.do(incident.Command{Verb: incident.Close, Incident: id, Args: incident.Args{Waive: "a drill"}})
	r.settle(time.Minute)
	for _, address := range []string{"ani@example.com", squadList, "boss@example.com"} {
		all := r.to(address)
		if len(all) != 3 {
			t.Fatalf("%d mails to %s, want 3", len(all), address)
		}
		seen := map[string]bool{}
		for i, m := range all {
			seen[m.MessageID] = true
			root := m.Header.Get("In-Reply-To")
			if i > 0 && (root != all[0].MessageID || m.Header.Get("References") != root) {
				t.Errorf("mail %d to %s: In-Reply-To %q, References %q, want %q", i, address, root, m.Header.Get("References"), all[0].MessageID)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%d ids of 3 mails to %s", len(seen), address)
		}
	}
	if got := r.sim.ByMessageID(); len(got) != 9 {
		t.Errorf("%d mails, want 9: %v", len(got), got)
	}
	r.do(incident.Command{Verb: incident.Reopen, Incident: id, Args: incident.Args{Reason: "errors again"}})
	r.settle(time.Minute)
	all := r.to("ani@example.com")
	if back := all[len(all)-1]; len(all) != 4 || !strings.Contains(back.Header.Get("Subject"), "again") || back.Header.Get("In-Reply-To") != all[0].MessageID || back.MessageID == all[0].MessageID {
		t.Errorf("%d mails; back again: %v", len(all), back.Header)
	}
}

// TestMailFaults breaks each step of handing mails over: every mail has one
// Message-ID, and comes again only where its answer was lost.
func TestMailFaults(t *testing.T) {
	cases := map[string]struct {
		fault mailsim.Fault
		twice bool
	}{
		"connect refused":   {fault: mailsim.Fault{At: mailsim.AtConnect, Code: 421, Times: 2}},
		"connection breaks": {fault: mailsim.Fault{At: mailsim.AtConnect, Drop: true, Times: 4}},
		"hello":             {fault: mailsim.Fault{At: mailsim.AtHello, Drop: true, Times: 2}},
		"tls":               {fault: mailsim.Fault{At: mailsim.AtTLS, Drop: true, Times: 2}},
		"sender deferred":   {fault: mailsim.Fault{At: mailsim.AtMail, Code: 451, Times: 3}},
		"sender, drop":      {fault: mailsim.Fault{At: mailsim.AtMail, Drop: true, Times: 3}},
		"greylisted":        {fault: mailsim.Fault{At: mailsim.AtRcpt, Code: 450, Times: 3}},
		"data refused":      {fault: mailsim.Fault{At: mailsim.AtData, Code: 452, Times: 3}},
		"data, drop":        {fault: mailsim.Fault{At: mailsim.AtData, Drop: true, Times: 3}},
		"answer lost":       {fault: mailsim.Fault{At: mailsim.AtStored, Drop: true, Times: 2}, twice: true},
		"5xx after stored":  {fault: mailsim.Fault{At: mailsim.AtStored, Code: 451, Times: 1}, twice: true},
		"drop after answer": {fault: mailsim.Fault{At: mailsim.AtSent, Drop: true, Times: 2}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newMailRig(t)
			r.sim.Inject(c.fault)
			id := r.down("Checkout is down")
			r.settle(2 * time.Hour)
			got := r.sim.ByMessageID()
			if len(got) != 3 {
				t.Fatalf("%d Message-IDs, want one for each of 3 mails: %v", len(got), got)
			}
			again := 0
			for _, n := range got {
				again += n - 1
			}
			if c.twice != (again > 0) {
				t.Errorf("mails came again %d times", again)
			}
			for _, address := range []string{"ani@example.com", squadList, "boss@example.com"} {
				if e := r.effect(id, "/mail.declare/"+address); e.State != incident.EffectDone {
					t.Errorf("%s: %s %s", address, e.State, e.Error)
				}
			}
			if again > 0 {
				all := r.sim.Mails()
				slices.SortFunc(all, func(a, b mailsim.Mail) int { return strings.Compare(a.MessageID, b.MessageID) })
				for i := 1; i < len(all); i++ {
					if all[i].MessageID == all[i-1].MessageID && all[i].Header.Get("Date") != all[i-1].Header.Get("Date") {
						t.Errorf("the same mail has two dates")
					}
				}
			}
		})
	}
}

// TestMailRefused: an owner without a mailbox is named, and keeps no mail from
// others.
func TestMailRefused(t *testing.T) {
	r := newMailRig(t)
	r.sim.Inject(mailsim.Fault{At: mailsim.AtRcpt, Rcpt: "ani@example.com", Code: 550, Status: [3]int{5, 1, 1}, Message: "no such mailbox"})
	id := r.down("Checkout is down")
	must(t, r.svc.Enqueue(t.Context(), incident.Effect{
		Key: id.String() + "/mail.declare/x", Kind: incident.KindMail, Mode: incident.Once, Incident: id, Lane: "x",
		Target: "eve@example.com\r\nBcc: all@example.com", Data: json.RawMessage(`{"kind":"declared"}`),
	}))
	r.settle(2 * time.Hour)
	r.only(squadList)
	r.only("boss@example.com")
	if n := len(r.sim.Mails()); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
	if got := r.errs[id.String()+"/mail.declare/ani@example.com"]; !strings.Contains(got, "mail to ani@example.com") || !strings.Contains(got, "no such mailbox") {
		t.Errorf("the dead letter says %q", got)
	}
	if got := r.errs[id.String()+"/mail.declare/x"]; !strings.Contains(got, "line break") || strings.Contains(got, "\n") {
		t.Errorf("the dead letter of the bad address says %q", got)
	}
}

// wantOneReason: where no mail at all can be sent, all dead letters say the same,
// so that the timeline says it once.
func (r *mailRig) wantOneReason() {
	r.t.Helper()
	words := map[string]bool{}
	for _, e := range r.errs {
		words[e] = true
	}
	if len(r.errs) != 3 || len(words) != 1 {
		r.t.Errorf("%d dead letters say %d things: %v", len(r.errs), len(words), r.errs)
	}
}

// TestMailNobody: what keeps all mails from being sent.
func TestMailNobody(t *testing.T) {
	for name, fault := range map[string]mailsim.Fault{
		"greeting": {At: mailsim.AtConnect, Code: 554, Message: "5.7.1 blocked"},
		"sender":   {At: mailsim.AtMail, Code: 550, Status: [3]int{5, 7, 60}, Message: "SendAsDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newMailRig(t)
			r.sim.Inject(fault)
			r.down("Checkout is down")
			r.settle(2 * time.Hour)
			r.wantOneReason()
		})
	}
}

// TestMailPrivate: nobody but members learns of a private incident, whatever was
// decided while it was public.
func TestMailPrivate(t *testing.T) {
	const canary = "QUETZALCOATL"
	r := newMailRig(t)
	id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Breach " + canary, Service: "checkout", Level: incident.ServiceDown, Private: true}}).ID
	for _, address := range []string{"boss@example.com", squadList, "stranger@example.com"} {
		must(t, r.svc.Enqueue(t.Context(), incident.Effect{
			Key: id.String() + "/mail.declare/" + address, Kind: incident.KindMail, Mode: incident.Once, Incident: id, Lane: address, Target: address,
			Data: json.RawMessage(`{"kind":"declared","why":"member"}`),
		}))
	}
	r.settle(time.Hour)
	members := r.view(id).Incident.Members
	if len(members) == 0 {
		t.Fatal("nobody is a member")
	}
	for _, m := range r.sim.Mails() {
		if !slices.ContainsFunc(members, func(a incident.Actor) bool { return a.ID == m.To[0] }) {
			t.Errorf("a mail went to %s, who is no member", m.To[0])
		}
	}
	if got := r.only("ani@example.com"); !strings.Contains(got.Text, id.String()) {
		t.Errorf("the owner, a member, got:\n%s", got.Text)
	}
	for _, address := range []string{"boss@example.com", squadList, "stranger@example.com"} {
		if e := r.effect(id, "/mail.declare/"+address); e.State != incident.EffectSkipped || strings.Contains(e.Error, canary) {
			t.Errorf("%s: %s %s", address, e.State, e.Error)
		}
	}
}

// TestMailNeedless: what has happened since a mail was decided.
func TestMailNeedless(t *testing.T) {
	r := newMailRig(t)
	id := r.down("Checkout is down")
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "a false alarm"}})
	first := r.down("Search is down, really")
	dup := r.down("Another title altogether")
	r.do(incident.Command{Verb: incident.SetLink, Incident: dup, Args: incident.Args{Parent: first, LinkKind: incident.LinkDuplicate}})
	r.settle(time.Hour)
	for id, want := range map[incident.ID]string{id: "not needed: it was over before the mail was sent", dup: "not needed: it is a duplicate of " + first.String()} {
		if e := r.effect(id, "/mail.declare/ani@example.com"); e.State != incident.EffectSkipped || e.Error != want {
			t.Errorf("%s: %s %q, want it skipped: %q", id, e.State, e.Error, want)
		}
		for _, e := range r.view(id).Trouble {
			if e.Kind == incident.KindMail {
				t.Errorf("%s: the card warns of %s %s", id, e.Key, e.Error)
			}
		}
	}
	if n := len(r.to("ani@example.com")); n != 1 {
		t.Errorf("%d mails, want that of %s", n, first)
	}
}

// TestNoMail: who wants no mail gets none, in any spelling of the address.
func TestNoMail(t *testing.T) {
	r := newMailRig(t)
	must(t, r.store.SavePreference(t.Context(), bot.Preference{Address: "boss@example.com", NoMail: true}))
	id := r.down("Checkout is down")
	r.settle(time.Hour)
	if e := r.effect(id, "/mail.declare/boss@example.com"); e.State != incident.EffectSkipped || e.Error != "not needed: does not want mail" {
		t.Errorf("%s %q", e.State, e.Error)
	}
	if n := len(r.sim.Mails()); n != 2 || len(r.to("boss@example.com")) != 0 {
		t.Errorf("%d mails", n)
	}
}

// TestMailRate: a burst of mails keeps within what a mailbox may send, and all
// arrive.
func TestMailRate(t *testing.T) {
	t.Parallel()
	r := newMailRig(t)
	for i := range 12 { // 3 mails each: more than a minute's worth
		r.down(fmt.Sprintf("%s is broken", strings.Repeat(string(rune('a'+i)), 6)))
	}
	r.settle(time.Hour)
	all := r.sim.Mails()
	if len(all) != 36 || len(r.sim.ByMessageID()) != 36 {
		t.Fatalf("%d mails, want 36", len(all))
	}
	for i := range all {
		n := 0
		for _, m := range all[i:] {
			if m.At.Sub(all[i].At) < time.Minute {
				n++
			}
		}
		if n > mail.DefaultPerMinute {
			t.Fatalf("%d mails in a minute from %s", n, all[i].At)
		}
	}
	if d := all[35].At.Sub(all[0].At); d < 30*time.Second || d > 3*time.Minute {
		t.Errorf("36 mails took %s", d)
	}
}
