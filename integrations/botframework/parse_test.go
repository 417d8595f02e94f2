package botframework

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestParseErrorBody(t *testing.T) {
	for _, tt := range []struct{ body, code, message string }{
		{`{"error":{"code":"BadSyntax","message":"no text"}}`, "BadSyntax", "no text"},
		{`{"message":"Authorization has been denied for this request."}`, "", "Authorization has been denied for this request."},
		{`{"errorCode":209,"message":"{\r\n  \"subCode\": \"MessageWritesBlocked\",\r\n  \"details\": \"x\"\r\n}"}`, "MessageWritesBlocked", ""},
		{`{"subCode":"MessageWritesBlocked"}`, "MessageWritesBlocked", ""},
		{`{"error":{"code":"a\nb","message":"c\r\nd"}}`, "a b", "c d"},
		{`{"error":"text"}`, "", ""},
		{`<html>502</html>`, "", ""},
		{``, "", ""},
	} {
		if code, message := parseErrorBody([]byte(tt.body)); code != tt.code || message != tt.message {
			t.Errorf("parseErrorBody(%s) = %q, %q, want %q, %q", tt.body, code, message, tt.code, tt.message)
		}
	}
}

func FuzzParseErrorBody(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"BadSyntax","message":"no text"}}`))
	f.Add([]byte(`{"message":"{\"subCode\":\"\u0000\"}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := parseErrorBody(body)
		for _, s := range []string{code, message} {
			if len(s) > 310 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q is not fit for a log", s)
			}
		}
	})
}

// A published modulus, so that the tables need no key.
const n2048 = `"n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"`

func TestParseKeys(t *testing.T) {
	key := func(members string) string { return `{"keys":[{"kty":"RSA","kid":"k",` + n2048 + members + `}]}` }
	for _, tt := range []struct {
		name, body string
		ok         bool
		endorsed   []string
	}{
		{"plain", key(``), true, nil},
		{"for signing", key(`,"use":"sig","alg":"RS256"`), true, nil},
		{"endorsed", key(`,"endorsements":["msteams","webchat"]`), true, []string{"msteams", "webchat"}},
		{"endorsed for nothing", key(`,"endorsements":[]`), true, []string{}},
		{"odd endorsements", key(`,"endorsements":"msteams"`), false, nil},
		{"odd endorsement", key(`,"endorsements":["msteams",1]`), false, nil},
		{"for encryption", key(`,"use":"enc"`), false, nil},
		{"no id", `{"keys":[{"kty":"RSA",` + n2048 + `}]}`, false, nil},
		{"short", `{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"}]}`, false, nil},
		{"symmetric", `{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}`, false, nil},
		{"beside a broken one", `{"keys":[{"kty":"RSA","kid":"x"},{"kty":"new"},{"kty":"RSA","kid":"k",` + n2048 + `}]}`, true, nil},
		{"none", `{"keys":[]}`, false, nil},
		{"no JSON", `x`, false, nil},
	} {
		keys, err := parseKeys([]byte(tt.body))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %d keys, %v", tt.name, len(keys), err)
			continue
		}
		k := keys["k"]
		if tt.ok && (k.public == nil || (k.endorsements == nil) != (tt.endorsed == nil) || strings.Join(k.endorsements, " ") != strings.Join(tt.endorsed, " ")) {
			t.Errorf("%s: %+v", tt.name, k)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"k",` + n2048 + `,"endorsements":["a",1]}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"","y":""},null,{}]}`))
	f.Add([]byte(`{"kty":"RSA","kid":"k",` + n2048 + `}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for kid, k := range keys {
			if kid == "" || k.public == nil || k.public.N.BitLen() < 2048 {
				t.Errorf("key %q: %+v", kid, k.public)
			}
		}
	})
}

func FuzzServiceBase(f *testing.F) {
	for _, s := range []string{"https://smba.trafficmanager.net/amer/", "http://127.0.0.1:5/x", "https://a@smba.trafficmanager.net", "https://smba.trafficmanager.net\\@evil", "//smba.trafficmanager.net"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		base, err := serviceBase(raw, DefaultHosts())
		if err != nil {
			return
		}
		ok := false
		for _, h := range DefaultHosts() {
			ok = ok || base == "https://"+h || strings.HasPrefix(base, "https://"+h+"/") || strings.HasPrefix(base, "https://"+h+":443")
		}
		if !ok || strings.ContainsAny(base, "?#@\\ ") {
			t.Errorf("serviceBase(%q) = %q", raw, base)
		}
	})
}
