//go:build unix

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/draws"
)

// The test binary is the command when this variable is set.
const asCommand = "INFER_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	servePlugin(os.Args[1:])
	if os.Getenv(asCommand) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

func hashOf(t *testing.T, path string) string {
	t.Helper()
	table, err := draws.Read(path, draws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pointsHash(table.Points)
}

// waitForFile waits for a file to appear.
func waitForFile(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s does not appear", path)
}

var long = []string{"sample", "--density", "donut", "--seed", "5", "--particles", "2000", "--steps", "25000", "--sampler", "langevin", "--step", "1e-3"}

// emcee#339: a resumed run added the full number of steps to those already done. The first Ctrl-C stops in good order and
// says how to go on; that command ends with the bits of a run that nobody disturbed.
func TestInterruptAndResume(t *testing.T) {
	folder := t.TempDir()
	whole, part := filepath.Join(folder, "whole.npz"), filepath.Join(folder, "part of it.npz")
	if out, err := command(append(long, "-o", whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c := command(append(long, "-o", part, "--checkpoint-every", "20ms")...)
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		waitForFile(t, part+".ckpt")
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		if err := c.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 128+int(s) {
			t.Fatalf("%v after %v: %s", err, s, errs.String())
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("it took %v to stop", d)
		}
		if _, err := os.Stat(part); err == nil {
			t.Error("a partial run has an output under its final name")
		}
		resume := regexp.MustCompile(`(?m)^  infer (.*)$`).FindStringSubmatch(errs.String())
		if resume == nil {
			t.Fatalf("no command to go on: %s", errs.String())
		}
		out, err := command(fields(resume[1])...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if at := resumedAt(string(out)); at <= 0 || at >= 25000 {
			t.Errorf("resumed at step %d: %s", at, out)
		}
		if hashOf(t, part) != hashOf(t, whole) {
			t.Error("the resumed run has other draws")
		}
		a, _ := os.ReadFile(whole)
		b, _ := os.ReadFile(part)
		if !bytes.Equal(a, b) {
			t.Error("the resumed run has another file")
		}
		if _, err := os.Stat(part + ".ckpt"); err == nil {
			t.Error("the checkpoint outlives the output")
		}
		os.Remove(part)
	}
}

// resumedAt is the step that the log names, 0 if the run began anew, -1 if it does not say.
func resumedAt(log string) int {
	if m := regexp.MustCompile(`resuming at step (\d+) of`).FindStringSubmatch(log); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	if strings.Contains(log, "starting at step 0") {
		return 0
	}
	return -1
}

// kill -9 at random moments of a run with at least 20 checkpoints: every resume ends with the bits of the undisturbed run.
func TestKilledRunsResumeToTheSameBits(t *testing.T) {
	folder := t.TempDir()
	whole, part := filepath.Join(folder, "whole.npy"), filepath.Join(folder, "part.npy")
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("INFER_TEST_KILLS")); err == nil {
		kills = n
	}
	args := func(path string) []string { return append(long, "-o", path, "--checkpoint-every", "5ms") }
	began := time.Now()
	if out, err := command(args(whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	duration := time.Since(began)
	if duration < 200*time.Millisecond {
		t.Logf("the run takes %v: too short for 20 checkpoints of 5 ms with their syncs", duration)
	}
	want := hashOf(t, whole)
	r := rand.New(rand.NewPCG(1, 2))
	later, trials := 0, 0
	for trials < kills {
		os.Remove(part)
		os.Remove(part + ".ckpt")
		c := command(args(part)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((0.1 + 0.8*r.Float64()) * float64(duration)))
		_ = c.Process.Kill()
		_ = c.Wait()
		if _, err := os.Stat(part); err == nil {
			continue // it was done
		}
		trials++
		out, err := command(append(args(part), "--resume")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if resumedAt(string(out)) > 0 {
			later++
		}
		if got := hashOf(t, part); got != want {
			t.Fatalf("kill %d: other draws after a resume at step %d", trials, resumedAt(string(out)))
		}
	}
	t.Logf("%d of %d resumes began later than step 0, the run takes %v", later, kills, duration)
	if later < kills*4/5 {
		t.Errorf("only %d of %d resumes began later than step 0", later, kills)
	}
}

// A checkpoint of another run is refused, and the difference named.
func TestResumeRefusesAnotherRun(t *testing.T) {
	part := filepath.Join(t.TempDir(), "part.npz")
	c := command(append(long, "-o", part, "--checkpoint-every", "10ms")...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitForFile(t, part+".ckpt")
	_ = c.Process.Kill()
	_ = c.Wait()
	for _, change := range [][]string{{"--seed", "6"}, {"--step", "2e-3"}, {"--sampler", "mala"}, {"--particles", "1000"}, {"--density", "normal"}, {"--init", "uniform"}} {
		r := infer(t, append(append(long, "-o", part, "--resume"), change...)...)
		if r.code != exitUsage || !strings.Contains(r.err, "another run") {
			t.Errorf("%v: exits %d: %s", change, r.code, r.err)
		}
	}
}

// Where a shell's reader, disk or standard output is gone.
func TestStandardOutput(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "d.npy")
	for _, c := range []struct {
		shell string
		code  int
		words string
	}{
		{`"$0" sample --density donut --seed 1 -o "$1" | head -1 >/dev/null; echo "${PIPESTATUS[0]}" >&2`, 0, "0\n"},
		{`"$0" sample --density donut --seed 1 -o "$1" >&-`, exitData, "standard output is closed"},
		{`"$0" sample --density donut --seed 1 -o "$1" >/dev/full`, exitData, "no space left"},
		{`"$0" sample --density donut --seed 1 -o "$1" >/dev/null`, 0, ""},
		{`(ulimit -f 8; "$0" sample --density donut --seed 1 -o "$1" >/dev/null)`, exitData, "was not written"},
		{`"$0" sample --density donut --seed 1 -o "$1" 2>&-`, 0, ""},
	} {
		if strings.Contains(c.shell, "/dev/full") {
			if _, err := os.Stat("/dev/full"); err != nil {
				continue // a device of Linux
			}
		}
		os.Remove(path)
		shell := exec.Command("bash", "-c", c.shell, self, path)
		shell.Env = append(os.Environ(), asCommand+"=1")
		var errs bytes.Buffer
		shell.Stderr = &errs
		err := shell.Run()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != c.code || !strings.Contains(errs.String(), c.words) {
			t.Errorf("%s\nexits %d: %s", c.shell, code, errs.String())
		}
		if _, err := os.Stat(path); (err == nil) != !(strings.Contains(c.shell, ">&-") && c.code != 0 || strings.Contains(c.shell, "ulimit")) {
			t.Errorf("%s: the draws: %v", c.shell, err)
		}
	}
}

// The same draws with every backend, number of workers and size of blocks.
func TestSameBits(t *testing.T) {
	folder := t.TempDir()
	var want string
	for i, extra := range [][]string{
		{}, {"--workers", "1"}, {"--workers", "7"}, {"--block-size", "100"}, {"--block-size", "256", "--workers", "2"}, {"--block-size", "999"},
		{"--backend", "generic"}, {"--backend", "avx2"}, {"--backend", "avx512"},
	} {
		if len(extra) == 2 && extra[0] == "--backend" {
			known := false
			for _, b := range listBackends() {
				known = known || b.Name == extra[1]
			}
			if !known {
				t.Logf("this machine has no %s", extra[1])
				continue
			}
		}
		path := filepath.Join(folder, fmt.Sprintf("%d.npz", i))
		out, err := command(append([]string{"sample", "--density", "donut", "--seed", "3", "--particles", "3000", "--steps", "100", "-o", path}, extra...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = string(file)
		} else if string(file) != want {
			t.Errorf("%v gives another file", extra)
		}
	}
}

// A training that Ctrl-C stopped says how to go on, and ends with the weights of one that nobody stopped.
func TestTrainingInterruptAndResume(t *testing.T) {
	folder := t.TempDir()
	args := []string{"train", "--data", "donut", "--points", "2000", "--steps", "20000", "--seed", "3", "--hidden", "32,32", "--validation", "0.1"}
	whole, part := filepath.Join(folder, "whole.safetensors"), filepath.Join(folder, "part.safetensors")
	if out, err := command(append(args, "-o", whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	c := command(append(args, "-o", part, "--checkpoint-every", "20ms")...)
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	_ = c.Process.Signal(syscall.SIGINT)
	err := c.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	resume := regexp.MustCompile(`(?m)^  infer (.*)$`).FindStringSubmatch(errs.String())
	if resume == nil {
		t.Fatalf("no command to go on: %s", errs.String())
	}
	out, err := command(fields(resume[1])...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if weightsOf(t, whole) != weightsOf(t, part) {
		t.Errorf("the resumed training has other weights: %s", out)
	}
	if left, _ := filepath.Glob(part + ".ckpt*"); len(left) > 0 {
		t.Errorf("checkpoints outlive the model: %v", left)
	}
}
