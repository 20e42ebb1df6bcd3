// Package cli is the command `infer`: flags in, a plan, a run of the library, words and files out.
//
// Results go to standard output, everything else to standard error. [Main] is the whole command; one file holds one
// subcommand, settings.go what a run is made of, target.go how names become densities, report.go what is said of a run.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/plugins"
)

// Exit codes. 128 and the number of a signal is the code of a run that a signal ended.
const (
	exitInternal = 1
	exitUsage    = 2
	exitStrict   = 3
	exitPlugin   = 4
	exitData     = 5
)

// codedError is an error that knows its exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

func data(err error) error { return &codedError{exitData, err} }

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal syscall.Signal }

func (e *signalError) Error() string {
	return map[syscall.Signal]string{syscall.SIGINT: "interrupted", syscall.SIGTERM: "terminated", syscall.SIGHUP: "hung up"}[e.signal]
}

// exitCode is the code of an error: what it says itself, else what kind of fault it is.
func exitCode(err error) int {
	var coded *codedError
	var caught *signalError
	var failed *plugins.Error
	var start *mcmc.ParticleError
	var outside *mcmc.OutsideError
	var diverged *mcmc.DivergedError
	var unwritten *store.NotWrittenError
	var uncertain *store.UncertainError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &caught):
		return 128 + int(caught.signal)
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &failed): // before what it wraps
		return exitPlugin
	case errors.As(err, &unwritten), errors.As(err, &uncertain), errors.Is(err, store.ErrCorrupt), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission),
		errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO):
		return exitData
	case errors.As(err, &start), errors.As(err, &outside), errors.As(err, &diverged):
		return exitUsage
	}
	return exitInternal
}

// streams are where a command reads and writes.
type streams struct {
	out, err io.Writer
	terminal terminal
}

// firstError keeps the first error of a writer: what was not written is told, whoever printed it.
type firstError struct {
	out io.Writer
	err error
}

func (f *firstError) Write(b []byte) (int, error) {
	n, err := f.out.Write(b)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// Main runs the command with the arguments behind its name and returns the exit code. The first SIGINT or SIGTERM stops
// a run in good order, the second at once.
func Main(args []string) int {
	if closed() {
		fmt.Fprintln(os.Stderr, "infer: standard output is closed: redirect it to a file or to /dev/null")
		return exitData
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of the write
	ctx, stop := withSignals(context.Background())
	defer stop()
	out := &firstError{out: os.Stdout}
	s := &streams{out: out, err: os.Stderr, terminal: detect()}
	err := execute(ctx, s, args)
	if err == nil {
		err = out.err
	}
	if errors.Is(err, syscall.EPIPE) { // `| head` has what it wanted
		return 0
	}
	if err != nil {
		say(s, err)
	}
	return exitCode(err)
}

// packages are the names of packages before an error, which tell a user of the command nothing.
var packages = regexp.MustCompile(`(^|\s)(?:mcmc|score|train): `)

// say prints an error and, for a mistyped density, the place.
func say(s *streams, err error) {
	text := err.Error()
	var start *mcmc.ParticleError
	var outside *mcmc.OutsideError
	if errors.As(err, &start) { // which worker met it, and when, helps nobody
		text = start.Error()
	} else if errors.As(err, &outside) {
		text = outside.Error() + ": --init FILE, or --init uniform"
	}
	fmt.Fprintf(s.err, "infer: %s\n", packages.ReplaceAllString(text, "$1"))
	var failed *plugins.Error
	if errors.As(err, &failed) && len(failed.Log) > 0 {
		fmt.Fprintf(s.err, "the end of its log:\n  | %s\n", strings.Join(failed.Log, "\n  | "))
	}
	var formula *density.ParseError
	if errors.As(err, &formula) {
		fmt.Fprintln(s.err, formula.Picture())
		if formula.Name != "" {
			fmt.Fprintf(s.err, "if %s is a constant, give it: --const %s=NUMBER\n", formula.Name, formula.Name)
		}
	}
}

// withSignals returns a context that ends with a signalError. After the first signal the next has its usual effect.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		s, ok := <-caught
		if !ok {
			return
		}
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		number, _ := s.(syscall.Signal)
		cause := &signalError{number}
		fmt.Fprintf(os.Stderr, "infer: %s; stopping in good order (again: at once)\n", cause)
		cancel(cause)
	}()
	return ctx, func() { signal.Stop(caught); cancel(nil) }
}

// execute runs one command line.
func execute(ctx context.Context, s *streams, args []string) error {
	root := &cobra.Command{
		Use:           "infer",
		Short:         "Score-based probabilistic inference",
		Long:          "infer draws from any density that can be written down, and from what it has learned of a law, or of images, by draws alone.",
		Example:       "  infer sample --density donut\n  infer sample --logp '-(norm(x)-2.6)^2/0.033' --dim 2 -o draws.npz\n  infer summary draws.npz",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	started := false
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		started = true
		return checkFlags(c)
	}
	root.SetHelpFunc(help)
	root.SetFlagErrorFunc(flagError)
	root.SetArgs(args)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.AddCommand(sampleCommand(s), trainCommand(s), plotCommand(s), summaryCommand(s), evalCommand(s), rerunCommand(s), listCommand(s), doctorCommand(s), pluginCommand(s), versionCommand(s))
	root.CompletionOptions.HiddenDefaultCmd = false
	err := root.ExecuteContext(ctx)
	var caught *signalError
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &caught) && !errors.As(err, new(*signalError)) {
		err = fmt.Errorf("%w: nothing is kept", caught) // what was under way knows only that it ended
	}
	var coded *codedError
	if err != nil && !started && !errors.As(err, &coded) { // cobra's own errors are plain
		text, _, _ := strings.Cut(err.Error(), "\nRun '")
		return usage("%s", strings.ReplaceAll(strings.TrimSpace(text), "\n\nDid you mean this?\n\t", "; did you mean "))
	}
	return err
}

// checkFlags refuses what no command can mean: a flag with nothing behind it, as an unset variable of a shell leaves, and a
// backend of the environment that does not exist.
func checkFlags(c *cobra.Command) error {
	var empty error
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" {
			empty = usage("--%s is given, and empty", f.Name)
		}
	})
	if name := os.Getenv(backends.Environment); name != "" && empty == nil && c.Name() != "doctor" {
		if err := oneOf(backends.Environment, name, []string{"generic", "avx2", "avx512"}); err != nil {
			return err
		}
		if err := backends.Use(name); err != nil {
			return usage("%s: %w", backends.Environment, err)
		}
	}
	return empty
}

// flagError names the nearest flag to a mistyped one.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		name := unknown.GetSpecifiedName()
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := spelling.Nearest(name, known); near != "" {
			return usage("unknown flag --%s; did you mean --%s?", name, near)
		}
		return usage("unknown flag --%s; %s --help lists them", name, c.CommandPath())
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		wanted, ok := valueKinds[invalid.GetFlag().Value.Type()]
		if !ok {
			wanted = "another value"
		}
		return usage("--%s %s: %s is wanted", invalid.GetFlag().Name, invalid.GetValue(), wanted)
	}
	return usage("%w", err)
}

// valueKinds says what a flag takes, by pflag's name of its type.
var valueKinds = map[string]string{
	"int": "a whole number", "uint64": "a whole number that is not negative", "duration": "a duration like 30s, 5m or 1h", "bool": "true or false",
}

// noArguments refuses words that belong to no flag.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	for _, d := range listDensities() {
		if c.Name() == "sample" && d.Name == args[0] {
			return usage("%s takes flags alone; did you mean --density %s?", c.CommandPath(), args[0])
		}
	}
	return usage("%s takes flags alone, and %q belongs to none", c.CommandPath(), args[0])
}

// oneFile wants the name of one file.
func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s needs one file of draws, and %d are named", c.CommandPath(), len(args))
	}
	return nil
}

// oneOf checks a value against the names that exist.
func oneOf(what, value string, known []string) error {
	for _, k := range known {
		if k == value {
			return nil
		}
	}
	if near := spelling.Nearest(value, known); near != "" {
		return usage("unknown %s %q; did you mean %q?", what, value, near)
	}
	return usage("unknown %s %q; there are %s", what, value, strings.Join(known, ", "))
}
