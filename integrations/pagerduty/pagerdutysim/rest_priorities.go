package pagerdutysim

import "net/http"

// priorityNames are the priorities of the account, highest first.
var priorityNames = []string{"P1", "P2", "P3", "P4", "P5"}

// priorityID is the id of a priority, "" for none.
func priorityID(name string) string {
	if name == "" {
		return ""
	}
	return "PPRIO" + name
}

func (s *Server) getPriorities(w http.ResponseWriter, r *http.Request) {
	all := make([]map[string]any, len(priorityNames))
	for n, name := range priorityNames {
		p := priorityRef(name)
		all[n] = map[string]any{"id": p.ID, "type": "priority", "summary": name, "self": p.Self, "html_url": nil, "name": name, "description": "Priority " + name}
	}
	page, p, err := slice(r.URL.Query(), all)
	if err != nil {
		invalid(w, err.Error())
		return
	}
	answer(w, http.StatusOK, struct {
		paging
		Priorities []map[string]any `json:"priorities"`
	}{p, page})
}

// fieldChange is what a log entry says about a field that changed. Of
// priorities and services PagerDuty gives the ids.
type fieldChange struct{ name, old, value string }

func (c *fieldChange) rest() map[string]any {
	field := map[string]any{"id": "PF" + c.name, "name": c.name, "namespace": "incidents", "old_value": nil, "value": c.value}
	if c.old != "" {
		field["old_value"] = c.old
	}
	return map[string]any{"application_fields": []any{field}}
}
