package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	pd "github.com/PagerDuty/go-pagerduty"
)

// Acknowledge acknowledges an incident in the name of the PagerDuty user with
// the mail address from, or Config.From if that is empty. Acknowledging again is
// no error, and starts the acknowledgement's time-out again. For a resolved
// incident it returns an *Error with AlreadyResolved.
func (c *Client) Acknowledge(ctx context.Context, from, id string) error {
	return c.manage(ctx, "acknowledge "+id, from, pd.ManageIncidentsOptions{ID: id, Status: StatusAcknowledged})
}

// Resolve resolves an incident in the name of from, see Acknowledge. The
// resolution, if not empty, becomes part of its history. Resolving a resolved
// incident is no error, so that it can be tried again after a lost answer.
func (c *Client) Resolve(ctx context.Context, from, id, resolution string) error {
	err := c.manage(ctx, "resolve "+id, from, pd.ManageIncidentsOptions{ID: id, Status: StatusResolved, Resolution: resolution})
	var e *Error
	if errors.As(err, &e) && e.AlreadyResolved() {
		return nil
	}
	return err
}

func (c *Client) manage(ctx context.Context, op, from string, o pd.ManageIncidentsOptions) error {
	if err := checkID(op, o.ID); err != nil {
		return err
	}
	from, err := c.sender(op, from)
	if err != nil {
		return err
	}
	return c.done(ctx, op, func(ctx context.Context, api *pd.Client) error {
		_, err := api.ManageIncidentsWithContext(ctx, from, []pd.ManageIncidentsOptions{o})
		return err
	})
}

// AddNote writes a note on an incident, resolved or not, in the name of from,
// see Acknowledge. PagerDuty does not recognise a repeated note: after an error
// that leaves open whether it was written, look with Notes before adding it
// again. An incident takes 2000 notes.
func (c *Client) AddNote(ctx context.Context, from, id, content string) error {
	op := "add a note to " + id
	if err := checkID(op, id); err != nil {
		return err
	}
	from, err := c.sender(op, from)
	if err != nil {
		return err
	}
	if strings.TrimSpace(content) == "" {
		return &Error{Op: op, Status: http.StatusBadRequest, Message: "the note is empty"}
	}
	// The library would put the sender into the note's body as well.
	body := map[string]any{"note": map[string]string{"content": content}}
	return c.send(ctx, op, http.MethodPost, "/incidents/"+id+"/notes", from, body, nil)
}

// sender returns from, or the configured sender.
func (c *Client) sender(op, from string) (string, error) {
	if from == "" {
		from = c.from
	}
	if from == "" || strings.ContainsAny(from, "\r\n") {
		return "", &Error{
			Op: op, Status: http.StatusBadRequest, Code: CodeUnknownSender,
			Message: "no PagerDuty user to do it as: configure the mail address of one",
		}
	}
	return from, nil
}

// send makes a request that the library has no method for. out, if not nil,
// receives the decoded answer.
func (c *Client) send(ctx context.Context, op, method, path, from string, body, out any) error {
	run := c.call
	if out == nil {
		run = c.done
	}
	return run(ctx, op, func(ctx context.Context, api *pd.Client) error {
		var payload []byte
		if body != nil {
			var err error
			if payload, err = json.Marshal(body); err != nil {
				return err
			}
		}
		req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(payload))
		if err != nil {
			return err
		}
		if from != "" {
			req.Header.Set("From", from)
		}
		resp, err := api.Do(req, true)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil && !onlyTypes(err) {
			return err
		}
		return nil
	})
}
