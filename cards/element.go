package cards

// element is a part of a card's body. The structs below are the subset of
// Adaptive Cards 1.5 that is used here; field names are the schema's.
type element interface{ element() }

type textBlock struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Style     string `json:"style,omitempty"` // "heading": for screen readers
	Size      string `json:"size,omitempty"`
	Weight    string `json:"weight,omitempty"`
	Color     string `json:"color,omitempty"`
	IsSubtle  bool   `json:"isSubtle,omitempty"`
	Wrap      bool   `json:"wrap"`
	Spacing   string `json:"spacing,omitempty"`
	Separator bool   `json:"separator,omitempty"`
}

// richText shows text without any Markdown: the place for outside text that
// stands on its own, because clients differ in how well they honour escapes
// (https://github.com/microsoft/AdaptiveCards/issues/5590).
type richText struct {
	Type    string    `json:"type"`
	Inlines []textRun `json:"inlines"`
	Spacing string    `json:"spacing,omitempty"`
}

type textRun struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Size     string `json:"size,omitempty"`
	Weight   string `json:"weight,omitempty"`
	Color    string `json:"color,omitempty"`
	IsSubtle bool   `json:"isSubtle,omitempty"`
	FontType string `json:"fontType,omitempty"`
}

type container struct {
	Type      string    `json:"type"`
	Items     []element `json:"items"`
	Style     string    `json:"style,omitempty"`
	Bleed     bool      `json:"bleed,omitempty"`
	Spacing   string    `json:"spacing,omitempty"`
	Separator bool      `json:"separator,omitempty"`
}

type columnSet struct {
	Type      string   `json:"type"`
	Columns   []column `json:"columns"`
	Spacing   string   `json:"spacing,omitempty"`
	Separator bool     `json:"separator,omitempty"`
}

type column struct {
	Type              string    `json:"type"`
	Items             []element `json:"items"`
	Width             string    `json:"width"` // "auto" or "stretch"
	VerticalAlignment string    `json:"verticalContentAlignment,omitempty"`
}

type factSet struct {
	Type    string `json:"type"`
	Facts   []fact `json:"facts"`
	Spacing string `json:"spacing,omitempty"`
}

type fact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type actionSet struct {
	Type    string   `json:"type"`
	Actions []action `json:"actions"`
	Spacing string   `json:"spacing,omitempty"`
}

type inputText struct {
	Type         string `json:"type"`
	ID           string `json:"id"`
	Label        string `json:"label"`
	Value        string `json:"value,omitempty"`
	Placeholder  string `json:"placeholder,omitempty"`
	IsMultiline  bool   `json:"isMultiline,omitempty"`
	MaxLength    int    `json:"maxLength,omitempty"`
	IsRequired   bool   `json:"isRequired,omitempty"`
	ErrorMessage string `json:"errorMessage,omitempty"`
}

type inputDate struct {
	Type         string `json:"type"`
	ID           string `json:"id"`
	Label        string `json:"label"`
	Value        string `json:"value,omitempty"` // 2006-01-02
	ErrorMessage string `json:"errorMessage,omitempty"`
}

type inputChoice struct {
	Type         string   `json:"type"`
	ID           string   `json:"id"`
	Label        string   `json:"label"`
	Style        string   `json:"style"` // "compact" or "filtered"
	Choices      []Choice `json:"choices"`
	Value        string   `json:"value,omitempty"`
	Placeholder  string   `json:"placeholder,omitempty"`
	IsRequired   bool     `json:"isRequired,omitempty"`
	ErrorMessage string   `json:"errorMessage,omitempty"`
}

// Choice is one entry of a drop-down list.
type Choice struct {
	Title string `json:"title"` // for people
	Value string `json:"value"` // what the form sends
}

func (textBlock) element()   {}
func (richText) element()    {}
func (container) element()   {}
func (columnSet) element()   {}
func (factSet) element()     {}
func (actionSet) element()   {}
func (inputText) element()   {}
func (inputDate) element()   {}
func (inputChoice) element() {}

// text is a paragraph; md must be safe Markdown.
func text(m md) textBlock { return textBlock{Type: "TextBlock", Text: string(m), Wrap: true} }

func bold(m md) textBlock {
	t := text(m)
	t.Weight = "bolder"
	return t
}

func subtle(m md) textBlock {
	t := text(m)
	t.IsSubtle, t.Size, t.Spacing = true, "small", "small"
	return t
}

func heading(m md) textBlock {
	t := bold(m)
	t.Style = "heading"
	return t
}

func run(s string) textRun { return textRun{Type: "TextRun", Text: s} }

func rich(runs ...textRun) richText { return richText{Type: "RichTextBlock", Inlines: runs} }

func box(style string, items ...element) container {
	return container{Type: "Container", Style: style, Items: items}
}

func columns(cols ...column) columnSet { return columnSet{Type: "ColumnSet", Columns: cols} }

func col(width string, items ...element) column {
	return column{Type: "Column", Width: width, Items: items, VerticalAlignment: "center"}
}

func facts(f []fact) factSet { return factSet{Type: "FactSet", Facts: f} }

func set(actions ...action) actionSet { return actionSet{Type: "ActionSet", Actions: actions} }
