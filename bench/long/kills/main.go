// Kills ends runs of the command with SIGKILL at random moments and resumes each. The draws must be those of the run
// that nobody disturbed, byte for byte, and most resumes must start later than step 0.
//
//	go run ./bench/long/kills              # 500 runs
//	go run ./bench/long/kills -count 50
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

const (
	steps       = 40_000
	checkpoints = 20   // at least, in a whole run
	share       = 0.8  // of the resumes start later than step 0
	most        = 0.95 // of a run's time, when the last kill comes
)

func main() {
	count := flag.Int("count", 500, "runs that are killed")
	seed := flag.Uint64("seed", 1, "seed of the moments")
	flag.Parse()
	if err := run(*count, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "kills:", err)
		os.Exit(1)
	}
}

func run(count int, seed uint64) error {
	dir, err := os.MkdirTemp("", "kills")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "infer")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/infer").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	s := sampler{program: program, dir: dir}
	start := time.Now()
	want, _, err := s.finish("whole", 0)
	if err != nil {
		return err
	}
	whole := time.Since(start)
	// Twice as often as needed, since a machine may be slower later.
	every := whole / (2 * checkpoints)
	random := rand.New(rand.NewPCG(seed, 0))
	later, torn, early := 0, 0, 0
	for i := range count {
		name := "run" + strconv.Itoa(i)
		moment := time.Duration(random.Float64() * most * float64(whole))
		ended, err := s.kill(name, every, moment)
		if err != nil {
			return err
		}
		if ended {
			early++ // it was done before the kill: nothing to resume
		}
		got, from, err := s.finish(name, every)
		if err != nil {
			return fmt.Errorf("run %d, killed after %v: %w", i, moment, err)
		}
		if got != want {
			return fmt.Errorf("run %d, killed after %v, resumed at step %d: its draws are not those of the whole run", i, moment, from)
		}
		if from > 0 {
			later++
		}
		leftovers, err := filepath.Glob(filepath.Join(dir, name+"*"))
		if err != nil {
			return err
		}
		torn += len(leftovers) - 1
		for _, path := range leftovers {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d runs of %v killed at random moments, a checkpoint every %v: the same draws after every resume; %d resumes started later "+
		"than step 0, %d runs ended before their kill; %d files left over.\n", count, whole.Round(time.Millisecond), every.Round(time.Millisecond), later, early, torn)
	if killed := count - early; float64(later) < share*float64(killed) {
		return fmt.Errorf("only %d of %d resumes started later than step 0, not %g of them", later, killed, share)
	}
	return nil
}

// sampler runs the command in a folder.
type sampler struct{ program, dir string }

func (s sampler) command(ctx context.Context, name string, every time.Duration, more ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, s.program, append([]string{"sample", "--density", "donut", "--sampler", "langevin", "--seed", "1", "--particles", "5000",
		"--steps", strconv.Itoa(steps), "--checkpoint-every", every.String(), "-o", name + ".npy"}, more...)...)
	cmd.Dir = s.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	return cmd, &errs
}

// kill starts a run and ends it after a while. ended says that it was done by then.
func (s sampler) kill(name string, every, after time.Duration) (ended bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	cmd, errs := s.command(ctx, name, every)
	err = cmd.Run()
	if ctx.Err() == nil {
		if err != nil {
			return false, fmt.Errorf("%s: %w: %s", name, err, errs)
		}
		return true, nil
	}
	return err == nil, nil
}

var resumed = regexp.MustCompile(`resuming at step (\d+)`)

// finish takes a run to its end, from its checkpoint if there is one, and returns the hash of its draws and the step it
// went on from.
func (s sampler) finish(name string, every time.Duration) (hash [32]byte, from int, err error) {
	path := filepath.Join(s.dir, name+".npy")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		cmd, errs := s.command(context.Background(), name, every, "--resume")
		if err := cmd.Run(); err != nil {
			return hash, 0, fmt.Errorf("%w: %s", err, errs)
		}
		if m := resumed.FindSubmatch(errs.Bytes()); m != nil {
			if from, err = strconv.Atoi(string(m[1])); err != nil {
				return hash, 0, err
			}
		}
	}
	data, err := os.ReadFile(path)
	return sha256.Sum256(data), from, err
}
