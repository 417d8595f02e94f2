package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/store"
	"imbot/webhook"
)

// jiraDriftPath is where the command line asks a running imbot for the drift
// report (GET), or has it compare now (POST).
const jiraDriftPath = "/api/v1/jira/drift"

// driftReport is the answer: Report is nil where nothing was compared yet.
type driftReport struct {
	Report *webhook.JiraReport `json:"report"`
}

// maxCompare is how long a comparison may take that somebody waits for.
const maxCompare = 5 * time.Minute

func (a *app) serveDrift(w http.ResponseWriter, r *http.Request) {
	if status, text := a.localAdmin(r); status != http.StatusOK {
		answerText(w, status, text)
		return
	}
	var out driftReport
	if r.Method == http.MethodPost {
		if a.tickets.client == nil || a.cfg.DryRun {
			answerText(w, http.StatusConflict, "jira is off")
			return
		}
		// A recorder in a test has no deadlines.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxCompare))
		report, err := a.compareJira(r.Context())
		if err != nil {
			answerText(w, http.StatusBadGateway, err.Error())
			return
		}
		out.Report = &report
	} else {
		report, ok, err := webhook.LastJiraReport(r.Context(), a.store)
		if err != nil {
			a.log.Error("jira: drift report not read", "err", err)
			answerText(w, http.StatusInternalServerError, "the report could not be read; see imbot's log")
			return
		}
		if ok {
			out.Report = &report
		}
	}
	answerJSON(w, http.StatusOK, out)
}

const driftUsage = `imbot jira drift: print what was not in Jira as it is here, and what was done about it

example: imbot jira drift -config imbot.yaml

`

// runJiraCommand is the subcommand jira.
func runJiraCommand(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := verbFlags("jira drift", driftUsage, errOut)
	path := fs.String("config", "", "configuration `file`")
	asJSON := fs.Bool("json", false, "print JSON")
	now := fs.Bool("now", false, "have the running imbot compare now, instead of printing what the last comparison found")
	if err := parseVerb(fs, args, out); err != nil {
		return err
	}
	cfg, err := loadConfig(*path)
	if err != nil {
		return err
	}
	report, err := driftOf(ctx, cfg, *now)
	if err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return printDrift(out, report.Report)
}

// driftOf reads the store, or asks the running imbot, which has the store's file
// locked.
func driftOf(ctx context.Context, cfg *Config, now bool) (driftReport, error) {
	var out driftReport
	if path, ok := strings.CutPrefix(cfg.Store, "bolt:"); ok {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return out, fmt.Errorf("there is no store at %s: imbot has not run yet", path)
		}
	}
	s, err := store.Open(cfg.Store, store.Options{Now: time.Now})
	if errors.Is(err, bolterrors.ErrTimeout) || err == nil && now {
		if err == nil {
			if err := s.Close(); err != nil {
				return out, err
			}
		}
		r, err := runningImbot(cfg)
		if err != nil {
			return out, err
		}
		method, limit := http.MethodGet, remoteLimit
		if now {
			method, limit = http.MethodPost, maxCompare
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		err = r.ask(ctx, method, jiraDriftPath, nil, &out)
		return out, err
	}
	if err != nil {
		return out, err
	}
	report, ok, err := webhook.LastJiraReport(ctx, s)
	if ok {
		out.Report = &report
	}
	return out, errors.Join(err, s.Close())
}

func printDrift(out io.Writer, r *webhook.JiraReport) error {
	if r == nil {
		_, err := fmt.Fprintln(out, "Nothing was compared with Jira yet: imbot does that when it starts, and every night.")
		return err
	}
	_, err := fmt.Fprintf(out, "Compared at %s: %d tickets with %d issues in Jira, %d differences.\n",
		r.At.Format("2006-01-02 15:04 MST"), r.Tickets, r.Issues, len(r.Drifts)+r.More+r.Private)
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range r.Drifts {
		about := "RCA"
		if d.N > 0 {
			about = fmt.Sprintf("action %d", d.N)
		}
		if d.What == webhook.DriftCopy {
			about = "copy"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s %s\t%s\n", d.Incident, about, d.Key, d.What, strings.Join(d.Fields, ", "), d.Did)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if r.More > 0 {
		_, err = fmt.Fprintf(out, "… and %d more\n", r.More)
	}
	if r.Private > 0 && err == nil {
		_, err = fmt.Fprintf(out, "… and %d of private incidents\n", r.Private)
	}
	return err
}
