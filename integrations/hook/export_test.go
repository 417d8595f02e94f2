package hook

import "time"

// RetryAfterOf lets tests read a header without a server.
func (c *Client) RetryAfterOf(s string) time.Duration { return c.retryAfter(s) }
