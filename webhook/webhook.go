// Package webhook takes vendors' webhooks in: it limits, verifies, maps to
// commands and answers only after the commit. A body that is signed but makes no
// sense to us is kept raw and accepted: nothing is lost, and the vendor has no
// reason to switch us off.
//
// How a vendor's body is parsed and signed is in integrations; what a command
// does is in incident.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"imbot/incident"
	"imbot/integrations/pagerduty"
)

// MaxBody bounds a webhook's body. PagerDuty guarantees 55 KB and sends up to
// 256 KB as best effort.
// https://developer.pagerduty.com/docs/webhooks-overview
const MaxBody = 300 << 10

// Doer carries out commands; *incident.Service is one.
type Doer interface {
	Do(ctx context.Context, cmd incident.Command) (*incident.Incident, error)
	Keep(ctx context.Context, in incident.Inbound, keys []string) error
}

// PagerDuty answers POST /webhooks/pagerduty.
type PagerDuty struct {
	Secrets []string // of the subscription; several while they are being changed
	Service Doer
	Now     func() time.Time
	Logger  *slog.Logger
	Seen    func() // called after each accepted delivery; may be nil

	outcomes
}

// packers compress bodies. One belongs to one request at a time: an encoder that
// is shared makes requests wait for each other.
var packers = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(32<<10))
	if err != nil {
		panic("webhook: zstd: " + err.Error()) // the options above are constants
	}
	return e
}}

func pack(body []byte) []byte {
	e := packers.Get().(*zstd.Encoder)
	defer packers.Put(e)
	return e.EncodeAll(body, make([]byte, 0, len(body)/3))
}

var unpacker = func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic("webhook: zstd: " + err.Error())
	}
	return d
}()

// Body returns the bytes of a stored inbound body as they arrived.
func Body(in incident.Inbound) ([]byte, error) {
	switch in.Encoding {
	case "":
		return in.Body, nil
	case "zstd":
		return unpacker.DecodeAll(in.Body, nil)
	}
	return nil, errors.New("webhook: unknown encoding " + in.Encoding)
}

// ServeHTTP answers 202 after the commit, and never a 4xx to a body with a good
// signature: PagerDuty drops what is answered so, and after three drops
// switches the subscription off for a day.
func (h *PagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.answer(w, h.Logger, "webhook.PagerDuty", h.take(w, r))
}

// take stores what a delivery says. Its error means that nothing is stored.
func (h *PagerDuty) take(w http.ResponseWriter, r *http.Request) error {
	body, err := read(w, r, MaxBody, "the body is larger than 300 KB")
	if err != nil {
		return err
	}
	d, err := h.understand(r, body)
	if err == nil {
		err = h.accept(r.Context(), d)
	}
	if err == nil && h.Seen != nil {
		h.Seen()
	}
	return err
}

// turns bounds how many bodies are worked on at the same time. All in a storm at
// once would stand in line for the processors, and with them the store's one
// writer, again after each of its syncs: much would be understood, and little
// stored.
var turns = make(chan struct{}, runtime.GOMAXPROCS(0)+1)

// delivery is a body that was signed for us, and what it says.
type delivery struct {
	in   incident.Inbound
	keys []string
	cmd  *incident.Command // nil: there is nothing to do but to keep the body
}

// understand verifies, packs and parses. Its error is a *refusal for a bad
// signature, or that of the request's context.
func (h *PagerDuty) understand(r *http.Request, body []byte) (delivery, error) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-r.Context().Done():
		return delivery{}, r.Context().Err()
	}
	if err := pagerduty.VerifySignature(r.Header, body, h.Secrets); err != nil {
		return delivery{}, &refusal{http.StatusUnauthorized, "no valid " + pagerduty.SignatureHeader + ": check pagerduty.webhook_secrets"}
	}
	d := delivery{in: incident.Inbound{
		Source: incident.SourcePagerDuty, ID: incident.Clip(incident.Line(r.Header.Get(pagerduty.WebhookIDHeader)), 120), At: h.Now().UTC(),
		Encoding: "zstd", Body: pack(body),
	}}
	ev, err := pagerduty.ParseWebhook(body)
	if d.keys = keysOf(d.in.ID, ev); err != nil {
		h.Logger.Warn("webhook.PagerDuty kept", "reason", "not understood", "delivery", d.in.ID, "err", err)
		return d, nil
	}
	cmd, ok := Map(ev, d.in.At)
	if !ok {
		h.Logger.Info("webhook.PagerDuty kept", "reason", "nothing to do", "type", strings.ToValidUTF8(incident.Clip(ev.Type, 60), "?"))
		return d, nil
	}
	cmd.Keys, cmd.Raw = d.keys, &d.in
	d.cmd = &cmd
	return d, nil
}

// accept stores what the body says. Its error means that nothing is stored.
func (h *PagerDuty) accept(ctx context.Context, d delivery) error {
	if d.cmd == nil {
		return h.keep(ctx, d.in, d.keys)
	}
	_, err := h.Service.Do(ctx, *d.cmd)
	var p *incident.Problem
	if errors.As(err, &p) {
		h.Logger.Warn("webhook.PagerDuty kept", "reason", p.Detail, "verb", d.cmd.Verb)
		return h.keep(ctx, d.in, d.keys)
	}
	if err == nil {
		h.Accepted.Add(1)
	}
	return err
}

func (h *PagerDuty) keep(ctx context.Context, in incident.Inbound, keys []string) error {
	err := h.Service.Keep(ctx, in, keys)
	if err == nil {
		h.Kept.Add(1)
	}
	return err
}
