package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
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
		return runningTopology(cfg)
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
type remoteTopology struct {
	url, token string
	http       *http.Client
}

func runningTopology(cfg *Config) (topologyDoor, error) { return runningImbot(cfg, topologyPath) }

// runningImbot leads to a path of the running imbot.
func runningImbot(cfg *Config, path string) (*remoteTopology, error) {
	i := slices.IndexFunc(cfg.API.Tokens, func(t APIToken) bool { return t.Role == "admin" })
	if i < 0 {
		return nil, errors.New("the store is in use: add an API token with role admin to the configuration, so that the running imbot can be asked; or stop it for this")
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		host = "127.0.0.1"
	}
	return &remoteTopology{
		url: "http://" + net.JoinHostPort(host, port) + path, token: cfg.API.Tokens[i].Token.Reveal(),
		http: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

func (d *remoteTopology) report(ctx context.Context, service string) (topologyReport, error) {
	var r topologyReport
	query := ""
	if service != "" {
		query = "?" + url.Values{"service": {service}}.Encode()
	}
	return r, d.ask(ctx, http.MethodGet, query, nil, &r)
}

func (d *remoteTopology) change(ctx context.Context, q importRequest) (importResult, error) {
	var r importResult
	body, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	return r, d.ask(ctx, http.MethodPost, "", body, &r)
}

func (d *remoteTopology) close() error { return nil }

func (d *remoteTopology) ask(ctx context.Context, method, query string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.url+query, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	resp, err := d.http.Do(req)
	if err != nil {
		return fmt.Errorf("the store is in use, and no imbot answers at %s: %w; if it listens on another address, stop it for this", req.URL.Host, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxTopologyReport+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer of the running imbot: %w", err)
	case len(data) > maxTopologyReport:
		return errors.New("the answer of the running imbot is too long")
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusUnprocessableEntity:
		if err := json.Unmarshal(data, into); err != nil {
			return fmt.Errorf("the running imbot's answer is not understood (is it of another version?): %w", err)
		}
		return nil
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("what answers at %s is no imbot of this version: restart it", req.URL.Host)
	}
	return fmt.Errorf("the running imbot refuses: %s (%s)", strings.TrimSpace(string(data[:min(len(data), 300)])), resp.Status)
}
