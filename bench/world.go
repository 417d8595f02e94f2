package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"imbot/catalog"
	"imbot/incident"
	"imbot/store/boltstore"
	"imbot/topology"
	"imbot/webhook"
)

const (
	squads       = 30
	headerWait   = 5 * time.Second
	maxHeader    = 16 << 10
	stopPatience = 15 * time.Second // a connection on which nothing was ever sent keeps Shutdown for 5 s
)

// seedEnd is when the last of a seeded store's incidents has happened. For the
// store, measurements begin at this moment: what it remembers for days is known,
// whenever the seed was made.
var seedEnd = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// a seeded store has so many incidents a day.
const perDay = 1000

// seeded is the source of the incidents that a seeded store of this size has.
func seeded(stored int) source {
	const step = 24 * time.Hour / perDay
	return source{Name: "seed", First: seedEnd.Add(-time.Duration(stored) * step), Step: step}
}

// clock begins now with seedEnd.
func clock() func() time.Time {
	start := time.Now()
	return func() time.Time { return seedEnd.Add(time.Since(start)) }
}

// catalogOf has 300 services of 30 squads, each with one of the channels in
// turn, and the default levels, rules and notices.
func catalogOf(channels []string) (*catalog.Catalog, error) {
	f := &catalog.File{}
	for i := range squads {
		f.Squads = append(f.Squads, catalog.Squad{
			Key: fmt.Sprintf("squad%02d", i), Name: fmt.Sprintf("Squad %02d", i), Channel: channels[i%len(channels)],
			Lead: fmt.Sprintf("lead%02d@example.com", i),
		})
	}
	for i := range services {
		f.Services = append(f.Services, catalog.Service{
			Key: fmt.Sprintf("service-%03d", i), Name: fmt.Sprintf("Service %03d", i), Squad: fmt.Sprintf("squad%02d", i%squads),
			Owner: fmt.Sprintf("owner%02d@example.com", i%squads), Tier: 1 + i%3, PagerDutyID: fmt.Sprintf("PSVC%03d", i),
			Links: []incident.LinkURL{{Title: "Runbook", URL: fmt.Sprintf("https://wiki.example.com/service-%03d", i)}},
		})
	}
	return catalog.New(f, catalog.Settings{DefaultChannel: channels[0], BroadcastChannel: channels[0]}, nil)
}

// channels are names of channels that nothing is sent to.
func channels() []string {
	out := make([]string, squads)
	for i := range out {
		out[i] = fmt.Sprintf("19:squad%02d@thread.tacv2", i)
	}
	return out
}

var quiet = slog.New(slog.DiscardHandler)

// imbot is the part of imbot that takes webhooks, on a store.
type imbot struct {
	store   *boltstore.Store
	service *incident.Service
	hook    *webhook.PagerDuty
}

func openImbot(path string, cat *catalog.Catalog, o boltstore.Options) (*imbot, error) {
	o.Logger = quiet
	st, err := boltstore.Open(path, o)
	if err != nil {
		return nil, err
	}
	graph := calls(o.Now())
	svc := &incident.Service{
		Store: st, Now: o.Now, Details: true, Catalog: func() incident.Catalog { return cat }, Topology: func() incident.Topology { return graph },
	}
	return &imbot{store: st, service: svc, hook: hook(svc, o.Now)}, nil
}

// calls is a graph in which each service calls five others.
func calls(now time.Time) incident.Topology {
	var edges []topology.Edge
	var all []topology.Service
	for i := range services {
		all = append(all, topology.Service{Key: fmt.Sprintf("service-%03d", i)})
		for j := 1; j <= 5; j++ {
			edges = append(edges, topology.Edge{
				From: fmt.Sprintf("service-%03d", i), To: fmt.Sprintf("service-%03d", (i+j*j*7)%services), Source: "newrelic", FirstSeen: now, LastSeen: now,
			})
		}
	}
	return topology.NewGraph(edges, all, now, incident.DefaultLinking().EdgeMemory)
}

func hook(d webhook.Doer, now func() time.Time) *webhook.PagerDuty {
	return &webhook.PagerDuty{Secrets: []string{secret}, Service: d, Now: now, Logger: quiet}
}

// noStore carries nothing out: with it, the handler reads, verifies, parses,
// maps and compresses, and that is all.
type noStore struct{}

func (noStore) Do(context.Context, incident.Command) (*incident.Incident, error) {
	return &incident.Incident{}, nil
}

func (noStore) Keep(context.Context, incident.Inbound, []string) error { return nil }

// echo reads the body and accepts it.
func echo(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, webhook.MaxBody)); err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// server serves h on loopback, with the settings of imbot's own server.
type server struct {
	http *http.Server
	addr string
	done chan error
}

func serve(h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/pagerduty", h)
	mux.Handle("/", h)
	s := &server{
		http: &http.Server{
			Handler: mux, ReadHeaderTimeout: headerWait, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelWarn),
		},
		addr: l.Addr().String(), done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if serr := <-s.done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
