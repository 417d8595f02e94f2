package pagerduty

// Overlap is overlap for the tests outside of the package.
const Overlap = overlap
