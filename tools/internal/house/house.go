// Package house is the floor plan of the project as the gate's checks see it: which package stands on which
// floor, which third-party modules it may reach, and which packages promise the same bits on every machine.
//
// docs/design.md explains the plan; this table is what the gate enforces. A new package needs a line here.
package house

import "strings"

// Module is the path of the root module.
const Module = "github.com/scorefield/infer"

// Promise says how far a package answers for the bits of a result.
type Promise int

const (
	// None: the command, figures, measurements and test helpers, whose floating point is only shown.
	None Promise = iota
	// Rounded: a library package. Its products and elementary functions obey the rules, but what it
	// computes is printed, so it may call gonum, which sums in another order on arm64.
	Rounded
	// Bits: a library package whose numbers reach the draws. No gonum either.
	Bits
)

// Room is a package, with the packages below it, and its place in the house.
type Room struct {
	Path    string // relative to the module
	Floor   int
	Promise Promise
	// Modules outside the standard library that the package may import itself.
	Modules []string
	// Level allows imports of other rooms of the same floor.
	Level bool
}

const (
	cpuid = "github.com/klauspost/cpuid/v2"
	gonum = "gonum.org/v1/gonum"
	plot  = "gonum.org/v1/plot"
	exp   = "golang.org/x/exp"
)

// Rooms is the plan, from the ground up.
var Rooms = []Room{
	{Path: "lanes", Floor: 0, Promise: Bits},
	{Path: "backends", Floor: 0, Promise: Bits, Modules: []string{cpuid}},
	{Path: "internal/parallel", Floor: 0, Promise: Bits},
	{Path: "internal/store", Floor: 0, Promise: Rounded},
	{Path: "internal/spelling", Floor: 0, Promise: Rounded},
	{Path: "random", Floor: 1, Promise: Bits},
	{Path: "autodiff", Floor: 1, Promise: Bits},
	{Path: "density", Floor: 2, Promise: Bits, Modules: []string{gonum}},
	{Path: "score", Floor: 3, Promise: Bits},
	{Path: "mcmc", Floor: 4, Promise: Bits},
	{Path: "mcmc/diagnose", Floor: 4, Promise: Rounded, Modules: []string{gonum}},
	{Path: "draws", Floor: 5, Promise: Rounded, Modules: []string{gonum, exp}},
	{Path: "models", Floor: 5, Promise: Rounded},
	{Path: "quality", Floor: 6, Promise: Rounded, Modules: []string{gonum}},
	{Path: "plugins", Floor: 6, Promise: Rounded, Modules: []string{"google.golang.org/grpc", "google.golang.org/protobuf", "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "golang.org/x/sys"}},
	{Path: "plugins/conformance", Floor: 6, Level: true, Modules: []string{"google.golang.org/grpc", "google.golang.org/protobuf"}},
	{Path: "plugins/examples", Floor: 9, Level: true},
	{Path: "plugins/bridgestan", Floor: 6, Promise: Rounded, Modules: []string{"github.com/ebitengine/purego"}},
	{Path: "plugins/installed", Floor: 6, Level: true, Promise: Rounded, Modules: []string{"github.com/BurntSushi/toml"}},
	{Path: "internal/cli", Floor: 7, Level: true, Modules: []string{
		cpuid, gonum, "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/vbauerster/mpb/v8", "golang.org/x/term",
	}},
	{Path: "internal/dataset", Floor: 7, Level: true, Modules: []string{gonum}},
	{Path: "internal/figure", Floor: 7, Level: true, Modules: []string{gonum, plot}},
	{Path: "cmd/infer", Floor: 8},
	{Path: "cmd/infer-plugin-bridgestan", Floor: 8},
	{Path: "docs", Floor: 9, Level: true, Modules: []string{gonum}},
	{Path: "bench", Floor: 9, Level: true, Modules: []string{gonum}},
}

// Reachable lists the modules that the library, floors 0 to 5, may reach at all, through others too. x/sys is
// part of cpuid.
var Reachable = []string{cpuid, "golang.org/x/sys", gonum, exp}

// LibraryFloors is the number of floors that make up the library: nothing of a plotting or network module is
// reachable from them.
const LibraryFloors = 6

// Find returns the room of a package path inside the module, the innermost one. A package whose name ends in
// "test" is a helper of tests: it stands in its room without its promise.
func Find(path string) (Room, bool) {
	path = strings.TrimPrefix(strings.TrimPrefix(path, Module), "/")
	best, found := Room{}, false
	for _, room := range Rooms {
		if (path == room.Path || strings.HasPrefix(path, room.Path+"/")) && (!found || len(room.Path) > len(best.Path)) {
			best, found = room, true
		}
	}
	if found && strings.HasSuffix(path, "test") && path != best.Path {
		best.Promise = None
	}
	return best, found
}

// Covers says whether a list of module paths holds the module that a package belongs to.
func Covers(modules []string, pkg string) bool {
	for _, m := range modules {
		if pkg == m || strings.HasPrefix(pkg, m+"/") {
			return true
		}
	}
	return false
}
