// Package cards turns incidents into Adaptive Cards for Teams: the triage card,
// forms, lists, and the short lines of text that go beside them.
//
// It is pure: no I/O, no clock, the same input gives the same bytes. It decides
// nothing and checks no permission; what a button asks for is judged when it is
// pressed. Visibility is the reader's business (package query); here is only a
// last guard, so that no card in a channel ever names a private incident.
//
// Cards declare version 1.5, the newest that Teams accepts from bots
// (https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference).
// Text from outside never becomes markup: see Escape.
package cards
