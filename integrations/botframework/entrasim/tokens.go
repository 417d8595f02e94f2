package entrasim

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// token is one to be made: start from a good one, then forge.
type token struct {
	method jwt.SigningMethod
	header map[string]any
	claims jwt.MapClaims
	key    any
}

// TokenOption changes one thing about a good token.
type TokenOption func(*token)

// Claim sets a claim of any type.
func Claim(name string, value any) TokenOption {
	return func(t *token) { t.claims[name] = value }
}

// Without removes a claim.
func Without(name string) TokenOption {
	return func(t *token) { delete(t.claims, name) }
}

// Header sets a member of the token's header; nil removes it.
func Header(name string, value any) TokenOption {
	return func(t *token) {
		if value == nil {
			delete(t.header, name)
			return
		}
		t.header[name] = value
	}
}

// RSA signs with the same key but another RSA algorithm: RS384, RS512, PS256.
func RSA(alg string) TokenOption {
	return func(t *token) { t.method = jwt.GetSigningMethod(alg) }
}

// None leaves the token unsigned, with algorithm none.
func None() TokenOption {
	return func(t *token) { t.method, t.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType }
}

// HMAC signs with HS256 and a secret.
func HMAC(secret []byte) TokenOption {
	return func(t *token) { t.method, t.key = jwt.SigningMethodHS256, secret }
}

// ForeignKey signs with a key that is published nowhere, under the published
// id unless Header("kid", …) says otherwise.
func ForeignKey() TokenOption {
	return func(t *token) {
		if k, err := newSigner(); err == nil {
			t.key = k.key
		}
	}
}

// ChannelToken makes a token as the channel sends it to the bot, bound to the
// service URL and valid for an hour, changed by the options.
func (s *Server) ChannelToken(serviceURL string, options ...TokenOption) (string, error) {
	channel, _ := s.keys()
	now := s.o.Now()
	t := &token{
		method: jwt.SigningMethodRS256,
		header: map[string]any{"typ": "JWT", "kid": channel.kid, "x5t": channel.kid},
		claims: jwt.MapClaims{
			"iss": ChannelIssuer, "aud": s.o.AppID, "serviceurl": serviceURL,
			"nbf": now.Add(-5 * time.Minute).Unix(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		},
		key: channel.key,
	}
	for _, o := range options {
		o(t)
	}
	j := jwt.NewWithClaims(t.method, t.claims)
	alg := j.Header["alg"]
	j.Header = map[string]any{"alg": alg}
	maps.Copy(j.Header, t.header)
	signed, err := j.SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("entra simulator: sign token: %w", err)
	}
	return signed, nil
}

// PublicKeyPEM is the channel's published key, for forging HS256 with it.
func (s *Server) PublicKeyPEM() []byte {
	channel, _ := s.keys()
	der, err := x509.MarshalPKIXPublicKey(&channel.key.PublicKey)
	if err != nil {
		return nil // cannot happen with an RSA key
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// issue makes a token for the bot.
func (s *Server) issue(audience string) (string, error) {
	_, issued := s.keys()
	now := time.Now()
	j := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://sts.windows.net/" + s.o.TenantID + "/", "aud": audience, "tid": s.o.TenantID,
		"appid": s.o.AppID, "idtyp": "app", "ver": "1.0", "jti": randomHex(16),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	return j.SignedString(issued)
}

var errBearer = errors.New("not a token of this endpoint")

// CheckBearer checks an Authorization header that the bot sent: its token must
// have been given out here, for this audience, be unexpired and unrevoked.
func (s *Server) CheckBearer(authorization, audience string) error {
	raw, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok || raw == "" {
		return errors.New("no bearer token")
	}
	_, issued := s.keys()
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return issued, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	if err != nil {
		return fmt.Errorf("%w: %w", errBearer, err)
	}
	if claims["tid"] != s.o.TenantID || claims["appid"] != s.o.AppID {
		return fmt.Errorf("%w: another tenant or app", errBearer)
	}
	return nil
}
