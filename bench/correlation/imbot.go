package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"imbot/catalog"
	"imbot/effects"
	"imbot/incident"
	"imbot/integrations/pagerduty"
	"imbot/outbox"
	"imbot/store/boltstore"
	"imbot/webhook"
)

// imbot is the part of imbot that decides, behind its real endpoint, on a store
// of its own, at the clock of a world.
type imbot struct {
	w       *world
	dir     string
	store   *boltstore.Store
	service *incident.Service
	server  *http.Server
	url     string
	client  *http.Client
	now     atomic.Int64      // since epoch, in nanoseconds
	details map[string]*alert // by the pager's id
	ran     map[string]int    // effects that were run, by kind
	done    chan error        // of the server
}

var quiet = slog.New(slog.DiscardHandler)

// openImbot starts one for a world.
func openImbot(w *world, linking incident.Linking) (*imbot, error) {
	dir, err := os.MkdirTemp("", "imbot-correlation-")
	if err != nil {
		return nil, err
	}
	im := &imbot{w: w, dir: dir, details: map[string]*alert{}, ran: map[string]int{}, done: make(chan error, 1)}
	for i := range w.alerts {
		im.details[w.alerts[i].id] = &w.alerts[i]
	}
	cat, err := catalogOf(w)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	im.store, err = boltstore.Open(filepath.Join(dir, "imbot.db"), boltstore.Options{Now: im.clock, NoSync: true, Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	im.service = &incident.Service{
		Store: im.store, Now: im.clock, Details: true, Linking: linking,
		Catalog:  func() incident.Catalog { return cat },
		Topology: func() incident.Topology { return w.memory },
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, im.store.Close(), os.RemoveAll(dir))
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/pagerduty", &webhook.PagerDuty{Secrets: []string{secret}, Service: im.service, Now: im.clock, Logger: quiet})
	im.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	im.url = "http://" + l.Addr().String() + "/webhooks/pagerduty"
	im.client = &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	go func() { im.done <- im.server.Serve(l) }()
	return im, nil
}

// clock is the world's.
func (im *imbot) clock() time.Time { return epoch.Add(time.Duration(im.now.Load())) }

func (im *imbot) close() error {
	im.client.CloseIdleConnections()
	err := im.server.Close()
	if serr := <-im.done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return errors.Join(err, im.store.Close(), os.RemoveAll(im.dir))
}

// catalogOf has the services of a world, but those that nobody entered.
func catalogOf(w *world) (*catalog.Catalog, error) {
	f := &catalog.File{}
	squads := map[int]bool{}
	for s, name := range w.net.names {
		if d := w.net.domain[s]; !squads[d] {
			squads[d] = true
			f.Squads = append(f.Squads, catalog.Squad{Key: fmt.Sprintf("squad%03d", d), Name: fmt.Sprintf("Squad %03d", d)})
		}
		if w.unmapped[s] {
			continue
		}
		f.Services = append(f.Services, catalog.Service{
			Key: name, Name: name, Squad: fmt.Sprintf("squad%03d", w.net.domain[s]), Tier: 1 + w.net.layer[s]%3, PagerDutyID: pagerService(s),
		})
	}
	return catalog.New(f, catalog.Settings{}, nil)
}

// run delivers a log, lets all that was put off come due, and reads back what
// was decided.
func (im *imbot) run(ctx context.Context, log []delivery) ([]link, error) {
	for i := range log {
		if err := im.advance(ctx, log[i].arrival); err != nil {
			return nil, err
		}
		if err := im.send(ctx, &log[i]); err != nil {
			return nil, fmt.Errorf("%s: webhook %d: %w", im.w.name, i, err)
		}
	}
	if err := im.advance(ctx, settled(im.w)); err != nil {
		return nil, err
	}
	return im.links(ctx)
}

// settled is when all orders of a log have arrived, and all that was put off is
// long due.
func settled(w *world) time.Duration {
	last := w.params.length
	for _, d := range happened(w) {
		last = max(last, d.at)
	}
	return last + 36*time.Hour
}

func (im *imbot) send(ctx context.Context, d *delivery) error {
	body, h := im.w.webhook(d)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, im.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = h
	resp, err := im.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

// advance moves the clock to a time, and runs what comes due until then, when it
// does.
func (im *imbot) advance(ctx context.Context, to time.Duration) error {
	for {
		b, err := im.store.Backlog(ctx)
		if err != nil {
			return err
		}
		next := b.Next.Sub(epoch)
		if b.Next.IsZero() || next > to {
			break
		}
		im.now.Store(max(im.now.Load(), int64(next)))
		jobs, err := im.store.Lease(ctx, im.clock(), im.clock().Add(time.Minute), 100)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if err := im.runEffect(ctx, job); err != nil {
				return fmt.Errorf("%s: %s: %w", im.w.name, job.Key, err)
			}
		}
	}
	im.now.Store(max(im.now.Load(), int64(to)))
	return nil
}

// runEffect carries out the effects that come back to the rules; nobody looks at
// the others here.
func (im *imbot) runEffect(ctx context.Context, job outbox.Job) error {
	im.ran[job.Kind]++
	var err error
	switch job.Kind {
	case incident.KindDetails:
		err = im.enrich(ctx, job)
	case incident.KindRelink:
		_, err = im.service.Do(ctx, incident.Command{Verb: incident.Relink, Incident: job.Incident, Actor: incident.System})
	}
	if err != nil {
		return err
	}
	return im.store.Finish(ctx, job, outbox.Outcome{State: incident.EffectDone, At: im.clock()})
}

// enrich is the second look, at what the pager tells of an alert, as the effect
// brings it.
func (im *imbot) enrich(ctx context.Context, job outbox.Job) error {
	inc, err := im.incident(ctx, job.Incident)
	if err != nil {
		return err
	}
	ref, _ := inc.AlertRef()
	a := im.details[ref.ID]
	if a == nil || a.details == nil {
		return nil
	}
	_, err = im.service.Do(ctx, incident.Command{
		Verb: incident.Enrich, Incident: job.Incident, Source: incident.SourcePagerDuty,
		Actor: incident.Actor{Kind: incident.KindVendor, ID: incident.SourcePagerDuty, Name: "PagerDuty"},
		Keys:  []string{"pagerduty/enrich/" + ref.ID},
		Args: incident.Args{Alert: effects.AlertDetails([]pagerduty.Alert{{
			ID: "A" + a.id, Key: a.key, Summary: a.title, Status: "triggered", Severity: "critical", CreatedAt: epoch.Add(a.at),
			Client: a.client, Link: a.link, Details: a.details,
		}})},
	})
	return err
}

func (im *imbot) incident(ctx context.Context, id incident.ID) (inc *incident.Incident, err error) {
	err = im.store.View(ctx, func(tx incident.Tx) error {
		inc, err = tx.Incident(id)
		return err
	})
	return inc, err
}

// links reads back what was decided, by number of the alert.
func (im *imbot) links(ctx context.Context) ([]link, error) {
	number := map[string]int{}
	for i, a := range im.w.alerts {
		number[a.id] = i
	}
	incidents := map[incident.ID]*incident.Incident{}
	err := im.store.View(ctx, func(tx incident.Tx) error {
		clear(incidents)
		var ids []incident.ID
		if err := tx.Rows(incident.Cursor{}, false, func(r incident.Row) bool {
			ids = append(ids, r.ID)
			return true
		}); err != nil {
			return err
		}
		for _, id := range ids {
			inc, err := tx.Incident(id)
			if err != nil {
				return err
			}
			incidents[id] = inc
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]link, len(im.w.alerts))
	seen := 0
	for _, inc := range incidents {
		ref, ok := inc.AlertRef()
		i, known := number[ref.ID]
		if !ok || !known {
			return nil, fmt.Errorf("%s: %s belongs to no alert", im.w.name, inc.ID)
		}
		seen++
		out[i] = link{parent: -1, trouble: inc.Trouble}
		if inc.Link == nil || inc.Link.Parent == 0 {
			continue
		}
		parent, ok := incidents[inc.Link.Parent]
		if !ok {
			return nil, fmt.Errorf("%s: the parent %s of %s is not there", im.w.name, inc.Link.Parent, inc.ID)
		}
		pref, _ := parent.AlertRef()
		out[i] = link{kind: inc.Link.Kind, parent: number[pref.ID], rule: inc.Link.Rule, trouble: inc.Trouble}
	}
	if seen != len(out) {
		return nil, fmt.Errorf("%s: %d of %d alerts were recorded", im.w.name, seen, len(out))
	}
	return out, nil
}
