package web

import (
	_ "embed"
	"errors"
	"net/http"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
	"imbot/resource"
)

//go:embed openapi.yaml
var openapiYAML []byte

func (s *server) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(openapiYAML)
	return written(err)
}

// idOf reads the id in the path. What is no id names nothing.
func idOf(r *http.Request) (incident.ID, error) {
	id, err := incident.ParseID(r.PathValue("id"))
	if err != nil {
		return 0, &httpError{status: http.StatusNotFound, key: "bad_id", detail: "That is not an incident id: write it like INC-42."}
	}
	return id, nil
}

func (s *server) list(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	f, err := parseFilter(r.URL.RawQuery, s.Now(), s.Location)
	if err != nil {
		return err
	}
	if f.Service != "" { // by any of its names
		if svc := s.Reader.Catalog().Service(f.Service, ""); svc.Key != "" {
			f.Service = svc.Key
		}
	}
	page, err := s.Reader.List(r.Context(), v, f)
	if err != nil {
		return err
	}
	docs := make([]resource.Incident, len(page.Incidents))
	for i, inc := range page.Incidents {
		docs[i] = resource.Of(inc)
	}
	return reply(w, http.StatusOK, struct {
		Incidents  []resource.Incident `json:"incidents"`
		NextCursor string              `json:"next_cursor"`
	}{docs, page.Next})
}

// get loads the incident of the path, as far as the caller may see it.
func (s *server) get(r *http.Request, v query.Viewer, timeline bool) (*query.View, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	return s.Reader.Get(r.Context(), v, id, timeline)
}

func (s *server) show(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	view, err := s.get(r, v, false)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, resource.Of(view))
}

func (s *server) timeline(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	view, err := s.get(r, v, true)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Events []resource.Event `json:"events"`
	}{resource.Events(view.Timeline)})
}

func (s *server) postmortem(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	markdown, lang, err := documentParameters(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if markdown {
		return s.markdown(w, r, v, lang)
	}
	view, err := s.get(r, v, false)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, postmortemOf(view.Incident))
}

func (s *server) actions(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	view, err := s.get(r, v, false)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Actions []followUpDoc `json:"actions"`
	}{followUpsOf(view.Incident.Actions)})
}

func (s *server) declare(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	req, err := commands.DeclareJSON(body)
	if err != nil {
		return err
	}
	inc, err := s.do(r, v, &req, "declare", body)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/incidents/"+inc.ID.String())
	return s.state(w, r, v, http.StatusCreated, inc)
}

func (s *server) command(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	id, err := idOf(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	req, err := commands.FromJSON(body)
	if err != nil {
		return err
	}
	req.Incident, req.Command.Incident = id, id
	if err := errors.Join(s.Reader.ResolveChange(r.Context(), v, req.Command), s.Reader.CheckParent(r.Context(), v, req.Command)); err != nil {
		return err
	}
	inc, err := s.do(r, v, &req, id.String(), body)
	if err != nil {
		return err
	}
	return s.state(w, r, v, http.StatusOK, inc)
}

// do carries out the request's command, once where it bears an Idempotency-Key.
func (s *server) do(r *http.Request, v query.Viewer, req *commands.Request, what string, body []byte) (*incident.Incident, error) {
	o, err := s.onceFor(r, v.Actor.ID, what, body)
	if err != nil {
		return nil, err
	}
	req.As(v.Actor, v.Role, incident.SourceAPI, o.keys()...)
	s.Reader.NameArgs(r.Context(), &req.Command.Args)
	inc, err := s.Service.Do(r.Context(), *req.Command)
	if err != nil {
		return nil, err
	}
	return inc, s.check(r.Context(), o)
}

// state answers with the incident as it is now. Of one that the caller may not
// see, even though it was the caller who declared it, only the id is said.
func (s *server) state(w http.ResponseWriter, r *http.Request, v query.Viewer, status int, inc *incident.Incident) error {
	if !inc.Visible(v.Actor) {
		return reply(w, status, privateDoc{ID: inc.ID.String(), Private: true})
	}
	view, err := s.Reader.Get(r.Context(), v, inc.ID, false)
	if err != nil {
		return err
	}
	return reply(w, status, resource.Of(view))
}
