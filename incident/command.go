package incident

import "time"

// Verb names what a Command asks for.
type Verb string

// Verbs that people use.
const (
	Declare   Verb = "declare"
	Ack       Verb = "ack"
	Unack     Verb = "unack"
	Resolve   Verb = "resolve"
	Reopen    Verb = "reopen"
	Close     Verb = "close"
	WriteRCA  Verb = "rca"
	DoAction  Verb = "action"
	AddNote   Verb = "note"
	SetLevel  Verb = "level"
	SetTime   Verb = "time"
	Assign    Verb = "assign"
	Member    Verb = "member"
	Publicise Verb = "public"
	Judge     Verb = "cause"  // say whether a change has caused the incident
	Retry     Verb = "retry"  // run again what failed for good or was skipped
	SetLink   Verb = "link"   // say that the incident is a duplicate or a consequence of another
	Unlink    Verb = "unlink" // say that it has nothing to do with its parent
	Undo      Verb = "undo"   // take the last link or unlink by a person back

	OpenRoom  Verb = "room"      // open the war room, or change it: Args.Op
	Page      Verb = "page"      // wake somebody through the pager
	Report    Verb = "update"    // say how it stands: a status update
	Subscribe Verb = "subscribe" // be told of status updates, or no longer
	Remind    Verb = "remind"    // answer a reminder, put it off, or end reminders: Args.Op
)

// Verbs of vendors and of imbot itself.
const (
	Trigger Verb = "trigger" // the pager has an incident, new or triggered again
	Update  Verb = "change"  // the pager changed title, service, urgency, priority or assignees
	Enrich  Verb = "enrich"  // the alert's details were fetched
	Log     Verb = "log"     // something for the timeline only
	Attach  Verb = "attach"  // a thing outside now exists: record the ref
	Fail    Verb = "fail"    // an effect failed for good: say so on the timeline
	Reroute Verb = "reroute" // a card's place is lost: show it in the default channel too
	Relink  Verb = "relink"  // decide on its links again, since a time has come
	Follow  Verb = "follow"  // take over what was decided about its links
	Unpause Verb = "unpause" // the pause of an alert that mostly resolves itself is over

	RoomStep   Verb = "room_step"   // a step of the war room is done, or can't be: Args.Room
	PageStep   Verb = "page_step"   // what became of waking somebody: Args.Page
	TicketStep Verb = "ticket_step" // what became of a ticket, or what was changed in it: Args.Ticket
	Nudge      Verb = "nudge"       // a reminder is due
)

// Command is a request to change an incident, from any edge. The only way to
// change anything.
type Command struct {
	Verb     Verb
	Incident ID   // 0 where Ref tells, or for Declare and Trigger
	Ref      *Ref // the incident of this thing in another system
	// Keys make the command happen once: one that is known already makes Do answer
	// with the present state. They are forgotten after the retention of keys.
	Keys   []string
	Actor  Actor
	Role   Role      // what the edge knows of the actor's standing
	Source string    // system that it comes from: "pagerduty", "teams", "api", …; cuts echoes
	At     time.Time // event time; zero: the server's clock
	Args   Args
	Raw    *Inbound // the body that brought it, stored in the same transaction
	Then   []Effect // further effects, stored in the same transaction, such as the answer to a chat

	// History says that it is of the pager's past: it is recorded, nobody is told,
	// and nothing follows outside. See Service.Import.
	History bool

	retried int      // Retry: how many effects were put back
	undoes  []int    // Undo: numbers of the labels
	decided *decided // Follow: what was decided
}

// FromVendor reports whether another system, or imbot itself, brings the
// command: its word is judged by its event time and not by the present status,
// needs no permission here, and is not sent back to where it came from.
func (c *Command) FromVendor() bool {
	return c.Actor.Kind == KindVendor || c.Actor.Kind == KindSystem || c.Source == SourcePagerDuty
}

// Sources of commands.
const (
	SourcePagerDuty = "pagerduty"
	SourceAlerts    = "pagerduty.alerts" // of raw bodies only: an Alert as JSON, fetched for the pager's incident Inbound.ID
	SourceTeams     = "teams"
	SourceAPI       = "api"
	SourceJira      = "jira"
	SourceSystem    = "imbot"
)

// Args are the arguments of all verbs; each verb reads its own. The JSON names
// are those of the commands endpoint, of chat fields and of card inputs.
type Args struct {
	Title       string `json:"title,omitempty"`       // Declare
	Service     string `json:"service,omitempty"`     // Declare
	Level       string `json:"level,omitempty"`       // Declare, SetLevel
	Description string `json:"description,omitempty"` // Declare
	Private     bool   `json:"private,omitempty"`     // Declare

	Reason string `json:"reason,omitempty"` // SetLevel, Reopen, SetTime, Publicise
	Text   string `json:"text,omitempty"`   // AddNote, Log, Resolve: what was done
	Waive  string `json:"waive,omitempty"`  // Close: why no RCA is wanted
	Target string `json:"-"`                // Declare: where it was declared, for a card there; Reroute: where the card goes

	Role   string  `json:"role,omitempty"`   // Assign: commander|scribe; Page: a standby role
	Person *Actor  `json:"person,omitempty"` // Assign, Member, OpenRoom, Page, Subscribe, Remind
	People []Actor `json:"people,omitempty"` // OpenRoom: further ones to add
	Remove bool    `json:"remove,omitempty"` // Member, Subscribe

	Op         string        `json:"op,omitempty"`         // OpenRoom, Remind: what is asked for
	Name       string        `json:"name,omitempty"`       // OpenRoom: its new name
	Customers  string        `json:"customers,omitempty"`  // Report: what customers see; Text: what is being done
	NextUpdate time.Time     `json:"next_update,omitzero"` // Report: when the next one is due
	For        time.Duration `json:"-"`                    // Remind: how long it is put off
	Room       *RoomChange   `json:"-"`                    // RoomStep
	Page       *PageChange   `json:"-"`                    // PageStep

	RCA      map[string]string `json:"rca,omitempty"`      // WriteRCA: field -> text; absent fields stay
	RCAWas   map[string]string `json:"rca_was,omitempty"`  // WriteRCA: field -> text that the writer saw; absent fields are overwritten
	Complete bool              `json:"complete,omitempty"` // WriteRCA: and finish it

	Action *ActionArgs   `json:"action,omitempty"` // DoAction
	Ticket *TicketChange `json:"-"`                // TicketStep

	Change string `json:"change,omitempty"` // Judge: which change, by its id
	Was    bool   `json:"was,omitempty"`    // Judge: it was the cause
	Cause  *Cause `json:"-"`                // Judge: that change, looked up by the edge

	Parent   ID     `json:"parent,omitempty"` // SetLink
	LinkKind string `json:"kind,omitempty"`   // SetLink: LinkDuplicate or LinkCascade

	Time  string            `json:"time,omitempty"` // SetTime: name of the time
	Value time.Time         `json:"value,omitzero"` // SetTime
	Alert *Alert            `json:"-"`              // Trigger, Update, Enrich and every vendor's event
	Merge *Ref              `json:"-"`              // Resolve: the vendor merged it into this one
	Ref   *Ref              `json:"-"`              // Attach
	Kind  EventKind         `json:"-"`              // Log: the timeline entry's kind
	Data  map[string]string `json:"data,omitempty"` // AddNote, Log, Fail: the timeline entry's data
}

// ActionArgs are the arguments of DoAction.
type ActionArgs struct {
	Op    string `json:"op"`              // add|done|reopen|edit|due|assign
	N     int    `json:"n,omitempty"`     // which one, but for add
	Title string `json:"title,omitempty"` // add, edit
	Owner *Actor `json:"owner,omitempty"` // add, assign; nil: nobody
	Due   string `json:"due,omitempty"`   // add, due; 2006-01-02; empty: none
}

// Inbound is a body as it arrived, kept for replays and for audits.
type Inbound struct {
	Source   string    // "pagerduty", …
	ID       string    // the vendor's id of the delivery
	At       time.Time // arrival
	Encoding string    // "" or "zstd": how Body is packed
	Body     []byte
}
