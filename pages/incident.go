package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"imbot/cards"
	"imbot/incident"
	"imbot/query"
)

// Bounds on what one page shows; the API has the rest.
const (
	maxTimeline = 500
	maxChildren = 50
	pageSize    = 50
)

// row is one line of a list of incidents.
type row struct {
	ID, Title, Service string
	state
	Opened *clock
	Holder string
	Link   string // of what it is a duplicate or a consequence
}

// state is a status in word, icon and colour, and the level. The icons are
// letters of every font: pictures are not.
type state struct{ Word, Icon, Mood, Level string }

func (u ui) state(status incident.Status, level incident.Level) state {
	st := state{Word: u.T("card.state." + string(status)), Level: u.say.Level(level)}
	switch {
	case status == incident.Resolved:
		st.Icon, st.Mood = "✓", "resolved"
	case status == incident.Closed:
		st.Icon, st.Mood = "■", "closed"
	case level.Room || level.AlwaysVisible:
		st.Icon, st.Mood = "▲", "down"
	case level.Postmortem:
		st.Icon, st.Mood = "◆", "bad"
	default:
		st.Icon, st.Mood = "●", "open"
	}
	return st
}

// home is the list of incidents, newest first.
func (s *server) home(w http.ResponseWriter, r *http.Request, v *visitor) error {
	page, err := s.Reader.List(r.Context(), v.Viewer, query.Filter{Limit: pageSize, Cursor: r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	data := struct {
		frame
		Rows []row
		Next string
	}{frame: s.frame(v, v.T("web.home")), Next: page.Next}
	for _, x := range page.Incidents {
		inc := x.Incident
		l := row{ID: inc.ID.String(), Title: inc.Title, Service: x.ServiceName(), state: v.state(inc.Status, x.Level), Opened: v.clock(inc.OpenedAt)}
		if inc.Link != nil && inc.Link.Parent != 0 {
			l.Link = v.T("link."+inc.Link.Kind, "parent", inc.Link.Parent.String())
		}
		if inc.Status == incident.Open && (inc.Link == nil || inc.Link.Kind != incident.LinkDuplicate) {
			l.Holder = v.T("list.nobody")
			if !inc.AcknowledgedAt.IsZero() {
				l.Holder = v.T("list.held", "who", person(inc.AcknowledgedBy))
			}
		}
		data.Rows = append(data.Rows, l)
	}
	return s.show(w, http.StatusOK, "home", data)
}

// incidentPage is one incident with all that is known of it.
type incidentPage struct {
	frame
	story
	Description string
	Trouble     []string
	Off         string // what was left out because it is turned off
	RCA         rcaState
}

// rcaState is where the RCA stands, and what can be done about it.
type rcaState struct {
	Text  string
	Label string // of the link to it
	Parts []part // what is written, where it is complete
}

// part is a piece of text under a heading.
type part struct{ Label, Text string }

func (s *server) incident(w http.ResponseWriter, r *http.Request, v *visitor) error {
	q, story, err := s.load(r, v)
	if err != nil {
		return err
	}
	inc := q.Incident
	p := incidentPage{frame: s.frame(v, inc.ID.String()+" "+inc.Title), story: *story, Description: inc.Description, RCA: v.rcaState(q)}
	p.Trouble, p.Off = v.trouble(q.Trouble)
	return s.show(w, http.StatusOK, "incident", p)
}

// trouble says what could not be done outside, and apart from that what was left
// out because it is turned off. What is the same is said once.
func (v *visitor) trouble(effects []incident.EffectState) (trouble []string, off string) {
	var counts []int
	var left []string
	for i := range effects {
		e := &effects[i]
		if what, ok := strings.CutSuffix(e.Error, " off"); ok && e.TurnedOff() {
			if !slices.Contains(left, what) {
				left = append(left, what)
			}
			continue
		}
		why := cmp.Or(incident.Line(e.Error), v.T("trouble.no_reason"))
		s := v.T("trouble."+e.State, "what", v.say.Or("effect."+e.Kind, e.Kind), "why", incident.Clip(why, 300))
		if n := slices.Index(trouble, s); n >= 0 {
			counts[n]++
			continue
		}
		trouble, counts = append(trouble, s), append(counts, 1)
	}
	for i, n := range counts {
		if n > 1 {
			trouble[i] += fmt.Sprintf(" (%d×)", n)
		}
	}
	if len(left) > 0 {
		off = v.T("trouble.off", "what", strings.Join(left, ", "))
	}
	return trouble, off
}

// idOf reads the id in the path. What is no id names nothing.
func idOf(r *http.Request) (incident.ID, error) {
	id, err := incident.ParseID(r.PathValue("id"))
	if err != nil {
		return 0, &failure{status: http.StatusNotFound, key: "err.bad_id"}
	}
	return id, nil
}

// load reads the incident of the path, as far as the visitor may see it.
func (s *server) load(r *http.Request, v *visitor) (*query.View, *story, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, nil, err
	}
	q, err := s.Reader.Get(r.Context(), v.Viewer, id, true)
	if err != nil {
		return nil, nil, err
	}
	if len(q.Incident.Children) > len(q.Children) {
		if _, q.Children, err = s.Reader.Relatives(r.Context(), v.Viewer, id, 0, maxChildren); err != nil {
			return nil, nil, err
		}
	}
	return q, v.story(q), nil
}

// rcaState says where the RCA stands, in the words of the cards.
func (v *visitor) rcaState(q *query.View) rcaState {
	inc := q.Incident
	pm := &inc.Postmortem
	st := rcaState{Label: v.T("web.rca.read")}
	if v.mayWrite(false, q) == nil {
		st.Label = v.T("card.rca_continue")
		if pm.RCA.IsZero() {
			st.Label = v.T("card.rca")
		}
	}
	switch {
	case pm.State == incident.PostmortemWaived:
		st.Text = v.T("review.waived", "reason", pm.Reason)
	case pm.State == incident.PostmortemComplete:
		st.Text = v.T("review.complete", "category", v.say.Category(pm.RCA.Category))
		if v.mayWrite(false, q) == nil {
			st.Label = v.T("web.rca.edit")
		}
		st.Parts = v.parts(inc)
	case pm.State == incident.PostmortemNone:
		st.Text = v.T("review.none")
	case len(pm.RCA.Missing()) == 0:
		st.Text = v.T("review.ready")
	case pm.RCA.IsZero() && !q.Owner.IsZero():
		st.Text = v.T("review.owed_by", "who", person(q.Owner))
	case pm.RCA.IsZero():
		st.Text = v.T("review.owed")
	default:
		st.Text = v.T("review.missing", "missing", v.fields(pm.RCA.Missing()))
	}
	return st
}

func (u ui) fields(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = u.say.Field(n)
	}
	return out
}

// parts are the texts of the RCA that are written.
func (u ui) parts(inc *incident.Incident) []part {
	values := rcaValues(inc, u.zone)
	var out []part
	for _, name := range rcaFields() {
		text := values[name]
		if text == "" || cards.RCATimes[name] != "" {
			continue
		}
		if name == "category" {
			text = u.say.Category(text)
		}
		out = append(out, part{u.T("rca." + name), text})
	}
	return out
}

// mayWrite says why the visitor may not write the RCA, or complete it; nil: may.
// It decides what is offered; what is done is judged once more where it is done.
func (v *visitor) mayWrite(complete bool, q *query.View) error {
	return incident.Allowed(incident.WriteRCA, complete, v.Actor, v.Role, q.Incident, &incident.Facts{Service: q.Service, Squad: q.Squad})
}

// followUp is one action of an incident.
type followUp struct {
	N            int
	Title, Owner string
	Done         bool
}

func (u ui) actions(inc *incident.Incident) []followUp {
	out := make([]followUp, len(inc.Actions))
	for i, a := range inc.Actions {
		owner := u.T("actions.nobody")
		if !a.Owner.IsZero() {
			owner = person(a.Owner)
		}
		if a.Due != "" {
			owner = u.T("actions.due", "owner", owner, "date", a.Due)
		}
		out[i] = followUp{N: a.N, Title: a.Title, Owner: owner, Done: a.Done()}
	}
	slices.SortStableFunc(out, func(a, b followUp) int {
		return strings.Compare(strconv.FormatBool(a.Done), strconv.FormatBool(b.Done)) // open ones first
	})
	return out
}
