// Command imbot is the incident management bot for Microsoft Teams.
//
// It holds no logic: it reads the configuration, wires the packages together,
// and offers them as subcommands. Run "imbot help" for the list.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one subcommand.
type command struct {
	name, text, example string
	run                 func(ctx context.Context, args []string, out, errOut io.Writer) error
}

func subcommands() []command {
	return []command{
		{"serve", "run the service", "imbot serve -config imbot.yaml", runServe},
		{"demo", "everything on one machine, with simulated vendors and a story that plays", "imbot demo", runDemo},
		{"doctor", "check configuration, credentials and reachability, and say how to mend each", "imbot doctor -config imbot.yaml", runDoctor},
		{"manifest", "write the Teams app package", "imbot manifest -config imbot.yaml -out imbot.zip", runManifest},
		{"permissions", "print what imbot may be granted elsewhere, what for, and what is lost without it", "imbot permissions", runPermissions},
		{"topology", "show who calls whom, import it from a file, list names that no service has", "imbot topology show -config imbot.yaml", runTopology},
		{"rules", "try levels, rules and correlation on the alerts that came, and compare two configurations", "imbot rules test -config imbot.yaml -since 30d -against new.yaml", runRules},
		{"import", "take over PagerDuty's incidents of the past, without telling anybody", "imbot import pagerduty -since 1y -config imbot.yaml", runImport},
		{"jira", "print what was not in Jira as it is here, and what was done about it", "imbot jira drift -config imbot.yaml", runJiraCommand},
		{"backup", "write a copy of the store while the service runs or not", "imbot backup -config imbot.yaml imbot.backup", runBackup},
		{"restore", "make a store of a copy", "imbot restore -config imbot.yaml imbot.backup", runRestore},
		{"version", "print the version", "imbot version", runVersion},
	}
}

// errUsage marks an error of whoever typed the command; exit code 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with everything passed in.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	cmds := subcommands()
	if len(args) == 0 || asksHelp(args[0]) {
		usage(out, cmds)
		if len(args) == 0 {
			return exitUsage
		}
		return exitDone
	}
	i := slices.IndexFunc(cmds, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(errOut, "imbot: there is no command %q\n\n", args[0])
		usage(errOut, cmds)
		return exitUsage
	}
	err := cmds[i].run(ctx, args[1:], out, errOut)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errUsage):
		fmt.Fprintln(errOut, "imbot:", err)
		return exitUsage
	}
	fmt.Fprintln(errOut, "imbot:", err)
	return exitFailed
}

func usage(w io.Writer, cmds []command) {
	fmt.Fprintln(w, "imbot runs a company's incidents inside Microsoft Teams.\n\nusage: imbot COMMAND [flags]   (imbot COMMAND -h for the flags)")
	fmt.Fprintln(w)
	for _, c := range cmds {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.text)
	}
}

func asksHelp(arg string) bool { return arg == "help" || arg == "-h" || arg == "--help" }

// flags returns the flag set of a subcommand, with an example in its help.
func flags(name string, errOut io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("imbot "+name, flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		for _, c := range subcommands() {
			if c.name == name {
				fmt.Fprintf(errOut, "imbot %s: %s\n\nexample: %s\n\n", name, c.text, c.example)
			}
		}
		fs.PrintDefaults()
	}
	return fs
}

// verbFlags returns the flag set of a subcommand with one verb, such as "rules
// test". Its help is usage, and the flags.
func verbFlags(words, usage string, errOut io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("imbot "+words, flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), usage)
		fs.PrintDefaults()
	}
	return fs
}

// parseVerb demands the verb, and then what parse does, without arguments.
func parseVerb(fs *flag.FlagSet, args []string, out io.Writer) error {
	_, verb, _ := strings.Cut(strings.TrimPrefix(fs.Name(), "imbot "), " ")
	switch {
	case len(args) > 0 && args[0] == verb:
		return parse(fs, args[1:], 0)
	case len(args) > 0 && asksHelp(args[0]):
		fs.SetOutput(out)
		fs.Usage()
		return flag.ErrHelp
	}
	fs.Usage()
	return fmt.Errorf("%w: say %s", errUsage, fs.Name())
}

// parse reads the flags and demands that want arguments are left; want < 0 takes
// any number.
func parse(fs *flag.FlagSet, args []string, want int) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if want >= 0 && fs.NArg() != want {
		fs.Usage()
		return fmt.Errorf("%w: %d arguments, want %d", errUsage, fs.NArg(), want)
	}
	return nil
}

func runVersion(_ context.Context, args []string, out, errOut io.Writer) error {
	if err := parse(flags("version", errOut), args, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "imbot", version)
	return err
}
