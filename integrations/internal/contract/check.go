package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// check returns what is wrong with an exchange.
func (c *Contract) check(r *http.Request, body []byte, resp *http.Response, got []byte) error {
	in, err := c.find(r, body)
	if err != nil {
		return err
	}
	if c.Prose != nil && c.Prose(r) {
		return nil
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := c.request(in.Route, in.QueryParams, body); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if len(got) == 0 && (resp.StatusCode == http.StatusNoContent || slices.Contains(c.Empty, resp.StatusCode)) {
		return nil // described with a body all the same
	}
	if c.Answer != nil {
		got = c.Answer(got)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		out.Header = resp.Header.Clone() // descriptions know the plain media type only
		out.Header.Set("Content-Type", "application/json")
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes(got)); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil // bodies of refusals are described at best in part
	}
	if err := c.response(in.Route, resp.StatusCode, got); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// find returns the request as the description has it.
func (c *Contract) find(r *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	path, query, err := r.URL.EscapedPath(), r.URL.Query(), error(nil)
	if c.Path != nil {
		if path, err = c.Path(path); err != nil {
			return nil, err
		}
	}
	if c.Query != nil {
		if query, err = c.Query(query); err != nil {
			return nil, err
		}
	}
	req := r.Clone(context.Background())
	req.URL = &url.URL{Path: path, RawQuery: query.Encode()}
	if plain, err := url.PathUnescape(path); err == nil {
		req.URL.Path = plain
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		req.Body = nil
		if r.Header.Get("Content-Type") != "" && !c.Untidy {
			return nil, errors.New("request: a media type without a body")
		}
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.covered[key(route)] = true
	c.mu.Unlock()
	return &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route, QueryParams: query,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	}, nil
}

func key(route *routers.Route) string { return route.Method + " " + route.Path }

// request finds parameters and members that are not described, or that only the
// vendor sets: the validation lets those through.
func (c *Contract) request(route *routers.Route, query url.Values, body []byte) error {
	for name := range query {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("query parameter %q is not described", name)
		}
	}
	switch {
	case c.Names != nil:
		return c.Names.Request(key(route), route, body)
	case len(body) == 0:
		return nil
	case route.Operation.RequestBody == nil:
		return errors.New("a body is not described")
	}
	return c.members(route.Operation.RequestBody.Value.Content, body, true)
}

func (c *Contract) response(route *routers.Route, status int, body []byte) error {
	if c.Names != nil {
		return c.Names.Response(key(route), body)
	}
	described := route.Operation.Responses.Status(status)
	if c.Brief || described == nil || len(body) == 0 {
		return nil // found by the validation, where it is wrong
	}
	return c.members(described.Value.Content, body, false)
}

func (c *Contract) members(content openapi3.Content, body []byte, request bool) error {
	media := content["application/json"]
	if media == nil || media.Schema == nil {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return c.described([]*openapi3.Schema{media.Schema.Value}, value, "body", request)
}

// described walks a value with the schemas that describe it together.
func (c *Contract) described(schemas []*openapi3.Schema, value any, at string, request bool) error {
	for i := 0; i < len(schemas); i++ { // grows
		for _, part := range schemas[i].AllOf {
			schemas = append(schemas, part.Value)
		}
	}
	for _, s := range schemas {
		if len(s.AnyOf) > 0 {
			return c.any(s.AnyOf, value, at, request)
		}
	}
	switch v := value.(type) {
	case []any:
		i := slices.IndexFunc(schemas, func(s *openapi3.Schema) bool { return s.Items != nil })
		for _, item := range v {
			if i < 0 {
				return fmt.Errorf("%s is not described as a list", at)
			}
			if err := c.described([]*openapi3.Schema{schemas[i].Items.Value}, item, at+"[]", request); err != nil {
				return err
			}
		}
	case map[string]any:
		if c.Open && !slices.ContainsFunc(schemas, func(s *openapi3.Schema) bool { return len(s.Properties) > 0 }) {
			return nil
		}
		for name, member := range v {
			var found []*openapi3.Schema
			for _, s := range schemas {
				if p := s.Properties[name]; p != nil {
					found = append(found, p.Value)
				}
			}
			switch {
			case len(found) == 0:
				return fmt.Errorf("%s.%s is not described", at, name)
			case request && found[0].ReadOnly:
				return fmt.Errorf("%s.%s is for the vendor to set", at, name)
			}
			if err := c.described(found, member, at+"."+name, request); err != nil {
				return err
			}
		}
	}
	return nil
}

// any looks for one branch that describes a value in full: the validation takes
// a value that is valid by one, and described by another.
func (c *Contract) any(branches openapi3.SchemaRefs, value any, at string, request bool) error {
	var problems []error
	for _, branch := range branches {
		err := errors.Join(branch.Value.VisitJSON(value), c.described([]*openapi3.Schema{branch.Value}, value, at, request))
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
