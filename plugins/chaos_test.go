//go:build linux

package plugins_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
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
	specialModes["chaos"] = chaosMain
	specialModes["host"] = func(string) { hostMain() }
	specialModes["parent"] = func(string) { parentMain() }
}

// trials is how often each fault is tried: a few times, or as often as the variable says.
func trials(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("INFER_CHAOS"))
	if err != nil || n < 1 {
		return 2
	}
	t.Logf("%d trials", n)
	return n
}

const (
	livesVariable = "INFER_TEST_LIVES" // a file that grows by a byte in each life of the plug-in
	markVariable  = "INFER_TEST_MARK"  // what the plug-in's processes are found by
)

// firstLife says whether this is the first life of the plug-in.
func firstLife() bool {
	f, err := os.OpenFile(os.Getenv(livesVariable), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		panic(err)
	}
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	return info.Size() == 1
}

// faults are what a plug-in does instead of, or before, its third answer. They get the socket of a plug-in that speaks frames, nil by
// the SDK. An answer follows if they return.
var faults = map[string]func(conn *net.UnixConn, f *protocol.Frame){
	"kill -9": func(*net.UnixConn, *protocol.Frame) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute) // the same
	},
	"stop": func(*net.UnixConn, *protocol.Frame) {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Minute) // other threads may have to stop first
	},
	"exit 0": func(*net.UnixConn, *protocol.Frame) { os.Exit(0) },
	"deaf":   func(*net.UnixConn, *protocol.Frame) { select {} },
	"children": func(*net.UnixConn, *protocol.Frame) {
		for range 3 {
			child := exec.Command("/bin/sh", "-c", "trap '' TERM HUP INT; sleep 3600 & wait")
			if err := child.Start(); err != nil {
				panic(err)
			}
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"log": func(*net.UnixConn, *protocol.Frame) {
		lines := []byte(strings.Repeat(strings.Repeat("flood ", 20)+"\n", 500))
		for range 100 << 20 / len(lines) {
			os.Stderr.Write(lines)
		}
	},
	"noise": func(*net.UnixConn, *protocol.Frame) {
		piece := bytes.Repeat([]byte("#"), 1<<20) // no line ends
		for range 20 {
			syscall.Write(1, piece)
		}
	},
	"garbage": func(conn *net.UnixConn, f *protocol.Frame) {
		b := make([]byte, 4096)
		source := rand.New(rand.NewPCG(f.Sequence, uint64(os.Getpid())))
		for i := range b {
			b[i] = byte(source.Uint32())
		}
		conn.Write(b)
		select {}
	},
	"sequence": func(conn *net.UnixConn, f *protocol.Frame) {
		var w protocol.FrameWriter
		w.Write(conn, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence + 1})
		select {}
	},
	"2 GiB": func(conn *net.UnixConn, f *protocol.Frame) {
		var head bytes.Buffer
		var w protocol.FrameWriter
		w.Write(&head, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence})
		b := head.Bytes()
		b[27] = 0x80 // the body's length is 2^31
		conn.Write(b)
		for {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				select {}
			}
		}
	},
	"drip": func(conn *net.UnixConn, f *protocol.Frame) {
		var head bytes.Buffer
		var w protocol.FrameWriter
		w.Write(&head, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence, Header: make([]byte, 1<<20)})
		for _, b := range head.Bytes() {
			conn.Write([]byte{b})
			time.Sleep(5 * time.Millisecond)
		}
	},
	"half": func(conn *net.UnixConn, f *protocol.Frame) {
		var head bytes.Buffer
		var w protocol.FrameWriter
		w.Write(&head, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence})
		conn.Write(head.Bytes()[:17])
		os.Exit(0)
	},
	"wrong shape": func(conn *net.UnixConn, f *protocol.Frame) {
		var w protocol.FrameWriter
		logp := protocol.Of(protocol.NameLogP, protocol.Float64, 1)
		logp.Data = make([]byte, 8)
		w.Write(conn, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence, Tensors: []protocol.Tensor{logp}})
		select {}
	},
	"elsewhere": func(conn *net.UnixConn, f *protocol.Frame) {
		var w protocol.FrameWriter
		logp := protocol.Of(protocol.NameLogP, protocol.Float64, 1<<40)
		logp.Shared, logp.Region, logp.Offset = true, 7, 1<<50
		w.Write(conn, &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence, Tensors: []protocol.Tensor{logp}})
		select {}
	},
	"unasked": func(conn *net.UnixConn, f *protocol.Frame) {
		var w protocol.FrameWriter
		for range 3 {
			w.Write(conn, &protocol.Frame{Kind: protocol.Hello, Header: []byte(`{}`)})
		}
		select {}
	},
	"panic": func(*net.UnixConn, *protocol.Frame) {
		go panic("weights.bin: no such file")
		select {}
	},
}

// faultyDensity is the donut, which does something at its third call.
type faultyDensity struct {
	density.Donut
	fault func()
	calls *int
}

func (d faultyDensity) LogProbGrad(ctx context.Context, logp []float64, grad, x *lanes.Block) error {
	if *d.calls++; *d.calls == 3 {
		d.fault()
	}
	return d.Donut.LogProbGrad(ctx, logp, grad, x)
}

// chaosMain is a plug-in that makes mistakes, by the SDK or in bare frames.
func chaosMain(mode string) {
	how, name, _ := strings.Cut(mode, ":")
	fault := func(*net.UnixConn, *protocol.Frame) {}
	if name != "" && firstLife() {
		fault = faults[name]
	}
	if how == "sdk" {
		sdk.Serve(sdk.Plugin{Name: "test", Models: []sdk.Model{{
			Name: "donut", Density: faultyDensity{fault: func() { fault(nil, nil) }, calls: new(int)},
		}}})
		return
	}
	conn, err := protocol.Conn(os.NewFile(protocol.FD, "frames"))
	if err != nil {
		panic(err)
	}
	var w protocol.FrameWriter
	info := protocol.Info{Protocol: 1, Name: "test", Models: []protocol.Model{{Name: "donut", Kinds: []string{"density"}, Dim: 2, Gradient: true}}}
	header, err := json.Marshal(info)
	if err != nil {
		panic(err)
	}
	if err := w.Write(conn, &protocol.Frame{Kind: protocol.Hello, Header: header}); err != nil {
		panic(err)
	}
	r := protocol.NewFrameReader(conn)
	limit := func(*protocol.Frame) uint64 { return protocol.MaxBody }
	evaluations := 0
	for {
		f, err := r.Next(limit)
		if err != nil || f.Kind == protocol.Stop {
			return
		}
		reply := protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence}
		switch f.Kind {
		case protocol.WelcomeFrame, protocol.Cancel:
			continue
		case protocol.OpenFrame:
			if reply.Header, err = json.Marshal(info.Models[0]); err != nil {
				panic(err)
			}
		case protocol.Eval:
			if evaluations++; evaluations == 3 {
				fault(conn, f)
			}
			x := protocol.Find(f.Tensors, protocol.NameX)
			n := int(x.Shape[1])
			block, grad, logp := lanes.New(n, 2), lanes.New(n, 2), make([]float64, n)
			for j := range 2 {
				protocol.Get(block.Row(j)[:n], protocol.Float64, x.Data[8*n*j:])
			}
			if err := (density.Donut{}).LogProbGrad(context.Background(), logp, grad, block); err != nil {
				panic(err)
			}
			l, g := protocol.Of(protocol.NameLogP, protocol.Float64, n), protocol.Of(protocol.NameGrad, protocol.Float64, 2, n)
			l.Data, g.Data = make([]byte, 8*n), make([]byte, 16*n)
			protocol.Put(l.Data, protocol.Float64, logp)
			for j := range 2 {
				protocol.Put(g.Data[8*n*j:], protocol.Float64, grad.Row(j)[:n])
			}
			reply.Tensors = []protocol.Tensor{l, g}
			if name == "NaN rows" {
				s := protocol.Of(protocol.NameStatus, protocol.Uint8, n)
				s.Data = make([]byte, n)
				for i := range s.Data {
					s.Data[i] = byte(i % 3)
				}
				reply.Tensors = append(reply.Tensors, s)
			}
		}
		if err := w.Write(conn, &reply); err != nil {
			return
		}
	}
}

// resources are what must not leak.
type resources struct{ goroutines, files int }

func countResources(t testing.TB) resources {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(entries)}
}

// nothingLeft checks that no process with the mark is left after two seconds, and that goroutines and files are as before.
func nothingLeft(t testing.TB, mark string, before resources) {
	t.Helper()
	var processes []int
	var now resources
	for limit := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		processes, now = marked(t, mark), countResources(t)
		if len(processes) == 0 && now.goroutines <= before.goroutines && now.files <= before.files {
			return
		}
		if time.Now().After(limit) {
			break
		}
	}
	if len(processes) > 0 {
		t.Errorf("processes %v are left", processes)
	}
	if now.goroutines > before.goroutines {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines, and %d before\n%s", now.goroutines, before.goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if now.files > before.files {
		t.Errorf("%d files are open, and %d before", now.files, before.files)
	}
}

// marked are the processes whose environment has a mark.
func marked(t testing.TB, mark string) (found []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err == nil && bytes.Contains(environment, []byte(markVariable+"="+mark)) {
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			if err != nil {
				t.Fatal(err)
			}
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !bytes.Contains(stat, []byte(") Z ")) {
				found = append(found, pid)
			}
		}
	}
	return found
}

var marks = 0

// chaosOptions start a faulty plug-in with short timeouts.
func chaosOptions(t testing.TB, mode string) (options plugins.Options, mark string) {
	options = testOptions(t, "chaos "+mode)
	marks++
	mark = fmt.Sprintf("%d-%d-mark", os.Getpid(), marks)
	options.Set = append(options.Set, livesVariable+"="+filepath.Join(t.TempDir(), "lives"), markVariable+"="+mark)
	options.CallTimeout, options.StopTimeout = 2*time.Second, 200*time.Millisecond
	return options, mark
}

// TestRunsGoOnWithTheSameBits lets plug-ins do what they must not at their third evaluation.
func TestRunsGoOnWithTheSameBits(t *testing.T) {
	warmUp(t)
	for _, how := range []struct {
		name, mode string
		transport  plugins.Transport
	}{{"frames", "raw", plugins.AnyTransport}, {"shm", "sdk", plugins.ShmTransport}, {"grpc", "sdk", plugins.GRPCTransport}} {
		for name := range faults {
			onlyBare := map[string]bool{"garbage": true, "sequence": true, "2 GiB": true, "drip": true, "half": true, "wrong shape": true, "elsewhere": true, "unasked": true}
			if how.mode == "sdk" && onlyBare[name] {
				continue
			}
			survives := name == "log" || name == "noise"
			t.Run(how.name+"/"+name, func(t *testing.T) {
				for range trials(t) {
					before := countResources(t)
					options, mark := chaosOptions(t, how.mode+":"+name)
					options.Transport = how.transport
					if survives {
						options.CallTimeout = time.Minute
					} else if name == "stop" || name == "deaf" || name == "drip" {
						options.CallTimeout = time.Second
					}
					p := open(t, options)
					d := differentiable(t, p, "donut")
					x := points(64, 2)
					want, wantGrad := make([]float64, 64), lanes.New(64, 2)
					if err := (density.Donut{}).LogProbGrad(context.Background(), want, wantGrad, x); err != nil {
						t.Fatal(err)
					}
					for call := range 5 {
						logp, grad := make([]float64, 64), lanes.New(64, 2)
						started := time.Now()
						if err := d.LogProbGrad(context.Background(), logp, grad, x); err != nil {
							t.Fatalf("call %d: %v", call, err)
						}
						if took := time.Since(started); took > options.CallTimeout+5*time.Second {
							t.Fatalf("call %d took %v", call, took)
						}
						for i := range 64 {
							if math.Float64bits(logp[i]) != math.Float64bits(want[i]) || grad.Row(0)[i] != wantGrad.Row(0)[i] || grad.Row(1)[i] != wantGrad.Row(1)[i] {
								t.Fatalf("call %d, point %d: %v, and it is %v", call, i, logp[i], want[i])
							}
						}
					}
					if restarts := p.Usage().Restarts; restarts != map[bool]int{true: 0, false: 1}[survives] {
						t.Errorf("it was started again %d times, usage %+v, log %q", restarts, p.Usage(), p.LogTail())
					}
					if name == "log" {
						if log := p.LogTail(); len(log) != 20 || !strings.HasPrefix(log[0], "flood flood") {
							t.Errorf("the end of the log is %q", log)
						}
					}
					p.Close()
					nothingLeft(t, mark, before)
				}
			})
		}
	}
}

// warmUp makes the goroutines that stay.
func warmUp(t testing.TB) {
	options, mark := chaosOptions(t, "sdk:")
	open(t, options).Close()
	nothingLeft(t, mark, resources{1 << 20, 1 << 20})
}

func TestWithoutABudgetTheFaultIsTheError(t *testing.T) {
	warmUp(t)
	for name, want := range map[string]string{
		"kill -9":     "ended by a signal (killed)",
		"exit 0":      "ended with exit code 0",
		"deaf":        "did not answer in time: 300ms is what a call may take",
		"garbage":     "a broken frame: it begins with",
		"sequence":    "a broken frame: a REPLY to number 5, and number 4 is next",
		"2 GiB":       "a REPLY with a body of 2147483648 bytes",
		"wrong shape": `its reply has a "logp" [1] of float64, and not a "logp" [64] of float64`,
		"elsewhere":   "where there is no room for it",
		"unasked":     "a HELLO where only a REPLY may come",
		"panic":       "ended with exit code 2: panic: weights.bin: no such file",
	} {
		t.Run(name, func(t *testing.T) {
			before := countResources(t)
			options, mark := chaosOptions(t, "raw:"+name)
			options.CallTimeout, options.Restarts = 300*time.Millisecond, -1
			p := open(t, options)
			d := differentiable(t, p, "donut")
			logp, grad := make([]float64, 64), lanes.New(64, 2)
			var err error
			for range 3 {
				err = d.LogProbGrad(context.Background(), logp, grad, points(64, 2))
			}
			var failure *plugins.Error
			if !errors.As(err, &failure) || !strings.Contains(err.Error(), want) {
				t.Fatalf("the error is %v", err)
			}
			if again := d.LogProbGrad(context.Background(), logp, grad, points(64, 2)); again == nil || again.Error() != err.Error() {
				t.Errorf("and then %v", again)
			}
			t.Log(failure.Report())
			p.Close()
			nothingLeft(t, mark, before)
		})
	}
}

func TestRowsHaveTheirStatus(t *testing.T) {
	options, _ := chaosOptions(t, "raw:NaN rows")
	p := open(t, options)
	const n = 64
	logp, grad := make([]float64, n), lanes.New(n, 2)
	if err := differentiable(t, p, "donut").LogProbGrad(context.Background(), logp, grad, points(n, 2)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		good := [3]bool{logp[i] > math.Inf(-1), math.IsInf(logp[i], -1) && grad.Row(0)[i] == 0, math.IsNaN(logp[i]) && math.IsNaN(grad.Row(1)[i])}
		if !good[i%3] {
			t.Errorf("point %d of status %d: log p %v, gradient (%v, %v)", i, i%3, logp[i], grad.Row(0)[i], grad.Row(1)[i])
		}
	}
}

// TestNothingOutlivesAKilledHost kills a host with SIGKILL while its plug-in works, and has children.
func TestNothingOutlivesAKilledHost(t *testing.T) {
	for trial := range trials(t) {
		marks++
		mark := fmt.Sprintf("%d-%d-mark", os.Getpid(), marks)
		folder := t.TempDir()
		host := exec.Command(os.Args[0])
		host.Env = append(os.Environ(), modeVariable+"=host", markVariable+"="+mark, "TMPDIR="+folder)
		output, err := host.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := host.Start(); err != nil {
			t.Fatal(err)
		}
		ready := make([]byte, 6)
		if _, err := output.Read(ready); err != nil || string(ready) != "ready\n" {
			t.Fatalf("the host said %q, %v", ready, err)
		}
		if n := len(marked(t, mark)); n < 3 {
			t.Fatalf("%d processes run: a host, its plug-in and a child are expected", n)
		}
		time.Sleep(time.Duration(trial%7) * 3 * time.Millisecond)
		if err := host.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = host.Wait() // it was killed
		deadline := time.Now().Add(2 * time.Second)
		for len(marked(t, mark)) > 0 && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if left := marked(t, mark); len(left) > 0 {
			t.Fatalf("trial %d: processes %v live on", trial, left)
		}
		for entries := []os.DirEntry{nil}; len(entries) > 0; time.Sleep(5 * time.Millisecond) {
			if entries, err = os.ReadDir(folder); err != nil || len(entries) > 0 && time.Now().After(deadline) {
				t.Fatalf("trial %d: %v is left in the temporary folder, %v", trial, entries, err)
			}
		}
	}
}

// hostMain opens a plug-in that has a child which ignores signals, and evaluates for ever.
func hostMain() {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := plugins.Open(context.Background(), plugins.Options{
		Command: []string{program}, Set: []string{modeVariable + "=parent", markVariable + "=" + os.Getenv(markVariable)},
	})
	if err != nil {
		panic(err)
	}
	d, err := p.Density(context.Background(), "donut", nil)
	if err != nil {
		panic(err)
	}
	x, logp := lanes.New(100, 2), make([]float64, 100)
	for said := false; ; said = true {
		if err := d.LogProb(context.Background(), logp, x); err != nil {
			panic(err)
		}
		if !said {
			fmt.Println("ready")
		}
	}
}

// parentMain is a plug-in with a child.
func parentMain() {
	child := exec.Command("/bin/sh", "-c", "trap '' TERM HUP INT; sleep 3600 & wait")
	if err := child.Start(); err != nil {
		panic(err)
	}
	sdk.Serve(sdk.Plugin{Name: "test", Models: []sdk.Model{{Name: "donut", Density: density.Donut{}}}})
}
