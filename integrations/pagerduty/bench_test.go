package pagerduty_test

import (
	"net/http"
	"testing"
	"time"

	"imbot/integrations/pagerduty"
	"imbot/integrations/pagerduty/pagerdutysim"
)

func sixKB(tb testing.TB) ([]byte, http.Header) {
	tb.Helper()
	body, h := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		ID: "Q0123456789ABC", Number: 4711, Title: "checkout is down: connection refused on 10.1.2.3:8443", Priority: "P1",
		Service: pagerdutysim.Service{ID: "PCHECKO", Name: "Checkout (prod)"}, At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
	}, "secret-one", "secret-two")
	if len(body) < 5500 || len(body) > 6500 {
		tb.Fatalf("the body has %d bytes", len(body))
	}
	return body, h
}

func BenchmarkParseWebhook(b *testing.B) {
	body, _ := sixKB(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pagerduty.ParseWebhook(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifySignature(b *testing.B) {
	body, h := sixKB(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pagerduty.VerifySignature(h, body, []string{"secret-one", "secret-two"}); err != nil {
			b.Fatal(err)
		}
	}
}
