package effects_test

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/confluence/confluencesim"
	"imbot/integrations/jira/jirasim"
	"imbot/integrations/mail"
	"imbot/postmortem"
	"imbot/query"
)

// rest mends all that is broken, has people try again what failed for good, and
// lets everything arrive that ever will.
func (p *papers) rest() {
	p.mend(nil)
	for _, q := range p.wiki.Pages() {
		if q.Status == "archived" {
			p.wiki.Set(q.ID, func(q *confluencesim.Page) { q.Status = "current" })
		}
	}
	p.forget = 0
	p.sim.SetMischief(jirasim.Mischief{})
	for range 2 {
		for _, id := range p.ids {
			if p.trashed || p.loaded { // pages follow with the next change
				p.by("ani@example.com", incident.Command{Verb: incident.AddNote, Incident: id, Args: incident.Args{Text: "so much"}})
			}
			p.by("ani@example.com", incident.Command{Verb: incident.Retry, Incident: id})
		}
		p.pass(time.Hour)
		p.compare()
		p.pass(time.Hour)
	}
}

func (p *papers) check() {
	for _, id := range p.ids {
		inc := p.inc(id)
		p.checkEffects(id)
		p.checkStatus(inc)
		for n, t := range inc.Tickets() {
			p.checkTicket(inc, n, t)
		}
		p.checkOwed(inc)
		p.checkPage(inc)
		p.checkMails(inc)
		p.checkHooks(inc)
	}
	p.checkIssues()
	p.checkLetters()
}

// later are effects that wait for a time.
var later = []string{incident.KindNudge, incident.KindRelink, incident.KindUnpause}

// fine are reasons for which an effect may be skipped for good.
var fine = []string{incident.NotNeeded, "teams off", "pagerduty off: no api_token", "the incident is private", "it is private"}

func (p *papers) checkEffects(id incident.ID) {
	must(p.t, p.store.View(p.t.Context(), func(tx incident.Tx) error {
		all, err := tx.Effects(id)
		for _, e := range all {
			switch {
			case e.State == incident.EffectDone:
			case e.State == incident.EffectWaiting && slices.Contains(later, e.Kind) && e.NextAt.After(p.Now()):
			case e.State == incident.EffectSkipped && slices.ContainsFunc(fine, func(why string) bool { return strings.HasPrefix(e.Error, why) }):
			case e.State == incident.EffectDead && (strings.Contains(e.Error, "gone@example.com") || strings.Contains(e.Error, "does not want mail")):
			default:
				p.t.Errorf("%s is %s: %s", e.Key, e.State, e.Error)
			}
		}
		return err
	}))
}

// checkStatus: closed is what is over and owes no RCA.
func (p *papers) checkStatus(inc *incident.Incident) {
	level, _ := p.cat.Levels().Get(inc.Level)
	over, duplicate := !inc.Active(), inc.Link != nil && inc.Link.Kind == incident.LinkDuplicate
	owed := level.Postmortem && !duplicate
	want := incident.Open
	switch state := inc.Postmortem.State; {
	case over && owed && state != incident.PostmortemComplete && state != incident.PostmortemWaived:
		want = incident.Resolved
	case over:
		want = incident.Closed
	}
	if inc.Status != want || inc.Postmortem.Required != owed {
		p.t.Errorf("%s is %s, want %s: %+v", inc.ID, inc.Status, want, inc.Postmortem)
	}
}

func (p *papers) view0(id incident.ID) *query.View {
	v, err := p.view.Whole(p.t.Context(), query.Self, id)
	must(p.t, err)
	return v
}

// checkOwed: what is to have a ticket was asked for, and what is not has none
// that is open.
func (p *papers) checkOwed(inc *incident.Incident) {
	if p.loaded {
		return // squads that were not live have none
	}
	v := p.view0(inc.ID)
	t := inc.Postmortem.Ticket
	asked := !inc.Private || p.config.PrivateProject != ""
	if inc.TicketWanted(v.Level) && asked && (t == nil || t.State != incident.TicketMade && t.State != incident.TicketGone) {
		p.t.Errorf("%s owes an RCA, and has the ticket %+v", inc.ID, t)
	}
	for _, a := range inc.Actions {
		if asked && (a.Ticket == nil || a.Ticket.State != incident.TicketMade && a.Ticket.State != incident.TicketGone) {
			p.t.Errorf("%s: the action %d has the ticket %+v", inc.ID, a.N, a.Ticket)
		}
	}
}

// checkTicket: both sides say the same.
func (p *papers) checkTicket(inc *incident.Incident, n int, t *incident.Ticket) {
	marker := incident.TicketMarker("imbot", inc.ID, n)
	issues, markers := p.ours()
	var here []jirasim.Issue
	for i := range issues {
		if markers[i] == marker {
			here = append(here, issues[i])
		}
	}
	switch {
	case p.deleted[marker]:
		if len(here) != 0 || t.State != incident.TicketGone && !inc.Private {
			p.t.Errorf("%s was deleted: %d issues, ticket %+v", marker, len(here), t)
		}
		return
	case t.State != incident.TicketMade:
		if len(here) != 0 {
			p.t.Errorf("%s is %+v, and there is %s", marker, t, here[0].Key)
		}
		return
	case p.unlabelled[marker]:
		here = slices.DeleteFunc(p.sim.Issues(), func(i jirasim.Issue) bool { return i.ID != t.ID })
		fallthrough
	case len(here) != 1:
		if len(here) == 1 {
			break
		}
		p.t.Errorf("%s: %d issues", marker, len(here))
		return
	}
	i, f := here[0], inc.TicketFields(n)
	if inc.Private && (p.config.PrivateProject == "" || !strings.HasPrefix(i.Key, p.config.PrivateProject+"-")) {
		return // where others look: nothing more is told
	}
	done := f.Done == incident.TicketDone
	if done != (i.Category == "done") && (n > 0 || !p.people[marker]) || t.Key != i.Key {
		p.t.Errorf("%s is %s here, and %s there (%s, %s)", marker, f.Done, i.Status, t.Key, i.Key)
	}
	if n == 0 {
		return
	}
	accounts := map[string]string{"": "", "ani@example.com": p.ani, "budi@example.com": p.budi, "citra@example.com": p.citra, "jira:" + p.other: p.other}
	account, known := accounts[f.Owner]
	if f.Title != i.Summary || f.Due != i.Due || known && account != i.Assignee {
		p.t.Errorf("%s is %+v here, and %q, %s, %s there", marker, f, i.Summary, i.Due, i.Assignee)
	}
}

// checkIssues: no issue is there that no ticket knows.
func (p *papers) checkIssues() {
	issues, markers := p.ours()
	for i, issue := range issues {
		id, n, _ := incident.ParseTicketMarker("imbot", markers[i])
		if t := p.inc(id).Ticket(n); t == nil || t.ID != issue.ID {
			p.t.Errorf("%s: %s is known as %+v", markers[i], issue.Key, t)
		}
	}
}

// document is what the page of an incident should say now.
func (p *papers) document(id incident.ID) postmortem.Doc {
	v, err := p.view.Whole(p.t.Context(), query.Self, id)
	must(p.t, err)
	return postmortem.Document(v, postmortem.Options{Kept: true})
}

// macroID is what Confluence adds to macros.
var macroID = regexp.MustCompile(` ac:macro-id="[^"]*"`)

// alike is what a page says of earlier incidents: what was known when it was
// written.
var alike = regexp.MustCompile(`<h2>Similar incidents</h2>.*?<h2>`)

func (p *papers) checkPage(inc *incident.Incident) {
	var pages []confluencesim.Page
	for _, q := range p.wiki.Pages() {
		if q.Author == confluencesim.Bot && strings.Contains(q.Body, "imbot-"+inc.ID.String()+".") {
			pages = append(pages, q)
		}
	}
	level, _ := p.cat.Levels().Get(inc.Level)
	if inc.Private {
		return
	}
	if !inc.PageWanted(level) {
		if len(pages) > 0 {
			p.t.Errorf("%s needs no page, and there is %q", inc.ID, pages[0].Title)
		}
		return
	}
	if len(pages) != 1 {
		p.t.Errorf("%s has %d pages", inc.ID, len(pages))
		return
	}
	v, err := p.view.Whole(p.t.Context(), query.Everybody, inc.ID)
	must(p.t, err)
	doc := postmortem.Document(v, postmortem.Options{Kept: true})
	body, is := alike.ReplaceAllString(effects.Storage(&doc), "<h2>"), alike.ReplaceAllString(macroID.ReplaceAllString(pages[0].Body, ""), "<h2>")
	if !strings.HasPrefix(is, body) || !strings.HasPrefix(pages[0].Title, doc.Title) {
		p.t.Errorf("%s: the page %q differs from %q:\n%s", inc.ID, pages[0].Title, doc.Title, cmp.Diff(strings.Split(is, "><"), strings.Split(body, "><")))
	}
}

// about is what a mail about an incident is about, by its Message-ID; "" where it
// is about another.
func (l letter) about(id incident.ID) string {
	rest, ok := strings.CutPrefix(l.id, id.String()+".")
	if !ok {
		return ""
	}
	kind, _, _ := strings.Cut(rest, ".")
	return kind
}

// checkMails: the last mail that somebody got is still true, and who is to know
// of what is going on does.
func (p *papers) checkMails(inc *incident.Incident) {
	level, _ := p.cat.Levels().Get(inc.Level)
	if inc.Private || inc.Link != nil || inc.Hidden(level) || p.loaded {
		return
	}
	last, ids := map[string]string{}, map[string]bool{}
	for _, l := range p.letters {
		if kind := l.about(inc.ID); kind == "declare" || kind == "raise" || kind == "close" {
			if last[l.to] == kind && kind != "raise" && !ids[l.id] {
				p.t.Errorf("%s: %s was told twice in a row of its %s: %s", inc.ID, l.to, kind, l.id)
			}
			last[l.to], ids[l.id] = kind, true
		}
	}
	for to, kind := range last {
		if p.muted[to] {
			continue
		}
		if (inc.Status == incident.Closed) && kind != "close" {
			p.t.Errorf("%s is closed, and the last that %s heard is %s", inc.ID, to, kind)
		}
		if inc.Status == incident.Open && kind == "close" {
			p.t.Errorf("%s is open, and the last that %s heard is that it was closed", inc.ID, to)
		}
	}
	if inc.Status != incident.Open {
		return
	}
	for _, to := range p.concerned(inc) {
		if last[to] == "" && !p.muted[to] && to != "gone@example.com" {
			p.t.Errorf("%s is open, and nobody has told %s", inc.ID, to)
		}
	}
}

// expectReminders notes who has to be reminded now, if nothing is in the way.
func (p *papers) expectReminders() {
	for _, id := range p.ids {
		inc := p.inc(id)
		level, _ := p.cat.Levels().Get(inc.Level)
		late := p.Now().Sub(inc.ResolvedAt)
		if inc.Status != incident.Resolved || late < 5*24*time.Hour || inc.Hidden(level) || inc.Private || inc.Shadow || inc.Reminders.Off || p.cat.Route(inc.Squad).Mode != incident.ModeLive || inc.NoticeGap == incident.GapMuted {
			continue
		}
		who := []string{p.cat.Service(inc.Service, "").Owner}
		if who[0] == "" || late >= 10*24*time.Hour {
			who = append(who, p.cat.Squad(inc.Squad).Lead)
		}
		for _, w := range who {
			if w != "" && w != "gone@example.com" && p.rules.Working(p.t.Context(), w, p.Now()) {
				p.wanted[w+" "+p.rules.Date(p.t.Context(), w, p.Now())] = true
			}
		}
	}
}

// concerned are those whom the notice table tells of incidents by mail.
func (p *papers) concerned(inc *incident.Incident) []string {
	service := p.cat.Service(inc.Service, "")
	squad := p.cat.Squad(inc.Squad)
	var out []string
	for _, group := range p.cat.Notice(inc.Squad, inc.Level).Mail {
		switch group {
		case "owner":
			out = append(out, service.Owner)
		case "stakeholders":
			out = append(out, service.Stakeholders...)
		case "squad":
			if squad.Mail != "" {
				out = append(out, squad.Mail)
			} else {
				out = append(append(out, squad.Lead), squad.Members...)
			}
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// checkHooks: an incident is told of from its beginning on, in order, each thing
// once, and the last that was told is so.
func (p *papers) checkHooks(inc *incident.Incident) {
	p.ear.mu.Lock()
	defer p.ear.mu.Unlock()
	level, _ := p.cat.Levels().Get(inc.Level)
	var last *told
	for i := range p.ear.all {
		d := &p.ear.all[i]
		if !d.taken || !strings.HasPrefix(d.ID, inc.ID.String()+"/hook/all/") {
			continue
		}
		switch {
		case last == nil && d.Type == "incident.changed" && !p.gaveUp:
			p.t.Errorf("the first webhook of %s is %s %s", inc.ID, d.Type, d.Event.Kind)
		case last != nil && d.Event.N < last.Event.N && !p.gaveUp:
			p.t.Errorf("%s comes after %s", d.ID, last.ID)
		}
		last = d
	}
	switch shown := !inc.Private && !inc.Hidden(level); {
	case shown && last == nil:
		p.t.Errorf("%s was never told of", inc.ID)
	case shown && (last.Incident.Status != string(inc.Status) || last.Incident.Title != inc.Title || last.Incident.Level != inc.Level):
		p.t.Errorf("%s was last told of as %+v, and is %s %s %q", inc.ID, last, inc.Status, inc.Level, inc.Title)
	}
}

// checkLetters: all mails together keep within what may be sent; each has one id;
// reminders of RCAs come once a day, while their reader works.
func (p *papers) checkLetters() {
	days := map[string]string{}
	for i, l := range p.letters {
		if !strings.HasPrefix(l.id, "rca.") {
			continue
		}
		at := l.at.In(zoneOf(p.t.Context(), l.to))
		if !p.rules.Working(p.t.Context(), l.to, l.at) {
			p.t.Errorf("%s is reminded at %s", l.to, at)
		}
		day := l.to + at.Format(time.DateOnly)
		if days[day] != "" && days[day] != l.id {
			p.t.Errorf("%s is reminded twice on %s", l.to, at.Format(time.DateOnly))
		}
		days[day] = p.letters[i].id
	}
	for who := range p.wanted {
		address, _, _ := strings.Cut(who, " ")
		if _, day, _ := strings.Cut(who, " "); days[address+day] == "" && p.faults == 0 && !p.muted[address] {
			p.t.Errorf("%s was not reminded on %s", address, day)
		}
	}
	mails := p.post.Mails()
	for i := range mails {
		n := 0
		for _, m := range mails[i:] {
			if m.At.Sub(mails[i].At) < time.Minute {
				n++
			}
		}
		if n > mail.DefaultPerMinute && p.starts == 1 {
			p.t.Errorf("%d mails in a minute", n)
		}
	}
	if p.faults > 0 || p.starts > 1 {
		return
	}
	for id, n := range p.post.ByMessageID() {
		if n > 1 {
			p.t.Errorf("%d mails %s", n, id)
		}
	}
}
