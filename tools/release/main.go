// Release builds the command for every platform, with its licences, and writes archives and their SHA-256 sums.
//
//	scripts/release v0.1.0         # into dist/
//
// The same commit and Go release give the same bytes: paths are trimmed, times are the commit's, names are sorted.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variable is what a release stamps with its version.
const variable = "github.com/scorefield/infer/internal/cli.Version"

var platforms = []struct{ os, arch string }{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// pattern is a version as SemVer and Go's modules write it.
var pattern = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func main() {
	dir := flag.String("C", "..", "folder of the root module")
	out := flag.String("o", "", "folder for the archives (default dist/ in the root module)")
	flag.Parse()
	if err := run(*dir, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(dir, out string, arguments []string) error {
	if len(arguments) != 1 || !pattern.MatchString(arguments[0]) {
		return fmt.Errorf("give the version, as in v0.1.0 or v0.2.0-rc.1; got %q", arguments)
	}
	version := arguments[0]
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(dir, "dist")
	}
	when, err := commitTime(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	licences, err := thirdParty(dir)
	if err != nil {
		return err
	}
	shared := []file{{name: "THIRD_PARTY_LICENSES.txt", data: licences}}
	for _, name := range []string{"LICENSE", "README.md"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		shared = append(shared, file{name: name, data: data})
	}
	var sums bytes.Buffer
	for _, p := range platforms {
		binary, err := build(dir, version, p.os, p.arch)
		if err != nil {
			return err
		}
		program, pack, suffix := "infer", tarGz, ".tar.gz"
		if p.os == "windows" {
			program, pack, suffix = "infer.exe", zipped, ".zip"
		}
		base := "infer-" + version + "-" + p.os + "-" + p.arch
		archive, err := pack(base, append([]file{{name: program, data: binary, executable: true}}, shared...), when)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, base+suffix), archive, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), base+suffix)
		fmt.Printf("%-40s %5.1f MB, binary %5.1f MB\n", base+suffix, float64(len(archive))/1e6, float64(len(binary))/1e6)
	}
	if err := os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: SHA256SUMS of %d archives\n", out, len(platforms))
	return nil
}

// commitTime is the time of the commit that is built. A tree that differs from its commit is refused.
func commitTime(dir string) (time.Time, error) {
	changes, err := exec.Command("git", "-C", dir, "status", "--porcelain").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("git status: %w", err)
	}
	if len(changes) > 0 {
		return time.Time{}, fmt.Errorf("files differ from the commit; a release is built from a clean checkout:\n%s", changes)
	}
	seconds, err := exec.Command("git", "-C", dir, "log", "-1", "--format=%ct").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("git log: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(seconds)), 10, 64)
	return time.Unix(n, 0).UTC(), err
}

// build compiles the command for a platform, without C, and returns the binary.
func build(dir, version, system, arch string) ([]byte, error) {
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	name := filepath.Join(work, "infer")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w -X "+variable+"="+version, "-o", name, "./cmd/infer")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off", "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for %s/%s: %w\n%s", system, arch, err, output)
	}
	return os.ReadFile(name)
}

// licence matches the files that hold a module's terms.
var licence = regexp.MustCompile(`(?i)^(un)?licen[cs]es?([.-].*)?$|^copying|^notice`)

// thirdParty joins the licences of every module linked on some platform, and of Go itself.
func thirdParty(dir string) ([]byte, error) {
	type module struct{ Path, Version, Dir string }
	modules := map[string]module{}
	for _, p := range platforms {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{\"Path\":{{printf \"%q\" .Path}},\"Version\":{{printf \"%q\" .Version}},\"Dir\":{{printf \"%q\" .Dir}}}{{end}}{{end}}", "./cmd/infer")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for line := range strings.FieldsFuncSeq(string(out), func(r rune) bool { return r == '\n' }) {
			var m module
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				return nil, err
			}
			modules[m.Path] = m
		}
	}
	modules["Go"] = module{"Go", runtime.Version(), goroot()}
	var all bytes.Buffer
	fmt.Fprintln(&all, "infer holds code of these projects, under their licences:")
	var paths []string
	for path := range modules {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		m := modules[path]
		entries, err := os.ReadDir(m.Dir)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if !licence.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			names := []string{e.Name()}
			if e.IsDir() {
				if names, err = filepath.Glob(filepath.Join(m.Dir, e.Name(), "*")); err != nil {
					return nil, err
				}
				for i, n := range names {
					names[i] = filepath.Join(e.Name(), filepath.Base(n))
				}
			}
			for _, n := range names {
				text, err := os.ReadFile(filepath.Join(m.Dir, n))
				if err != nil {
					return nil, err
				}
				fmt.Fprintf(&all, "\n%s\n%s %s, %s\n\n%s\n", strings.Repeat("=", 80), m.Path, m.Version, filepath.ToSlash(n), bytes.TrimSpace(text))
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s has no licence file: look it up before a release", m.Path)
		}
	}
	return all.Bytes(), nil
}

func goroot() string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
