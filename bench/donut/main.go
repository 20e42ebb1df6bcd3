// Donut measures this project against JAX and PyTorch on its main job: the donut, 10,000 particles, 1,000 steps.
//
//	bench/setup.sh                 # once: the peers' environments
//	go run ./bench/donut           # a quarter of an hour on a quiet machine
//	go run ./bench/donut -rows 'JAX float64' -pairs 21
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
		fmt.Fprintln(os.Stderr, "donut:", err)
		os.Exit(2)
	case !passed:
		os.Exit(1)
	}
}

func run(arguments []string, stdout, stderr io.Writer) (passed bool, err error) {
	flags := flag.NewFlagSet("donut", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pythons := flags.String("python", "", "environments of the peers, separated by commas (default bench/venv/jax-0.10,bench/venv/jax-0.12)")
	pairs := flags.Int("pairs", 11, "good pairs of a row")
	repeats := flags.Int("repeats", 5, "runs within a process, of which the median counts")
	survey := flags.Int("survey", 1, "processes of each form of a peer, to find its best")
	only := flags.String("rows", "", "only rows whose name has this text")
	if err := flags.Parse(arguments); err != nil {
		return false, err
	}
	if *pairs < 1 || *repeats < 1 || *survey < 1 || flags.NArg() > 0 {
		return false, fmt.Errorf("-pairs, -repeats and -survey are at least 1, and no other arguments are known")
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
	work, err := os.MkdirTemp("", "donut")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	ours := filepath.Join(work, "ours")
	if out, err := exec.Command("go", "build", "-C", root, "-o", ours, "./bench/donut/ours").CombinedOutput(); err != nil {
		return false, fmt.Errorf("build of bench/donut/ours: %w\n%s", err, out)
	}
	record, err := newRecord(root)
	if err != nil {
		return false, err
	}
	defer record.Close()
	d := &driver{log: stderr, record: json.NewEncoder(record), ours: ours, peers: filepath.Join(root, "bench", "peers"),
		pairs: *pairs, repeats: *repeats, survey: *survey, execute: execute, calibrate: calibrate}
	if d.machine, err = describe(root); err != nil {
		return false, err
	}
	if err := d.record.Encode(d.machine); err != nil {
		return false, err
	}
	fmt.Fprintln(stderr, d.machine)

	var chosen []row
	for _, r := range rows {
		if strings.Contains(r.name, *only) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return false, fmt.Errorf("no row has %q in its name", *only)
	}
	all, err := d.against(environments, chosen)
	if err != nil {
		return false, err
	}
	forms, err := d.among(ourForms)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(stderr, "record: %s\n", record.Name())
	return report(stdout, d.machine, chosen, all, forms), nil
}

// against measures every row in every environment that has its peer.
func (d *driver) against(environments []environment, rows []row) ([]series, error) {
	var all []series
	for _, r := range rows {
		for _, e := range environments {
			if !e.has[strings.TrimSuffix(strings.TrimPrefix(r.program, "donut_"), ".py")] {
				continue
			}
			c, err := d.best(e.python, r)
			if err != nil {
				return nil, err
			}
			good, err := d.alternate(r.name, func() (measured, error) { return d.run(ourForms[0]) },
				func() (measured, error) { return d.runPeer(e.python, r, c) })
			if err != nil {
				return nil, err
			}
			all = append(all, series{r, good})
		}
	}
	return all, nil
}

// among measures our own forms in rounds.
func (d *driver) among(ours []ourForm) ([]form, error) {
	forms := make([]form, len(ours))
	for round := 0; round < d.pairs; round++ {
		for i, o := range ours {
			m, err := d.run(o)
			if err != nil {
				return nil, err
			}
			forms[i].name = o.name
			forms[i].seconds = append(forms[i].seconds, m.Seconds)
			if err := d.record.Encode(map[string]any{"form": o.name, "ours": m}); err != nil {
				return nil, err
			}
		}
	}
	return forms, nil
}

// environment is a Python with some of the peers.
type environment struct {
	python string
	has    map[string]bool
}

// find asks each environment which peers it has. A path is that of an environment's folder or of a Python.
func find(paths []string) ([]environment, error) {
	var environments []environment
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, "bin", "python")
		}
		const question = "import importlib.util as u; print(*[m for m in ('jax', 'torch') if u.find_spec(m)])"
		out, err := exec.Command(path, "-c", question).Output()
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w: make it with bench/setup.sh, or name another with -python", path, err)
		}
		e := environment{path, map[string]bool{}}
		for word := range strings.FieldsSeq(string(out)) {
			e.has[word] = true
		}
		environments = append(environments, e)
	}
	return environments, nil
}

// newRecord creates the file for the lines of this measurement.
func newRecord(root string) (*os.File, error) {
	dir := filepath.Join(root, "bench", "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	name := "donut-" + time.Now().UTC().Format("20060102-150405") + ".jsonl"
	return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
