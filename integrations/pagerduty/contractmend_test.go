package pagerduty_test

import (
	"github.com/getkin/kin-openapi/openapi3"
)

// mendRequests brings two schemas in line with the examples that the description
// itself gives for them: the targets of a responder request have an envelope
// each, the details of a new incident are a text, and its references have id and
// type. Of who is on call it takes the texts at their word: null is always, and
// users can be included in full.
func mendRequests(doc *openapi3.T) {
	path := doc.Paths.Value("/incidents/{id}/responder_requests").Post
	target := doc.Components.Schemas["ResponderRequestTargetReference"].Value
	target.Properties["incidents_responders"] = target.Properties["incident_responders"]
	enveloped := openapi3.NewObjectSchema().WithProperty("responder_request_target", target)
	enveloped.Required = []string{"responder_request_target"}
	request := path.RequestBody.Value.Content["application/json"].Schema.Value.Properties["responder_request_targets"].Value
	request.Type = &openapi3.Types{"array"}
	request.Items = enveloped.NewRef()
	answer := path.Responses.Value("200").Value.Content["application/json"].Schema.Value.Properties["responder_request"].Value
	answer.Properties["responder_request_targets"].Value.Items = enveloped.NewRef()

	body := doc.Components.Schemas["IncidentBody"].Value
	body.Properties["details"].Value.Type = &openapi3.Types{"string"}
	body.Properties["type"] = openapi3.NewStringSchema().WithEnum("incident_body").NewRef()

	for _, kind := range []string{"Service", "User", "EscalationPolicy"} {
		writable(doc.Components.Schemas[kind+"Reference"].Value)
	}

	oncall := doc.Components.Schemas["Oncall"].Value
	for _, name := range []string{"start", "end", "schedule"} {
		oncall.Properties[name].Value.Nullable = true
	}
	oncall.Properties["user"] = &openapi3.SchemaRef{Value: &openapi3.Schema{
		AnyOf: openapi3.SchemaRefs{doc.Components.Schemas["UserReference"], doc.Components.Schemas["User"]},
	}}
}

// writable lets a request name id and type.
func writable(s *openapi3.Schema) {
	for _, name := range []string{"id", "type"} {
		if p := s.Properties[name]; p != nil {
			p.Value.ReadOnly = false
		}
	}
	for _, part := range s.AllOf {
		writable(part.Value)
	}
}
