package cards

import (
	"strings"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// Quote is a message that somebody has written in Teams, and that an incident is
// made of, or that goes onto its timeline. All of it is from outside.
type Quote struct {
	ID     string    // of the message, in its conversation
	Text   string    // plain lines
	Author string    // display name; "" where it is not known
	At     time.Time // zero where it is not known
	Link   string    // opens the message; https, or ""
	Files  []string  // names of what is attached; the files stay where they are
}

// quoteData is what a dialog about a message carries along, so that its submit
// says the same as its opening.
func (q *Quote) data(d Data) Data {
	d.Message, d.Author, d.URL = clip(Plain(q.ID), 200), clip(Plain(q.Author), 80), webAddress(q.Link)
	var names []string
	for _, name := range q.Files {
		if name = clip(Plain(name), 120); name != "" && len(names) < maxFiles {
			names = append(names, name)
		}
	}
	d.Files = strings.Join(names, "\n")
	if !q.At.IsZero() {
		d.At = q.At.UTC().Format(time.RFC3339Nano)
	}
	return d
}

// maxFiles bounds the files of a message that are named.
const maxFiles = 10

// by is the line that says who wrote it, when, and where it is.
func (f *form) by(q *Quote) {
	var parts []string
	if q.Author != "" {
		parts = append(parts, string(outside(q.Author, 80)))
	}
	if !q.At.IsZero() {
		parts = append(parts, string(when(q.At)))
	}
	if a := anchor(f.p("message.open"), q.Link); a != "" {
		parts = append(parts, string(a))
	}
	if len(parts) > 0 {
		f.add(subtle(md(strings.Join(parts, " · "))))
	}
	if len(q.Files) > 0 {
		f.add(subtle(f.t("message.files", "names", clip(strings.Join(q.Files, ", "), 300))))
	}
}

// maxQuote bounds the text of a message in a description, in runes: who wrote it,
// when and where needs room, too.
const maxQuote = 2400

// maxText bounds the text that goes onto a timeline, in runes.
const maxText = 3000

// DeclareFrom is the dialog that makes an incident of a message: its first line
// is the title, and its text the description, until the person changes them.
func DeclareFrom(q Quote, values, errs map[string]string, services []Choice, o Options) Card {
	o.InDialog = true
	if values == nil {
		first, _, _ := strings.Cut(q.Text, "\n")
		values = map[string]string{"title": clip(incident.Line(first), incident.MaxTitle), "description": q.Text}
	}
	f := o.form(values, errs)
	f.add(heading(f.t("form.declare.title")))
	f.declareInputs(values, services)
	f.input("description", f.text("description", f.p("message.text"), true, maxQuote))
	f.by(&q)
	send := f.send("form.declare.send", commands.FormDeclare, nil)
	send.data = q.data(send.data)
	return f.finish(f.p("form.declare.title"), send)
}

// TimelineForm is the dialog that asks onto which incident's timeline a message
// goes: "incident_pick" is one of recent, "incident_other" is typed.
func TimelineForm(q Quote, values, errs map[string]string, recent []Choice, o Options) Card {
	o.InDialog = true
	f := o.form(values, errs)
	f.add(heading(f.t("form.timeline.title")))
	if s := Plain(clip(q.Text, 600)); s != "" {
		f.add(rich(run(s)))
	}
	f.by(&q)
	if choices := fit(recent); len(choices) > 0 {
		e := inputChoice{Type: "Input.ChoiceSet", ID: "incident_pick", Label: f.p("form.link.parent"), Style: "filtered", Choices: choices, Placeholder: f.p("form.declare.service_hint")}
		for _, c := range choices {
			if c.Value == values["incident_pick"] {
				e.Value = c.Value
			}
		}
		f.input("incident_pick", e)
	}
	other := f.text("incident_other", f.p("form.link.other"), false, 40)
	other.Placeholder = f.p("form.link.hint")
	f.input("incident_other", other)
	send := f.send("form.timeline.send", FormTimeline, nil)
	send.data = q.data(send.data)
	send.data.Quote = plainLines(clip(q.Text, maxText))
	return f.finish(f.p("form.timeline.title"), send)
}

// Found is one result of a search: what there is to know of an incident at a
// glance, with a button that shows the rest as it is then. It stays in the chat
// as it was sent, so it says as of when it is.
func Found(v *query.View, now time.Time, o Options) Card {
	m := o.maker()
	if m.hidden(v.Incident) {
		return Redacted(v.Incident.ID, o)
	}
	body := []element{m.header(v)}
	body = append(body, facts(m.brief(v)), subtle(m.t("found.as_of", "when", when(now))))
	acts := []action{m.press(button{title: m.p("card.show"), primary: true}, v.Incident.ID, VerbShow)}
	if v.Page != "" {
		if u := webAddress(v.Page); u != "" {
			acts = append(acts, openURL{Type: "Action.OpenUrl", Title: m.p("card.page"), URL: u})
		}
	}
	return m.card(Summary(v, o.Lang), append(body, set(acts...))...)
}

// brief are the facts that hardly change.
func (m *maker) brief(v *query.View) []fact {
	inc := v.Incident
	out := []fact{
		{Title: string(m.t("fact.service")), Value: string(m.service(v))},
		{Title: string(m.t("fact.level")), Value: string(outside(m.say.Level(v.Level), 60))},
		{Title: string(m.t("fact.began")), Value: string(when(inc.OpenedAt))},
	}
	if s := outside(v.SquadName(), 80); s != "" {
		out = append(out, fact{Title: string(m.t("fact.squad")), Value: string(s)})
	}
	return out
}

// unfurlVersion is the newest that link unfurling shows.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/how-to/link-unfurling
const unfurlVersion = "1.3"

// Unfurl is what a link to an incident becomes: only what stays true, for Teams
// keeps it for half an hour and the chat for ever, and whoever reads the chat
// sees it. It must not be made of a private incident; if it is, it says nothing.
func Unfurl(v *query.View, o Options) Card {
	m := o.maker()
	if v.Incident.Private {
		return Redacted(v.Incident.ID, o)
	}
	id := bold(md(v.Incident.ID.String()))
	title := run(clip(Plain(v.Incident.Title), incident.MaxTitle))
	title.Size, title.Weight = "large", "bolder"
	body := []element{id, rich(title), facts(m.brief(v))}
	if u := webAddress(v.URL); u != "" && v.Page != "" {
		body = append(body, set(openURL{Type: "Action.OpenUrl", Title: m.p("card.page"), URL: u}))
	}
	c := m.card(v.Incident.ID.String()+" "+clip(Plain(v.Incident.Title), 200), body...)
	c.Version = unfurlVersion
	return c
}

// Preview is a thumbnail card: what a search or a link shows of a result before
// it is sent. It is plain text.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference#thumbnail-card
type Preview struct {
	Title string `json:"title"`
	Text  string `json:"text,omitempty"`
}

// FoundPreview is the preview of Found: with its state, for it is not kept.
func FoundPreview(v *query.View, o Options) Preview {
	m := o.maker()
	p := m.preview(v)
	p.Text = m.p("card.state."+string(v.Incident.Status)) + " · " + p.Text
	return p
}

// UnfurlPreview is the preview of Unfurl.
func UnfurlPreview(v *query.View, o Options) Preview {
	m := o.maker()
	return m.preview(v)
}

func (m *maker) preview(v *query.View) Preview {
	inc := v.Incident
	if inc.Private && (m.Place != Personal || m.hidden(inc)) {
		return Preview{Title: m.p("say.private", "id", inc.ID.String()), Text: "🔒"}
	}
	parts := []string{clip(Plain(m.say.Level(v.Level)), 60)}
	if s := clip(Plain(v.ServiceName()), 80); s != "" {
		parts = append(parts, s)
	}
	parts = append(parts, inc.OpenedAt.In(m.location()).Format("2006-01-02 15:04 MST"))
	return Preview{Title: inc.ID.String() + " " + clip(Plain(inc.Title), 120), Text: strings.Join(parts, " · ")}
}

// Declared says in a dialog what it has led to, where the incident's own card is
// in the conversation already.
func Declared(v *query.View, o Options) Card {
	m := o.maker()
	title := run(clip(Plain(v.Incident.Title), incident.MaxTitle))
	title.Size, title.Weight = "large", "bolder"
	return m.card(Summary(v, o.Lang), heading(m.t("declared.title", "id", v.Incident.ID.String())), rich(title), facts(m.brief(v)), subtle(m.t("declared.here")))
}
