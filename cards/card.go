package cards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
)

// MaxSize is the most that a card may take, in bytes of UTF-16: Teams refuses
// messages above about 100 KB, counted that way, and the rest of the message
// needs room too
// (https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages).
const MaxSize = 80 * 1024

// ErrTooBig says that a card does not fit a message. The builders of this
// package clip so that it does not happen.
var ErrTooBig = errors.New("card too big")

const (
	schemaURL = "http://adaptivecards.io/schemas/adaptive-card.json"
	version   = "1.5"
)

// Card is one Adaptive Card. Its text for notifications is apart: see Summary.
// It names no language, so that dates and times are written as each reader's
// own client does.
type Card struct {
	Type         string    `json:"type"`
	Schema       string    `json:"$schema"`
	Version      string    `json:"version"`
	FallbackText string    `json:"fallbackText,omitempty"` // Markdown, for clients too old for the version
	Body         []element `json:"body"`
	MSTeams      *msteams  `json:"msteams,omitempty"`
}

// msteams is what Teams adds to a card.
type msteams struct {
	Entities []entity `json:"entities,omitempty"`
}

type entity struct {
	Type      string    `json:"type"`
	Text      string    `json:"text"`
	Mentioned mentioned `json:"mentioned"`
}

type mentioned struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// JSON returns the card as it goes over the wire: the same card always gives
// the same bytes. It returns ErrTooBig above MaxSize.
func (c Card) JSON() (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // six characters for each "<" would count against the size
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("encoding a card: %w", err)
	}
	raw := bytes.TrimRight(b.Bytes(), "\n")
	if n := Size(raw); n > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes as UTF-16, at most %d", ErrTooBig, n, MaxSize)
	}
	return raw, nil
}

// room is what lists may fill with their rows.
const room = MaxSize - 16*1024

// weight is the size that an element takes in the card.
func weight(e element) int {
	b, err := json.Marshal(e) // escapes more than JSON does: never too little
	if err != nil {
		return room
	}
	return Size(b)
}

// Size is the length of UTF-8 text when counted as UTF-16, in bytes: the way
// Teams measures messages.
func Size(utf8 []byte) int {
	n := 0
	for _, r := range string(utf8) {
		n += 2 * utf16.RuneLen(r) // an invalid byte is U+FFFD, one unit
	}
	return n
}
