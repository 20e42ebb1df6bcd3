package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// measured is what one process reports: the median of its repeats and what it says of itself.
type measured struct {
	Version string  `json:"version"`
	Variant string  `json:"variant"`
	Threads int     `json:"threads"`
	Devices int     `json:"devices"`
	Seconds float64 `json:"seconds"` // with those of compilation in a cold row
	Compile float64 `json:"compile_seconds,omitempty"`
	Check   float64 `json:"check"`
	Repeats int     `json:"repeats"`
	Foreign float64 `json:"foreign"` // CPUs that anything else used meanwhile
}

// execute runs a program that prints one JSON line a repeat, in a process of its own.
func execute(check interval, name string, arguments ...string) (measured, error) {
	cmd := exec.Command(name, arguments...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	before, err := busy()
	if err != nil {
		return measured{}, err
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		return measured{}, fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, text[max(0, len(text)-800):])
	}
	elapsed := time.Since(start).Seconds()
	after, err := busy()
	if err != nil {
		return measured{}, err
	}
	m, err := read(out.Bytes(), check)
	if err != nil {
		return measured{}, fmt.Errorf("%s %s: %w", name, strings.Join(arguments, " "), err)
	}
	own := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	m.Foreign = math.Max(0, after-before-own) / elapsed
	return m, nil
}

// read takes the JSON lines of a process. A check figure out of its range means that the work was not done.
func read(out []byte, check interval) (measured, error) {
	var m measured
	var seconds []float64
	scanner := bufio.NewScanner(bytes.NewReader(out))
	for scanner.Scan() {
		if !bytes.HasPrefix(scanner.Bytes(), []byte("{")) {
			continue
		}
		if err := json.Unmarshal(scanner.Bytes(), &m); err != nil {
			return m, fmt.Errorf("line %q: %w", scanner.Text(), err)
		}
		if !(m.Check >= check.low && m.Check <= check.high) {
			return m, fmt.Errorf("the check figure %v is not in [%v, %v]: the work was not done right", m.Check, check.low, check.high)
		}
		seconds = append(seconds, m.Seconds)
	}
	if len(seconds) == 0 {
		return m, fmt.Errorf("no measurement was printed")
	}
	m.Seconds, m.Repeats = median(seconds), len(seconds)
	return m, nil
}

// busy is the seconds that all CPUs together have worked since boot, stolen time included.
func busy() (float64, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("the load of the machine is read from Linux's /proc: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var ticks float64
	for i, word := range strings.Fields(line)[1:] {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		// user nice system idle iowait irq softirq steal; guests are counted in user
		if i < 8 && i != 3 && i != 4 {
			ticks += n
		}
	}
	const ticksPerSecond = 100 // USER_HZ, fixed on Linux
	return ticks / ticksPerSecond, nil
}
