package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "correlation:", err)
		}
		os.Exit(1)
	}
}

var errMissed = errors.New("a target was missed")

// document is where the full run writes its tables, from the module's root.
const document = "docs/correlation.md"

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	var o options
	fs := flag.NewFlagSet("correlation", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Uint64Var(&o.seed, "seed", 1, "other seeds make other worlds")
	only := fs.String("scenario", "", "only these scenarios, such as layered-5,siblings")
	fs.BoolVar(&o.short, "short", false, "few and small worlds")
	fs.BoolVar(&o.orders, "orders", true, "also deliver each log in three other orders")
	md := fs.String("md", "", "`file` whose tables are written anew (default: "+document+" for a full run, else none)")
	show := fs.Int("errors", 0, "so many of imbot's mistakes of each sort are shown")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("there are no arguments, but %q is one", fs.Arg(0))
	}
	var err error
	if o.scenarios, err = choose(*only); err != nil {
		return err
	}
	if *only == "" && !o.short && o.orders {
		*md = cmp.Or(*md, document)
	}
	start := time.Now()
	results, err := runAll(ctx, o, func(r *result) {
		fmt.Fprintf(errOut, "%-12s %d worlds, %d alerts, after %s\n", r.scenario.name, r.worlds, r.alerts, time.Since(start).Round(time.Second))
	})
	if err != nil {
		return err
	}
	rep := newReport(o, results)
	text := rep.text()
	if *show > 0 {
		text += showMistakes(results, *show) + showWords(results)
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if *md != "" {
		if err := replaceTables(*md, rep.text()); err != nil {
			return err
		}
	}
	if rep.missed() {
		return errMissed
	}
	return nil
}

// choose finds the scenarios of a list of names; all for an empty one.
func choose(list string) ([]scenario, error) {
	all := scenarios()
	if list == "" {
		return all, nil
	}
	var out []scenario
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			var names []string
			for _, s := range all {
				names = append(names, s.name)
			}
			return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}
