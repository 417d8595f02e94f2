package rest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Address parses the address of a vendor's API, to which secrets will go:
// https, or http on this machine, without user, query and fragment. Slashes at
// its end are left out. like shows people how it looks.
func Address(vendor, raw, like string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: the URL must look like %s, without password or query", vendor, like)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())) {
		return nil, fmt.Errorf("%s: the URL must be https (http is for loopback only), not %s://%s", vendor, u.Scheme, u.Host)
	}
	return u, nil
}

// Loopback reports whether a host is this machine by its name or address alone.
func Loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Client returns a client with the transport and the cookies of another, which
// may be nil. It follows no redirects: the secrets would go with them.
func Client(given *http.Client) *http.Client {
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if given != nil {
		c.Transport, c.Jar = given.Transport, given.Jar
	}
	return c
}
