package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"imbot/catalog/strictyaml"
	"imbot/topology/edgefile"
)

// topologyCommand is one way to use imbot topology.
type topologyCommand struct {
	name, args, text, example string
	run                       func(c *topologyCall) error
}

func topologyCommands() []topologyCommand {
	return []topologyCommand{
		{"show", "[SERVICE]", "print the calls, and how each source does; or what one service calls, and who calls it", "imbot topology show checkout -config imbot.yaml", (*topologyCall).show},
		{"import", "FILE", "remember the calls in a file, YAML (edges: [{from: checkout, to: payments-db}]) or CSV (from,to or from,to,rate); with -remove, forget them", "imbot topology import calls.csv -config imbot.yaml", (*topologyCall).load},
		{"unmapped", "", "list the sources' names that no service of the catalog has, with the nearest one", "imbot topology unmapped -config imbot.yaml", (*topologyCall).unmapped},
	}
}

// topologyCall is one use of imbot topology.
type topologyCall struct {
	ctx       context.Context // of this one command
	out       io.Writer
	cfg       *Config
	args      []string
	json, all bool
	remove    bool
	skip      bool
}

// runTopology works on the store, or on the running imbot.
func runTopology(ctx context.Context, args []string, out, errOut io.Writer) error {
	usage := func(w io.Writer) {
		fmt.Fprint(w, "imbot topology: who calls whom, as imbot remembers it\n\n")
		for _, c := range topologyCommands() {
			fmt.Fprintf(w, "  imbot topology %s\n      %s\n      example: %s\n", strings.TrimSpace(c.name+" "+c.args), c.text, c.example)
		}
		fmt.Fprint(w, "\nWhile imbot runs, it is asked: that takes an API token with role admin in the configuration.\n")
	}
	if len(args) == 0 {
		usage(errOut)
		return fmt.Errorf("%w: say show, import or unmapped", errUsage)
	}
	for _, c := range topologyCommands() {
		if c.name == args[0] {
			return runTopologyCommand(ctx, c, args[1:], out, errOut)
		}
	}
	if asksHelp(args[0]) {
		usage(out)
		return nil
	}
	usage(errOut)
	return fmt.Errorf("%w: there is no %q; say show, import or unmapped", errUsage, args[0])
}

func runTopologyCommand(ctx context.Context, c topologyCommand, args []string, out, errOut io.Writer) error {
	call := &topologyCall{ctx: ctx, out: out}
	fs := flag.NewFlagSet("imbot topology "+c.name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprintf(errOut, "imbot topology %s: %s\n\nexample: %s\n\n", strings.TrimSpace(c.name+" "+c.args), c.text, c.example)
		fs.PrintDefaults()
	}
	path := fs.String("config", "", "configuration `file`")
	fs.BoolVar(&call.json, "json", false, "print JSON")
	if c.name == "show" {
		fs.BoolVar(&call.all, "all", false, "print, too, what does not count any more")
	}
	if c.name == "import" {
		fs.BoolVar(&call.remove, "remove", false, "forget the imported calls that the file names")
		fs.BoolVar(&call.skip, "skip-unknown", false, "leave calls of unknown services out, instead of refusing the file")
	}
	for len(args) > 0 { // flags may stand before and after the argument
		if err := parse(fs, args, -1); err != nil {
			return err
		}
		if args = fs.Args(); len(args) > 0 {
			call.args, args = append(call.args, args[0]), args[1:]
		}
	}
	least, most := strings.Count(c.args, "FILE"), len(strings.Fields(c.args))
	if len(call.args) < least || len(call.args) > most {
		fs.Usage()
		return fmt.Errorf("%w: %d arguments, want %s", errUsage, len(call.args), strings.TrimSpace(fmt.Sprintf("%d %s", most, c.args)))
	}
	var err error
	if call.cfg, err = loadConfig(*path); err != nil {
		return err
	}
	return c.run(call)
}

// report asks for what is remembered.
func (c *topologyCall) report(service string) (topologyReport, error) {
	d, err := openTopology(c.ctx, c.cfg, false)
	if err != nil {
		return topologyReport{}, err
	}
	r, err := d.report(c.ctx, service)
	return r, errors.Join(err, d.close())
}

func (c *topologyCall) printJSON(doc any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

func (c *topologyCall) show() error {
	service := ""
	if len(c.args) > 0 {
		service = c.args[0]
	}
	r, err := c.report(service)
	if err != nil {
		return err
	}
	if s := r.Service; s != nil && s.Key == "" {
		return fmt.Errorf("there is no service %q%s", service, edgefile.Hint(service, c.keys()))
	}
	switch {
	case c.json && r.Service != nil:
		return c.printJSON(r.Service)
	case c.json:
		return c.printJSON(r)
	case r.Service != nil:
		return printService(c.out, r)
	}
	return printTopology(c.out, r, c.all)
}

// keys are those of the catalogue's services; none where it can not be read.
func (c *topologyCall) keys() []string {
	cat, err := loadCatalog(c.cfg, nil)
	if err != nil {
		return nil
	}
	var out []string
	for _, s := range cat.Services() {
		out = append(out, s.Key)
	}
	return out
}

func (c *topologyCall) load() error {
	name := c.args[0]
	data, err := readBounded(name, edgefile.MaxBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	edges, err := edgefile.Parse(name, data)
	if err != nil {
		return err
	}
	d, err := openTopology(c.ctx, c.cfg, true)
	if err != nil {
		return err
	}
	r, err := d.change(c.ctx, importRequest{Edges: edges, Remove: c.remove, SkipUnknown: c.skip})
	if err = errors.Join(err, d.close()); err != nil {
		return err
	}
	if n := len(r.Problems); n > 0 {
		var lines []string
		for _, p := range r.Problems[:min(n, edgefile.MaxProblems)] {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", name, p.Line, p.Text))
		}
		if n > edgefile.MaxProblems {
			lines = append(lines, "and more")
		}
		return fmt.Errorf("nothing of the file was taken:\n%s", strings.Join(lines, "\n"))
	}
	if c.json {
		return c.printJSON(r)
	}
	what := "remembered"
	if c.remove {
		what = "forgotten"
	}
	_, err = fmt.Fprintf(c.out, "%d calls %s", r.Done, what)
	if err == nil && r.Skipped > 0 {
		_, err = fmt.Fprintf(c.out, ", %d left out because no service has the name: imbot topology unmapped", r.Skipped)
	}
	if err == nil {
		_, err = fmt.Fprintln(c.out)
	}
	return err
}

func (c *topologyCall) unmapped() error {
	r, err := c.report("")
	if err != nil {
		return err
	}
	cat, err := loadCatalog(c.cfg, nil)
	if err != nil {
		return err
	}
	var names []string
	key := map[string]string{}
	for _, s := range cat.Services() {
		for _, n := range append([]string{s.Key, s.Name}, s.Aliases...) {
			names, key[n] = append(names, n), s.Key
		}
	}
	for i := range r.Unmapped {
		u := &r.Unmapped[i]
		if u.Hint = key[strictyaml.Nearest(u.Name, names)]; u.Hint == "" {
			_, rest, _ := strings.Cut(u.Name, "/") // without its namespace
			u.Hint = key[strictyaml.Nearest(rest, names)]
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"at": r.At, "unmapped": r.Unmapped})
	}
	if len(r.Unmapped) == 0 {
		_, err := fmt.Fprintln(c.out, "every name that a source uses is that of a service")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSOURCE\tCALLS\tANSWERS\tLAST SEEN\tNEAREST SERVICE")
	for _, u := range r.Unmapped {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", u.Name, u.Source, u.Edges, u.Times, ago(r.At, u.LastSeen, "-"), orDash(u.Hint))
	}
	fmt.Fprintln(w, "\nAdd the name to the service's aliases in the catalog, or a service of that name.")
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago is the age of a time for people; none is for the zero time.
func ago(now, t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", d/time.Hour)
	default:
		return fmt.Sprintf("%dd ago", d/(24*time.Hour))
	}
}
