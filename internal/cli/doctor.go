package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/store"
)

// health is what `infer doctor` finds.
type health struct {
	Version  string   `json:"version"`
	CPU      string   `json:"cpu"`
	Cores    int      `json:"cores"` // that this process may use
	Features []string `json:"features"`
	Backend  string   `json:"backend"`
	Why      string   `json:"why"`
	// Peaks of one core in multiply-adds, in units of 1e9 float64 operations a second; float32 has twice as many.
	Peaks map[string]float64 `json:"peaks_gflops"`
	Class string             `json:"class"` // wide, narrow, or none: see backends.Wide
	// BF16 says that convolutions in bfloat16 have instructions of their own.
	BF16 bool   `json:"bf16"`
	Disk string `json:"disk"`
	Fit  bool   `json:"fit"` // nothing found that keeps infer from working
}

// features are the instruction sets that decide which kernels run.
var features = []cpuid.FeatureID{cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW, cpuid.AVX512BF16}

func examine() health {
	h := health{Version: versionLine(), CPU: cpuid.CPU.BrandName, Cores: runtime.GOMAXPROCS(0), Backend: backends.Current().Name, Peaks: map[string]float64{}, Class: "none"}
	if h.CPU == "" {
		h.CPU = runtime.GOARCH
	}
	for _, f := range features {
		if cpuid.CPU.Supports(f) {
			h.Features = append(h.Features, f.String())
		}
	}
	h.Why = "the fastest this machine has"
	if named := os.Getenv(backends.Environment); named != "" {
		if named == h.Backend {
			h.Why = backends.Environment + " says so"
		} else {
			h.Why = fmt.Sprintf("the fastest this machine has; %s=%s is none of its backends", backends.Environment, named)
		}
	}
	for _, t := range backends.Available() {
		if peak := backends.Peak(t, 200*time.Millisecond); peak > 0 {
			h.Peaks[t.Name] = peak / 1e9
		}
	}
	if wide, ok := h.Peaks["avx512"]; ok {
		h.Class = "narrow"
		if backends.Wide(wide, h.Peaks["avx2"]) {
			h.Class = "wide"
		}
	}
	h.BF16 = multipliesBF16()
	h.Disk, h.Fit = disk()
	return h
}

// disk tries to write where draws would go.
func disk() (found string, fit bool) {
	folder, err := os.Getwd()
	if err != nil {
		return "the current folder is gone: " + err.Error(), false
	}
	probe := filepath.Join(folder, fmt.Sprintf(".infer-doctor-%d", os.Getpid()))
	defer os.Remove(probe)
	if err := store.WriteFile(probe, func(w io.Writer) error {
		_, err := w.Write([]byte("infer doctor"))
		return err
	}); err != nil {
		return fmt.Sprintf("%s cannot be written: %v", folder, err), false
	}
	return folder + " can be written", true
}

func doctorCommand(s *streams) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine has: CPU, backend, speed, disk",
		Example: "  infer doctor",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			h := examine()
			if asJSON {
				return printJSON(s.out, h)
			}
			var b strings.Builder
			line := func(name, format string, args ...any) {
				fmt.Fprintf(&b, "%-10s%s\n", name, fmt.Sprintf(format, args...))
			}
			line("version", "%s", h.Version)
			line("cpu", "%s, %d cores for this process", h.CPU, h.Cores)
			line("features", "%s", strings.Join(h.Features, " "))
			line("backend", "%s: %s", h.Backend, h.Why)
			for _, l := range listBackends() {
				if peak, ok := h.Peaks[l.Name]; ok {
					line("peak", "%-7s %.0f GF/s a core in float64, %.0f in float32", l.Name, peak, 2*peak)
				}
			}
			line("class", "%s%s", h.Class, map[string]string{
				"wide":   ": 512-bit vectors are at least 1.7 times as fast as 256-bit ones",
				"narrow": ": 512-bit vectors are no faster than 256-bit ones in multiply-adds",
				"none":   ": no AVX-512",
			}[h.Class])
			if h.BF16 {
				line("bf16", "by AVX512_BF16: --conv bf16 is faster than direct")
			} else {
				line("bf16", "no instructions for it: --conv bf16 gains nothing")
			}
			line("disk", "%s", h.Disk)
			if _, err := fmt.Fprint(s.out, b.String()); err != nil {
				return err
			}
			if !h.Fit {
				return &codedError{exitData, fmt.Errorf("%s", h.Disk)}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
