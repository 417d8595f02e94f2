package openid

// ParseClaims is for tests: in the program the claims come of a token only.
var ParseClaims = parseClaims
