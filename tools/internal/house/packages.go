package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Target is what a build is for.
type Target struct {
	OS, Arch, Level string // Level is GOAMD64; empty fields take the tool's default
	Tags            string
}

// String is the target as one would type it before a go command.
func (t Target) String() string { return strings.Join(t.environment(), " ") }

func (t Target) environment() []string {
	var env []string
	for _, pair := range [][2]string{{"GOOS", t.OS}, {"GOARCH", t.Arch}, {"GOAMD64", t.Level}} {
		if pair[1] != "" {
			env = append(env, pair[0]+"="+pair[1])
		}
	}
	if t.Tags != "" {
		env = append(env, "-tags="+t.Tags)
	}
	return env
}

// Go runs a go command in a folder for a target and returns what it wrote to stdout and stderr. C code is left
// out, so that every target builds on every machine.
func Go(dir string, t Target, command string, args ...string) (stdout, stderr []byte, err error) {
	if t.Tags != "" {
		args = append([]string{"-tags=" + t.Tags}, args...)
	}
	cmd := exec.Command("go", append([]string{command}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	for _, v := range t.environment() {
		if !strings.HasPrefix(v, "-") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), errs.Bytes(), fmt.Errorf("%s go %s %s: %w\n%s", t, command, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes(), errs.Bytes(), nil
}

// Package is what go list says of a package.
type Package struct {
	ImportPath, Dir, Export, Name string
	GoFiles, Imports, Deps        []string
	Standard, DepOnly             bool
	Module                        *struct{ Path string }
}

// List runs go list -json with further arguments and returns the packages in its order: dependencies first.
func List(dir string, t Target, args ...string) ([]Package, error) {
	fields := "-json=ImportPath,Dir,Export,Name,GoFiles,Imports,Deps,Standard,DepOnly,Module"
	out, _, err := Go(dir, t, "list", append([]string{fields}, args...)...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}
