package jira

import (
	"net/http"
	"strings"

	"imbot/integrations/internal/atlassian"
)

// maxBody bounds an answer. A page of 100 issues is about 300 KB.
const maxBody = 8 << 20

// exchange is the HTTP client of one call of the library: it keeps Jira's limits.
type exchange struct {
	atlassian.Exchange
	c *Client
}

// Do implements the library's HTTP client.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(req.URL.Path, x.c.path)
	if x.Err = x.c.gate.admit(x.Now(), req.Method, path); x.Err != nil {
		return nil, x.Err
	}
	req.Header.Set("Accept", "application/json")
	if req.Body == nil {
		req.Header.Del("Content-Type") // of nothing
	}
	resp, err := x.Exchange.Do(req)
	if x.Err != nil {
		x.c.gate.observe(x.Now(), req.Method, path, x.Err)
	}
	return resp, err
}
