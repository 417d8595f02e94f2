package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxHeader bounds request headers: a bearer token of Teams has about 1 KB.
const maxHeader = 16 << 10

// How long a stop waits for requests, and after them for effects that run. With
// what it takes to close the store that is well within the 15 s after which
// whoever sent SIGTERM may lose patience.
const (
	stopRequests = 4 * time.Second
	stopEffects  = 8 * time.Second
)

// run serves until ctx ends, and then stops in order: no new requests, running
// effects to their end, the store last.
func (a *app) run(ctx context.Context) error {
	srv := &http.Server{
		Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	srv.RegisterOnShutdown(a.imports.stop)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	var background sync.WaitGroup
	each := func(pause time.Duration, what string, do func(context.Context) error) {
		background.Go(func() { a.every(work, pause, what, do) })
	}
	background.Go(func() { a.runner.Run(work) })
	background.Go(func() { a.topology.Run(work) })
	background.Go(func() { a.changes.Run(work) })
	background.Go(func() { a.runJira(work) })
	each(time.Hour, "prune", func(c context.Context) error { return errors.Join(a.store.Prune(c, a.now()), a.pruneChanges(c)) })
	each(standbyPause, "standby", a.refreshStandby)
	each(time.Hour, "reminders", a.remind)
	if a.reconciler != nil {
		each(a.cfg.PagerDuty.Reconcile.Std(), "reconcile", a.reconciler.Run)
	}
	g.Go(func() error {
		<-gctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopRequests)
		defer cancel()
		err := srv.Shutdown(stop)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		return err
	})
	err := g.Wait()
	stopWork()
	background.Wait()
	return errors.Join(err, a.close())
}

// every does something now and then, until ctx ends. Failures are logged when
// their text changes, so that an outage does not fill the log.
func (a *app) every(ctx context.Context, pause time.Duration, what string, do func(context.Context) error) {
	last := ""
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := do(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != last:
			last = err.Error()
			a.log.Error(what+" failed", "err", err)
		case err == nil && last != "":
			last = ""
			a.log.Info(what + " works again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// off lists what the configuration leaves off, in words.
func (a *app) off() []string {
	var out []string
	if a.cfg.Teams == nil {
		out = append(out, "teams: no section in the configuration; cards and answers are skipped")
	} else if !a.cfg.Teams.Rooms {
		out = append(out, "teams.rooms: not true; threads of cards serve as war rooms")
	}
	switch p := a.cfg.PagerDuty; {
	case p == nil:
		out = append(out, "pagerduty: no section in the configuration; /webhooks/pagerduty answers 404")
	case p.APIToken == "":
		out = append(out, "pagerduty.api_token: not set; nothing is told to PagerDuty, details are not fetched, lost webhooks are not made up for")
	}
	if len(a.cfg.API.Tokens) == 0 {
		out = append(out, "api.tokens: none; the REST API answers 401")
	}
	if a.cfg.Catalog == "" {
		out = append(out, "catalog: none; every service is unknown and goes to the default channel")
	}
	out = append(out, a.offPages()...)
	out = append(out, a.offTopology()...)
	out = append(out, a.offChanges()...)
	out = append(out, a.offJira()...)
	out = append(out, a.offConfluence()...)
	out = append(out, a.offMail()...)
	if a.cfg.DryRun {
		out = append(out, "dry_run: cards, replies and writes to PagerDuty are skipped")
	}
	return out
}

func (a *app) address() string {
	return strings.Replace(a.listener.Addr().String(), "[::]", "127.0.0.1", 1)
}
