package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"imbot/bot"
	"imbot/catalog"
	"imbot/integrations/pagerduty"
)

// Outcomes of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn"
	checkFail = "fail"
	checkOff  = "off"
)

// check is the outcome of one check.
type check struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok|warn|fail|off
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // what to do
}

// doctor checks what can be checked without changing anything outside.
type doctor struct {
	cfg     *Config
	probing probing
	checks  []check
	refused bool // PagerDuty takes the token for nothing
}

func (d *doctor) add(name, state, detail, mend string) {
	d.checks = append(d.checks, check{name, state, detail, mend})
}

// result adds ok, or fail with what to do.
func (d *doctor) result(name string, err error, ok, mend string) {
	if err != nil {
		d.add(name, checkFail, err.Error(), mend)
		return
	}
	d.add(name, checkOK, ok, "")
}

func runDoctor(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := flags("doctor", errOut)
	path := fs.String("config", "", "configuration `file`")
	asJSON := fs.Bool("json", false, "print JSON")
	d := &doctor{}
	fs.StringVar(&d.probing.chat, "chat", "", "`id` of a group chat in which to try the app's installation; the app stays there")
	fs.StringVar(&d.probing.version, "package-version", "", "`version` of the app package that should be in use")
	if err := parse(fs, args, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cfg, err := loadConfig(*path)
	if errors.Is(err, errUsage) {
		return err
	}
	d.result("configuration", err, "read "+*path, "mend the lines named above")
	if err == nil {
		d.cfg = cfg
		d.run(ctx)
	}
	if err := d.print(out, *asJSON); err != nil {
		return err
	}
	for _, c := range d.checks {
		if c.State == checkFail {
			return errors.New("something needs mending: see the lines marked fail")
		}
	}
	return nil
}

func (d *doctor) run(ctx context.Context) {
	for _, w := range d.cfg.Warnings() {
		d.add("configuration", checkWarn, w, "")
	}
	convs, running := d.machine(ctx)
	cat := d.catalog(convs)
	d.pagerduty(ctx)
	d.teams(ctx, cat, convs)
	if cat != nil && d.cfg.Teams != nil {
		d.channels(cat, convs, running)
	}
	d.standby(ctx, cat)
	d.hooks(cat)
	d.topology(ctx, cat)
	d.jira(ctx, cat)
	d.confluence(ctx)
	d.mail(ctx)
	d.pages(ctx)
	if d.cfg.PublicURL == "" {
		d.add("public_url", checkWarn, "not set: cards carry no link to pages", "set public_url to the https address at which people reach imbot")
	}
	if len(d.cfg.API.Tokens) == 0 {
		d.add("api", checkOff, "no tokens: the REST API answers 401", "")
	}
}

func (d *doctor) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"version": version, "checks": d.checks})
	}
	for _, c := range d.checks {
		if _, err := fmt.Fprintf(out, "%-4s  %-26s %s\n", c.State, c.Name, strings.ReplaceAll(c.Detail, "\n", "\n"+strings.Repeat(" ", 33))); err != nil {
			return err
		}
		if c.Mend != "" && c.State != checkOK {
			if _, err := fmt.Fprintf(out, "%34s→ %s\n", "", c.Mend); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *doctor) catalog(convs []bot.Conversation) *catalog.Catalog {
	if d.cfg.Catalog == "" {
		d.add("catalog", checkWarn, "none: every service is unknown and goes to the default channel", "write a catalog.yaml and name it under catalog; catalog.example.yaml shows how")
		return nil
	}
	cat, err := loadCatalog(d.cfg, convs)
	if err != nil {
		d.add("catalog", checkFail, err.Error(), "mend the lines named above")
		return nil
	}
	d.add("catalog", checkOK, fmt.Sprintf("%d squads, %d services", len(cat.Squads()), len(cat.Services())), "")
	for _, g := range cat.Gaps() {
		d.add("catalog", checkWarn, g.What, g.Mend)
	}
	return cat
}

func (d *doctor) pagerduty(ctx context.Context) {
	p := d.cfg.PagerDuty
	if p == nil {
		d.add("pagerduty", checkOff, "no section: /webhooks/pagerduty answers 404", "")
		return
	}
	if p.APIToken == "" {
		d.add("pagerduty token", checkWarn, "no api_token: nothing is told to PagerDuty, details are not fetched, lost webhooks are not made up for", "create a REST API key in PagerDuty and set pagerduty.api_token")
		return
	}
	c, err := pagerduty.New(pagerduty.Config{Token: p.APIToken.Reveal(), BaseURL: p.URL, From: p.From})
	if err != nil {
		d.add("pagerduty token", checkFail, err.Error(), "mend the pagerduty section")
		return
	}
	who, err := c.Check(ctx)
	d.refused = err != nil
	d.result("pagerduty token", err, who, "check pagerduty.api_token, and that pagerduty.from is the mail of a PagerDuty user")
	if err == nil {
		d.subscription(ctx, c, p)
	}
}

func (d *doctor) subscription(ctx context.Context, c *pagerduty.Client, p *PagerDutyConfig) {
	const name = "pagerduty subscription"
	subs, err := c.Subscriptions(ctx)
	if err != nil {
		d.add(name, checkFail, err.Error(), "the token must be allowed to read webhook subscriptions")
		return
	}
	url := d.cfg.PublicURL + "/webhooks/pagerduty"
	for _, s := range subs {
		if s.ID != p.SubscriptionID && (p.SubscriptionID != "" || !strings.EqualFold(strings.TrimSuffix(s.URL, "/"), url)) {
			continue
		}
		switch {
		case !s.Active:
			d.add(name, checkFail, s.ID+" is switched off", "switch it on in PagerDuty: Integrations, Generic Webhooks (v3)")
		case s.TemporarilyDisabled:
			d.add(name, checkWarn, s.ID+" was switched off by PagerDuty after refused webhooks", "imbot switches it on again and makes up for what was lost, when it runs")
		default:
			d.add(name, checkOK, s.ID+" sends to "+s.URL, "")
		}
		return
	}
	d.add(name, checkFail, "no webhook subscription sends to "+url, "create one in PagerDuty (Integrations, Generic Webhooks (v3)) with that URL, and put its secret under pagerduty.webhook_secrets")
}

// channels lists squads without a working channel, and why. What was connected
// by “@imbot connect” is in the store, which a running imbot has for itself.
func (d *doctor) channels(cat *catalog.Catalog, convs []bot.Conversation, running bool) {
	byID := map[string]bot.Conversation{}
	for _, c := range convs {
		byID[c.ID] = c
	}
	if running {
		d.add("channels", checkOK, "not looked at, for imbot runs: “@imbot test” in a channel tries it", "")
		return
	}
	for _, key := range cat.SquadKeys() {
		r := cat.Route(key)
		name := "channel of " + key
		c, seen := byID[r.Channel]
		switch {
		case r.Channel == "" && len(convs) == 0:
			d.add(name, checkWarn, "none yet, and there is no default channel", "add imbot to the team in Teams, and say “@imbot connect "+key+"” in the channel")
		case r.Channel == "":
			d.add(name, checkFail, "none, and there is no default channel", "say “@imbot connect "+key+"” in the channel, or set squads.channel or teams.default_channel")
		case r.Default:
			d.add(name, checkWarn, "none of its own: its cards go to the default channel", "say “@imbot connect "+key+"” in its channel")
		case seen && c.Gone != "":
			d.add(name, checkFail, c.Gone, "add imbot to the team again, or connect another channel")
		case !seen:
			d.add(name, checkWarn, "imbot has not heard from it yet", "add imbot to that team in Teams, and say “@imbot test” in the channel")
		default:
			d.add(name, checkOK, strings.TrimSpace(c.TeamName+" "+c.Name), "")
		}
	}
}
