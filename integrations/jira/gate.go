package jira

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How often one issue may be changed: Jira Cloud refuses more.
// https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
const (
	writesShort, shortWindow = 20, 2 * time.Second
	writesLong, longWindow   = 100, 30 * time.Second
)

// Reasons that Jira gives for a refusal with 429, in the header RateLimit-Reason.
const (
	ReasonQuotaGlobal = "jira-quota-global-based"
	ReasonQuotaTenant = "jira-quota-tenant-based"
	ReasonBurst       = "jira-burst-based"
	ReasonIssueWrites = "jira-per-issue-on-write"
)

// maxHold bounds how long one answer can hold back requests: Jira's longest
// limit is counted by the hour.
const maxHold = time.Hour

// maxGates bounds how many issues and endpoints are remembered.
const maxGates = 10_000

// gate keeps requests back that Jira would refuse: as long as it asked for, and
// only those that the reason names; and more changes of one issue than Jira
// takes. It lets a request pass or refuses it, and never waits.
type gate struct {
	mu     sync.Mutex
	held   map[string]hold        // by scope
	writes map[string][]time.Time // recent changes of an issue, oldest first
}

type hold struct {
	until  time.Time
	reason string
}

func newGate() *gate {
	return &gate{held: make(map[string]hold), writes: make(map[string][]time.Time)}
}

// admit returns nil, or an error for a request that must not be made now.
func (g *gate) admit(now time.Time, method, path string) *Error {
	endpoint, issue := scopes(method, path)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, scope := range []string{"", endpoint, issue} {
		if h, ok := g.held[scope]; ok && h.until.After(now) {
			return notSent(h.reason, h.until.Sub(now))
		}
	}
	if issue == "" || method == http.MethodGet {
		return nil
	}
	recent := g.writes[issue]
	for len(recent) > 0 && now.Sub(recent[0]) >= longWindow {
		recent = recent[1:]
	}
	if wait := tooSoon(now, recent); wait > 0 {
		return notSent(ReasonIssueWrites, wait)
	}
	g.prune(now)
	g.writes[issue] = append(recent, now)
	return nil
}

// tooSoon returns how long a further change has to wait after those.
func tooSoon(now time.Time, recent []time.Time) time.Duration {
	wait := time.Duration(0)
	if n := len(recent) - writesShort; n >= 0 {
		wait = recent[n].Add(shortWindow).Sub(now)
	}
	if n := len(recent) - writesLong; n >= 0 {
		wait = max(wait, recent[n].Add(longWindow).Sub(now))
	}
	return wait
}

func notSent(reason string, wait time.Duration) *Error {
	e := &Error{Product: product, Message: fmt.Sprintf("not sent: Jira's limit is used up for %s", wait.Round(time.Millisecond)), Reason: reason, Wait: wait}
	if reason == ReasonIssueWrites {
		e.Message = fmt.Sprintf("not sent: the issue was changed too often, next in %s", wait.Round(time.Millisecond))
	}
	return e
}

// observe holds back what a refusal with 429 names. Without a time there is
// nothing to hold.
func (g *gate) observe(now time.Time, method, path string, e *Error) {
	if e.Status != http.StatusTooManyRequests || e.Wait <= 0 {
		return
	}
	endpoint, issue := scopes(method, path)
	scope := "" // quotas, and Data Center's limit for each user, concern all
	switch {
	case e.Reason == ReasonBurst:
		scope = endpoint
	case e.Reason == ReasonIssueWrites && issue != "":
		scope = issue
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.prune(now)
	until := now.Add(min(e.Wait, maxHold))
	if until.After(g.held[scope].until) {
		g.held[scope] = hold{until: until, reason: e.Reason}
	}
}

// prune forgets what is over once there is much of it.
func (g *gate) prune(now time.Time) {
	if len(g.writes)+len(g.held) < maxGates {
		return
	}
	for issue, at := range g.writes {
		if now.Sub(at[len(at)-1]) >= longWindow {
			delete(g.writes, issue)
		}
	}
	for scope, h := range g.held {
		if !h.until.After(now) {
			delete(g.held, scope)
		}
	}
	if len(g.writes)+len(g.held) >= maxGates { // Jira will say so
		clear(g.writes)
	}
}

// scopes returns what a request is counted by: its endpoint, and for a change
// the issue that it is made to, or "".
func scopes(method, path string) (endpoint, issue string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if keyPattern.MatchString(p) {
			if i > 0 && parts[i-1] == "issue" && method != http.MethodGet {
				issue = "issue " + p
			}
			parts[i] = "{}"
		}
	}
	return method + " " + strings.Join(parts, "/"), issue
}
