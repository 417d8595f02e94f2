package jira

import (
	"encoding/json"
	"slices"
	"strings"

	"imbot/integrations/internal/atlassian"
	"imbot/integrations/internal/fit"
)

const product = "Jira"

// Error is what every method of [Client] fails with: what Jira said, and whether
// and when trying again makes sense. After creating an issue that may be done,
// look with [Client.FindByMarker] before trying again. Its Reason is one of the
// Reason constants.
type Error = atlassian.Error

// invalid is the error for what Jira would refuse anyhow: it is not sent.
func invalid(op, message string) *Error { return atlassian.Invalid(product, op, message) }

// reasons finds the messages in an error of any of the forms that Jira and the
// gateways before it have:
//   - {"errorMessages": […], "errors": {field: …}}, https://developer.atlassian.com/cloud/jira/platform/rest/v2/intro/#status-codes
//   - {"message": "…"}, {"error": "…", "error_description": "…"}
func reasons(body []byte) (string, map[string]string) {
	var answer struct {
		Messages    json.RawMessage `json:"errorMessages"`
		Errors      json.RawMessage `json:"errors"`
		Message     text            `json:"message"`
		Error       text            `json:"error"`
		Description text            `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil && !onlyTypes(err) {
		return "", nil
	}
	var said []string
	var list []text
	_ = json.Unmarshal(answer.Messages, &list) // else there is none
	for _, m := range list {
		said = append(said, string(m))
	}
	var byField map[string]text
	_ = json.Unmarshal(answer.Errors, &byField) // a list in some versions
	fields := make(map[string]string)
	for name, m := range byField {
		if m != "" && len(fields) < 50 {
			fields[fit.Line(name, 100)] = fit.Line(string(m), 300)
		}
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		said = append(said, name+": "+fields[name])
	}
	if len(said) == 0 {
		said = []string{string(answer.Message), string(answer.Error), string(answer.Description)}
	}
	said = slices.DeleteFunc(said, func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(fields) == 0 {
		fields = nil
	}
	return fit.Line(strings.Join(said, "; "), 400), fields
}
