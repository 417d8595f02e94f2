// Package web serves the REST API: incidents to read, commands to give, and the
// addresses by which machines look after the service (health, readiness,
// metrics).
//
// Nothing is decided here. A request becomes an incident.Command by package
// commands, is carried out by incident.Service, and is answered from package
// query, which hides what the caller may not see. The package speaks HTTP for
// one handler only: listening, TLS and the server's timeouts are the business of
// whoever mounts it.
package web
