package confluence

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// MaxTitle is how long a title can be, in UTF-16 code units, as Java counts:
// Confluence refuses longer ones.
const MaxTitle = 255

// clip returns s, shortened to at most n UTF-16 code units.
func clip(s string, n int) string {
	if len(s) <= n { // bytes are at least as many
		return s
	}
	units, keep := 0, 0
	for i, r := range s {
		if units < n { // leaves room for the ellipsis
			keep = i
		}
		if units += utf16.RuneLen(r); units > n {
			return s[:keep] + "…"
		}
	}
	return s
}

// oneLine returns s as a single line of at most n bytes, without control
// characters and those that turn the direction of the text around them.
func oneLine(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || !inXML(r)
	}), " ")
	if len(s) <= n {
		return s
	}
	cut := strings.ToValidUTF8(s[:n-len("…")], "")
	return strings.TrimRight(cut, " ") + "…"
}

// wellFormed returns an error if s is no storage format that can be parsed.
// Confluence knows HTML's entities, and its own prefixes without a declaration.
func wellFormed(s string) error {
	d := xml.NewDecoder(strings.NewReader("<page>" + s + "</page>"))
	d.Entity = xml.HTMLEntity
	depth, closed := 0, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive, xml.ProcInst:
			return errors.New("directives and processing instructions are not for pages")
		}
		if closed {
			return errors.New("it ends before its end")
		}
		closed = depth == 0
	}
}

// text is a string that Confluence may also send as a number, an object or
// null. What is no string is taken as empty: one odd field must not cost the
// message.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	if len(b) > 0 && b[0] == '"' {
		var s string
		if json.Unmarshal(b, &s) == nil {
			*t = text(s)
		}
	}
	return nil
}
