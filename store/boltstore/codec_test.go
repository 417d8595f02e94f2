package boltstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/incident"
)

func sign(n int) int { return max(-1, min(1, n)) }

// FuzzTime: times come back, and sort as their encoded forms do.
func FuzzTime(f *testing.F) {
	f.Add(int64(0), int64(0), int64(1), int64(999_999_999))
	f.Add(int64(-62135596800), int64(0), int64(253402300800), int64(1))
	f.Add(int64(-1), int64(5), int64(-1), int64(4))
	f.Fuzz(func(t *testing.T, s1, n1, s2, n2 int64) {
		const limit = math.MaxInt64 / 4 // beyond, time.Time itself overflows
		a, b := time.Unix(s1%limit, n1), time.Unix(s2%limit, n2)
		ka, kb := appendTime(nil, a), appendTime(nil, b)
		if !decodeTime(ka).Equal(a) {
			t.Errorf("%v came back as %v", a, decodeTime(ka))
		}
		if got, want := bytes.Compare(ka, kb), a.Compare(b); sign(got) != want {
			t.Errorf("%v and %v: the bytes compare as %d, the times as %d", a, b, got, want)
		}
	})
}

// FuzzName: names come back, differ where they differ, and those of one incident
// are exactly those with its prefix.
func FuzzName(f *testing.F) {
	for _, s := range []string{"INC-42/card/19:x", "INC-042/x", "INC-/x", "INC-1", "INC-1/", "answer/a", "", "INC-999999999999999999999/x", "INC-+1/x", "inc-1/x", "\x01abc"} {
		f.Add(s, "INC-4/card")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		ka, kb := appendName(nil, a), appendName(nil, b)
		back, err := decodeName(ka)
		if err != nil || back != a {
			t.Errorf("%q came back as %q, %v", a, back, err)
		}
		if (a == b) != bytes.Equal(ka, kb) {
			t.Errorf("%q and %q are encoded as %x and %x", a, b, ka, kb)
		}
		for _, id := range []incident.ID{1, 4, 42, 256} {
			prefix := id.String() + "/"
			if strings.HasPrefix(a, prefix) != bytes.HasPrefix(ka, appendName(nil, prefix)) {
				t.Errorf("%q: its encoded form %x disagrees about the prefix %s", a, ka, prefix)
			}
		}
		if _, err := decodeName([]byte(b)); err == nil && len(b) == 0 {
			t.Error("decodeName of nothing succeeds")
		}
	})
}

// FuzzRow: records come back; damaged ones are an error, never a panic.
func FuzzRow(f *testing.F) {
	f.Add(int64(1), int64(5), "title", "open", "other", "squad", "service", "duplicate", true, []byte{1, 0, 200})
	f.Fuzz(func(t *testing.T, id, at int64, title, status, level, squad, service, link string, private bool, raw []byte) {
		want := incident.Row{
			ID: incident.ID(id), OpenedAt: time.Unix(0, at).UTC(), Title: title, Status: incident.Status(status),
			Level: level, Squad: squad, Service: service, Link: link, Private: private,
		}
		k := rowKey(want.OpenedAt, want.ID)
		got, err := decodeRow(k, encodeRow(&want))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("record (-want +got):\n%s", d)
		}
		_, _ = decodeRow(k, raw)
		_, _ = decodeRow(raw, raw)
	})
}

// FuzzInbound: bodies come back; damaged ones are an error, never a panic.
func FuzzInbound(f *testing.F) {
	f.Add("pagerduty", "id", "zstd", []byte("body"), []byte{1, 3, 'a'})
	f.Fuzz(func(t *testing.T, source, id, encoding string, body, raw []byte) {
		want := incident.Inbound{Source: source, ID: id, Encoding: encoding, Body: body, At: time.Unix(7, 0).UTC()}
		k := sequenceKey(appendTime(nil, want.At), 1)
		got, err := decodeInbound(k, encodeInbound(&want))
		if err != nil {
			t.Fatal(err)
		}
		if got.Source != source || got.ID != id || got.Encoding != encoding || !bytes.Equal(got.Body, body) || !got.At.Equal(want.At) {
			t.Errorf("body %+v came back as %+v", want, got)
		}
		_, _ = decodeInbound(k, raw)
	})
}

// FuzzPack: documents come back; damaged ones are an error, never a panic, and
// never more memory than the damage can be worth.
func FuzzPack(f *testing.F) {
	f.Add([]byte(`{"id":"INC-1","title":"x"}`), []byte{packDict1, 0xff, 0xff, 0xff, 0x7f})
	f.Add(dictionary1, []byte{packNone})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, doc, raw []byte) {
		got, err := unpack(appendPacked(nil, doc))
		if err != nil || !bytes.Equal(got, doc) {
			t.Errorf("%q came back as %q, %v", doc, got, err)
		}
		prefixed := appendPacked([]byte("head"), doc)
		if got, err = unpack(prefixed[4:]); err != nil || !bytes.Equal(got, doc) {
			t.Errorf("%q behind a prefix came back as %q, %v", doc, got, err)
		}
		_, _ = unpack(raw)
	})
}

// Ensure that nobody changes the dictionary: all that was stored would be lost.
// A better one gets a file and a number of its own.
func TestDictionaryIsFrozen(t *testing.T) {
	sum := sha256.Sum256(dictionary1)
	if got, want := hex.EncodeToString(sum[:8]), "7d3ba13e0d00165b"; got != want {
		t.Errorf("pack1.dict has the checksum %s, want %s", got, want)
	}
}

// decodeName reads what appendName has written.
func decodeName(b []byte) (string, error) {
	switch {
	case len(b) > 0 && b[0] == namePlain:
		return string(b[1:]), nil
	case len(b) >= 1+idLen && b[0] == nameIncident:
		return decodeID(b[1:]).String() + "/" + string(b[1+idLen:]), nil
	}
	return "", fmt.Errorf("store: %q is not an effect's name", b)
}
