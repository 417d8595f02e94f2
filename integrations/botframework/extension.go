package botframework

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// Names of the invokes of message extensions.
// https://learn.microsoft.com/microsoftteams/platform/messaging-extensions/what-are-messaging-extensions
const (
	ExtensionQuery        = "composeExtension/query"
	ExtensionSelectItem   = "composeExtension/selectItem"
	ExtensionQueryLink    = "composeExtension/queryLink"
	ExtensionFetchTask    = "composeExtension/fetchTask"
	ExtensionSubmitAction = "composeExtension/submitAction"
)

// ContentTypeThumbnail is the attachment content type of a thumbnail card, which
// previews a result.
const ContentTypeThumbnail = "application/vnd.microsoft.card.thumbnail"

// Extension is the value of a message extension's invoke, as far as it is used.
// Everything in it is the client's word.
type Extension struct {
	// CommandID is that of the manifest.
	CommandID string
	// Context is where the command was chosen: compose, commandBox or message.
	Context string
	// Message is the message on which an action was chosen. Nil elsewhere.
	Message *Message
	// Data is what a dialog's card sends. Nil elsewhere.
	Data json.RawMessage
	// Parameters are those of a query, by name. A first run without a word has
	// "initialRun".
	Parameters map[string]string
	// Skip and Count are the page that a query asks for, Count 1 to 25.
	Skip, Count int
	// URL is the link of a queryLink.
	URL string
}

// maxResults bounds a page of results: Teams asks for 25 at a time.
const maxResults = 25

// maxParameters bounds the parameters of a query; the manifest allows five.
const maxParameters = 10

// ReadExtension reads the value of a message extension's invoke. It never fails:
// what has an unexpected shape is left out.
func ReadExtension(value json.RawMessage) Extension {
	members := map[string]json.RawMessage{}
	_ = json.Unmarshal(value, &members) // what is no object has no members
	e := Extension{
		CommandID: text(members, "commandId"), Context: text(members, "commandContext"), URL: text(members, "url"),
		Parameters: map[string]string{}, Count: maxResults,
	}
	if d := members["data"]; !isNull(d) {
		e.Data = d
	}
	if m, err := ReadMessage(members["messagePayload"]); err == nil {
		e.Message = m
	}
	if list := member[[]json.RawMessage](members, "parameters"); list != nil {
		for _, raw := range (*list)[:min(len(*list), maxParameters)] {
			p := map[string]json.RawMessage{}
			if json.Unmarshal(raw, &p) != nil {
				continue
			}
			if name := text(p, "name"); name != "" {
				e.Parameters[name] = scalar(p["value"])
			}
		}
	}
	if o := member[struct {
		Skip  int `json:"skip"`
		Count int `json:"count"`
	}](members, "queryOptions"); o != nil {
		e.Skip = min(max(o.Skip, 0), 1000)
		if o.Count > 0 {
			e.Count = min(o.Count, maxResults)
		}
	}
	return e
}

// text is the member if it is a string.
func text(members map[string]json.RawMessage, name string) string {
	if s := member[string](members, name); s != nil {
		return *s
	}
	return ""
}

// scalar is a string as it is, and a number or a truth value as it is written.
func scalar(raw json.RawMessage) string {
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil:
		return s
	case len(raw) > 0 && raw[0] != '{' && raw[0] != '[' && string(raw) != "null":
		return string(raw)
	}
	return ""
}

// MaxMessageText bounds the text of a [Message], in runes.
const MaxMessageText = 3000

// Message is a message in Teams that somebody else has written: the payload of
// a message action, or a chatMessage of Microsoft Graph, which have the same
// form.
// https://learn.microsoft.com/graph/api/resources/chatmessage
type Message struct {
	// ID identifies the message in its conversation.
	ID string
	// Text is the body as plain lines, at most [MaxMessageText] runes.
	Text string
	// Author is the display name of who wrote it. "" where it is not told.
	Author string
	// AuthorID is their Entra object id. "" for bots and webhooks.
	AuthorID string
	// At is when it was written, UTC. Zero where it is not told.
	At time.Time
	// Link opens the message in Teams: https, at one of Teams' own hosts. Else "".
	Link string
	// Files are the names of what is attached, at most [maxFiles]. The files stay
	// where they are.
	Files []string
}

const maxFiles = 10

// identity is a person, a bot or a webhook, as Graph writes it.
type identity struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
}

type messageJSON struct {
	ID      string `json:"id"`
	Created string `json:"createdDateTime"`
	Subject string `json:"subject"`
	Link    string `json:"linkToMessage"`
	WebURL  string `json:"webUrl"`
	Body    *struct {
		ContentType string `json:"contentType"`
		Content     string `json:"content"`
	} `json:"body"`
	From *struct {
		User        *identity `json:"user"`
		Application *identity `json:"application"`
	} `json:"from"`
	Attachments []struct {
		ContentType string          `json:"contentType"`
		Name        string          `json:"name"`
		Content     json.RawMessage `json:"content"`
	} `json:"attachments"`
}

// ReadMessage reads a message. The error is [ErrMalformed] where the JSON is
// none; a message without text is none.
func ReadMessage(raw json.RawMessage) (*Message, error) {
	if isNull(raw) {
		return nil, ErrMalformed
	}
	var in messageJSON
	if json.Unmarshal(raw, &in) != nil || in.ID == "" || len(in.ID) > 200 {
		return nil, ErrMalformed
	}
	m := &Message{ID: in.ID, Link: MessageLink(firstOf(in.Link, in.WebURL))}
	if at, err := time.Parse(time.RFC3339Nano, in.Created); err == nil {
		m.At = at.UTC()
	}
	if in.Body != nil {
		if strings.EqualFold(in.Body.ContentType, "html") {
			m.Text = HTMLText(in.Body.Content, MaxMessageText)
		} else {
			m.Text = PlainBody(in.Body.Content, MaxMessageText)
		}
	}
	if s := PlainBody(in.Subject, 200); s != "" {
		m.Text = clipLines(s+"\n"+m.Text, MaxMessageText)
	}
	if f := in.From; f != nil {
		who := f.User
		if who == nil {
			who = f.Application
		} else {
			m.AuthorID = strings.ToLower(who.ID)
		}
		if who != nil {
			m.Author = oneLine(who.DisplayName, 80)
		}
	}
	for _, a := range in.Attachments {
		if m.Text == "" { // what monitors and bots post is a card
			m.Text = cardText(a.ContentType, a.Content, MaxMessageText)
		}
		if name := oneLine(a.Name, 120); name != "" && len(m.Files) < maxFiles && !quotes[a.ContentType] {
			m.Files = append(m.Files, name)
		}
	}
	return m, nil
}

// quotes are attachments that are no files but other messages.
var quotes = map[string]bool{"messageReference": true, "forwardedMessageReference": true}

func oneLine(s string, limit int) string {
	return clipLines(strings.ReplaceAll(PlainBody(s, limit), "\n", " "), limit)
}

// teamsHosts are those of links to messages, in every cloud.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
var teamsHosts = map[string]bool{
	"teams.microsoft.com": true, "teams.cloud.microsoft": true, "gov.teams.microsoft.us": true, "dod.teams.microsoft.us": true,
	"teams.microsoftonline.cn": true,
}

// MessageLink returns the link if it leads to a message in Teams, else "": a
// client, or whoever plays one, could send any.
func MessageLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 1000 || u.Scheme != "https" || !teamsHosts[strings.ToLower(u.Host)] || u.User != nil || !strings.HasPrefix(u.Path, "/l/message/") {
		return ""
	}
	return u.String()
}
