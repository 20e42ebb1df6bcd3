package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/scorefield/infer/tools/internal/house"
	"github.com/scorefield/infer/tools/internal/housetest"
)

const root = "module " + house.Module + `

go 1.26.0

require gonum.org/v1/plot v0.17.0

require (
	example.com/far v1.0.0
	github.com/spf13/cobra v1.10.2 // indirect
)

replace (
	gonum.org/v1/plot => ./plot
	github.com/spf13/cobra => ./cobra
	example.com/far => ./far
)
`

// files is a small house in order.
func files() map[string]string {
	return map[string]string{
		"go.mod":               root,
		"docs/dependencies.md": "| `gonum.org/v1/plot` | `github.com/spf13/cobra` | `example.com/far` | `example.com/tool/cmd/lint` |",
		"plot/go.mod":          "module gonum.org/v1/plot\n\ngo 1.26.0\n",
		"plot/p.go":            "package plot\n",
		"far/go.mod":           "module example.com/far\n\ngo 1.26.0\n",
		"far/f.go":             "package far\n",
		"cobra/go.mod":         "module github.com/spf13/cobra\n\ngo 1.26.0\n",
		"cobra/c.go":           "package cobra\n",
		"tools/go.mod":         "module " + house.Module + "/tools\n\ngo 1.26.0\n\ntool example.com/tool/cmd/lint\n\nrequire example.com/deep v1.0.0 // indirect\n",
		"lanes/l.go":           "package lanes\n\nimport _ \"fmt\"\n",
		"density/d.go":         use("density", "lanes"),
		"density/helper/h.go":  use("helper", "density"),
		"internal/cli/c.go":    use("cli", "density", "internal/figure") + "\nimport _ \"github.com/spf13/cobra\"\n",
		"internal/figure/f.go": "package figure\n\nimport _ \"gonum.org/v1/plot\"\n",
	}
}

func use(name string, paths ...string) string {
	text := "package " + name + "\n"
	for _, p := range paths {
		text += "\nimport _ \"" + house.Module + "/" + p + "\"\n"
	}
	return text
}

func TestAHouseInOrderPasses(t *testing.T) {
	if problems, err := run(housetest.Scratch(t, files())); err != nil || len(problems) > 0 {
		t.Fatalf("got %q, %v", problems, err)
	}
}

func TestWhatStandsWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, file, text, want string
	}{
		{"import of a higher floor", "lanes/up.go", use("lanes", "random"), "lanes (floor 0) imports " + house.Module + "/random (floor 1)"},
		{"import of a neighbour", "backends/b.go", use("backends", "lanes"), "backends (floor 0) imports"},
		{"module that the plan does not allow", "density/far.go", "package density\n\nimport _ \"example.com/far\"\n", "density imports example.com/far"},
		{"plotting outside internal/figure", "internal/cli/plot.go", "package cli\n\nimport _ \"gonum.org/v1/plot\"\n", "internal/cli imports gonum.org/v1/plot"},
		{"only on windows", "density/far_windows.go", "package density\n\nimport _ \"example.com/far\"\n", "density imports example.com/far"},
		{"package without a floor", "helpers/h.go", "package helpers\n", "helpers stands on no floor"},
		{"undocumented module", "docs/dependencies.md", "`gonum.org/v1/plot` `github.com/spf13/cobra` `example.com/tool/cmd/lint`", "go.mod requires example.com/far"},
		{"undocumented tool", "docs/dependencies.md", "`gonum.org/v1/plot` `github.com/spf13/cobra` `example.com/far`", "tools/go.mod requires example.com/tool/cmd/lint"},
	} {
		all := files()
		all["random/r.go"] = "package random\n"
		all[c.file] = c.text
		problems, err := run(housetest.Scratch(t, all))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.want) }) {
			t.Errorf("%s: got %q, want one with %q", c.name, problems, c.want)
		}
	}
}

// What the library reaches through a package that it may import counts as well.
func TestTheLibraryIsFollowedThroughOthers(t *testing.T) {
	own := func(path string, imports ...string) house.Package {
		return house.Package{ImportPath: house.Module + "/" + path, GoFiles: []string{"x.go"}, Imports: imports, Deps: imports,
			Module: &struct{ Path string }{house.Module}}
	}
	p := own("density", "gonum.org/v1/gonum/mat")
	p.Deps = append(p.Deps, "example.com/far")
	problems := imports([]house.Package{{ImportPath: "gonum.org/v1/gonum/mat"}, {ImportPath: "example.com/far"}, p})
	if len(problems) != 1 || !strings.Contains(problems[0], "reaches example.com/far") {
		t.Errorf("got %q", problems)
	}
}
