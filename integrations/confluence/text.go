package confluence

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"imbot/integrations/internal/fit"
)

// MaxTitle is how long a title can be, in UTF-16 code units, as Java counts:
// Confluence refuses longer ones.
const MaxTitle = 255

// oneLine returns s as a single line of at most n bytes that can stand in XML.
func oneLine(s string, n int) string {
	return fit.Line(strings.Map(func(r rune) rune {
		if !inXML(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "")), n)
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
