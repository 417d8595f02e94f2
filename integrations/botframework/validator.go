package botframework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Values of the public cloud.
// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
const (
	// DefaultOpenIDMetadataURL names the document that leads to the signing keys.
	DefaultOpenIDMetadataURL = "https://login.botframework.com/v1/.well-known/openidconfiguration"
	// DefaultIssuer is the issuer of inbound tokens.
	DefaultIssuer = "https://api.botframework.com"
	// Leeway is the clock skew that the protocol allows.
	Leeway = 5 * time.Minute
	// MaxTokenBytes bounds the bearer token; real ones are about 1 KB.
	MaxTokenBytes = 16 << 10
)

// ValidatorConfig configures a [Validator].
type ValidatorConfig struct {
	// AppID is the bot's Entra application id: the only audience. Required.
	AppID string
	// Tenants are the Entra tenants whose activities are accepted. Required.
	Tenants []string
	// OpenIDMetadataURL is https, or http on loopback.
	// "" means [DefaultOpenIDMetadataURL].
	OpenIDMetadataURL string
	// Issuer of the tokens. "" means [DefaultIssuer].
	Issuer string
	// HTTP fetches the keys. Nil means a client of its own.
	HTTP *http.Client
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Logger gets a warning when keys cannot be fetched. Nil means none.
	Logger *slog.Logger
}

// Validator decides whether an inbound activity is from Teams and from an
// allowed tenant. There is no way to switch it off. It is safe for concurrent
// use.
type Validator struct {
	appID   string
	tenants []string
	keys    *keySet
	parser  *jwt.Parser
	log     *slog.Logger
}

// NewValidator checks the configuration. It makes no request.
func NewValidator(c ValidatorConfig) (*Validator, error) {
	if c.AppID == "" {
		return nil, errors.New("bot token validator: no app id; without it every token would be for this bot")
	}
	if len(c.Tenants) == 0 || slices.Contains(c.Tenants, "") {
		return nil, errors.New("bot token validator: no tenant, or an empty one; name the home tenant's id")
	}
	if c.OpenIDMetadataURL == "" {
		c.OpenIDMetadataURL = DefaultOpenIDMetadataURL
	}
	if err := keyURL(c.OpenIDMetadataURL); err != nil {
		return nil, fmt.Errorf("bot token validator: OpenID metadata URL %w", err)
	}
	if c.Issuer == "" {
		c.Issuer = DefaultIssuer
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := http.Client{}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	// Whoever answers the key URLs decides who may speak to the bot, so only the
	// hosts that were named may.
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	tenants := make([]string, len(c.Tenants))
	for i, t := range c.Tenants {
		tenants[i] = strings.ToLower(t)
	}
	return &Validator{
		appID:   c.AppID,
		tenants: tenants,
		keys:    &keySet{metadataURL: c.OpenIDMetadataURL, issuer: c.Issuer, http: &h, now: c.Now},
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"RS256"}),
			jwt.WithIssuer(c.Issuer),
			jwt.WithAudience(c.AppID),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(Leeway),
			jwt.WithTimeFunc(c.Now),
		),
		log: c.Logger,
	}, nil
}

// AuthError is a refused activity.
type AuthError struct {
	// Status is 401 if the sender is not proved to be Teams, 403 if it is but
	// must not send this activity.
	Status int
	// Reason is fit for logs: it holds no token and no message.
	Reason string
	// Err is the cause if the keys could not be read, else nil.
	Err error
}

// Error returns the status and the reason.
func (e *AuthError) Error() string {
	return fmt.Sprintf("activity refused (%d): %s", e.Status, e.Reason)
}

// Unwrap returns Err.
func (e *AuthError) Unwrap() error { return e.Err }

func unauthorized(reason string) error {
	return &AuthError{Status: http.StatusUnauthorized, Reason: reason}
}

func forbidden(reason string) error {
	return &AuthError{Status: http.StatusForbidden, Reason: reason}
}

// Identity is what a valid token says. It allows no activity by itself.
type Identity struct {
	// ServiceURL is the serviceurl claim.
	ServiceURL string
	// Issuer, Audience and Expires are those of the token.
	Issuer   string
	Audience []string
	Expires  time.Time

	endorsements []string
}

type tokenClaims struct {
	jwt.RegisteredClaims
	ServiceURL string `json:"serviceurl"`
}

// Validate checks the Authorization header and that its token allows this
// activity. Every error is an [*AuthError]. It is Authenticate and Authorize;
// a handler that wants to refuse strangers before it reads their body calls
// them one by one.
func (v *Validator) Validate(ctx context.Context, authorization string, a *Activity) error {
	id, err := v.Authenticate(ctx, authorization)
	if err != nil {
		return err
	}
	return v.Authorize(id, a)
}

// Authenticate checks the token of an Authorization header: its signature,
// issuer, audience and times. Every error is an [*AuthError] with status 401.
func (v *Validator) Authenticate(ctx context.Context, authorization string) (*Identity, error) {
	raw, err := bearer(authorization)
	if err != nil {
		return nil, err
	}
	var claims tokenClaims
	var key signingKey
	var keyErr error
	_, err = v.parser.ParseWithClaims(raw, &claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if kid == "" {
			return nil, errUnknownKey
		}
		if key, keyErr = v.keys.key(ctx, kid); keyErr != nil {
			return nil, keyErr
		}
		return key.public, nil
	})
	switch {
	case keyErr != nil && !errors.Is(keyErr, errUnknownKey):
		v.log.WarnContext(ctx, "bot token keys unavailable", "err", keyErr)
		return nil, &AuthError{Status: http.StatusUnauthorized, Reason: "signing keys unavailable", Err: keyErr}
	case err != nil:
		return nil, unauthorized(tokenProblem(err))
	}
	return &Identity{
		ServiceURL: claims.ServiceURL, Issuer: claims.Issuer, Audience: claims.Audience,
		Expires: claims.ExpiresAt.Time, endorsements: key.endorsements,
	}, nil
}

// bearer takes the token out of the header. The bounds keep the parsing of
// strangers' input cheap.
func bearer(authorization string) (string, error) {
	scheme, token, ok := strings.Cut(strings.TrimSpace(authorization), " ")
	token = strings.TrimSpace(token)
	switch {
	case authorization == "":
		return "", unauthorized("no Authorization header")
	case !ok || !strings.EqualFold(scheme, "Bearer") || token == "":
		return "", unauthorized("no bearer token")
	case len(token) > MaxTokenBytes:
		return "", unauthorized("token too long")
	case strings.Count(token, ".") != 2:
		return "", unauthorized("token is malformed")
	}
	return token, nil
}

// tokenProblem names what is wrong with a token. The library's own text may
// repeat parts of the token.
func tokenProblem(err error) string {
	for _, p := range []struct {
		err    error
		reason string
	}{
		{errUnknownKey, "token is signed with an unknown key"},
		{jwt.ErrTokenMalformed, "token is malformed"},
		{jwt.ErrTokenSignatureInvalid, "token signature or algorithm is invalid"},
		{jwt.ErrTokenExpired, "token has expired"},
		{jwt.ErrTokenNotValidYet, "token is not valid yet"},
		{jwt.ErrTokenInvalidIssuer, "token is of another issuer"},
		{jwt.ErrTokenInvalidAudience, "token is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "token lacks a required claim"},
	} {
		if errors.Is(err, p.err) {
			return p.reason
		}
	}
	return "token is invalid"
}

// Authorize checks that a valid token allows the activity: it must be bound to
// the activity's service URL, its key endorsed for the channel, and the
// activity's tenant be allowed. Every error is an [*AuthError] with status 403.
func (v *Validator) Authorize(id *Identity, a *Activity) error {
	switch {
	case id.ServiceURL == "":
		return forbidden("token has no serviceurl claim")
	case sameURL(id.ServiceURL) != sameURL(a.ServiceURL):
		return forbidden("token is for another service URL")
	case id.endorsements != nil && !slices.Contains(id.endorsements, a.ChannelID):
		return forbidden("signing key is not endorsed for the channel")
	}
	tenant := strings.ToLower(a.Tenant())
	switch {
	case tenant == "":
		return forbidden("activity names no tenant, or two")
	case !slices.Contains(v.tenants, tenant):
		return forbidden("activity is from a tenant that is not allowed")
	}
	return nil
}

// sameURL makes service URLs comparable: Teams is not consistent about case and
// the trailing slash.
func sameURL(u string) string { return strings.TrimSuffix(strings.ToLower(u), "/") }

// Refresh reads the signing keys now and returns how many there are. It is for
// a self-test: it proves that the metadata URL works.
func (v *Validator) Refresh(ctx context.Context) (int, error) {
	if err := v.keys.refresh(ctx, true); err != nil {
		return 0, err
	}
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	return len(v.keys.keys), nil
}
