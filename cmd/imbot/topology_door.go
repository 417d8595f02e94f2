package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"imbot/store"
	"imbot/topology"
)

// topologyDoor leads the command line to what is remembered of who calls whom.
type topologyDoor interface {
	report(ctx context.Context, service string) (topologyReport, error)
	change(ctx context.Context, q importRequest) (importResult, error)
	close() error
}

// openTopology opens the store, or asks the running imbot, which has the store's
// file locked. create tells whether a store may be made where there is none.
func openTopology(ctx context.Context, cfg *Config, create bool) (topologyDoor, error) {
	if path, ok := strings.CutPrefix(cfg.Store, "bolt:"); ok && !create {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no store at %s: imbot has not run yet; start it with imbot serve, or import calls from a file", path)
		}
	}
	s, err := store.Open(cfg.Store, store.Options{Now: time.Now})
	if errors.Is(err, bolterrors.ErrTimeout) {
		d, err := runningImbot(cfg)
		return remoteTopology{d}, err
	}
	if err != nil {
		return nil, err
	}
	cat, err := loadCatalog(cfg, nil)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	services := graphServices(cat)
	feeds, err := feedsOf(cfg)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	d := &storedTopology{store: s, services: services, clock: clock{now: time.Now}}
	d.keeper = newTopology(cfg, s, func() []topology.Service { return services }, feeds, d.clock, slog.New(slog.DiscardHandler))
	if err := d.keeper.Rebuild(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return d, nil
}

// storedTopology is the store itself, while no imbot runs.
type storedTopology struct {
	clock
	store    store.Store
	services []topology.Service
	keeper   *topology.Keeper
}

func (d *storedTopology) report(_ context.Context, service string) (topologyReport, error) {
	return reportTopology(d.keeper, d.services, service, d.now()), nil
}

func (d *storedTopology) change(ctx context.Context, q importRequest) (importResult, error) {
	return q.change(ctx, d.keeper, d.services, d.clock)
}

func (d *storedTopology) close() error { return d.store.Close() }

// remoteTopology is a running imbot on this machine.
type remoteTopology struct{ *running }

// remoteLimit is how long an answer of it is waited for.
const remoteLimit = time.Minute

func (d remoteTopology) report(ctx context.Context, service string) (r topologyReport, err error) {
	ctx, cancel := context.WithTimeout(ctx, remoteLimit)
	defer cancel()
	err = d.ask(ctx, http.MethodGet, topologyPath+"?"+url.Values{"service": {service}}.Encode(), nil, &r)
	return r, err
}

func (d remoteTopology) change(ctx context.Context, q importRequest) (r importResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, remoteLimit)
	defer cancel()
	err = d.ask(ctx, http.MethodPost, topologyPath, q, &r)
	return r, err
}

func (remoteTopology) close() error { return nil }
