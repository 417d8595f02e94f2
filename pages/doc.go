// Package pages serves the pages that people read in a browser: incidents, and
// the form in which an RCA is written, reviewed and completed. It also signs
// people in, and keeps who they are in an encrypted cookie, so that any replica
// can answer.
//
// Nothing is decided here. What is shown comes from package query, which hides
// what the reader may not see; what is changed goes through incident.Service,
// as commands do from everywhere else. The pages work without JavaScript.
// Listening, TLS and the log line of each request are the business of whoever
// mounts the handler.
package pages
