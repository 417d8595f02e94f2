package effects_test

import (
	"net/http"
	"slices"
	"time"

	"pgregory.net/rapid"

	"imbot/incident"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail/mailsim"
)

// ours lists the issues of all tickets, with their markers.
func (p *papers) ours() (issues []jirasim.Issue, markers []string) {
	for _, i := range p.sim.Issues() {
		for _, l := range i.Labels {
			if _, _, ok := incident.ParseTicketMarker("imbot", l); ok {
				issues, markers = append(issues, i), append(markers, l)
			}
		}
	}
	return issues, markers
}

// inJira is what people do to issues.
func (p *papers) inJira(r *rapid.T) {
	issues, markers := p.ours()
	if len(issues) == 0 {
		r.Skip("there is no issue")
	}
	n := rapid.IntRange(0, len(issues)-1).Draw(r, "issue")
	by, key, marker := p.ani, issues[n].Key, markers[n]
	id, _, _ := incident.ParseTicketMarker("imbot", marker)
	p.advance(time.Second)
	var err error
	switch draw(r, "what", "move", "move", "assign", "due", "title", "relocate", "delete", "unlabel") {
	case "move":
		p.people[marker] = true
		err = p.sim.Move(by, key, draw(r, "status", "To Do", "In Progress", "Done"))
	case "assign":
		err = p.sim.Assign(by, key, draw(r, "assignee", "", p.ani, p.budi, p.citra, p.other))
	case "due":
		due := draw(r, "due", "", "2026-05-01")
		err = p.sim.Edit(by, key, func(i *jirasim.Issue) { i.Due = due })
	case "title":
		title := p.words[id] + draw(r, "title", " again", " more")
		err = p.sim.Edit(by, key, func(i *jirasim.Issue) { i.Summary = title })
	case "relocate":
		err = p.sim.Relocate(by, key, draw(r, "project", "OPS", "PAY", "SEC"))
	case "unlabel":
		p.unlabelled[marker] = true
		err = p.sim.Edit(by, key, func(i *jirasim.Issue) { i.Labels = nil })
	case "delete":
		p.deleted[marker] = true
		err = p.sim.Delete(by, key)
	}
	must(p.t, err)
}

// inConfluence is what people do to pages.
func (p *papers) inConfluence(r *rapid.T) {
	pages := slices.DeleteFunc(p.wiki.Pages(), func(q confluencesim.Page) bool { return q.Author != confluencesim.Bot })
	what := draw(r, "what", "edit", "rename", "delete", "archive", "take a title")
	if what == "take a title" {
		if len(p.ids) == 0 {
			r.Skip("there is no incident")
		}
		title := p.document(draw(r, "incident", p.ids...)).Title
		if !slices.ContainsFunc(p.wiki.Pages(), func(q confluencesim.Page) bool { return q.Title == title }) {
			p.wiki.AddPage("OPS", title, "<p>mine</p>")
		}
		return
	}
	if len(pages) == 0 {
		r.Skip("there is no page")
	}
	id := pages[rapid.IntRange(0, len(pages)-1).Draw(r, "page")].ID
	switch what {
	case "edit":
		p.wiki.Edit(id, func(q *confluencesim.Page) { q.Body += "<p>somebody's words</p>" })
	case "rename":
		p.wiki.Edit(id, func(q *confluencesim.Page) { q.Title += " (ours)" })
	case "archive":
		p.wiki.Set(id, func(q *confluencesim.Page) { q.Status = "archived" })
	case "delete":
		p.trashed = true
		p.wiki.Set(id, func(q *confluencesim.Page) { q.Status = "trashed" })
	}
}

// fault makes a vendor fail, a few times or until it is mended.
func (p *papers) fault(r *rapid.T) {
	times := rapid.IntRange(0, 3).Draw(r, "times")
	kind := draw(r, "fault", "500", "429", "403", "lost", "never")
	vendor := draw(r, "vendor", "jira", "wiki", "mail", "hook")
	p.faults++
	f := jirasim.Fault{Times: times}
	switch kind {
	case "500":
		f.Status = http.StatusInternalServerError
	case "429":
		f.Status, f.RetryAfter = http.StatusTooManyRequests, 30*time.Second
	case "403":
		f.Status = http.StatusForbidden
	case "lost":
		f.After, f.Drop, f.Method = true, true, draw(r, "method", "POST", "PUT", "")
	case "never":
		f.Drop = true
	}
	switch vendor {
	case "jira":
		p.sim.Inject(f)
	case "wiki":
		p.wiki.Inject(f)
	case "mail":
		p.post.Inject(map[string]mailsim.Fault{
			"500": {At: mailsim.AtRcpt, Code: 451, Times: times}, "429": {At: mailsim.AtMail, Code: 451, Times: times}, "403": {At: mailsim.AtMail, Code: 550, Times: times},
			"lost": {At: mailsim.AtStored, Drop: true, Times: times}, "never": {At: mailsim.AtConnect, Drop: true, Times: times},
		}[kind])
	case "hook":
		p.gaveUp = p.gaveUp || kind == "403"
		status := map[string]int{"500": 500, "429": 429, "403": 403, "lost": 0, "never": 502}[kind]
		p.ear.mu.Lock()
		p.ear.script = append(p.ear.script, slices.Repeat([]int{status}, 1+times)...)
		p.ear.mu.Unlock()
	}
}

// mend ends all faults.
func (p *papers) mend(*rapid.T) {
	p.sim.ClearFaults()
	p.wiki.ClearFaults()
	p.post.ClearFaults()
	p.noMailbox()
	p.ear.mu.Lock()
	p.ear.script = nil
	p.ear.mu.Unlock()
}

func (p *papers) mischief(r *rapid.T) {
	p.sim.SetMischief(draw(r, "mischief", jirasim.Mischief{}, jirasim.Mischief{Lose: 1}, jirasim.Mischief{Lose: 0.3, Duplicate: 0.5, Reorder: 0.5}))
}

// meanwhile has somebody do something while a call of a vendor is under way.
func (p *papers) meanwhile(r *rapid.T) {
	id := p.some(r)
	cmd := incident.Command{Incident: id, Verb: draw(r, "verb", incident.SetLevel, incident.Resolve, incident.Close, incident.SetLink, incident.Unlink, incident.DoAction, incident.AddNote)}
	cmd.Args = incident.Args{Text: p.words[id] + " meanwhile", Reason: "x", Waive: "known", LinkKind: incident.LinkDuplicate, Parent: draw(r, "parent", p.ids...)}
	cmd.Args.Level = draw(r, "level", "security", incident.Other, incident.ServiceDown)
	cmd.Args.Action = &incident.ActionArgs{Op: draw(r, "op", "done", "reopen", "edit"), N: 1, Title: p.words[id] + " meanwhile"}
	f := jirasim.Fault{Times: 1, Skip: rapid.IntRange(0, 3).Draw(r, "skip"), Meanwhile: func() {
		if inc := p.by("ani@example.com", cmd); inc != nil && inc.Private {
			p.turned[id] = true
		}
	}}
	if rapid.Bool().Draw(r, "in Jira") {
		p.sim.Inject(f)
	} else {
		p.wiki.Inject(f)
	}
}
