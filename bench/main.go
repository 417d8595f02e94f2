package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	rounds  int
	seconds float64 // of each cell of a round
	warm    float64 // seconds before, that are not counted
	conns   []int
	stored  []int // incidents in the store before; ascending
	only    []string
	wait    time.Duration
	dir     string // for data
	db      string // a seeded store of the largest size; "": in dir
	seed    int
	profile string
}

// parts are what can be measured, in this order.
var parts = []string{"ingest", "dup", "click", "start", "overload"}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

var errMissed = errors.New("a target was missed")

func run(args []string, out, errOut io.Writer) error {
	if len(args) > 1 && args[0] == "-child" {
		return runChild(args[1], args[2:])
	}
	o, err := parseFlags(args, errOut)
	if err != nil {
		return err
	}
	if o.seed > 0 {
		t := time.Now()
		if err := seed(o.db, o.seed, errOut); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s\n", o.db, seedNote(o.db, o.seed, time.Since(t)))
		return nil
	}
	b, err := newBench(o, out, errOut)
	if err != nil {
		return err
	}
	return errors.Join(b.run(), b.close())
}

func runChild(kind string, args []string) error {
	switch {
	case kind == "load":
		return makeLoad(os.Stdin, os.Stdout)
	case kind == "idle" && len(args) == 2:
		return idle(args[0], args[1], os.Stdin, os.Stdout)
	}
	return fmt.Errorf("there is no child process %q", kind)
}

func parseFlags(args []string, errOut io.Writer) (*options, error) {
	o := &options{warm: 0.25}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.IntVar(&o.rounds, "rounds", 5, "how often each cell is measured")
	fs.Float64Var(&o.seconds, "seconds", 2, "length of each measurement")
	conns := fs.String("conns", "1,32,256", "numbers of connections")
	stored := fs.String("stored", "1000,1000000", "incidents in the store before: the small and the large store")
	only := fs.String("only", strings.Join(parts, ","), "what to measure")
	fs.DurationVar(&o.wait, "wait", 0, "longest wait before each measurement until others leave the processors alone")
	fs.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "imbot-bench"), "`folder` for data, on the disk that is to be measured; a large store stays there for the next time")
	fs.StringVar(&o.db, "db", "", "`file` with the large store (default: in -dir); with -seed: the file to make")
	fs.IntVar(&o.seed, "seed", 0, "only make a store with so many incidents, at -db")
	fs.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the server to this `file`")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if o.conns, err = numbers(*conns); err != nil {
		return nil, fmt.Errorf("-conns: %w", err)
	}
	if o.stored, err = numbers(*stored); err != nil {
		return nil, fmt.Errorf("-stored: %w", err)
	}
	slices.Sort(o.stored)
	o.only = strings.Split(*only, ",")
	switch {
	case slices.ContainsFunc(o.only, func(p string) bool { return !slices.Contains(parts, p) }):
		return nil, fmt.Errorf("-only takes some of %s", strings.Join(parts, ","))
	case o.rounds < 1 || o.seconds <= 0 || len(o.stored) > 2 || o.seed < 0 || fs.NArg() > 0:
		return nil, errors.New("-rounds and -seconds are above 0, -stored is one or two numbers, and there are no arguments")
	case o.seed > 0 && o.db == "":
		return nil, errors.New("-seed needs -db, the file to make")
	}
	return o, nil
}

func numbers(list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number above 0", s)
		}
		out = append(out, n)
	}
	return out, nil
}

// bench is one run.
type bench struct {
	*options
	out     io.Writer
	log     io.Writer
	load    *child
	name    string // of this run: its incidents are in no store yet
	made    int    // how many of them were made
	missed  bool
	stores  map[int]string // seeded files
	profile *os.File
}

func newBench(o *options, out, log io.Writer) (*bench, error) {
	b := &bench{options: o, out: out, log: log, stores: map[int]string{}, name: strconv.FormatInt(time.Now().UnixNano(), 36)}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if b.load, err = startChild("load"); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *bench) run() error {
	if err := b.machine("before"); err != nil {
		return err
	}
	if err := b.seedStores(); err != nil {
		return err
	}
	if b.options.profile != "" {
		var err error
		if b.profile, err = os.Create(b.options.profile); err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(b.profile); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{{"ingest", b.ingest}, {"dup", b.duplicates}, {"click", b.clicks}, {"start", b.start}, {"overload", b.overload}} {
		if !slices.Contains(b.only, part.name) {
			continue
		}
		t := time.Now()
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(b.log, "%s took %s\n", part.name, time.Since(t).Round(time.Second))
	}
	if err := b.machine("after"); err != nil {
		return err
	}
	if b.missed {
		return errMissed
	}
	return nil
}

func (b *bench) close() error {
	for _, name := range []string{"run.db", "run-large.db"} {
		if err := os.Remove(filepath.Join(b.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if b.profile != nil {
		pprof.StopCPUProfile()
		if err := b.profile.Close(); err != nil {
			return err
		}
	}
	return b.load.close()
}

// large is the size of the large store.
func (o *options) large() int { return o.stored[len(o.stored)-1] }

// small is up to which size a store is made anew for each run, and copied for
// each measurement. A larger one is copied once for each run.
const small = 50_000

// seedStores makes the stores that are not there yet.
func (b *bench) seedStores() error {
	for _, n := range b.stored {
		path := filepath.Join(b.dir, fmt.Sprintf("seed-%d.db", n))
		if n == b.large() && b.db != "" {
			path = b.db
		}
		took := time.Duration(0)
		if _, err := os.Stat(path); err != nil || n <= small {
			if n > small {
				fmt.Fprintf(b.log, "making a store with %d incidents at %s, once\n", n, path)
			}
			t := time.Now()
			if err := seed(path, n, b.log); err != nil {
				return fmt.Errorf("make a store with %d incidents: %w", n, err)
			}
			took = time.Since(t)
		}
		fmt.Fprintf(b.out, "Store with %d incidents: %s\n\n", n, seedNote(path, n, took))
		b.stores[n] = path
		if n > small {
			b.stores[n] = filepath.Join(b.dir, "run-large.db")
			if err := copyFile(b.stores[n], path); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedNote says how large a seeded store is.
func seedNote(path string, n int, took time.Duration) string {
	fi, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	note := fmt.Sprintf("%d MB, %.1f KB an incident", fi.Size()>>20, float64(fi.Size())/1024/float64(n))
	if took > 0 {
		note += fmt.Sprintf(", made in %s", took.Round(100*time.Millisecond))
	}
	return note
}
