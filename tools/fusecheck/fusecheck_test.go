package main

import (
	"strings"
	"testing"

	"github.com/scorefield/infer/tools/internal/house"
	"github.com/scorefield/infer/tools/internal/housetest"
)

// A copy of a package of the project passes; with a sum that fuses planted, it fails, and the line is named.
func TestPlantedFusionIsFoundInACopyOfThePackage(t *testing.T) {
	dir := housetest.Scratch(t, nil)
	housetest.Copy(t, "../..", "lanes", dir)
	for _, target := range targets {
		if r, err := check(dir, target, []string{"./..."}); err != nil || len(r.problems) > 0 {
			t.Fatalf("%s, the clean copy: %q, %v", target, r.problems, err)
		}
	}
	housetest.Write(t, dir, "lanes/planted.go", "package lanes\n\nfunc Planted(a, b, c float64) float64 { return a*b + c }\n")
	for _, target := range targets {
		r, err := check(dir, target, []string{"./..."})
		if err != nil || len(r.problems) != 1 || !strings.HasPrefix(r.problems[0], "lanes/planted.go:3:") {
			t.Errorf("%s: got %q, %v", target, r.problems, err)
		}
	}
}

// The listing sees what the source does not show: closures, inlining, a store between product and sum. It
// allows math.FMA and the file of fma32, and leaves alone what carries no promise.
func TestEveryFusionIsListed(t *testing.T) {
	dir := housetest.Scratch(t, map[string]string{
		"random/r.go": `package random

import "math"

func Closure(a, b, c float64) float64 {
	add := func(p, q float64) float64 { return p + q } // fuses after inlining
	return add(a*b, c)
}

func Stored(d *[4]float64, a, b, c float64) float64 {
	d[0] = a * b
	return d[0] + c // fuses through the store
}

func Explicit(a, b, c float64) float64 { return math.FMA(a, b, c) }

func Rounded(a, b, c float64) float64 { return float64(a*b) + c }
`,
		"backends/fma32_arm64.go": "package backends\n\nfunc FMA32(a, b, c float32) float32 { return a*b + c }\n",
		"backends/b.go":           "package backends\n\nfunc Sub(a, b float64) float64 { return a - b }\n",
		"internal/cli/c.go":       "package cli\n\nfunc Shown(a, b, c float64) float64 { return a*b + c }\n",
	})
	arm, err := check(dir, house.Target{OS: "linux", Arch: "arm64"}, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	if len(arm.problems) != 2 || !strings.HasPrefix(arm.problems[0], "random/r.go:12:") || !strings.HasPrefix(arm.problems[1], "random/r.go:6:") {
		t.Errorf("arm64: got %q", arm.problems)
	}
	if arm.allowed != 2 { // Explicit and FMA32
		t.Errorf("arm64: %d multiply-adds were allowed, not 2", arm.allowed)
	}
	amd, err := check(dir, house.Target{OS: "linux", Arch: "amd64", Level: "v3"}, []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	if len(amd.problems) != 2 || amd.allowed != 1 {
		t.Errorf("amd64 v3: got %q and %d allowed", amd.problems, amd.allowed)
	}
	base, err := check(dir, house.Target{OS: "linux", Arch: "amd64", Level: "v1"}, []string{"./..."})
	if err != nil || len(base.problems) > 0 {
		t.Errorf("amd64 v1 fuses nothing: got %q, %v", base.problems, err)
	}
}

// A check that lists nothing must not pass.
func TestNothingListedIsAnError(t *testing.T) {
	dir := housetest.Scratch(t, map[string]string{"lanes/l.go": "package lanes\n\ntype T int\n"})
	if _, err := check(dir, targets[0], []string{"./..."}); err == nil {
		t.Error("an empty listing passed")
	}
}
