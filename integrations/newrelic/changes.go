package newrelic

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
)

// MaxChanges is how many changes Changes returns, at most: the newest. NRQL
// allows up to 5,000 rows.
// https://docs.newrelic.com/docs/nrql/nrql-syntax-clauses-functions/#sel-limit
const MaxChanges = 1000

// Change is one deploy, feature flag or the like that was told to New Relic's
// change tracking.
type Change struct {
	ID          string    // New Relic's; empty for some old deployment markers
	Category    string    // such as "Deployment" or "Feature Flag"; at most 60 bytes
	Type        string    // such as "Basic" or "Rolling"; may be empty
	Version     string    // of a deployment
	Flag        string    // name of a feature flag
	Summary     string    // short description, or the beginning of the long one
	Description string    //
	User        string    // who did it
	Link        string    // http(s); of the system that made the change, or of the change log
	EntityGUID  string    // what was changed
	EntityName  string    //
	At          time.Time // UTC, in milliseconds
}

// Title is what was changed in a few words.
func (c *Change) Title() string {
	switch {
	case c.Summary != "":
		return c.Summary
	case c.Version != "":
		return firstOf(c.Category, "Deployment") + " " + c.Version
	case c.Flag != "":
		return "Feature flag " + c.Flag
	}
	return strings.TrimSpace(firstOf(c.Category, "Change") + " " + c.Type)
}

const changesQuery = `query($id: Int!, $q: Nrql!) { actor { account(id: $id) { nrql(query: $q, timeout: 20) { results } } } }`

// changeAttributes are those of both event types: Deployment, the older one, has
// deploymentId; ChangeTrackingEvent has changeTrackingId and the categories.
// https://docs.newrelic.com/docs/change-tracking/query-data and
// https://github.com/newrelic/newrelic-client-go/blob/main/pkg/changetracking/types.go
const changeAttributes = "timestamp, changeTrackingId, deploymentId, category, type, deploymentType, version, featureFlagId, " +
	"shortDescription, description, user, deepLink, changelog, commit, entity.guid, entity.name"

// Changes returns what was changed at or after since, newest first, at most
// MaxChanges. The account is Config.AccountID. What has no time, and no entity
// that can be told, is left out.
// https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-nrql-tutorial/
func (c *Client) Changes(ctx context.Context, since time.Time) ([]Change, error) {
	const op = "read change tracking"
	if c.account == 0 {
		return nil, &Error{Op: op, refused: true, final: true, Message: "the account id is missing: without it New Relic can't be asked for changes"}
	}
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	nrql := fmt.Sprintf("SELECT %s FROM ChangeTrackingEvent, Deployment SINCE %d UNTIL %d LIMIT %d",
		changeAttributes, since.UnixMilli(), c.now().Add(time.Minute).UnixMilli(), MaxChanges)
	var answer changesAnswer
	if err := c.ask(ctx, op, changesQuery, map[string]any{"id": c.account, "q": nrql}, &answer); err != nil {
		return nil, err
	}
	if answer.Actor == nil || answer.Actor.Account == nil || answer.Actor.Account.NRQL == nil {
		return nil, &Error{Op: op, Status: http.StatusOK, refused: true, Message: "the answer holds no result; may this key read the account?"}
	}
	return answer.Actor.Account.NRQL.changes(since), nil
}

type changesAnswer struct {
	Actor *struct {
		Account *struct {
			NRQL *nrqlResult `json:"nrql"`
		} `json:"account"`
	} `json:"actor"`
}

type nrqlResult struct {
	Results []map[string]json.RawMessage `json:"results"`
}

func (r *nrqlResult) changes(since time.Time) []Change {
	var out []Change
	for _, row := range r.Results {
		if c, ok := changeOf(row); ok && !c.At.Before(since.Truncate(time.Millisecond)) && len(out) < MaxChanges {
			out = append(out, c)
		}
	}
	return out
}

// changeOf reads a row of attributes. One of an unexpected type is taken as
// absent, for a row may hold what its sender liked.
func changeOf(row map[string]json.RawMessage) (Change, bool) {
	text := func(name string, n int) string {
		var s string
		if json.Unmarshal(row[name], &s) != nil {
			return ""
		}
		return fit.Line(s, n)
	}
	c := Change{
		ID: firstOf(text("changeTrackingId", 128), text("deploymentId", 128)), Category: text("category", 60),
		Type: firstOf(text("type", 60), text("deploymentType", 60)), Version: text("version", 120), Flag: text("featureFlagId", 120),
		Description: text("description", 1000), User: text("user", 120), EntityGUID: text("entity.guid", 1024), EntityName: text("entity.name", maxName),
		Link: firstOf(webLink(text("deepLink", maxLink)), webLink(text("changelog", maxLink))),
	}
	c.Summary = firstOf(text("shortDescription", 255), text("description", 255))
	if c.Category == "" && c.Version != "" {
		c.Category = "Deployment"
	}
	if c.Version == "" {
		c.Version = text("commit", 120)
	}
	if !isGUID(c.EntityGUID) {
		c.EntityGUID = ""
	}
	var millis float64
	if json.Unmarshal(row["timestamp"], &millis) != nil || millis <= 0 || millis > 1<<50 || math.IsNaN(millis) {
		return c, false
	}
	c.At = time.UnixMilli(int64(millis)).UTC()
	return c, c.EntityGUID != "" || c.EntityName != ""
}

const maxLink = 2000

// webLink returns raw if it is an absolute http or https URL that was not cut,
// else "".
func webLink(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.HasSuffix(raw, "…") {
		return ""
	}
	return u.String()
}
