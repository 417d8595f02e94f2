package jirasim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object: which members Jira's have depends on what was asked
// for.
type object = map[string]any

// stamp is a time as Jira writes it.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000-0700") }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// self returns the address of a resource.
func (s *Server) self(parts ...string) string {
	return s.URL() + "/rest/api/2/" + strings.Join(parts, "/")
}

func (s *Server) wireUser(u *User) any {
	if u == nil {
		return nil
	}
	avatar := s.URL() + "/avatar/" + u.Name
	o := object{
		"displayName": u.FullName, "active": !u.Inactive, "timeZone": "Asia/Jakarta",
		"avatarUrls": object{"16x16": avatar, "24x24": avatar, "32x32": avatar, "48x48": avatar},
	}
	if s.opt.DataCenter {
		o["self"], o["name"], o["key"], o["emailAddress"] = s.self("user?username="+u.Name), u.Name, "JIRAUSER"+u.Name, u.Email
		return o
	}
	o["self"], o["accountId"], o["accountType"] = s.self("user?accountId="+u.AccountID), u.AccountID, "atlassian"
	if u.App {
		o["accountType"] = "app"
	}
	if !u.HideEmail {
		o["emailAddress"] = u.Email
	}
	return o
}

// categories are Jira's own: their ids and names never change.
var categories = map[string]object{
	"new":           {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
	"indeterminate": {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
	"done":          {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
}

func (s *Server) wireStatus(w *Workflow, name, category string) object {
	c := object{"self": s.self("statuscategory", category)}
	for k, v := range categories[category] {
		c[k] = v
	}
	return object{
		"self": s.self("status", name), "id": w.statusID(name), "name": name, "description": "",
		"iconUrl": s.URL() + "/images/icons/status.png", "statusCategory": c,
	}
}

// wireIssue returns an issue with some of its fields; nil means all.
func (s *Server) wireIssue(i *Issue, want []string) object {
	p := s.project(i.Project)
	t := p.issueType(i.Type)
	all := object{
		"summary": i.Summary, "description": orNull(i.Description), "status": s.wireStatus(&p.Workflow, i.Status, i.Category),
		"labels": append([]string{}, i.Labels...), "duedate": orNull(i.Due),
		"assignee": s.wireUser(s.user(i.Assignee)), "reporter": s.wireUser(s.user(i.Reporter)), "creator": s.wireUser(s.user(i.Reporter)),
		"created": stamp(i.Created), "updated": stamp(i.Updated),
		"project":    object{"self": s.self("project", p.id), "id": p.id, "key": p.Key, "name": p.Name, "projectTypeKey": "software"},
		"issuetype":  object{"self": s.self("issuetype", t.id), "id": t.id, "name": t.Name, "subtask": t.Subtask, "description": "", "iconUrl": s.URL() + "/images/icons/type.png"},
		"priority":   nil,
		"resolution": nil,
	}
	if i.Priority != "" {
		all["priority"] = object{"self": s.self("priority", i.Priority), "id": valueID(priorities, i.Priority), "name": i.Priority, "iconUrl": s.URL() + "/images/icons/priority.svg"}
	}
	if i.Resolution != "" {
		all["resolution"] = object{"self": s.self("resolution", "1"), "id": valueID(resolutions, i.Resolution), "name": i.Resolution, "description": ""}
	}
	for id, value := range i.Fields {
		all[id] = value
	}
	fields := all
	if want != nil && !slices.Contains(want, "*all") {
		fields = make(object)
		for _, name := range want {
			if value, ok := all[name]; ok {
				fields[name] = value
			}
		}
	}
	return object{"id": i.ID, "key": i.Key, "self": s.self("issue", i.ID), "expand": "operations,changelog,transitions", "fields": fields}
}

// valueID is the id of one of the values to choose from.
func valueID(names []string, name string) string {
	return strconv.Itoa(slices.Index(names, name) + 1)
}

func (s *Server) wireField(f Field) object {
	schema := object{"type": f.Type}
	if f.Type == "array" {
		schema["items"] = "string"
	}
	if id, ok := strings.CutPrefix(f.ID, "customfield_"); ok {
		n, _ := strconv.Atoi(id) // 0 where it is no number
		schema["custom"], schema["customId"] = "com.atlassian.jira.plugin.system.customfieldtypes:"+f.Type, n
	} else {
		schema["system"] = f.ID
	}
	o := object{
		"required": f.Required, "schema": schema, "name": f.Name, "fieldId": f.ID, "key": f.ID,
		"hasDefaultValue": f.HasDefault, "operations": []string{"set"},
	}
	if f.Type == "array" {
		o["operations"] = []string{"add", "set", "remove"}
	}
	if len(f.Allowed) > 0 {
		values := []object{}
		for _, name := range f.Allowed {
			v := object{"self": s.self("option", valueID(f.Allowed, name)), "id": valueID(f.Allowed, name), "name": name}
			if f.Type == "option" {
				delete(v, "name")
				v["value"] = name
			}
			values = append(values, v)
		}
		o["allowedValues"] = values
	}
	return o
}

func (s *Server) wireComment(i *Issue, c Comment) object {
	author := s.wireUser(s.user(c.Author))
	return object{
		"self": s.self("issue", i.ID, "comment", c.ID), "id": c.ID, "body": c.Body,
		"author": author, "updateAuthor": author, "created": stamp(c.Created), "updated": stamp(c.Created),
	}
}

// differences returns the items of a changelog.
func (s *Server) differences(a, b *Issue) []object {
	var out []object
	item := func(field, from, to, fromText, toText string) {
		if from == to {
			return
		}
		o := object{"field": field, "fieldtype": "jira", "from": orNull(from), "fromString": orNull(fromText), "to": orNull(to), "toString": orNull(toText)}
		if !s.opt.DataCenter {
			o["fieldId"] = field
		}
		out = append(out, o)
	}
	plain := func(field, from, to string) {
		if from != to {
			o := object{"field": field, "fieldtype": "jira", "from": nil, "fromString": orNull(from), "to": nil, "toString": orNull(to)}
			if !s.opt.DataCenter {
				o["fieldId"] = field
			}
			out = append(out, o)
		}
	}
	plain("Key", a.Key, b.Key)
	plain("summary", a.Summary, b.Summary)
	plain("description", a.Description, b.Description)
	plain("labels", strings.Join(a.Labels, " "), strings.Join(b.Labels, " "))
	item("status", s.statusID(a), s.statusID(b), a.Status, b.Status)
	item("resolution", choiceID(resolutions, a.Resolution), choiceID(resolutions, b.Resolution), a.Resolution, b.Resolution)
	item("priority", choiceID(priorities, a.Priority), choiceID(priorities, b.Priority), a.Priority, b.Priority)
	item("duedate", a.Due, b.Due, a.Due, b.Due)
	item("assignee", s.ref(a.Assignee), s.ref(b.Assignee), s.fullName(a.Assignee), s.fullName(b.Assignee))
	for id, value := range b.Fields {
		if text(a.Fields[id]) != text(value) {
			plain(id, text(a.Fields[id]), text(value))
		}
	}
	return out
}

// choiceID is valueID, and "" for none.
func choiceID(names []string, name string) string {
	if name == "" {
		return ""
	}
	return valueID(names, name)
}

func (s *Server) statusID(i *Issue) string {
	return s.project(i.Project).Workflow.statusID(i.Status)
}

// ref is how this kind of Jira names a user.
func (s *Server) ref(account string) string {
	if u := s.user(account); u != nil && s.opt.DataCenter {
		return u.Name
	}
	return account
}

func (s *Server) fullName(account string) string {
	if u := s.user(account); u != nil {
		return u.FullName
	}
	return ""
}
