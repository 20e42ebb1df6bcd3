package train_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/internal/store"
	"github.com/scorefield/infer/internal/store/storetest"
	"github.com/scorefield/infer/score"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// everything is a config in which each part of the state matters: average, schedule, validation, clipping.
func everything(path string) train.Config {
	c := small(normals(400, [2]float64{0, 1}, [2]float64{1, 2}, 0.3))
	c.Steps, c.EMA, c.Clip = 1000, 0.99, 2 // two steps a point of the curve
	c.Rate = train.Rate{Peak: 3e-3, WarmUp: 20, Decay: train.Cosine}
	c.Adam.WeightDecay = 0.01
	c.Validation = train.Validation{Share: 0.2, Every: 9}
	c.Checkpoint = path
	return c
}

// until is a context that ends at its n-th question.
type until struct {
	context.Context
	left *atomic.Int64
}

func (u until) Err() error {
	if u.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// stopAfter trains until the context has been asked n times.
func stopAfter(c train.Config, n int) (*train.Result, error) {
	var left atomic.Int64
	left.Store(int64(n))
	return train.Train(until{context.Background(), &left}, c)
}

// Cases S38 and S40: neither the count of the average nor the position of the rate is lost or counted twice.
func TestAResumedTrainingIsTheUndisturbedOne(t *testing.T) {
	reference := learn(t, everything(""))
	random := rand.New(rand.NewPCG(3, 4))
	for trial := range 6 {
		c := everything(filepath.Join(t.TempDir(), "m"))
		c.CheckpointSteps = []int{0, 43, 131}[trial%3]
		stops := 0
		for {
			r, err := stopAfter(c, 1+random.IntN(2000))
			c.Resume = true
			var stopped *train.StoppedError
			if errors.As(err, &stopped) {
				if !stopped.Saved || !errors.Is(err, context.Canceled) {
					t.Fatalf("stopped: %+v, %v", stopped, err)
				}
				stops++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			sameWeights(t, fmt.Sprintf("stopped %d times", stops), r, reference)
			if stops > 0 && (r.Resumed == 0 || !slices.ContainsFunc(r.Notes, func(s string) bool { return strings.HasPrefix(s, "resumed at step "+strconv.Itoa(r.Resumed)) })) {
				t.Errorf("resumed at step %d, notes %q", r.Resumed, r.Notes)
			}
			break
		}
		t.Logf("stopped %d times", stops)
	}
}

func TestACancelledStepIsDroppedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	c := train.ShareAlways(everything(path)) // the context is asked in the middle of steps too
	c.Workers = 2
	reference := learn(t, everything(""))
	for n := 1; ; n += 237 {
		r, err := stopAfter(c, n)
		c.Resume = true
		if err == nil {
			sameWeights(t, "stopped within steps", r, reference)
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestATrainingCanGoOnForLonger(t *testing.T) {
	c := small(normals(100, [2]float64{}, [2]float64{1, 1}, 0))
	c.Checkpoint = filepath.Join(t.TempDir(), "m")
	c.Steps, c.CheckpointSteps = 60, 20
	learn(t, c)
	c.Steps, c.Resume = 100, true
	longer := learn(t, c)
	c.Checkpoint, c.CheckpointSteps, c.Resume = "", 0, false
	if longer.Resumed != 60 || longer.Model.SHA256() != learn(t, c).Model.SHA256() {
		t.Errorf("resumed at step %d, to other weights", longer.Resumed)
	}
}

func TestACheckpointOfAnotherTrainingIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	c := everything(path)
	c.CheckpointSteps = 250
	learn(t, c)
	if _, err := train.Train(background, c); !errors.Is(err, train.ErrCheckpoints) {
		t.Errorf("without Resume: %v", err)
	}
	c.Resume = true
	for _, change := range []struct {
		what string
		f    func(c *train.Config)
	}{
		{"the seed", func(c *train.Config) { c.Seed++ }},
		{"the data", func(c *train.Config) {
			c.Data = normals(400, [2]float64{0, 1}, [2]float64{1, 2.000001}, 0.3)
		}},
		{"the noise levels", func(c *train.Config) { c.Levels = score.List{0.2, 0.3} }},
		{"the network and its loss", func(c *train.Config) { c.Network = network.MLP([]int{16, 17}, network.ReLU, nil) }},
		{"the batch", func(c *train.Config) { c.Batch = 50 }},
		{"the group", func(c *train.Config) { c.Group = 12 }},
		{"the learning rate", func(c *train.Config) { c.Steps = 1300 }},
		{"Adam", func(c *train.Config) { c.Adam.Beta1 = 0.8 }},
		{"the clipping of the gradient", func(c *train.Config) { c.Clip = 0 }},
		{"the average of the weights", func(c *train.Config) { c.EMA = 0.9 }},
		{"the validation", func(c *train.Config) { c.Validation.Share = 0.3 }},
	} {
		other := c
		change.f(&other)
		_, err := train.Train(background, other)
		var different *train.DifferentTrainingError
		if !errors.As(err, &different) || different.What != change.what || different.Checkpoint == different.Asked {
			t.Errorf("%s: error %v", change.what, err)
		}
	}
	c.Steps = 100
	c.Rate = train.Rate{Peak: 3e-3, WarmUp: 20}
	if _, err := train.Train(background, c); err == nil {
		t.Error("another rate: no error")
	}
}

func checkpoints(t testing.TB, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + ".ckpt-*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Case S42: the newest checkpoint is damaged.
func TestADamagedCheckpointFallsBackToThePreviousOne(t *testing.T) {
	reference := learn(t, everything(""))
	for name, damage := range map[string]func(data []byte) []byte{
		"emptied":   func([]byte) []byte { return nil },
		"cut":       func(data []byte) []byte { return data[:len(data)/2] },
		"a bit off": func(data []byte) []byte { data[len(data)*3/4] ^= 4; return data },
	} {
		path := filepath.Join(t.TempDir(), "m")
		c := everything(path)
		c.CheckpointSteps = 130
		if _, err := stopAfter(c, 2000); err == nil {
			t.Fatal("not stopped")
		}
		names := checkpoints(t, path)
		if len(names) != 3 {
			t.Fatalf("%d checkpoints, want the newest three: %v", len(names), names)
		}
		newest := names[2]
		data, err := os.ReadFile(newest)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(newest, damage(data), 0o666); err != nil {
			t.Fatal(err)
		}
		c.Resume = true
		r := learn(t, c)
		sameWeights(t, name, r, reference)
		if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], newest) || !strings.Contains(r.Notes[1], names[1]) {
			t.Errorf("%s: notes %q", name, r.Notes)
		}
		if err := train.RemoveCheckpoints(path); err != nil || len(checkpoints(t, path)) != 0 {
			t.Errorf("%s: checkpoints left: %v, %v", name, checkpoints(t, path), err)
		}
	}
}

func TestAllCheckpointsDamagedIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	c := everything(path)
	c.CheckpointSteps = 300
	learn(t, c)
	for _, name := range checkpoints(t, path) {
		if err := os.WriteFile(name, []byte("no"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c.Resume = true
	if _, err := train.Train(background, c); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func TestWithoutACheckpointAResumeBeginsAnewAndSaysSo(t *testing.T) {
	c := everything(filepath.Join(t.TempDir(), "m"))
	c.Resume = true
	r := learn(t, c)
	sameWeights(t, "anew", r, learn(t, everything("")))
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the training begins at step 0") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestEveryFailureOfTheDiskLeavesACheckpointToGoOnFrom(t *testing.T) {
	reference := learn(t, everything(""))
	for _, fault := range []error{syscall.ENOSPC, syscall.EIO, nil} {
		failures := storetest.Each(t, fault, func(files *storetest.Failing) {
			path := filepath.Join(t.TempDir(), "m")
			c := everything(path)
			c.CheckpointSteps = 300
			_, err := train.Train(background, train.On(c, files))
			if err != nil && files.Failed == "" {
				t.Fatal(err)
			}
			// What was begun goes on on a sound disk, to the same end.
			c.Resume = true
			r, err := train.Train(background, c)
			if err != nil {
				t.Fatalf("after a failed %s: %v", files.Failed, err)
			}
			sameWeights(t, "after a failed "+files.Failed, r, reference)
		})
		t.Logf("%v: %d failures", fault, failures)
		if failures < 10 {
			t.Errorf("%v: %d points of failure: the test tests little", fault, failures)
		}
	}
}

// The child of the test below: it trains, says so, and prints the digest of what it learned.
const childPath = "TRAIN_TEST_CHECKPOINT"

func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	c := killed(path)
	c.Resume = true
	c.Note = func(text string) { fmt.Println("note:", text) }
	r, err := train.Train(background, c)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("learned:", r.Model.SHA256())
}

// killed is a training of a quarter of a second or so with 25 checkpoints.
func killed(path string) train.Config {
	c := everything(path)
	c.Network = network.MLP([]int{64, 64, 64}, network.ReLU, nil)
	c.Steps, c.CheckpointSteps = 2500, 100
	return c
}

func TestAKilledTrainingGoesOnToTheSameWeights(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 4
	}
	if n, err := strconv.Atoi(os.Getenv("TRAIN_TEST_KILLS")); err == nil {
		kills = n
	}
	undisturbed := learn(t, killed(""))
	resumed := regexp.MustCompile(`^note: resumed at step (\d+) from`)
	random := rand.New(rand.NewPCG(7, 8))
	done, later := 0, 0
	for run := 0; done < kills; run++ {
		path := filepath.Join(t.TempDir(), "m")
		for {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childPath+"="+path)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if done < kills {
				timer := time.AfterFunc(time.Duration(20+random.IntN(250))*time.Millisecond, func() { child.Process.Kill() })
				defer timer.Stop()
			}
			before := newest(t, path)
			digest := ""
			for lines := bufio.NewScanner(out); lines.Scan(); {
				line := lines.Text()
				if m := resumed.FindStringSubmatch(line); m != nil {
					step, _ := strconv.Atoi(m[1])
					if step > 0 {
						later++
					}
					if step != before {
						t.Errorf("resumed at step %d, the newest checkpoint was of step %d: more than an interval is lost", step, before)
					}
				} else if strings.HasPrefix(line, "error:") {
					t.Fatal(line)
				} else if d, ok := strings.CutPrefix(line, "learned: "); ok {
					digest = d
				}
			}
			err = child.Wait()
			if digest != "" {
				if digest != undisturbed.Model.SHA256() {
					t.Errorf("run %d: other weights", run)
				}
				break
			}
			if err == nil {
				t.Fatal("the child ended without a word")
			}
			done++
		}
	}
	t.Logf("%d kills, %d resumes later than step 0", done, later)
	least := kills * 4 / 5
	if testing.Short() { // under the race detector most of the time is start-up
		least = kills / 3
	}
	if later < least {
		t.Errorf("%d of %d resumes were later than step 0: the test tests little", later, kills)
	}
}

// newest is the step of the newest checkpoint, 0 if there is none.
func newest(t *testing.T, path string) int {
	n, err := store.ReadNewest(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return n.Number
}
