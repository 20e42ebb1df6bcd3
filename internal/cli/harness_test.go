package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/scorefield/infer/draws"
)

// result is what a command line gave.
type result struct {
	code     int
	out, err string
}

// infer runs a command line in this process, as from a pipe.
func infer(t *testing.T, args ...string) result {
	t.Helper()
	return inferContext(t.Context(), args...)
}

func inferContext(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	s := &streams{out: &out, err: &errs, terminal: terminal{columns: 80, utf8: true}}
	err := execute(ctx, s, args)
	if err != nil {
		say(s, err)
	}
	return result{exitCode(err), out.String(), errs.String()}
}

// drawn runs infer sample with an output, wants one of the codes, and returns the draws and the report.
func drawn(t *testing.T, codes []int, args ...string) (draws.Table, map[string]any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "draws.npz")
	r := infer(t, append([]string{"sample", "-o", path, "--json"}, args...)...)
	for _, code := range codes {
		if r.code != code {
			continue
		}
		table, err := draws.Read(path, draws.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var report map[string]any
		if err := json.Unmarshal([]byte(r.out), &report); err != nil {
			t.Fatalf("%v\n%s", err, r.out)
		}
		return table, report
	}
	t.Fatalf("%q exits %d, want one of %v: %s", args, r.code, codes, r.err)
	return draws.Table{}, nil
}

// moments of a column of draws, and the standard errors of its mean and variance for independent draws.
type moments struct{ mean, variance, meanError, varianceError float64 }

func momentsOf(values []float64) moments {
	var m moments
	n := float64(len(values))
	for _, v := range values {
		m.mean += v / n
	}
	var fourth float64
	for _, v := range values {
		d := (v - m.mean) * (v - m.mean)
		m.variance += d / n
		fourth += d * d / n
	}
	m.meanError = math.Sqrt(m.variance / n)
	m.varianceError = math.Sqrt(math.Max(0, fourth-m.variance*m.variance) / n)
	return m
}

// near wants a value within 4.5 standard errors of the right one.
func near(t *testing.T, what string, got, want, standardError float64) {
	t.Helper()
	z := (got - want) / standardError
	t.Logf("%s: %.5f, right %.5f, z %.2f", what, got, want, z)
	if !(math.Abs(z) < 4.5) {
		t.Errorf("%s: %v, right %v, z %.2f", what, got, want, z)
	}
}

func points(table draws.Table, j int) []float64 { return table.Points.Row(j)[:table.Points.Len()] }
