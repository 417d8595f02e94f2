package pagerduty

// ContractsDir is contracts for the tests outside of the package.
var ContractsDir = contracts

// Overlap is overlap for them.
const Overlap = overlap
