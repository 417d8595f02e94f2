// Package boltstore keeps everything in one bbolt file, for one process. It
// implements incident.Store, outbox.Store and bot.Store.
//
// One goroutine writes. It takes whatever changes are waiting, runs them one
// after the other in one bbolt transaction, and commits once for all of them: a
// storm of changes costs few syncs, and a single one waits for nobody. Each
// change works on an overlay of its own, which is applied only if the change
// succeeds, so that a failing one does not spoil the others.
//
// Keys are ordered by time or by number wherever possible: what is written
// together lies together, and few pages are touched by a commit. The keys of
// inbound deliveries are the exception; they live in one bucket a day, which is
// small, and is forgotten as a whole.
//
// The package knows what an incident or an effect looks like only as far as its
// indexes need it. It holds no rules.
package boltstore
