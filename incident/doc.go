// Package incident is the domain of imbot: what an incident is, which commands
// change it, who may give them, and what must follow outside.
//
// The whole rule book is the pure function [Apply]. [Service.Do] is the only
// way in: it removes duplicates, loads, applies and stores state, timeline and
// effects in one transaction. Chat, card, form, web, API and webhook all turn
// their input into a [Command] and call it.
//
// The package imports the standard library only. It does no I/O of its own,
// reads no clock but the one handed in, knows no vendor's protocol and renders
// nothing: stores, integrations and edges are built around it.
package incident
