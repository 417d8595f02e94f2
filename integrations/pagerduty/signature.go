package pagerduty

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// SignatureHeader is the header that carries a webhook's signatures:
// "v1=<hex>", one for each active secret of the subscription, separated by
// commas. https://developer.pagerduty.com/docs/verifying-webhook-signatures
const SignatureHeader = "X-PagerDuty-Signature"

// WebhookIDHeader names one webhook over all its delivery attempts: the key to
// recognise a repeated delivery by.
const WebhookIDHeader = "X-Webhook-Id"

// SubscriptionHeader names the webhook subscription that a delivery belongs to.
const SubscriptionHeader = "X-Webhook-Subscription"

// ErrSignature is returned, wrapped with the reason, for a webhook that none
// of the secrets signed.
var ErrSignature = errors.New("webhook signature not valid")

const (
	// maxSignatures bounds how many signatures of one request are compared. A
	// subscription has one for each active secret, which are two while a
	// secret is being replaced.
	maxSignatures = 16
	// maxSignatureBytes bounds the header bytes that are looked at: room for
	// maxSignatures of 67 bytes and some of unknown versions.
	maxSignatureBytes = 4096
)

// VerifySignature reports whether body was signed with one of the secrets:
// nil, or an error that wraps [ErrSignature].
//
// It expects the raw bytes of the body, before any decoding. Accepted are:
//   - several signatures in one header line, with or without spaces
//   - several header lines
//   - several secrets, of which empty ones are ignored
//   - upper-case hex digits
//
// Signatures of versions other than v1 are skipped. Comparing takes constant
// time, and the work is bounded whatever the header holds. The signature covers
// no time, so a replay is recognised by [WebhookIDHeader] only.
func VerifySignature(h http.Header, body []byte, secrets []string) error {
	got := signatures(h)
	if len(got) == 0 {
		return fmt.Errorf("%w: no v1 signature in %s", ErrSignature, SignatureHeader)
	}
	known, match := false, false
	for _, secret := range secrets {
		if secret == "" { // anybody can sign with it
			continue
		}
		known = true
		want := sign(secret, body)
		for _, sig := range got {
			if hmac.Equal(sig, want) {
				match = true // go on: the time must not tell which one it was
			}
		}
	}
	switch {
	case !known:
		return fmt.Errorf("%w: no secret is configured", ErrSignature)
	case !match:
		return fmt.Errorf("%w: none of the secrets made it", ErrSignature)
	}
	return nil
}

// Sign returns the value of [SignatureHeader] for body, with one signature for
// each secret.
func Sign(body []byte, secrets ...string) string {
	parts := make([]string, len(secrets))
	for i, s := range secrets {
		parts[i] = "v1=" + hex.EncodeToString(sign(s, body))
	}
	return strings.Join(parts, ",")
}

func sign(secret string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}

// signatures returns the decoded v1 signatures of all header lines, at most
// maxSignatures out of the first maxSignatureBytes.
func signatures(h http.Header) [][]byte {
	var out [][]byte
	budget := maxSignatureBytes
	for _, line := range h.Values(SignatureHeader) {
		if len(line) > budget {
			line = line[:budget]
		}
		budget -= len(line)
		for part := range strings.SplitSeq(line, ",") {
			value, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
			if !ok || len(value) != hex.EncodedLen(sha256.Size) {
				continue
			}
			sig, err := hex.DecodeString(value)
			if err != nil {
				continue
			}
			if out = append(out, sig); len(out) == maxSignatures {
				return out
			}
		}
	}
	return out
}
