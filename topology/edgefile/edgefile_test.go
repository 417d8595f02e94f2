package edgefile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imbot/topology"
)

func TestParse(t *testing.T) {
	first, last := Moment{time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, Moment{time.Date(2026, 1, 3, 2, 0, 0, 0, time.UTC)}
	many := "from,to\n" + strings.Repeat("a,b\n", topology.MaxEdges)
	for _, tt := range []struct {
		name, file, text string
		want             []Edge
		err              string // all of it; "": none
	}{
		{"yaml", "x.yaml", "edges:\n  - {from: checkout, to: payments-db}\n  - from: a b\n    to: pd:PABC123\n    rate: 2.5\n    first_seen: 2026-01-02\n    last_seen: 2026-01-03T09:00:00+07:00\n", []Edge{
			{From: "checkout", To: "payments-db", Line: 2}, {From: "a b", To: "pd:PABC123", Rate: 2.5, FirstSeen: first, LastSeen: last, Line: 3},
		}, ""},
		{"yml", "X.YML", "edges: [{from: a, to: b}]", []Edge{{From: "a", To: "b", Line: 1}}, ""},
		{"csv", "x.csv", "checkout,payments-db\n# a remark\n\n \"a, b\",c,2.5\nd,e,,2026-01-02,2026-01-03T02:00:00Z\n", []Edge{
			{From: "checkout", To: "payments-db", Line: 1}, {From: "a, b", To: "c", Rate: 2.5, Line: 4}, {From: "d", To: "e", FirstSeen: first, LastSeen: last, Line: 5},
		}, ""},
		{"csv with a header", "x.CSV", "\ufeffFrom,Rate,To\r\na,1,b\r\n", []Edge{{From: "a", To: "b", Rate: 1, Line: 2}}, ""},
		{"many", "x.csv", many, nil, ""},

		{"no ending", "x.txt", "", nil, "x.txt: the name says neither YAML nor CSV; let it end in .yaml or .csv"},
		{"too large", "x.csv", strings.Repeat("a", MaxBytes+1), nil, "x.csv: the file is larger than 4 MB; split it"},
		{"too many", "x.csv", many + "a,b\n", nil, "there are 20001 edges, and at most 20000 are taken at once; split the file"},
		{"empty yaml", "x.yaml", "edges: []\n", nil, "x.yaml: there are no edges; write them as in edges: [{from: checkout, to: payments-db}]"},
		{"empty csv", "x.csv", "from,to\n", nil, "x.csv: there are no edges; write one a line, as in checkout,payments-db"},
		{"odd yaml", "x.yaml", "edges:\n  - {from: a}\n  - {form: a, to: b}\n  - {from: a, to: b, rate: -1}\n  - {from: a, to: b, rate: much}\n  - {from: a, to: b, last_seen: soon}\n  - {from: a, to: b, first_seen: 2026-01-02, last_seen: 2026-01-01}\n  - {from: \"a\\u0000\", to: b}\n", nil, strings.Join([]string{
			"x.yaml:2:5: to is missing; an edge needs from and to",
			`x.yaml:3:6: unknown key "form"; did you mean "from"?`,
			"x.yaml:4:5: the rate is no number of calls a second; write 0 or more, or leave it out",
			"x.yaml:5:28: this should be a number, without quotes",
			"x.yaml:6:33: this is not a time; write it as in 2026-01-31T09:00:00Z or 2026-01-31",
			"x.yaml:7:5: last_seen is before first_seen; swap them",
			`x.yaml:8:5: from has invisible characters: "a\x00"; write the service's key`,
		}, "\n")},
		{"odd csv", "x.csv", "a\nb,\n ,c\na,b,much\na,b,-1\na,b,NaN\na,b,1,soon\na,b,1,,,6\na," + strings.Repeat("x", 300) + "\n", nil, strings.Join([]string{
			"x.csv:1: to is missing; an edge needs from and to",
			"x.csv:2: to is missing; an edge needs from and to",
			"x.csv:3: from is missing; an edge needs from and to",
			`x.csv:4: the rate "much" is no number; write calls a second, as in 2.5`,
			"x.csv:5: the rate is no number of calls a second; write 0 or more, or leave it out",
			"x.csv:6: the rate is no number of calls a second; write 0 or more, or leave it out",
			"x.csv:7: first_seen: this is not a time; write it as in 2026-01-31T09:00:00Z or 2026-01-31",
			"x.csv:8: there are 6 values, and only 5 columns (from, to, rate, first_seen, last_seen)",
			"x.csv:9: to is longer than 256 bytes: that is no service",
		}, "\n")},
		{"odd header", "x.csv", "from,too\na,b\n", nil, `x.csv:1: unknown column "too"; did you mean "to"?`},
		{"double header", "x.csv", "from,to,from\n", nil, "x.csv:1: the column from is there twice; remove one"},
		{"half header", "x.csv", "from,rate\n", nil, "x.csv:1: the column to is missing; write from,to or from,to,rate"},
		{"torn quote", "x.csv", "a,b\na,\"b\n", nil, `x.csv:2: extraneous or missing " in quoted-field; write from,to or from,to,rate`},
		{"not UTF-8", "x.csv", "a,\xff\n", nil, "x.csv: the file is not in UTF-8; save it as such"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.file, []byte(tt.text))
			text := ""
			if err != nil {
				text = err.Error()
			}
			if d := cmp.Diff(tt.err, text); d != "" {
				t.Errorf("error (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.want, got); d != "" && tt.name != "many" {
				t.Errorf("edges (-want +got):\n%s", d)
			}
			if tt.name == "many" && len(got) != topology.MaxEdges {
				t.Errorf("%d edges", len(got))
			}
		})
	}
}

func TestResolve(t *testing.T) {
	names := topology.NewNames([]topology.Service{{Key: "checkout", Aliases: []string{"shop"}}, {Key: "db"}})
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	edges := []Edge{
		{From: "Shop", To: "DB", Rate: 2, Line: 1},
		{From: "chekout", To: "nothing at all", Line: 2},
		{From: "shop", To: "checkout", Line: 3},
		{From: "shop", To: "pd:PNEW", LastSeen: Moment{now.Add(time.Hour)}, Line: 4},
		{From: "", To: "db", Line: 5},
	}
	r := Resolve(edges, names, []string{"checkout", "db"}, false, now)
	if d := cmp.Diff([]topology.Edge{{From: "checkout", To: "db", Rate: 2, Source: "import"}}, r.Edges); d != "" {
		t.Errorf("edges (-want +got):\n%s", d)
	}
	want := []Problem{
		{2, `there is no service "chekout"; did you mean "checkout"?`},
		{2, `there is no service "nothing at all"; add it to the catalog, or as an alias`},
		{3, `"shop" and "checkout" are the same service; a service does not call itself`},
		{4, "this edge was seen in the future; mend first_seen and last_seen"},
		{5, "from is missing; an edge needs from and to"},
	}
	if d := cmp.Diff(want, r.Problems); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
	r = Resolve(edges[:2], names, nil, true, now)
	if d := cmp.Diff([]string{"chekout", "nothing at all"}, r.Unknown); d != "" || len(r.Edges) != 1 || len(r.Problems) != 0 {
		t.Errorf("skipping: %+v", r)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"from,to\na,b\n", "a,b,1,2026-01-02,2026-01-03\n", "\ufefffrom,rate,to\n", "a,\"b", "# x\n,,,,,\n", "edges: [{from: a, to: b, rate: .nan}]",
		"edges:\n  - {from: a, to: b, first_seen: 2026-01-02}\n", "edges: &a [*a]", "{}", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		for _, name := range []string{"x.yaml", "x.csv"} {
			edges, err := Parse(name, data)
			if err != nil {
				if len(edges) != 0 {
					t.Errorf("%s: %d edges beside the error %v", name, len(edges), err)
				}
				continue
			}
			if len(edges) == 0 || len(edges) > topology.MaxEdges {
				t.Errorf("%s: %d edges without an error", name, len(edges))
			}
			for i := range edges {
				if p := edges[i].problem(); p != "" || edges[i].Line < 1 {
					t.Errorf("%s: an accepted edge has line %d and the problem %q", name, edges[i].Line, p)
				}
			}
			// What is accepted can be carried out.
			Resolve(edges, topology.NewNames([]topology.Service{{Key: "a"}, {Key: "b"}}), []string{"a", "b"}, false, time.Now())
		}
	})
}
