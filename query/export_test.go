package query

import "imbot/incident"

// SetMaxScan makes a page look at fewer records, so that few make a test.
func (r *Reader) SetMaxScan(n int) { r.maxScan = n }

// ParseCursor and FormatCursor are tested by themselves.
func ParseCursor(s string) (incident.Cursor, error) { return parseCursor(s) }

func FormatCursor(c incident.Cursor) string { return formatCursor(c) }
