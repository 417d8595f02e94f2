package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"imbot/integrations/internal/fit"
)

const (
	metaPage     = 50  // entries in a page of metadata, the most that Data Center gives
	maxMetaPages = 100 // a project with more fields is none
)

// IssueType is a type of issue that a project has.
type IssueType struct {
	ID      string
	Name    string
	Subtask bool
}

// Meta is what a project asks for when an issue of one type is created.
type Meta struct {
	Project string
	Type    IssueType
	Fields  []Field
}

// Field is a field that can be set.
type Field struct {
	ID         string // such as "duedate" or "customfield_10010"
	Name       string
	Required   bool
	HasDefault bool    // Jira fills it in itself
	Type       string  // such as "string", "date", "user", "option", "array"
	Items      string  // of an array: the type of its items
	Allowed    []Value // the values to choose from; empty: any
}

// Value is a value of a field with a choice.
type Value struct {
	ID   string
	Name string
}

// Field returns the field with that id, or nil.
func (m *Meta) Field(id string) *Field {
	for i := range m.Fields {
		if m.Fields[i].ID == id {
			return &m.Fields[i]
		}
	}
	return nil
}

// Fit makes n fit: fields that the project does not take are left out, and
// named in dropped; what it wants and n does not have is in missing. Project,
// type and labels stay as they are: without its labels an issue is not found
// again, so that it is better not created.
func (m *Meta) Fit(n NewIssue) (fit NewIssue, dropped []string, missing []Field) {
	fit = n
	fit.Fields = maps.Clone(n.Fields)
	fit.Type = m.Type.ID
	has := map[string]bool{"project": true, "issuetype": true, "summary": n.Summary != "", "labels": n.Marker != "" || len(n.Labels) > 0}
	for id, value := range map[string]*string{
		"description": &fit.Description, "priority": &fit.Priority, "duedate": &fit.Due, "assignee": &fit.Assignee,
	} {
		f := m.Field(id)
		if *value != "" && (f == nil || !f.allows(*value)) {
			dropped = append(dropped, id)
			*value = ""
		}
		has[id] = *value != ""
	}
	for id := range n.Fields {
		if m.Field(id) == nil {
			dropped = append(dropped, id)
			delete(fit.Fields, id)
		}
		has[id] = true
	}
	for _, f := range m.Fields {
		// The reporter is the client's user unless somebody else is named.
		if f.Required && !f.HasDefault && !has[f.ID] && f.ID != "reporter" {
			missing = append(missing, f)
		}
	}
	slices.Sort(dropped)
	return fit, dropped, missing
}

// allows reports whether the value can be chosen. People are not listed.
func (f *Field) allows(value string) bool {
	return len(f.Allowed) == 0 || f.Type == "user" || slices.ContainsFunc(f.Allowed, func(v Value) bool {
		return v.ID == value || strings.EqualFold(v.Name, value)
	})
}

// IssueTypes returns the types of issues that the client's user can create in a
// project, which is Config.Project if empty.
func (c *Client) IssueTypes(ctx context.Context, project string) ([]IssueType, error) {
	project = firstOf(project, c.project)
	op := fmt.Sprintf("read the issue types of %.40s", project)
	if !projectPattern.MatchString(project) {
		return nil, invalid(op, "that is no project key")
	}
	var out []IssueType
	err := c.eachMeta(ctx, op, "rest/api/2/issue/createmeta/"+project+"/issuetypes", func(raw json.RawMessage) {
		var w struct {
			ID      text `json:"id"`
			Name    text `json:"name"`
			Subtask text `json:"subtask"`
		}
		if err := json.Unmarshal(raw, &w); (err == nil || onlyTypes(err)) && w.ID != "" {
			out = append(out, IssueType{ID: string(w.ID), Name: string(w.Name), Subtask: w.Subtask == "true"})
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CreateMeta returns what a project, by default Config.Project, asks for when an
// issue of the type with that id or name is created. If the project has no such
// type it returns an *Error with NotFound that names those it has.
func (c *Client) CreateMeta(ctx context.Context, project, issueType string) (*Meta, error) {
	project = firstOf(project, c.project)
	types, err := c.IssueTypes(ctx, project)
	if err != nil {
		return nil, err
	}
	op := fmt.Sprintf("read the fields of %.40s %.40s", project, issueType)
	m := &Meta{Project: project}
	var names []string
	for _, t := range types {
		names = append(names, t.Name)
		if t.ID == issueType || (strings.EqualFold(t.Name, issueType) && m.Type.ID == "") {
			m.Type = t
		}
	}
	if !idPattern.MatchString(m.Type.ID) {
		return nil, &Error{Product: product, Op: op, Status: http.StatusNotFound, Message: fit.Line("the project has no such issue type, only "+strings.Join(names, ", "), 500)}
	}
	err = c.eachMeta(ctx, op, "rest/api/2/issue/createmeta/"+project+"/issuetypes/"+m.Type.ID, func(raw json.RawMessage) {
		var w wireField
		if err := json.Unmarshal(raw, &w); (err == nil || onlyTypes(err)) && w.id() != "" {
			m.Fields = append(m.Fields, w.field())
		}
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// eachMeta reads all pages of metadata. Cloud calls the entries issueTypes or
// fields, Data Center values.
func (c *Client) eachMeta(ctx context.Context, op, path string, each func(json.RawMessage)) error {
	start := 0
	for range maxMetaPages {
		var page struct {
			Total  int               `json:"total"`
			Types  []json.RawMessage `json:"issueTypes"`
			Fields []json.RawMessage `json:"fields"`
			Values []json.RawMessage `json:"values"`
			Last   *bool             `json:"isLast"`
		}
		query := url.Values{"startAt": {strconv.Itoa(start)}, "maxResults": {strconv.Itoa(metaPage)}}
		if err := c.send(ctx, op, http.MethodGet, path, query, nil, &page); err != nil {
			return err
		}
		entries := slices.Concat(page.Types, page.Fields, page.Values)
		for _, e := range entries {
			each(e)
		}
		start += len(entries)
		last := start >= page.Total
		if page.Last != nil {
			last = *page.Last
		}
		if len(entries) == 0 || last {
			return nil
		}
	}
	return &Error{Product: product, Op: op, Status: http.StatusOK, Message: "Jira's list has no end", Final: true}
}

// wireField is a field's metadata, of a project or of a transition.
type wireField struct {
	FieldID    text `json:"fieldId"`
	Key        text `json:"key"`
	Name       text `json:"name"`
	Required   bool `json:"required"`
	HasDefault bool `json:"hasDefaultValue"`
	Schema     struct {
		Type  text `json:"type"`
		Items text `json:"items"`
	} `json:"schema"`
	Allowed []json.RawMessage `json:"allowedValues"`
}

func (w *wireField) id() string { return firstOf(string(w.FieldID), string(w.Key)) }

func (w *wireField) field() Field {
	return Field{
		ID: w.id(), Name: string(w.Name), Required: w.Required, HasDefault: w.HasDefault,
		Type: string(w.Schema.Type), Items: string(w.Schema.Items), Allowed: w.values(),
	}
}

func (w *wireField) values() []Value {
	var out []Value
	for _, raw := range w.Allowed {
		var v struct {
			ID    text `json:"id"`
			Name  text `json:"name"`
			Value text `json:"value"` // of options
			Key   text `json:"key"`   // of projects
		}
		if err := json.Unmarshal(raw, &v); err != nil && !onlyTypes(err) {
			continue
		}
		if v.ID != "" {
			out = append(out, Value{ID: string(v.ID), Name: firstOf(string(v.Name), string(v.Value), string(v.Key))})
		}
	}
	return out
}
