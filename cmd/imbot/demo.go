package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"imbot/bot"
	"imbot/integrations/botframework/authproxy"
	"imbot/integrations/openid/openidsim"
	"imbot/integrations/pagerduty/pagerdutysim"
)

// demo is everything on one machine: a simulated PagerDuty, Microsoft's Teams
// emulator behind a signing proxy, and imbot itself with all its checks on.
type demo struct {
	dir, listen string
	out         io.Writer
	log         *slog.Logger
	pd          *pagerdutysim.Server
	secret      string // of the webhook subscription
	proxy       *authproxy.Proxy
	play        *playground       // nil: not there
	people      *openidsim.Server // signs people in to the pages
	outside     *outside
	app         *app
}

// demoToken is the API token that the ready-made curl commands use; it works on
// this machine only, and only while the demo runs.
const demoToken = "demo-token-for-this-machine"

func runDemo(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := flags("demo", errOut)
	listen := fs.String("listen", "127.0.0.1:8080", "loopback `address` to listen on; port 0 takes a free one")
	data := fs.String("data", "", "`folder` for data and logs (default: a new temporary one)")
	play := fs.String("playground", "auto", "Microsoft's Teams emulator: auto, on or off")
	if err := parse(fs, args, 0); err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(*listen); err != nil || (host != "localhost" && !net.ParseIP(host).IsLoopback()) {
		return fmt.Errorf("%w: -listen takes a loopback address such as 127.0.0.1:8080: the demo is for this machine only", errUsage)
	}
	if *play != "auto" && *play != "on" && *play != "off" {
		return fmt.Errorf("%w: -playground takes auto, on or off", errUsage)
	}
	dir, err := demoFolder(*data)
	if err != nil {
		return err
	}
	d := &demo{dir: dir, listen: *listen, out: out}
	err = d.start(ctx, *play)
	if err == nil {
		err = d.run(ctx)
	}
	return errors.Join(err, d.close())
}

func demoFolder(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "imbot-demo-")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return abs, os.MkdirAll(abs, 0o700)
}

func (d *demo) start(ctx context.Context, play string) error {
	logFile, err := os.OpenFile(filepath.Join(d.dir, "imbot.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	d.log = slog.New(slog.NewJSONHandler(logFile, nil))
	fmt.Fprintf(d.out, "imbot demo: data and logs are in %s\n", d.dir)
	if d.listen, err = freeAddress(d.listen); err != nil {
		return err
	}
	d.pd = pagerdutysim.New(pagerdutysim.Options{Live: true})
	_, d.secret = d.pd.Subscribe("http://" + d.listen + "/webhooks/pagerduty")
	if d.people, err = demoSignIn("http://" + d.listen); err != nil {
		return err
	}
	d.outside = newOutside(d.listen)
	if play != "off" {
		if err := d.startPlayground(ctx, play == "on"); err != nil {
			return err
		}
	}
	if d.proxy != nil {
		d.outside.addGraph(d.proxy)
	}
	return d.startApp(ctx)
}

// freeAddress replaces port 0 by a free one, since the others must know it
// before imbot listens.
func freeAddress(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w; choose another address with -listen", address, err)
	}
	return l.Addr().String(), l.Close()
}

// startPlayground starts proxy and Playground. Without Node the demo goes on
// without them, unless they were asked for.
func (d *demo) startPlayground(ctx context.Context, must bool) error {
	proxy, err := authproxy.Start(authproxy.Options{
		BotURL: "http://" + d.listen + "/api/messages", AppID: demoApp, TenantID: demoTenant, Dir: d.dir, Logger: d.log,
	})
	if err != nil {
		return err
	}
	d.play, err = startPlayground(ctx, d.dir, proxy.MessagesURL(), proxy.ServiceURL())
	if err == nil {
		err = proxy.SetPlayground(d.play.url)
	}
	if err != nil {
		_ = proxy.Close() // nothing runs through it yet
		if must {
			return err
		}
		fmt.Fprintf(d.out, "No Teams emulator: %v. The story is told here, and the API shows the incidents.\n", err)
		return nil
	}
	d.proxy = proxy
	if onAllInterfaces(d.play.url) {
		fmt.Fprintln(d.out, "Warning: the Teams emulator listens on all interfaces of this machine.")
	}
	return nil
}

// onAllInterfaces reports whether the Playground answers at an address that is
// not loopback.
func onAllInterfaces(base string) bool {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if err != nil {
		return false
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort(ip.IP.String(), port), 200*time.Millisecond)
		if err == nil {
			_ = c.Close()
			return true
		}
	}
	return false
}

// startApp writes a configuration that the user can read, and starts imbot with
// it, as serve does.
func (d *demo) startApp(ctx context.Context) error {
	conf := filepath.Join(d.dir, "imbot.yaml")
	err := errors.Join(
		os.WriteFile(filepath.Join(d.dir, "catalog.yaml"), []byte(demoCatalog), 0o600),
		os.WriteFile(conf, []byte(d.config()), 0o600))
	if err != nil {
		return err
	}
	cfg, err := LoadConfig(conf, os.Getenv)
	if err != nil {
		return err
	}
	if d.app, err = newApp(cfg, d.log, clock{}); err != nil {
		return err
	}
	if d.proxy != nil {
		return d.seed(ctx)
	}
	return nil
}

// seed tells imbot of the Playground's conversations: in Teams it would learn of
// them when it is installed.
func (d *demo) seed(ctx context.Context) error {
	for _, c := range []bot.Conversation{
		{ID: demoChannel, Kind: bot.Channel, Name: "Payments incidents", TeamName: "Shop"},
		{ID: demoGeneral, Kind: bot.Channel, Name: "General", TeamName: "Shop"},
		{ID: demoGroup, Kind: bot.GroupChat, Name: demoGroupName},
		{ID: demoPersonal, Kind: bot.Personal},
	} {
		c.ServiceURL, c.TenantID, c.BotID, c.SeenAt = d.proxy.ServiceURL(), demoTenant, "28:"+demoApp, time.Now().UTC()
		if err := d.app.store.SaveConversation(ctx, c); err != nil {
			return err
		}
	}
	for i, p := range demoPeople {
		person := bot.Person{ID: p.mail, Mail: p.mail, Name: p.name, AADObjectID: p.aad, TeamsID: p.id, TenantID: demoTenant, SeenAt: time.Now().UTC()}
		if i == 0 {
			person.Conversation = demoPersonal
		}
		if err := d.app.store.SavePerson(ctx, person); err != nil {
			return err
		}
	}
	return nil
}

// run serves and tells the story, until Ctrl-C.
func (d *demo) run(ctx context.Context) error {
	st := &story{pd: d.pd, out: d.out, ids: map[string]string{}}
	st.cast()
	w, err := newWatcher(d.outside, d.pd, d.dir, d.out)
	if err != nil {
		return err
	}
	d.welcome()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.app.run(ctx) })
	g.Go(func() error { return w.run(ctx) })
	g.Go(func() error {
		if err := d.answers(ctx); err != nil {
			return err
		}
		if err := st.tell(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		d.hints()
		return nil
	})
	err = g.Wait()
	fmt.Fprintf(d.out, "\nStopped. The data stays in %s.\n", d.dir)
	return err
}

// answers waits until imbot takes webhooks.
func (d *demo) answers(ctx context.Context) error {
	for range 100 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.listen+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
	return errors.New("imbot does not become ready: see imbot.log in the demo's folder")
}

func (d *demo) welcome() {
	if d.play != nil {
		fmt.Fprintf(d.out, "\n  Teams emulator   %s   (open it in a browser: team “Shop”, channel “Payments incidents”)\n", d.play.url)
	}
	fmt.Fprintf(d.out, "  imbot            http://%s   (the pages: pick who you are, no password)\n  PagerDuty        simulated, at %s\n", d.listen, d.pd.URL())
	fmt.Fprintf(d.out, "  Jira, Confluence simulated; the lines below have their addresses\n  Mails            stay here: %s has each as .eml and .html\n", filepath.Join(d.dir, "mails"))
	if d.play != nil {
		fmt.Fprintf(d.out, "  War rooms        the first one is the emulator's chat “%s”; it has one only, so that later ones are threads\n", demoGroupName)
	} else {
		fmt.Fprintln(d.out, "  War rooms        none without the Teams emulator")
	}
	fmt.Fprint(d.out, "\nThe story (→ is what imbot does; Ctrl-C ends everything):\n")
}

func (d *demo) hints() {
	if d.play != nil {
		fmt.Fprint(d.out, "In the emulator, press Acknowledge on the card, or write in the channel:  @imbot help\n")
	}
	fmt.Fprintf(d.out, "The incident on a page, and its RCA:  http://%s/incidents/INC-2\n\n", d.listen)
	body := filepath.Join(d.dir, "webhook.json")
	payload, header := pagerdutysim.Webhook(pagerdutysim.WebhookSpec{
		ID: "QDEMO0001", Title: "Inventory is down: all pods crash", Service: pagerdutysim.Service{ID: "PSVCIN1", Name: "Inventory"}, Priority: "P1", At: time.Now(),
	}, d.secret)
	if err := os.WriteFile(body, payload, 0o600); err != nil {
		fmt.Fprintf(d.out, "(no example webhook: %v)\n", err)
		return
	}
	fmt.Fprintf(d.out, "By hand, a webhook as PagerDuty signs it, and the incidents over the API:\n\n  curl -i http://%s/webhooks/pagerduty \\\n", d.listen)
	for name := range header {
		fmt.Fprintf(d.out, "    -H '%s: %s' \\\n", name, header.Get(name))
	}
	fmt.Fprintf(d.out, "    --data-binary @%s\n  curl -H 'Authorization: Bearer %s' http://%s/api/v1/incidents\n\n", body, demoToken, d.listen)
}

// close ends what start has started, in the opposite order.
func (d *demo) close() error {
	var errs []error
	if d.app != nil {
		errs = append(errs, d.app.close())
	}
	if d.play != nil {
		d.play.stop()
	}
	if d.proxy != nil {
		errs = append(errs, d.proxy.Close())
	}
	if d.people != nil {
		errs = append(errs, d.people.Close())
	}
	if d.outside != nil {
		d.outside.close()
	}
	if d.pd != nil {
		d.pd.Close()
	}
	return errors.Join(errs...)
}

// config is the demo's imbot.yaml.
func (d *demo) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The demo's configuration: a working example, for this machine only.\nlisten: %q\npublic_url: \"http://%s\"\nstore: bolt:imbot.db\ncatalog: catalog.yaml\n", d.listen, d.listen)
	fmt.Fprintf(&b, "pagerduty: {webhook_secrets: [%q], api_token: %q, url: %q, from: imbot@example.com}\n", d.secret, d.pd.Token(), d.pd.URL())
	fmt.Fprintf(&b, "api: {tokens: [{name: demo, role: admin, token: %q}]}\naccess: {admins: [ani@example.com]}\n", demoToken)
	fmt.Fprintf(&b, "web: {oidc: {issuer: %q, client_id: %q, client_secret: %q}}\n", d.people.Issuer(), demoApp, d.people.ClientSecret())
	b.WriteString(d.outside.config())
	if p := d.proxy; p != nil {
		fmt.Fprintf(&b, `teams:
  app_id: %q
  tenant_id: %q
  client_secret: %q
  default_channel: %q
  broadcast_channel: %q
  dialogs: false            # the emulator has none
  profile: rooms
  rooms: true
  graph_url: %q
  authority: %q
  ca_file: %q
  openid_metadata_url: %q
  default_service_url: %q
  service_url_hosts: [%q]
`, demoApp, demoTenant, p.ClientSecret(), demoGeneral, demoGeneral, d.outside.graph.URL(), p.Authority(), p.CAFile(), p.OpenIDMetadataURL(), p.ServiceURL(), p.Host())
	}
	return b.String()
}
