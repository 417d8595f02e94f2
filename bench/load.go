package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// job is one order to the child process that makes the load.
type job struct {
	Make   *source `json:"make,omitempty"` // make the requests First to First+Count-1 of this source, and keep them
	First  int     `json:"first,omitempty"`
	Count  int     `json:"count,omitempty"`
	Addr   string  `json:"addr,omitempty"` // send those that were made last to this address
	Conns  int     `json:"conns,omitempty"`
	Warm   float64 `json:"warm,omitempty"`    // seconds that are not counted
	Window float64 `json:"window,omitempty"`  // seconds that are
	Repeat bool    `json:"repeat,omitempty"`  // begin anew where the requests run out
	List   bool    `json:"list,omitempty"`    // say which were accepted
	MaxBad int     `json:"max_bad,omitempty"` // answers other than 202 that are no failure
}

// load is what came of a job.
type load struct {
	Err      string      `json:"err,omitempty"`
	Counted  int         `json:"counted"`
	Seconds  float64     `json:"seconds"` // in which they were counted
	P50      float64     `json:"p50"`     // milliseconds
	P99      float64     `json:"p99"`
	Status   map[int]int `json:"status,omitempty"`   // of all answers
	NoRetry  int         `json:"no_retry,omitempty"` // 503 without Retry-After
	RanOut   bool        `json:"ran_out,omitempty"`  // the requests ended before the window
	Accepted []int       `json:"accepted,omitempty"` // numbers within what was made

	server time.Duration // of the processors, used by the server
	others float64       // cores that neither server nor load used, but somebody else
}

// rate is the accepted requests per second.
func (l *load) rate() float64 { return float64(l.Counted) / l.Seconds }

// answers is how many requests were answered, counted or not.
func (l *load) answers() int {
	n := 0
	for _, of := range l.Status {
		n += of
	}
	return n
}

// makeLoad is the child: it reads jobs and writes what came of them, one JSON
// document each, until in ends.
func makeLoad(in io.Reader, out io.Writer) error {
	var made [][]byte
	enc := json.NewEncoder(out)
	for dec := json.NewDecoder(in); ; {
		var j job
		if err := dec.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		res := &load{}
		if j.Make != nil {
			made = nil // first, so that both never lie in memory
			made = j.Make.requests(j.First, j.Count)
		} else if err := closedLoop(j, made, res); err != nil {
			res = &load{Err: err.Error()}
		}
		if err := enc.Encode(res); err != nil {
			return err
		}
	}
}

// conn is one connection that always has one request on its way.
type conn struct {
	c        net.Conn
	r        *bufio.Reader
	took     []time.Duration // of those that are counted
	last     time.Time       // end of the last one that is counted
	status   map[int]int
	noRetry  int
	accepted []int
	err      error
}

// closedLoop sends the requests over all connections until the time is over.
func closedLoop(j job, made [][]byte, res *load) error {
	conns := make([]*conn, j.Conns)
	for i := range conns {
		c, err := net.DialTimeout("tcp", j.Addr, 10*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		conns[i] = &conn{c: c, r: bufio.NewReaderSize(c, 1024), status: map[int]int{}}
	}
	var next atomic.Int64
	take := func() int {
		n := int(next.Add(1)) - 1
		switch {
		case n < len(made):
			return n
		case j.Repeat && len(made) > 0:
			return n % len(made)
		}
		return -1
	}
	start := time.Now()
	from := start.Add(time.Duration(j.Warm * float64(time.Second)))
	until := from.Add(time.Duration(j.Window * float64(time.Second)))
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() { c.err = c.run(made, take, from, until, j.List) })
	}
	wg.Wait()
	res.RanOut = !j.Repeat && next.Load() > int64(len(made))
	return res.add(conns, from, j.MaxBad)
}

func (c *conn) run(made [][]byte, take func() int, from, until time.Time, list bool) error {
	if err := c.c.SetDeadline(until.Add(30 * time.Second)); err != nil {
		return err
	}
	for {
		t0 := time.Now()
		if !t0.Before(until) {
			return nil
		}
		n := take()
		if n < 0 {
			return nil
		}
		if _, err := c.c.Write(made[n]); err != nil {
			return err
		}
		status, retry, err := readAnswer(c.r)
		if err != nil {
			return err
		}
		end := time.Now()
		c.status[status]++
		switch {
		case status == 202:
			if list {
				c.accepted = append(c.accepted, n)
			}
			if !t0.Before(from) {
				c.took, c.last = append(c.took, end.Sub(t0)), end
			}
		case status == 503 && !retry:
			c.noRetry++
		}
	}
}

// readAnswer reads one response and throws its body away. It knows what a
// net/http server answers with a short body, and nothing else.
func readAnswer(r *bufio.Reader) (status int, retryAfter bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, false, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, false, fmt.Errorf("%q is no status line", line)
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, false, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, false, fmt.Errorf("%q is no length", line)
			}
		case bytes.EqualFold(name, []byte("Retry-After")):
			retryAfter = true
		}
	}
	if length < 0 {
		return 0, false, errors.New("the answer says no Content-Length")
	}
	_, err = r.Discard(length)
	return status, retryAfter, err
}

// add sums up what the connections saw.
func (l *load) add(conns []*conn, from time.Time, maxBad int) error {
	var took []time.Duration
	var last time.Time
	l.Status = map[int]int{}
	for _, c := range conns {
		if c.err != nil {
			return c.err
		}
		took = append(took, c.took...)
		if c.last.After(last) {
			last = c.last
		}
		for s, n := range c.status {
			l.Status[s] += n
		}
		l.NoRetry += c.noRetry
		l.Accepted = append(l.Accepted, c.accepted...)
	}
	if bad := l.answers() - l.Status[202]; bad > maxBad {
		return fmt.Errorf("%d answers were not 202: %v", bad, l.Status)
	}
	if len(took) == 0 {
		return errors.New("no request was accepted in the time that counts: give -seconds more")
	}
	slices.Sort(took)
	l.Counted, l.Seconds = len(took), last.Sub(from).Seconds()
	l.P50, l.P99 = quantile(took, 0.5), quantile(took, 0.99)
	return nil
}

// quantile is in milliseconds; the list must be sorted.
func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]) / float64(time.Millisecond)
}
