// Sourcecheck refuses, in the library's packages, Go source whose floating-point results may depend on the
// architecture or the compiler: a product that meets a sum without a conversion or math.FMA, functions of math
// that are not exact, and gonum where results reach the draws.
//
//	go -C tools run ./sourcecheck -C .. ./...
//
// Packages are checked as they build for amd64, for arm64 and with the tag noasm. Which packages promise what
// stands in tools/internal/house. Test files are not checked.
package main

import (
	"flag"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"slices"

	"github.com/scorefield/infer/tools/internal/house"
)

// targets are the builds whose file lists differ.
var targets = []house.Target{
	{OS: "linux", Arch: "amd64"},
	{OS: "linux", Arch: "amd64", Tags: "noasm"},
	{OS: "linux", Arch: "arm64"},
}

func main() {
	dir := flag.String("C", ".", "folder of the module to check")
	flag.Parse()
	problems, packages, err := run(*dir, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "sourcecheck:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		fmt.Fprintf(os.Stderr, "sourcecheck: %d problems\n", len(problems))
		os.Exit(1)
	}
	fmt.Printf("sourcecheck: %d packages with a promise, nothing found\n", packages)
}

// run checks the packages that match the patterns for every target, and counts those that carry a promise.
func run(dir string, patterns []string) (problems []string, packages int, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, 0, err
	}
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	seen := map[string]bool{}
	for _, target := range targets {
		fset := token.NewFileSet()
		units, err := load(dir, target, patterns, fset)
		if err != nil {
			return nil, 0, err
		}
		for _, u := range units {
			if u.asked && u.promise != house.None {
				seen[u.path] = true
			}
		}
		problems = append(problems, check(units, fset, dir)...)
	}
	if len(seen) == 0 {
		return nil, 0, fmt.Errorf("no package with a promise matches %q", patterns)
	}
	slices.Sort(problems)
	return slices.Compact(problems), len(seen), nil
}
