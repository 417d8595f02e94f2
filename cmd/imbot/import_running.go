package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"imbot/webhook"
)

// historyPath is where the command line has a running imbot import.
const historyPath = "/api/v1/import/pagerduty"

// historyRequest asks for an import.
type historyRequest struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	DryRun bool      `json:"dry_run,omitempty"`
}

// check refuses a time in which nothing can have happened.
func (q *historyRequest) check(now time.Time) error {
	switch {
	case !q.Since.Before(q.Until):
		return fmt.Errorf("from %s to %s there is no time", day(q.Since), day(q.Until))
	case q.Until.After(now.Add(time.Minute)):
		return fmt.Errorf("%s is yet to come", day(q.Until))
	}
	return nil
}

// historyLine is one line of the answer, which lasts as long as the import.
type historyLine struct {
	webhook.Progress
	End   bool   `json:"end,omitempty"`   // it is the last one
	Error string `json:"error,omitempty"` // why the import has ended early
}

// imports sees to it that there is one import at a time, and none when imbot
// stops. The zero value is ready.
type imports struct {
	mu     sync.Mutex
	cancel context.CancelFunc // of the one that runs; nil: none does
	ended  bool
}

func (i *imports) begin(ctx context.Context) (context.Context, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cancel != nil || i.ended {
		return nil, false
	}
	ctx, i.cancel = context.WithCancel(ctx)
	return ctx, true
}

func (i *imports) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cancel()
	i.cancel = nil
}

// stop ends the import that runs, and lets no other begin.
func (i *imports) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended = true; i.cancel != nil {
		i.cancel()
	}
}

// serveImport imports for as long as the caller listens, and tells it every
// second how far it is. As a backup, it is for whoever could use the store's file
// anyway.
func (a *app) serveImport(w http.ResponseWriter, r *http.Request) {
	if status, text := a.localAdmin(r); status != http.StatusOK {
		answerText(w, status, text)
		return
	}
	var q historyRequest
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
	body.DisallowUnknownFields()
	err := body.Decode(&q)
	if err == nil {
		err = q.check(a.now())
	}
	if err != nil {
		answerText(w, http.StatusBadRequest, "this is no time to import: "+err.Error())
		return
	}
	if a.pager == nil {
		answerText(w, http.StatusConflict, errNoPagerToken.Error())
		return
	}
	ctx, ok := a.imports.begin(r.Context())
	if !ok {
		answerText(w, http.StatusConflict, "an import runs already, or imbot stops")
		return
	}
	defer a.imports.end()
	a.tellImport(ctx, w, q)
}

func (a *app) tellImport(ctx context.Context, w http.ResponseWriter, q historyRequest) {
	rc := http.NewResponseController(w)
	if err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{})); err != nil {
		a.log.Debug("import: no deadlines", "err", err) // a test's recorder has none
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	tell := func(l historyLine) {
		// A caller that is gone ends ctx.
		_ = json.NewEncoder(w).Encode(l)
		_ = rc.Flush()
	}
	m := newImporter(a.cfg, a.pager, a.store, a.service, a.log, a.clock)
	var last time.Time
	m.Report = func(p webhook.Progress) {
		if now := a.now(); now.Sub(last) >= time.Second {
			last = now
			p.Skipped = nil // they are told at the end
			tell(historyLine{Progress: p})
		}
	}
	p, err := m.Run(ctx, q.Since, q.Until, q.DryRun)
	a.log.Info("import of PagerDuty's history ended", "since", q.Since, "until", q.Until, "dry_run", q.DryRun,
		"done", p.Done, "imported", p.Imported, "known", p.Known, "open", p.Open, "skipped", len(p.Skipped), "err", err)
	l := historyLine{Progress: p, End: true}
	switch {
	case errors.Is(err, context.Canceled):
		l.Error = "the running imbot stops"
	case err != nil:
		l.Error = err.Error()
	}
	tell(l)
}

// importByRunning has the running imbot import. It lasts as long as the import;
// whoever asked can end it.
func importByRunning(ctx context.Context, cfg *Config, q historyRequest, report func(webhook.Progress)) (p webhook.Progress, err error) {
	r, err := runningImbot(cfg)
	if err != nil {
		return p, err
	}
	resp, err := r.do(ctx, http.MethodPost, historyPath, q)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	return readImport(ctx, resp.Body, report)
}

// maxHistoryLine bounds one line of the answer: the last one names all that was
// left out.
const maxHistoryLine = 16 << 20

// readImport reads the answer to its end.
func readImport(ctx context.Context, r io.Reader, report func(webhook.Progress)) (p webhook.Progress, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxHistoryLine)
	for lines.Scan() {
		var l historyLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return p, understood(err)
		}
		p = l.Progress
		switch {
		case l.Error != "":
			return p, errors.New(l.Error)
		case l.End:
			return p, nil
		}
		report(p)
	}
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	return p, errors.Join(errors.New("the running imbot has ended before the import"), lines.Err())
}
