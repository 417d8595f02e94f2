package botframework

import (
	"encoding/json"
	"strings"
)

// cardContents begin the content types of cards: Adaptive Cards, and the older
// ones of connectors, with a title, a text and facts.
var cardContents = []string{"application/vnd.microsoft.card.", "application/vnd.microsoft.teams.card."}

// maxDepth bounds how deep a card's elements are looked for.
const maxDepth = 20

// cardText is what people read on a card, as lines, at most limit runes; "" for
// what is no card. Buttons and inputs say nothing.
func cardText(contentType string, raw json.RawMessage, limit int) string {
	known := false
	for _, p := range cardContents {
		known = known || strings.HasPrefix(contentType, p)
	}
	if !known || len(raw) > MaxActivityBytes {
		return ""
	}
	var quoted string
	if json.Unmarshal(raw, &quoted) == nil { // in a message action it is JSON in a string
		raw = json.RawMessage(quoted)
	}
	var card any
	if json.Unmarshal(raw, &card) != nil {
		return ""
	}
	var lines []string
	cardLines(card, &lines, 0)
	return PlainBody(strings.Join(lines, "\n"), limit)
}

// cardLines collects the lines of an element, in the order in which they are
// read. The parts of a RichTextBlock are one line.
func cardLines(node any, lines *[]string, depth int) {
	if depth > maxDepth {
		return
	}
	if list, ok := node.([]any); ok {
		for _, n := range list {
			cardLines(n, lines, depth+1)
		}
		return
	}
	m, ok := node.(map[string]any)
	if !ok {
		return
	}
	kind, _ := m["type"].(string)
	if strings.HasPrefix(kind, "Action.") || strings.HasPrefix(kind, "Input.") {
		return
	}
	say := func(key string) string {
		s, _ := m[key].(string)
		return strings.TrimSpace(s)
	}
	if value := say("value"); value != "" { // a fact
		name := say("title")
		if name == "" {
			name = say("name")
		}
		*lines = append(*lines, strings.TrimPrefix(strings.TrimSuffix(name, ":")+": "+value, ": "))
		return
	}
	for _, key := range []string{"title", "subtitle", "activityTitle", "activitySubtitle", "text"} {
		if s := say(key); s != "" {
			*lines = append(*lines, HTMLText(s, MaxMessageText))
		}
	}
	if runs, ok := m["inlines"].([]any); ok {
		var parts []string
		for _, r := range runs {
			if s, ok := r.(string); ok {
				parts = append(parts, s)
				continue
			}
			cardLines(r, &parts, depth+1)
		}
		*lines = append(*lines, strings.Join(parts, " "))
	}
	for _, key := range []string{"body", "items", "columns", "rows", "cells", "facts", "sections"} {
		cardLines(m[key], lines, depth+1)
	}
}
