package confluence

import (
	"encoding/json"
	"slices"
	"strings"

	"imbot/integrations/internal/atlassian"
)

const product = "Confluence"

// Error is what every method of [Client] fails with: what Confluence said, and
// whether and when trying again makes sense. After a Put that may be done,
// [Client.Put] finds out when it is tried again.
type Error = atlassian.Error

// invalid is the error for what Confluence would refuse anyhow: it is not sent.
func invalid(op, message string) *Error { return atlassian.Invalid(product, op, message) }

// reasons finds the messages in an error of any of the forms that Confluence
// and the gateways before it have. No field of a page is named:
//   - {"errors": [{"status", "code", "title", "detail"}]}, of version 2 of the API
//   - {"statusCode", "message"}, of version 1, with the Java class before the words
//   - {"message": "…"}, {"error": "…", "error_description": "…"}
func reasons(body []byte) (string, map[string]string) {
	var answer struct {
		Errors      json.RawMessage `json:"errors"`
		Message     text            `json:"message"`
		Error       text            `json:"error"`
		Description text            `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", nil
	}
	var list []struct {
		Title  text `json:"title"`
		Detail text `json:"detail"`
	}
	_ = json.Unmarshal(answer.Errors, &list) // else there is none
	var said []string
	for _, e := range list {
		said = append(said, string(e.Title), string(e.Detail))
	}
	said = append(said, string(answer.Message), string(answer.Error), string(answer.Description))
	for i, s := range said {
		if java, words, ok := strings.Cut(s, ": "); ok && strings.HasPrefix(java, "com.atlassian.") {
			said[i] = words
		}
	}
	said = slices.DeleteFunc(said, func(s string) bool { return strings.TrimSpace(s) == "" })
	return oneLine(strings.Join(slices.Compact(said), "; "), 400), nil
}
