package botframeworksim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"imbot/integrations/botframework"
)

// Press names a button of a card and what is typed before it is pressed.
type Press struct {
	// Title, Verb and ID name the button; empty ones match any. Exactly one
	// button must match.
	Title string
	Verb  string
	ID    string
	// Inputs are values by input id; the others have their defaults. An id that
	// the card does not have is an error, and so is a required one left empty.
	Inputs map[string]any
	// Version is which content of the post is pressed on: 0 the current one, 1
	// the first, 2 the one after, as a person does who has not seen an update.
	Version int
}

// button is an action found in a card, with the inputs that go with it.
type button struct {
	action map[string]any
	inputs []map[string]any
}

// press finds the button and returns it with its data and inputs merged. s.mu
// is held.
func (p *Post) press(pr Press, kind string) (action map[string]any, data any, err error) {
	content := p.Activity
	if pr.Version > 0 {
		all := append(slices.Clone(p.History), p.Activity)
		if pr.Version > len(all) {
			return nil, nil, noSuch("version of post", fmt.Sprint(pr.Version))
		}
		content = all[pr.Version-1]
	}
	var found []button
	for _, at := range content.Attachments {
		var tree any
		if at.ContentType == botframework.ContentTypeAdaptiveCard && json.Unmarshal(at.Content, &tree) == nil {
			found = append(found, buttons(tree, collectInputs(tree))...)
		}
	}
	found = slices.DeleteFunc(found, func(b button) bool {
		return b.action["type"] != kind || !matches(b.action["title"], pr.Title) ||
			!matches(b.action["verb"], pr.Verb) || !matches(b.action["id"], pr.ID) || b.action["isEnabled"] == false
	})
	if len(found) != 1 {
		return nil, nil, fmt.Errorf("%w (%d match)", noSuch("button "+kind, pr.Title+pr.Verb+pr.ID), len(found))
	}
	data, err = found[0].data(pr.Inputs)
	return found[0].action, data, err
}

func matches(have any, want string) bool { return want == "" || have == want }

// buttons walks a card. Fallbacks are not shown where the element itself is.
func buttons(node any, inputs []map[string]any) (out []button) {
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			out = append(out, buttons(v, inputs)...)
		}
	case map[string]any:
		if t, _ := n["type"].(string); t == "Action.Execute" || t == "Action.Submit" {
			b := button{action: n, inputs: inputs}
			if n["associatedInputs"] == "none" {
				b.inputs = nil
			}
			out = append(out, b)
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			if key != "fallback" && key != "data" && key != "refresh" {
				out = append(out, buttons(n[key], inputs)...)
			}
		}
	}
	return out
}

func collectInputs(node any) (out []map[string]any) {
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			out = append(out, collectInputs(v)...)
		}
	case map[string]any:
		if t, _ := n["type"].(string); len(t) > 6 && t[:6] == "Input." {
			out = append(out, n)
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			if key != "fallback" && key != "data" {
				out = append(out, collectInputs(n[key])...)
			}
		}
	}
	return out
}

// errInput is an input that the client itself would not let through.
var errInput = errors.New("teams simulator: input")

// data merges the button's data with the inputs, as the client does. Data that
// is no object is sent as it is if there are no inputs.
func (b button) data(given map[string]any) (any, error) {
	merged := map[string]any{}
	base, isObject := b.action["data"].(map[string]any)
	maps.Copy(merged, base)
	rest := maps.Clone(given)
	values := 0
	for _, in := range b.inputs {
		id, _ := in["id"].(string)
		v, typed := given[id]
		delete(rest, id)
		if !typed {
			v = in["value"]
			if v == nil && in["type"] == "Input.Toggle" {
				v = "false"
			}
		}
		if v == nil || v == "" {
			if in["isRequired"] == true {
				return nil, fmt.Errorf("%w %q is required", errInput, id)
			}
			if !typed {
				continue
			}
		}
		merged[id] = v
		values++
	}
	for id := range rest {
		return nil, fmt.Errorf("%w %q is not on the card", errInput, id)
	}
	if b.action["data"] != nil && !isObject && values == 0 {
		return b.action["data"], nil
	}
	return merged, nil
}
