// Compare measures this project against JAX and PyTorch: on the donut, a density that is written down, and on a score
// that a small network learns and a sampler follows; 10,000 particles, 1,000 steps; and on a U-Net for digits.
//
//	bench/setup.sh                             # once: the peers' environments
//	go run ./bench/compare                     # an hour on a quiet machine
//	go run ./bench/compare -quick -priority    # eight minutes, also on a busy one
//	go run ./bench/compare -workload donut -rows 'JAX float64' -pairs 21
//	go run ./bench/compare -workload unet -digits DIR
//
// Ours and the peer alternate, each in a process of its own, and the ratio of medians is judged. Before the pairs
// of a row, a survey finds the peer's fastest form on this machine. Every pair stands between two calibrations of
// the FMA peak; one that finds the machine slower or busier is marked in the record and repeated. It prints
// Markdown; the record of every pair goes to bench/results/. It exits 1 when a bar was missed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	passed, err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	case !passed:
		os.Exit(1)
	}
}

func run(arguments []string, stdout, stderr io.Writer) (passed bool, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pythons := flags.String("python", "", "environments of the peers, separated by commas (default bench/venv/jax-0.10,bench/venv/jax-0.12)")
	work := flags.String("workload", "", "donut, mlp for training the small network and sampling with it, or unet (default all for which there are data)")
	digits := flags.String("digits", os.Getenv("DIGITS"), "folder with train-images-idx3-ubyte.gz, for unet (default $DIGITS)")
	pairs := flags.Int("pairs", 11, "good pairs of a row")
	repeats := flags.Int("repeats", 5, "runs within a process, of which the median counts")
	survey := flags.Int("survey", 1, "processes of each form of a peer, to find its best; with 0 it is the form that was best so far")
	only := flags.String("rows", "", "only rows whose name has this text")
	quick := flags.Bool("quick", false, "5 pairs of 3 repeats unless told otherwise, no survey, the last environment that has the peer, only rows with a bar")
	priority := flags.Bool("priority", false, "run all that is measured before the machine's normal processes, where that is permitted (chrt -f 10)")
	if err := flags.Parse(arguments); err != nil {
		return false, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if *quick {
		for name, value := range map[string]string{"pairs": "5", "repeats": "3", "survey": "0"} {
			if !given[name] {
				flags.Set(name, value)
			}
		}
	}
	if *pairs < 1 || *repeats < 1 || *survey < 0 || flags.NArg() > 0 {
		return false, fmt.Errorf("-pairs and -repeats are at least 1, -survey at least 0, and no other arguments are known")
	}
	if *digits == "" && strings.HasPrefix(*work, "unet") {
		return false, fmt.Errorf("-workload unet needs digits: name a folder that has train-images-idx3-ubyte.gz with -digits")
	}
	if err := os.Setenv("DIGITS", *digits); err != nil { // for the programs
		return false, err
	}
	chosen, err := choose(*work, *only, *quick, *digits != "")
	if err != nil {
		return false, err
	}
	root, err := repository()
	if err != nil {
		return false, err
	}
	if *pythons == "" {
		venv := filepath.Join(root, "bench", "venv")
		*pythons = filepath.Join(venv, "jax-0.10") + "," + filepath.Join(venv, "jax-0.12")
	}
	environments, err := find(strings.Split(*pythons, ","))
	if err != nil {
		return false, err
	}
	if err := os.Setenv("UNET_WEIGHTS", filepath.Join(root, "score", "network", "testdata", "unet.f32")); err != nil {
		return false, err
	}
	temporary, err := os.MkdirTemp("", "compare")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temporary)
	ours := filepath.Join(temporary, "ours")
	if out, err := exec.Command("go", "build", "-C", root, "-o", ours, "./bench/compare/ours").CombinedOutput(); err != nil {
		return false, fmt.Errorf("build of bench/compare/ours: %w\n%s", err, out)
	}
	record, err := newRecord(root)
	if err != nil {
		return false, err
	}
	defer record.Close()
	d := &driver{log: stderr, record: json.NewEncoder(record), ours: ours, peers: filepath.Join(root, "bench", "peers"),
		pairs: *pairs, repeats: *repeats, survey: *survey, quick: *quick, execute: execute, calibrate: calibrate}
	scheduling := "Ours and the peers ran at normal priority"
	if *priority {
		scheduling, d.priority = prioritise()
	}
	if d.machine, err = describe(root); err != nil {
		return false, err
	}
	d.machine.Scheduling = scheduling
	if err := d.record.Encode(d.machine); err != nil {
		return false, err
	}
	fmt.Fprintf(stderr, "%s. %s.\nrecord: %s\n", d.machine, scheduling, record.Name())

	// A machine that is too busy for one row may be quiet for the next, so what was measured is told in any case.
	var busy error
	passed = true
	heading(stdout, d.machine)
	for _, w := range chosen {
		all, err := d.against(environments, w)
		if err != nil && !errors.Is(err, errBusy) {
			return false, err
		}
		busy = errors.Join(busy, err)
		var forms []form
		if !*quick {
			if forms, err = d.among(w); err != nil {
				return false, err
			}
		}
		passed = report(stdout, d.machine, w, all, forms) && passed
	}
	return passed, busy
}

// choose picks the workloads of a word, and of their rows those that have a text in their names.
func choose(word, only string, barred, digits bool) ([]workload, error) {
	if word != "" && word != "donut" && word != "mlp" && !strings.HasPrefix(word, "unet") {
		return nil, fmt.Errorf("-workload %q: it is donut, mlp or unet", word)
	}
	var chosen []workload
	for _, w := range workloads {
		if !strings.HasPrefix(w.name, word) || strings.HasPrefix(w.name, "unet") && !digits {
			continue
		}
		var some []row
		for _, r := range w.rows {
			if strings.Contains(r.name, only) && (r.wide > 0 || !barred) {
				some = append(some, r)
			}
		}
		if w.rows = some; len(some) > 0 {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-rows %q: no row has it in its name", only)
	}
	return chosen, nil
}

// against measures every row of a workload in every environment that has its peer. A row that the machine was too busy
// for keeps its good pairs, and is in the error.
func (d *driver) against(environments []environment, w workload) ([]series, error) {
	var all []series
	var busy error
	for _, r := range w.rows {
		places := with(environments, r.program)
		if d.quick && len(places) > 0 {
			best := len(places) - 1
			if strings.HasPrefix(w.name, "unet") {
				best = 0 // JAX 0.10 is a third faster on convolutions
			}
			places = places[best : best+1]
		}
		for _, e := range places {
			c, err := d.best(e.python, w, r)
			if err != nil {
				return nil, err
			}
			good, err := d.alternate(r.name, func() (measured, error) { return d.runAgainst(w, r) },
				func() (measured, error) { return d.runPeer(e.python, w, r, c) })
			if err != nil && !errors.Is(err, errBusy) {
				return nil, err
			}
			busy = errors.Join(busy, err)
			if len(good) > 0 {
				all = append(all, series{r, good})
			}
		}
	}
	return all, busy
}

// among measures our own forms in rounds.
func (d *driver) among(w workload) ([]form, error) {
	forms := make([]form, len(w.ours))
	for range d.pairs {
		for i, o := range w.ours {
			m, err := d.run(w, o)
			if err != nil {
				return nil, err
			}
			forms[i].name = o.name
			forms[i].seconds = append(forms[i].seconds, m.Seconds)
			if err := d.record.Encode(map[string]any{"workload": w.name, "form": o.name, "ours": m}); err != nil {
				return nil, err
			}
		}
	}
	return forms, nil
}

// newRecord creates the file for the lines of this measurement.
func newRecord(root string) (*os.File, error) {
	dir := filepath.Join(root, "bench", "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := "compare-" + time.Now().UTC().Format("20060102-150405") + ".jsonl"
	return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
