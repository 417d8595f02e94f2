package effects_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"imbot/bot"
	"imbot/catalog"
	"imbot/incident"
)

func someone(id string) incident.Actor { return incident.Actor{Kind: incident.KindUser, ID: id} }

// tell has one person told something, by the rules' own form of the effect.
func (r *mailRig) tell(id incident.ID, d incident.DirectData) string {
	r.t.Helper()
	data, err := json.Marshal(d)
	must(r.t, err)
	key := id.String() + "/direct/" + d.Person.ID + "/" + d.Reason + "/7"
	must(r.t, r.svc.Enqueue(r.t.Context(), incident.Effect{
		Key: key, Kind: incident.KindDirect, Mode: incident.Once, Incident: id, Lane: id.String() + "/direct/" + d.Person.ID, Data: data,
	}))
	return key
}

// ways lists how people were told, by the timeline.
func (r *mailRig) ways(id incident.ID) string {
	var out []string
	for _, e := range r.view(id).Timeline {
		if e.Kind == incident.EvTold {
			out = append(out, e.Data["person"]+" by "+e.Data["op"])
		}
	}
	return strings.Join(out, ", ")
}

// TestDirect goes through the ways to tell somebody something, each where those
// before it are closed.
func TestDirect(t *testing.T) {
	r := newMailRig(t)
	id := r.declare("Checkout is slow")
	r.settle(time.Minute)
	quiet := len(r.sim.Mails())

	// The stored chat, for what the rules themselves say.
	r.do(incident.Command{Verb: incident.Assign, Incident: id, Args: incident.Args{Role: "commander", Person: &incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"}}})
	r.settle(time.Minute)
	posts := r.teams.Posts(r.teams.Personal(r.ani))
	if len(posts) == 0 || !strings.Contains(posts[0].Activity.Text, id.String()) || len(posts) > 2 {
		t.Errorf("posts to Ani: %+v", posts)
	}

	// Known from a team only: the chat is opened.
	p, err := r.store.Person(t.Context(), "eko@example.com")
	must(t, err)
	p.Conversation = ""
	must(t, r.store.SavePerson(t.Context(), p))
	r.tell(id, incident.DirectData{Person: someone("eko@example.com"), Reason: incident.DirectHelp, By: person})
	r.settle(time.Minute)
	if n := len(r.teams.Posts(r.teams.Personal(r.eko))); n == 0 {
		t.Error("Eko, whom imbot knows from a team, was told nothing")
	}

	// Never met: by mail, in the thread of the incident.
	r.tell(id, incident.DirectData{Person: someone("dewi@example.com"), Reason: incident.DirectHelp, By: person})
	r.settle(time.Minute)
	m := r.only("dewi@example.com")
	if !strings.HasPrefix(m.MessageID, "<"+id.String()+".direct.help.7.") || !strings.HasPrefix(m.Header.Get("In-Reply-To"), "<"+id.String()+".declare.") {
		t.Errorf("Message-ID %s, In-Reply-To %s", m.MessageID, m.Header.Get("In-Reply-To"))
	}

	// No way at all: it is said.
	must(t, r.store.SavePreference(t.Context(), bot.Preference{Address: "hadi@example.com", NoMail: true}))
	key := r.tell(id, incident.DirectData{Person: someone("hadi@example.com"), Reason: incident.DirectHelp, By: person})
	nameless := r.tell(id, incident.DirectData{Person: someone("aad:1234"), Reason: incident.DirectHelp, By: person})
	r.settle(time.Minute)
	for _, want := range []string{"hadi@example.com could not be told", "no 1:1 chat", "does not want mail"} {
		if !strings.Contains(r.errs[key], want) {
			t.Errorf("the dead letter says %q, not %q", r.errs[key], want)
		}
	}
	if !strings.Contains(r.errs[nameless], "no mail address is known") {
		t.Errorf("the dead letter says %q", r.errs[nameless])
	}
	if got, want := r.ways(id), "ani@example.com by chat, eko@example.com by chat, dewi@example.com by mail"; sortedWords(got) != sortedWords(want) {
		t.Errorf("the timeline says: %s", got)
	}
	if n := len(r.sim.Mails()) - quiet; n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

func sortedWords(s string) string {
	parts := strings.Split(s, ", ")
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// TestDirectNeedless: what nobody needs to be told any more, and what is not for
// them.
func TestDirectNeedless(t *testing.T) {
	r := newMailRig(t)
	id := r.declare("Checkout is slow")
	private := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "A breach", Service: "checkout", Private: true}}).ID
	r.do(incident.Command{Verb: incident.Report, Incident: id, Args: incident.Args{Text: "one"}})
	first := r.view(id).Incident.Update.N
	r.do(incident.Command{Verb: incident.Report, Incident: id, Args: incident.Args{Text: "two"}})
	keys := map[string]string{
		r.tell(id, incident.DirectData{Person: someone("dewi@example.com"), Reason: incident.DirectUpdate, N: first}): "not needed: there is a newer status update",
		r.tell(id, incident.DirectData{Person: someone("dewi@example.com"), Reason: incident.DirectCommander}):        "not needed: somebody else is the commander by now",
		r.tell(private, incident.DirectData{Person: someone("dewi@example.com"), Reason: incident.DirectHelp}):        "not needed: it is private, and not for dewi@example.com",
	}
	over := r.tell(id, incident.DirectData{Person: someone("fajar@example.com"), Reason: incident.DirectHelp})
	keys[over] = "not needed: it was over before they were told"
	r.do(incident.Command{Verb: incident.Resolve, Incident: id, Args: incident.Args{Text: "done"}})
	r.settle(time.Minute)
	for key, want := range keys {
		of := id
		if strings.HasPrefix(key, private.String()+"/") {
			of = private
		}
		if e := r.effect(of, strings.TrimPrefix(key, of.String())); e.State != incident.EffectSkipped || e.Error != want {
			t.Errorf("%s: %s %q, want it skipped: %q", key, e.State, e.Error, want)
		}
	}
	if n := len(r.to("dewi@example.com")) + len(r.to("fajar@example.com")); n != 0 {
		t.Errorf("%d mails, want none", n)
	}
}

// TestCardByMail: a 1:1 card that can't reach its person becomes the mail that
// tells of the incident, and that is one mail, whoever asks for it.
func TestCardByMail(t *testing.T) {
	r := newMailRig(t)
	for _, both := range []bool{false, true} {
		row := incident.Notice{Direct: []string{"owner"}}
		if both {
			row.Mail = []string{"owner"}
		}
		file, err := catalog.Parse([]byte("services:\n  - {key: vault, name: Vault, owner: dewi@example.com}\n"), "catalog.yaml")
		must(t, err)
		r.cat, err = catalog.New(file, catalog.Settings{DefaultChannel: r.def, Notices: map[string]incident.Notice{incident.ServiceDown: row}}, nil)
		must(t, err)
		before := len(r.to("dewi@example.com"))
		id := r.do(incident.Command{Verb: incident.Declare, Args: incident.Args{Title: "Vault is down " + map[bool]string{true: "again"}[both], Service: "vault", Level: incident.ServiceDown}}).ID
		r.settle(time.Minute)
		r.do(incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "looking"}})
		r.settle(time.Minute)
		if n := len(r.to("dewi@example.com")) - before; n != 1 {
			t.Errorf("mail in the notice table %v: %d mails, want 1", both, n)
		}
		if e := r.effect(id, "/card/user:dewi@example.com"); e.State != incident.EffectSkipped || !strings.Contains(e.Error, "a mail goes there instead") {
			t.Errorf("the card: %s %q", e.State, e.Error)
		}
	}
}
