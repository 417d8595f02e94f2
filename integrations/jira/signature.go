package jira

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
)

// Headers of a webhook. Data Center sends only the first.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/
const (
	SignatureHeader = "X-Hub-Signature"                // "sha256=<hex>", made with the webhook's secret
	IDHeader        = "X-Atlassian-Webhook-Identifier" // the same over all attempts
	RetryHeader     = "X-Atlassian-Webhook-Retry"      // how many attempts there were before; none at the first
	FlowHeader      = "X-Atlassian-Webhook-Flow"       // "Primary", or "Secondary" for what follows from something else
)

// MaxWebhook bounds the body of a webhook, in bytes. Those with long
// descriptions and comments may be longer: what they say is found by a search.
const MaxWebhook = 1 << 20

var (
	// ErrSignature is returned, wrapped with the reason, for a webhook that
	// none of the secrets signed.
	ErrSignature = errors.New("webhook signature not valid")
	// ErrTooLong is returned for a webhook of more than MaxWebhook bytes.
	ErrTooLong = fmt.Errorf("webhook longer than %d bytes", MaxWebhook)
)

// methods are those that a signature may be made with: Cloud has sha256, which
// is Data Center's default.
// https://confluence.atlassian.com/adminjiraserver/managing-webhooks-938846912.html
var methods = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// maxSignatures bounds how many signatures of one request are compared.
const maxSignatures = 8

// VerifySignature reports whether body was signed with one of the secrets: nil,
// or an error that wraps [ErrSignature], or [ErrTooLong].
//
// It expects the raw bytes of the body, before any decoding. Several secrets
// serve while one is being replaced; empty ones are ignored. Comparing takes
// constant time, and the work is bounded whatever the header holds. The
// signature covers no headers and no time: see [Event.ID] for replays.
func VerifySignature(h http.Header, body []byte, secrets []string) error {
	if len(body) > MaxWebhook {
		return ErrTooLong
	}
	known, present, match := false, false, false
	values := h.Values(SignatureHeader)
	for _, value := range values[:min(len(values), maxSignatures)] {
		method, digest, _ := strings.Cut(strings.TrimSpace(value), "=")
		newHash := methods[strings.ToLower(method)]
		if newHash == nil || len(digest) != hex.EncodedLen(newHash().Size()) {
			continue
		}
		got, err := hex.DecodeString(digest)
		if err != nil {
			continue
		}
		present = true
		for _, secret := range secrets {
			if secret == "" { // anybody can sign with it
				continue
			}
			known = true
			mac := hmac.New(newHash, []byte(secret))
			mac.Write(body)
			if hmac.Equal(got, mac.Sum(nil)) {
				match = true // go on: the time must not tell which one it was
			}
		}
	}
	switch {
	case !present:
		return fmt.Errorf("%w: no usable %s; give the webhook a secret in Jira", ErrSignature, SignatureHeader)
	case !known:
		return fmt.Errorf("%w: no secret is configured", ErrSignature)
	case !match:
		return fmt.Errorf("%w: none of the secrets made it", ErrSignature)
	}
	return nil
}

// Sign returns the value of [SignatureHeader] for body.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
