// Housecheck holds the packages to the floor plan of tools/internal/house and the dependencies to their list.
//
//		go -C tools run ./housecheck -C ..
//
//	  - A package imports only from floors below its own, and only the modules its line names.
//	  - A package of the library reaches nothing but the standard library, cpuid, gonum and x/exp, through others
//	    too, on linux, darwin and windows.
//	  - Every module that the root's go.mod requires, and every direct requirement and tool of a nested module,
//	    stands in docs/dependencies.md.
//
// Test files are not checked.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scorefield/infer/tools/internal/house"
)

var targets = []house.Target{
	{OS: "linux", Arch: "amd64"},
	{OS: "darwin", Arch: "arm64"},
	{OS: "windows", Arch: "amd64"},
}

func main() {
	dir := flag.String("C", ".", "folder of the module to check")
	flag.Parse()
	problems, err := run(*dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "housecheck:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	fmt.Println("housecheck: every import and every dependency has its place")
}

func run(dir string) ([]string, error) {
	var problems []string
	for _, target := range targets {
		packages, err := house.List(dir, target, "-deps", "./...")
		if err != nil {
			return nil, err
		}
		problems = append(problems, imports(packages)...)
	}
	undocumented, err := dependencies(dir)
	if err != nil {
		return nil, err
	}
	problems = append(problems, undocumented...)
	slices.Sort(problems)
	return slices.Compact(problems), nil
}

// imports checks what each package of ours imports and, for the library, reaches.
func imports(packages []house.Package) []string {
	var problems []string
	byPath := map[string]house.Package{}
	for _, p := range packages {
		byPath[p.ImportPath] = p
	}
	for _, p := range packages {
		if !ours(p) || len(p.GoFiles) == 0 {
			continue
		}
		room, known := house.Find(p.ImportPath)
		if !known {
			problems = append(problems, p.ImportPath+" stands on no floor: give it a line in tools/internal/house and docs/design.md")
			continue
		}
		for _, path := range p.Imports {
			q := byPath[path]
			switch {
			case q.Standard:
			case ours(q):
				other, known := house.Find(path)
				if known && !mayImport(room, other) {
					problems = append(problems, fmt.Sprintf("%s (floor %d) imports %s (floor %d): only floors below its own", p.ImportPath, room.Floor, path, other.Floor))
				}
			case !house.Covers(room.Modules, path):
				problems = append(problems, fmt.Sprintf("%s imports %s, which the plan does not allow there", p.ImportPath, path))
			}
		}
		if room.Floor >= house.LibraryFloors {
			continue
		}
		for _, path := range p.Deps {
			if q := byPath[path]; !q.Standard && !ours(q) && !house.Covers(house.Reachable, path) {
				problems = append(problems, fmt.Sprintf("%s is of the library and reaches %s", p.ImportPath, path))
			}
		}
	}
	return problems
}

func ours(p house.Package) bool { return p.Module != nil && p.Module.Path == house.Module }

// mayImport says whether a package of one room may import one of another. Packages of a room, such as a package
// and its test helper, may import each other, as may a room and one inside it.
func mayImport(room, other house.Room) bool {
	within := func(a, b string) bool { return a == b || strings.HasPrefix(a, b+"/") }
	return other.Floor < room.Floor || room.Level && other.Floor == room.Floor ||
		within(room.Path, other.Path) || within(other.Path, room.Path)
}

// dependencies returns the required modules that docs/dependencies.md does not name. A nested module's indirect
// requirements are its own business.
func dependencies(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "docs", "dependencies.md"))
	if err != nil {
		return nil, err
	}
	files, err := modFiles(dir)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, file := range files {
		mod, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		for _, module := range required(string(mod), file == "go.mod") {
			if !strings.Contains(string(text), "`"+module+"`") {
				problems = append(problems, fmt.Sprintf("%s requires %s, which docs/dependencies.md does not name", file, module))
			}
		}
	}
	return problems, nil
}

// modFiles finds the go.mod files of the root and of the nested modules.
func modFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.Name() == "go.mod" {
			name, err := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	return files, err
}

// required are the modules of a go.mod's require lines and the packages of its tool lines.
func required(mod string, indirect bool) []string {
	var modules []string
	block := ""
	for line := range strings.Lines(mod) {
		text, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(text)
		switch {
		case len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		case len(words) == 1 && words[0] == ")":
			block = ""
			continue
		case len(words) == 3 && words[0] == "require":
			words = words[1:]
		case len(words) == 2 && words[0] == "tool":
			modules = append(modules, words[1])
			continue
		case len(words) == 1 && block == "tool":
			modules = append(modules, words[0])
			continue
		case block != "require":
			continue
		}
		if len(words) == 2 && (indirect || strings.TrimSpace(comment) != "indirect") {
			modules = append(modules, words[0])
		}
	}
	return modules
}
