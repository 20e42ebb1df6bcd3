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
	m, err := read([]byte("warning: something\n{\"seconds\": 3, \"check\": 0.0236, \"version\": \"1\"}\n{\"seconds\": 1, \"check\": 0.0236}\n{\"seconds\": 2, \"check\": 0.0236}\n"))
	if err != nil || m.Seconds != 2 || m.Repeats != 3 || m.Version != "1" {
		t.Errorf("three repeats: got %+v, %v", m, err)
	}
	for _, out := range []string{"", "no measurement\n", "{\"seconds\": 1, \"check\": 0.0164}\n", "{\"seconds\": 1}\n", "{broken\n"} {
		if m, err := read([]byte(out)); err == nil {
			t.Errorf("output %q: got %+v and no error", out, m)
		}
	}
}

// quiet is a driver on a machine whose peak is 100, where ours takes 1 s and a peer 12 s.
func quiet(record io.Writer) *driver {
	return &driver{log: io.Discard, record: json.NewEncoder(record), ours: "ours", peers: "peers", pairs: 11, repeats: 5, survey: 1,
		calibrate: func() float64 { return 100 },
		execute: func(name string, arguments ...string) (measured, error) {
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
			d.execute = func(name string, arguments ...string) (measured, error) {
				*call++
				m, err := execute(name, arguments...)
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
		all, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, rows[6:7])
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
	d.execute = func(name string, arguments ...string) (measured, error) {
		m, err := execute(name, arguments...)
		m.Foreign = 1
		return m, err
	}
	if _, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, rows[6:7]); err == nil || !strings.Contains(err.Error(), "too busy") {
		t.Errorf("got %v", err)
	}
}

func TestAFailingPeerStopsTheMeasurement(t *testing.T) {
	d := quiet(io.Discard)
	broken := errors.New("broken")
	d.execute = func(name string, arguments ...string) (measured, error) { return measured{}, broken }
	if _, err := d.against([]environment{{"python", map[string]bool{"jax": true}}}, rows[:1]); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestTheSurveyFindsThePeersBestForm(t *testing.T) {
	d := quiet(io.Discard)
	d.execute = func(name string, arguments ...string) (measured, error) {
		seconds := 3.0
		if strings.Contains(strings.Join(arguments, " "), "--variant scan-t-rbg --dtype float64 --threads 2") {
			seconds = 2
		}
		return measured{Seconds: seconds}, nil
	}
	if c, err := d.best("python", rows[0]); err != nil || c.variant != "scan-t-rbg" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A row is judged by the version of the peer that comes nearest to ours, against the bar of the machine's class.
func TestTheFastestVersionDecides(t *testing.T) {
	at := func(r row, seconds float64) series {
		return series{r, []pair{{Ours: measured{Seconds: 1}, Peer: measured{Seconds: seconds}}}}
	}
	r := rows[0] // 6 narrow, 12 wide, stretch 17
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
		{"wide", []series{at(rows[1], 100)}, "not measured", false},
	} {
		if words, passed := verdict(r, c.class, c.all); words != c.words || passed != c.passed {
			t.Errorf("%s: got %q, %v, want %q, %v", c.class, words, passed, c.words, c.passed)
		}
	}
}

func TestTheReportHoldsMediansQuartilesAndBars(t *testing.T) {
	r := rows[0]
	var pairs []pair
	for _, seconds := range []float64{12, 13, 14, 15, 16} {
		pairs = append(pairs, pair{Ours: measured{Seconds: 1}, Peer: measured{Seconds: seconds, Version: "0.10.2", Variant: "scan"}})
	}
	var out bytes.Buffer
	passed := report(&out, machine{CPU: "some CPU", Class: "wide"}, []row{r}, []series{{r, pairs}},
		[]form{{"text density", []float64{0.010}}, {"one worker", []float64{0.020}}})
	if !passed {
		t.Error("a met bar did not pass")
	}
	for _, want := range []string{"some CPU", "0.10.2, scan | 5 |", "1.4e+04 (1.3e+04 - 1.5e+04)", "| 14.00 | 13.00 - 15.00 | 12 | passed |", "| one worker | 1 | 20 (20 - 20) | 2.00 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if report(io.Discard, machine{Class: "wide"}, rows[:2], []series{{r, pairs}}, nil) {
		t.Error("a row that was not measured passed")
	}
	if math.Abs((series{r, pairs}).summary().ratio-14) > 1e-12 {
		t.Error("the ratio is not that of medians")
	}
}
