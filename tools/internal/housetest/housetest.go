// Package housetest makes small modules that the floor plan applies to, for the tests of the checks.
package housetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scorefield/infer/tools/internal/house"
)

// Scratch writes files into a new module of the same path as the root module, so that the plan applies to it,
// and returns its folder. A name ends in .go and starts with the path of its package.
func Scratch(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	Write(t, dir, "go.mod", "module "+house.Module+"\n\ngo 1.26.0\n")
	for name, text := range files {
		Write(t, dir, name, text)
	}
	return dir
}

// Write writes one file of a scratch module.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Copy puts the Go files of a package of the project, tests left out, into a scratch module.
func Copy(t testing.TB, root, pkg, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s of %s (%v)", pkg, root, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		Write(t, dir, pkg+"/"+filepath.Base(name), string(text))
	}
}
