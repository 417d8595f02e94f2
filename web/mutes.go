package web

import (
	"net/http"
	"time"

	"imbot/commands"
	"imbot/incident"
	"imbot/query"
	"imbot/resource"
)

// muteDoc is a window in which the alerts of a service or a squad are quiet.
type muteDoc struct {
	Service *string        `json:"service"` // key; null where it is about a squad
	Squad   *string        `json:"squad"`   // key; null where it is about a service
	Name    string         `json:"name"`
	From    time.Time      `json:"from"`
	Until   time.Time      `json:"until"`
	Reason  string         `json:"reason"`
	By      resource.Actor `json:"by"`
}

func muteOf(m incident.Mute, name string) muteDoc {
	return muteDoc{
		Service: textOrNull(m.Service), Squad: textOrNull(m.Squad), Name: name,
		From: m.From.UTC(), Until: m.Until.UTC(), Reason: m.Reason, By: resource.Whoever(m.By),
	}
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *server) mutes(w http.ResponseWriter, r *http.Request, _ query.Viewer) error {
	list, err := s.Reader.Mutes(r.Context(), s.Now())
	if err != nil {
		return err
	}
	docs := make([]muteDoc, len(list))
	for i := range list {
		docs[i] = muteOf(list[i].Mute, list[i].Name)
	}
	return reply(w, http.StatusOK, struct {
		Mutes []muteDoc `json:"mutes"`
	}{docs})
}

func (s *server) mute(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	req, err := commands.MuteJSON(body)
	if err != nil {
		return err
	}
	m, err := s.Service.Mute(r.Context(), v.Actor, v.Role, req.Target, req.For, req.Reason)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, muteOf(m, s.Reader.MuteName(m)))
}

// unmute ends the window of the parameter "target".
func (s *server) unmute(w http.ResponseWriter, r *http.Request, v query.Viewer) error {
	values, err := parameters(r.URL.RawQuery, "target")
	if err != nil {
		return err
	}
	if values["target"] == "" {
		return badParameter("target", "Say which service or squad: ?target=checkout.")
	}
	m, err := s.Service.Unmute(r.Context(), v.Actor, v.Role, values["target"])
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, muteOf(m, s.Reader.MuteName(m)))
}
