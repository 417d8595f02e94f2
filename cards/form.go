package cards

import (
	"time"
	"unicode/utf16"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
)

// maxError bounds the text of an error, in runes.
const maxError = 200

// form is what the forms have in common.
type form struct {
	maker
	values map[string]string // typed before, or from the draft
	errs   map[string]string // by field; "" is about the whole form
	shown  map[string]bool   // fields whose error stands beside them
	body   []element
	secret incident.ID // this place must not tell of it
	clocks bool        // it has inputs for times
}

func (o Options) form(values, errs map[string]string) *form {
	return &form{maker: o.maker(), values: values, errs: errs, shown: map[string]bool{}}
}

func (f *form) add(e ...element) { f.body = append(f.body, e...) }

// about says which incident the form is for.
func (f *form) about(v *query.View, title md) {
	f.add(heading(title), rich(run(clip(Plain(v.Incident.Title), incident.MaxTitle))))
	if f.hidden(v.Incident) {
		f.secret = v.Incident.ID
	}
}

// input adds an input and, below it, what is wrong with its value.
func (f *form) input(id string, e element) {
	f.add(e)
	f.shown[id] = true
	if s := f.errs[id]; s != "" {
		t := text("⚠️ " + outside(s, maxError))
		t.Color, t.Spacing = "attention", "small"
		f.add(t)
	}
}

func (f *form) text(id, label string, multiline bool, limit int) inputText {
	e := inputText{
		Type: "Input.Text", ID: id, Label: label, IsMultiline: multiline, MaxLength: limit,
		ErrorMessage: f.p("form.too_long", "limit", limit),
	}
	if s := f.values[id]; multiline {
		e.Value = plainLines(clip(s, limit))
	} else {
		e.Value = clip(incident.Line(visible(s)), limit)
	}
	return e
}

// clock is an input for a time, as in timeLayout, in Options.Location.
func (f *form) clock(id, label, placeholder string) inputText {
	e := f.text(id, label, false, 40)
	e.Placeholder, f.clocks = placeholder, true
	return e
}

func required(e inputText, message string) inputText {
	e.IsRequired, e.ErrorMessage = true, message
	return e
}

// finish adds the errors that no field shows, and the buttons.
func (f *form) finish(fallback string, buttons ...button) Card {
	if f.secret != 0 {
		return Redacted(f.secret, f.Options)
	}
	var lost []element
	for _, id := range sorted(f.errs) {
		if f.shown[id] || f.errs[id] == "" {
			continue
		}
		s := outside(f.errs[id], maxError)
		if id != "" {
			s = outside(f.say.Field(id), 60) + ": " + s
		}
		t := bold("⚠️ " + s)
		t.Color = "attention"
		if lost = append(lost, t); len(lost) == 4 {
			break
		}
	}
	body := append(append([]element{}, f.body[:1]...), lost...)
	body = append(body, f.body[1:]...)
	var acts []action
	for _, b := range buttons {
		b.data.Verb = VerbSubmit
		if f.clocks {
			b.data.Zone = f.location().String()
		}
		if f.InDialog {
			acts = append(acts, b.submit())
		} else {
			acts = append(acts, b.execute())
		}
	}
	return f.card(fallback, append(body, set(acts...))...)
}

func (f *form) send(key, form string, v *query.View) button {
	d := Data{Form: form, Op: commands.OpSave}
	if v != nil {
		d.Incident = v.Incident.ID.String()
	}
	return button{title: f.p(key), primary: true, data: d}
}

// maxChoices bounds the catalog's services in the declare form by what they
// take of the message; a service beyond it is typed.
const maxChoices = 24 * 1024

// DeclareForm asks only what is wrong, and where: the rest can follow. values
// and errs are by field ("title", "service", "service_other") and may be nil.
func DeclareForm(values, errs map[string]string, services []Choice, o Options) Card {
	f := o.form(values, errs)
	f.add(heading(f.t("form.declare.title")))
	f.declareInputs(values, services)
	return f.finish(f.p("form.declare.title"), f.send("form.declare.send", commands.FormDeclare, nil))
}

// declareInputs ask what is wrong, and where.
func (f *form) declareInputs(values map[string]string, services []Choice) {
	title := required(f.text("title", f.p("field.title"), false, incident.MaxTitle), f.p("form.declare.need_title"))
	title.Placeholder = f.p("form.declare.title_hint")
	f.input("title", title)
	if choices := fit(services); len(choices) > 0 {
		e := inputChoice{
			Type: "Input.ChoiceSet", ID: "service", Label: f.p("field.service"), Style: "filtered", Choices: choices,
			Placeholder: f.p("form.declare.service_hint"),
		}
		for _, c := range choices {
			if c.Value == values["service"] {
				e.Value = c.Value
			}
		}
		f.input("service", e)
		other := f.text("service_other", f.p("field.service_other"), false, 120)
		if e.Value == "" && other.Value == "" {
			other.Value = clip(incident.Line(visible(values["service"])), 120)
		}
		f.input("service_other", other)
	} else {
		f.input("service", f.text("service", f.p("field.service"), false, 120))
	}
}

// fit cleans the choices and keeps as many as there is room for.
func fit(in []Choice) []Choice {
	var out []Choice
	size := 0
	for _, c := range in {
		c.Title = clip(Plain(c.Title), 80)
		if c.Title == "" || c.Value == "" || len(c.Value) > 200 {
			continue
		}
		for _, r := range c.Title + c.Value {
			size += utf16.RuneLen(r)
		}
		if size += 26; size > maxChoices/2 {
			break
		}
		out = append(out, c)
	}
	return out
}

// ActionForm asks for a follow-up: "title", "owner" (a mail or @name) and "due".
func ActionForm(v *query.View, values, errs map[string]string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.action.title", "id", id))
	title := required(f.text("title", f.p("form.action.what"), false, incident.MaxTitle), f.p("form.action.need_what"))
	f.input("title", title)
	owner := f.text("owner", f.p("field.owner"), false, 120)
	owner.Placeholder = f.p("form.action.owner_hint")
	f.input("owner", owner)
	due := inputDate{Type: "Input.Date", ID: "due", Label: f.p("field.due"), ErrorMessage: f.p("form.action.bad_due")}
	if _, err := time.Parse(time.DateOnly, values["due"]); err == nil {
		due.Value = values["due"]
	}
	f.input("due", due)
	return f.finish(f.p("form.action.title", "id", id), f.send("card.action", commands.FormAction, v))
}

// NoteForm asks for a note: "text".
func NoteForm(v *query.View, values, errs map[string]string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.note.title", "id", id))
	f.input("text", required(f.text("text", f.p("card.note"), true, incident.MaxText), f.p("form.note.need_text")))
	return f.finish(f.p("form.note.title", "id", id), f.send("form.note.send", commands.FormNote, v))
}

// ResolveForm asks what was done, if there is something to say: "text".
func ResolveForm(v *query.View, values, errs map[string]string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.resolve.title", "id", id))
	f.input("text", f.text("text", f.p("form.resolve.text"), true, incident.MaxText))
	return f.finish(f.p("form.resolve.title", "id", id), f.send("card.resolve", commands.FormResolve, v))
}

// LevelForm asks for another "level" and its "reason".
func LevelForm(v *query.View, values, errs map[string]string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.level.title", "id", id))
	e := inputChoice{
		Type: "Input.ChoiceSet", ID: "level", Label: f.p("field.level"), Style: "compact",
		IsRequired: true, ErrorMessage: f.p("form.level.need_level"),
	}
	want := values["level"]
	if want == "" {
		want = v.Incident.Level
	}
	for i, l := range v.Levels {
		if i == 50 {
			break
		}
		e.Choices = append(e.Choices, Choice{Title: clip(Plain(f.say.Level(l)), 80), Value: l.Key})
		if l.Key == want {
			e.Value = want
		}
	}
	f.input("level", e)
	f.input("reason", f.text("reason", f.p("field.reason"), true, incident.MaxText))
	return f.finish(f.p("form.level.title", "id", id), f.send("card.level", commands.FormLevel, v))
}

// WaiveForm asks why no RCA is wanted: "waive".
func WaiveForm(v *query.View, values, errs map[string]string, o Options) Card {
	f := o.form(values, errs)
	id := v.Incident.ID.String()
	f.about(v, f.t("form.waive.title", "id", id))
	f.input("waive", required(f.text("waive", f.p("form.waive.reason"), true, incident.MaxText), f.p("form.waive.need_reason")))
	return f.finish(f.p("form.waive.title", "id", id), f.send("card.waive", commands.FormWaive, v))
}
