package letters

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed letter.html
var source string

// sheet is the one document that all letters are. html/template escapes every
// word by the place where it stands.
var sheet = template.Must(template.New("letter").Parse(source))

// html writes the page as a document.
func (p *page) html() string {
	var b strings.Builder
	if err := sheet.Execute(&b, p); err != nil {
		panic("letters: " + err.Error()) // the template does not fit the page: a fault of the build, which every test shows
	}
	return b.String()
}

// Padding follows the preview where nothing of the body may be seen beside it:
// characters without a shape, more than any list of mails shows.
func (p *page) Padding() template.HTML {
	if !p.Pad {
		return ""
	}
	return template.HTML(strings.Repeat("&#847;&zwnj;&nbsp;", 150)) //nolint:gosec // constant
}
