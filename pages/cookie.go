package pages

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"imbot/integrations/openid"
)

// How long people stay signed in, and how long they may take to sign in.
const (
	sessionLife = 12 * time.Hour
	attemptLife = 15 * time.Minute
)

// minKey bounds the secret from below, in bytes.
const minKey = 16

// maxCookie bounds what browsers keep of one cookie, in bytes:
// https://www.rfc-editor.org/rfc/rfc6265#section-6.1.
const maxCookie = 4096

// session is what a cookie says of whoever is signed in. There is no other
// record of it: it ends when its time is up, or with the key. Signing out takes
// it from the browser, not from whoever has copied it.
type session struct {
	Who  openid.Identity `json:"w"`
	Ends int64           `json:"e"` // Unix time
}

// attempt is somebody on the way to sign in.
type attempt struct {
	openid.Attempt
	Return string `json:"r"` // own path to go to afterwards
	Ends   int64  `json:"e"`
}

// box seals what cookies hold, so that nobody else can read or make one.
type box struct {
	aead   cipher.AEAD
	secure bool
	now    func() time.Time
}

func newBox(secret []byte, secure bool, now func() time.Time) (box, error) {
	if len(secret) < minKey {
		return box{}, fmt.Errorf("pages: the session key is shorter than %d bytes", minKey)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "imbot cookies 1", 32)
	if err != nil {
		return box{}, fmt.Errorf("pages: derive the session key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return box{}, fmt.Errorf("pages: session key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return box{}, fmt.Errorf("pages: session key: %w", err)
	}
	return box{aead, secure, now}, nil
}

// Purposes of cookies: one that was made for the one never passes for the other.
const (
	forSession = "session"
	forAttempt = "attempt"
)

func (b *box) seal(purpose string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal a cookie: %w", err)
	}
	s := base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, []byte(purpose)))
	if len(s) > maxCookie-256 { // its name and attributes count, too
		return "", fmt.Errorf("seal a cookie: %d bytes are too many", len(s))
	}
	return s, nil
}

var errCookie = errors.New("this cookie is not one of ours")

func (b *box) open(purpose, s string, v any) error {
	if len(s) > maxCookie {
		return errCookie
	}
	sealed, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return errCookie
	}
	plain, err := b.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return errCookie
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return errCookie
	}
	return nil
}

// name is that of a cookie. The prefix makes browsers keep it from other hosts
// of the same domain; they demand https for it.
func (b *box) name(suffix string) string {
	if b.secure {
		return "__Host-imbot-" + suffix
	}
	return "imbot-" + suffix
}

// set gives the browser a cookie for so long; 0 or less takes it away.
func (b *box) set(w http.ResponseWriter, suffix, value string, life time.Duration) {
	c := &http.Cookie{
		Name: b.name(suffix), Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: b.secure, SameSite: http.SameSiteLaxMode,
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// session returns who is signed in.
func (b *box) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(b.name(forSession))
	if err != nil {
		return session{}, false
	}
	var s session
	if b.open(forSession, c.Value, &s) != nil || !b.now().Before(time.Unix(s.Ends, 0)) || s.Who.Subject == "" {
		return session{}, false
	}
	return s, true
}

func (b *box) begin(w http.ResponseWriter, who openid.Identity) error {
	value, err := b.seal(forSession, session{Who: who, Ends: b.now().Add(sessionLife).Unix()})
	if err != nil {
		return err
	}
	b.set(w, forSession, value, sessionLife)
	return nil
}

// maxAttempts bounds the attempts that a browser may have under way, such as
// one in each of its tabs: their cookies are sent with every request.
const maxAttempts = 5

// attemptName names the cookie of an attempt by its state, so that several can
// be under way.
func attemptName(state string) string { return forAttempt + "-" + state[:min(len(state), 12)] }

func (b *box) beginAttempt(w http.ResponseWriter, r *http.Request, a attempt) error {
	a.Ends = b.now().Add(attemptLife).Unix()
	value, err := b.seal(forAttempt, a)
	if err != nil {
		return err
	}
	n := 0
	for _, c := range r.Cookies() {
		if suffix, ok := strings.CutPrefix(c.Name, b.name("")); ok && strings.HasPrefix(suffix, forAttempt+"-") {
			if n++; n >= maxAttempts {
				b.set(w, suffix, "", 0)
			}
		}
	}
	b.set(w, attemptName(a.State), value, attemptLife)
	return nil
}
