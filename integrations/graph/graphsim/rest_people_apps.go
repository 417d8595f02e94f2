package graphsim

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Permissions to install an app for people, and to see what they have. The first
// ones are for an app that installs itself.
var (
	ownConsenting = []string{"TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All", "TeamsAppInstallation.ReadWriteAndConsentForUser.All"}
	ownInstalling = []string{"TeamsAppInstallation.ReadWriteSelfForUser.All", "TeamsAppInstallation.ReadWriteForUser.All"}
	ownReading    = slices.Concat([]string{"TeamsAppInstallation.ReadForUser.All"}, ownInstalling, ownConsenting)
	anyApp        = []string{"TeamsAppInstallation.ReadWriteForUser.All", "TeamsAppInstallation.ReadWriteAndConsentForUser.All"}
)

// SetPersonalConsent says whether an app that asks for permissions of chats can
// be installed for people only with consent to them. At the start it is not so:
// Microsoft's page can be read both ways.
func (s *Server) SetPersonalConsent(wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.askConsent = wanted
}

// SetAppPolicy says whether the app permission policy of a user lets the app be
// installed for them, as it does at the start.
func (s *Server) SetAppPolicy(userID string, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.barred[strings.ToLower(userID)] = !allowed
}

// OwnApps returns what is installed for a user.
func (s *Server) OwnApps(userID string) (out []Installed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.own[strings.ToLower(userID)] {
		out = append(out, i.view())
	}
	return out
}

// owner finds the user of a call, who needs one of the permissions; else it
// answers.
func (s *Server) owner(w http.ResponseWriter, r *http.Request, wanted ...string) *User {
	if !s.allowed(nil, wanted...) {
		s.missing(w, wanted...)
		return nil
	}
	u := s.user(r.PathValue("user"))
	if u == nil {
		s.notFound(w, "User not found.")
	}
	return u
}

// postOwnApp installs an app for a user. The words of refusals are those that
// were published, but for the policy and consent.
// https://learn.microsoft.com/graph/api/userteamwork-post-installedapps
// https://github.com/microsoftgraph/microsoft-graph-docs/issues/16666
func (s *Server) postOwnApp(w http.ResponseWriter, r *http.Request) {
	u := s.owner(w, r, slices.Concat(ownInstalling, ownConsenting)...)
	if u == nil {
		return
	}
	a, body := s.wantedApp(w, r)
	if a == nil {
		return
	}
	id := strings.ToLower(u.ID)
	consent, ok := readConsent(body)
	_, consents := body["consentedPermissionSet"]
	switch {
	case a.ClientID != s.opt.AppID && !s.allowed(nil, anyApp...):
		s.refuse(w, http.StatusForbidden, "Forbidden", "AAD App Id '"+s.opt.AppID+"' is not allowed to manage the Teams App '"+a.ID+"'")
	case a.Blocked:
		s.refuse(w, http.StatusForbidden, "Forbidden", "Trying to CreateTeamAppEntitlement for an App that is explicitly blocked by the tenant admin.")
	case s.barred[id]:
		s.refuse(w, http.StatusForbidden, "Forbidden", "The app is not allowed by the app permission policy of the user.")
	case consents && !s.allowed(nil, ownConsenting...):
		s.missing(w, ownConsenting...)
	case (consents || s.askConsent) && (!ok || !sameConsent(a.Permissions, consent)):
		s.bad(w, "The permissions in the consentedPermissionSet do not match the resource specific permissions of the app.")
	case slices.ContainsFunc(s.own[id], func(i installation) bool { return i.app.ID == a.ID }):
		s.refuse(w, http.StatusConflict, "Conflict", "App entitlement already exists.")
	default:
		s.own[id] = append(s.own[id], installation{app: *a, consent: consent})
		if a.ClientID == s.opt.AppID {
			s.added = append(s.added, u.ID)
		}
		w.WriteHeader(http.StatusCreated)
	}
}

// getOwnApps lists what is installed for a user.
// https://learn.microsoft.com/graph/api/userteamwork-list-installedapps
func (s *Server) getOwnApps(w http.ResponseWriter, r *http.Request) {
	u := s.owner(w, r, ownReading...)
	q := r.URL.Query()
	if u == nil || !s.options(w, q, "$expand", "$filter", "$select") {
		return
	}
	inApp := func(name string) func(object) string {
		return func(o object) string {
			a, _ := o["teamsApp"].(object)
			return field(name)(a)
		}
	}
	fits, ok := filter(q.Get("$filter"), map[string]func(object) string{"teamsApp/id": inApp("id"), "teamsApp/externalId": inApp("externalId")})
	if !ok {
		s.bad(w, "Invalid filter clause.")
		return
	}
	var all []object
	for _, i := range s.own[strings.ToLower(u.ID)] {
		if fits(object{"teamsApp": wireApp(&i.app)}) {
			all = append(all, s.wireInstallation(&i, ownID(u, i.app.ID), q.Get("$expand")))
		}
	}
	s.page(w, r, all)
}

// ownID is the id of an installation: opaque, as Graph's.
func ownID(u *User, appID string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.ToLower(u.ID) + "##" + appID))
}

// personalChat is the id of somebody's 1:1 chat with the app that calls.
func (s *Server) personalChat(userID string) string {
	return "19:" + strings.ToLower(s.opt.AppID+"_"+userID) + "@unq.gbl.spaces"
}

// getOwnChat is the 1:1 chat of a user with an app.
// https://learn.microsoft.com/graph/api/userscopeteamsappinstallation-get-chat
func (s *Server) getOwnChat(w http.ResponseWriter, r *http.Request) {
	u := s.owner(w, r, ownReading...)
	if u == nil || !s.options(w, r.URL.Query(), "$select") {
		return
	}
	for _, i := range s.own[strings.ToLower(u.ID)] {
		if ownID(u, i.app.ID) == r.PathValue("installation") && i.app.ClientID == s.opt.AppID {
			answer(w, http.StatusOK, object{
				"@odata.context": s.URL() + "/$metadata#chats/$entity", "id": s.personalChat(u.ID), "topic": nil, "chatType": "oneOnOne",
				"tenantId": s.opt.TenantID, "createdDateTime": stamp(s.now()),
			})
			return
		}
	}
	s.notFound(w, "The installation is not found.")
}
