package incident

import "time"

// EventKind is what a timeline entry is about. Its text for people is in the
// message catalogue under "event." + kind.
type EventKind string

// Kinds of timeline entry.
const (
	EvDeclared     EventKind = "declared"
	EvTriggered    EventKind = "triggered"
	EvAcked        EventKind = "acknowledged"
	EvUnacked      EventKind = "unacknowledged"
	EvResolved     EventKind = "resolved"
	EvReopened     EventKind = "reopened"
	EvClosed       EventKind = "closed"
	EvWaived       EventKind = "waived"
	EvLevel        EventKind = "level"        // data: from, to, rule
	EvChanged      EventKind = "changed"      // data: field, from, to
	EvDetails      EventKind = "details"      // the alert's details came
	EvNote         EventKind = "note"         // text
	EvAssigned     EventKind = "assigned"     // data: role, person, from
	EvResponders   EventKind = "responders"   // data: people
	EvRCASaved     EventKind = "rca_saved"    // data: fields
	EvRCADone      EventKind = "rca_complete" // data: revision
	EvActionAdded  EventKind = "action_added" // data: n, owner, due; text: title
	EvActionDone   EventKind = "action_done"  // data: n; text: title
	EvActionAgain  EventKind = "action_reopened"
	EvActionEdit   EventKind = "action_changed" // data: n, field (title|due|owner), from, to; text: title
	EvCause        EventKind = "cause"          // a change was the cause; data: change, service, url; text: its title
	EvNotCause     EventKind = "not_cause"      // it was not; the same data
	EvTime         EventKind = "time"           // data: time, from, to; text: reason
	EvMemberIn     EventKind = "member_added"
	EvMemberOut    EventKind = "member_removed"
	EvPublic       EventKind = "public"
	EvLinked       EventKind = "linked"        // data: kind, parent, rule
	EvChild        EventKind = "child"         // data: kind, child, rule
	EvUnlinked     EventKind = "unlinked"      // data: kind, parent, rule; text: reason
	EvChildGone    EventKind = "child_gone"    // data: kind, child
	EvPromoted     EventKind = "promoted"      // a duplicate that outlived its parent; data: parent
	EvFollowed     EventKind = "followed"      // reopened or resolved as its duplicates are; data: to (open|resolved), child or parent
	EvUndone       EventKind = "undone"        // a correction was taken back
	EvFlapping     EventKind = "flapping"      // data: n, how often it opened
	EvPaused       EventKind = "paused"        // not shown yet, for it mostly resolves itself; data: until
	EvMuted        EventKind = "muted"         // data: target, by; text: reason
	EvMajor        EventKind = "major"         // part of a burst; data: first
	EvImported     EventKind = "imported"      // it is from the pager's history
	EvAttached     EventKind = "attached"      // data: system, role
	EvFailed       EventKind = "failed"        // data: effect; text: error
	EvRetried      EventKind = "retried"       // data: n, how many effects
	EvStale        EventKind = "stale"         // an event came too late to count; data: verb
	EvPager        EventKind = "pager"         // the pager says so; text
	EvRoomAsked    EventKind = "room_asked"    // a war room was asked for
	EvRoomOpen     EventKind = "room_open"     // it is open; data: people, missing
	EvRoomShared   EventKind = "room_shared"   // another incident's room serves; data: with
	EvRoomThread   EventKind = "room_thread"   // a thread serves, for there is no room; text: why
	EvRoomLate     EventKind = "room_late"     // a thread serves until there is a room; text: why
	EvRoomNamed    EventKind = "room_named"    // data: name
	EvRoomJoined   EventKind = "room_joined"   // data: person
	EvRoomMissing  EventKind = "room_missing"  // data: person; text: why
	EvRoomSplit    EventKind = "room_split"    // it gets a room of its own
	EvRoomCame     EventKind = "room_came"     // data: person, whom somebody has added in Teams
	EvRoomLeft     EventKind = "room_left"     // data: person
	EvMeeting      EventKind = "meeting"       // there is a call; data: url
	EvUpdate       EventKind = "update"        // a status update; text: what is done; data: customers, next
	EvSubscribed   EventKind = "subscribed"    // data: person
	EvUnsubscribed EventKind = "unsubscribed"  // data: person
	EvPageAsked    EventKind = "page_asked"    // somebody wants a role woken; data: role; text: reason
	EvPaged        EventKind = "paged"         // data: person, role, with: the incident that they were woken for instead; text: reason
	EvPageAnswer   EventKind = "page_answered" // data: person, answer (accepted|declined)
	EvPageSilent   EventKind = "page_silent"   // nobody answered in time; data: person, next
	EvNotPaged     EventKind = "not_paged"     // data: person or role; text: why
	EvTold         EventKind = "told"          // one person was told something, or not; data: person, op (chat|mail|installed|none), about
	EvNudged       EventKind = "nudged"        // somebody was reminded; data: about
	EvReminder     EventKind = "reminder"      // an answer to a reminder; data: op, until, person
	EvTicket       EventKind = "ticket"        // text: why, or what; data: key, n (of an action), action (created|found|back|lost|refused|left_out)
	EvTicketMoved  EventKind = "ticket_moved"  // changed in the tracker; text: why not; data: key, n (of an action), field, from, to, how (|refused|both|owed)
	EvPublished    EventKind = "published"     // the postmortem has a page; data: url
)

// Event is one entry of an incident's timeline. Entries are numbered 1, 2, …
// in the order in which they were recorded, and shown by event time.
type Event struct {
	Incident ID                `json:"incident"`
	N        int               `json:"n"`
	At       time.Time         `json:"at"`          // event time
	Recorded time.Time         `json:"recorded_at"` // the server's clock
	Kind     EventKind         `json:"kind"`
	Actor    Actor             `json:"actor"`
	Source   string            `json:"source,omitempty"`
	Text     string            `json:"text,omitempty"`
	Data     map[string]string `json:"data,omitempty"`
}
