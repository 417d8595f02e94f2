package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"imbot/backtest"
	"imbot/bot"
	"imbot/incident"
	"imbot/store/boltstore"
	"imbot/topology"
	"imbot/webhook"
)

const rulesUsage = `imbot rules test: replay the alerts that came, and print what levels, rules and correlation would make of them

examples:
  imbot rules test -config imbot.yaml -since 30d
  imbot rules test -config imbot.yaml -against new.yaml      what would not be the same with another configuration

The stored bodies of PagerDuty and the details that were fetched are replayed in the order in which they came, in a
folder that is removed afterwards. The store is only read, while imbot runs, too (that takes an API token with role
admin in the configuration). Nothing is sent. Of the graph of calls, each time sees what was known then; catalog, levels
and rules are those of the configuration as it is now. What people did in chat is not replayed: their corrections of
links and levels are compared with the outcome; windows of mute are kept. What came of no webhook (declared by hand,
made up for over PagerDuty's API) is not in the log. After the newest body time goes on until nothing is due.
A configuration for -against is a complete one; its store is not used.

`

// rulesCall is one use of imbot rules test.
type rulesCall struct {
	config, against string
	since           Duration
	json, all       bool
}

// errConfig is a configuration that can not be used; exit code 2.
type errConfig struct{ error }

func (e errConfig) Is(target error) bool { return target == errUsage }
func (e errConfig) Unwrap() error        { return e.error }

// runRules tries rules out.
func runRules(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := verbFlags("rules test", rulesUsage, errOut)
	var c rulesCall
	fs.StringVar(&c.config, "config", "", "configuration `file`")
	fs.StringVar(&c.against, "against", "", "another configuration `file`, to compare")
	fs.Func("since", "how far back from the newest body, such as 90d (default: all that is stored)", func(s string) error {
		err := c.since.UnmarshalText([]byte(s))
		if err == nil && c.since <= 0 {
			err = errors.New("say a time above 0, such as 90d")
		}
		return err
	})
	fs.BoolVar(&c.json, "json", false, "print JSON, with every incident")
	fs.BoolVar(&c.all, "all", false, fmt.Sprintf("print every incident, not only the newest %d", backtest.MaxRows))
	if err := parseVerb(fs, args, out); err != nil {
		return err
	}
	return c.run(ctx, out, errOut)
}

// candidate is a configuration that is tried out.
type candidate struct {
	name string
	cfg  *Config
}

// candidates reads the configurations; one that can not be used is the end.
func (c *rulesCall) candidates() ([]candidate, error) {
	paths := []string{c.config}
	if c.against != "" {
		paths = append(paths, c.against)
	}
	var out []candidate
	for _, path := range paths {
		cfg, err := loadConfig(path)
		if err != nil {
			return nil, errConfig{err}
		}
		if _, err := loadCatalog(cfg, nil); err != nil {
			return nil, errConfig{err}
		}
		out = append(out, candidate{path, cfg})
	}
	return out, nil
}

func (c *rulesCall) run(ctx context.Context, out, errOut io.Writer) (err error) {
	tried, err := c.candidates()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "imbot-rules-*")
	if err != nil {
		return fmt.Errorf("make a folder to replay in: %w; TMPDIR says where", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	from, err := openCopy(ctx, tried[0].cfg, filepath.Join(dir, "log.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	conversations, err := from.Conversations(ctx)
	if err != nil {
		return err
	}
	edges, err := from.Edges(ctx)
	if err != nil {
		return err
	}
	progress, done := showProgress(errOut)
	defer done()
	var outcomes []*backtest.Outcome
	for i, t := range tried {
		rules, err := t.rules(conversations, edges)
		if err != nil {
			return err
		}
		r := backtest.Replay{Log: from, Since: c.since.Std(), Read: webhook.CommandOf, Progress: progress, Scratch: func(now func() time.Time) (backtest.Scratch, error) {
			return boltstore.Open(filepath.Join(dir, fmt.Sprintf("replay-%d.db", i)), boltstore.Options{
				Now: now, KeyRetention: t.cfg.Retention.Keys.Std(), NoSync: true, Logger: slog.New(slog.DiscardHandler),
			})
		}}
		outcome, err := r.Run(ctx, rules)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, outcome)
	}
	done()
	report := backtest.NewReport(outcomes...)
	if c.json {
		return report.JSON(out)
	}
	return report.Text(out, backtest.Options{All: c.all, Location: tried[0].cfg.Location()})
}

// rules are what a configuration comes to, with what the store knows.
func (t *candidate) rules(conversations []bot.Conversation, edges []topology.Edge) (backtest.Rules, error) {
	cat, err := loadCatalog(t.cfg, conversations)
	if err != nil {
		return backtest.Rules{}, errConfig{err}
	}
	services, memory := graphServices(cat), t.cfg.Correlation.EdgeMemory.Std()
	var news []time.Time
	for _, e := range edges {
		if !e.FirstSeen.IsZero() {
			news = append(news, e.FirstSeen)
		}
	}
	graphs := backtest.NewGraphs(func(at time.Time) incident.Topology { return topology.AsOf(edges, services, at, memory) }, news)
	return backtest.Rules{Name: t.name, Catalog: cat, Linking: t.cfg.Linking(), Topology: graphs.At}, nil
}
