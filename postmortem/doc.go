// Package postmortem makes the document of one incident: everything that is
// known of it, in the order in which it is read, around the RCA that people
// write. It is a model first, [Doc], and then text: [Doc.Markdown] here, other
// formats where their vendors are known.
//
// It is pure: it reads no store, sends nothing, and knows no clock, so that the
// document of an incident that has not changed is the same, letter by letter.
// Whom it may be shown to is decided by whoever loads the view.
package postmortem

// Doc is the document of one incident. Its texts are clean: without control
// characters and characters that nobody sees. They are not escaped for any
// format. Addresses are plain web addresses.
type Doc struct {
	Lang     string // "en" or "id"
	Title    string // one line, with the incident's id
	Status   []Span // states in a word or two, with a Tone
	Notes    []Cell // what is to be read first, each a paragraph
	Sections []Section
	Foot     string // how to read the times
}

// Section is a heading with what stands below it.
type Section struct {
	Title  string
	Blocks []Block
}

// Block is a Text, a Prompt, Facts, a Table or a List.
type Block interface{ block() }

// Text is what people wrote: paragraphs of lines. None is empty.
type Text [][]string

// Prompt asks for what nobody has written yet.
type Prompt string

// Facts are labels with what is known.
type Facts []Fact

// Fact is one of Facts.
type Fact struct {
	Label string
	Value Cell
}

// Table has at least one row, and as many cells in each as in Head.
type Table struct {
	Head []string
	Rows [][]Cell
}

// List is never empty.
type List struct {
	Numbered bool
	Items    []Item
}

// Item is one of a List, with those that belong to it.
type Item struct {
	Cell Cell
	Sub  []Cell
}

func (Text) block()   {}
func (Prompt) block() {}
func (Facts) block()  {}
func (Table) block()  {}
func (List) block()   {}

// Cell is a piece of running text. Lines within its texts are kept.
type Cell []Span

// Span is a part of a Cell.
type Span struct {
	Text string
	URL  string // where it leads; "" for nowhere
	Tone Tone   // "": it is no state
	Bold bool
}

// Tone is how a state is coloured, where there are colours. Its word says the
// same.
type Tone string

// The tones.
const (
	Bad     Tone = "bad"
	Warning Tone = "warning"
	Good    Tone = "good"
	Calm    Tone = "calm"
	Neutral Tone = "neutral"
)

// plain is a Cell of a text.
func plain(s string) Cell {
	if s == "" {
		return nil
	}
	return Cell{{Text: s}}
}
