package graphsim

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mayReadUsers answers if the directory may not be read. all says whether more
// than the basic fields may.
func (s *Server) mayReadUsers(w http.ResponseWriter) (all, ok bool) {
	all = s.allowed(nil, "User.Read.All", "Directory.Read.All")
	if all || s.allowed(nil, "User.ReadBasic.All") {
		return all, true
	}
	s.refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	return false, false
}

func wireUser(u *User, all bool) object {
	o := object{"id": u.ID, "displayName": u.Name, "mail": nil, "userPrincipalName": u.UPN, "accountEnabled": nil, "userType": nil}
	if u.Mail != "" {
		o["mail"] = u.Mail
	}
	if all {
		o["accountEnabled"], o["userType"] = !u.Disabled, "Member"
		if u.Guest {
			o["userType"] = "Guest"
		}
	}
	return o
}

// selected leaves the fields that were asked for.
func selected(o object, q url.Values) object {
	names := strings.Split(q.Get("$select"), ",")
	if !q.Has("$select") {
		return o
	}
	out := object{}
	for name, v := range o {
		if slices.Contains(names, name) || strings.HasPrefix(name, "@") {
			out[name] = v
		}
	}
	return out
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	all, ok := s.mayReadUsers(w)
	q := r.URL.Query()
	if !ok || !s.options(w, q, "$select") {
		return
	}
	u := s.user(r.PathValue("user"))
	if u == nil {
		s.refuse(w, http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+r.PathValue("user")+"' does not exist or one of its queried reference-property objects are not present.")
		return
	}
	answer(w, http.StatusOK, selected(wireUser(u, all), q))
}

func (s *Server) getUsers(w http.ResponseWriter, r *http.Request) {
	all, ok := s.mayReadUsers(w)
	q := r.URL.Query()
	if !ok || !s.options(w, q, "$select", "$filter", "$top") {
		return
	}
	fits, ok := filter(q.Get("$filter"), map[string]func(object) string{"id": field("id"), "mail": field("mail"), "userPrincipalName": field("userPrincipalName")})
	if !ok {
		s.refuse(w, http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported Query.")
		return
	}
	var found []object
	for _, u := range s.users {
		if o := wireUser(u, all); fits(o) {
			found = append(found, selected(o, q))
		}
	}
	s.page(w, r, found)
}

// postMeeting makes a meeting, or returns the one that has the same key.
// https://learn.microsoft.com/graph/api/onlinemeeting-createorget
func (s *Server) postMeeting(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(nil, "OnlineMeetings.ReadWrite.All") {
		s.missing(w, "OnlineMeetings.ReadWrite.All")
		return
	}
	body, ok := s.decode(w, r, "externalId", "subject", "startDateTime", "endDateTime", "chatInfo", "participants")
	if !ok {
		return
	}
	organizer := s.user(r.PathValue("user"))
	switch {
	case organizer == nil:
		s.notFound(w, "User not found.")
		return
	case s.noPolicy[strings.ToLower(organizer.ID)]:
		s.refuse(w, http.StatusForbidden, "Forbidden", "No application access policy found for this app.")
		return
	case field("externalId")(body) == "":
		s.bad(w, "The externalId is required.")
		return
	}
	key := field("externalId")(body)
	for _, m := range s.meetings {
		if m.Organizer == organizer.ID && m.Key == key {
			answer(w, http.StatusOK, s.wireMeeting(m))
			return
		}
	}
	m := &Meeting{ID: "MSo" + s.newID(), Key: key, Organizer: organizer.ID, Subject: field("subject")(body), Start: s.now()}
	for name, at := range map[string]*time.Time{"startDateTime": &m.Start, "endDateTime": &m.End} {
		if v := field(name)(body); v != "" {
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				s.bad(w, "The time is not valid.")
				return
			}
			*at = t.UTC()
		}
	}
	m.JoinURL = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + m.ID + "%40thread.v2/0?context=%7b%22Tid%22%3a%22" + s.opt.TenantID + "%22%7d"
	s.meetings = append(s.meetings, m)
	answer(w, http.StatusCreated, s.wireMeeting(m))
}

func (s *Server) wireMeeting(m *Meeting) object {
	return object{
		"@odata.context": s.URL() + "/$metadata#users('" + m.Organizer + "')/onlineMeetings/$entity",
		"id":             m.ID, "externalId": m.Key, "subject": m.Subject, "joinWebUrl": m.JoinURL,
		"creationDateTime": stamp(s.now()), "startDateTime": stamp(m.Start), "endDateTime": stamp(m.End),
	}
}

// postMail sends a mail, given as JSON or as base64 of a MIME message.
// https://learn.microsoft.com/graph/api/user-sendmail
func (s *Server) postMail(w http.ResponseWriter, r *http.Request) {
	from := s.user(r.PathValue("user"))
	switch {
	case !s.allowed(nil, "Mail.Send"), from != nil && from.Guarded:
		s.refuse(w, http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
		return
	case from == nil:
		s.refuse(w, http.StatusNotFound, "ErrorInvalidUser", "The requested user '"+r.PathValue("user")+"' is invalid.")
		return
	case from.NoMailbox:
		s.refuse(w, http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
		return
	}
	m := Mail{From: from.ID, At: s.now(), Headers: map[string]string{}}
	var ok bool
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media == "text/plain" {
		ok = s.readMIME(w, r, &m)
	} else {
		ok = s.readMail(w, r, &m)
	}
	if !ok {
		return
	}
	if m.ID == "" {
		m.ID = "<" + s.newID() + "@graphsim.example>"
	}
	s.mails = append(s.mails, m)
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) readMIME(w http.ResponseWriter, r *http.Request, m *Mail) bool {
	raw, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, r.Body))
	var read *mail.Message
	if err == nil {
		read, err = mail.ReadMessage(strings.NewReader(string(raw)))
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
		return false
	}
	m.Type, m.Body, m.Subject, m.ID, m.Kept = "mime", string(raw), read.Header.Get("Subject"), read.Header.Get("Message-ID"), true
	for _, name := range []string{"To", "Cc", "Bcc"} {
		list, err := read.Header.AddressList(name)
		for _, a := range list {
			m.To = append(m.To, a.Address)
		}
		if err != nil && read.Header.Get(name) != "" {
			s.refuse(w, http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid.")
			return false
		}
	}
	return s.hasRecipients(w, m)
}

func (s *Server) hasRecipients(w http.ResponseWriter, m *Mail) bool {
	if len(m.To) == 0 {
		s.refuse(w, http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid.")
		return false
	}
	return true
}

func (s *Server) readMail(w http.ResponseWriter, r *http.Request, m *Mail) bool {
	body, ok := s.decode(w, r, "Message", "SaveToSentItems")
	if !ok {
		return false
	}
	message, _ := body["Message"].(object)
	if !s.known(w, message, "subject", "body", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "internetMessageId", "internetMessageHeaders", "importance") {
		return false
	}
	content, _ := message["body"].(object)
	m.Kept, _ = body["SaveToSentItems"].(bool)
	m.Subject, m.ID = field("subject")(message), field("internetMessageId")(message)
	m.Type, m.Body = field("contentType")(content), field("content")(content)
	for _, name := range []string{"toRecipients", "ccRecipients", "bccRecipients"} {
		list, _ := message[name].([]any)
		for _, item := range list {
			recipient, _ := item.(object)
			address, _ := recipient["emailAddress"].(object)
			m.To = append(m.To, field("address")(address))
		}
	}
	headers, _ := message["internetMessageHeaders"].([]any)
	for _, item := range headers {
		h, _ := item.(object)
		name := field("name")(h)
		if !strings.HasPrefix(strings.ToLower(name), "x-") {
			s.refuse(w, http.StatusBadRequest, "InvalidInternetMessageHeader", "The internet message header name '"+name+"' should start with 'x-' or 'X-'.")
			return false
		}
		m.Headers[name] = field("value")(h)
	}
	return s.hasRecipients(w, m)
}
