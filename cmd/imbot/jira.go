package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/jira"
	"imbot/outbox"
	"imbot/webhook"
)

// ticketing is what imbot has of Jira. The zero value is off.
type ticketing struct {
	client     *jira.Client // nil: the jira section is absent
	hook       *webhook.Jira
	reconciler *webhook.JiraReconciler
	self       atomic.Pointer[string] // the account that imbot uses; nil: not known yet
}

// maxTickets bounds how many issues the nightly search reads.
const maxTickets = 50_000

func newJira(j *JiraConfig, c clock) (*jira.Client, error) {
	client, err := jira.New(jira.Config{
		URL: j.URL, Email: j.Email, APIToken: j.APIToken.Reveal(), PersonalToken: j.PersonalToken.Reveal(),
		Project: j.Project, MaxIssues: maxTickets, Timeout: c.timeouts["jira"], Now: c.now,
	})
	if err != nil {
		return nil, fmt.Errorf("jira: %w", err)
	}
	return client, nil
}

func (a *app) wireJira() error {
	j := a.cfg.Jira
	if j == nil {
		return nil
	}
	t := &a.tickets
	var err error
	if t.client, err = newJira(j, a.clock); err != nil {
		return err
	}
	t.hook = &webhook.Jira{
		Secrets: j.secrets(), Label: j.Label, Store: a.store, Service: a.opener(), Now: a.now, Logger: a.log,
		Self: func() string {
			if s := t.self.Load(); s != nil {
				return *s
			}
			return ""
		},
	}
	t.reconciler = &webhook.JiraReconciler{
		API: t.client, Store: a.store, Service: a.opener(), Label: j.Label, PrivateProject: j.PrivateProject,
		Fields: effects.TicketFieldsOf, Now: a.now, Logger: a.log,
	}
	a.metrics.MustRegister(&jiraCollector{t})
	return nil
}

// jiraHandlers adds what carries out the effects in Jira.
func (a *app) jiraHandlers(h map[string]outbox.Handler) {
	kinds := []string{incident.KindTicket, incident.KindTask, incident.KindTaskSync}
	off := "jira off"
	j := a.cfg.Jira
	if j != nil {
		off = "dry run"
	}
	for _, k := range kinds {
		h[k] = effects.Off(off)
	}
	if j == nil || a.cfg.DryRun {
		return
	}
	t := &effects.Tickets{
		API: a.tickets.client, Service: a.service, View: a.reader, Now: a.now,
		Config: effects.TicketConfig{
			Label: j.Label, Project: j.Project, PrivateProject: j.PrivateProject, Type: j.Type, PostmortemType: j.PostmortemType,
			Labels: j.Labels, Priorities: j.Priorities, Fields: j.Fields, PostmortemDue: j.Due.Postmortem.Std(), ActionDue: j.Due.Action.Std(),
			Language: a.cfg.Language, Location: a.cfg.Location(),
		},
		Project: func(squad string) string { return a.catalog.Get().JiraProject(squad) },
		Account: func(mail string) string {
			p, _ := a.catalog.Get().PersonByMail(mail)
			return p.JiraAccount
		},
	}
	h[incident.KindTicket], h[incident.KindTask], h[incident.KindTaskSync] = t.Postmortem, t.Task, t.Sync
}

func (a *app) jiraRoutes(mux *http.ServeMux) {
	if a.tickets.hook != nil {
		mux.Handle("POST /webhooks/jira", a.tickets.hook)
	}
	mux.HandleFunc("GET "+jiraDriftPath, a.serveDrift)
	mux.HandleFunc("POST "+jiraDriftPath, a.serveDrift)
}

// offJira says in words that Jira is off.
func (a *app) offJira() []string {
	if a.cfg.Jira == nil {
		return []string{"jira: no section in the configuration; tickets are skipped, /webhooks/jira answers 404"}
	}
	return nil
}

const (
	// jiraRecent is how long after a comparison a start makes none: what is
	// restarted again and again must not search all the time.
	jiraRecent = time.Hour
	// jiraRetry is the pause after a comparison that failed.
	jiraRetry = 15 * time.Minute
	// jiraNight is the first hour of the night's comparison, and jiraSpread over
	// how many hours it is spread: not all who use one Jira come at once.
	jiraNight, jiraSpread = 1, 4
)

// runJira compares once after a start, for webhooks may have been lost, and then
// every night. It ends with ctx.
func (a *app) runJira(ctx context.Context) {
	t := &a.tickets
	if t.client == nil || a.cfg.DryRun {
		return
	}
	night, err := cron.ParseStandard(fmt.Sprintf("CRON_TZ=%s %d %d * * *", a.cfg.Location(), rand.IntN(60), jiraNight+rand.IntN(jiraSpread)))
	if err != nil {
		a.log.Error("jira: no nightly comparison", "err", err)
		return
	}
	next := a.now()
	if last, ok, err := webhook.LastJiraReport(ctx, a.store); err == nil && ok {
		next = last.At.Add(jiraRecent)
	}
	for a.waitUntil(ctx, next) {
		err := t.learn(ctx)
		if err == nil {
			_, err = a.compareJira(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("jira: comparison failed", "err", err)
			next = a.now().Add(jiraRetry)
		default:
			next = night.Next(a.now())
		}
	}
}

// learn finds out which account imbot uses, by which its own changes are known.
func (t *ticketing) learn(ctx context.Context) error {
	if t.self.Load() != nil {
		return nil
	}
	me, err := t.client.Myself(ctx)
	if err == nil {
		ref := me.Ref()
		t.self.Store(&ref)
	}
	return err
}

func (a *app) compareJira(ctx context.Context) (webhook.JiraReport, error) {
	report, err := a.tickets.reconciler.Run(ctx)
	if err == nil {
		a.log.Info("jira: compared", "tickets", report.Tickets, "issues", report.Issues, "drifts", len(report.Drifts)+report.More+report.Private)
	}
	return report, err
}

// waitUntil waits, and reports false if ctx ends before.
func (a *app) waitUntil(ctx context.Context, at time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(max(0, at.Sub(a.now())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var (
	descJiraHooks = prometheus.NewDesc("imbot_jira_webhooks_total", "Jira webhooks by outcome; foreign: about no ticket of imbot's, or nothing that it follows; own: changes that imbot itself made.", []string{"outcome"}, nil)
	descJiraDrift = prometheus.NewDesc("imbot_jira_drift_total", "What a comparison found different from Jira, by kind.", []string{"what"}, nil)
)

// jiraCollector reads the counters where they are, when asked.
type jiraCollector struct{ t *ticketing }

// Describe implements prometheus.Collector.
func (c *jiraCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descJiraHooks
	ch <- descJiraDrift
}

// Collect implements prometheus.Collector.
func (c *jiraCollector) Collect(ch chan<- prometheus.Metric) {
	h := c.t.hook
	for outcome, n := range map[string]int64{
		"accepted": h.Accepted.Load(), "kept": h.Kept.Load(), "foreign": h.Foreign.Load(), "own": h.Own.Load(),
		"refused": h.Refused.Load(), "busy": h.Busy.Load(), "failed": h.Failed.Load(),
	} {
		ch <- prometheus.MustNewConstMetric(descJiraHooks, prometheus.CounterValue, float64(n), outcome)
	}
	found := c.t.reconciler.Counts()
	for _, what := range webhook.DriftKinds {
		ch <- prometheus.MustNewConstMetric(descJiraDrift, prometheus.CounterValue, float64(found[what]), what)
	}
}
