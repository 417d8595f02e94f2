package pagerduty

// Overlap is overlap for the tests outside of the package.
const Overlap = overlap

// Known reports whether an event's type has words, as all that PagerDuty
// documents have.
func Known(e *Event) bool {
	_, ok := types[e.Type]
	return ok
}
