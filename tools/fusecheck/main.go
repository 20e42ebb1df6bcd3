// Fusecheck refuses fused multiply-adds that the compiler made by itself. It reads the compiler's own listing
// (go build -gcflags=-S), which holds compiled Go code and no assembly files, for arm64, where the compiler
// fuses all it may, and for amd64 with GOAMD64=v3. A multiply-add is allowed on a line that says math.FMA( and
// in the one file fma32_arm64.go.
//
//	go -C tools run ./fusecheck -C .. ./...
//
// A generic function is listed where it is instantiated, so each needs a use outside its tests.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/scorefield/infer/tools/internal/house"
)

var targets = []house.Target{
	{OS: "linux", Arch: "arm64"},
	{OS: "linux", Arch: "amd64", Level: "v3"},
}

// fused is the one file whose products and sums are meant to fuse.
const fused = "fma32_arm64.go"

func main() {
	dir := flag.String("C", ".", "folder of the module to check")
	flag.Parse()
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	bad := 0
	for _, target := range targets {
		found, err := check(*dir, target, patterns)
		if err != nil {
			fmt.Fprintln(os.Stderr, "fusecheck:", err)
			os.Exit(2)
		}
		for _, p := range found.problems {
			fmt.Println(p)
		}
		bad += len(found.problems)
		fmt.Printf("fusecheck: %s: %d functions of %d packages listed, %d multiply-adds by math.FMA, %d others\n",
			target, found.functions, found.packages, found.allowed, len(found.problems))
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// result is what one target's listing holds.
type result struct {
	packages, functions, allowed int
	problems                     []string
}

var (
	header      = regexp.MustCompile(`^# (\S+)$`)
	instruction = regexp.MustCompile(`^\t0x[0-9a-f]+ \d+ \((.+):(\d+)\)\t(\S+)`)
	multiplyAdd = regexp.MustCompile(`^V?FN?M(ADD|SUB)`)
)

// check lists the packages that match the patterns and looks for multiply-adds.
func check(dir string, target house.Target, patterns []string) (result, error) {
	var r result
	dir, err := filepath.Abs(dir)
	if err != nil {
		return r, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return r, err
	}
	// The null device takes the program, should a pattern name a single command.
	_, listing, err := house.Go(dir, target, "build", append([]string{"-gcflags=-S", "-o", os.DevNull}, patterns...)...)
	if err != nil {
		// Once more for a message without the listing around it.
		if _, _, plain := house.Go(dir, target, "build", append([]string{"-o", os.DevNull}, patterns...)...); plain != nil {
			return r, plain
		}
		return r, errors.New("go build -gcflags=-S fails where go build does not")
	}
	var lines sourceLines
	pkg, known, promise := "", false, house.None
	scanner := bufio.NewScanner(bytes.NewReader(listing))
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		if m := header.FindSubmatch(scanner.Bytes()); m != nil {
			pkg, known = string(m[1]), true
			promise = promiseOf(pkg)
			r.packages++
			continue
		}
		if bytes.Contains(scanner.Bytes(), []byte(" STEXT ")) {
			r.functions++
		}
		m := instruction.FindSubmatch(scanner.Bytes())
		if m == nil || !multiplyAdd.Match(m[3]) {
			continue
		}
		if !known {
			return r, errors.New("the listing does not name its package: the format of go build -gcflags=-S has changed")
		}
		file := string(m[1])
		line, err := strconv.Atoi(string(m[2]))
		if err != nil {
			return r, err
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		// Inlined code keeps its own line: the promise is that of the package it was written in.
		name, err := filepath.Rel(dir, file)
		inside := err == nil && filepath.IsLocal(name)
		if inside && promiseOf(filepath.ToSlash(filepath.Dir(name))) == house.None || !inside && promise != house.Bits {
			continue
		}
		text, err := lines.read(file, line)
		if err != nil {
			return r, err
		}
		if strings.Contains(text, "math.FMA(") || filepath.Base(file) == fused {
			r.allowed++
			continue
		}
		if !inside {
			name = file
		}
		r.problems = append(r.problems, fmt.Sprintf("%s:%d: %s in %s (%s): %s", name, line, m[3], pkg, target, strings.TrimSpace(text)))
	}
	if err := scanner.Err(); err != nil {
		return r, err
	}
	if r.functions == 0 {
		return r, fmt.Errorf("%s: no function was listed for %q", target, patterns)
	}
	slices.Sort(r.problems)
	r.problems = slices.Compact(r.problems)
	return r, nil
}

// promiseOf is the promise of a package; one that stands on no floor gets the strictest.
func promiseOf(pkg string) house.Promise {
	room, known := house.Find(pkg)
	if !known {
		return house.Bits
	}
	return room.Promise
}

// sourceLines reads lines of source files, each file once.
type sourceLines map[string][]string

func (s *sourceLines) read(file string, line int) (string, error) {
	if *s == nil {
		*s = sourceLines{}
	}
	if (*s)[file] == nil {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("the listing names a source file that cannot be read: %w", err)
		}
		(*s)[file] = strings.Split(string(text), "\n")
	}
	if line < 1 || line > len((*s)[file]) {
		return "", fmt.Errorf("the listing names line %d of %s, which has %d", line, file, len((*s)[file]))
	}
	return (*s)[file][line-1], nil
}
