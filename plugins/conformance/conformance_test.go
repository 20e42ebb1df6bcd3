//go:build unix

package conformance

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scorefield/infer/plugins"
)

// plugin is the test binary with a fault, "" for none.
func plugin(t *testing.T, fault string, only ...string) Plugin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Plugin{
		Options: plugins.Options{Name: "fake", Command: []string{self, "fault=" + fault}, Kind: plugins.FramesKind, StartTimeout: 20 * time.Second},
		Name:    "fake", Version: "1", Kinds: []string{"density", "score", "simulator"}, Quick: true, Only: only,
	}
}

// A plug-in without a fault passes every check, and there are at least 40 of them, each with its own name and words.
func TestHealthyPluginPasses(t *testing.T) {
	report, err := Run(t.Context(), plugin(t, ""), func(r Result) {
		if r.Status == Fail {
			t.Errorf("%s %s: %s", r.Check, r.Model, r.Detail)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	applied := map[string]bool{}
	for _, r := range report.Results {
		if r.Status == Pass {
			applied[r.Check] = true
		}
	}
	for _, c := range Checks() {
		if !applied[c.Name] {
			t.Errorf("the check %s applies to none of the models", c.Name)
		}
	}
	t.Logf("%d checks, %d passed, %d skipped; starts in %.0f ms", len(Checks()), report.Passed, report.Skipped, report.Start*1000)
}

func TestChecks(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Checks() {
		if names[c.Name] || c.Judges == "" || strings.ToLower(c.Name) != c.Name {
			t.Errorf("the check %q, %q", c.Name, c.Judges)
		}
		names[c.Name] = true
	}
	if len(names) < 40 {
		t.Errorf("%d checks", len(names))
	}
}

// faults are what can be wrong with a plug-in, by the check that must notice. A fault has the name of its check, or names its own
// checks here.
var faults = map[string][]string{
	"value":                 {"value-nan", "value-infinite", "value-huge"},
	"hostile":               {"hostile-no-frame", "hostile-cut", "hostile-shape", "hostile-huge", "hostile-garbage"},
	"hostile-hangs":         {"hostile-no-frame", "hostile-cut"},
	"start-says-what-it-is": nil, // it does not start at all
}

// withoutFault are checks that no plug-in can fail alone: it would have to leave its process group.
var withoutFault = []string{"stop-frozen"}

// Every check fails on a plug-in that has its fault.
func TestEveryFaultIsFound(t *testing.T) {
	noticed := map[string]bool{}
	for fault, checks := range faults {
		for _, c := range checks {
			noticed[c] = true
			t.Run(fault+"/"+c, func(t *testing.T) { found(t, fault, c) })
		}
	}
	for _, c := range Checks() {
		if _, own := faults[c.Name]; own || noticed[c.Name] || slices.Contains(withoutFault, c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) { found(t, c.Name, c.Name) })
	}
}

// found wants a check to fail on a plug-in with a fault, and only that one to be made.
func found(t *testing.T, fault, check string) {
	t.Helper()
	t.Parallel()
	report, err := Run(t.Context(), plugin(t, fault, check), nil)
	if err != nil {
		t.Errorf("%s: %v", fault, err)
		return
	}
	if report.Failed == 0 {
		t.Errorf("the check %s passes with the fault %s: %+v", check, fault, report.Results)
	}
}

// What a plug-in says that it is not allowed to be ends the test before its first check.
func TestPluginThatCannotBeTested(t *testing.T) {
	report, err := Run(t.Context(), plugin(t, "start-says-what-it-is"), nil)
	if err == nil || !strings.Contains(err.Error(), "Bad Name") {
		t.Errorf("%v, %v", report, err)
	}
}

func TestMeasure(t *testing.T) {
	costs, err := Measure(t.Context(), plugin(t, ""), Effort{Calls: 20, Longest: time.Second, Points: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(costs) != 2*len(fakeModels) {
		t.Errorf("%d costs", len(costs))
	}
	for _, c := range costs {
		if c.Calls < 1 || !(c.P50 > 0) || !(c.P99 >= c.P50) || c.Points < 1 || c.Dim < 1 {
			t.Errorf("%+v", c)
		}
	}
}
