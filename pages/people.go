package pages

import (
	"net/http"
	"strconv"
	"strings"

	"imbot/incident"
	"imbot/integrations/openid"
	"imbot/locale"
	"imbot/query"
)

// visitor is who asks for a page, and how they are spoken to.
type visitor struct {
	query.Viewer
	ui
	signedIn bool
}

// visitor finds out who sent the request; false where nobody is signed in.
func (s *server) visitor(r *http.Request) (*visitor, bool) {
	sess, ok := s.session(r)
	if !ok {
		return s.stranger(r), false
	}
	who := sess.Who
	var known, lang string
	if s.Known != nil && who.Object != "" {
		var err error
		if known, lang, err = s.Known(r.Context(), "aad:"+who.Object); err != nil {
			s.Logger.Warn("pages.server person not looked up", "err", err)
		}
	}
	if lang == "" {
		lang = s.language(r)
	}
	actor := incident.Actor{Kind: incident.KindUser, ID: s.personID(&who, known), Name: who.Name}
	return &visitor{
		Viewer: query.Viewer{Actor: actor, Role: s.RoleOf(actor.ID, !who.Guest)},
		ui:     s.speak(lang), signedIn: true,
	}, true
}

// personID is the one id of a person: the catalog's, else the mail, else what is
// known from Teams, else the provider's. Of a guest only the object id counts.
func (s *server) personID(who *openid.Identity, known string) string {
	cat := s.Reader.Catalog()
	join := func(id string) string {
		return cat.Person(incident.Actor{Kind: incident.KindUser, ID: id, Name: who.Name}).ID
	}
	object := ""
	if who.Object != "" {
		object = "aad:" + who.Object
		if id := join(object); id != object {
			return id
		}
	}
	switch {
	case who.Guest && object != "":
		return object
	case strings.Contains(known, "@"):
		return join(known)
	case who.Mail != "":
		return join(who.Mail)
	case object != "":
		return object
	}
	return "oidc:" + who.Subject
}

// stranger is somebody who is not signed in.
func (s *server) stranger(r *http.Request) *visitor { return &visitor{ui: s.speak(s.language(r))} }

// language is what the browser asks for, else the company's.
func (s *server) language(r *http.Request) string {
	if l := preferred(r.Header.Get("Accept-Language")); l != "" {
		return l
	}
	return s.Language
}

// maxLanguages bounds how many languages of a header are looked at.
const maxLanguages = 20

// preferred is the language of the header that the catalogue has and that is
// wanted most; "" where it has none of them. See
// https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4.
func preferred(header string) string {
	best, bestQ := "", 0.0
	for i, part := range strings.Split(header, ",") {
		if i == maxLanguages {
			break
		}
		tag, params, _ := strings.Cut(part, ";")
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		lang := ""
		switch base {
		case "en":
			lang = locale.English
		case "id", "in":
			lang = locale.Indonesian
		}
		q := 1.0
		if v, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil || !(q >= 0 && q <= 1) {
				q = 0
			}
		}
		if lang != "" && q > bestQ {
			best, bestQ = lang, q
		}
	}
	return best
}
