package topology

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shop is a small catalogue.
func shop() []Service {
	return []Service{
		{Key: "checkout", Name: "Checkout", Aliases: []string{"checkout-api", "Checkout (prod)"}, NewRelicGUID: "MTIzfEFQTQ", PagerDutyID: "PABC123", DependsOn: []string{"payments-db"}},
		{Key: "payments-db", Name: "Payments DB", PagerDutyID: "PDEF456"},
		{Key: "Inventory", Aliases: []string{"eu/stock"}},
		{Key: "stock"},
		{Key: "search", Aliases: []string{"checkout"}}, // claims what is taken
	}
}

func TestEnd(t *testing.T) {
	names := NewNames(shop())
	for _, tt := range []struct {
		name string
		end  End
		want string // "": no service
	}{
		{"key", End{Name: "checkout"}, "checkout"},
		{"key in capitals", End{Name: " CHECKOUT "}, "checkout"},
		{"key with capitals", End{Name: "inventory"}, "Inventory"},
		{"name", End{Name: "payments DB"}, "payments-db"},
		{"alias", End{Name: "Checkout-API"}, "checkout"},
		{"alias with signs", End{Name: "checkout (PROD)"}, "checkout"},
		{"guid", End{Name: "whatever", NewRelicGUID: "MTIzfEFQTQ"}, "checkout"},
		{"guid in other case", End{NewRelicGUID: "mtizfefqtq"}, "checkout"},
		{"guid before name", End{Name: "stock", NewRelicGUID: "MTIzfEFQTQ"}, "checkout"},
		{"unknown guid, known name", End{Name: "stock", NewRelicGUID: "other"}, "stock"},
		{"unknown guid, unknown name", End{Name: "x", NewRelicGUID: "other"}, ""},
		{"pagerduty id", End{Name: "anything", PagerDutyID: "pdef456"}, "payments-db"},
		{"pagerduty name", End{Name: "Stock", PagerDutyID: "PNEW"}, "stock"},
		{"pagerduty service in no catalogue", End{Name: "Mailer", PagerDutyID: "PNEW"}, "pd:PNEW"},
		{"a name like an id", End{Name: "PABC123"}, ""},
		{"guid as name", End{Name: "MTIzfEFQTQ"}, ""},
		{"namespace", End{Name: "checkout", Namespace: "prod"}, "checkout"},
		{"namespace that is named", End{Name: "stock", Namespace: "EU"}, "Inventory"},
		{"namespace that is not named, of a name that is", End{Name: "stock", Namespace: "us"}, ""},
		{"no namespace, of a name that is named", End{Name: "stock"}, "stock"},
		{"unknown", End{Name: "nobody"}, ""},
		{"nothing", End{}, ""},
		{"blank", End{Name: "  ", Namespace: "x"}, ""},
	} {
		got, ok := names.End(&tt.end)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: End(%+v) = %q, %v, want %q", tt.name, tt.end, got, ok, tt.want)
		}
	}
	if _, ok := NewNames(nil).End(&End{Name: "checkout"}); ok {
		t.Error("a name is known to an empty catalogue")
	}
	if _, ok := NewNames([]Service{{}, {Name: "x"}}).End(&End{}); ok {
		t.Error("a service without a key is found")
	}
}

func TestFind(t *testing.T) {
	names := NewNames(shop())
	for name, want := range map[string]string{
		"Checkout-api": "checkout", "pd:PABC123": "checkout", "PD:pabc123": "checkout", "pd:PNEW1": "pd:PNEW1", " pd:PNEW1 ": "pd:PNEW1",
		"pd:": "", "pd:a b": "", "pd:" + strings.Repeat("A", 33): "", "nobody": "", "": "",
	} {
		if got, ok := names.Find(name); got != want || ok != (want != "") {
			t.Errorf("Find(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
}

// call is what a source says of two names.
func call(from, to string) Seen { return Seen{From: End{Name: from}, To: End{Name: to}} }

func TestRead(t *testing.T) {
	long := strings.Repeat("x", MaxName+1)
	with := func(change func(*Seen)) Seen {
		s := call("checkout", "payments-db")
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name                          string
		seen                          []Seen
		want                          []string
		loops, unknown, refused, over int
		unmapped                      map[string]int
	}{
		{name: "nothing"},
		{name: "one", seen: []Seen{call("checkout-api", "Payments DB")}, want: []string{"checkout payments-db"}},
		{name: "sorted, once", seen: []Seen{call("stock", "checkout"), call("checkout", "stock"), call("Checkout", "stock")}, want: []string{"checkout stock", "stock checkout"}},
		{name: "loop after mapping", seen: []Seen{call("checkout", "checkout-api")}, loops: 1},
		{
			name: "unknown", seen: []Seen{call("checkout", "redis"), call("redis", "cron"), call("redis", "redis")},
			unknown: 3, unmapped: map[string]int{"redis": 4, "cron": 1},
		},
		{
			name: "unknown with namespace or only an id", seen: []Seen{{From: End{Name: "stock", Namespace: "us"}, To: End{NewRelicGUID: "G1"}}},
			unknown: 1, unmapped: map[string]int{"us/stock": 1, "G1": 1},
		},
		{name: "pagerduty", seen: []Seen{{From: End{PagerDutyID: "PONE"}, To: End{PagerDutyID: "PTWO"}}}, want: []string{"pd:PONE pd:PTWO"}},
		{name: "lies", seen: []Seen{
			call("", "checkout"), call("checkout", ""), call("check\x00out", "stock"), call("checkout\n", "stock"), call("\u202echeckout", "stock"),
			call("checkout", "\xff"), call(long, "stock"), call("checkout", long),
			with(func(s *Seen) { s.Rate = math.NaN() }), with(func(s *Seen) { s.Rate = -1 }), with(func(s *Seen) { s.Rate = math.Inf(1) }),
			with(func(s *Seen) { s.ErrorRate = 1.1 }), with(func(s *Seen) { s.ErrorRate = math.NaN() }), with(func(s *Seen) { s.Kind = "a\tb" }),
			with(func(s *Seen) { s.From = End{PagerDutyID: "P 1"} }), with(func(s *Seen) { s.To.NewRelicGUID = long }),
		}, refused: 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := read("test", tt.seen, NewNames(shop()), noon)
			var got []string
			for _, e := range a.edges {
				got = append(got, e.From+" "+e.To)
				if e.Source != "test" || !e.FirstSeen.Equal(noon) || !e.LastSeen.Equal(noon) {
					t.Errorf("edge %+v", e)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("edges (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]int{tt.loops, tt.unknown, tt.refused, tt.over}, []int{a.loops, a.unknown, a.refused, a.over}); d != "" {
				t.Errorf("loops, unknown, refused, over (-want +got):\n%s", d)
			}
			if tt.unmapped == nil {
				tt.unmapped = map[string]int{}
			}
			if d := cmp.Diff(tt.unmapped, a.unmapped); d != "" {
				t.Errorf("unmapped (-want +got):\n%s", d)
			}
		})
	}
}

// Times and rates of what several lines of an answer say of one edge.
func TestReadSums(t *testing.T) {
	seen := []Seen{
		{From: End{Name: "checkout"}, To: End{Name: "stock"}, Kind: "tcp", Rate: 1, ErrorRate: 1, At: noon.Add(-time.Minute)},
		{From: End{Name: "checkout-api"}, To: End{Name: "stock"}, Kind: "http", Rate: 3, At: noon.Add(-time.Hour)},
		{From: End{Name: "stock"}, To: End{Name: "checkout"}, ErrorRate: 0.5, At: noon.Add(24 * time.Hour)}, // the future is now
		{From: End{Name: "stock"}, To: End{Name: "checkout"}},
		{From: End{Name: "search"}, To: End{Name: "stock"}, Rate: math.MaxFloat64, ErrorRate: 1},
		{From: End{Name: "search"}, To: End{Name: "stock"}, Rate: math.MaxFloat64},
	}
	want := []Edge{
		{From: "checkout", To: "stock", Source: "t", Kind: "http", Rate: 4, ErrorRate: 0.25, FirstSeen: noon.Add(-time.Hour), LastSeen: noon.Add(-time.Minute)},
		{From: "search", To: "stock", Source: "t", Rate: math.MaxFloat64, ErrorRate: 1, FirstSeen: noon, LastSeen: noon},
		{From: "stock", To: "checkout", Source: "t", ErrorRate: 0.5, FirstSeen: noon, LastSeen: noon},
	}
	if d := cmp.Diff(want, read("t", seen, NewNames(shop()), noon).edges); d != "" {
		t.Errorf("edges (-want +got):\n%s", d)
	}
}

func TestRecall(t *testing.T) {
	old := []Unmapped{
		{Name: "gone", Edges: 9, Times: 4, LastSeen: noon.Add(-48 * time.Hour)},
		{Name: "quiet", Edges: 1, Times: 2, LastSeen: noon.Add(-time.Hour)},
		{Name: "again", Edges: 3, Times: 7, LastSeen: noon.Add(-time.Hour)},
	}
	got := recall(old, map[string]int{"again": 1, "new": 5}, noon, noon.Add(-24*time.Hour))
	want := []Unmapped{
		{Name: "new", Edges: 5, Times: 1, LastSeen: noon},
		{Name: "again", Edges: 1, Times: 8, LastSeen: noon},
		{Name: "quiet", Edges: 1, Times: 2, LastSeen: noon.Add(-time.Hour)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("recall (-want +got):\n%s", d)
	}
	if len(old) != 3 || old[0].Name != "gone" {
		t.Error("recall changed what it was given")
	}
}
