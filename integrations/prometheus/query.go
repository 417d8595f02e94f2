package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"imbot/integrations/internal/fit"
	"imbot/integrations/internal/rest"
)

// maxBody bounds an answer. A series of a service graph has about 150 bytes.
const maxBody = 32 << 20

// sample is one series of a result.
type sample struct {
	labels map[string]string
	value  float64
}

// query asks for the present value of a query.
// https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
func (c *Client) query(ctx context.Context, op, graph, promQL string) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, e := c.post(ctx, url.Values{
		"query":   {promQL},
		"time":    {strconv.FormatFloat(float64(c.now().UnixMilli())/1000, 'f', 3, 64)},
		"timeout": {strconv.Itoa(max(int(c.timeout/time.Second), 1)) + "s"},
	})
	if e != nil {
		e.Op = op
		return nil, e
	}
	samples, warnings, e := decode(body)
	if e != nil {
		e.Op = op
		return nil, e
	}
	for _, w := range warnings {
		c.warn(graph, w)
	}
	return samples, nil
}

func (c *Client) post(ctx context.Context, form url.Values) ([]byte, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &Error{Message: "the query can't be sent", Err: err, refused: true}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	} else if c.user != "" || c.password != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	if c.orgID != "" {
		req.Header.Set("X-Scope-OrgID", c.orgID)
	}
	resp, body, err := rest.Whole(c.http.Do, req, maxBody)
	switch {
	case err != nil:
		return nil, &Error{Message: "Prometheus did not answer", Err: err}
	case resp.StatusCode/100 != 2:
		return nil, refusal(resp, body, c.now())
	case len(body) > maxBody:
		return nil, &Error{Status: resp.StatusCode, refused: true, Message: fmt.Sprintf("the answer is longer than %d MB; narrow the query", maxBody>>20)}
	}
	return body, nil
}

// decode reads an answer: its series, and what it warns of, at most 5 lines.
// Histograms and values that are no number are left out.
func decode(body []byte) ([]sample, []string, *Error) {
	var answer struct {
		Status string `json:"status"`
		wireError
		Warnings []string `json:"warnings"`
		Data     struct {
			ResultType string          `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, nil, &Error{Status: http.StatusOK, Message: "the answer was not understood; is this the address of a Prometheus?", Err: err}
	}
	if answer.Status != "success" {
		return nil, nil, answer.refusal()
	}
	if answer.Data.ResultType != "vector" {
		return nil, nil, &Error{Status: http.StatusOK, refused: true, Message: fmt.Sprintf("the query's result is a %s; it has to be a vector", fit.Line(answer.Data.ResultType, 40))}
	}
	var series []struct {
		Metric map[string]string  `json:"metric"`
		Value  [2]json.RawMessage `json:"value"` // time, and the value as text; not there for histograms
	}
	if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
		return nil, nil, &Error{Status: http.StatusOK, Message: "the result was not understood; is this the address of a Prometheus?", Err: err}
	}
	out := make([]sample, 0, len(series))
	for _, s := range series {
		value, err := strconv.ParseFloat(string(bytes.Trim(s.Value[1], `"`)), 64)
		if err == nil && !math.IsNaN(value) {
			out = append(out, sample{s.Metric, value})
		}
	}
	var warnings []string
	for _, w := range answer.Warnings[:min(len(answer.Warnings), 5)] {
		warnings = append(warnings, fit.Line(w, maxMessage))
	}
	return out, warnings, nil
}
