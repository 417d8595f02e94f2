package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"imbot/changes"
	"imbot/incident"
	"imbot/query"
)

// Changes is what the addresses about changes work with.
type Changes struct {
	Store changes.Store
	// Nearest is the name of the service in the catalog that is most like this one;
	// "" where none is like it. nil means none ever is.
	Nearest func(name string) string
	// Saved is told what has become of changes, after they are stored. nil: nobody
	// wants to know.
	Saved func(ctx context.Context, saved []changes.Saved)
}

type changeDoc struct {
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Service     string    `json:"service"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	URL         string    `json:"url"`
	By          string    `json:"by"`
	Version     string    `json:"version"`
	At          time.Time `json:"at"`
	RecordedAt  time.Time `json:"recorded_at"`
}

type changesDoc struct {
	Changes []changeDoc `json:"changes"`
}

func changeOf(c *changes.Change) changeDoc {
	return changeDoc{
		ID: c.ID, Source: c.Source, Service: c.Service, Title: c.Title, Description: c.Description, URL: c.URL, By: c.By,
		Version: c.Version, At: c.At.UTC(), RecordedAt: c.Recorded.UTC(),
	}
}

// postChanges stores one change or several: 201 where one of them is new, 200
// where all were known. All or none.
func (s *server) postChanges(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	if v.Role != incident.RoleResponder && v.Role != incident.RoleAdmin {
		return &httpError{status: http.StatusForbidden, key: "forbidden_viewer", detail: "This token may only read: use one of a responder."}
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	list, faults, err := parseChanges(body)
	if err != nil {
		return err
	}
	o, err := s.onceFor(r, v.Actor.ID, "changes", body)
	if err != nil {
		return err
	}
	now := s.Now()
	for i := range list {
		s.placeChange(&list[i], now, &faults)
	}
	if len(faults) > 0 {
		return s.refuse(w, r, faults)
	}
	if err := s.claimKey(r.Context(), o); err != nil {
		return err
	}
	saved, err := s.Changes.Store.SaveChanges(r.Context(), named(list, v.Actor.ID, r.Header.Get("Idempotency-Key"), now))
	if err != nil {
		return err
	}
	if s.Changes.Saved != nil {
		s.Changes.Saved(r.Context(), saved)
	}
	status := http.StatusOK
	out := changesDoc{make([]changeDoc, len(saved))}
	for i := range saved {
		if saved[i].Added {
			status = http.StatusCreated
		}
		out.Changes[i] = changeOf(&saved[i].Change)
	}
	return reply(w, status, out)
}

// placeChange checks a change, and finds its service.
func (s *server) placeChange(p *postedChange, now time.Time, faults *[]fieldError) {
	for _, f := range p.Faults(now) {
		*faults = append(*faults, fieldError{p.path + f.Field, f.Detail})
	}
	if incident.Line(p.Service) == "" || utf8.RuneCountInString(p.Service) > changes.MaxService {
		return // it is said already
	}
	key, detail := s.serviceKey(p.Service)
	if detail != "" {
		*faults = append(*faults, fieldError{p.path + "service", detail})
	}
	p.Service, p.Source = key, changes.SourceAPI
	p.Change, _ = p.Clean(now) // what it lacks is said already, or comes later
}

var pagerService = regexp.MustCompile(`^(?i:pd:)([A-Za-z0-9_-]{1,64})$`)

// serviceKey finds a service by any of its names, or says what is wrong. One
// that only the pager knows is named as incidents of it are.
func (s *server) serviceKey(name string) (key, detail string) {
	name = incident.Line(name)
	m := pagerService.FindStringSubmatch(name)
	vendorID := ""
	if m != nil {
		vendorID = m[1]
	}
	if svc := s.Reader.Catalog().Service(name, vendorID); svc.Key != "" {
		return svc.Key, ""
	}
	if m != nil {
		return "pd:" + vendorID, ""
	}
	detail = "There is no service " + strconv.Quote(incident.Clip(name, 60)) + " in the catalog."
	if s.Changes.Nearest != nil {
		if near := s.Changes.Nearest(name); near != "" {
			return "", detail + " Did you mean " + strconv.Quote(near) + "?"
		}
	}
	return "", detail + " One that only PagerDuty knows is written like pd:PABC123."
}

// named gives an id to those that have none: of the Idempotency-Key and their
// place in the request, else of all that is said about them. Without a time of
// their own, the present minute is part of that: a request that is sent again at
// once changes nothing, and the same deploy tomorrow is another one.
func named(list []postedChange, token, key string, now time.Time) []changes.Change {
	out := make([]changes.Change, len(list))
	for i := range list {
		c := list[i].Change
		switch {
		case c.ID != "":
		case key != "":
			c.ID = changes.Derive("key", token, key, strconv.Itoa(i))
		default:
			at := c.At
			if at.IsZero() {
				at = now.Truncate(time.Minute)
			}
			c.ID = changes.Derive("content", c.Service, c.Title, c.Description, c.URL, c.By, c.Version, at.UTC().Format(time.RFC3339Nano))
		}
		if c.By == "" {
			c.By = token
		}
		out[i] = c
	}
	return out
}

// claimKey makes the Idempotency-Key this request's, or refuses one that was used
// for another. The changes are stored after it: their ids come of the key, so
// that to store them again does no harm.
func (s *server) claimKey(ctx context.Context, o *once) error {
	if o == nil {
		return nil
	}
	reused := false
	err := s.Reader.Store.Update(ctx, func(tx incident.Tx) error {
		used, err := anyKey(tx, o.used)
		if err != nil {
			return err
		}
		same, err := anyKey(tx, o.same)
		if err != nil {
			return err
		}
		if reused = used && !same; reused {
			return nil
		}
		for _, k := range o.keys() {
			if err := tx.PutKey(incident.InboundKey(k), "-", false); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && reused {
		err = &httpError{
			status: http.StatusUnprocessableEntity, key: "idempotency_key_reused", field: "Idempotency-Key",
			detail: "This Idempotency-Key was used for another request. Use a new one for each request that is not a repetition.",
		}
	}
	return err
}

func anyKey(tx incident.Tx, keys []string) (bool, error) {
	for _, k := range keys {
		if v, err := tx.Key(incident.InboundKey(k), false); err != nil || v != "" {
			return v != "", err
		}
	}
	return false, nil
}

// refuse answers with everything that is wrong with a body, field by field.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, faults []fieldError) error {
	d := describe(r, &httpError{status: http.StatusUnprocessableEntity, key: "bad_change", detail: faults[0].Detail})
	if len(faults) > 1 {
		d.Detail += " And " + strconv.Itoa(len(faults)-1) + " more: see errors."
	}
	d.Errors = faults
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(d.Status)
	return written(json.NewEncoder(w).Encode(d))
}

// listChanges answers with what was changed, newest first.
func (s *server) listChanges(w http.ResponseWriter, r *http.Request, _ query.Viewer) error {
	values, err := parameters(r.URL.RawQuery, "service", "since", "until", "limit")
	if err != nil {
		return err
	}
	service := values["service"]
	if service != "" {
		key, detail := s.serviceKey(service)
		if detail != "" {
			return badParameter("service", detail)
		}
		service = key
	}
	since, until, err := span(values, s.Now(), s.Location)
	if err != nil {
		return err
	}
	most, err := limit(values, maxChanges)
	if err != nil {
		return err
	}
	list, err := s.Changes.Store.Changes(r.Context(), service, since, until, most)
	if err != nil {
		return err
	}
	out := changesDoc{make([]changeDoc, len(list))}
	for i := range list {
		out.Changes[i] = changeOf(&list[i])
	}
	return reply(w, http.StatusOK, out)
}
