package mailsim

import (
	"bytes"
	"fmt"
	"net"
)

// listening makes connections that faults can reach.
type listening struct {
	net.Listener
	s *Server
}

// Accept returns the next connection.
func (l *listening) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, s: l.s}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.connections++
	l.s.conns[c] = true
	return c, nil
}

// conn is a connection below TLS. But for Close, it is used by the goroutine
// that serves it.
type conn struct {
	net.Conn
	s               *Server
	begun           bool
	tlsNext         bool // the client asked for STARTTLS
	closeAfterWrite bool
}

// begin runs once, before the first byte in either direction.
func (c *conn) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.breakOff(AtConnect)
}

// breakOff runs a fault for which go-smtp has no hook: the answer is written
// here, and is the last one.
func (c *conn) breakOff(at Step) error {
	e := c.act(at, "")
	if e == nil {
		return nil
	}
	_, _ = fmt.Fprintf(c.Conn, "%d %s\r\n", e.Code, e.Message)
	_ = c.Close()
	return net.ErrClosed
}

// Read reads, and looks for STARTTLS: what is read next is the handshake.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	if c.tlsNext {
		c.tlsNext = false
		if err := c.breakOff(AtTLS); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	if c.s.opt.TLS == TLSStart && bytes.Equal(bytes.ToUpper(bytes.TrimSpace(p[:n])), []byte("STARTTLS")) {
		c.tlsNext = true
	}
	return n, err
}

// Write writes, and breaks the connection off if that was to be the last time.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if c.closeAfterWrite {
		_ = c.Close()
	}
	return n, err
}

// Close closes, and forgets the connection.
func (c *conn) Close() error {
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	return c.Conn.Close()
}
