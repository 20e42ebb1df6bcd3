//go:build linux

package plugins_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/plugins/sdk"
)

func init() {
	specialModes["banner"] = func(string) {
		os.Stdout.WriteString("Loading model weights...\n1|2|not a handshake\n")
		sdk.Serve(sdk.Plugin{Name: "test", Models: []sdk.Model{{Name: "donut", Density: density.Donut{}}}})
	}
	specialModes["slow"] = func(string) {
		sdk.Serve(sdk.Plugin{Name: "test", Models: []sdk.Model{{Name: "donut", Density: slow{}}}})
	}
	specialModes["hello"] = func(mode string) { helloMain(strings.TrimPrefix(mode, "hello ")) }
	specialModes["closes"] = func(string) {
		conn, err := protocol.Conn(os.NewFile(protocol.FD, "frames"))
		if err != nil {
			panic(err)
		}
		var w protocol.FrameWriter
		header := `{"protocol":1,"name":"test","version":"1","models":[{"name":"donut","kinds":["density"],"dim":2}]}`
		if err := w.Write(conn, &protocol.Frame{Kind: protocol.Hello, Header: []byte(header)}); err != nil {
			panic(err)
		}
		conn.Close()
		time.Sleep(time.Minute)
	}
	specialModes["panics"] = func(string) {
		sdk.Serve(sdk.Plugin{Name: "test", Models: []sdk.Model{{Density: density.Func(1, func([]float64) float64 { return 0 })}, {Name: "panics", Density: panics{}}}})
	}
}

// slow is a density that takes a second, or until it is cancelled, where x0 is positive.
type slow struct{ density.Donut }

func (d slow) LogProb(ctx context.Context, logp []float64, x *lanes.Block) error {
	if x.Row(0)[0] > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return d.Donut.LogProb(ctx, logp, x)
}

type panics struct{ density.Donut }

func (panics) LogProb(context.Context, []float64, *lanes.Block) error {
	panic("index out of the weights")
}

// helloMain says what it is in a HELLO that is not ours.
func helloMain(header string) {
	conn, err := protocol.Conn(os.NewFile(protocol.FD, "frames"))
	if err != nil {
		panic(err)
	}
	var w protocol.FrameWriter
	if err := w.Write(conn, &protocol.Frame{Kind: protocol.Hello, Header: []byte(header)}); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
}

func script(name string) plugins.Options {
	return plugins.Options{
		Command: []string{"./" + name}, Dir: filepath.Join("testdata", "plug"),
		StartTimeout: 700 * time.Millisecond, StopTimeout: 300 * time.Millisecond,
	}
}

// startFails opens a plug-in that cannot be opened, and checks that the error says why, in time, and that nothing is left.
func startFails(t *testing.T, options plugins.Options, want ...string) *plugins.Error {
	t.Helper()
	warmUp(t)
	before := countResources(t)
	marks++
	mark := "start-" + time.Now().String()
	options.Set = append(options.Set, markVariable+"="+mark)
	started := time.Now()
	p, err := plugins.Open(context.Background(), options)
	if err == nil {
		p.Close()
		t.Fatal("it was opened")
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	var failure *plugins.Error
	if !errors.As(err, &failure) {
		t.Fatalf("the error is no Error: %v", err)
	}
	t.Log(failure.Report())
	for _, part := range want {
		if !strings.Contains(failure.Error(), part) {
			t.Errorf("the error is %q, without %q", failure, part)
		}
	}
	nothingLeft(t, mark, before)
	return failure
}

func TestStartsThatFailSayWhy(t *testing.T) {
	for name, want := range map[string][]string{
		"banner-then-exit.sh":      {"plug-in banner-then-exit.sh: it ended with exit code 0 before it said what it is", `the first line on its standard output is "Loading model weights..."`},
		"exit3-with-panic.sh":      {"exit code 3", "panic: cannot open weights.bin: no such file"},
		"app-version-7.sh":         {"it speaks version 7 of the protocol of plug-ins, and this infer version 1: update infer"},
		"hang-before-handshake.sh": {"did not say what it is within the 700ms that a start may take"},
		"missing.sh":               {"cannot be started", "no such file"},
	} {
		t.Run(name, func(t *testing.T) { startFails(t, script(name), want...) })
	}
	for handshake, want := range map[string]string{
		"1|0|unix|/nonexistent/sock|grpc|":   "version 0 of the protocol of plug-ins, and this infer version 1: update the plug-in",
		"2|1|unix|/nonexistent/sock|grpc|":   "of core version 2 of go-plugin",
		"1|1|tcp|127.0.0.1:1234|grpc|":       "it has to listen on a Unix socket",
		"1|1|unix|/nonexistent/sock|netrpc|": "is not for gRPC",
		"1|1|unix|/nonexistent/sock|grpc|":   "the connection broke",
	} {
		t.Run(handshake, func(t *testing.T) {
			options := script("")
			options.Command = []string{"/bin/sh", "-c", "echo '" + handshake + "'; exec sleep 3600"}
			startFails(t, options, want)
		})
	}
	for header, want := range map[string]string{
		`{"protocol":2,"name":"a","models":[]}`:                                                               "update infer",
		`{"protocol":1,"name":"A","models":[]}`:                                                               "the name \"A\"",
		`{"protocol":1,"name":"a","models":[]}`:                                                               "0 models",
		`{"protocol":1,"name":"a","models":[{"name":"m","kinds":["oracle"],"dim":1}]}`:                        "model m: kind \"oracle\"",
		`{"protocol":1,"name":"a","models":[{"name":"m","kinds":["density"],"dim":-1}]}`:                      "model m: dim is -1",
		`{"protocol":1,"name":"a","models":[{"name":"m","kinds":["score"],"dim":1,"score_param":"eps"}]}`:     "needs a noise level",
		`{"protocol":1,"name":"a","models":[{"name":"m","kinds":["density"],"dim":1,"dtype":"bfloat16"}]}`:    "dtype \"bfloat16\"",
		`{"protocol":1,"name":"../../evil","models":[{"name":"m","kinds":["density"],"dim":1}]}`:              "the name \"../../evil\"",
		`{"protocol":1,"name":"a","models":[{"name":"m","kinds":["density"],"dim":1,"preferred_batch":1e9}]}`: "no such JSON object",
		`[]`: "no such JSON object",
		`{`:  "no such JSON object",
	} {
		t.Run(header, func(t *testing.T) {
			startFails(t, testOptionsWith(t, "hello "+header), want)
		})
	}
	t.Run("a folder", func(t *testing.T) {
		options := script("")
		options.Command = []string{"/usr"}
		startFails(t, options, "cannot be started", "make it executable")
	})
	t.Run("no program", func(t *testing.T) {
		options := script("")
		options.Command = []string{"banner-then-exit.sh"} // in Dir, which is no place to search
		startFails(t, options, `the program "banner-then-exit.sh" is not found in PATH`)
	})
}

func testOptionsWith(t testing.TB, mode string) plugins.Options {
	options := testOptions(t, mode)
	options.StartTimeout, options.StopTimeout = 5*time.Second, 300*time.Millisecond
	return options
}

func TestNoiseBeforeTheHandshakeIsHarmless(t *testing.T) {
	p := open(t, testOptions(t, "banner"))
	if err := p.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestEnvironmentIsAListOfTheAllowed(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "abc-secret")
	t.Setenv("JAX_PLATFORMS", "cpu")
	t.Setenv("LC_ALL", "C.UTF-8")
	options := script("print-env.sh")
	options.Environment = []string{"JAX_*"}
	options.Set = []string{"GIVEN=1"}
	failure := startFails(t, options)
	log := strings.Join(failure.Log, "\n")
	if strings.Contains(log, "abc-secret") || strings.Contains(failure.Report(), "abc-secret") {
		t.Error("the secret is in the log")
	}
	for _, line := range []string{"JAX_PLATFORMS=cpu", "LC_ALL=C.UTF-8", "GIVEN=1", protocol.CookieVariable + "=" + protocol.Cookie} {
		if !slices.Contains(failure.Log, line) {
			t.Errorf("%s is not in the environment", line)
		}
	}
}

func TestAChangedFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "plugin"), program, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(folder, "data", "weights.bin")
	if err := os.WriteFile(weights, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := func(b []byte) string {
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	options := testOptions(t, "models")
	options.Command, options.Dir = []string{"./plugin"}, folder
	options.Files = []plugins.File{{Path: "plugin", SHA256: sum(program)}, {Path: "data/weights.bin", SHA256: sum([]byte("weights"))}}
	p := open(t, options)
	if cwd, err := os.Readlink(filepath.Join("/proc", itoa(p.Process()), "cwd")); err != nil || cwd == folder {
		t.Errorf("it runs in %s, %v: not in a private copy", cwd, err)
	}
	d := differentiable(t, p, "donut")
	if err := d.LogProb(context.Background(), make([]float64, 1), lanes.New(1, 2)); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(weights, []byte("Weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(err error) {
		t.Helper()
		var changed *plugins.SumError
		if !errors.As(err, &changed) || changed.Path != "data/weights.bin" || changed.Want != sum([]byte("weights")) || changed.Got != sum([]byte("Weights")) {
			t.Fatalf("the error is %v", err)
		}
		if !strings.Contains(err.Error(), changed.Want) || !strings.Contains(err.Error(), changed.Got) {
			t.Errorf("the error %v has not both sums", err)
		}
	}
	// A plug-in that dies is not started again as something else.
	if err := syscall.Kill(p.Process(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	refused(d.LogProb(context.Background(), make([]float64, 1), lanes.New(1, 2)))
	refused(startFails(t, options))

	options.Files = options.Files[:1] // what is not listed is not there
	p = open(t, options)
	if _, err := os.Stat(filepath.Join("/proc", itoa(p.Process()), "cwd", "data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not listed is seen: %v", err)
	}
	for _, bad := range []plugins.File{{Path: "../plugin", SHA256: sum(program)}, {Path: "/bin/sh", SHA256: sum(program)}, {Path: "plugin", SHA256: "abc"}} {
		options.Files = []plugins.File{bad}
		if _, err := plugins.Open(context.Background(), options); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if err := os.Symlink("/bin/sh", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	options.Files = []plugins.File{{Path: "link", SHA256: sum(program)}}
	startFails(t, options, "cannot be read")
}

func itoa(n int) string {
	digits := ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

// TestCallsEndWithTheirContext cancels calls that take a second; the next call is right.
func TestCallsEndWithTheirContext(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			warmUp(t)
			before := countResources(t)
			options, mark := chaosOptions(t, "")
			options.Set[0] = modeVariable + "=slow"
			options.Transport = transport
			p := open(t, options)
			d, err := p.Density(context.Background(), "donut", nil)
			if err != nil {
				t.Fatal(err)
			}
			x, logp := lanes.New(3, 2), []float64{7, 7, 7}
			for range 6 { // more than there are slots
				x.SetPoint(0, []float64{1, 1})
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				started := time.Now()
				err := d.LogProb(ctx, logp, x)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("the error is %v", err)
				}
				if took := time.Since(started); took > 500*time.Millisecond {
					t.Errorf("it took %v to cancel", took)
				}
				cancel()
				if logp[0] != 7 {
					t.Errorf("a cancelled call wrote %v", logp)
				}
			}
			x.SetPoint(0, []float64{-1, -1})
			want := make([]float64, 3)
			if err := (density.Donut{}).LogProb(context.Background(), want, x); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			if err := d.LogProb(context.Background(), logp, x); err != nil || !slices.Equal(logp, want) {
				t.Errorf("then %v, %v", logp, err)
			}
			if took := time.Since(started); took > 900*time.Millisecond {
				t.Errorf("the call after those cancelled took %v", took)
			}
			if n := p.Usage().Restarts; n != 0 {
				t.Errorf("%d restarts", n)
			}
			// Slower than a call may be, and it says so when it is asked to stop: no restart would help.
			p.Close()
			options.CallTimeout, options.StopTimeout = 100*time.Millisecond, 5*time.Second
			p = open(t, options)
			if d, err = p.Density(context.Background(), "donut", nil); err != nil {
				t.Fatal(err)
			}
			x.SetPoint(0, []float64{1, 1})
			err = d.LogProb(context.Background(), logp, x)
			var failure *plugins.Error
			if !errors.As(err, &failure) || !failure.Model || !strings.Contains(err.Error(), "100ms is what a call may take") {
				t.Errorf("too slow a call is %v", err)
			}
			p.Close()
			nothingLeft(t, mark, before)
		})
	}
}

func TestWhatIsSlowIsReported(t *testing.T) {
	warnings := make(chan string, 10)
	options := testOptions(t, "slow")
	options.SlowAfter = 50 * time.Millisecond
	options.Warn = func(line string) { warnings <- line }
	d, err := open(t, options).Density(context.Background(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	x := lanes.New(1, 2)
	x.SetPoint(0, []float64{1, 1})
	if err := d.LogProb(context.Background(), make([]float64, 1), x); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 {
		t.Fatalf("%d warnings", len(warnings))
	}
	if line := <-warnings; !strings.Contains(line, "at one call for 50ms; it may take 20s") {
		t.Errorf("the warning is %q", line)
	}
}

func TestAModelThatPanicsIsAnErrorOfTheCall(t *testing.T) {
	p := open(t, testOptions(t, "panics"))
	d, err := p.Density(context.Background(), "panics", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = d.LogProb(context.Background(), make([]float64, 1), lanes.New(1, 2))
	var failure *plugins.Error
	if !errors.As(err, &failure) || !failure.Model || !strings.Contains(err.Error(), "panic: index out of the weights") {
		t.Fatalf("the error is %v", err)
	}
	if log := strings.Join(failure.Log, "\n"); !strings.Contains(log, "start_test.go") {
		t.Errorf("the log has no stack: %s", log)
	}
	if err := p.Ping(context.Background()); err != nil || p.Usage().Restarts != 0 {
		t.Errorf("after it: %v, %d restarts", err, p.Usage().Restarts)
	}
}

// A plug-in that closes the connection and lives has done so in words, whether that is seen by reading or by writing.
func TestAClosedConnectionIsSaidInWords(t *testing.T) {
	options := testOptionsWith(t, "closes")
	options.Restarts = -1
	p, err := plugins.Open(context.Background(), options)
	if err == nil {
		defer p.Close()
		_, err = p.Density(context.Background(), "donut", nil)
	}
	if err == nil || !strings.Contains(err.Error(), "it closed the connection and runs on") {
		t.Errorf("%v", err)
	}
}

// What cannot be sent within the time of a call is late, and no error of a socket.
func TestATimeThatIsOverAtOnce(t *testing.T) {
	options := testOptionsWith(t, "slow")
	options.CallTimeout, options.Restarts, options.Transport = 1, -1, plugins.FramesTransport
	p, err := plugins.Open(context.Background(), options)
	if err == nil {
		defer p.Close()
		_, err = p.Density(context.Background(), "donut", nil)
	}
	if err == nil || !strings.Contains(err.Error(), "1ns is what a call may take") || strings.Contains(err.Error(), "i/o timeout") {
		t.Errorf("%v", err)
	}
}

// The packages that a plug-in is lent are there while it runs, and nowhere afterwards.
func TestLentPackages(t *testing.T) {
	options := script("")
	options.Command = []string{"/bin/sh", "-c", `cat "$PYTHONPATH/infer_plugin/lent.py" >&2; echo "at $PYTHONPATH" >&2; exit 1`}
	options.Packages = map[string][]byte{"infer_plugin/lent.py": []byte("# lent\n")}
	log := startFails(t, options, "exit code 1").Log
	if len(log) != 2 || log[0] != "# lent" {
		t.Fatal(log)
	}
	if _, err := os.Stat(strings.TrimPrefix(log[1], "at ")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", log[1], err)
	}
}

func TestNamesOfModels(t *testing.T) {
	p := open(t, testOptions(t, "models"))
	for name, want := range map[string]string{
		"dount":  `has no density of the name "dount": it has donut, donut32, by-hand, small`,
		"":       "name one of donut",
		"../../": "has no density of the name",
	} {
		if _, err := p.Density(context.Background(), name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := p.Simulator(context.Background(), "", nil); err == nil || !strings.Contains(err.Error(), "has no simulator, only donut (density)") {
		t.Errorf("%v", err)
	}
	_, err := p.Density(context.Background(), "donut", plugins.Config(`{"radius":1}`))
	if err == nil || !strings.Contains(err.Error(), "takes no config") {
		t.Errorf("%v", err)
	}
}

func TestASDKWithoutAHostSaysSo(t *testing.T) {
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), modeVariable+"=models")
	output, err := program.CombinedOutput()
	if program.ProcessState.ExitCode() != 2 || !strings.Contains(string(output), "test is a plug-in of infer: infer starts it") {
		t.Errorf("%v: %s", err, output)
	}
}

// TestAnInterruptedRunEndsAtOnce closes a plug-in that is at a call which nobody waits for any more, and does not heed that.
func TestAnInterruptedRunEndsAtOnce(t *testing.T) {
	warmUp(t)
	for _, transport := range transports {
		options, mark := chaosOptions(t, "sdk:deaf")
		options.Transport, options.CallTimeout, options.StopTimeout = transport, time.Minute, 5*time.Second
		before := countResources(t)
		p := open(t, options)
		d := differentiable(t, p, "donut")
		grad := lanes.New(3, 2)
		for range 2 {
			if err := d.LogProbGrad(context.Background(), nil, grad, lanes.New(3, 2)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		err := d.LogProbGrad(ctx, nil, grad, lanes.New(3, 2))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		started := time.Now()
		p.Close()
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%s: it took %v to end", transport, took)
		}
		nothingLeft(t, mark, before)
		if err := d.LogProb(context.Background(), make([]float64, 3), lanes.New(3, 2)); err == nil || !strings.Contains(err.Error(), "it was closed") {
			t.Errorf("then %v", err)
		}
	}
}

// TestNoFolderIsLeft looks for the private folders right after the end, when a host may end too.
func TestNoFolderIsLeft(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	for _, transport := range transports {
		options := testOptions(t, "models")
		options.Transport = transport
		p := open(t, options)
		differentiable(t, p, "donut")
		p.Close()
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Fatalf("%s: %v is left, %v", transport, left, err)
		}
	}
	if _, err := plugins.Open(context.Background(), script("exit3-with-panic.sh")); err == nil {
		t.Error("it was opened")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Fatalf("%v is left, %v", left, err)
	}
}
