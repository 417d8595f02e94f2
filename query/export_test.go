package query

import "imbot/incident"

// SetMaxScan makes a page look at fewer records, so that few make a test.
func (r *Reader) SetMaxScan(n int) { r.maxScan = n }

// ParseCursor and FormatCursor are tested by themselves.
func ParseCursor(s string) (incident.Cursor, error) { return parseCursor(s) }

func FormatCursor(c incident.Cursor) string { return formatCursor(c) }

// Like is how much an incident of a service and title is like inc.
func Like(inc *incident.Incident, service, title string) float64 {
	l := likenessOf(inc)
	return l.score(service, title, incident.Other)
}
