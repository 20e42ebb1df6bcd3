package cli

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
)

// checkMemory refuses, before anything is allocated, a population that this machine has no room for: its points, what each
// carries, two copies for the summary and the file.
func checkMemory(set settings) error {
	const columns = 6 // positions, gradient, position at half-time, copies for file, summary and figure
	perParticle := 8 * (columns*float64(set.Dim) + 16)
	need := perParticle * float64(set.Particles)
	free := availableMemory()
	if need <= free {
		return nil
	}
	return usage("--particles %d of dimension %d need about %s of memory, and %s are available: ask for at most %d particles",
		set.Particles, set.Dim, size(need), size(free), int(free/perParticle))
}

// availableMemory is what the system says it can give, or, where it does not say, the address space.
func availableMemory() float64 {
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == "MemAvailable:" {
				if kilobytes, err := strconv.ParseFloat(fields[1], 64); err == nil {
					return 1024 * kilobytes
				}
			}
		}
	}
	return math.Ldexp(1, 40)
}

// size prints a number of bytes.
func size(bytes float64) string {
	for _, unit := range []string{"bytes", "kB", "MB", "GB", "TB"} {
		if bytes < 1000 {
			return strconv.FormatFloat(bytes, 'f', 0, 64) + " " + unit
		}
		bytes /= 1000
	}
	return strconv.FormatFloat(bytes, 'g', 3, 64) + " PB"
}
