package web

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imbot/incident"
	"imbot/query"
	"imbot/resource"
)

// since reads the parameter "since", the only one of these addresses; zero where
// it is not there.
func (s *server) since(r *http.Request) (time.Time, error) {
	values, err := parameters(r.URL.RawQuery, "since")
	if err != nil {
		return time.Time{}, err
	}
	since, _, err := span(values, s.Now(), s.Location)
	return since, err
}

// labelColumns are those of the corrections. New ones come behind.
var labelColumns = []string{"n", "at", "by_kind", "by_id", "incident", "other", "verdict", "kind", "rule", "level_from", "level_to", "undone", "inputs"}

// labels writes the corrections by people as CSV, for those who judge the rules.
func (s *server) labels(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	since, err := s.since(r)
	if err != nil {
		return err
	}
	list, err := s.Reader.Labels(r.Context(), v, since)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="labels.csv"`)
	out := csv.NewWriter(w)
	rows := [][]string{labelColumns}
	for _, l := range list {
		other := ""
		if l.Other != 0 {
			other = l.Other.String()
		}
		rows = append(rows, cells(
			strconv.Itoa(l.N), l.At.UTC().Format(time.RFC3339), l.By.Kind, l.By.ID, l.Incident.String(), other,
			l.Verdict, l.Kind, l.Rule, l.From, l.To, strconv.FormatBool(l.Undone), l.Inputs,
		))
	}
	return written(out.WriteAll(rows))
}

// cells makes values harmless: what a spreadsheet would run as a formula gets an
// apostrophe in front, and shows as text
// (https://owasp.org/www-community/attacks/CSV_Injection).
func cells(values ...string) []string {
	for i, v := range values {
		v = strings.ReplaceAll(v, "\x00", "")
		if v != "" && strings.ContainsRune("=+-@\t\r\n|", rune(v[0])) {
			v = "'" + v
		}
		values[i] = v
	}
	return values
}

type ruleDoc struct {
	Rule      string   `json:"rule"`
	Made      int      `json:"made"`
	Wrong     int      `json:"wrong"`
	Missed    int      `json:"missed"`
	Precision *float64 `json:"precision"` // null where none was made
}

type kindDoc struct {
	Kind   string   `json:"kind"`
	Right  int      `json:"right"`
	Missed int      `json:"missed"`
	Recall *float64 `json:"recall"` // null where there were none
}

func (s *server) linkStats(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	since, err := s.since(r)
	if err != nil {
		return err
	}
	f, err := s.Reader.LinkStats(r.Context(), v, since)
	if err != nil {
		return err
	}
	doc := struct {
		Since *time.Time `json:"since"` // of the corrections; null: ever
		Rules []ruleDoc  `json:"rules"`
		Kinds []kindDoc  `json:"kinds"`
	}{Since: resource.Moment(f.Since), Rules: []ruleDoc{}, Kinds: []kindDoc{}}
	for _, x := range f.Rules {
		d := ruleDoc{Rule: x.Rule, Made: x.Made, Wrong: x.Wrong, Missed: x.Missed}
		if x.Made > 0 {
			p := x.Precision()
			d.Precision = &p
		}
		doc.Rules = append(doc.Rules, d)
	}
	for _, x := range f.Kinds {
		d := kindDoc{Kind: x.Kind, Right: x.Right, Missed: x.Missed}
		if x.Right+x.Missed > 0 {
			p := x.Recall()
			d.Recall = &p
		}
		doc.Kinds = append(doc.Kinds, d)
	}
	return reply(w, http.StatusOK, doc)
}

type similarDoc struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Service    string          `json:"service"` // its name for people
	Level      string          `json:"level"`
	Status     incident.Status `json:"status"`
	Same       bool            `json:"same"` // the same service, and the same title but for numbers and names of machines
	OpenedAt   time.Time       `json:"opened_at"`
	ResolvedAt *time.Time      `json:"resolved_at"`
	RootCause  string          `json:"root_cause"`
	Resolution string          `json:"resolution_steps"`
}

func (s *server) similar(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	_, list, err := s.Reader.Similar(r.Context(), v, id)
	if err != nil {
		return err
	}
	docs := make([]similarDoc, len(list))
	for i, x := range list {
		docs[i] = similarDoc{
			ID: x.ID.String(), Title: x.Title, Service: x.Service, Level: x.Level.Key, Status: x.Status, Same: x.Same,
			OpenedAt: x.OpenedAt.UTC(), ResolvedAt: resource.Moment(x.ResolvedAt), RootCause: x.Cause, Resolution: x.Fix,
		}
	}
	return reply(w, http.StatusOK, struct {
		Incidents []similarDoc `json:"incidents"`
	}{docs})
}
