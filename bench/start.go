package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imbot/incident"
	"imbot/query"
	"imbot/store/boltstore"
)

// idleFor is how long a process has nothing to do before its memory is read.
const idleFor = 3 * time.Second

// started is what a child process tells after it has opened its store.
type started struct {
	Addr string  `json:"addr"`
	Open float64 `json:"open"` // milliseconds
}

// idle is a child process that serves a store as imbot does, and has nothing to
// do. It ends with its input.
func idle(db, channel string, in io.Reader, out io.Writer) error {
	t := time.Now()
	cat, err := catalogOf([]string{channel})
	if err != nil {
		return err
	}
	im, err := openImbot(db, cat, boltstore.Options{Now: clock()})
	if err != nil {
		return err
	}
	took := time.Since(t)
	reader := &query.Reader{Store: im.store, Catalog: func() incident.Catalog { return cat }}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/pagerduty", im.hook)
	mux.HandleFunc("GET /newest", func(w http.ResponseWriter, r *http.Request) {
		page, err := reader.List(r.Context(), query.Everybody, query.Filter{Limit: 20})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(page) // the caller sees what is missing
	})
	s, err := serve(mux)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(started{Addr: s.addr, Open: float64(took) / float64(time.Millisecond)}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, s.close(), im.store.Close())
}

// start measures how long a new process takes until it has answered for the
// first time, and how much memory it needs when it has nothing to do.
func (b *bench) start() error {
	var open, first, rss, mapped sample
	for round := range b.rounds + 1 {
		o, f, r, m, err := b.startOnce(round == b.rounds)
		if err != nil {
			return err
		}
		if round == 0 && b.rounds > 1 {
			continue // the page cache may be cold
		}
		open, first = append(open, o), append(first, f)
		if r > 0 {
			rss, mapped = append(rss, r), append(mapped, m)
		}
	}
	t := table{
		title: fmt.Sprintf("Start and memory with %d incidents", b.large()),
		note:  fmt.Sprintf("A new process opens the store, serves, and lists the 20 newest incidents. Memory is read after %s without requests.", idleFor),
		head:  []string{"", "value", "target"},
	}
	t.add("catalog and store open, ms", open.spread("%.0f"), "")
	t.add("process start to first answer, ms", first.spread("%.0f"), b.verdict(first.median() < 250, "< 250 ms"))
	if len(rss) > 0 {
		t.add("anonymous memory (RssAnon), MB", rss.spread("%.1f"), b.verdict(rss.median() < 60, "< 60 MB"))
		t.add("mapped file in memory (RssFile), MB", mapped.spread("%.1f"), "")
	}
	return t.write(b.out)
}

// startOnce returns milliseconds and megabytes; those of memory are 0 where they
// are not asked for or not known.
func (b *bench) startOnce(memory bool) (open, first, rss, mapped float64, err error) {
	t := time.Now()
	c, err := startChild("idle", b.stores[b.large()], channels()[0])
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var s started
	if err := c.dec.Decode(&s); err != nil {
		return 0, 0, 0, 0, fmt.Errorf("the process did not start: %w", err)
	}
	resp, err := http.Get("http://" + s.Addr + "/newest")
	if err != nil {
		return 0, 0, 0, 0, err
	}
	var page query.Page
	err = json.NewDecoder(resp.Body).Decode(&page)
	first = float64(time.Since(t)) / float64(time.Millisecond)
	if err := errors.Join(err, resp.Body.Close()); err != nil || len(page.Incidents) == 0 {
		return 0, 0, 0, 0, fmt.Errorf("the process lists %d incidents (%v)", len(page.Incidents), err)
	}
	if memory {
		time.Sleep(idleFor)
		status := fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid)
		rss, mapped = megabytes(field(status, "RssAnon")), megabytes(field(status, "RssFile"))
	}
	return s.Open, first, rss, mapped, nil
}

// megabytes reads "1234 kB"; 0 for anything else.
func megabytes(s string) float64 {
	n, err := strconv.Atoi(strings.TrimSuffix(s, " kB"))
	if err != nil {
		return 0
	}
	return float64(n) / 1024
}
