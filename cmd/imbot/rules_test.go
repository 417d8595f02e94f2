package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imbot/backtest"
	"imbot/incident"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// rules runs imbot rules.
func (f folder) rules(code int, args string, says ...string) string {
	f.t.Helper()
	return f.run(f.t.Context(), code, "rules "+args, says...)
}

// TestRulesTest: what the running imbot has decided is what rules test says, and
// what another configuration would make of it; the same when it is stopped. The
// store stays as it is, and nothing is left behind.
func TestRulesTest(t *testing.T) {
	r := newRig(t, "")
	dir := filepath.Dir(r.app.cfg.Path)
	f := folder{t, dir}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	conf, err := os.ReadFile(r.app.cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	f.write("running.yaml", strings.Replace(string(conf), `"127.0.0.1:0"`, fmt.Sprintf("%q", r.app.address()), 1))
	f.write("other.yaml", string(conf)+`
correlation: {grace: 1m}
rules:
  - {name: reachable, level: service-down, match: {condition: [unreachable]}}
  - {name: errors, level: high-error-rate, match: {title_words: [error rate]}}
`)
	r.incidents()
	want := r.decided()

	running := f.rules(exitDone, "test -json -config ./running.yaml")
	r.wantRows(running, want)
	f.rules(exitDone, "test -config ./running.yaml", "5 alerts -> 3 incidents shown; 1 duplicate, 1 consequence, 0 quiet; 1 room, 0 major", "People have corrected 1 decision", "levels")
	if err := r.app.close(); err != nil {
		t.Fatal(err)
	}
	before := f.sum("imbot.db")
	if stopped := f.rules(exitDone, "test -json -config ./running.yaml"); stopped != running {
		t.Errorf("imbot that is stopped:\n%s\nthat runs:\n%s", stopped, running)
	}
	both := f.rules(exitDone, "test -config ./imbot.yaml -against ./other.yaml",
		`level: service-down by "is down" -> other by no rule`, `level: other by no rule -> service-down by "reachable"`, "difference", "room:  none -> opens", "would not be the same")
	if again := f.rules(exitDone, "test -config ./imbot.yaml -against ./other.yaml"); again != both {
		t.Error("the same log twice differs")
	}
	f.rules(exitDone, "test -config ./imbot.yaml -since 1s", "1 alert -> 1 incident shown")
	if after := f.sum("imbot.db"); after != before {
		t.Error("the store is not as it was")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left in the temporary folder: %v %v", left, err)
	}
}

// incidents are a database that is down, what suffers from it, the same again,
// one whose details decide nothing yet, and one that is a person's business.
func (r *rig) incidents() {
	trigger := func(id, service, title, details string) {
		spec := pagerdutysim.Spec{ID: id, Title: title, Service: service, Assignee: "PBUDI"}
		if details != "" {
			spec.Alert.Details = json.RawMessage(details)
		}
		r.pd.Trigger(spec)
		r.settle(20 * time.Second)
		r.advance(20 * time.Second)
	}
	trigger("QDB", "PSVC02", "Payments DB is down", "")
	trigger("QDB2", "PSVC02", "Payments DB is down", "")
	trigger("QERR", "PSVC01", "Checkout error rate", "")
	for _, id := range []string{"QDB2", "QERR", "QDB"} {
		must(r.t, r.pd.Resolve(id, "PBUDI"))
	}
	r.settle(time.Minute)
	r.advance(3 * time.Hour)
	trigger("QODD", "PSVC02", "Something is odd", `{"condition_name": "db_unreachable"}`)
	r.advance(3 * time.Hour)
	trigger("QLAST", "PSVC01", "Certificate expires", "")
	_, err := r.app.service.Do(r.t.Context(), incident.Command{
		Verb: incident.SetLevel, Incident: r.number("QODD"), Actor: incident.Actor{Kind: incident.KindUser, ID: "ani@example.com"}, Role: incident.RoleAdmin,
		Source: incident.SourceTeams, Args: incident.Args{Level: incident.ServiceDown, Reason: "it was"},
	})
	must(r.t, err)
	r.settle(time.Minute)
}

func (r *rig) number(ref string) (id incident.ID) {
	r.t.Helper()
	must(r.t, r.app.store.View(r.t.Context(), func(tx incident.Tx) error {
		v, err := tx.Key(incident.Ref{System: incident.SourcePagerDuty, ID: ref}.Key(), true)
		if err == nil {
			id, err = incident.ParseID(v)
		}
		return err
	}))
	return id
}

// decided is the live imbot's word on each incident, by the pager's id. What a
// person has said about a level is not among it.
func (r *rig) decided() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for _, ref := range []string{"QDB", "QDB2", "QERR", "QODD", "QLAST"} {
		must(r.t, r.app.store.View(r.t.Context(), func(tx incident.Tx) error {
			inc, err := tx.Incident(r.number(ref))
			if err != nil {
				return err
			}
			level := inc.Level
			if !inc.LevelBy.IsZero() {
				level = incident.Other
			}
			out[ref] = fmt.Sprintf("%s %s %s", inc.ID, level, inc.Title)
			if inc.Link != nil {
				out[ref] += fmt.Sprintf(" %s of %s by %s", inc.Link.Kind, inc.Link.Parent, inc.Link.Rule)
			}
			return nil
		}))
	}
	return out
}

func (r *rig) wantRows(text string, want map[string]string) {
	r.t.Helper()
	var report backtest.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		r.t.Fatalf("%v in\n%s", err, text)
	}
	if len(report.Outcomes) != 1 || len(report.Outcomes[0].Rows) != len(want) {
		r.t.Fatalf("the report is not of %d incidents:\n%s", len(want), text)
	}
	for _, row := range report.Outcomes[0].Rows {
		got := fmt.Sprintf("%s %s %s", row.ID, row.Level, row.Title)
		if row.Link != nil {
			got += fmt.Sprintf(" %s of %s by %s", row.Link.Kind, row.Link.Parent, row.Link.Rule)
		}
		if got != want[row.Ref] {
			r.t.Errorf("%s: %s, want %s", row.Ref, got, want[row.Ref])
		}
	}
}

func (f folder) sum(name string) [32]byte {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.path, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func TestRulesTestUsage(t *testing.T) {
	f := newFolder(t, "")
	f.write("regex.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\nrules:\n  - {name: odd, level: other, match: {title_regex: \"(\"}}\n")
	f.write("level.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\nrules:\n  - {name: odd, level: service-dwon, match: {title_words: [down]}}\n")
	f.write("nocat.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\ncatalog: odd-catalog.yaml\n")
	f.write("odd-catalog.yaml", "squads: []\nservices:\n  - {kee: checkout}\n")
	f.write("kind.yaml", "listen: \"127.0.0.1:0\"\nstore: bolt:imbot.db\nlevles: []\n")
	for _, tt := range []struct {
		code int
		args string
		says []string
	}{
		{exitUsage, "", []string{"say imbot rules test", "example"}},
		{exitUsage, "tset", []string{"say imbot rules test"}},
		{exitDone, "-h", []string{"imbot rules test -config imbot.yaml -against new.yaml"}},
		{exitUsage, "test", []string{"-config FILE is missing"}},
		{exitUsage, "test -config ./imbot.yaml more", []string{"1 arguments"}},
		{exitUsage, "test -config ./nowhere.yaml", []string{"there is no configuration file"}},
		{exitUsage, "test -config ./imbot.yaml -against ./nowhere.yaml", []string{"there is no configuration file"}},
		{exitUsage, "test -config ./imbot.yaml -since soon", []string{"-since"}},
		{exitUsage, "test -config ./imbot.yaml -since 0s", []string{"above 0"}},
		{exitUsage, "test -config ./regex.yaml", []string{"regex.yaml:4", "no regular expression"}},
		{exitUsage, "test -config ./imbot.yaml -against ./level.yaml", []string{"level.yaml:4", "service-dwon"}},
		{exitUsage, "test -config ./nocat.yaml", []string{"odd-catalog.yaml:3", "kee"}},
		{exitUsage, "test -config ./kind.yaml", []string{"kind.yaml:3", "levels"}},
		{exitFailed, "test -config ./imbot.yaml", []string{"there is no store", "nothing to replay"}},
	} {
		f.rules(tt.code, tt.args, tt.says...)
	}
	if left, err := filepath.Glob(filepath.Join(f.path, "*.db*")); err != nil || len(left) != 0 {
		t.Errorf("written: %v %v", left, err)
	}
	f.write("imbot.db", "this is no store")
	f.rules(exitFailed, "test -config ./imbot.yaml", "imbot.db")
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"rules", "test", "-h"}, &out, &errOut); code != exitDone || !strings.Contains(errOut.String(), "examples:") {
		t.Errorf("test -h: code %d\n%s", code, errOut.String())
	}
}
