package effects_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/integrations/jira/jirasim"
)

func user(mail string) *incident.Actor { return &incident.Actor{Kind: incident.KindUser, ID: mail} }

// TestTickets tells the life of two tickets on each kind of Jira.
func TestTickets(t *testing.T) {
	for name, o := range map[string]jirasim.Options{"Cloud": {}, "Data Center": {DataCenter: true}} {
		t.Run(name, func(t *testing.T) { ticketLife(newDesk(t, o)) })
	}
}

func ticketLife(d *desk) {
	t := d.t
	id := d.declare(incident.ServiceDown)
	d.act(id, incident.ActionArgs{Op: "add", Title: "Alert on *queue* length", Owner: user("ani@example.com"), Due: "2026-03-20"})
	d.settle(time.Minute)
	rca, task := d.issue(id, 0), d.issue(id, 1)
	if rca.Project != "PAY" || rca.Summary != "RCA of INC-1: Checkout answers with *errors*" || rca.Due != "2026-03-07" || rca.Assignee != d.ani || rca.Priority != "Highest" ||
		len(rca.Links) != 1 || rca.Links[0].URL != "https://imbot.example.com/incidents/INC-1" {
		t.Errorf("the RCA's task is %+v", rca)
	}
	if task.Summary != "Alert on *queue* length" || !strings.Contains(task.Description, `\*errors\*`) || task.Due != "2026-03-20" || task.Assignee != d.ani || cmp.Diff([]string{"imbot", "incident", "imbot-INC-1-a1"}, task.Labels) != "" {
		t.Errorf("the follow-up's task is %+v", task)
	}
	inc := d.get(id).Incident
	if ref, ok := inc.HasRef("jira", incident.RoleAction, "1"); !ok || ref.ID != task.Key || !strings.HasSuffix(ref.URL, "/browse/"+task.Key) {
		t.Errorf("ref = %+v", ref)
	}

	d.act(id, incident.ActionArgs{Op: "done", N: 1})
	d.act(id, incident.ActionArgs{Op: "due", N: 1})
	d.act(id, incident.ActionArgs{Op: "assign", N: 1, Owner: user("budi@example.com")})
	d.act(id, incident.ActionArgs{Op: "edit", N: 1, Title: "Alert on lag"})
	d.do(incident.Resolve, id, incident.Args{})
	d.writeRCA(id)
	d.settle(time.Minute)
	if task = d.issue(id, 1); task.Category != "done" || task.Due != "" || task.Assignee != d.budi || task.Summary != "Alert on lag" {
		t.Errorf("after changes here the task is %+v", task)
	}
	if rca = d.issue(id, 0); rca.Category != "done" {
		t.Errorf("the RCA is complete, and its task is %s", rca.Status)
	}
	writes := d.writes()
	d.settle(time.Hour)
	if d.writes() != writes {
		t.Errorf("%d further writes", d.writes()-writes)
	}

	d.act(id, incident.ActionArgs{Op: "reopen", N: 1})
	d.do(incident.Reopen, id, incident.Args{})
	d.settle(time.Minute)
	if task, rca = d.issue(id, 1), d.issue(id, 0); task.Category != "new" || rca.Category != "new" {
		t.Errorf("after reopening: %s and %s", task.Status, rca.Status)
	}
	if len(d.dead) > 0 {
		t.Errorf("dead: %v", d.dead)
	}
}

// seen has a ticket looked at, as a webhook does.
func (d *desk) seen(id incident.ID, n int) {
	d.t.Helper()
	d.advance(time.Second)
	_, err := d.svc.Do(d.t.Context(), incident.Command{
		Verb: incident.TicketStep, Incident: id, Actor: incident.Jira, Source: incident.SourceJira, Args: incident.Args{Ticket: &incident.TicketChange{Step: incident.TicketSeen, N: n}},
	})
	must(d.t, err)
	d.settle(time.Minute)
}

func TestTicketTakesOver(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it", Owner: user("ani@example.com"), Due: "2026-03-20"})
	d.settle(time.Minute)
	key := d.issue(id, 1).Key
	writes := d.writes()
	must(t, d.sim.Move(d.ani, key, "Done"))
	must(t, d.sim.Assign(d.ani, key, d.budi))
	must(t, d.sim.Edit(d.ani, key, func(i *jirasim.Issue) { i.Due, i.Summary = "2026-04-01", "mend it\nwell" }))
	d.seen(id, 1)
	a := d.get(id).Incident.Actions[0]
	if !a.Done() || !a.DoneBy.Is(incident.Jira) || a.Due != "2026-04-01" || a.Title != "mend it well" || a.Owner.ID != "budi@example.com" {
		t.Errorf("the follow-up is %+v", a)
	}
	must(t, d.sim.Assign(d.ani, key, d.citra)) // known from the catalog only
	d.seen(id, 1)
	if a := d.get(id).Incident.Actions[0]; a.Owner.ID != "citra@example.com" {
		t.Errorf("owner %+v", a.Owner)
	}
	must(t, d.sim.Assign(d.ani, key, d.other)) // known to Jira only
	must(t, d.sim.Move(d.ani, key, "In Progress"))
	d.seen(id, 1)
	if a := d.get(id).Incident.Actions[0]; a.Owner.ID != "jira:712020:other" || a.Owner.Name != "Somebody Else" || a.Done() {
		t.Errorf("the follow-up is %+v", a)
	}
	if d.writes() != writes {
		t.Errorf("%d writes to Jira of what came from there", d.writes()-writes)
	}
	var fields []string
	for _, e := range d.said(id, incident.EvTicketMoved) {
		fields = append(fields, e.Data["field"]+": "+e.Data["from"]+" > "+e.Data["to"])
	}
	want := []string{
		"title: fix it > mend it well", "done: open > done", "due: 2026-03-20 > 2026-04-01", "owner: ani@example.com > Budi",
		"owner: Budi > Citra", "done: done > open", "owner: Citra > Somebody Else",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

// TestTicketConflict: where both sides have changed a field, Jira counts.
func TestTicketConflict(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it", Due: "2026-03-20"})
	d.settle(time.Minute)
	key := d.issue(id, 1).Key
	must(t, d.sim.Edit(d.ani, key, func(i *jirasim.Issue) { i.Due = "2026-04-01" }))
	d.act(id, incident.ActionArgs{Op: "due", N: 1, Due: "2026-05-01"})
	d.act(id, incident.ActionArgs{Op: "edit", N: 1, Title: "mend it"}) // changed here only
	d.settle(time.Minute)
	a := d.get(id).Incident.Actions[0]
	if a.Due != "2026-04-01" || d.issue(id, 1).Due != "2026-04-01" || d.issue(id, 1).Summary != "mend it" || a.Title != "mend it" {
		t.Errorf("here %+v, there %+v", a, d.issue(id, 1))
	}
	said := d.said(id, incident.EvTicketMoved)
	if len(said) != 1 || said[0].Data["how"] != "both" || said[0].Data["from"] != "2026-05-01" {
		t.Errorf("timeline %+v", said)
	}
}

// TestTicketRCAOwed: closing the task does not write the RCA.
func TestTicketRCAOwed(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	d.settle(time.Minute)
	writes := d.writes()
	must(t, d.sim.Move(d.ani, d.issue(id, 0).Key, "Done"))
	d.seen(id, 0)
	d.seen(id, 0)
	said := d.said(id, incident.EvTicketMoved)
	if len(said) != 1 || said[0].Data["how"] != "owed" || d.writes() != writes {
		t.Errorf("timeline %+v, %d writes", said, d.writes()-writes)
	}
	d.do(incident.Resolve, id, incident.Args{})
	d.do(incident.Close, id, incident.Args{Waive: "known"})
	d.settle(time.Minute)
	if i := d.issue(id, 0); i.Category != "done" || d.writes() != writes {
		t.Errorf("%s, %d writes", i.Status, d.writes()-writes)
	}
	if inc := d.get(id).Incident; inc.Postmortem.Ticket.Here != inc.Postmortem.Ticket.There {
		t.Errorf("ticket %+v", inc.Postmortem.Ticket)
	}
}

// TestTicketLost: a deleted issue is unlinked, and never made again.
func TestTicketLost(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it"})
	d.settle(time.Minute)
	must(t, d.sim.Delete(d.ani, d.issue(id, 1).Key))
	d.seen(id, 1)
	writes := d.writes()
	d.act(id, incident.ActionArgs{Op: "done", N: 1})
	d.settle(time.Hour)
	if got := d.get(id).Incident.Actions[0].Ticket.State; got != incident.TicketGone || d.writes() != writes {
		t.Errorf("state %s, %d writes", got, d.writes()-writes)
	}
	if said := d.said(id, incident.EvTicket); len(said) != 3 || said[2].Data["action"] != "lost" {
		t.Errorf("timeline %+v", said)
	}
}

func TestTicketMoved(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.declare(incident.HighErrorRate)
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it"})
	d.settle(time.Minute)
	must(t, d.sim.Relocate(d.ani, d.issue(id, 1).Key, "OPS"))
	d.seen(id, 1)
	key := d.issue(id, 1).Key
	inc := d.get(id).Incident
	if ref, _ := inc.HasRef("jira", incident.RoleAction, "1"); ref.ID != key || inc.Actions[0].Ticket.Key != key || !strings.HasPrefix(key, "OPS-") {
		t.Errorf("ref %+v, ticket %+v, want %s", ref, inc.Actions[0].Ticket, key)
	}
	d.act(id, incident.ActionArgs{Op: "done", N: 1})
	d.settle(time.Minute)
	if i := d.issue(id, 1); i.Category != "done" {
		t.Errorf("the moved issue is %s", i.Status)
	}
}

// TestTicketNoWay: what can't be brought in line is said once, and left.
func TestTicketNoWay(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	d.sim.AddProject(jirasim.Project{Key: "LOCK", Workflow: jirasim.Workflow{
		Statuses: []jirasim.Status{{Name: "To Do", Category: "new"}, {Name: "Done", Category: "done"}},
	}})
	d.config.Project = "LOCK"
	d.wire(d.api, d.svc)
	id := d.do(incident.Declare, 0, incident.Args{Title: "Finder is slow", Service: "finder", Level: incident.Other}).ID
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it", Owner: user("nobody@example.com")})
	d.settle(time.Minute)
	d.act(id, incident.ActionArgs{Op: "done", N: 1})
	d.settle(time.Minute)
	writes := d.writes()
	d.seen(id, 1)
	d.do(incident.AddNote, id, incident.Args{Text: "a note"})
	d.settle(time.Hour)
	said := d.said(id, incident.EvTicketMoved)
	if len(said) != 1 || said[0].Data["how"] != "refused" || !strings.Contains(said[0].Text, "workflow") || d.writes() != writes {
		t.Errorf("timeline %+v, %d writes", said, d.writes()-writes)
	}
	if left := d.said(id, incident.EvTicket); len(left) != 2 || left[1].Data["action"] != "left_out" || !strings.Contains(left[1].Text, "nobody@example.com") {
		t.Errorf("timeline %+v", left)
	}
	if len(d.dead) > 0 {
		t.Errorf("dead: %v", d.dead)
	}
}

// TestTicketFields: what a project does not take is left out and said; what it
// wants and does not get is an error that says how to mend it.
func TestTicketFields(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	d.sim.AddProject(jirasim.Project{Key: "THIN", Types: []jirasim.IssueType{{Name: "Task", Fields: []jirasim.Field{
		{ID: "customfield_1", Name: "Environment", Required: true, Type: "string"},
	}}}})
	d.config.Project, d.config.Type, d.config.Fields = "THIN", "Task", map[string]string{"customfield_9": "x"}
	d.wire(d.api, d.svc)
	id := d.do(incident.Declare, 0, incident.Args{Title: "Finder is slow", Service: "finder", Level: incident.Other}).ID
	d.act(id, incident.ActionArgs{Op: "add", Title: "fix it", Owner: user("ani@example.com"), Due: "2026-03-20"})
	d.settle(time.Hour)
	if got := d.state(id, "jira.action/1"); got.State != incident.EffectDead || !strings.Contains(got.Error, "Environment (customfield_1)") || !strings.Contains(got.Error, "jira.fields") {
		t.Fatalf("effect %s %q", got.State, got.Error)
	}
	d.config.Fields["customfield_1"] = "Production"
	d.wire(d.api, d.svc)
	d.do(incident.Retry, id, incident.Args{})
	d.settle(time.Hour)
	if i := d.issue(id, 1); i.Fields["customfield_1"] != "Production" {
		t.Errorf("issue %+v", i)
	}
	left := d.said(id, incident.EvTicket)
	if len(left) != 2 || left[1].Text != "assignee, customfield_9, description, duedate" {
		t.Errorf("timeline %+v", left)
	}
	writes := d.writes()
	d.seen(id, 1)
	if d.writes() != writes || len(d.said(id, incident.EvTicketMoved)) != 0 || d.get(id).Incident.Actions[0].Due != "2026-03-20" {
		t.Errorf("what was left out comes back: %+v", d.get(id).Incident.Actions[0])
	}
}

// TestTicketPrivate: not one word of a private incident goes where others look.
func TestTicketPrivate(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	id := d.do(incident.Declare, 0, incident.Args{Title: "Secret breach", Service: "checkout", Level: incident.HighErrorRate, Private: true}).ID
	d.act(id, incident.ActionArgs{Op: "add", Title: "Secret change of keys"})
	d.settle(time.Hour)
	if got := d.state(id, "jira.action/1"); got.State != incident.EffectSkipped || len(d.sim.Issues()) != 0 || bytes.Contains(d.sim.Dump(), []byte("Secret")) {
		t.Fatalf("effect %s %q, %d issues", got.State, got.Error, len(d.sim.Issues()))
	}
	d.config.PrivateProject = "SEC"
	d.wire(d.api, d.svc)
	d.do(incident.Retry, id, incident.Args{})
	d.settle(time.Hour)
	if rca, task := d.issue(id, 0), d.issue(id, 1); rca.Project != "SEC" || task.Project != "SEC" {
		t.Errorf("projects %s and %s", rca.Project, task.Project)
	}
	// What is where others look gets no more words.
	must(t, d.sim.Relocate(d.ani, d.issue(id, 1).Key, "OPS"))
	d.act(id, incident.ActionArgs{Op: "edit", N: 1, Title: "Hidden change of keys"})
	d.settle(time.Hour)
	if bytes.Contains(d.sim.Dump(), []byte("Hidden")) {
		t.Error("a private incident's words went to a public project")
	}
}

// TestTicketWho gets tickets at all.
func TestTicketWho(t *testing.T) {
	d := newDesk(t, jirasim.Options{})
	other := d.declare(incident.Other)
	d.settle(time.Hour)
	if len(d.sim.Issues()) != 0 {
		t.Errorf("%s owes no RCA, and has a ticket", other)
	}
	// A level that owes none any more before the ticket is made.
	id := d.declare(incident.HighErrorRate)
	d.do(incident.SetLevel, id, incident.Args{Level: incident.Other, Reason: "no customer saw it"})
	d.settle(time.Hour)
	if len(d.sim.Issues()) != 0 || d.get(id).Incident.Postmortem.Ticket.State != incident.TicketNone {
		t.Errorf("tickets %+v", d.sim.Issues())
	}
	d.do(incident.SetLevel, id, incident.Args{Level: incident.ServiceDown, Reason: "they did"})
	d.settle(time.Hour)
	if d.issue(id, 0).Category != "new" {
		t.Error("it owes one again, and has no open ticket")
	}
	d.do(incident.SetLevel, id, incident.Args{Level: incident.Other, Reason: "after all"})
	d.settle(time.Hour)
	if d.issue(id, 0).Category != "done" {
		t.Error("it owes none any more, and its ticket is open")
	}
}

func TestTicketField(t *testing.T) {
	for _, c := range []struct {
		field jira.Field
		in    string
		want  any
	}{
		{jira.Field{Type: "string"}, " Production ", "Production"},
		{jira.Field{Type: "option"}, "High", map[string]string{"value": "High"}},
		{jira.Field{Type: "version"}, "1.2", map[string]string{"name": "1.2"}},
		{jira.Field{Type: "number"}, "0.5", 0.5},
		{jira.Field{Type: "number", ID: "x"}, "half", nil},
		{jira.Field{Type: "number", ID: "x"}, "NaN", nil},
		{jira.Field{Type: "user"}, "712020:ani", map[string]string{"accountId": "712020:ani"}},
		{jira.Field{Type: "array", Items: "string"}, "a, b", []any{"a", "b"}},
		{jira.Field{Type: "array", Items: "component"}, "api", []any{map[string]string{"name": "api"}}},
		{jira.Field{Type: "anything"}, `{"id": "3"}`, map[string]any{"id": "3"}},
		{jira.Field{ID: "x"}, `{"id": `, nil},
	} {
		got, err := effects.TicketField(&c.field, c.in)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want != nil) {
			t.Errorf("TicketField(%s, %q): %v (-want +got):\n%s", c.field.Type, c.in, err, diff)
		}
	}
}

func FuzzTicketField(f *testing.F) {
	for _, s := range []string{"a,b", `{"a":1}`, "[", "1e400", "-0", ""} {
		f.Add("array", "option", s)
		f.Add("number", "", s)
	}
	f.Fuzz(func(t *testing.T, kind, items, value string) {
		v, err := effects.TicketField(&jira.Field{ID: "x", Type: kind, Items: items}, value)
		if (v == nil) != (err != nil) && strings.TrimSpace(value) != "" {
			t.Errorf("%v and %v", v, err)
		}
	})
}
