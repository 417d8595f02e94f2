// Package weburl says which addresses from outside are given to people to click:
// one rule for cards, mails, pages and documents. It asks nobody whether there is
// anything at an address.
package weburl

import (
	"fmt"
	"net/url"
	"strings"
)

// Plain returns an address as it may stand in HTML, in a Markdown link, and in
// plain text, with at most n bytes; "" where it is not a plain web address. Other
// schemes could run things on the reader's machine, a user name before the host
// misleads, and so do letters that look like others.
func Plain(address string, n int) string {
	if len(address) > n {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.User != nil || strings.Trim(u.Host, hostLetters) != "" || strings.Trim(u.Hostname(), ".-_") == "" {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" { // Parse has made it lower case
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		switch {
		case c < ' ' || c == 0x7f:
			return ""
		case c >= 0x80 || strings.IndexByte(ending, c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() > n {
		return ""
	}
	return b.String()
}

// hostLetters are those of hosts. IPv6 addresses have brackets, which would end a
// link in Markdown.
const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_"

// ending are the characters that would end a link somewhere, or that simple
// readers of Markdown would take for something else.
const ending = " ()<>[]{}\\*`|\"'~^"
