package letters

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imbot/incident"
	"imbot/internal/example"
	"imbot/query"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

var samples = []struct {
	name string
	make func(t testing.TB, o Options) Letter
}{
	{"declared-owner", func(t testing.TB, o Options) Letter { return Declared(withChanges(rooms(example.Opened(t)).View()), o) }},
	{"declared-squad-held", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		v := example.Acked(t).Do(incident.Assign, ani, incident.Args{Person: &budi}).View()
		v.Incident.Link = &incident.Link{Kind: incident.LinkCascade, Parent: 41}
		v.Parent = &query.Related{ID: 41, Title: "payments-db is slow"}
		return Declared(v, o)
	}},
	{"declared-stakeholder-bare", func(t testing.TB, o Options) Letter {
		w := example.New(t)
		w.Facts.Service, w.Facts.Squad = incident.ServiceInfo{}, incident.SquadInfo{}
		w.Facts.Verdict = incident.Verdict{Level: incident.Other}
		v := w.Do(incident.Declare, ani, incident.Args{Title: "Certificate expires in 3 days", Description: "Seen by hand.\n\nOf the shop only."}).View()
		v.Page, v.Links = "", nil
		return Declared(v, Options{Lang: o.Lang, Why: WhyStakeholder})
	}},
	{"declared-reopened", func(t testing.TB, o Options) Letter {
		return Declared(example.Resolved(t).Pass(time.Hour).Do(incident.Reopen, ani, incident.Args{Reason: "errors again"}).View(), o)
	}},
	{"declared-private-member", func(t testing.TB, o Options) Letter {
		o.Why = WhyMember
		return Declared(rooms(private(t)).View(), o)
	}},
	{"declared-private-owner", func(t testing.TB, o Options) Letter { return Declared(private(t).View(), o) }},
	{"raised-squad", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		from, _ := incident.DefaultLevels().Get(incident.HighResponseTime)
		w := example.Opened(t).Do(incident.SetLevel, ani, incident.Args{Level: incident.ServiceDown})
		return Raised(w.View(), from, o)
	}},
	{"update-subscriber", func(t testing.TB, o Options) Letter {
		o.Why = WhySubscriber
		u := incident.StatusUpdate{
			Customers: "About one payment in three fails. Carts are kept:\ncustomers can pay again later.",
			Doing:     "The release of this morning is being rolled back.", Next: t0.Add(time.Hour), By: ani,
		}
		return StatusUpdate(rooms(example.Acked(t)).View(), u, o)
	}},
	{"direct-commander", func(t testing.TB, o Options) Letter {
		o.Why = ""
		return Direct(rooms(example.Acked(t)).View(), incident.DirectData{Reason: incident.DirectCommander, By: budi}, o)
	}},
	{"update-resolved", func(t testing.TB, o Options) Letter {
		o.Why = WhyStakeholder
		return StatusUpdate(example.Resolved(t).View(), incident.StatusUpdate{Customers: "All payments work again.", By: ani}, o)
	}},
	{"closed-owner", func(t testing.TB, o Options) Letter {
		w := example.Closed(t).Action("Raise the pool limit", "2027-01-15", &budi).Action("Alert on pool use", "", nil)
		w.Inc.Times = incident.Times{ImpactStarted: t0.Add(-4 * time.Minute), Detected: t0, Mitigated: t0.Add(15 * time.Minute)}
		w.Inc.Causes = []incident.Cause{{Title: "Deploy checkout", Version: "v2.3", At: t0.Add(-10 * time.Minute), Was: true, By: ani}}
		return Closed(rooms(w).View(), o)
	}},
	{"closed-waived", func(t testing.TB, o Options) Letter {
		return Closed(example.Resolved(t).Do(incident.Close, ani, incident.Args{Waive: "false <alarm>"}).View(), o)
	}},
	{"closed-duplicate", func(t testing.TB, o Options) Letter {
		return Closed(example.Opened(t).Do(incident.Resolve, example.PagerDuty, incident.Args{Merge: &incident.Ref{System: "pagerduty", ID: "Q0"}}).View(), o)
	}},
	{"closed-none-owed", func(t testing.TB, o Options) Letter {
		w := example.New(t)
		w.Facts.Verdict = incident.Verdict{Level: incident.Other}
		return Closed(w.Trigger("disk 80 % full").Do(incident.Resolve, example.PagerDuty, incident.Args{}).View(), o)
	}},
	{"overdue-one", func(t testing.TB, o Options) Letter { return Overdue([]*query.View{example.Resolved(t).View()}, o) }},
	{"overdue-many", func(t testing.TB, o Options) Letter {
		o.Why = WhySquad
		var list []*query.View
		for n := range 33 {
			w := example.Resolved(t)
			if n%2 == 0 {
				w.Do(incident.WriteRCA, ani, incident.Args{RCA: map[string]string{"summary": "The pool ran dry."}})
			}
			w.Inc.ID = incident.ID(40 + n)
			w.Inc.ResolvedAt = w.Inc.ResolvedAt.Add(-time.Duration(n) * time.Minute)
			list = append(list, w.View())
		}
		secret := private(t)
		secret.Inc.ID = 99
		return Overdue(append([]*query.View{secret.View()}, list...), o)
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
