package incident

import (
	"encoding/json"
	"strings"
	"time"
)

// Mode of an effect.
type Mode string

// The two modes suffice.
const (
	// Once effects happen once: their key, named by meaning, is kept for good, and
	// storing it again does nothing.
	Once Mode = "once"
	// Latest effects carry no data: the handler shows the present state, so that
	// many changes merge into one update, and nothing shown is stale or out of
	// order.
	Latest Mode = "latest"
)

// Kinds of effect.
const (
	KindCard      = "card"              // Latest: the incident's card in one conversation
	KindReply     = "reply"             // Once: one short reply in a card's thread
	KindAnswer    = "answer"            // Once: the answer to a chat message
	KindPDAck     = "pagerduty.ack"     // Once
	KindPDResolve = "pagerduty.resolve" // Once
	KindPDNote    = "pagerduty.note"    // Once
	KindDetails   = "pagerduty.alerts"  // Once: fetch the alert's details
	KindRelink    = "relink"            // Once: decide on the links again at a time
	KindUnpause   = "unpause"           // Once: the pause of an alert is over

	KindRoom     = "room"            // Once: open the war room
	KindRoomSync = "room.sync"       // Latest: its topic and people are as they should be
	KindRoomSay  = "room.say"        // Once: a post in the war room
	KindPage     = "page"            // Once: find who is on standby, and wake them
	KindWake     = "page.wake"       // Once: wake one person through the pager
	KindWaited   = "page.wait"       // Once: whoever was woken has had time to answer
	KindPageOver = "page.over"       // Once: end what was made in the pager to wake somebody
	KindMail     = "mail"            // Once: a mail to one address
	KindDirect   = "direct"          // Once: tell one person, in their 1:1 chat or else by mail
	KindNudge    = "nudge"           // Once: a reminder is due
	KindTicket   = "jira.postmortem" // Once: the task to write the RCA
	KindTask     = "jira.action"     // Once: a task for one follow-up
	KindTaskSync = "jira.sync"       // Latest: the tickets are as the incident is
	KindPublish  = "confluence.page" // Latest: the postmortem's page
	KindOverdue  = "overdue"         // Once: remind one person of overdue RCAs
	KindHook     = "hook"            // Once: tell another system, by a signed webhook
)

// Effect is something that must follow outside. It is stored with the change,
// and run after it.
type Effect struct {
	Key      string          `json:"key"`  // "INC-42/card/19:…": by meaning; "INC-42/" in front where it belongs to an incident
	Kind     string          `json:"kind"` // names the handler
	Mode     Mode            `json:"mode"`
	Incident ID              `json:"incident,omitempty"`
	Lane     string          `json:"lane"` // effects of one lane run one after the other, in their order
	Target   string          `json:"target,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"` // for Once
	Due      time.Time       `json:"due,omitzero"`   // not before; zero: at once
	Urgent   bool            `json:"urgent,omitempty"`
}

// effect builds an effect of an incident. What is said in one conversation
// keeps its order; what goes to one system must not wait for another.
func effect(id ID, kind string, mode Mode, target, suffix string) Effect {
	key := id.String() + "/" + kind
	system, _, _ := strings.Cut(kind, ".")
	lane := id.String() + "/" + system
	if target != "" {
		key += "/" + target
		lane = id.String() + "/teams/" + target
	}
	if suffix != "" {
		key += "/" + suffix
	}
	return Effect{Key: key, Kind: kind, Mode: mode, Incident: id, Lane: lane, Target: target}
}

func (e Effect) with(data any) Effect {
	b, err := json.Marshal(data)
	if err != nil { // only our own plain structs come here
		panic("incident: effect data: " + err.Error())
	}
	e.Data = b
	return e
}

// ReplyData is the data of a KindReply effect: the reason decides the text.
type ReplyData struct {
	Reason string `json:"reason"` // ReplyRaised, …
	By     Actor  `json:"by"`
	Text   string `json:"text,omitempty"`
	Level  string `json:"level,omitempty"`
	Person Actor  `json:"person,omitzero"`
}

// Reasons for a reply in the card's thread: an update in place raises no toast,
// so these few changes add one short reply; everything else is silent.
const (
	ReplyRaised    = "raised"    // to a room level
	ReplyReopened  = "reopened"  //
	ReplyCommander = "commander" // there is a new one
	ReplyResolved  = "resolved"  //
	ReplyUpdate    = "update"    // a status update
	ReplyNudge     = "nudge"     // a status update is due
	ReplyThread    = "thread"    // there is no war room: talk here
	ReplyStranger  = "stranger"  // somebody is in the room of a private incident, and is no member
)

// PagerData is the data of the KindPD… effects.
type PagerData struct {
	ID   string `json:"id"`             // the pager's incident
	By   Actor  `json:"by"`             // who did it
	Text string `json:"text,omitempty"` // of a note, or how it was resolved
	N    int    `json:"n"`              // number of the timeline entry that it mirrors
}
