// Package reminders decides who is reminded of RCAs that are overdue, and when:
// the owner of the service after a while, the lead of its squad after twice that,
// on working days and in working hours where they are, and each person at most
// once a day, of all that is overdue in one message.
//
// It sends nothing: it stores effects, whose keys make a reminder happen once,
// however often the program is started and however many of it run. Reminders of
// status updates, which belong to one incident and its room, are not its business.
package reminders
