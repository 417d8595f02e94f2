package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// playgroundPackage is Microsoft's emulator of a Teams client, at the version
// that the demo is tested with.
const playgroundPackage = "@microsoft/m365agentsplayground@0.2.28"

// People and places of the Playground's little world.
const (
	demoTenant   = "00000000-0000-4000-8000-000000000001"
	demoApp      = "00000000-0000-4000-8000-000000000011"
	demoChannel  = "19:payments-incidents@thread.tacv2"
	demoGeneral  = "19:general@thread.tacv2"
	demoGroup    = "19:responders@thread.v2"
	demoPersonal = "a:ani-and-imbot"

	// demoGroupName is what the emulator calls its one group chat, whatever its
	// topic is: the first war room.
	demoGroupName = "War room"
)

type demoPerson struct{ id, aad, name, mail string }

// demoPeople: the first one sits before the browser.
var demoPeople = []demoPerson{
	{"29:ani", "00000000-0000-4000-8000-000000000020", "Ani Wijaya", "ani@example.com"},
	{"29:budi", "00000000-0000-4000-8000-000000000021", "Budi Santoso", "budi@example.com"},
	{"29:citra", "00000000-0000-4000-8000-000000000022", "Citra Lestari", "citra@example.com"},
	{"29:dewi", "00000000-0000-4000-8000-000000000023", "Dewi Putri", "dewi@example.com"},
	{"29:eko", "00000000-0000-4000-8000-000000000024", "Eko Pratama", "eko@example.com"},
	{"29:fajar", "00000000-0000-4000-8000-000000000025", "Fajar Nugroho", "fajar@example.com"},
}

// playgroundConfig is the Playground's configuration file: exactly five users
// besides the current one, and one channel besides General.
func playgroundConfig() ([]byte, error) {
	user := func(p demoPerson) map[string]string {
		given, sur, _ := strings.Cut(p.name, " ")
		return map[string]string{
			"id": p.id, "name": p.name, "userPrincipleName": p.mail, "aadObjectId": p.aad,
			"givenName": given, "surname": sur, "email": p.mail,
		}
	}
	var others []map[string]string
	for _, p := range demoPeople[1:] {
		others = append(others, user(p))
	}
	return json.MarshalIndent(map[string]any{
		"version": "0.1.1", "tenantId": demoTenant,
		"bot":         map[string]string{"id": "28:" + demoApp, "name": "imbot"},
		"currentUser": user(demoPeople[0]), "users": others,
		"personalChat": map[string]string{"id": demoPersonal},
		"groupChat":    map[string]string{"id": demoGroup, "name": demoGroupName},
		"team": map[string]any{
			"id": demoGeneral, "name": "Shop", "aadGroupId": "00000000-0000-4000-8000-000000000031",
			"channels": []map[string]string{{"id": demoChannel, "name": "Payments incidents"}},
		},
	}, "", " ")
}

// loopbackOnly is loaded into the Playground's Node before anything else: the
// Playground listens on all interfaces and has no option against it.
const loopbackOnly = `const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (args[0] !== null && typeof args[0] === 'object' && !('path' in args[0]) && !('fd' in args[0])) args[0] = { ...args[0], host: '127.0.0.1' };
  else if (typeof args[0] !== 'function' && !Number.isNaN(Number(args[0]))) {
    const rest = args.slice(1).filter((a) => typeof a !== 'string');
    args = [Number(args[0]), '127.0.0.1', ...rest];
  }
  return listen.apply(this, args);
};
`

// playground is a running Playground.
type playground struct {
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// errNoNode says that the Playground can not run here; that is no error of the
// demo.
var errNoNode = errors.New("no Node.js (20 or newer, with npx) here")

// startPlayground starts the Playground for the bot behind messagesURL. The
// process ends with ctx, at the latest.
func startPlayground(ctx context.Context, dir, messagesURL, serviceURL string) (*playground, error) {
	name, args, err := playgroundCommand()
	if err != nil {
		return nil, err
	}
	conf, err := playgroundConfig()
	if err != nil {
		return nil, err
	}
	confFile, guard := filepath.Join(dir, "playground.yml"), filepath.Join(dir, "loopback.cjs")
	if err := errors.Join(os.WriteFile(confFile, conf, 0o600), os.WriteFile(guard, []byte(loopbackOnly), 0o600)); err != nil {
		return nil, err
	}
	cmd := exec.Command(name, append(args, "start", "-e", messagesURL, "-c", "msteams", "-p", "56150", "--service-url", serviceURL, "--disable-telemetry")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"TEAMSAPPTESTER_BROWSER=none", "NODE_OPTIONS=--require="+guard,
		"M365_AGENTS_PLAYGROUND_CONFIG_PATH="+confFile, "M365_AGENTS_PLAYGROUND_LOGFILE="+filepath.Join(dir, "playground.log"))
	ownGroup(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the Playground: %w", err)
	}
	p := &playground{cmd: cmd, done: make(chan struct{})}
	port := make(chan string, 1)
	go p.watch(stdout, port)
	if err := p.ready(ctx, port); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// playgroundCommand prefers what "make demo" has installed, which starts without
// asking the registry.
func playgroundCommand() (string, []string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", nil, errNoNode
	}
	local := filepath.Join("e2e", "node_modules", "@microsoft", "m365agentsplayground", "cli.js")
	if abs, err := filepath.Abs(local); err == nil {
		if _, err := os.Stat(abs); err == nil {
			return node, []string{abs}, nil
		}
	}
	npx, err := exec.LookPath("npx")
	if err != nil {
		return "", nil, errNoNode
	}
	return npx, []string{"--yes", playgroundPackage}, nil
}

var listening = regexp.MustCompile(`[Ll]istening on (?:port )?(\d+)`)

func (p *playground) watch(stdout io.Reader, port chan<- string) {
	defer close(p.done)
	sc := bufio.NewScanner(stdout)
	for sc.Scan() {
		if m := listening.FindStringSubmatch(sc.Text()); m != nil {
			select {
			case port <- m[1]:
			default:
			}
		}
	}
	_ = p.cmd.Wait() // how it ended matters to nobody: the demo goes on without it
}

// ready waits until the Playground answers. npx may have to fetch it first.
func (p *playground) ready(ctx context.Context, port <-chan string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	select {
	case n := <-port:
		p.url = "http://127.0.0.1:" + n
	case <-p.done:
		return errors.New("the Playground ended before it was ready: see playground.log")
	case <-ctx.Done():
		return errors.New("the Playground was not ready within two minutes")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/_debug/ping", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the Playground does not answer")
		}
	}
}

// stop ends the Playground and everything that it has started.
func (p *playground) stop() {
	endGroup(p.cmd, false)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
		endGroup(p.cmd, true)
		<-p.done
	}
}
