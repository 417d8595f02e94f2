package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// Request checks members of the body: the validation lets those through that are
// not described.
func (c csdl) Request(key string, route *routers.Route, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	schema := route.Operation.RequestBody.Value.Content["application/json"].Schema.Value
	if bodies[key].in != "action" {
		if err := c.open(schema, value, "body"); err != nil {
			return err
		}
		return c.named(value, bodies[key].in, "body")
	}
	for name, v := range value {
		p := schema.Properties[name]
		if p == nil {
			return fmt.Errorf("body.%s is not described", name)
		}
		if err := c.open(p.Value, v, "body."+name); err != nil {
			return err
		}
		if typ, ok := strings.CutPrefix(p.Ref, "#/components/schemas/microsoft.graph."); ok {
			if err := c.named(v, typ, "body."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// open walks a value with its schema of the OpenAPI description.
func (c csdl) open(s *openapi3.Schema, value any, at string) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if s.Items == nil {
				return fmt.Errorf("%s is not described as a list", at)
			}
			if err := c.open(s.Items.Value, item, at+"[]"); err != nil {
				return err
			}
		}
	case map[string]any:
		props := map[string]*openapi3.SchemaRef{}
		flatten(s, props)
		for name, member := range v {
			p := props[name]
			switch {
			case strings.Contains(name, "@odata."): // the CSDL knows
			case p == nil:
				return fmt.Errorf("%s.%s is not described", at, name)
			default:
				if err := c.open(p.Value, member, at+"."+name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func flatten(s *openapi3.Schema, into map[string]*openapi3.SchemaRef) {
	for name, p := range s.Properties {
		into[name] = p
	}
	for _, part := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		flatten(part.Value, into)
	}
}

// member returns the type of a member of a type, or "".
func (c csdl) member(typ, name string) string {
	for t := c[typ]; t != nil; t = c[strings.TrimPrefix(t.Base, "graph.")] {
		for _, m := range slices.Concat(t.Props, t.Navs) {
			if m.Name == name {
				return m.Type
			}
		}
	}
	return ""
}

// named walks a value with its type of the CSDL.
func (c csdl) named(value any, typ, at string) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := c.named(item, typ, at+"[]"); err != nil {
				return err
			}
		}
	case map[string]any:
		if derived, ok := v["@odata.type"].(string); ok {
			if typ = strings.TrimPrefix(derived, "#microsoft.graph."); c[typ] == nil {
				return fmt.Errorf("%s is of no known type %s", at, derived)
			}
		}
		if c[typ] == nil {
			return nil // not in the trimmed file
		}
		for name, m := range v {
			bound, annotation, isAnnotation := strings.Cut(name, "@odata.")
			switch {
			case isAnnotation && annotation != "bind" && bound == "":
				continue
			case isAnnotation && annotation != "bind":
				return fmt.Errorf("%s.%s is no annotation for a request", at, name)
			}
			t := c.member(typ, bound)
			if t == "" {
				return fmt.Errorf("%s.%s: %s does not have it", at, name, typ)
			}
			t = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(t, "Collection("), ")"), "graph.")
			if err := c.named(m, t, at+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}
