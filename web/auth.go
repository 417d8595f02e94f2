package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"imbot/incident"
	"imbot/query"
)

// Token is a caller of the API, from the configuration.
type Token struct {
	Name   string        // shown on timelines, and in the log
	Role   incident.Role // viewer, responder or admin
	Secret string        // what is sent as "Authorization: Bearer …"; an empty one is never accepted
}

// credential is a token without its secret.
type credential struct {
	viewer query.Viewer
	hash   [sha256.Size]byte
}

func credentials(tokens []Token) []credential {
	var out []credential
	for _, t := range tokens {
		if t.Secret == "" {
			continue
		}
		out = append(out, credential{
			viewer: query.Viewer{Actor: incident.Actor{Kind: incident.KindToken, ID: t.Name, Name: t.Name}, Role: t.Role},
			hash:   sha256.Sum256([]byte(t.Secret)),
		})
	}
	return out
}

// authenticated lets only callers with a token in. Hashes are compared, all of
// them and in constant time: how long it takes tells nothing about a secret.
func (s *server) authenticated(h func(http.ResponseWriter, *http.Request, query.Viewer) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || secret == "" {
			return &httpError{
				status: http.StatusUnauthorized, key: "token_missing", detail: "Send a token: Authorization: Bearer …",
				header: map[string]string{"WWW-Authenticate": `Bearer realm="imbot"`},
			}
		}
		hash := sha256.Sum256([]byte(secret))
		var caller *credential
		for i := range s.tokens {
			if subtle.ConstantTimeCompare(hash[:], s.tokens[i].hash[:]) == 1 {
				caller = &s.tokens[i]
			}
		}
		if caller == nil {
			return &httpError{
				status: http.StatusUnauthorized, key: "token_unknown", detail: "This token is not known here.",
				header: map[string]string{"WWW-Authenticate": `Bearer realm="imbot", error="invalid_token"`},
			}
		}
		tripOf(r).token = caller.viewer.Actor.ID
		return h(w, r, caller.viewer)
	}
}
