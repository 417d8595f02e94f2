package newrelic

// MaxBody is maxBody for the tests outside of the package.
const MaxBody = maxBody

// MaxName is maxName for them.
const MaxName = maxName
