// Package backtest answers what would have come of the alerts that a company
// got, had other levels, rules or settings of correlation been in force: it
// replays the stored bodies through the real domain, in a throw-away store and
// with a clock that follows the times at which they arrived, and tells what
// became of each incident. Two sets of rules can be compared, row by row.
//
// Only what came from the pager is replayed. What people did in chat, such as
// corrections of links, is compared with the outcome instead: a rule that makes
// the correction needless is a better one. The same log gives the same outcome,
// byte for byte.
//
// It reads no vendor's format, opens no store and knows no configuration file:
// those are handed in. It sends nothing.
package backtest
