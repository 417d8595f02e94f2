package web

import (
	"net/http"
	"time"

	"imbot/query"
	"imbot/resource"
)

type onCallDoc struct {
	Name  string    `json:"name"` // of what was asked for; empty: all roles
	Roles []roleDoc `json:"roles"`
}

type roleDoc struct {
	Role   string    `json:"role"`
	OnCall []dutyDoc `json:"on_call"`
	Gap    *string   `json:"gap"` // why nobody is known; null where somebody is
}

type dutyDoc struct {
	Person resource.Actor `json:"person"`
	Since  *time.Time     `json:"since"`
	Until  *time.Time     `json:"until"`
	Source string         `json:"source"`
	Stale  bool           `json:"stale"` // the source did not answer: this is the last that it said
}

// onCall answers who is on duty.
func (s *server) onCall(w http.ResponseWriter, r *http.Request, _ query.Viewer) error {
	about, name := query.OnCallAnything, ""
	values, err := parameters(r.URL.RawQuery, query.OnCallService, query.OnCallSquad, query.OnCallRole)
	if err != nil {
		return err
	}
	for key, v := range values {
		if len(values) > 1 || v == "" {
			return badParameter("", "Give one of service, squad and role, with a value; or none of them for all.")
		}
		about, name = key, v
	}
	o, err := s.Reader.OnCall(r.Context(), about, name)
	if err != nil {
		return err
	}
	d := onCallDoc{Name: o.Name, Roles: []roleDoc{}}
	for _, role := range o.Roles {
		d.Roles = append(d.Roles, roleOf(role))
	}
	return reply(w, http.StatusOK, d)
}

func roleOf(role query.RoleDay) roleDoc {
	d := roleDoc{Role: role.Role, OnCall: []dutyDoc{}, Gap: textOrNull(role.Gap)}
	for _, t := range role.Duties {
		d.OnCall = append(d.OnCall, dutyDoc{
			Person: resource.Whoever(t.Person), Since: resource.Moment(t.Since), Until: resource.Moment(t.Till), Source: t.Source, Stale: t.Stale,
		})
	}
	return d
}
