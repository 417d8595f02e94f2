package pagerduty

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestVerifySignature(t *testing.T) {
	body := []byte(`{"event":{}}`)
	good := Sign(body, "new")
	other := Sign(body, "somebody else's")
	both := Sign(body, "old", "new")
	upper := "v1=" + strings.ToUpper(strings.TrimPrefix(good, "v1="))
	many := strings.Repeat(other+",", maxSignatures) + good

	tests := []struct {
		name    string
		lines   []string
		secrets []string
		ok      bool
	}{
		{"one", []string{good}, []string{"new"}, true},
		{"second of two", []string{both}, []string{"new"}, true},
		{"second of two with a space", []string{strings.ReplaceAll(both, ",", ", ")}, []string{"new"}, true},
		{"spaces around", []string{"  " + good + "\t"}, []string{"new"}, true},
		{"second header line", []string{other, good}, []string{"new"}, true},
		{"second secret", []string{good}, []string{"old", "new"}, true},
		{"upper-case hex", []string{upper}, []string{"new"}, true},
		{"unknown version beside", []string{"v2=abc," + good + ",v0=1"}, []string{"new"}, true},
		{"empty parts", []string{",," + good + ","}, []string{"new"}, true},
		{"within the limit", []string{strings.Repeat(other+",", maxSignatures-1) + good}, []string{"new"}, true},

		{"no header", nil, []string{"new"}, false},
		{"empty header", []string{""}, []string{"new"}, false},
		{"unknown version only", []string{strings.Replace(good, "v1=", "v2=", 1)}, []string{"new"}, false},
		{"upper-case version", []string{strings.Replace(good, "v1=", "V1=", 1)}, []string{"new"}, false},
		{"no version", []string{strings.TrimPrefix(good, "v1=")}, []string{"new"}, false},
		{"cut", []string{good[:len(good)-2]}, []string{"new"}, false},
		{"longer", []string{good + "00"}, []string{"new"}, false},
		{"not hex", []string{"v1=" + strings.Repeat("zz", 32)}, []string{"new"}, false},
		{"of another secret", []string{other}, []string{"new"}, false},
		{"no secrets", []string{good}, nil, false},
		{"past the limit", []string{many}, []string{"new"}, false},
		{"past the bytes", []string{strings.Repeat("v2=x,", maxSignatureBytes/5+1) + good}, []string{"new"}, false},
		{"past the bytes over lines", []string{strings.Repeat(" ", maxSignatureBytes), good}, []string{"new"}, false},
		// Anybody can sign with an empty secret, so it must never count.
		{"empty secret", []string{Sign(body, "")}, []string{""}, false},
		{"empty secret beside", []string{Sign(body, "")}, []string{"", "new"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, l := range tt.lines {
				h.Add(SignatureHeader, l)
			}
			err := VerifySignature(h, body, tt.secrets)
			if (err == nil) != tt.ok {
				t.Errorf("VerifySignature = %v, want ok %v", err, tt.ok)
			}
			if err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("%v does not wrap ErrSignature", err)
			}
		})
	}
}

// A value that was computed by other means: openssl dgst -sha256 -hmac.
func TestSignKnownValue(t *testing.T) {
	const want = "v1=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
	if got := Sign([]byte("The quick brown fox jumps over the lazy dog"), "key"); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestVerifySignatureOfChangedBody(t *testing.T) {
	h := http.Header{}
	h.Set(SignatureHeader, Sign([]byte(`{"a":1}`), "s"))
	for _, body := range []string{`{"a":2}`, `{"a":1} `, ``} {
		if err := VerifySignature(h, []byte(body), []string{"s"}); !errors.Is(err, ErrSignature) {
			t.Errorf("body %q: %v, want ErrSignature", body, err)
		}
	}
}

func FuzzVerifySignature(f *testing.F) {
	body := []byte("body")
	f.Add(Sign(body, "a", "b"), "", body, "a")
	f.Add("v1=, v1=00", "v2=1", []byte{}, "")
	f.Add(strings.Repeat("v1=", 3000), ",", []byte("x"), "s")
	f.Fuzz(func(t *testing.T, line1, line2 string, body []byte, secret string) {
		h := http.Header{}
		h.Add(SignatureHeader, line1)
		h.Add(SignatureHeader, line2)
		// The only way in is to know the secret's own signature of the body.
		inHeader := strings.Contains(strings.ToLower(line1+"\n"+line2), Sign(body, secret))
		err := VerifySignature(h, body, []string{secret})
		if err == nil && (secret == "" || !inHeader) {
			t.Errorf("accepted %q %q without the secret", line1, line2)
		}
		h.Set(SignatureHeader, Sign(body, "x"+secret))
		if err := VerifySignature(h, body, []string{"x" + secret}); err != nil {
			t.Errorf("refused its own signature: %v", err)
		}
	})
}
