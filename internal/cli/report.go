package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/mcmc/diagnose"
)

// real is a number that JSON writes as null where there is none.
type real float64

func (r real) MarshalJSON() ([]byte, error) {
	if v := float64(r); v-v != 0 {
		return []byte("null"), nil
	}
	return []byte(number(float64(r))), nil
}

// column is the summary of one number of the draws.
type column struct {
	Name      string          `json:"name"`
	Mean      real            `json:"mean"`
	MeanError real            `json:"mean_error"` // standard error
	SD        real            `json:"sd"`
	Quantiles map[string]real `json:"quantiles"` // by probability
	TailIndex real            `json:"tail_index"`
	NotFinite int             `json:"not_finite,omitempty"`
}

// summary is what is said of any draws.
type summary struct {
	Schema  int      `json:"schema_version"`
	Draws   int      `json:"draws"`
	Dim     int      `json:"dim"`
	Columns []column `json:"columns"`
	// Images is said instead of columns where draws are images.
	Images *imageSummary `json:"images,omitempty"`
}

// summarise describes draws. tails are the indices of the coordinates' tails where the score of their law tells them, or nil.
func summarise(t draws.Table, tails []float64) summary {
	s := summary{Schema: 1, Draws: t.Points.Len(), Dim: t.Points.Dim()}
	add := func(name string, c diagnose.Column) {
		q := map[string]real{}
		for i, p := range diagnose.Probabilities {
			q[number(p)] = real(c.Quantiles[i])
		}
		s.Columns = append(s.Columns, column{name, real(c.Mean), real(c.MeanError), real(c.SD), q, real(c.TailIndex), c.NotFinite})
	}
	for j := range t.Points.Dim() {
		name := fmt.Sprintf("x%d", j)
		if t.Names != nil {
			name = t.Names[j]
		}
		values := t.Points.Row(j)[:t.Points.Len()]
		if tails != nil {
			add(name, diagnose.SummariseRun(values, tails[j]))
		} else {
			add(name, diagnose.Summarise(values))
		}
	}
	if t.LogProb != nil {
		add("log p", diagnose.Summarise(t.LogProb))
	}
	return s
}

// mostColumns is how many coordinates the table of a summary shows; JSON has them all.
const mostColumns = 20

func (s summary) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tmean\t± se\tsd\t5%\t25%\tmedian\t75%\t95%\t\n")
	var notes []string
	for i, c := range s.Columns {
		if s.Dim > mostColumns && i >= mostColumns && i < s.Dim {
			if i == mostColumns {
				notes = append(notes, fmt.Sprintf("%d more coordinates: --json has them", s.Dim-mostColumns))
			}
			continue
		}
		fmt.Fprintf(t, "%s\t", c.Name)
		for _, v := range []real{c.Mean, c.MeanError, c.SD} {
			fmt.Fprintf(t, "%s\t", short(float64(v)))
		}
		for _, p := range diagnose.Probabilities {
			fmt.Fprintf(t, "%s\t", short(float64(c.Quantiles[number(p)])))
		}
		fmt.Fprintln(t)
		switch {
		case math.IsNaN(float64(c.Mean)) && c.TailIndex > 0:
			notes = append(notes, fmt.Sprintf("%s has tails so heavy (index %.2f) that a mean may not exist: trust its quantiles", c.Name, c.TailIndex))
		case math.IsNaN(float64(c.MeanError)) && c.TailIndex > 0:
			notes = append(notes, fmt.Sprintf("%s has tails so heavy (index %.2f) that its variance may not exist: no sd, and no error of the mean", c.Name, c.TailIndex))
		}
		if c.NotFinite > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d values are not finite and left out", c.Name, c.NotFinite))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range notes {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
	}
	return nil
}

// short prints a number with four digits, and nothing for one that is not there.
func short(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 1e5 || a > 0 && a < 1e-4:
		return fmt.Sprintf("%.3g", v)
	case a >= 1000:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.4f", v)
	}
}

// report is what is said of a run.
type report struct {
	summary
	classes     []string          // their names, in order
	Settings    settings          `json:"settings"`
	Backend     string            `json:"backend"`
	Workers     int               `json:"workers"`
	Seconds     float64           `json:"seconds"`
	Evaluations uint64            `json:"gradient_evaluations"`
	Rate        float64           `json:"gradient_evaluations_per_second"`
	Tuning      *tuning           `json:"tuning,omitempty"`
	Acceptance  real              `json:"acceptance"` // null for a kernel that accepts everything
	Rejected    map[string]uint64 `json:"rejected_by_cause,omitempty"`
	NeverMoved  int               `json:"never_moved"`
	Outside     int               `json:"out_of_support"`
	Output      string            `json:"output,omitempty"`
	Plot        string            `json:"plot,omitempty"`
	Film        string            `json:"film,omitempty"`
	Settled     *bool             `json:"settled"` // null where it cannot be judged
	// Faults are the reasons not to believe the draws, in words, the gravest first. --strict fails if there is one.
	Faults   []string      `json:"faults"`
	Notes    []string      `json:"notes,omitempty"` // worth knowing and no fault
	HalfTime *comparison   `json:"half_time,omitempty"`
	FarStart *comparison   `json:"far_start,omitempty"`
	Stuck    int           `json:"not_moved_since_half_time"`
	Bias     *bias         `json:"bias,omitempty"` // of a kernel that does not reject
	Plugin   *pluginReport `json:"plugin,omitempty"`
	// Convolution is nil for direct ones.
	Convolution *convolution `json:"convolution,omitempty"`
}

// comparison is the worst of several.
type comparison struct {
	What  string `json:"what"`
	Z     real   `json:"z"`
	Limit real   `json:"limit"`
}

func compared(t diagnose.Test) *comparison {
	if t.Limit == 0 {
		return nil
	}
	return &comparison{t.What, real(t.Z), real(t.Limit)}
}

// bias is that of unadjusted Langevin: the relative excess of the variance, weighted by curvature.
type bias struct {
	Known         bool   `json:"known"`
	Excess        real   `json:"excess"`
	StandardError real   `json:"standard_error"`
	Why           string `json:"why,omitempty"`
}

type tuning struct {
	Pilots      int    `json:"pilots"`
	Transitions int    `json:"transitions"`
	Acceptance  real   `json:"acceptance"`
	Evaluations uint64 `json:"gradient_evaluations"`
}

func (j *job) report(ctx context.Context, t draws.Table) (*report, error) {
	tails, err := j.tails(ctx, t)
	if err != nil {
		return nil, err
	}
	run := j.Report()
	said := summary{Schema: 1, Draws: t.Points.Len(), Dim: t.Points.Dim(), Columns: []column{}}
	var classes []string
	if j.set.isImages() {
		said.Images = summariseImages(t.Points, j.set)
		said.Images.Classes, classes = countClasses(j.set, j.model)
	} else {
		said = summarise(t, tails)
	}
	r := &report{
		summary: said, classes: classes, Settings: j.set, Backend: backends.Current().Name, Workers: j.workers(),
		Evaluations: run.Evaluations, Rate: float64(run.Evaluations) / j.seconds,
		Acceptance: real(run.Acceptance), NeverMoved: run.NeverMoved, Outside: run.Outside,
		Output: j.effort.output, Plot: j.effort.plot, Film: j.effort.film, Convolution: describeConvolution(j.model),
	}
	if j.set.Tuned {
		r.Tuning = &tuning{run.Tuning.Pilots, run.Tuning.Transitions, real(run.Tuning.Acceptance), run.Tuning.Evaluations}
	}
	r.Rejected = causes(run.Rejected)
	v := j.verdict
	if j.watch != nil {
		r.Settled = &v.Settled
	}
	r.Notes, r.Stuck = v.Notes, v.Stuck
	r.Faults = append([]string{}, v.Reasons...)
	r.HalfTime, r.FarStart = compared(v.HalfTime), compared(v.Far)
	if v.Bias != nil {
		r.Bias = &bias{v.Bias.Known, real(v.Bias.Excess), real(v.Bias.StandardError), v.Bias.Why}
		if !v.Bias.Known {
			r.Faults = append(r.Faults, "the bias of the step size could not be estimated: "+v.Bias.Why)
		}
	}
	return r, nil
}

// tails asks the score how heavy the tails of the draws are; nil where one score does not tell.
func (j *job) tails(ctx context.Context, t draws.Table) ([]float64, error) {
	k, ok := j.Working().(mcmc.Targeted)
	if !ok || j.set.isImages() {
		return nil, nil
	}
	fn, _ := k.Target()
	if fn == nil {
		return nil, nil
	}
	return diagnose.TailIndices(ctx, fn, t.Points)
}

func causes(r mcmc.Rejections) map[string]uint64 {
	m := map[string]uint64{}
	for name, count := range map[string]uint64{"out_of_support": r.OutOfSupport, "log_p_nan": r.NaNLogProb, "log_p_inf": r.InfLogProb, "gradient": r.BadGradient, "overflow": r.BadArithmetic} {
		if count > 0 {
			m[name] = count
		}
	}
	return m
}

func (r *report) print(s *streams, t draws.Table, e effort) error {
	if e.json {
		return printJSON(s.out, r)
	}
	var b bytes.Buffer
	set := r.Settings
	fmt.Fprintf(&b, "%s\n\n", title(set))
	line := printer(&b)
	if r.Images != nil {
		if err := set.sheet(t.Points).WriteTerminal(&b, s.terminal.screen()); err != nil {
			return err
		}
		fmt.Fprintln(&b)
		r.Images.print(line, r.classes)
	} else {
		if err := figure.Terminal(&b, t.Points, t.Names, s.terminal.screen()); err != nil {
			return err
		}
		fmt.Fprintln(&b)
		if err := r.table(&b); err != nil {
			return err
		}
		fmt.Fprintln(&b)
	}
	step, name := number(set.Step), "step size"
	switch {
	case r.Tuning != nil:
		step = fmt.Sprintf("%.4g, set on %d pilots over %d steps (%s evaluations beside the run's)", set.Step, r.Tuning.Pilots, r.Tuning.Transitions, spelling.Grouped(r.Tuning.Evaluations))
	case set.Sampler == samplerLangevin:
		step += ", unadjusted: nothing is rejected, so the step size biases the draws"
	case set.Sampler == samplerAnnealed:
		step = fmt.Sprintf("%.4g at the last of %d noise levels from %s to %s", set.Step, set.Levels, short(set.SigmaMax), short(set.SigmaMin))
		if set.Convention != "" {
			step += " (" + set.Convention + " steps)"
		}
	case set.Sampler == samplerHeun:
		name, step = "sampler", fmt.Sprintf("Heun's method, %d steps from noise level %s to %s and then 0, %d evaluations an image",
			set.Levels, short(set.SigmaMax), short(set.SigmaMin), r.Evaluations/uint64(max(1, r.Draws)))
		if set.KeepNoise {
			step = strings.Replace(step, " and then 0", ", whose noise is kept", 1)
		}
	}
	line(name, "%s", step)
	if set.ClassCount > 0 && set.Guidance != 1 {
		line("guidance", "%s", number(set.Guidance))
	}
	if r.Convolution != nil {
		line("conv", "%v", r.Convolution)
	}
	if !math.IsNaN(float64(r.Acceptance)) {
		line("acceptance", "%.3f", r.Acceptance)
	}
	for _, c := range []struct{ key, words string }{
		{"out_of_support", "moves out of the support were rejected"}, {"log_p_nan", "moves to where log p is NaN were rejected"},
		{"log_p_inf", "moves to where log p is +Inf were rejected"}, {"gradient", "moves to where the gradient is no number were rejected"},
		{"overflow", "moves overflowed and were rejected"},
	} {
		if n := r.Rejected[c.key]; n > 0 {
			line("rejected", "%s %s", spelling.Grouped(n), c.words)
		}
	}
	line("speed", "%s, %.3g a second (%s, %s), %.3g s in all", spelling.Counted(r.Evaluations, "score evaluation"), r.Rate, r.Backend, spelling.Counted(r.Workers, "worker"), r.Seconds)
	if r.Plugin != nil {
		line("plug-in", "%s", r.Plugin.words())
	}
	line("seed", "%d", set.Seed)
	r.verdict(line)
	for _, file := range []string{r.Output, r.Plot, r.Film} {
		if file != "" {
			line("wrote", "%s", file)
		}
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

// verdict says whether the draws can be believed.
func (r *report) verdict(line func(name, format string, args ...any)) {
	if b := r.Bias; b != nil && b.Known {
		line("bias", "variance %+.1f ± %.1f %% in the directions of high curvature: %s", 100*b.Excess, 100*b.StandardError, r.advice())
	}
	if r.Settled == nil {
		switch {
		case r.Settings.Sampler == samplerAnnealed:
			line("settled", "not judged: an annealed run ends with its last level, whether it kept up or not; compare with the data")
		case r.Settings.Sampler == samplerHeun:
			line("settled", "not judged: every particle goes one fixed way from noise; compare with the data, or with --steps %d", 2*r.Settings.Steps)
		default:
			line("settled", "not judged: there are too many pixels for it; compare with the data")
		}
	} else if *r.Settled {
		words := fmt.Sprintf("yes: half-time and end agree (largest |z| %.1f)", math.Abs(float64(r.HalfTime.Z)))
		if r.FarStart != nil {
			words += fmt.Sprintf(", a far start ends here too (%.1f)", math.Abs(float64(r.FarStart.Z)))
		}
		line("settled", "%s", words)
	}
	for i, f := range r.Faults {
		name := ""
		if i == 0 {
			name = "SETTLED: NO"
			if r.Settled == nil || *r.Settled {
				name = "FAULT"
			}
		}
		line(name, "%s", f)
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
}

// advice says what to do about a bias: it is about proportional to the step size.
func (r *report) advice() string {
	excess, noise := float64(r.Bias.Excess), 3*float64(r.Bias.StandardError)
	exact := "; --sampler mala has none"
	if r.Settings.Model != "" {
		exact = " (beside what the model itself is off by)"
	}
	switch {
	case math.Abs(excess) < noise:
		return "none found" + exact
	case excess > 0.02:
		return fmt.Sprintf("--step %.1g would leave about 1 %%%s", r.Settings.Step*0.01/excess, exact)
	}
	return "small" + exact
}

// printer prints lines of a name and what is said of it.
func printer(b *bytes.Buffer) func(name, format string, args ...any) {
	return func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-12s%s\n", name, fmt.Sprintf(format, args...))
	}
}
