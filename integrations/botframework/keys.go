package botframework

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"golang.org/x/sync/singleflight"

	"imbot/integrations/internal/fit"
)

const (
	keysFresh    = 24 * time.Hour   // after this the keys are read again
	unknownEvery = 5 * time.Minute  // unknown key ids cause at most one read in this time
	emptyEvery   = 10 * time.Second // the same, as long as no key was ever read
	fetchTimeout = 10 * time.Second
	maxKeyBytes  = 1 << 20 // the real key document is about 60 KB
)

// signingKey is one key of Microsoft's channels.
type signingKey struct {
	public *rsa.PublicKey
	// endorsements are the channel ids the key may speak for; nil if the key
	// lists none.
	endorsements []string
}

// keySet is the cache of the keys that sign inbound tokens. A request never
// causes a fetch by itself: only the first one, the end of a day, and a key id
// that is unknown, and all of these at most once in five minutes, so forged
// tokens cannot be used to make the bot flood the key server.
type keySet struct {
	metadataURL string
	issuer      string
	http        *http.Client
	now         func() time.Time
	flight      singleflight.Group

	mu        sync.Mutex // guards all below
	keys      map[string]signingKey
	fetched   time.Time // when keys were read
	attempted time.Time // when reading was last tried
	reading   bool      // right now
}

var errUnknownKey = errors.New("unknown key id")

// key returns the key of that id. An old key serves on while its server is down.
func (s *keySet) key(ctx context.Context, kid string) (signingKey, error) {
	k, found, fetch := s.look(kid)
	if !fetch {
		if !found {
			return k, errUnknownKey
		}
		return k, nil
	}
	err := s.refresh(ctx, false)
	if k, found, _ = s.look(kid); found {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	return k, errUnknownKey
}

// look finds the key, and says whether it is time to read the keys anew.
func (s *keySet) look(kid string) (k signingKey, found, fetch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, found = s.keys[kid]
	if found && s.now().Sub(s.fetched) < keysFresh {
		return k, true, false
	}
	// What arrives while the keys are read waits for them, if it needs to.
	return k, found, s.due() || s.reading && !found
}

// due reports whether enough time has passed since the last try. s.mu is held.
func (s *keySet) due() bool {
	every := unknownEvery
	if len(s.keys) == 0 {
		every = emptyEvery
	}
	return s.attempted.IsZero() || s.now().Sub(s.attempted) >= every
}

// refresh reads the keys, once for all who ask meanwhile. The reading goes on
// if the one who caused it goes away, within its own time limit.
func (s *keySet) refresh(ctx context.Context, force bool) error {
	done := s.flight.DoChan("keys", func() (any, error) {
		s.mu.Lock()
		if !force && !s.due() { // another flight has just landed
			s.mu.Unlock()
			return nil, nil
		}
		s.attempted, s.reading = s.now(), true
		s.mu.Unlock()
		fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, err := s.fetch(fctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reading = false
		if err == nil {
			s.keys, s.fetched = keys, s.now()
		}
		return nil, err
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-done:
		return r.Err
	}
}

func (s *keySet) fetch(ctx context.Context) (map[string]signingKey, error) {
	var meta struct {
		Issuer  string   `json:"issuer"`
		JWKSURI string   `json:"jwks_uri"`
		Algs    []string `json:"id_token_signing_alg_values_supported"`
	}
	body, err := s.get(ctx, s.metadataURL)
	if err != nil {
		return nil, fmt.Errorf("OpenID metadata: %w", err)
	}
	if json.Unmarshal(body, &meta) != nil {
		return nil, errors.New("OpenID metadata: no valid JSON")
	}
	if meta.Issuer != "" && meta.Issuer != s.issuer {
		return nil, fmt.Errorf("OpenID metadata: it is of issuer %q, not %q; metadata URL and issuer must be of the same cloud", fit.Line(meta.Issuer, 100), s.issuer)
	}
	if len(meta.Algs) > 0 && !slices.Contains(meta.Algs, "RS256") {
		return nil, errors.New("OpenID metadata: RS256 is not offered")
	}
	if err := keyURL(meta.JWKSURI); err != nil {
		return nil, fmt.Errorf("OpenID metadata: jwks_uri %w", err)
	}
	if body, err = s.get(ctx, meta.JWKSURI); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return parseKeys(body)
}

func (s *keySet) get(ctx context.Context, target string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeyBytes+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	case len(body) > maxKeyBytes:
		return nil, fmt.Errorf("more than %d bytes", maxKeyBytes)
	}
	return body, nil
}

// keyURL wants https, or http on loopback for an emulator on the same machine.
func keyURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return errors.New("must be an https URL")
	}
	return nil
}

// parseKeys reads a JSON Web Key Set, and leaves out keys that cannot sign RS256.
func parseKeys(body []byte) (map[string]signingKey, error) {
	set, err := jwk.Parse(body, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, errors.New("signing keys: no valid key set")
	}
	keys := map[string]signingKey{}
	for i := range set.Len() {
		k, _ := set.Key(i)
		kid, _ := k.KeyID()
		use, hasUse := k.KeyUsage()
		rsaKey, isRSA := k.(jwk.RSAPublicKey)
		if kid == "" || !isRSA || hasUse && use != "sig" {
			continue
		}
		var public rsa.PublicKey
		if jwk.Export(rsaKey, &public) != nil || public.N.BitLen() < 2048 {
			continue
		}
		endorsed, ok := endorsements(k)
		if !ok {
			continue
		}
		keys[kid] = signingKey{public: &public, endorsements: endorsed}
	}
	if len(keys) == 0 {
		return nil, errors.New("signing keys: the key set has none for RS256")
	}
	return keys, nil
}

// endorsements reads the non-standard member of that name; ok is false if it is
// there but is no list of strings, as then it is unknown what the key may do.
func endorsements(k jwk.Key) (list []string, ok bool) {
	if !k.Has("endorsements") {
		return nil, true
	}
	var raw []any
	if k.Get("endorsements", &raw) != nil {
		return nil, false
	}
	list = []string{}
	for _, v := range raw {
		s, isString := v.(string)
		if !isString {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}
