// Package incident is the domain of imbot: what an incident is, which commands
// change it, who may give them, and what must follow outside.
//
// The whole rule book is the pure function [Apply]. [Service.Do] is the only
// way in: it removes duplicates, loads, applies and stores state, timeline and
// effects in one transaction. Chat, card, form, web, API and webhook all turn
// their input into a [Command] and call it.
//
// Where to find a rule:
//
//   - What an incident is: incident.go, life.go (statuses, episodes, durations),
//     alert.go, postmortem.go, room.go, ticket.go, update.go; its timeline:
//     event.go; what follows outside: effect.go.
//   - What a verb does: command.go names them, apply.go has the table of who
//     handles which; the handlers are in apply_*.go, those of reminders in
//     nudge.go, of status updates in update.go. Who may: permit.go.
//   - What follows from a change: settle in notice.go, and beside it mails.go,
//     hook.go, publish.go (the page of the postmortem), page.go (who is woken),
//     room.go and ticket.go.
//   - How urgent it is: level.go (levels and the rules that choose them),
//     trouble.go (the kind of trouble).
//   - What belongs together: correlate.go brings the events to duplicate.go,
//     cascade.go, merge.go (of the pager) and major.go (bursts), by the settings
//     and rule names of linking.go; key.go says what is the same, board.go keeps
//     what there is, scene.go what a decision is made from, label.go what people
//     corrected, past.go what came before.
//   - How a command is carried out: service.go, work.go, early.go (what comes
//     before its incident), history.go (imports), mute.go, facts.go and
//     catalog.go (what is known besides), store.go (what a store promises).
//
// The package imports the standard library only. It does no I/O of its own,
// reads no clock but the one handed in, knows no vendor's protocol and renders
// nothing: stores, integrations and edges are built around it.
package incident
