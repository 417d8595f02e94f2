package jirasim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// choice returns which of several things a value names: by id, or by name.
func choice(value any, by string) string {
	o, _ := value.(object)
	if id := text(o["id"]); id != "" {
		return id
	}
	return text(o[by])
}

// text returns a value as a string, "" for null.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// set sets a field as Jira would, or says in wrong why not.
func (s *Server) set(t *IssueType, n *Issue, id string, value any, wrong map[string]string) {
	f := t.field(id)
	if f == nil {
		wrong[id] = fmt.Sprintf("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", id)
		return
	}
	str, isString := value.(string)
	textual := isString || value == nil
	switch id {
	case "project", "issuetype": // the caller has looked at them
	case "summary":
		switch {
		case !textual || strings.TrimSpace(str) == "":
			wrong[id] = "You must specify a summary of the issue."
		case strings.ContainsAny(str, "\r\n"):
			wrong[id] = "The summary is invalid because it contains newline characters."
		case len(utf16.Encode([]rune(str))) > 255:
			wrong[id] = "Summary must be less than 255 characters."
		}
		n.Summary = str
	case "description":
		if !textual {
			wrong[id] = "Operation value must be a string"
		} else if len(utf16.Encode([]rune(str))) > 32_767 {
			wrong[id] = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
		}
		n.Description = str
	case "duedate":
		if _, err := time.Parse(time.DateOnly, str); !textual || (str != "" && err != nil) {
			wrong[id] = "Error parsing date string: " + str
		}
		n.Due = str
	case "labels":
		n.Labels = s.labels(value, wrong)
	case "priority":
		n.Priority = pick(f, value, wrong, "The priority selected is invalid.")
	case "assignee", "reporter":
		account := s.account(id, value, wrong)
		if id == "assignee" {
			n.Assignee = account
		} else {
			n.Reporter = account
		}
	default:
		if len(f.Allowed) > 0 {
			pick(f, value, wrong, fmt.Sprintf("Option value '%s' is not valid", text(value)))
		}
		n.Fields[id] = value
	}
}

// pick returns the name of the chosen value of a field.
func pick(f *Field, value any, wrong map[string]string, otherwise string) string {
	by := "name"
	if f.Type == "option" {
		by = "value"
	}
	ref := choice(value, by)
	for _, name := range f.Allowed {
		if name == ref || valueID(f.Allowed, name) == ref {
			return name
		}
	}
	wrong[f.ID] = otherwise
	return ""
}

func (s *Server) labels(value any, wrong map[string]string) []string {
	list, ok := value.([]any)
	if !ok && value != nil {
		wrong["labels"] = "data was not an array"
	}
	var out []string
	for _, v := range list {
		l, ok := v.(string)
		switch {
		case !ok:
			wrong["labels"] = "string expected at index 0"
		case strings.ContainsAny(l, " \t\r\n"):
			wrong["labels"] = fmt.Sprintf("The label '%s' contains spaces which is invalid.", l)
		case len(utf16.Encode([]rune(l))) > 255:
			wrong["labels"] = "The label exceeds the maximum length of 255 characters."
		case !slices.Contains(out, l):
			out = append(out, l)
		}
	}
	return out
}

// account returns the user that a value names: by accountId on Cloud, by name
// on Data Center.
func (s *Server) account(id string, value any, wrong map[string]string) string {
	if value == nil {
		return ""
	}
	o, _ := value.(object)
	for _, u := range s.users {
		match := u.AccountID == text(o["accountId"]) || u.AccountID == text(o["id"])
		if s.opt.DataCenter {
			match = u.Name == text(o["name"])
		}
		if match && !u.Inactive {
			return u.AccountID
		}
	}
	wrong[id] = "Specify a valid value for " + id
	if s.opt.DataCenter {
		wrong[id] = fmt.Sprintf("User '%s' does not exist.", text(o["name"]))
	}
	return ""
}

func (s *Server) editLabels(labels []string, operations []any, wrong map[string]string) []string {
	for _, op := range operations {
		o, _ := op.(object)
		switch {
		case o["add"] != nil:
			labels = append(labels, s.labels([]any{o["add"]}, wrong)...)
		case o["remove"] != nil:
			labels = slices.DeleteFunc(labels, func(l string) bool { return l == o["remove"] })
		default:
			wrong["labels"] = "operation is not supported"
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
