package backtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"imbot/backtest"
	"imbot/incident"
	"imbot/topology"
	"imbot/webhook"
)

// A log that begins in the middle, and holds bodies of all kinds.
func TestSince(t *testing.T) {
	l := newLive(t, shop(), day.Add(9*time.Hour), 7)
	for _, line := range []string{
		"10:00 QOLD trigger service=PDB : Payments DB is down",
		"10:02 QGONE trigger service=PWEB : Web is slow",
		"10:06 QGONE resolve",
		"20:00 QOLD ack",
		"21:00 QNEW trigger service=PDB key=other : Certificate expires",
	} {
		l.tell(line)
	}
	err := l.store.Update(t.Context(), func(tx incident.Tx) error {
		return errors.Join(
			tx.PutRaw(incident.Inbound{Source: incident.SourceAlerts, ID: "QGONE", At: l.now.Add(-time.Minute), Body: []byte(`{"title":"x","condition":"y"}`)}),
			tx.PutRaw(incident.Inbound{Source: incident.SourceAlerts, ID: "QNEW", At: l.now, Body: []byte(`not JSON`)}),
			tx.PutRaw(incident.Inbound{Source: incident.SourcePagerDuty, ID: "d", At: l.now, Encoding: "zstd", Body: []byte("not packed")}),
			tx.PutRaw(incident.Inbound{Source: incident.SourcePagerDuty, ID: "e", At: l.now, Encoding: "odd", Body: []byte("{}")}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := shop().build(t)
	// Then nobody knew yet that web depends on the database, over checkout.
	if out := replay(t, l.store, 0, rules); out.Totals.Alerts != 3 || row(t, out, "QGONE").Link != nil {
		t.Errorf("all of it: %+v, %+v", out.Totals, row(t, out, "QGONE").Link)
	}
	known := shop()
	known.Edges = []topology.Edge{{From: "checkout", To: "payments-db", Source: "newrelic", FirstSeen: day, LastSeen: day.AddDate(0, 0, 1)}}
	if r, _ := known.build(t); row(t, replay(t, l.store, 0, r), "QGONE").Link == nil {
		t.Error("what was known then makes no link")
	}
	out := replay(t, l.store, 2*time.Hour, rules)
	// Of QOLD only the acknowledgement is within, which tells enough of it.
	if old := row(t, out, "QOLD"); len(out.Rows) != 2 || old.ID != "INC-1" || old.Title != "Payments DB is down" || !old.Opened.Equal(day.Add(10*time.Hour)) {
		t.Errorf("the last two hours: %+v", out.Rows)
	}
	if got := out.Totals; got.Unread != 4 || got.Bodies != 7 {
		t.Errorf("%d bodies, %d without an incident, want 7 and 4", got.Bodies, got.Unread)
	}
}

func TestEmptyLog(t *testing.T) {
	l := newLive(t, shop(), day, 7)
	rules, _ := shop().build(t)
	out := replay(t, l.store, time.Hour, rules)
	if got := text(t, backtest.NewReport(out), backtest.Options{}); got != "nothing to replay: no bodies are stored for this time\n" {
		t.Errorf("of an empty log: %q", got)
	}
	var b bytes.Buffer
	if err := backtest.NewReport(out, out).JSON(&b); err != nil || !strings.Contains(b.String(), `"alerts": 0`) {
		t.Errorf("%v %s", err, b.String())
	}
}

// What is private under one set of rules is so in all that is said of both.
func TestPrivate(t *testing.T) {
	const word = "zanzibar"
	open, closed := shop(), shop()
	closed.Levels = append(incident.DefaultLevels(), incident.Level{Key: "security", Title: "Security", Rank: 2, Private: true})
	closed.Rules = []incident.Rule{{Name: "secret", Level: "security", Match: incident.Match{TitleWords: []string{word}}}}
	for _, lived := range []tried{open, closed} {
		l := newLive(t, lived, day.Add(9*time.Hour), 7)
		l.tell("10:00 QSEC trigger service=PSEARCH : Somebody reads " + word)
		l.tell("10:01 QOK trigger service=PSEARCH : Search is slow")
		a, _ := open.build(t)
		b, _ := closed.build(t)
		reports := []*backtest.Report{backtest.NewReport(replay(t, l.store, 0, a), replay(t, l.store, 0, b)), backtest.NewReport(replay(t, l.store, 0, b), replay(t, l.store, 0, a)), backtest.NewReport(replay(t, l.store, 0, b))}
		if len(lived.Rules) > 0 {
			reports = append(reports, backtest.NewReport(replay(t, l.store, 0, a))) // private in the log
		}
		for i, r := range reports {
			var js bytes.Buffer
			if err := r.JSON(&js); err != nil {
				t.Fatal(err)
			}
			for _, said := range []string{js.String(), text(t, r, backtest.Options{All: true})} {
				if strings.Contains(said, word) || !strings.Contains(said, "private") || (i != 0 && i != 1 && !strings.Contains(said, "Search is slow")) {
					t.Errorf("report %d:\n%s", i, said)
				}
			}
			for _, out := range r.Outcomes {
				if got := row(t, out, "QSEC"); got.Service != "" || got.Squad != "" || !got.Private {
					t.Errorf("report %d shows more than that there is something: %+v", i, got)
				}
			}
		}
	}
}

// Only the newest rows are printed unless all are asked for; machines get all.
func TestNewestRows(t *testing.T) {
	l := newLive(t, shop(), day.Add(9*time.Hour), 7)
	for i := range backtest.MaxRows + 5 {
		l.until(l.now.Add(time.Hour))
		l.act(act{do: "trigger", pd: "Q" + string(rune('A'+i/26)) + string(rune('A'+i%26)), spec: trigger(i)})
		l.until(l.now)
	}
	rules, _ := shop().build(t)
	r := backtest.NewReport(replay(t, l.store, 0, rules))
	few, all := text(t, r, backtest.Options{}), text(t, r, backtest.Options{All: true})
	if !strings.Contains(few, "(5 earlier ones are not printed: -all prints them)") || strings.Contains(few, "INC-5 ") || !strings.Contains(few, "INC-105 ") {
		t.Errorf("not all:\n%s", few)
	}
	if strings.Contains(all, "-all") || !strings.Contains(all, "INC-5 ") {
		t.Errorf("all:\n%s", all)
	}
	var js bytes.Buffer
	if err := r.JSON(&js); err != nil {
		t.Fatal(err)
	}
	var back backtest.Report
	if err := json.Unmarshal(js.Bytes(), &back); err != nil || len(back.Outcomes[0].Rows) != backtest.MaxRows+5 {
		t.Errorf("%v: %d rows", err, len(back.Outcomes[0].Rows))
	}
}

// A replay that is given up leaves with the reason, and so does one whose store
// or log fails.
func TestRunFails(t *testing.T) {
	l := newLive(t, shop(), day.Add(9*time.Hour), 7)
	l.tell("10:00 QDB trigger service=PDB : Payments DB is down")
	rules, _ := shop().build(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := backtest.Replay{Log: l.store, Read: webhook.CommandOf, Scratch: scratch(t.TempDir())}
	cancel()
	if _, err := r.Run(ctx, rules); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	broken := errors.New("disk full")
	r.Scratch = func(func() time.Time) (backtest.Scratch, error) { return nil, broken }
	if _, err := r.Run(t.Context(), rules); !errors.Is(err, broken) {
		t.Errorf("without a store: %v", err)
	}
}

// Progress tells how far the replay is.
func TestProgress(t *testing.T) {
	log := writeLog(t, 1200)
	rules, _ := shop().build(t)
	var got []backtest.Progress
	r := backtest.Replay{Log: log, Read: webhook.CommandOf, Scratch: scratch(t.TempDir()), Progress: func(p backtest.Progress) { got = append(got, p) }}
	if _, err := r.Run(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[1].Bodies != 1000 || got[1].Rules != "imbot.yaml" || got[1].Incidents == 0 || !got[1].At.Before(got[1].Last) || !got[1].First.Before(got[0].At) {
		t.Errorf("progress %+v", got)
	}
}
