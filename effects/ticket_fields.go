package effects

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"imbot/integrations/jira"
)

// TicketField gives a value of the configuration the form that Jira takes for a
// field. What is a JSON object or list goes as it is; else the field's type
// decides, and lists are written with commas.
func TicketField(f *jira.Field, value string) (any, error) {
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") {
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return nil, fmt.Errorf("%s is no JSON: write an object or a list as Jira's API takes it, or plain text", f.ID)
		}
		return v, nil
	}
	if f.Type != "array" {
		return fieldValue(f.Type, f.ID, value)
	}
	list := []any{}
	for item := range strings.SplitSeq(value, ",") {
		v, err := fieldValue(f.Items, f.ID, strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

var errNumber = errors.New("is a number in Jira: write one, such as 3 or 0.5")

func fieldValue(kind, id, value string) (any, error) {
	switch kind {
	case "option":
		return map[string]string{"value": value}, nil
	case "priority", "version", "component", "group", "resolution", "securitylevel", "user":
		if kind == "user" && strings.Contains(value, ":") {
			return map[string]string{"accountId": value}, nil
		}
		return map[string]string{"name": value}, nil
	case "number":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || n != n || n-n != 0 { // not a number, or without end
			return nil, fmt.Errorf("%s %w", id, errNumber)
		}
		return n, nil
	}
	return value, nil
}

// ticketFields are the configured fields that the project takes, in its form;
// dropped names those that it does not take.
func ticketFields(meta *jira.Meta, want map[string]string) (fields map[string]any, dropped []string, err error) {
	fields = map[string]any{}
	for id, value := range want {
		f := meta.Field(id)
		if f == nil {
			dropped = append(dropped, id)
			continue
		}
		if fields[id], err = TicketField(f, value); err != nil {
			return nil, nil, err
		}
	}
	return fields, dropped, nil
}

// FitTicket makes an issue fit what the project takes: it adds the configured
// fields, and leaves out and names what is not taken. The error says what the
// project wants that is not there.
func FitTicket(meta *jira.Meta, n jira.NewIssue, want map[string]string) (jira.NewIssue, []string, error) {
	fields, dropped, err := ticketFields(meta, want)
	if err != nil {
		return n, nil, fmt.Errorf("jira.fields: %w", err)
	}
	n.Fields = fields
	fit, also, missing := meta.Fit(n)
	dropped = append(dropped, also...)
	if meta.Field("labels") == nil {
		return fit, dropped, fmt.Errorf("the project %s takes no labels of a new %s, and imbot finds its tickets by them: let a Jira administrator put Labels on the create screen",
			meta.Project, meta.Type.Name)
	}
	if len(missing) > 0 {
		names := make([]string, len(missing))
		for i, f := range missing {
			names[i] = fmt.Sprintf("%s (%s)", f.Name, f.ID)
		}
		return fit, dropped, fmt.Errorf("the project %s wants %s of a new %s: set them under jira.fields, or let a Jira administrator make them optional",
			meta.Project, strings.Join(names, ", "), meta.Type.Name)
	}
	return fit, dropped, nil
}
