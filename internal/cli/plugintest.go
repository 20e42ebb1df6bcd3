package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/plugins/conformance"
)

// pluginTarget is the plug-in that test, bench or info are about: a name, or --plugin-dev.
type pluginTarget struct {
	pluginFlags
	asJSON bool
}

// command makes a command about one plug-in.
func (p *pluginTarget) command(folder *string, c *cobra.Command, run func(ctx context.Context, d *program) error, s *streams) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if p.dev != "" && len(args) == 0 {
			return nil
		}
		if p.dev != "" {
			return usage("%s: give a name or --plugin-dev, not both", c.CommandPath())
		}
		return pluginName(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		p.dir = *folder
		d, err := p.program(s, strings.Join(args, ""))
		if err != nil {
			return err
		}
		return run(c.Context(), d)
	}
	c.Flags().StringVar(&p.dev, "plugin-dev", "", "the plug-in in this folder or program, as it is")
	c.Flags().StringVar(&p.config, "plugin-config", "", "settings of its models: a JSON object")
	c.Flags().BoolVar(&p.asJSON, "json", false, "print JSON")
	return c
}

// modelsConfig is --plugin-config.
func (p *pluginTarget) modelsConfig() (json.RawMessage, error) {
	if p.config == "" {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(p.config), &values); err != nil {
		return nil, usage("--plugin-config %.60s: a JSON object is wanted%s", p.config, whyNoJSON(err))
	}
	return json.RawMessage(p.config), nil
}

// under is the plug-in as the conformance kit wants it.
func (p *pluginTarget) under(d *program) (conformance.Plugin, error) {
	config, err := p.modelsConfig()
	plugin := conformance.Plugin{Options: d.options, Config: config}
	if d.isFolder() {
		plugin.Name, plugin.Version, plugin.Kinds = d.manifest.Name, d.manifest.Version, d.manifest.Kinds
	}
	return plugin, err
}

func pluginTest(s *streams, folder *string) *cobra.Command {
	var p pluginTarget
	var quick bool
	var only []string
	c := p.command(folder, &cobra.Command{
		Use:   "test NAME",
		Short: "Test whether a plug-in keeps the protocol",
		Long: "test starts a plug-in again and again and asks it what infer asks, and much that infer never would: wrong shapes, NaN,\n" +
			"garbage, signals. It prints what each check found, and what a call costs.",
		Example: "  infer plugin test my-score\n  infer plugin test --plugin-dev .",
	}, func(ctx context.Context, d *program) error {
		plugin, err := p.under(d)
		if err != nil {
			return err
		}
		plugin.Quick, plugin.Only = quick, only
		if err := checkOnly(only); err != nil {
			return err
		}
		each := func(r conformance.Result) {
			if !p.asJSON {
				printResult(s.out, r)
			}
		}
		report, err := conformance.Run(ctx, plugin, each)
		if err != nil {
			return d.failed(ctx, err)
		}
		costs, err := conformance.Measure(ctx, plugin, conformance.Effort{Calls: 300, Longest: 2 * time.Second, Points: 10_000})
		if err != nil {
			return d.failed(ctx, err)
		}
		if p.asJSON {
			err = printJSON(s.out, tested{report, costs})
		} else {
			err = printTested(s.out, report, costs)
		}
		if err == nil && report.Failed > 0 {
			err = pluginError(fmt.Errorf("%d of %d checks of plug-in %s failed", report.Failed, report.Passed+report.Failed, report.Plugin))
		}
		return err
	}, s)
	c.Flags().BoolVar(&quick, "quick", false, "fewer evaluations and less garbage")
	c.Flags().StringSliceVar(&only, "only", nil, "checks to make, by name or group, with commas: gradient,stop-asked")
	return c
}

// checkOnly wants names of checks or of their groups.
func checkOnly(only []string) error {
	var known []string
	for _, c := range conformance.Checks() {
		group, _, _ := strings.Cut(c.Name, "-")
		if !slices.Contains(known, group) {
			known = append(known, group)
		}
	}
	for _, name := range only {
		if !slices.ContainsFunc(conformance.Checks(), func(c conformance.Check) bool { return c.Name == name || strings.HasPrefix(c.Name, name+"-") }) {
			return oneOf("check", name, known)
		}
	}
	return nil
}

// tested is what test prints as JSON.
type tested struct {
	*conformance.Report
	Overhead []conformance.Cost `json:"overhead"`
}

func printResult(w io.Writer, r conformance.Result) {
	name := r.Check
	if r.Model != "" {
		name += " (" + r.Model + ")"
	}
	status := map[conformance.Status]string{conformance.Pass: "pass", conformance.Fail: "FAIL", conformance.Skip: "-"}[r.Status]
	detail := string(printable([]byte(r.Detail)))
	fmt.Fprintf(w, "%-5s%-44s %s\n", status, name, strings.ReplaceAll(detail, "\n", "\n     "))
}

func printTested(w io.Writer, r *conformance.Report, costs []conformance.Cost) error {
	fmt.Fprintf(w, "\n%s %s: %d checks passed, %d failed, %d do not apply; starts in %.0f ms\n\n", r.Plugin, r.Version, r.Passed, r.Failed, r.Skipped, r.Start*1000)
	if len(r.Log) > 0 {
		fmt.Fprintf(w, "the last lines of its log:\n  | %s\n\n", strings.Join(r.Log, "\n  | "))
	}
	return printCosts(w, costs)
}

// printCosts is the table of what calls cost.
func printCosts(w io.Writer, costs []conformance.Cost) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "model\tby\tpoints\tcalls\toverhead p50\tp99\tcall p50\tMB/s\t\n")
	for _, c := range costs {
		fmt.Fprintf(t, "%s\t%s\t%d x %d\t%d\t%s\t%s\t%s\t%.0f\t\n", c.Model, c.Transport, c.Points, c.Dim, c.Calls, micro(c.P50), micro(c.P99), micro(c.Call), c.Rate/1e6)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "call: what infer waits for; overhead: that less what the plug-in says it computed; MB/s: the points and results of a call, there and back")
	return err
}

func micro(seconds float64) string { return fmt.Sprintf("%.0f us", seconds*1e6) }

func pluginBench(s *streams, folder *string) *cobra.Command {
	var p pluginTarget
	var points, calls int
	c := p.command(folder, &cobra.Command{
		Use:     "bench NAME",
		Short:   "Measure what a call of a plug-in costs",
		Long:    "bench calls each model of a plug-in by every transport that it has, and prints what a call takes beside the plug-in's own work.",
		Example: "  infer plugin bench my-score\n  infer plugin bench my-score --points 100000",
	}, func(ctx context.Context, d *program) error {
		if points < 1 || calls < 1 {
			return usage("--points %d --calls %d: at least 1 of each", points, calls)
		}
		plugin, err := p.under(d)
		if err != nil {
			return err
		}
		costs, err := conformance.Measure(ctx, plugin, conformance.Effort{Calls: calls, Longest: 20 * time.Second, Points: points})
		if err != nil {
			return d.failed(ctx, err)
		}
		if p.asJSON {
			return printJSON(s.out, costs)
		}
		return printCosts(s.out, costs)
	}, s)
	c.Flags().IntVar(&points, "points", 10_000, "points of a call")
	c.Flags().IntVar(&calls, "calls", 2000, "calls, or as many as fit into 20 s")
	return c
}

func pluginInfo(s *streams, folder *string) *cobra.Command {
	var p pluginTarget
	c := p.command(folder, &cobra.Command{
		Use:     "info NAME",
		Short:   "Start a plug-in and print what it says of itself",
		Example: "  infer plugin info my-score",
	}, func(ctx context.Context, d *program) error {
		o, err := d.open(ctx, s, 0)
		if err != nil {
			return err
		}
		defer o.Close()
		info := o.Info()
		if p.asJSON {
			return printJSON(s.out, map[string]any{"info": info, "transport": o.Transport(), "folder": d.options.Dir, "sha256": o.sums, "command": d.manifest.Command})
		}
		fmt.Fprintf(s.out, "%s %s\n", info.Name, info.Version)
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(s.out, "  %-12s%s\n", name, printable([]byte(text)))
			}
		}
		line("about", d.manifest.About)
		line("folder", d.options.Dir)
		line("command", shell(d.manifest.Command))
		line("by", string(o.Transport()))
		line("sdk", info.SDK)
		line("licence", info.Licence)
		line("build", info.Build)
		line("start", fmt.Sprintf("%.0f ms", o.ready.Seconds()*1000))
		for _, m := range info.Models {
			dim := fmt.Sprintf("dimension %d", m.Dim)
			if m.Dim == 0 {
				dim = "a dimension that its settings decide"
			}
			words := []string{joined(m.Kinds), dim, m.DType}
			for _, has := range []struct {
				is   bool
				word string
			}{{m.Gradient, "gradient"}, {m.Noise, fmt.Sprintf("noise levels %s to %s", number(m.SigmaMin), number(m.SigmaMax))}, {m.Deterministic, "deterministic"}} {
				if has.is {
					words = append(words, has.word)
				}
			}
			line("model", m.Name+": "+joined(slices.DeleteFunc(words, func(w string) bool { return w == "" })))
		}
		return nil
	}, s)
	return c
}
