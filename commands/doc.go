// Package commands turns what people and programs say into a [Request]: the
// text of a chat message ([Parse]), the data of a card's button or form
// ([FromCard]) and the body of the commands endpoint ([FromJSON]).
//
// One table of verbs drives all three, and the help and the bot's menu too: a
// verb or an argument that is entered there is known everywhere.
//
// The package is pure. It looks nothing up, checks no permission and changes
// nothing: whether a command fits the incident's state and the person's role is
// decided by package incident. Stripping the bot's own mention from a message,
// and saying who speaks, are the business of the edge.
package commands
