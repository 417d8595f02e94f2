package effects_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"imbot/incident"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail/mailsim"
)

func (p *papers) open(level string) incident.ID {
	p.met(p.by("dewi@example.com", incident.Command{Verb: incident.Declare, Args: incident.Args{
		Title: canaries[len(p.ids)] + " acts up", Service: "checkout", Level: level,
	}}).ID, canaries[len(p.ids)])
	return p.ids[len(p.ids)-1]
}

func (p *papers) order(verb incident.Verb, id incident.ID, args incident.Args) {
	p.by("ani@example.com", incident.Command{Verb: verb, Incident: id, Args: args})
}

// heard are the mails to somebody about an incident.
func (p *papers) heard(id incident.ID, who string) string {
	var out []string
	for _, l := range p.letters {
		if l.to == who && l.about(id) != "" {
			out = append(out, l.about(id))
		}
	}
	return strings.Join(out, " ")
}

// TestMailNeededAgain: a mail that was left out, since there seemed to be no need,
// is sent once there is.
func TestMailNeededAgain(t *testing.T) {
	p := newPapers(t, true, false)
	p.post.Inject(mailsim.Fault{At: mailsim.AtConnect, Code: 421})
	first, dup, over := p.open(incident.HighErrorRate), p.open(incident.ServiceDown), p.open(incident.ServiceDown)
	p.pass(10 * time.Second)
	p.order(incident.SetLink, dup, incident.Args{Parent: first, LinkKind: incident.LinkDuplicate})
	p.order(incident.Resolve, over, incident.Args{})
	p.mend(nil)
	p.pass(10 * time.Minute)
	for _, id := range []incident.ID{dup, over} {
		if got := p.heard(id, "ani@example.com"); got != "" {
			t.Errorf("%s: %q", id, got)
		}
	}
	p.order(incident.Undo, dup, incident.Args{})
	p.order(incident.Reopen, over, incident.Args{})
	p.pass(10 * time.Minute)
	for _, id := range []incident.ID{first, dup, over} {
		if got := p.heard(id, "ani@example.com"); got != "declare" {
			t.Errorf("%s, which is open: %q", id, got)
		}
	}
}

// TestPublicAfterAll: what a private incident had none of comes once it is public,
// and nothing is told late that was no news then.
func TestPublicAfterAll(t *testing.T) {
	p := newPapers(t, true, false)
	id := p.open(incident.HighErrorRate)
	p.order(incident.SetLevel, id, incident.Args{Level: "security"})
	p.order(incident.DoAction, id, incident.Args{Action: &incident.ActionArgs{Op: "add", Title: p.words[id]}})
	p.pass(10 * time.Minute)
	if n := len(p.sim.Issues()) + len(p.wiki.Pages()) + len(p.ear.all); n != 0 {
		t.Fatalf("%d things tell of what is private", n)
	}
	p.order(incident.Publicise, id, incident.Args{Reason: "over"})
	p.order(incident.Retry, id, incident.Args{})
	p.pass(10 * time.Minute)
	if n := len(p.sim.Issues()); n != 2 {
		t.Errorf("%d issues, want one for the RCA and one for the action", n)
	}
	if first := p.ear.all[0]; first.Event.Kind != string(incident.EvPublic) {
		t.Errorf("the first webhook is of %+v", first.Event)
	}
	p.check()
}

// TestPagesOfTied: what the page of an incident says of others that are tied to it
// is so, and is gone once they are private.
func TestPagesOfTied(t *testing.T) {
	p := newPapers(t, true, false)
	root, child := p.open(incident.ServiceDown), p.open(incident.HighErrorRate)
	p.pass(10 * time.Minute)
	p.order(incident.SetLink, child, incident.Args{Parent: root, LinkKind: incident.LinkCascade})
	p.pass(10 * time.Minute)
	p.check()
	p.order(incident.Resolve, child, incident.Args{})
	p.pass(10 * time.Minute)
	p.check()
	p.order(incident.SetLevel, child, incident.Args{Level: "security"})
	p.pass(10 * time.Minute)
	p.check()
	for _, q := range p.wiki.Pages() {
		if strings.HasPrefix(q.Title, root.String()) && strings.Contains(q.Body, p.words[child]) {
			t.Errorf("the page of %s tells of %s, which is private", root, child)
		}
	}
}

// TestMovedWhereItBelongs: the ticket of an incident that has become private, which
// somebody moves to the project of such incidents, is kept in line again.
func TestMovedWhereItBelongs(t *testing.T) {
	p := newPapers(t, true, true)
	p.sim.SetWebhook("", "")
	id := p.open(incident.HighErrorRate)
	p.pass(time.Minute)
	p.order(incident.SetLevel, id, incident.Args{Level: "security"})
	must(t, p.sim.Relocate(p.ani, p.issue(id, 0).Key, "SEC"))
	p.pass(2 * time.Minute)
	p.compare()
	p.pass(time.Minute)
	if got, want := p.inc(id).Ticket(0).Key, p.issue(id, 0).Key; got != want {
		t.Errorf("the ticket is %s, want %s", got, want)
	}
}

// TestLostAnswerOverWhenFound: an issue whose making was not answered is known as
// the ticket all the same when its incident is private by then; and none is made
// any more for an RCA that is not owed by then.
func TestLostAnswerOverWhenFound(t *testing.T) {
	for name, c := range map[string]struct {
		fault jirasim.Fault
		verb  incident.Verb
		args  incident.Args
		want  string // state of the ticket
		n     int    // issues
	}{
		"private":  {jirasim.Fault{After: true, Drop: true}, incident.SetLevel, incident.Args{Level: "security"}, incident.TicketMade, 1},
		"not owed": {jirasim.Fault{Drop: true}, incident.SetLevel, incident.Args{Level: incident.Other}, incident.TicketNone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPapers(t, true, false)
			c.fault.Method, c.fault.Path, c.fault.Times = http.MethodPost, "/rest/api/2/issue", 1
			p.sim.Inject(c.fault)
			id := p.open(incident.HighErrorRate)
			p.pass(31 * time.Second)
			if p.inc(id).Ticket(0).TriedAt.IsZero() {
				t.Fatal("it was not tried")
			}
			p.order(c.verb, id, c.args)
			p.pass(10 * time.Minute)
			if got := p.inc(id).Ticket(0); got.State != c.want || len(p.sim.Issues()) != c.n {
				t.Errorf("the ticket is %+v, and there are %d issues", got, len(p.sim.Issues()))
			}
			for _, i := range p.sim.Issues() {
				if len(i.Links) > 0 {
					t.Errorf("%s leads to an incident that is private", i.Key)
				}
			}
		})
	}
}

// TestLinkedWhileItsPageIsMade: a page shows what has become of its incident while
// it was being made, also if that would not have had one.
func TestLinkedWhileItsPageIsMade(t *testing.T) {
	p := newPapers(t, true, false)
	root := p.open(incident.ServiceDown)
	p.pass(10 * time.Minute)
	late := p.open(incident.HighErrorRate)
	p.wiki.Inject(jirasim.Fault{Method: http.MethodPost, Times: 1, Meanwhile: func() {
		p.order(incident.SetLink, late, incident.Args{Parent: root, LinkKind: incident.LinkDuplicate})
	}})
	p.pass(10 * time.Minute)
	if p.inc(late).Link == nil {
		t.Fatal("it was not linked meanwhile")
	}
	p.check()
}
