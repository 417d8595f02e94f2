// Package outbox runs the effects that were stored together with a change: it
// lends them from a [Store], hands each to the [Handler] of its kind, and
// stores how that ended.
//
// An effect is run at least once. Once effects are run until one run succeeds,
// and never after that; Latest effects are run again for every change, merged
// to one run per [MinInterval]. Effects of one lane keep their order; lanes do
// not wait for each other. One due time serves delay, lease and back-off, so a
// crash needs no recovery: the lease runs out.
//
// The package knows no kind of effect and talks to no vendor: handlers do.
package outbox
