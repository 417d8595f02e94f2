// Package catalog knows a company's services, squads, people and standby
// roles: it loads and checks their file, joins it with the settings for levels,
// rules and notices and with what was bound in chat, and answers look-ups as
// the [incident.Catalog] of one moment.
//
// It asks nobody: who is on call at the moment is known to the pager, and who
// calls whom to the topology. It stores nothing.
package catalog
