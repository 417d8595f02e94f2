package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what comes at once on a machine that has
// nothing else to do: so long that a machine ten times slower is not taken for a
// fault.
const patience = 3 * time.Minute

// output collects what a process prints, for those who wait for a line of it.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	grew chan struct{} // closed, and made anew, with every write
}

func newOutput() *output { return &output{grew: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grew)
	o.grew = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a started imbot.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *output // what it prints, and its log
	ended  chan struct{}
	code   int // once ended
	lasted time.Duration
}

// start starts imbot in the folder of the sources, where it finds the emulator.
// It is killed at the end of the test, if it still runs.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(imbot(t), args...), out: newOutput(), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = "..", p.out, p.out
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	go func() {
		defer close(p.ended)
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			p.code = -1
			return
		}
		p.code, p.lasted = p.cmd.ProcessState.ExitCode(), time.Since(began)
	}()
	t.Cleanup(func() {
		select {
		case <-p.ended:
			return
		default:
		}
		_ = p.cmd.Process.Kill() // it may just have ended
		<-p.ended
	})
	return p
}

// see waits until the process prints what the pattern matches, and returns its
// groups.
func (p *process) see(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		p.out.mu.Lock()
		grew, text := p.out.grew, p.out.buf.String()
		p.out.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-grew:
		case <-p.ended:
			if m := re.FindStringSubmatch(p.out.String()); m != nil {
				return m
			}
			p.t.Fatalf("imbot ended with code %d before it printed %q:\n%s", p.code, pattern, p.out)
		case <-late:
			p.t.Fatalf("imbot did not print %q within %s:\n%s", pattern, patience, p.out)
		}
	}
}

// signal sends a signal, and wait returns the exit code.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.code
	case <-time.After(within):
		p.t.Fatalf("imbot still runs after %s:\n%s", within, p.out)
		return -1
	}
}

// run runs imbot to its end, and returns its exit code and what it printed to
// either side.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, imbot(t), args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errOut, ".."
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("imbot %v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// ask sends a request, and returns status and body; 0 where there is no answer.
func ask(t *testing.T, method, url, token string, body []byte, header http.Header) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name := range header {
		req.Header[name] = header[name]
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 10<<20))
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, text
}

// until asks again and again, with short pauses, until cond holds.
func until(t *testing.T, cond func() bool) bool {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
