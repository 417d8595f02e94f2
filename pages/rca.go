package pages

import (
	"net/http"
	"slices"

	"imbot/cards"
	"imbot/incident"
	"imbot/query"
)

// rcaPage is the form with the story of the incident beside it, or the text for
// those who may not write.
type rcaPage struct {
	frame
	story
	Sections []section
	Action   []input
	Parts    []part
	Write    bool // the visitor may write
	Finish   bool // and complete
	Open     bool // the trouble lasts: nothing can be completed yet
	Complete string
	Saved    string // by whom and when the draft was saved last
	Version  string
	Notice   string // what was done
	Problem  string // what is wrong
}

// section is a part of the form.
type section struct {
	Title  string
	Inputs []input
}

// input is one field of the form.
type input struct {
	Name, Label, Hint, Value, Error string
	Needed                          bool
	Limit                           int // characters
	Rows                            int
	Kind                            string // text, long, choice or date
	Choices                         []choice
	Theirs                          string // what somebody else saved meanwhile
	HasTheirs                       bool
	Taken                           bool // Value is what somebody else saved meanwhile
}

type choice struct {
	Value, Label string
	Chosen       bool
}

// sections of the form: those of the cards' steps.
var sectionTitles = [cards.RCASteps]string{"web.rca.what", "web.rca.why", "web.rca.then"}

// notices are what the form says after something was done, by the value that the
// redirect brings.
var notices = map[string]string{"draft": "web.rca.saved", "action": "web.rca.added", "none": "web.rca.same"}

func (s *server) rca(w http.ResponseWriter, r *http.Request, v *visitor) error {
	q, story, err := s.load(r, v)
	if err != nil {
		return err
	}
	p := s.rcaPage(v, q, story, &draft{values: rcaValues(q.Incident, v.zone), version: versionOf(q.Incident, v.zone)})
	if key := notices[r.URL.Query().Get("done")]; key != "" {
		p.Notice = v.T(key)
	}
	return s.show(w, http.StatusOK, "rca", p)
}

// draft is what a form shows in its fields.
type draft struct {
	values  map[string]string
	errs    map[string]string // by field; "" is about the whole
	theirs  map[string]string // what somebody else saved meanwhile, where both differ
	taken   map[string]bool   // fields whose value is what somebody else saved
	version string
}

func (s *server) rcaPage(v *visitor, q *query.View, story *story, d *draft) *rcaPage {
	inc := q.Incident
	pm := &inc.Postmortem
	p := &rcaPage{
		frame: s.frame(v, v.T("form.rca.title", "id", inc.ID.String())), story: *story, Version: d.version,
		Write: v.mayWrite(false, q) == nil, Finish: v.mayWrite(true, q) == nil, Open: inc.Active(),
		Problem: d.errs[""],
	}
	if pm.State == incident.PostmortemComplete {
		p.Complete = v.T("web.rca.complete", "n", pm.Revision)
	}
	if !pm.At.IsZero() {
		p.Saved = v.T("web.rca.last", "who", person(pm.By), "when", v.when(pm.At))
	}
	if !p.Write {
		p.Parts = v.parts(inc)
		return p
	}
	for i, title := range sectionTitles {
		sec := section{Title: v.T(title)}
		for _, name := range cards.RCAFields(i + 1) {
			sec.Inputs = append(sec.Inputs, v.rcaInput(name, d))
		}
		p.Sections = append(p.Sections, sec)
	}
	p.Action = []input{
		{Name: "action_title", Label: v.T("form.action.what"), Kind: "text", Limit: incident.MaxTitle},
		{Name: "action_owner", Label: v.T("field.owner"), Hint: v.T("web.rca.owner_hint"), Kind: "text", Limit: 254},
		{Name: "action_due", Label: v.T("field.due"), Kind: "date"},
	}
	for i := range p.Action {
		p.Action[i].Value, p.Action[i].Error = d.values[p.Action[i].Name], d.errs[p.Action[i].Name]
	}
	return p
}

func (v *visitor) rcaInput(name string, d *draft) input {
	in := input{
		Name: name, Label: v.T("rca." + name), Value: d.values[name], Error: d.errs[name], Kind: "long", Limit: incident.MaxText, Rows: 4,
		Needed: slices.Contains(incident.RequiredRCA, name), Taken: d.taken[name],
	}
	in.Theirs, in.HasTheirs = d.theirs[name]
	switch {
	case cards.RCATimes[name] != "":
		in.Kind, in.Limit, in.Label, in.Hint = "text", 40, v.T("form.time", "field", in.Label, "zone", v.zone.String()), "2026-12-31 15:04"
	case name == "category":
		in.Kind = "choice"
		for _, c := range incident.Categories {
			in.Choices = append(in.Choices, choice{c, v.say.Category(c), c == in.Value})
		}
		in.Theirs = v.say.Category(in.Theirs)
	default:
		in.Hint = v.T("rca." + name + ".hint")
	}
	return in
}
