package cards

import (
	"strings"

	"imbot/incident"
	"imbot/locale"
	"imbot/query"
)

// TicketText is what the task for a follow-up says in the tracker, or for n == 0
// the task to write the RCA: its title, one line, and its description. Both are
// plain text; how the tracker marks text up is the caller's business.
func TicketText(v *query.View, n int, lang string) (title, text string) {
	p := locale.For(lang)
	inc := v.Incident
	id := inc.ID.String()
	key := "ticket.rca"
	title = p.Text("ticket.rca.title", "id", id, "title", incident.Line(inc.Title))
	for _, a := range inc.Actions {
		if a.N == n {
			key, title = "ticket.action", a.Title
		}
	}
	lines := []string{p.Text(key, "id", id, "title", incident.Line(inc.Title)), ""}
	if s := v.ServiceName(); s != "" {
		lines = append(lines, p.Text("ticket.service", "service", incident.Line(s)))
	}
	lines = append(lines, p.Text("ticket.level", "level", p.Level(v.Level)))
	lines = append(lines, p.Text("ticket.opened", "at", inc.OpenedAt.UTC().Format("2006-01-02 15:04")+" UTC"))
	if v.URL != "" {
		lines = append(lines, "", v.URL)
	}
	return clip(title, incident.MaxTitle), strings.Join(lines, "\n")
}

// ticketLink leads to a ticket; "" where there is none.
func ticketLink(t *incident.Ticket) md {
	if !t.Made() {
		return ""
	}
	return anchor(t.Key, t.URL)
}

// ticketWord translates what a ticket's entry on the timeline says a field was
// or is.
func ticketWord(p locale.Printer, v string, e *incident.Event) string {
	switch {
	case e.Data["field"] == incident.FieldDone:
		return p.Or("ticket.status."+v, v)
	case v == "":
		return p.Text("ticket.nothing")
	}
	return v
}

// ticketVariants are the more fitting texts for such an entry.
func ticketVariants(e *incident.Event) []string {
	switch e.Kind {
	case incident.EvTicket:
		return []string{e.Data["action"]}
	case incident.EvTicketMoved:
		return []string{e.Data["how"]}
	}
	return nil
}
