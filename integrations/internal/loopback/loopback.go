// Package loopback puts simulators on a port of this machine.
package loopback

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is the part of a simulator that listens. A nil one does not.
type Server struct {
	http *http.Server
	url  string
	stop context.CancelFunc
	runs sync.WaitGroup
}

// Start serves on a free port of 127.0.0.1, and runs what goes along with that
// until its context ends. It panics if there is no port, for then nothing can be
// tested. Close ends it all.
func Start(h http.Handler, along ...func(context.Context)) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("loopback: " + err.Error())
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{url: "http://" + l.Addr().String(), stop: stop}
	s.http = &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	s.runs.Go(func() { _ = s.http.Serve(l) }) // ends by Close
	for _, f := range along {
		s.runs.Go(func() { f(ctx) })
	}
	return s
}

// URL is where the server is, without a slash at its end.
func (s *Server) URL() string { return s.url }

// Close ends the server, and calls that hang.
func (s *Server) Close() {
	if s == nil {
		return
	}
	s.stop()
	_ = s.http.Close()
	s.runs.Wait()
}
