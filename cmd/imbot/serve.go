package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// configFlag reads -config and loads it.
func configFlag(name string, args []string, errOut io.Writer, want int) (*Config, []string, error) {
	fs := flags(name, errOut)
	path := fs.String("config", "", "configuration `file`")
	if err := parse(fs, args, want); err != nil {
		return nil, nil, err
	}
	cfg, err := loadConfig(*path)
	return cfg, fs.Args(), err
}

func loadConfig(path string) (*Config, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: -config FILE is missing; to look around without one, run: imbot demo", errUsage)
	}
	cfg, err := LoadConfig(path, os.Getenv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return cfg, err
}

func runServe(ctx context.Context, args []string, _, errOut io.Writer) error {
	cfg, _, err := configFlag("serve", args, errOut, 0)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(errOut, nil))
	a, err := newApp(cfg, log, clock{})
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings() {
		log.Warn("configuration", "warning", w)
	}
	for _, o := range a.off() {
		log.Info("off", "what", o)
	}
	log.Info("imbot serves", "version", version, "address", a.address())
	stop := a.reloadOnHangup(ctx)
	defer stop()
	err = a.run(ctx)
	log.Info("imbot has stopped")
	return err
}

// reloadOnHangup reads again on SIGHUP what reload takes over: all or nothing.
func (a *app) reloadOnHangup(ctx context.Context) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hup {
			if err := a.reload(ctx); err != nil {
				a.log.Error("reload refused, all stays as it was", "err", err)
				continue
			}
			a.log.Info("catalog, levels, rules and notices reloaded")
		}
	}()
	return func() {
		signal.Stop(hup)
		close(hup)
		<-done
	}
}

// reload takes over what may change while running: levels, rules, notices, the
// catalog, hooks, reminders, and the token of standby tools. The rest of the
// configuration needs a restart.
func (a *app) reload(ctx context.Context) error {
	fresh, err := LoadConfig(a.cfg.Path, os.Getenv)
	if err != nil {
		return err
	}
	if err := a.loadCatalogOf(ctx, fresh); err != nil {
		return err
	}
	a.live.Store(fresh)
	return nil
}
