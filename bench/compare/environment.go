package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// environment is a Python with some of the peers.
type environment struct {
	python string
	has    map[string]bool
}

// find asks each environment which peers it has. A path is that of an environment's folder or of a Python.
func find(paths []string) ([]environment, error) {
	var environments []environment
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, "bin", "python")
		}
		const question = "import importlib.util as u; print(*[m for m in ('jax', 'optax', 'torch') if u.find_spec(m)])"
		out, err := exec.Command(path, "-c", question).Output()
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w: make it with bench/setup.sh, or name another with -python", path, err)
		}
		e := environment{path, map[string]bool{}}
		for word := range strings.FieldsSeq(string(out)) {
			e.has[word] = true
		}
		if e.has["jax"] && !e.has["optax"] {
			return nil, fmt.Errorf("environment %s has no optax: run bench/setup.sh again", path)
		}
		environments = append(environments, e)
	}
	return environments, nil
}

// with lists the environments that have the peer of a program: donut_jax.py wants jax.
func with(environments []environment, program string) []environment {
	_, peer, _ := strings.Cut(strings.TrimSuffix(program, ".py"), "_")
	var some []environment
	for _, e := range environments {
		if e.has[peer] {
			some = append(some, e)
		}
	}
	return some
}

// prioritise puts this process, and with it every one it will start, before all normal ones of the machine, and says
// how what is measured is scheduled. Where it is not permitted, it says so and changes nothing.
func prioritise() (told string, done bool) {
	const priority = 10
	out, err := exec.Command("chrt", "--all-tasks", "--fifo", "--pid", strconv.Itoa(priority), strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("Ours and the peers ran at normal priority: chrt: %v %s", err, strings.TrimSpace(string(out))), false
	}
	return fmt.Sprintf("Ours, the peers and the calibrations ran before all normal processes (SCHED_FIFO, priority %d, as by chrt -f %[1]d), which the kernel leaves a twentieth of the time", priority), true
}
