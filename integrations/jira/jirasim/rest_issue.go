package jirasim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// here returns the issue of the path, or answers that there is none.
func (s *Server) here(w http.ResponseWriter, r *http.Request) *issue {
	i := s.find(r.PathValue("key"))
	if i == nil {
		refuse(w, http.StatusNotFound, noIssue)
	}
	return i
}

func (s *Server) getIssue(w http.ResponseWriter, r *http.Request) {
	if i := s.here(w, r); i != nil {
		answer(w, http.StatusOK, s.wireIssue(&i.Issue, names(r.URL.Query(), "fields")))
	}
}

// names splits a list in the query; nil if there is none.
func names(q url.Values, param string) []string {
	var out []string
	for _, list := range q[param] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

func (s *Server) postIssue(w http.ResponseWriter, r *http.Request) {
	body, ok := decode(w, r, "fields", "update", "properties", "historyMetadata", "transition")
	if !ok {
		return
	}
	fields, _ := body["fields"].(object)
	p := s.project(choice(fields["project"], "key"))
	if p == nil {
		refuseFields(w, map[string]string{"project": "valid project is required"})
		return
	}
	t := p.issueType(choice(fields["issuetype"], "name"))
	if t == nil {
		refuseFields(w, map[string]string{"issuetype": "Specify a valid issue type"})
		return
	}
	n := Issue{Type: t.Name, Priority: defaultPriority, Fields: make(map[string]any)}
	wrong := make(map[string]string)
	for id, value := range fields {
		s.set(t, &n, id, value, wrong)
	}
	for _, f := range t.Fields {
		if given := fields[f.ID]; f.Required && !f.HasDefault && (given == nil || given == "") && wrong[f.ID] == "" {
			wrong[f.ID] = f.Name + " is required."
			if f.ID == "summary" {
				wrong[f.ID] = "You must specify a summary of the issue."
			}
		}
	}
	if len(wrong) > 0 {
		refuseFields(w, wrong)
		return
	}
	i := s.add(p, s.bot(), n)
	answer(w, http.StatusCreated, object{"id": i.ID, "key": i.Key, "self": s.self("issue", i.ID)})
}

func (s *Server) putIssue(w http.ResponseWriter, r *http.Request) {
	i := s.here(w, r)
	if i == nil {
		return
	}
	body, ok := decode(w, r, "fields", "update", "properties", "historyMetadata", "transition")
	if !ok {
		return
	}
	t := i.project.issueType(i.Type)
	after := i.clone()
	if after.Fields == nil {
		after.Fields = make(map[string]any)
	}
	wrong := make(map[string]string)
	fields, _ := body["fields"].(object)
	for id, value := range fields {
		s.set(t, &after, id, value, wrong)
	}
	update, _ := body["update"].(object)
	for id, operations := range update {
		list, _ := operations.([]any)
		if id != "labels" || len(list) == 0 {
			wrong[id] = fmt.Sprintf("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", id)
			continue
		}
		after.Labels = s.editLabels(after.Labels, list, wrong)
	}
	if len(wrong) > 0 {
		refuseFields(w, wrong)
		return
	}
	subtype := "issue_generic"
	if after.Assignee != i.Assignee {
		subtype = "issue_assigned"
	}
	s.change(s.bot(), i, subtype, func(n *Issue) { *n = after })
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getTransitions(w http.ResponseWriter, r *http.Request) {
	i := s.here(w, r)
	if i == nil {
		return
	}
	withFields := slices.Contains(names(r.URL.Query(), "expand"), "transitions.fields")
	steps := i.project.Workflow.steps(i.Status)
	all := []object{}
	for id, step := range steps {
		to := i.project.Workflow.status(step.To)
		o := object{"id": id, "name": step.Name, "to": s.wireStatus(&i.project.Workflow, to.Name, to.Category)}
		if !s.opt.DataCenter {
			o["hasScreen"], o["isGlobal"], o["isInitial"], o["isAvailable"], o["isConditional"] = len(step.Fields) > 0, len(step.From) == 0, false, true, false
		}
		if withFields {
			fields := object{}
			for _, f := range step.Fields {
				wf := s.wireField(f)
				delete(wf, "fieldId") // only metadata of projects has it
				fields[f.ID] = wf
			}
			o["fields"] = fields
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	answer(w, http.StatusOK, object{"expand": "transitions", "transitions": all})
}

func (s *Server) postTransition(w http.ResponseWriter, r *http.Request) {
	i := s.here(w, r)
	if i == nil {
		return
	}
	body, ok := decode(w, r, "fields", "update", "properties", "historyMetadata", "transition")
	if !ok {
		return
	}
	chosen, _ := body["transition"].(object)
	step, ok := i.project.Workflow.steps(i.Status)[text(chosen["id"])]
	if !ok {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("Transition id '%s' is not valid for this issue.", text(chosen["id"])))
		return
	}
	given, _ := body["fields"].(object)
	wrong := make(map[string]string)
	resolution := "Done"
	for _, f := range step.Fields {
		switch value := given[f.ID]; {
		case value == nil && f.Required && !f.HasDefault:
			wrong[f.ID] = f.Name + " is required."
		case value != nil && f.ID == "resolution":
			resolution = pick(&f, value, wrong, "The resolution selected is invalid.")
		}
	}
	for id := range given {
		if !slices.ContainsFunc(step.Fields, func(f Field) bool { return f.ID == id }) {
			wrong[id] = fmt.Sprintf("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", id)
		}
	}
	if len(wrong) > 0 {
		refuseFields(w, wrong)
		return
	}
	s.enter(s.bot(), i, *i.project.Workflow.status(step.To), resolution)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) postLink(w http.ResponseWriter, r *http.Request) {
	i := s.here(w, r)
	if i == nil {
		return
	}
	body, ok := decode(w, r, "globalId", "application", "relationship", "object")
	if !ok {
		return
	}
	o, _ := body["object"].(object)
	status, _ := o["status"].(object)
	l := Link{
		GlobalID: text(body["globalId"]), URL: text(o["url"]), Title: text(o["title"]), Summary: text(o["summary"]),
		Relation: text(body["relationship"]), Resolved: status["resolved"] == true,
	}
	wrong := make(map[string]string)
	if l.Title == "" {
		wrong["title"] = "'title' is required."
	}
	if u, err := url.Parse(l.URL); err != nil || u.Host == "" {
		wrong["url"] = "'url' is invalid."
	}
	if len(l.GlobalID) > 255 {
		wrong["globalId"] = "'globalId' is too long. Maximum length is 255 characters."
	}
	if len(wrong) > 0 {
		refuseFields(w, wrong)
		return
	}
	code := http.StatusCreated
	if n := slices.IndexFunc(i.Links, func(old Link) bool { return l.GlobalID != "" && old.GlobalID == l.GlobalID }); n >= 0 {
		l.ID = i.Links[n].ID
		i.Links[n] = l
		code = http.StatusOK
	} else {
		l.ID = s.newID()
		i.Links = append(i.Links, l)
	}
	answer(w, code, object{"id": l.ID, "self": s.self("issue", i.ID, "remotelink", strconv.Itoa(l.ID))})
}
