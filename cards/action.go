package cards

// Verbs that buttons send, as Data.Verb.
const (
	VerbAck        = "ack"
	VerbResolve    = "resolve"
	VerbReopen     = "reopen"
	VerbAssignMe   = "assign_me"   // the person who presses becomes commander, or what Data.Role says
	VerbActionDone = "action_done" // Data.N says which
	VerbRetry      = "retry"       // run again what failed outside
	VerbCause      = "cause"       // Data.Change was the cause, or was not: Data.Was
	VerbUnlink     = "unlink"      // it is not related to what it is linked to; Data.List: answer with that list
	VerbUndo       = "undo"        // take the last correction of its link back; Data.List as above
	VerbRelated    = "related"     // list what is linked to it, from Data.N on
	VerbSimilar    = "similar"     // list earlier incidents like it
	VerbUnmute     = "unmute"      // end the mute of Data.Target
	VerbList       = "list"        // list what is open
	VerbShow       = "show"        // answer with the incident's card
	VerbForm       = "form"        // open the form Data.Form
	VerbSubmit     = "submit"      // the values of the form Data.Form
	VerbRemind     = "remind"      // Data.Op, of incident.RemindWorking and its like, answers a reminder
	VerbSubscribe  = "subscribe"   // be told of status updates; Data.Op "stop": no longer
	VerbRoom       = "room"        // Data.Op, of incident.RoomOpOpen and its like, on the war room
)

// FormTimeline is the form of the message extension's own dialog, besides those of
// package commands.
const FormTimeline = "timeline"

// Data is what a button sends. In a submitted form the inputs' values stand
// beside these keys, under the JSON names of incident.Args and incident.RCA.
type Data struct {
	Verb     string `json:"verb"`
	Incident string `json:"incident,omitempty"` // "INC-42"
	Form     string `json:"form,omitempty"`
	Step     string `json:"step,omitempty"` // of the RCA form: "1" to "3"
	Op       string `json:"op,omitempty"`
	N        int    `json:"n,omitempty"`      // number of an action, or of a row
	List     string `json:"list,omitempty"`   // "INC-41": the list of what is linked to it is to be shown again
	Target   string `json:"target,omitempty"` // key of a service or a squad
	Change   string `json:"change,omitempty"` // key of a change
	Was      string `json:"was,omitempty"`    // "yes" or "no"
	Role     string `json:"role,omitempty"`   // "scribe"; empty: commander
	Zone     string `json:"zone,omitempty"`   // "Asia/Jakarta": of the times in the form's inputs, whoever sends it
	MSTeams  *Fetch `json:"msteams,omitempty"`

	// Of dialogs about a message, see Quote.
	Message string `json:"message,omitempty"` // its id
	Author  string `json:"author,omitempty"`
	At      string `json:"at,omitempty"` // RFC 3339
	URL     string `json:"url,omitempty"`
	Quote   string `json:"quote,omitempty"`
	Files   string `json:"files,omitempty"` // one a line
}

// Fetch in the data of an Action.Submit makes Teams ask for a dialog.
type Fetch struct {
	Type string `json:"type"` // "task/fetch"
}

type action interface{ action() }

type submit struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	Style string `json:"style,omitempty"`
	Mode  string `json:"mode,omitempty"`
	Data  Data   `json:"data"`
}

// execute is Action.Execute, whose answer may be a card; clients that do not
// know it send its fallback, a plain message with the same data.
type execute struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Style    string `json:"style,omitempty"`
	Mode     string `json:"mode,omitempty"`
	Verb     string `json:"verb"`
	Data     Data   `json:"data"`
	Fallback submit `json:"fallback"`
}

// openURL is a button that opens a page.
type openURL struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func (submit) action()  {}
func (execute) action() {}
func (openURL) action() {}

// button is what the builders say about a button.
type button struct {
	title     string
	primary   bool // the one to press: coloured where the client can
	secondary bool // in the overflow menu
	data      Data
}

func (b button) style() (style, mode string) {
	if b.primary {
		style = "positive"
	}
	if b.secondary {
		mode = "secondary"
	}
	return style, mode
}

func (b button) execute() action {
	style, mode := b.style()
	return execute{
		Type: "Action.Execute", Title: b.title, Style: style, Mode: mode, Verb: b.data.Verb, Data: b.data,
		Fallback: submit{Type: "Action.Submit", Title: b.title, Style: style, Mode: mode, Data: b.data},
	}
}

func (b button) submit() action {
	style, mode := b.style()
	return submit{Type: "Action.Submit", Title: b.title, Style: style, Mode: mode, Data: b.data}
}
