package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// driver runs the programs and keeps the record.
type driver struct {
	log     io.Writer     // for the person who waits
	record  *json.Encoder // a line for every pair, discarded ones too
	machine machine
	ours    string // the program of bench/compare/ours
	peers   string // folder of the peers' programs
	pairs   int
	repeats int
	survey  int // processes a form runs in before the best is chosen; with 0 it is the first of a row
	// Other processes wait while a measured one wants to run, so what they use says nothing.
	priority bool
	quick    bool // only the last environment that has a peer

	execute   func(check interval, name string, arguments ...string) (measured, error)
	calibrate func() float64 // GF/s of a core while every core is busy with multiply-adds
	peak      float64        // the best calibration so far
}

// pair is ours and a peer's process, one after the other, between two calibrations.
type pair struct {
	Row         string   `json:"row"`
	Ours        measured `json:"ours"`
	Peer        measured `json:"peer"`
	Calibration float64  `json:"calibration"` // the lower of the two, GF/s
	Peak        float64  `json:"peak"`        // the best calibration when it ran
	Discarded   string   `json:"discarded,omitempty"`
}

func (p pair) ratio() float64 { return p.Peer.Seconds / p.Ours.Seconds }

const (
	// A pair is repeated when a core fell under this share of its peak, or when others used more than this of
	// the CPUs: one busy neighbour makes a peer on two cores two times slower.
	leastPeak   = 0.9
	mostForeign = 0.05
	// so many tries for every pair wanted, then the machine is too busy
	tries = 3
)

var errBusy = errors.New("the machine is too busy")

// alternate runs pairs until enough are good. With too few after many tries its error is errBusy.
func (d *driver) alternate(name string, ours, peer func() (measured, error)) ([]pair, error) {
	var good []pair
	before := d.calibration()
	for attempt := 0; len(good) < d.pairs; attempt++ {
		if attempt == tries*d.pairs {
			return good, fmt.Errorf("%s: only %d of %d pairs are good after %d tries: %w", name, len(good), d.pairs, attempt, errBusy)
		}
		p := pair{Row: name}
		var err error
		if p.Ours, err = ours(); err != nil {
			return good, err
		}
		if p.Peer, err = peer(); err != nil {
			return good, err
		}
		after := d.calibration()
		p.Calibration, p.Peak = min(before, after), d.peak
		before = after
		switch {
		case p.Calibration < leastPeak*d.peak:
			p.Discarded = fmt.Sprintf("calibration %.0f GF/s under %g of %.0f", p.Calibration, leastPeak, d.peak)
		case !d.priority && (p.Ours.Foreign > mostForeign || p.Peer.Foreign > mostForeign):
			p.Discarded = fmt.Sprintf("foreign CPU %.2f and %.2f", p.Ours.Foreign, p.Peer.Foreign)
		default:
			good = append(good, p)
		}
		if err := d.record.Encode(p); err != nil {
			return good, err
		}
		fmt.Fprintf(d.log, "%-44s %8.2f ms against %8.2f ms  %6.2f  %4.0f GF/s  %s\n",
			name, p.Ours.Seconds*1e3, p.Peer.Seconds*1e3, p.ratio(), p.Calibration, p.Discarded)
	}
	return good, nil
}

func (d *driver) calibration() float64 {
	c := d.calibrate()
	// Before normal processes, too, the kernel keeps 50 ms of a second for these: half of a calibration, once on a core.
	for again := 0; d.priority && again < 2 && c < leastPeak*d.peak; again++ {
		c = max(c, d.calibrate())
	}
	d.peak = max(d.peak, c)
	return c
}

// run runs our program in one of its forms.
func (d *driver) run(w workload, form ourForm, arguments ...string) (measured, error) {
	all := append([]string{"-workload", w.name, "-repeats", strconv.Itoa(d.repeats)}, form.arguments...)
	return d.execute(w.check, d.ours, append(all, arguments...)...)
}

// runAgainst runs our program in the form that meets a row's peer.
func (d *driver) runAgainst(w workload, r row) (measured, error) {
	if r.cold {
		return d.run(w, w.ours[0], "-cold")
	}
	return d.run(w, w.ours[0])
}

// runPeer runs a peer's program in one of its forms.
func (d *driver) runPeer(python string, w workload, r row, c candidate) (measured, error) {
	repeats := d.repeats
	if r.repeats > 0 {
		repeats = min(repeats, r.repeats)
	}
	arguments := []string{d.peers + "/" + r.program, "--variant", c.variant, "--dtype", r.precision, "--threads", strconv.Itoa(c.threads),
		"--tune", c.tune, "--repeats", strconv.Itoa(repeats)}
	if w.part != "" {
		arguments = append(arguments, "--workload", w.part)
	}
	if c.spin {
		arguments = append(arguments, "--wait-policy", "default")
	}
	m, err := d.execute(w.check, python, arguments...)
	if r.cold {
		m.Seconds += m.Compile
	}
	return m, err
}

// best finds a row's fastest form in one environment, by short runs.
func (d *driver) best(python string, w workload, r row) (candidate, error) {
	best, least := r.candidates[0], 0.0
	if len(r.candidates) == 1 || d.survey == 0 {
		return best, nil
	}
	for _, c := range r.candidates {
		var seconds []float64
		for range d.survey {
			m, err := d.runPeer(python, w, r, c)
			if err != nil {
				return best, err
			}
			seconds = append(seconds, m.Seconds)
		}
		if s := median(seconds); least == 0 || s < least {
			best, least = c, s
		}
		fmt.Fprintf(d.log, "survey  %-44s %-28s %8.2f ms\n", r.name, c, median(seconds)*1e3)
	}
	return best, nil
}
