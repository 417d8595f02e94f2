package web

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"imbot/changes"
	"imbot/commands"
	"imbot/incident"
)

// postedChange is a change as it was sent, with the path of its fields.
type postedChange struct {
	changes.Change
	path string // "" or "changes[3]."
}

// maxChanges bounds the changes of one request.
const maxChanges = 100

// changeFields are the fields of a change in a request, all of them texts.
var changeFields = []string{"service", "title", "description", "url", "by", "version", "id", "at"}

// parseChanges reads the body: one change, or {"changes":[…]}. What is wrong with
// single fields is in the list; an error is about the whole.
func parseChanges(body []byte) ([]postedChange, []fieldError, error) {
	canonical, err := commands.Canonical(body) // it refuses names that are there twice, and what is no UTF-8
	if err != nil {
		return nil, nil, err
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(canonical, &whole); err != nil || whole == nil {
		return nil, nil, badChanges("", "The body is one change, or {\"changes\":[…]}.")
	}
	raw, several := whole["changes"]
	if !several {
		c, faults := parseChange(whole, "")
		return []postedChange{c}, faults, nil
	}
	var items []map[string]json.RawMessage
	switch err := json.Unmarshal(raw, &items); {
	case len(whole) > 1:
		return nil, nil, badChanges("changes", "Beside changes there is nothing else: each has its own fields.")
	case err != nil || slices.ContainsFunc(items, func(m map[string]json.RawMessage) bool { return m == nil }):
		return nil, nil, badChanges("changes", "changes is a list of objects.")
	case len(items) == 0 || len(items) > maxChanges:
		return nil, nil, badChanges("changes", "changes has 1 to "+strconv.Itoa(maxChanges)+" entries.")
	}
	var list []postedChange
	var faults []fieldError
	for i, item := range items {
		c, f := parseChange(item, "changes["+strconv.Itoa(i)+"].")
		list, faults = append(list, c), append(faults, f...)
	}
	return list, faults, nil
}

func badChanges(field, detail string) error {
	return &httpError{status: http.StatusUnprocessableEntity, key: "bad_change", field: field, detail: detail}
}

func parseChange(item map[string]json.RawMessage, path string) (postedChange, []fieldError) {
	c := postedChange{path: path}
	var faults []fieldError
	fault := func(name, detail string) { faults = append(faults, fieldError{path + name, detail}) }
	var at *string
	texts := []any{&c.Service, &c.Title, &c.Description, &c.URL, &c.By, &c.Version, &c.ID, &at}
	for _, name := range slices.Sorted(maps.Keys(item)) { // the same body always has the same answer
		i := slices.Index(changeFields, name)
		if i < 0 {
			name = cmp.Or(incident.Clip(incident.Line(name), 40), "?")
			fault(name, "There is no field "+strconv.Quote(name)+". Fields are: "+strings.Join(changeFields, ", ")+".")
			continue
		}
		if err := json.Unmarshal(item[name], texts[i]); err != nil { // null is as good as absent
			fault(name, name+" must be text.")
		}
	}
	if at != nil {
		t, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			fault("at", "at is a time like 2026-12-31T15:04:00Z.")
		}
		c.At = t.UTC()
	}
	return c, faults
}
