package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"imbot/catalog"
	"imbot/topology"
)

// How long the doctor waits for one source: first for a word, then for all calls.
const (
	doctorCheck = 10 * time.Second
	doctorRead  = 20 * time.Second
)

// sourceCheck is what sources can say of themselves with few requests.
type sourceCheck interface {
	check(ctx context.Context) (string, error)
}

// topology asks each source of calls: whether it answers, how many calls it
// knows, and how many of its names no service has. Nothing of it is stored.
func (d *doctor) topology(ctx context.Context, cat *catalog.Catalog) {
	for _, s := range []struct {
		name string
		off  bool
	}{{sourceNewRelic, d.cfg.NewRelic == nil}, {sourcePrometheus, d.cfg.Prometheus == nil}, {sourceBackstage, d.cfg.Backstage == nil}} {
		if s.off {
			d.add(s.name, checkOff, "no section: it is not asked who calls whom", "")
		}
	}
	feeds, err := feedsOf(d.cfg)
	if err != nil {
		d.add("topology", checkFail, err.Error(), "mend the section that it names")
		return
	}
	var services []topology.Service
	if cat != nil {
		services = graphServices(cat)
	}
	for _, f := range feeds {
		d.feed(ctx, f, services)
	}
	static := 0
	for _, s := range services {
		static += len(s.DependsOn)
	}
	switch {
	case static > 0:
		d.add("depends_on", checkOK, fmt.Sprintf("%d calls in the catalog", static), "")
	case len(feeds) == 0:
		d.add("topology", checkWarn, "nobody says who calls whom: cascades are not found", "add depends_on in the catalog, or one of newrelic, prometheus, backstage")
	}
}

func (d *doctor) feed(ctx context.Context, f topology.Feed, services []topology.Service) {
	name := "calls from " + f.Name
	mend := "check " + f.Name + " in the configuration: address, token, and what the token may read"
	if f.Name == sourcePagerDuty {
		mend = "the token must be allowed to read services; or set topology.pagerduty: false"
	}
	found := ""
	if c, ok := f.Source.(sourceCheck); ok {
		short, cancel := context.WithTimeout(ctx, doctorCheck)
		var err error
		found, err = c.check(short)
		cancel()
		if err != nil {
			d.add(name, checkFail, err.Error(), mend)
			return
		}
	}
	read, cancel := context.WithTimeout(ctx, doctorRead)
	defer cancel()
	seen, err := f.Source.Edges(read, f.Window)
	switch {
	case ctx.Err() != nil:
		d.add(name, checkWarn, fmt.Sprintf("answers (%s), and there was no time left to read its calls", found), "")
		return
	case errors.Is(err, context.DeadlineExceeded):
		d.add(name, checkWarn, fmt.Sprintf("answers (%s), and reading all calls takes longer than %s", found, doctorRead), "")
		return
	case err != nil:
		d.add(name, checkFail, err.Error(), mend)
		return
	}
	d.judge(name, found, topology.Judge(f.Name, seen, services, time.Now()))
}

// judge says what an answer came to.
func (d *doctor) judge(name, found string, s topology.SourceState) {
	detail := fmt.Sprintf("%s, %d calls between services of the catalog", found, s.Edges)
	if n := len(s.Unmapped); n > 0 {
		var first []string
		for _, u := range s.Unmapped[:min(n, 5)] {
			first = append(first, u.Name)
		}
		many := fmt.Sprint(n)
		if n == topology.MaxUnmapped {
			many = fmt.Sprintf("%d or more", n)
		}
		detail += fmt.Sprintf("; %d calls are of %s names that no service has, such as %s", s.Unknown, many, strings.Join(first, ", "))
		d.add(name, checkWarn, detail, "add them to the aliases of services in the catalog; imbot topology unmapped lists all")
		return
	}
	if s.Edges == 0 {
		d.add(name, checkWarn, detail, "see whether it knows of any calls at all; for metrics: of service graphs, Istio or Linkerd")
		return
	}
	d.add(name, checkOK, detail, "")
}
