package commands

import (
	"time"

	"imbot/incident"
	"imbot/query"
)

// maxText bounds the text of one chat message, in bytes.
const maxText = 4096

// Env is where and by whom something was said.
type Env struct {
	// Now is the server's clock: it gives "15:04" its day and "tomorrow" its date.
	// Zero: only complete dates and times are understood.
	Now time.Time
	// Location is the zone of times without one. nil means UTC.
	Location *time.Location
	// Incident is the incident in whose thread or room it was said; there the id
	// may be left out. 0: none.
	Incident incident.ID
	// Prefix is what a message must begin with to be heard where the answer is
	// shown: "@imbot " in channels, "" in 1:1 chats, "/incident " where slash
	// commands are enabled.
	Prefix string
	// Actor is who speaks: the meaning of "me".
	Actor incident.Actor
	// Mentions are the other people mentioned in the text.
	Mentions []Mention
}

// Mention is somebody mentioned in the text of a message.
type Mention struct {
	Text  string         // as it stands in the text: "<at>Ani</at>", or the plain name
	Actor incident.Actor // who that is
}

func (e *Env) zone() *time.Location {
	if e.Location == nil {
		return time.UTC
	}
	return e.Location
}

// Forms that a Request may ask for.
const (
	FormDeclare = "declare"
	FormRCA     = "rca"
	FormAction  = "action"
	FormNote    = "note"
	FormLevel   = "level"
	FormWaive   = "waive"
	FormResolve = "resolve"
	FormLink    = "link"
	FormTime    = "time"
	FormUpdate  = "update"
	FormPage    = "page"
)

// What a person asked of a form or a list, in Request.Op.
const (
	OpNext    = "next"    // RCA: save the step, show the next one
	OpBack    = "back"    // RCA: save the step, show the one before
	OpSave    = "save"    // RCA: save, and leave it for later
	OpFinish  = "finish"  // RCA: save and complete
	OpList    = "list"    // action: show the follow-ups
	OpRefresh = "refresh" // show: by a card that brings itself up to date
	OpOn      = "on"      // mail: get mails
	OpOff     = "off"     // mail: get no more
	OpRelated = "related" // show: the incidents that are linked to it, from Request.From on
)

// Request is what somebody asks for, understood and checked as far as its form
// goes. Exactly one of these holds: Command is set (carry it out), Form is set
// (show that form), or the verb is a question, a binding or a mute (list, show,
// action with OpList, similar, stats, connect, disconnect, test, mute, unmute,
// help). The submit of an RCA step has
// both Command and Form: the command saves, the form says where to go on.
type Request struct {
	Verb     string            // canonical name, such as "ack"
	Incident incident.ID       // 0: none
	Command  *incident.Command // Verb, Incident and Args are set; the rest by [Request.As]
	Query    *query.Filter     // of list
	Form     string            // FormDeclare, …; "" where no form is asked for
	Step     int               // of FormRCA: the step that was submitted or asked for, from 1
	Op       string            // OpNext, …
	Squad    string            // of connect, disconnect, test: catalog key; "" where not said
	Topic    string            // of help: canonical verb; "" for all. Of stats: "links"
	Target   string            // of mute, unmute: a service or a squad, as it was typed. Of oncall: also a role; "" for all
	For      time.Duration     // of mute: how long
	Reason   string            // of mute
	Since    time.Time         // of stats; zero: ever
	From     int               // of OpRelated: how many to skip
	List     incident.ID       // of a command by a button in the list of what is linked to this incident; 0: not there
	// Me says that the speaker is the person meant; As puts the actor there.
	Me bool
	// Values are the arguments as they were given, by name: to prefill a form, and
	// to show it again with what was typed after a mistake.
	Values map[string]string
}

// As completes the command: who gives it, in which role, from which system
// ("teams", "api"), and under which keys it happens once. Requests without a
// command are left as they are.
func (r *Request) As(actor incident.Actor, role incident.Role, source string, keys ...string) {
	if r.Command == nil {
		return
	}
	c := r.Command
	c.Actor, c.Role, c.Source, c.Keys = actor, role, source, keys
	if !r.Me {
		return
	}
	who := actor
	switch {
	case c.Verb == incident.Assign || c.Verb == incident.Member || c.Verb == incident.Page || c.Verb == incident.Subscribe || c.Verb == incident.Remind:
		c.Args.Person = &who
	case c.Verb == incident.DoAction && c.Args.Action != nil:
		c.Args.Action.Owner = &who
	}
}

func (r *Request) args() *incident.Args { return &r.Command.Args }

// ask turns the request into the wish for a form.
func (r *Request) ask(form string) {
	r.Form, r.Command = form, nil
	if form == FormRCA && r.Step == 0 {
		r.Step = 1
	}
}
