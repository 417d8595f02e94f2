package jirasim

import (
	"slices"
	"strconv"
	"strings"
)

// Project is a project with its types of issues and its workflow.
type Project struct {
	Key      string
	Name     string      // default: Key
	Types    []IssueType // default: Task and Bug
	Workflow Workflow    // default: To Do, In Progress and Done, from each to each

	id   string
	last int // number of the newest issue
}

// IssueType is a type of issue.
type IssueType struct {
	Name    string
	Subtask bool
	// Fields are those on the create screen, besides project, type, summary,
	// labels and reporter, which always are. Default: StandardFields.
	Fields []Field
	// NoLabels takes labels off the create screen.
	NoLabels bool

	id string
}

// Field is a field that can be set.
type Field struct {
	ID         string // such as "customfield_10010"
	Name       string
	Required   bool
	HasDefault bool
	Type       string   // such as "string", "date", "user", "option", "priority", "resolution"
	Allowed    []string // names of the values to choose from; empty: any
}

// Status is a status of a workflow.
type Status struct {
	Name     string
	Category string // "new", "indeterminate" or "done"
}

// Step leads from one status to another.
type Step struct {
	Name   string
	From   []string // names of statuses; empty: any
	To     string
	Fields []Field // what its screen asks for
}

// Workflow says which steps there are. New issues are in the first status.
type Workflow struct {
	Statuses []Status
	Steps    []Step
}

const defaultPriority = "Medium"

var priorities = []string{"Highest", "High", "Medium", "Low", "Lowest"}

// resolutions are those that a screen offers where it asks for one.
var resolutions = []string{"Won't Do", "Done", "Duplicate"}

// ResolutionField is what a step's screen has that asks how an issue was
// resolved.
func ResolutionField() Field {
	return Field{ID: "resolution", Name: "Resolution", Required: true, Type: "resolution", Allowed: resolutions}
}

// StandardFields are the fields of Jira's own that most create screens have.
func StandardFields() []Field {
	return []Field{
		{ID: "description", Name: "Description", Type: "string"},
		{ID: "priority", Name: "Priority", Type: "priority", HasDefault: true, Allowed: priorities},
		{ID: "duedate", Name: "Due date", Type: "date"},
		{ID: "assignee", Name: "Assignee", Type: "user"},
	}
}

// AddProject adds a project.
func (s *Server) AddProject(p Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Name == "" {
		p.Name = p.Key
	}
	if len(p.Types) == 0 {
		p.Types = []IssueType{{Name: "Task"}, {Name: "Bug"}}
	}
	if len(p.Workflow.Statuses) == 0 {
		p.Workflow = Workflow{Statuses: []Status{{"To Do", "new"}, {"In Progress", "indeterminate"}, {"Done", "done"}}}
		for _, st := range p.Workflow.Statuses {
			p.Workflow.Steps = append(p.Workflow.Steps, Step{Name: st.Name, To: st.Name})
		}
	}
	p.id = strconv.Itoa(s.newID())
	p.Types = slices.Clone(p.Types)
	for n := range p.Types {
		t := &p.Types[n]
		t.id = strconv.Itoa(s.newID())
		if t.Fields == nil {
			t.Fields = StandardFields()
		}
		t.Fields = append([]Field{
			{ID: "project", Name: "Project", Required: true, Type: "project", Allowed: []string{p.Key}},
			{ID: "issuetype", Name: "Issue Type", Required: true, Type: "issuetype", Allowed: []string{t.Name}},
			{ID: "summary", Name: "Summary", Required: true, Type: "string"},
			{ID: "labels", Name: "Labels", Type: "array"},
			{ID: "reporter", Name: "Reporter", Required: true, HasDefault: true, Type: "user"},
		}, t.Fields...)
		if t.NoLabels {
			t.Fields = slices.DeleteFunc(t.Fields, func(f Field) bool { return f.ID == "labels" })
		}
	}
	s.projects = append(s.projects, &p)
}

// project returns a project by key or id, or nil.
func (s *Server) project(key string) *Project {
	for _, p := range s.projects {
		if strings.EqualFold(p.Key, key) || p.id == key {
			return p
		}
	}
	return nil
}

// issueType returns a type by id or name, or nil.
func (p *Project) issueType(ref string) *IssueType {
	for n := range p.Types {
		if p.Types[n].id == ref || p.Types[n].Name == ref {
			return &p.Types[n]
		}
	}
	return nil
}

func (t *IssueType) field(id string) *Field {
	for n := range t.Fields {
		if t.Fields[n].ID == id {
			return &t.Fields[n]
		}
	}
	return nil
}

func (w *Workflow) status(name string) *Status {
	for n := range w.Statuses {
		if w.Statuses[n].Name == name {
			return &w.Statuses[n]
		}
	}
	return nil
}

// statusID is the id of a status.
func (w *Workflow) statusID(name string) string {
	return strconv.Itoa(10_000 + slices.IndexFunc(w.Statuses, func(s Status) bool { return s.Name == name }))
}

// steps returns those that lead out of a status, with their ids.
func (w *Workflow) steps(from string) map[string]Step {
	out := make(map[string]Step)
	for n, step := range w.Steps {
		if len(step.From) == 0 || slices.Contains(step.From, from) {
			out[strconv.Itoa(10*n+11)] = step
		}
	}
	return out
}
