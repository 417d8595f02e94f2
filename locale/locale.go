// Package locale holds every text that imbot says to people, in English and
// Indonesian: one catalogue, so that a card, a chat answer and a page say the
// same thing in the same words.
//
// It knows words only. It escapes nothing: whoever puts a text into Markdown,
// HTML or a mail escapes the values that he fills in. Verbs stay English in
// every language, because people type them.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// Languages that the catalogue is complete in.
const (
	English    = "en"
	Indonesian = "id"
)

//go:embed en.json id.json
var files embed.FS

// catalogue is language -> key -> text. It is read once and never changed.
var catalogue = map[string]map[string]string{
	English:    mustLoad("en.json"),
	Indonesian: mustLoad("id.json"),
}

// mustLoad reads an embedded file; one that does not parse is a fault of the
// build, which every test would show.
func mustLoad(name string) map[string]string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("locale: " + err.Error())
	}
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		panic("locale: " + name + ": " + err.Error())
	}
	return m
}

// Match returns the language for a locale such as "id-ID" or "en_GB": "id" for
// Indonesian (also under its old code "in"), else "en".
func Match(locale string) string {
	base, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(locale), "_", "-"), "-")
	switch strings.ToLower(base) {
	case "id", "in":
		return Indonesian
	}
	return English
}

// Printer says things in one language. The zero Printer speaks English.
type Printer struct{ lang string }

// For returns the Printer of a language or locale; English for one that the
// catalogue does not have.
func For(lang string) Printer { return Printer{Match(lang)} }

// Lang is the printer's language: "en" or "id".
func (p Printer) Lang() string {
	if p.lang == "" {
		return English
	}
	return p.lang
}

// Text returns the text of a key. pairs are names and values for its
// placeholders, such as "id", inc.ID for "{id}". A key that no language has
// comes back as itself.
func (p Printer) Text(key string, pairs ...any) string { return p.Or(key, key, pairs...) }

// Or is Text with a default for keys that the catalogue does not have, such as
// those of levels that a company has added.
func (p Printer) Or(key, fallback string, pairs ...any) string {
	return fill(p.find(key, fallback), pairs)
}

// N is Text for a text that counts something: it also fills in {n}, and uses
// the key with ".one" where n is 1 and the language has such a text.
func (p Printer) N(key string, n int, pairs ...any) string {
	pairs = append([]any{"n", n}, pairs...)
	if n == 1 {
		if s, ok := catalogue[p.Lang()][key+".one"]; ok {
			return fill(s, pairs)
		}
	}
	return p.Text(key, pairs...)
}

// Has reports whether the catalogue has a text of this key.
func (p Printer) Has(key string) bool {
	_, ok := catalogue[English][key]
	return ok
}

func (p Printer) find(key, fallback string) string {
	for _, lang := range []string{p.Lang(), English} {
		if s, ok := catalogue[lang][key]; ok {
			return s
		}
	}
	return fallback
}

// fill replaces {name} by its value, in one pass: a value that itself looks
// like a placeholder stays as it is, and so does a placeholder without a value.
func fill(text string, pairs []any) string {
	if len(pairs) < 2 || !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			break
		}
		b.WriteString(text[:i])
		if v, ok := value(pairs, text[i+1:i+j]); ok {
			b.WriteString(v)
		} else {
			b.WriteString(text[i : i+j+1])
		}
		text = text[i+j+1:]
	}
	b.WriteString(text)
	return b.String()
}

func value(pairs []any, name string) (string, bool) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == name {
			if list, ok := pairs[i+1].([]string); ok {
				return strings.Join(list, ", "), true
			}
			return fmt.Sprint(pairs[i+1]), true
		}
	}
	return "", false
}
