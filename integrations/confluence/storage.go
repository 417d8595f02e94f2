package confluence

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Doc builds the body of a page in Confluence's storage format. Whatever texts
// it is given, the result is well-formed, and the texts stay texts: markup in
// them shows as it was written. The zero value is an empty page. It is not safe
// for concurrent use.
// https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html
type Doc struct{ b strings.Builder }

// String returns the body.
func (d *Doc) String() string { return d.b.String() }

// Heading adds a heading of one line. Levels are 1 to 6; others are taken as
// the nearest of these.
func (d *Doc) Heading(level int, text string) {
	tag := "h" + strconv.Itoa(min(max(level, 1), 6))
	d.element(tag, Text(oneLine(text, 2000)))
}

// Paragraph adds a paragraph of the parts, one directly after the other.
func (d *Doc) Paragraph(parts ...Inline) { d.element("p", Join(parts...)) }

// Item is one of a list, with those that belong to it.
type Item struct {
	Text Inline
	Sub  []Inline
}

// List adds a list, numbered or with bullets. Those below its items have bullets.
func (d *Doc) List(numbered bool, items ...Item) {
	if len(items) == 0 {
		return // an empty list is no valid content
	}
	tag := "ul"
	if numbered {
		tag = "ol"
	}
	d.b.WriteString("<" + tag + ">")
	for _, item := range items {
		d.b.WriteString("<li>" + item.Text.xml)
		if len(item.Sub) > 0 {
			d.b.WriteString("<ul>")
			for _, sub := range item.Sub {
				d.element("li", sub)
			}
			d.b.WriteString("</ul>")
		}
		d.b.WriteString("</li>")
	}
	d.b.WriteString("</" + tag + ">")
}

// Table adds a table. head may be nil. Short rows are filled up with empty
// cells, so that all have the same number.
func (d *Doc) Table(head []string, rows ...[]Inline) {
	columns := len(head)
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	if columns == 0 || len(head)+len(rows) == 0 {
		return
	}
	d.b.WriteString("<table><tbody>")
	if len(head) > 0 {
		cells := make([]Inline, len(head))
		for i, h := range head {
			cells[i] = Text(h)
		}
		d.row("th", cells, columns)
	}
	for _, row := range rows {
		d.row("td", row, columns)
	}
	d.b.WriteString("</tbody></table>")
}

func (d *Doc) row(tag string, cells []Inline, columns int) {
	d.b.WriteString("<tr>")
	for i := range columns {
		var cell Inline
		if i < len(cells) {
			cell = cells[i]
		}
		d.b.WriteString("<" + tag + ">")
		d.element("p", cell)
		d.b.WriteString("</" + tag + ">")
	}
	d.b.WriteString("</tr>")
}

// Panel is the look of a note that stands out.
type Panel string

// The panels that Confluence has.
const (
	PanelInfo    Panel = "info"
	PanelTip     Panel = "tip"
	PanelNote    Panel = "note"
	PanelWarning Panel = "warning"
)

// Note adds a paragraph in a panel. An unknown panel is taken as PanelInfo.
func (d *Doc) Note(p Panel, parts ...Inline) {
	switch p {
	case PanelInfo, PanelTip, PanelNote, PanelWarning:
	default:
		p = PanelInfo
	}
	d.b.WriteString(`<ac:structured-macro ac:name="` + string(p) + `"><ac:rich-text-body>`)
	d.Paragraph(parts...)
	d.b.WriteString("</ac:rich-text-body></ac:structured-macro>")
}

// Rule adds a line across the page.
func (d *Doc) Rule() { d.b.WriteString("<hr/>") }

func (d *Doc) element(tag string, content Inline) {
	d.b.WriteString("<" + tag + ">" + content.xml + "</" + tag + ">")
}

// Inline is a part of a paragraph, cell or item of a list. The zero value is
// empty.
type Inline struct{ xml string }

// Text is plain text. Its line breaks remain.
func Text(s string) Inline {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return Inline{strings.ReplaceAll(escape(s), "\n", "<br/>")}
}

// Bold is emphasized text.
func Bold(s string) Inline { return Inline{"<strong>" + Text(s).xml + "</strong>"} }

// Link is text that leads to an address. An address that is not absolute, not
// http or https, or holds a user name is not linked: it is added to the text
// instead. Empty text is taken as the address.
func Link(text, address string) Inline {
	if strings.TrimSpace(text) == "" {
		text = address
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil {
		if address != "" && text != address {
			text += " (" + address + ")"
		}
		return Text(text)
	}
	return Inline{`<a href="` + escape(u.String()) + `">` + Text(text).xml + "</a>"}
}

// Color is that of a [Status].
type Color string

// The colors that Confluence has for a status.
const (
	Grey   Color = "Grey"
	Red    Color = "Red"
	Yellow Color = "Yellow"
	Green  Color = "Green"
	Blue   Color = "Blue"
	Purple Color = "Purple"
)

// Status is a word or two on a colored ground. An unknown color is taken as
// Grey.
func Status(c Color, label string) Inline {
	switch c {
	case Grey, Red, Yellow, Green, Blue, Purple:
	default:
		c = Grey
	}
	label = oneLine(label, 200)
	if label == "" {
		return Inline{} // Confluence would write its own word
	}
	return Inline{`<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">` + string(c) +
		`</ac:parameter><ac:parameter ac:name="title">` + escape(label) + `</ac:parameter></ac:structured-macro>`}
}

// Join puts parts one directly after the other.
func Join(parts ...Inline) Inline {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.xml)
	}
	return Inline{b.String()}
}

// anchor is a mark that readers don't see.
func anchor(name string) string {
	return `<p><ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">` + escape(name) + `</ac:parameter></ac:structured-macro></p>`
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escape(s string) string { return escaper.Replace(legal(s)) }

// legal leaves out what XML 1.0 has no way to say, such as most control
// characters.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if !inXML(r) {
			return -1
		}
		return r // bytes that are no UTF-8 come as U+FFFD
	}, s)
}

// inXML reports whether XML 1.0 allows a character, and readers miss something
// without it. https://www.w3.org/TR/xml/#charsets
func inXML(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return false
	}
	return utf8.ValidRune(r)
}
