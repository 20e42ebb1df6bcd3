// Package conformance tests plug-ins: whether one keeps the protocol infer.plugin.v1 and what infer relies on besides it.
//
//	report, err := conformance.Run(ctx, conformance.Plugin{Options: plugins.Options{Command: []string{"./my-score"}}}, nil)
//	for _, r := range report.Results {
//		fmt.Println(r.Status, r.Check, r.Detail)
//	}
//
// [Checks] lists all checks. Each is judged against a plug-in that was started as infer starts it and is spoken to directly, in frames or
// by gRPC, so that what infer itself would never send can be sent: wrong shapes, strange handles, garbage. A check that
// does not apply to a plug-in, or to none of its models, is skipped and says why.
package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/scorefield/infer/plugins"
)

// Status is what a check found.
type Status string

// What a check may find.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip" // it does not apply
)

// Plugin is a plug-in to be tested.
type Plugin struct {
	Options plugins.Options
	// Name, Version and Kinds are what its manifest says; empty ones are not compared.
	Name, Version string
	Kinds         []string
	// Config are the settings of its models, a JSON object or nil.
	Config json.RawMessage
	// Quick leaves out what takes longest: fewer evaluations under load, fewer frames of garbage.
	Quick bool
	// Only are the checks to make, by their names or the first words of those, as in "stop"; empty for all.
	Only []string
}

// wants says whether a check is to be made.
func (p *Plugin) wants(check string) bool {
	return len(p.Only) == 0 || slices.ContainsFunc(p.Only, func(only string) bool {
		return check == only || strings.HasPrefix(check, only+"-")
	})
}

// Check is one test.
type Check struct {
	Name   string `json:"name"`   // group-something
	Judges string `json:"judges"` // what it wants, in a line

	kind string // of the models that it is made for, each; "" for a check of the plug-in
	run  func(t *test)
}

// Result is what a check found.
type Result struct {
	Check   string        `json:"check"`
	Model   string        `json:"model,omitempty"`
	Status  Status        `json:"status"`
	Detail  string        `json:"detail,omitempty"` // of a failure, what was wrong; otherwise a number or a reason
	Seconds float64       `json:"seconds"`
	took    time.Duration // the same
}

// Report is the result of all checks.
type Report struct {
	Schema  int      `json:"schema_version"`
	Plugin  string   `json:"plugin"`
	Version string   `json:"version"`
	SDK     string   `json:"sdk,omitempty"`
	Wire    string   `json:"wire"`          // how it was spoken to
	Start   float64  `json:"start_seconds"` // from its start to its first words, the least of several
	Passed  int      `json:"passed"`        // checks
	Failed  int      `json:"failed"`        //
	Skipped int      `json:"skipped"`       //
	Results []Result `json:"results"`       // a check of models has one for each
	Log     []string `json:"log,omitempty"` // the last lines of the plug-in, where something failed
}
