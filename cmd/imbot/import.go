package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/store"
	"imbot/webhook"
)

const importUsage = `imbot import pagerduty: take over PagerDuty's resolved incidents of the past

example: imbot import pagerduty -since 1y -config imbot.yaml

Similar incidents, recurrences and auto-pause know the past then. Nobody is told: no card, no RCA, nothing in PagerDuty.
Levels are those of the present rules; incidents of private levels are the admins'. What is open is left to webhooks and
the reconciler, and what imbot knows already stays as it is. So it can be ended at any time, and goes on there when it is
started again. It makes as many requests as PagerDuty takes (960 a minute) but for a reserve that a running imbot needs;
two or three for each incident. While imbot runs, that does it, given an API token with role admin in the configuration.
The bodies that imbot rules test replays are kept as long as retention.raw says (100d): of older incidents there are none.

`

// importCall is one use of imbot import pagerduty.
type importCall struct {
	since, until string
	dry          bool
	cfg          *Config
	clock
}

// runImport brings the past in.
func runImport(ctx context.Context, args []string, out, errOut io.Writer) error {
	c := importCall{clock: clock{now: time.Now}}
	fs := verbFlags("import pagerduty", importUsage, errOut)
	path := fs.String("config", "", "configuration `file`")
	fs.StringVar(&c.since, "since", "1y", "how far back, as in 90d, 26w or 1y, or a `date` as in 2025-12-31: incidents that began then or later")
	fs.StringVar(&c.until, "until", "", "incidents that began before that, written as in -since (default: now)")
	fs.BoolVar(&c.dry, "dry-run", false, "count only, and change nothing")
	if err := parseVerb(fs, args, out); err != nil {
		return err
	}
	var err error
	if c.cfg, err = loadConfig(*path); err != nil {
		return err
	}
	return c.run(ctx, out)
}

func (c *importCall) run(ctx context.Context, out io.Writer) error {
	now := c.now()
	q := historyRequest{Until: now, DryRun: c.dry}
	var err error
	if q.Since, err = someTimeAgo(c.since, now, c.cfg.Location()); err != nil {
		return fmt.Errorf("%w: -since: %w", errUsage, err)
	}
	if c.until != "" {
		if q.Until, err = someTimeAgo(c.until, now, c.cfg.Location()); err != nil {
			return fmt.Errorf("%w: -until: %w", errUsage, err)
		}
	}
	if err := q.check(c.now()); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if p := c.cfg.PagerDuty; p == nil || p.APIToken == "" {
		return errNoPagerToken
	}
	fmt.Fprintf(out, "incidents of PagerDuty that began from %s to %s\n", day(q.Since), day(q.Until))
	say := &importTeller{out: out, now: c.now, dry: c.dry}
	p, err := c.bring(ctx, q, say.progress)
	return say.end(p, err)
}

var errNoPagerToken = errors.New("pagerduty.api_token is not set: make a REST API key in PagerDuty (Integrations, API Access Keys; read-only will do for this), and put it into the configuration")

// day writes a time for people.
func day(t time.Time) string { return t.Format("2006-01-02 15:04") }

// someTimeAgo reads a date, or a time so long before now.
func someTimeAgo(s string, now time.Time, loc *time.Location) (time.Time, error) {
	now = now.In(loc)
	if t, err := time.ParseInLocation(time.DateOnly, s, loc); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(loc), nil
	}
	if s != "" {
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 8)
		switch unit := s[len(s)-1]; {
		case err != nil:
		case unit == 'y':
			return now.AddDate(-int(n), 0, 0), nil
		case unit == 'w':
			return now.AddDate(0, 0, -7*int(n)), nil
		}
	}
	var d Duration
	if err := d.UnmarshalText([]byte(s)); err != nil || strings.TrimSpace(s) != s {
		return time.Time{}, fmt.Errorf("%.40q is no date and no span of time; write 2025-12-31, 90d, 26w or 1y", s)
	}
	return now.Add(-d.Std()), nil
}

// bring works on the store, or has the running imbot do it, which has the
// store's file locked.
func (c *importCall) bring(ctx context.Context, q historyRequest, report func(webhook.Progress)) (p webhook.Progress, err error) {
	s, err := store.Open(c.cfg.Store, store.Options{Now: c.now, KeyRetention: c.cfg.Retention.Keys.Std(), RawRetention: c.cfg.Retention.Raw.Std()})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return importByRunning(ctx, c.cfg, q, report)
	}
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	cat, err := loadCatalog(c.cfg, nil)
	if err != nil {
		return p, err
	}
	pd := c.cfg.PagerDuty
	pager, err := pagerduty.New(pagerduty.Config{Token: pd.APIToken.Reveal(), BaseURL: pd.URL, From: pd.From, Now: c.now})
	if err != nil {
		return p, err
	}
	service := &incident.Service{Store: s, Now: c.now, Catalog: func() incident.Catalog { return cat }, Linking: c.cfg.Linking()}
	// What is skipped is told at the end.
	m := newImporter(c.cfg, pager, s, service, slog.New(slog.DiscardHandler), c.clock)
	m.Report = report
	return m.Run(ctx, q.Since, q.Until, q.DryRun)
}

// newImporter makes an importer that leaves the reserve of PagerDuty's limit to
// others with the same client.
func newImporter(cfg *Config, pager *pagerduty.Client, s incident.Store, service *incident.Service, log *slog.Logger, c clock) *webhook.Importer {
	return &webhook.Importer{
		API: pager.Background(), Store: s, Service: service, Details: effects.AlertDetails,
		Raw: cmp.Or(cfg.Retention.Raw.Std(), 100*24*time.Hour), Now: c.now, Sleep: c.sleep, Logger: log,
	}
}

// importTeller writes how far an import is, every few seconds.
type importTeller struct {
	out  io.Writer
	now  func() time.Time
	dry  bool
	last time.Time
}

// tellEvery is the time between two lines.
const tellEvery = 2 * time.Second

func (t *importTeller) progress(p webhook.Progress) {
	if now := t.now(); now.Sub(t.last) >= tellEvery {
		t.last = now
		fmt.Fprintln(t.out, t.line(p))
	}
}

func (t *importTeller) line(p webhook.Progress) string {
	of := ""
	if p.Total > 0 {
		of = fmt.Sprintf(" of %d", max(p.Total, p.Done))
	}
	verb := "taken over"
	if t.dry {
		verb = "to take over"
	}
	s := fmt.Sprintf("%d%s: %d %s, %d known already, %d not over", p.Done, of, p.Imported, verb, p.Known, p.Open)
	if n := len(p.Skipped); n > 0 {
		s += fmt.Sprintf(", %d left out", n)
	}
	if p.Left > 0 {
		s += fmt.Sprintf("; about %s left", p.Left.Round(time.Second))
	}
	return s
}

// end writes the outcome. Its error is that of the command.
func (t *importTeller) end(p webhook.Progress, err error) error {
	for _, s := range p.Skipped {
		fmt.Fprintf(t.out, "left out: %s: %s\n", s.ID, s.Why)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("stopped at %s; start it again, and it goes on there", t.line(p))
	case err != nil && p.Done == 0:
		return err
	case err != nil:
		return fmt.Errorf("stopped at %s: %w; start it again, and it goes on there", t.line(p), err)
	}
	p.Total, p.Left = p.Done, 0
	fmt.Fprintln(t.out, "done: "+t.line(p))
	if p.Open > 0 {
		fmt.Fprintln(t.out, "What is not over comes by the next webhook about it, or by the reconciler if it began lately.")
	}
	return nil
}
