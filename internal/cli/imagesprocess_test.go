//go:build unix

package cli

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// A training of images that Ctrl-C stopped in the middle ends with the weights of one that nobody stopped.
func TestImageTrainingInterruptAndResume(t *testing.T) {
	folder := t.TempDir()
	args := []string{"train", "--data", imageSet(t, 40, 8, 8, 2), "--steps", "300", "--seed", "3", "--validation", "0.1", "--batch", "8"}
	whole, part := filepath.Join(folder, "whole.safetensors"), filepath.Join(folder, "part.safetensors")
	if out, err := command(append(args, "-o", whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	c := command(append(args, "-o", part, "--checkpoint-every", "1ms", "--workers", "1")...)
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if there, _ := filepath.Glob(part + ".ckpt*"); len(there) > 0 {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("no checkpoint appears")
		}
	}
	_ = c.Process.Signal(syscall.SIGINT)
	asked := time.Now()
	err := c.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatalf("%v: %s", err, errs.String())
	}
	t.Logf("stopped %v after the signal: %s", time.Since(asked), errs.String())
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
}
