package newrelic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"imbot/integrations/internal/rest"
)

const (
	// maxBody bounds an answer. A page of 200 relationships is about 100 KB.
	maxBody = 8 << 20
	// maxWaits is how often a request that was one too many is made again.
	maxWaits = 4
	// maxWait bounds the wait before that.
	maxWait = 30 * time.Second
)

const (
	countQuery = `query($q: String!) { actor { entitySearch(query: $q) { count } } }`

	searchQuery = `query($q: String!, $c: String) { actor { entitySearch(query: $q) { results(cursor: $c) {
  nextCursor entities { guid name } } } } }`

	// A relationship's source is the one that calls, produces or consumes.
	// OUTBOUND gives those whose source is the service asked for: each once.
	edgesQuery = `query($guid: EntityGuid!, $c: String) { actor { entity(guid: $guid) {
  relatedEntities(cursor: $c, filter: {direction: OUTBOUND, relationshipTypes: {include: [CALLS, CONNECTS_TO, CONSUMES, PRODUCES]}}) {
    nextCursor results { type source { guid entity { name } } target { guid entity { name domain type } } } } } } }`
)

// ask makes a request, again if New Relic says that it was one too many at once,
// and reads what comes into data.
func (c *Client) ask(ctx context.Context, op, query string, variables map[string]any, data any) error {
	for waits := 0; ; waits++ {
		err := c.once(ctx, query, variables, data)
		if err == nil {
			return nil
		}
		err.Op = op
		wait := err.retryAfter
		if wait == 0 {
			wait = time.Second<<waits + rand.N(time.Second) // not all at once again
		}
		if !err.tooMany() || waits == maxWaits || wait > maxWait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &Error{Op: op, Message: "gave up waiting for New Relic to take more requests", Err: ctx.Err()}
		}
	}
}

func (c *Client) once(ctx context.Context, query string, variables map[string]any, data any) *Error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return &Error{Message: "the question can't be written", Err: err, refused: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return &Error{Message: "the question can't be sent", Err: err, refused: true}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("API-Key", c.key)
	resp, body, err := rest.Whole(c.http.Do, req, maxBody)
	if err != nil {
		return &Error{Message: "New Relic did not answer", Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.StatusCode, resp.Header, decodeErrors(body), c.now())
	}
	if len(body) > maxBody {
		return &Error{Status: resp.StatusCode, Message: fmt.Sprintf("the answer is longer than %d MB", maxBody>>20)}
	}
	return decode(resp.Header, c.now(), body, data)
}

// decode reads an answer of status 200. Where it holds errors, its data may
// lack anything, and is not used.
func decode(h http.Header, now time.Time, body []byte, data any) *Error {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []graphQLError  `json:"errors"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return &Error{Status: http.StatusOK, Message: "the answer of New Relic was not understood; is this the address of NerdGraph?", Err: err}
	}
	if err := refusal(http.StatusOK, h, answer.Errors, now); err != nil {
		return err
	}
	if len(answer.Data) == 0 {
		return &Error{Status: http.StatusOK, Message: "the answer holds no data; is this the address of NerdGraph?"}
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		return &Error{Status: http.StatusOK, Message: "the data of New Relic's answer were not understood", Err: err}
	}
	return nil
}

type searchAnswer struct {
	Actor *struct {
		EntitySearch *struct {
			Count   int `json:"count"`
			Results *struct {
				NextCursor string `json:"nextCursor"`
				Entities   []struct {
					GUID string `json:"guid"`
					Name string `json:"name"`
				} `json:"entities"`
			} `json:"results"`
		} `json:"entitySearch"`
	} `json:"actor"`
}

type edgesAnswer struct {
	Actor *struct {
		Entity *struct {
			Related *struct {
				NextCursor string             `json:"nextCursor"`
				Results    []wireRelationship `json:"results"`
			} `json:"relatedEntities"`
		} `json:"entity"`
	} `json:"actor"`
}

type wireRelationship struct {
	Type   string     `json:"type"`
	Source wireVertex `json:"source"`
	Target wireVertex `json:"target"`
}

// wireVertex is one end of a relationship. Its entity is null where the key may
// not see it.
type wireVertex struct {
	GUID   string `json:"guid"`
	Entity struct {
		Name   string `json:"name"`
		Domain string `json:"domain"`
		Type   string `json:"type"`
	} `json:"entity"`
}
