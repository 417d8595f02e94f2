package openid

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"imbot/integrations/internal/fit"
)

// Identity is who signed in, as far as the provider vouches for it.
type Identity struct {
	Subject string `json:"sub"`            // of this application only
	Object  string `json:"oid,omitempty"`  // object id in Entra, lower-cased; "" where it is no Entra
	Tenant  string `json:"tid,omitempty"`  // of Entra, lower-cased
	Name    string `json:"name,omitempty"` // for people; may be empty
	// Mail is lower-cased; "" where nobody vouches for one. A guest has none: it
	// may carry any, such as that of one of ours.
	Mail  string `json:"mail,omitempty"`
	Guest bool   `json:"guest,omitempty"`
}

// claims are those of an id token that are read. See
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
// and, for acct, https://learn.microsoft.com/entra/identity-platform/optional-claims-reference.
type claims struct {
	Object   string `json:"oid"`
	Tenant   string `json:"tid"`
	Name     string `json:"name"`
	Mail     string `json:"email"`
	Verified any    `json:"email_verified"` // true, or "true" of some providers
	Username string `json:"preferred_username"`
	UPN      string `json:"upn"`
	Account  any    `json:"acct"` // 0: member, 1: guest; only where the application asks for it
	Issuer   string `json:"iss"`
	Provider string `json:"idp"` // where somebody signed in who is of another tenant
}

// Bounds on what is kept, in runes and bytes.
const (
	maxName = 80
	maxID   = 254
)

// parseClaims reads the payload of an id token whose signature was checked.
func parseClaims(b []byte, subject string, tenants []string) (Identity, error) {
	var c claims
	if err := json.Unmarshal(b, &c); err != nil {
		return Identity{}, &Error{text: "read the id token", err: err, permanent: true}
	}
	return c.identity(subject, tenants)
}

func (c *claims) identity(subject string, tenants []string) (Identity, error) {
	id := Identity{Subject: subject, Object: strings.ToLower(c.Object), Tenant: strings.ToLower(c.Tenant)}
	for _, v := range []string{id.Subject, id.Object, id.Tenant} {
		if len(v) > maxID || v != fit.Line(v, maxLine) {
			return Identity{}, &Error{text: "read the id token", err: ErrNobody, permanent: true}
		}
	}
	if id.Subject == "" {
		return Identity{}, &Error{text: "read the id token", err: ErrNobody, permanent: true}
	}
	if id.Tenant != "" && len(tenants) > 0 && !slices.ContainsFunc(tenants, func(t string) bool { return strings.EqualFold(t, id.Tenant) }) {
		return Identity{}, &Error{text: "tenant " + id.Tenant, err: ErrTenant, permanent: true}
	}
	id.Guest = c.guest()
	for _, m := range c.mails(id.Guest) {
		if id.Mail = mail(m); id.Mail != "" {
			break
		}
	}
	for _, n := range []string{c.Name, id.Mail, c.Username} {
		if id.Name = clip(fit.Line(n, 4*maxName), maxName); id.Name != "" {
			break
		}
	}
	return id, nil
}

// guest reports whether the account is of another tenant: a claim says so, or the
// name that Entra gives to guests. That somebody signed in elsewhere is told of
// every guest; names and mails of guests may be those of members.
func (c *claims) guest() bool {
	if s := fmt.Sprint(c.Account); s == "1" {
		return true
	}
	elsewhere := c.Provider != "" && c.Provider != c.Issuer && !strings.Contains(strings.ToLower(c.Provider), "/"+strings.ToLower(c.Tenant))
	if c.Tenant != "" && elsewhere {
		return true
	}
	return strings.Contains(strings.ToUpper(c.Username+" "+c.UPN), "#EXT#")
}

// mails are the claims that may be somebody's mail, best first. Entra's tenant
// vouches for those of its members; other providers say whether they have
// checked.
func (c *claims) mails(guest bool) []string {
	switch {
	case guest:
		return nil
	case c.Object != "" && c.Tenant != "":
		return []string{c.Mail, c.Username, c.UPN}
	case fmt.Sprint(c.Verified) == "true":
		return []string{c.Mail}
	}
	return nil
}

// mail is the lower-cased address, or "" where it is none.
func mail(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	local, host, ok := strings.Cut(s, "@")
	if !ok || local == "" || host == "" || len(s) > maxID || s != fit.Line(s, maxLine) || strings.ContainsAny(s, " \"<>,;()") || strings.Contains(host, "@") {
		return ""
	}
	return s
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
