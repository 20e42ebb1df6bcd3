package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/scorefield/infer/backends"
)

// machine is what a measurement was made on. It is written with every result.
type machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Class  string  `json:"class"` // wide, narrow, or "no AVX-512"
	Peak   float64 `json:"peak"`  // GF/s of float64, one core, 512-bit (256-bit without AVX-512)
	Peak2  float64 `json:"peak256"`
	Commit string  `json:"commit"`
	Go     string  `json:"go"`

	Scheduling string `json:"scheduling"` // of what is measured, in words
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s (FMA peak of a core, float64: %.0f GF/s in 512-bit, %.0f in 256-bit), %s, commit %s",
		m.CPU, m.Cores, m.Class, m.Peak, m.Peak2, m.Go, m.Commit)
}

// describe measures and names the machine. root is the repository.
func describe(root string) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	var family, model string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name":
			m.CPU = strings.TrimSpace(value)
		case "cpu family":
			family = strings.TrimSpace(value)
		case "model":
			model = strings.TrimSpace(value)
		}
		if line == "\n" {
			break // the first core
		}
	}
	m.CPU += " family " + family + " model " + model
	if m.Commit, err = commit(root); err != nil {
		return m, err
	}
	m.Peak, m.Peak2 = peaks()
	switch {
	case m.Peak == 0:
		m.Class, m.Peak = "no AVX-512", m.Peak2
	case backends.Wide(m.Peak, m.Peak2):
		m.Class = "wide"
	default:
		m.Class = "narrow"
	}
	return m, nil
}

// commit is the short hash of the repository's head, with a mark where files differ from it.
func commit(root string) (string, error) {
	git := func(arguments ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, arguments...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	hash, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "", fmt.Errorf("the commit is part of a measurement: git rev-parse: %w", err)
	}
	if changes, err := git("status", "--porcelain"); err != nil || changes != "" {
		hash += "+changes"
	}
	return hash, nil
}

// repository is the folder with go.mod of the root module, above the working folder.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "bench", "compare", "workload.go")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("run it inside the repository: go run ./bench/compare")
		}
		dir = parent
	}
}
