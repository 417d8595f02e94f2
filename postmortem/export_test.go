package postmortem

// What the fuzz test tries by itself.
var (
	Escape      = escape
	EscapeLines = escapeLines
)
