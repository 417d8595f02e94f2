package letters

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imbot/incident"
	"imbot/query"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

var samples = []struct {
	name string
	make func(t testing.TB, o Options) Letter
}{
	{"declared-owner", func(t testing.TB, o Options) Letter { return Declared(withChanges(opened(t).rooms().view()), o) }},
	{"declared-squad-held", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		v := acked(t).do(incident.Assign, ani, incident.Args{Person: &budi}).view()
		v.Incident.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41}
		v.Parent = &query.Related{ID: 41, Title: "payments-db is slow"}
		return Declared(v, o)
	}},
	{"declared-stakeholder-bare", func(t testing.TB, o Options) Letter {
		w := newWorld(t)
		w.facts.Service, w.facts.Squad = incident.ServiceInfo{}, incident.SquadInfo{}
		w.facts.Verdict = incident.Verdict{Level: incident.Other}
		v := w.do(incident.Declare, ani, incident.Args{Title: "Certificate expires in 3 days", Description: "Seen by hand.\n\nOf the shop only."}).view()
		v.Page, v.Links = "", nil
		return Declared(v, Options{Lang: o.Lang, Why: WhyStakeholder})
	}},
	{"declared-reopened", func(t testing.TB, o Options) Letter {
		return Declared(resolved(t).pass(time.Hour).do(incident.Reopen, ani, incident.Args{Reason: "errors again"}).view(), o)
	}},
	{"declared-private-member", func(t testing.TB, o Options) Letter {
		o.Why = WhyMember
		return Declared(private(t).rooms().view(), o)
	}},
	{"declared-private-owner", func(t testing.TB, o Options) Letter { return Declared(private(t).view(), o) }},
	{"raised-squad", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		from, _ := incident.DefaultLevels().Get(incident.HighResponseTime)
		w := opened(t).do(incident.SetLevel, ani, incident.Args{Level: incident.ServiceDown})
		return Raised(w.view(), from, o)
	}},
	{"update-subscriber", func(t testing.TB, o Options) Letter {
		o.Why = WhySubscriber
		u := incident.StatusUpdate{
			Customers: "About one payment in three fails. Carts are kept:\ncustomers can pay again later.",
			Doing:     "The release of this morning is being rolled back.", Next: t0.Add(time.Hour), By: ani,
		}
		return StatusUpdate(acked(t).rooms().view(), u, o)
	}},
	{"direct-commander", func(t testing.TB, o Options) Letter {
		o.Why = ""
		return Direct(acked(t).rooms().view(), incident.DirectData{Reason: incident.DirectCommander, By: budi}, o)
	}},
	{"update-resolved", func(t testing.TB, o Options) Letter {
		o.Why = WhyStakeholder
		return StatusUpdate(resolved(t).view(), incident.StatusUpdate{Customers: "All payments work again.", By: ani}, o)
	}},
	{"closed-owner", func(t testing.TB, o Options) Letter {
		w := closed(t).action("Raise the pool limit", "2027-01-15", &budi).action("Alert on pool use", "", nil)
		w.inc.Times = incident.Times{ImpactStarted: t0.Add(-4 * time.Minute), Detected: t0, Mitigated: t0.Add(15 * time.Minute)}
		w.inc.Causes = []incident.Cause{{Title: "Deploy checkout", Version: "v2.3", At: t0.Add(-10 * time.Minute), Was: true, By: ani}}
		return Closed(w.rooms().view(), o)
	}},
	{"closed-waived", func(t testing.TB, o Options) Letter {
		return Closed(resolved(t).do(incident.Close, ani, incident.Args{Waive: "false <alarm>"}).view(), o)
	}},
	{"closed-duplicate", func(t testing.TB, o Options) Letter {
		return Closed(opened(t).do(incident.Resolve, pd, incident.Args{Merge: &incident.Ref{System: "pagerduty", ID: "Q0"}}).view(), o)
	}},
	{"closed-none-owed", func(t testing.TB, o Options) Letter {
		w := newWorld(t)
		w.facts.Verdict = incident.Verdict{Level: incident.Other}
		return Closed(w.trigger("disk 80 % full").do(incident.Resolve, pd, incident.Args{}).view(), o)
	}},
	{"overdue-one", func(t testing.TB, o Options) Letter { return Overdue([]*query.View{resolved(t).view()}, o) }},
	{"overdue-many", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		var list []*query.View
		for n := range 33 {
			w := resolved(t)
			if n%2 == 0 {
				w.do(incident.WriteRCA, ani, incident.Args{RCA: map[string]string{"summary": "The pool ran dry."}})
			}
			w.inc.ID = incident.ID(40 + n)
			w.inc.ResolvedAt = w.inc.ResolvedAt.Add(-time.Duration(n) * time.Minute)
			list = append(list, w.view())
		}
		secret := private(t)
		secret.inc.ID = 99
		return Overdue(append([]*query.View{secret.view()}, list...), o)
	}},
}

func eachSample(t *testing.T, fn func(name string, l Letter)) {
	t.Helper()
	for _, s := range samples {
		for _, lang := range []string{"en", "id"} {
			o := Options{
				Lang: lang, Zone: jakarta, ZoneName: "Asia/Jakarta", BaseURL: "https://imbot.example.com/", Company: "Example Shop",
				Unsubscribe: "https://imbot.example.com/unsubscribe?t=abc", Why: WhyOwner,
			}
			fn(s.name+"."+lang, s.make(t, o))
		}
	}
}

// TestGolden compares with the files in testdata; a browser shows the HTML.
func TestGolden(t *testing.T) {
	if *update {
		if err := os.RemoveAll("testdata/letters"); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata/letters", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	eachSample(t, func(name string, l Letter) {
		for ext, got := range map[string]string{".txt": fmt.Sprintf("Subject: %s\n\n%s", l.Subject, l.Text), ".html": l.HTML} {
			file := filepath.Join("testdata", "letters", name+ext)
			known[file] = true
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%v (run with -update to write it)", err)
				continue
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		}
		check(t, name, l)
	})
	files, err := filepath.Glob("testdata/letters/*")
	if err != nil || len(files) != len(known) {
		t.Errorf("%d files in testdata/letters, %d letters: %v", len(files), len(known), err)
	}
}
