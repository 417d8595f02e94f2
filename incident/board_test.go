package incident

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var entries = cmp.AllowUnexported(board{}, entry{}, move{})

func sampleBoard() *board {
	return &board{service: "checkout", entries: []*entry{
		{
			id: 1, ref: "Q1", opened: 1_767_225_600_000, moves: []move{{at: 1_767_225_600_000}, {at: 1_767_225_600_500, close: true}, {at: 1_767_225_500_000}},
			keys: sameness{"title:abc", "trouble:x"}, trouble: TroubleDown, place: "p", apart: []ID{7, 9}, derived: []move{{at: 1_767_225_700_000, close: true}}, openings: 4,
			left: []move{{at: 1_767_225_600_100}, {at: 1_767_225_600_900, close: true}}, leftKeys: sameness{"title:def"},
		},
		{id: 1 << 40, ref: strings.Repeat("Q", 200), opened: -5, kind: LinkDuplicate, parent: 1, fixed: true, declared: true},
	}}
}

func TestBoardCodec(t *testing.T) {
	want := sampleBoard()
	reopen := func(span, s string) *board { return openBoard("checkout", span, func() string { return s }) }
	got := reopen(want.span(), want.encode())
	if got.oldest != -5 || got.newest != 1_767_225_600_500 || got.hasBetween(got.newest+1, got.newest+9) || !got.hasBetween(0, got.newest) {
		t.Errorf("it spans %d to %d", got.oldest, got.newest)
	}
	if d := cmp.Diff(want.entries, got.load(), entries, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	s := want.encode()
	for n := range len(s) {
		if got := reopen(want.span(), s[:n]).load(); len(got) != 0 {
			t.Errorf("the first %d of %d bytes are a board", n, len(s))
		}
	}
}

func FuzzBoard(f *testing.F) {
	f.Add(sampleBoard().encode())
	f.Add("")
	f.Add("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, s string) {
		b := &board{entries: decodeEntries(s)}
		again := openBoard("x", b.span(), b.encode)
		if d := cmp.Diff(b.entries, again.load(), entries, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("written and read again (-was +is):\n%s", d)
		}
	})
}

// TestShed: a full board loses what matters least, and never a root before its
// group.
func TestShed(t *testing.T) {
	b := &board{}
	for i := range maxEntries + 40 {
		e := &entry{id: ID(i + 1), opened: int64(i), moves: []move{{at: int64(i)}}}
		if i%4 != 0 {
			e.kind, e.parent = LinkDuplicate, ID(i/20*20+1)
		}
		if i%3 != 0 {
			e.moves = append(e.moves, move{at: int64(i + 1), close: true})
		}
		b.entries = append(b.entries, e)
	}
	b.shed()
	if len(b.entries) != maxEntries {
		t.Fatalf("%d entries, want %d", len(b.entries), maxEntries)
	}
	for _, e := range b.entries {
		if e.kind == LinkDuplicate && b.find(e.parent) == nil {
			t.Errorf("%s has lost its root %s", e.id, e.parent)
		}
	}
}

// TestFlood: alerts without end about one trouble remain its duplicates, although
// most of them have left the board; and so does what has a key of one that left.
func TestFlood(t *testing.T) {
	const minute = 60_000
	b := &board{service: "checkout"}
	last := 0
	add := func(keys sameness) *entry {
		at := int64(1e12) + int64(last)*3*minute
		last++
		e := &entry{id: ID(last), ref: fmt.Sprint("Q", last), opened: at, keys: keys, moves: []move{{at: at}, {at: at + 2*minute, close: true}}}
		b.entries = append(b.entries, e)
		for _, s := range sweepBoard(b, DefaultLinking(), at).states {
			if s.e.kind, s.e.parent = "", 0; s.root != s {
				s.e.kind, s.e.parent = LinkDuplicate, s.root.e.id
			}
		}
		b.prune(38 * 60 * minute)
		return e
	}
	for i := range 400 {
		keys := sameness{fmt.Sprint("alert_key:", i), "trouble:x"}
		if i == 3 {
			keys = append(keys, "title:once")
		}
		if e := add(keys); i > 0 && (e.kind != LinkDuplicate || e.parent != 1) {
			t.Fatalf("%s is %q of %s", e.id, e.kind, e.parent)
		}
	}
	if e := add(sameness{"title:once"}); e.parent != 1 {
		t.Errorf("a key of a duplicate that left is forgotten")
	}
	if e := add(sameness{"title:other"}); e.parent != 0 {
		t.Errorf("something else is a duplicate of %s", e.parent)
	}
	root := b.find(1)
	if len(b.entries) > maxEntries || len(root.left) > maxLeft || len(root.leftKeys) != 1 {
		t.Errorf("%d entries; %d moves and keys %v of those that left", len(b.entries), len(root.left), root.leftKeys)
	}
}

// TestBurstsCodec: what is written is read, and so is the first form.
func TestBurstsCodec(t *testing.T) {
	at := time.Date(2026, 3, 2, 6, 0, 0, 123, time.UTC)
	want := []burst{{ID: 1, At: at}, {ID: 1 << 40, At: at.Add(time.Hour), Major: 1}}
	old, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{encodeBursts(want), string(old)} {
		got, err := decodeBursts(v)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	}
	for _, v := range []string{encodeBursts(want)[:5], "\x07"} {
		if got, err := decodeBursts(v); err == nil {
			t.Errorf("%q is %v", v, got)
		}
	}
}

func TestMaskTitle(t *testing.T) {
	for title, want := range map[string]string{
		"CPU > 95% on web-7f9c4-abcde (10.0.0.7) at 10:04:05":                          "cpu on at",
		"[#4711] checkout is DOWN!":                                                    "checkout is down",
		"disk /dev/sda1 full on db01.prod.example.com":                                 "disk full on",
		"Job 550e8400-e29b-41d4-a716-446655440000 failed after 3 tries":                "job failed after tries",
		"see https://example.com/a?b=1 or mail ops@example.com":                        "see or mail",
		"order-service error rate":                                                     "order service error rate",
		"i/o wait, and/or tcp/ip":                                                      "i o wait and or tcp ip",
		"Antrean penuh di eu-west-1":                                                   "antrean penuh di",
		"12345 67 %":                                                                   "",
		"C:\\temp\\x is full":                                                          "is full",
		"FIRING:2 TargetDown (prometheus job=checkout instance=10.2.3.4:9090 az=east)": "firing targetdown prometheus job checkout az east",
	} {
		if got := MaskTitle(title); got != want {
			t.Errorf("MaskTitle(%q) = %q, want %q", title, got, want)
		}
	}
}

// FuzzMaskTitle: what is masked already stays as it is.
func FuzzMaskTitle(f *testing.F) {
	for _, s := range []string{"checkout is down", "CPU 95% on web-1", "日本語 1", "a\x00b\xff", "ß İ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := MaskTitle(s)
		if len([]rune(m)) > 2*MaxTitle || strings.ContainsAny(m, "0123456789") {
			t.Errorf("MaskTitle(%q) = %q", s, m)
		}
		if again := MaskTitle(m); again != m && !strings.ContainsRune(strings.ToLower(s), 'i') {
			t.Errorf("MaskTitle(%q) = %q, and of that %q", s, m, again)
		}
	})
}

func TestTroubleOf(t *testing.T) {
	for title, want := range map[string]string{
		"checkout is down": TroubleDown, "Checkout mati total": TroubleDown, "Layanan tidak bisa diakses": TroubleDown, "TargetDown job=x": TroubleDown,
		"High error rate": TroubleErrors, "5xx on checkout": TroubleErrors, "Pembayaran gagal": TroubleErrors,
		"p99 above target": TroubleLatency, "Checkout lambat": TroubleLatency, "Apdex below 0.7": TroubleLatency,
		"CPU at 97 %": TroubleSaturation, "Consumer lag": TroubleSaturation, "Antrean penuh": TroubleSaturation,
		"Traffic dropped": TroubleTraffic, "Trafik turun": TroubleTraffic,
		"Certificate expires in 5 days": TroubleCertificate, "Backup failed": TroubleBackup, "Disk 95 % full": TroubleDisk, "Nightly job has errors": TroubleJob,
		"countdown of errands": "", "something odd": "", "": "",
	} {
		if got := TroubleOf(&Alert{Title: title}, Other); got != want {
			t.Errorf("TroubleOf(%q) = %q, want %q", title, got, want)
		}
	}
	if got := TroubleOf(&Alert{Title: "checkout is slow", Condition: "Error percentage"}, Other); got != TroubleErrors {
		t.Errorf("the condition does not decide: %q", got)
	}
	if got := TroubleOf(&Alert{Title: "kode merah"}, ServiceDown); got != TroubleDown {
		t.Errorf("the company's own words do not decide: %q", got)
	}
}

func TestEntityKey(t *testing.T) {
	a := &Alert{Condition: "Errors", Labels: map[string]string{"Condition ID": "77", "entity.guid": "MXxB", "x": "y"}}
	if got := a.entity(); got != "77\x00MXxB" {
		t.Errorf("entity() = %q", got)
	}
	for _, a := range []*Alert{{}, {Condition: "Errors"}, {Labels: map[string]string{"entityGuid": "x"}}} {
		if got := a.entity(); got != "" {
			t.Errorf("entity() of %+v = %q", a, got)
		}
	}
}

// BenchmarkSweep decides on a full board.
func BenchmarkSweep(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	board := &board{service: "checkout"}
	for i := range maxEntries {
		at := int64(i) * 60_000
		e := &entry{id: ID(i + 1), ref: fmt.Sprint("Q", i), opened: at, moves: []move{{at: at}}, keys: sameness{fmt.Sprintf("title:%d", rng.IntN(20)), fmt.Sprintf("trouble:%d", rng.IntN(9))}}
		if i%2 == 0 {
			e.moves = append(e.moves, move{at: at + 300_000, close: true})
		}
		board.entries = append(board.entries, e)
	}
	s := board.encode()
	b.ReportAllocs()
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if len(decodeEntries(s)) != maxEntries {
				b.Fatal("entries are missing")
			}
		}
	})
	b.Run("sweep", func(b *testing.B) {
		for b.Loop() {
			sweepBoard(board, DefaultLinking(), 1e9)
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			board.encode()
		}
	})
	if len(slices.Clone(board.entries)) != maxEntries {
		b.Fatal("the board has changed")
	}
}

func BenchmarkKeys(b *testing.B) {
	inc := &Incident{Title: "[#4711] High error rate on checkout-7d9f8b6c5d-x2x9q (10.0.0.7:8080): 5.3 % of requests fail", Service: "checkout", Trouble: TroubleErrors, Alert: &Alert{Key: "k"}}
	b.Run("mask", func(b *testing.B) {
		for b.Loop() {
			samenessOf(inc)
		}
	})
	b.Run("trouble", func(b *testing.B) {
		for b.Loop() {
			TroubleOf(&Alert{Title: inc.Title}, Other)
		}
	})
}
