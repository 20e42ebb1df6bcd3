package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestQuartilesInterpolateBetweenNeighbours(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{2, 1}, spread{1.25, 1.5, 1.75}},
		{[]float64{5, 1, 4, 2, 3}, spread{2, 3, 4}},
		{[]float64{4, 1, 3, 2}, spread{1.75, 2.5, 3.25}},
	} {
		if got := quartiles(c.values); got != c.want {
			t.Errorf("quartiles of %v: got %v, want %v", c.values, got, c.want)
		}
	}
}

func TestAProcessThatDidNotWorkIsAnError(t *testing.T) {
	check := interval{0.0223, 0.0250}
	m, err := read([]byte("warning: something\n{\"seconds\": 3, \"check\": 0.0236, \"version\": \"1\"}\n{\"seconds\": 1, \"check\": 0.0236}\n{\"seconds\": 2, \"check\": 0.0236}\n"), check)
	if err != nil || m.Seconds != 2 || m.Repeats != 3 || m.Version != "1" {
		t.Errorf("three repeats: got %+v, %v", m, err)
	}
	for _, out := range []string{"", "no measurement\n", "{\"seconds\": 1, \"check\": 0.0164}\n", "{\"seconds\": 1}\n", "{\"seconds\": 1, \"check\": 0.0264}\n", "{broken\n"} {
		if m, err := read([]byte(out), check); err == nil {
			t.Errorf("output %q: got %+v and no error", out, m)
		}
	}
}

// one is the donut with one of its rows.
func one(i int) workload {
	w := donut
	w.rows = donut.rows[i : i+1]
	return w
}

// quiet is a driver on a machine whose peak is 100, where ours takes 1 s and a peer 12 s.
func quiet(record io.Writer) *driver {
	return &driver{log: io.Discard, record: json.NewEncoder(record), ours: "ours", peers: "peers", pairs: 11, repeats: 5, survey: 1,
		calibrate: func() float64 { return 100 },
		execute: func(_ interval, name string, arguments ...string) (measured, error) {
			if name == "ours" {
				return measured{Seconds: 1, Check: 0.0236}, nil
			}
			return measured{Seconds: 12, Check: 0.0236, Version: "0.10.2", Variant: "scan"}, nil
		}}
}

func TestABusyPairIsMarkedAndRepeated(t *testing.T) {
	for name, disturb := range map[string]func(d *driver, call *int){
		"calibration": func(d *driver, call *int) {
			d.calibrate = func() float64 {
				*call++
				if *call == 4 { // spoils the pair before it and the one after
					return 89
				}
				return 100
			}
		},
		"foreign CPU": func(d *driver, call *int) {
			execute := d.execute
			d.execute = func(check interval, name string, arguments ...string) (measured, error) {
				*call++
				m, err := execute(check, name, arguments...)
				if *call == 3 || *call == 6 { // ours of the second pair, the peer's of the third
					m.Foreign = 0.3
				}
				return m, err
			}
		},
	} {
		var record bytes.Buffer
		d, call := quiet(&record), 0
		disturb(d, &call)
		all, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, one(6))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(all) != 1 || len(all[0].pairs) != 11 {
			t.Errorf("%s: not 11 good pairs", name)
		}
		if got := strings.Count(record.String(), "discarded"); got != 2 {
			t.Errorf("%s: %d pairs are marked in the record, not 2", name, got)
		}
		if got := strings.Count(record.String(), "\n"); got != 13 {
			t.Errorf("%s: %d pairs in the record, not 13", name, got)
		}
	}
}

func TestABusyMachineGivesUp(t *testing.T) {
	d := quiet(io.Discard)
	execute := d.execute
	d.execute = func(check interval, name string, arguments ...string) (measured, error) {
		m, err := execute(check, name, arguments...)
		m.Foreign = 1
		return m, err
	}
	if _, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, one(6)); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
	d.priority = true // others wait
	if all, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, one(6)); err != nil || len(all) != 1 {
		t.Errorf("with priority: got %v", err)
	}
}

// With priority a calibration that met the kernel's share for others is made again, but not one of a slow machine.
func TestACalibrationIsRepeatedWithPriority(t *testing.T) {
	for _, c := range []struct {
		priority bool
		rates    []float64
		want     float64
	}{{true, []float64{50, 99}, 99}, {true, []float64{50, 60, 55}, 60}, {true, []float64{95}, 95}, {false, []float64{50}, 50}} {
		d, call := quiet(io.Discard), 0
		d.priority, d.peak = c.priority, 100
		d.calibrate = func() float64 { call++; return c.rates[call-1] }
		if got := d.calibration(); got != c.want || call != len(c.rates) {
			t.Errorf("%v: got %v after %d", c.rates, got, call)
		}
	}
}

// A busy row keeps what was good of it, and the rows after it are measured.
func TestABusyRowIsNotTheEnd(t *testing.T) {
	d, call := quiet(io.Discard), 0
	execute := d.execute
	d.execute = func(check interval, name string, arguments ...string) (measured, error) {
		m, err := execute(check, name, arguments...)
		if call++; call > 2 && call <= 2*tries*d.pairs {
			m.Foreign = 1
		}
		return m, err
	}
	w := donut
	w.rows = donut.rows[6:8]
	all, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, w)
	if !errors.Is(err, errBusy) || len(all) != 2 || len(all[0].pairs) != 1 || len(all[1].pairs) != d.pairs {
		t.Errorf("got %d series, %v", len(all), err)
	}
}

// A cold row counts the peer's compilation, and our first call.
func TestAColdRowCountsCompilation(t *testing.T) {
	d := quiet(io.Discard)
	d.execute = func(_ interval, name string, arguments ...string) (measured, error) {
		words := " " + strings.Join(arguments, " ") + " "
		switch {
		case name == "ours" && strings.Contains(words, " -workload mlp-train ") && strings.Contains(words, " -cold "):
			return measured{Seconds: 0.25}, nil
		case name == "python" && strings.Contains(words, " --repeats 1 "):
			return measured{Seconds: 0.5, Compile: 2}, nil
		}
		return measured{}, errors.New("unexpected: " + name + words)
	}
	w := training
	w.rows = training.rows[1:2]
	all, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, w)
	if err != nil {
		t.Fatal(err)
	}
	if ratio := all[0].summary().ratio; ratio != 10 {
		t.Errorf("ratio %v, not 10", ratio)
	}
}

// A quick run takes the first form of a row without a survey, in the last environment that has the peer.
func TestAQuickRun(t *testing.T) {
	chosen, err := choose("", "", true, false)
	if err != nil || len(chosen) != 3 {
		t.Fatalf("%d workloads, %v", len(chosen), err)
	}
	d := quiet(io.Discard)
	d.quick, d.survey, d.pairs = true, 0, 1
	d.execute = func(_ interval, name string, arguments ...string) (measured, error) {
		torch := strings.Contains(strings.Join(arguments, " "), "_torch.py")
		if name == "old" && !torch || name == "new" && torch {
			t.Errorf("%s ran %v", name, arguments)
		}
		return measured{Seconds: 1}, nil
	}
	environments := []environment{{"old", map[string]bool{"jax": true, "torch": true}}, {"new", map[string]bool{"jax": true}}}
	for _, w := range chosen {
		all, err := d.against(environments, w)
		if err != nil || len(all) != len(w.rows) {
			t.Errorf("%s: %d of %d rows, %v", w.name, len(all), len(w.rows), err)
		}
	}
}

func TestRowsAndWorkloadsAreChosenByTheirNames(t *testing.T) {
	for _, c := range []struct {
		word, only      string
		barred          bool
		workloads, rows int // rows of the first
	}{
		{"", "", false, 3, len(donut.rows)}, {"mlp", "", false, 2, len(training.rows)}, {"mlp", "", true, 2, 4},
		{"donut", "float64", true, 1, 3}, {"mlp", "loop", false, 1, 1}, {"unet", "", false, 0, 0}, {"", "no such row", false, 0, 0},
	} {
		chosen, err := choose(c.word, c.only, c.barred, false)
		if len(chosen) != c.workloads || (err != nil) != (c.workloads == 0) || len(chosen) > 0 && len(chosen[0].rows) != c.rows {
			t.Errorf("%q, %q: %d workloads, %v", c.word, c.only, len(chosen), err)
		}
	}
}

func TestAFailingPeerStopsTheMeasurement(t *testing.T) {
	d := quiet(io.Discard)
	broken := errors.New("broken")
	d.execute = func(_ interval, name string, arguments ...string) (measured, error) { return measured{}, broken }
	if _, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, one(0)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestTheSurveyFindsThePeersBestForm(t *testing.T) {
	d := quiet(io.Discard)
	d.execute = func(_ interval, name string, arguments ...string) (measured, error) {
		seconds := 3.0
		if strings.Contains(strings.Join(arguments, " "), "--variant scan-t-rbg --dtype float64 --threads 2") {
			seconds = 2
		}
		return measured{Seconds: seconds}, nil
	}
	if c, err := d.best("python", donut, donut.rows[0]); err != nil || c.variant != "scan-t-rbg" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A row is judged by the version of the peer that comes nearest to ours, against the bar of the machine's class.
func TestTheFastestVersionDecides(t *testing.T) {
	at := func(r row, seconds float64) series {
		return series{r, []pair{{Ours: measured{Seconds: 1}, Peer: measured{Seconds: seconds}}}}
	}
	r := donut.rows[0] // 6 narrow, 12 wide, stretch 17
	for _, c := range []struct {
		class  string
		all    []series
		words  string
		passed bool
	}{
		{"wide", []series{at(r, 18), at(r, 13)}, "passed", true},
		{"wide", []series{at(r, 18), at(r, 17)}, "passed, and the stretch of 17", true},
		{"wide", []series{at(r, 18), at(r, 11.9)}, "MISSED: 11.90 of 12", false},
		{"narrow", []series{at(r, 6), at(r, 20)}, "passed", true},
		{"narrow", []series{at(r, 5.9)}, "MISSED: 5.90 of 6", false},
		{"no AVX-512", []series{at(r, 2)}, "no bar", true},
		{"wide", []series{at(donut.rows[1], 100)}, "not measured", false},
	} {
		if words, passed := verdict(r, c.class, c.all); words != c.words || passed != c.passed {
			t.Errorf("%s: got %q, %v, want %q, %v", c.class, words, passed, c.words, c.passed)
		}
	}
}

func TestTheReportHoldsMediansQuartilesAndBars(t *testing.T) {
	r := donut.rows[0]
	var pairs []pair
	for _, seconds := range []float64{12, 13, 14, 15, 16} {
		pairs = append(pairs, pair{Ours: measured{Seconds: 1}, Peer: measured{Seconds: seconds, Version: "0.10.2", Variant: "scan", Threads: 1, Devices: 1}})
	}
	var out bytes.Buffer
	passed := report(&out, machine{CPU: "some CPU", Class: "wide"}, one(0), []series{{r, pairs}},
		[]form{{"text density", []float64{0.010}}, {"one worker", []float64{0.020}}})
	if !passed {
		t.Error("a met bar did not pass")
	}
	for _, want := range []string{"0.10.2, scan, 1 | 5 |", "1.4e+04 (1.3e+04 - 1.5e+04)", "| 14.00 | 13.00 - 15.00 | 12 | passed |", "| one worker | 1 | 20 (20 - 20) | 2.00 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if report(io.Discard, machine{Class: "wide"}, donut, []series{{r, pairs}}, nil) {
		t.Error("a row that was not measured passed")
	}
	if math.Abs((series{r, pairs}).summary().ratio-14) > 1e-12 {
		t.Error("the ratio is not that of medians")
	}
}
