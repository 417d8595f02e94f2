package graphsim

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func distribution(a *App) string {
	if a.Store {
		return "store"
	}
	return "organization"
}

func wireApp(a *App) object {
	return object{"id": a.ID, "externalId": a.ExternalID, "displayName": a.Name, "distributionMethod": distribution(a)}
}

func (s *Server) wireDefinition(a *App) object {
	state := "published"
	if a.Submitted {
		state = "submitted"
	}
	permissions := []object{}
	for _, p := range a.Permissions {
		kind := "application"
		if p.Delegated {
			kind = "delegated"
		}
		permissions = append(permissions, object{"permissionValue": p.Name, "permissionType": kind})
	}
	return object{
		"id": a.ID + "##" + a.Version, "teamsAppId": a.ID, "displayName": a.Name, "version": a.Version, "publishingState": state,
		"authorization": object{"requiredPermissionSet": object{"resourceSpecificPermissions": permissions}},
	}
}

// getCatalog lists the apps of the catalog.
// https://learn.microsoft.com/graph/api/appcatalogs-list-teamsapps
func (s *Server) getCatalog(w http.ResponseWriter, r *http.Request) {
	if wanted := []string{"AppCatalog.Read.All", "AppCatalog.ReadWrite.All"}; !s.allowed(nil, wanted...) {
		s.missing(w, wanted...)
		return
	}
	q := r.URL.Query()
	if !s.options(w, q, "$filter", "$expand", "$select", "$orderby") {
		return
	}
	fits, ok := filter(q.Get("$filter"), map[string]func(object) string{"id": field("id"), "externalId": field("externalId"), "distributionMethod": field("distributionMethod")})
	if !ok {
		s.bad(w, "Invalid filter clause.")
		return
	}
	var found []object
	for _, a := range s.apps {
		o := wireApp(a)
		if !fits(o) {
			continue
		}
		if strings.HasPrefix(q.Get("$expand"), "appDefinitions") {
			o["appDefinitions"] = []object{s.wireDefinition(a)}
		}
		found = append(found, o)
	}
	s.page(w, r, found)
}

// Permissions to install an app in a chat: with those that consent, apps that
// ask for permissions of the chat can be installed, too.
var (
	consenting = []string{"TeamsAppInstallation.ReadWriteAndConsentSelfForChat.All", "TeamsAppInstallation.ReadWriteAndConsentForChat.All"}
	installing = []string{"TeamsAppInstallation.ReadWriteSelfForChat.All", "TeamsAppInstallation.ReadWriteForChat.All", "Chat.Manage.Chat"}
)

var bindApp = regexp.MustCompile(`^https?://[^/]+/v1\.0/appCatalogs/teamsApps/([0-9A-Za-z-]+)$`)

// postInstalledApp installs an app in a chat. The words of refusals are those
// that were published for a blocked app, and guesses for the rest.
// https://learn.microsoft.com/graph/api/chat-post-installedapps
func (s *Server) postInstalledApp(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, slices.Concat(installing, consenting)...)
	if c == nil {
		return
	}
	a, body := s.wantedApp(w, r)
	if a == nil {
		return
	}
	consent, ok := readConsent(body)
	switch {
	case a.ClientID != s.opt.AppID && !s.allowed(c, "TeamsAppInstallation.ReadWriteForChat.All", "TeamsAppInstallation.ReadWriteAndConsentForChat.All", "Chat.Manage.Chat"):
		s.missing(w, "TeamsAppInstallation.ReadWriteForChat.All", "TeamsAppInstallation.ReadWriteAndConsentForChat.All")
	case a.Blocked:
		s.refuse(w, http.StatusForbidden, "Forbidden", "Trying to CreateTeamAppEntitlement for an App that is explicitly blocked by the tenant admin.")
	case len(a.Permissions) > 0 && !s.allowed(c, consenting...):
		s.missing(w, consenting...)
	case len(a.Permissions) > 0 && s.consentOff:
		s.refuse(w, http.StatusForbidden, "Forbidden", "Resource specific consent is not enabled for chats in the tenant.")
	case !ok || !sameConsent(a.Permissions, consent):
		s.bad(w, "The permissions in the consentedPermissionSet do not match the resource specific permissions of the app.")
	case slices.ContainsFunc(c.apps, func(i installation) bool { return i.app.ID == a.ID }):
		s.refuse(w, http.StatusConflict, "Conflict", "App entitlement already exists.")
	default:
		c.apps = append(c.apps, installation{app: *a, consent: consent})
		s.dirty = append(s.dirty, c)
		w.Header().Set("Location", "/chats/"+c.ID+"/installedApps/"+s.membership(c, a.ID))
		w.WriteHeader(http.StatusCreated)
	}
}

// wantedApp finds the app that a request is to install, with the request's body;
// else it answers, and the app is nil.
func (s *Server) wantedApp(w http.ResponseWriter, r *http.Request) (*App, object) {
	body, ok := s.decode(w, r, "teamsApp@odata.bind", "consentedPermissionSet")
	if !ok {
		return nil, nil
	}
	found := bindApp.FindStringSubmatch(field("teamsApp@odata.bind")(body))
	if found == nil {
		s.bad(w, "Bind requests expect an app.")
		return nil, nil
	}
	a := s.app(found[1])
	if a == nil || a.Submitted {
		s.notFound(w, "App with id '"+found[1]+"' is not found in the app catalog.")
		return nil, nil
	}
	return a, body
}

// readConsent reads the permissions that are consented to.
func readConsent(body object) ([]Permission, bool) {
	set, _ := body["consentedPermissionSet"].(object)
	list, _ := set["resourceSpecificPermissions"].([]any)
	var out []Permission
	for _, item := range list {
		o, _ := item.(object)
		kind := strings.ToLower(field("permissionType")(o))
		if kind != "application" && kind != "delegated" {
			return nil, false
		}
		out = append(out, Permission{Name: field("permissionValue")(o), Delegated: kind == "delegated"})
	}
	return out, true
}

// sameConsent compares what is consented to with what the manifest asks for,
// from which delegated permissions may be left out.
func sameConsent(asked, consented []Permission) bool {
	for _, p := range asked {
		if !p.Delegated && !slices.Contains(consented, p) {
			return false
		}
	}
	for _, p := range consented {
		if !slices.Contains(asked, p) {
			return false
		}
	}
	return true
}

func (s *Server) getInstalledApps(w http.ResponseWriter, r *http.Request) {
	c := s.find(w, r, slices.Concat([]string{"TeamsAppInstallation.Read.Chat", "TeamsAppInstallation.ReadForChat.All"}, installing, consenting)...)
	q := r.URL.Query()
	if c == nil || !s.options(w, q, "$expand", "$filter", "$select") {
		return
	}
	var all []object
	for _, i := range c.apps {
		all = append(all, s.wireInstallation(&i, s.membership(c, i.app.ID), q.Get("$expand")))
	}
	s.page(w, r, all)
}

func (s *Server) wireInstallation(i *installation, id, expand string) object {
	o := object{"id": id}
	with := strings.Split(expand, ",")
	if slices.Contains(with, "teamsApp") {
		o["teamsApp"] = wireApp(&i.app)
	}
	if slices.Contains(with, "teamsAppDefinition") {
		d := s.wireDefinition(&i.app)
		delete(d, "authorization")
		o["teamsAppDefinition"] = d
	}
	return o
}
