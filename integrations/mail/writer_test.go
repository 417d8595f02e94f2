package mail

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"testing"
	"time"
)

// TestWriter: what it writes is what Client would send, within the same limit.
func TestWriter(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	w, err := NewWriter("Incidents <imbot@example.com>", 4, func() time.Time { return now })
	if err != nil || w.From() != "imbot@example.com" {
		t.Fatalf("NewWriter = %v, %v", w, err)
	}
	m := Message{To: []Address{{Mail: "ani@example.com"}}, Subject: "Down", Text: "It is down.", MessageID: "INC-1.declare@example.com", Auto: true}
	raw, err := w.Write(m)
	if err != nil {
		t.Fatal(err)
	}
	read, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"Incidents" <imbot@example.com>`, "To": "<ani@example.com>", "Message-Id": "<INC-1.declare@example.com>",
		"Auto-Submitted": "auto-generated", "Date": now.Format(time.RFC1123Z),
	} {
		if got := read.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	var e *Error
	if _, err = w.Write(m); !errors.As(err, &e) || e.Permanent() || e.RetryAfter() <= 0 || e.RetryAfter() > time.Minute {
		t.Fatalf("the second of 4 in a minute, of which a quarter may go at once: %v", err)
	}
	now = now.Add(e.RetryAfter())
	if _, err = w.Write(m); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	for name, bad := range map[string]Message{
		"no recipient": {Subject: "x", Text: "x", MessageID: "a@b.example"},
		"line break":   {To: []Address{{Mail: "ani@example.com\r\nBcc: all@example.com"}}, Subject: "x", Text: "x", MessageID: "a@b.example"},
		"one of two":   {To: []Address{{Mail: "ani@example.com"}, {Mail: "nobody"}}, Subject: "x", Text: "x", MessageID: "a@b.example"},
		"no id":        {To: []Address{{Mail: "ani@example.com"}}, Subject: "x", Text: "x"},
	} {
		if _, err := w.Write(bad); !errors.As(err, &e) || !e.Permanent() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, from := range []string{"", "nobody", "a@b@c", "x <ani@exa mple.com>"} {
		if w, err := NewWriter(from, 0, nil); err == nil {
			t.Errorf("NewWriter(%q) = %v", from, w)
		}
	}
}
