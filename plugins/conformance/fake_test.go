//go:build unix

package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// The test binary is a plug-in where a host started it: one that keeps the protocol, but for the fault that its argument names.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "fault=") {
		serveFake(strings.TrimPrefix(os.Args[1], "fault="))
	}
	os.Exit(m.Run())
}

// fake is a plug-in of several models with a fault.
type fake struct {
	fault    string
	conn     *net.UnixConn
	receiver *protocol.Receiver
	writer   protocol.FrameWriter
	handles  map[uint32]string
	regions  map[uint32]*protocol.Memory
	calls    int
	leak     [][]byte
	files    []*os.File

	lock      sync.Mutex
	cancelled map[uint64]bool
}

func bound(v float64) *protocol.Bound {
	b := protocol.Bound(v)
	return &b
}

var fakeModels = []protocol.Model{
	{Name: "bell", Kinds: []string{"density"}, Dim: 2, Gradient: true, Deterministic: true},
	{Name: "edge", Kinds: []string{"density"}, Dim: 1, Gradient: true, MaxBatch: 100, Low: []*protocol.Bound{bound(0)}},
	{Name: "slope", Kinds: []string{"score"}, Dim: 2, DType: "float32"},
	{Name: "slope64", Kinds: []string{"score"}, Dim: 2, Deterministic: true},
	{Name: "noisy", Kinds: []string{"score"}, Dim: 2, Noise: true, SigmaMin: 0.1, SigmaMax: 5, Given: []protocol.Given{{Name: "label", Dim: 3}}},
	{Name: "sim", Kinds: []string{"simulator"}, Dim: 2, Parameters: 1, Deterministic: true},
	{Name: "slow", Kinds: []string{"density"}, Dim: 1, PreferredBatch: 64},
}

func serveFake(fault string) {
	if os.Getenv(protocol.CookieVariable) != protocol.Cookie {
		if fault == "start-without-host" {
			time.Sleep(time.Hour)
		}
		fmt.Fprintln(os.Stderr, "this is a plug-in of infer; start it with infer")
		os.Exit(2)
	}
	if fault != "stop-ctrl-c" {
		signal.Ignore(syscall.SIGINT)
	}
	if fault == "stop-sigterm" {
		signal.Ignore(syscall.SIGTERM)
	}
	if strings.HasPrefix(fault, "stop-nothing-left") {
		exec.Command("sleep", "30").Start()
	}
	if fault == "stop-and-go" {
		goOn := make(chan os.Signal, 1)
		signal.Notify(goOn, syscall.SIGCONT)
		go func() {
			<-goOn
			os.Exit(1)
		}()
	}
	if fault == "start-twice-at-once" {
		lock, err := os.Open(os.Args[0])
		if err != nil || syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			os.Exit(1)
		}
		defer lock.Close()
	}
	conn, err := protocol.Conn(os.NewFile(protocol.FD, "frames"))
	if err != nil {
		panic(err)
	}
	p := &fake{fault: fault, conn: conn, handles: map[uint32]string{}, regions: map[uint32]*protocol.Memory{}, cancelled: map[uint64]bool{}}
	if p.receiver, err = protocol.NewReceiver(conn); err != nil {
		panic(err)
	}
	p.run()
	os.Exit(0)
}

func (p *fake) run() {
	info := protocol.Info{Protocol: 1, Name: "fake", Version: "1", Capabilities: []string{protocol.Shm}, Models: fakeModels}
	offered := os.Getenv(protocol.VersionsVariable)
	switch {
	case p.fault == "info-name":
		info.Name = "other"
	case p.fault == "info-version":
		info.Version = "2"
	case p.fault == "info-kinds":
		info.Models = fakeModels[:5]
	case p.fault == "start-same-info":
		info.Build = strconv.Itoa(os.Getpid())
	case p.fault == "start-says-what-it-is":
		info.Models = []protocol.Model{{Name: "Bad Name", Kinds: []string{"density"}, Dim: 2}}
	case p.fault == "version-older-host" && offered == "0", p.fault == "version-newer-host" && offered == "1,2", p.fault == "version-much-newer-host" && offered == "7":
		info.Protocol = 9
	}
	header, err := json.Marshal(info)
	if err != nil {
		panic(err)
	}
	p.send(&protocol.Frame{Kind: protocol.Hello, Header: header})
	questions := make(chan *protocol.Frame, 64)
	go p.read(questions)
	for f := range questions {
		p.answer(f)
	}
}

func (p *fake) send(f *protocol.Frame) {
	if err := p.writer.Write(p.conn, f); err != nil {
		if strings.HasPrefix(p.fault, "stop-host-gone") {
			select {}
		}
		os.Exit(0)
	}
}

// read reads frames until the connection ends, and keeps an eye on what is cancelled.
func (p *fake) read(questions chan<- *protocol.Frame) {
	reader := protocol.NewFrameReader(p.receiver)
	for {
		f, err := reader.Next(func(*protocol.Frame) uint64 { return protocol.MaxBody })
		switch {
		case err != nil && err != io.EOF && p.fault == "hostile":
			panic(err)
		case err != nil && (p.fault == "stop-host-gone" || p.fault == "stop-host-gone-at-work" || p.fault == "hostile-hangs"):
			select {}
		case err != nil:
			os.Exit(0)
		case f.Kind == protocol.Stop && p.fault == "stop-asked":
			os.Exit(3)
		case f.Kind == protocol.Stop:
			os.Exit(0)
		case f.Kind == protocol.Cancel:
			p.lock.Lock()
			p.cancelled[f.Sequence] = true
			p.lock.Unlock()
			if p.fault == "time-cancel-nothing" {
				os.Exit(1)
			}
		default:
			questions <- clone(f)
		}
	}
}

// answer answers a frame, in the way of the fault.
func (p *fake) answer(f *protocol.Frame) {
	reply := &protocol.Frame{Kind: protocol.Reply, Sequence: f.Sequence, Model: f.Model}
	fail := func(code, message string) { reply.Err = &protocol.Error{Code: code, Message: message} }
	switch f.Kind {
	case protocol.WelcomeFrame:
		if p.fault == "capability-unknown" && strings.Contains(string(f.Header), "teleport") {
			os.Exit(1)
		}
		return
	case protocol.Ping:
		if p.fault == "stop-and-go" {
			time.Sleep(time.Second) // longer than it is stopped: the signal that ends it comes first
		}
		if p.fault == "ping" {
			return
		}
	case protocol.OpenFrame:
		var o protocol.Open
		if err := f.Read(&o); err != nil {
			if p.fault == "hostile-header" {
				panic(err)
			}
			fail(protocol.Invalid, "no JSON")
			break
		}
		i := slices.IndexFunc(fakeModels, func(m protocol.Model) bool { return m.Name == o.Model })
		if i < 0 && p.fault == "open-unknown-model" {
			i = 0
		}
		if i < 0 {
			fail(protocol.Unavailable, "there is no such model")
			break
		}
		if p.fault == "load-handles" {
			file, _ := os.Open(os.DevNull)
			p.files = append(p.files, file)
		}
		m := fakeModels[i]
		if p.fault == "open-every-model" {
			m.Dim = 0
			m.Low = nil
		}
		if p.fault == "open-twice" && len(p.handles) > 0 {
			p.calls += 1000
		}
		p.handles[f.Model] = fakeModels[i].Name
		reply.Header = jsonOf(m)
	case protocol.Close:
		if p.fault != "handle-closed" {
			delete(p.handles, f.Model)
		}
	case protocol.Map:
		p.share(f, fail)
	case protocol.Eval:
		p.evaluate(f, reply, fail)
	default:
		if p.fault == "hostile-kind" {
			panic(f.Kind)
		}
		os.Exit(0)
	}
	if p.fault == "order-of-answers" && f.Kind == protocol.Eval && f.Sequence%7 == 0 {
		reply.Sequence++
	}
	p.send(reply)
}

func (p *fake) share(f *protocol.Frame, fail func(code, message string)) {
	var asked struct {
		Region uint32
		Bytes  uint64
	}
	if f.Read(&asked) != nil {
		fail(protocol.Invalid, "no JSON")
		return
	}
	file := p.receiver.File()
	if file == nil {
		if p.fault == "memory-without" {
			return
		}
		fail(protocol.Invalid, "no descriptor")
		return
	}
	if p.fault == "memory-too-small" {
		asked.Bytes = min(asked.Bytes, 4096)
	}
	memory, err := protocol.MapMemory(file, asked.Bytes)
	if err != nil {
		file.Close()
		fail(protocol.Unavailable, err.Error())
		return
	}
	if p.fault != "memory-files" {
		memory.CloseFile()
	}
	if p.fault == "memory-again" && p.regions[asked.Region] != nil {
		return
	}
	p.regions[asked.Region] = memory
}

func (p *fake) evaluate(f, reply *protocol.Frame, fail func(code, message string)) {
	p.calls++
	began := time.Now()
	defer func() {
		if p.fault != "time-is-told" {
			reply.Time = uint64(time.Since(began))
		}
	}()
	if p.fault == "load-memory" {
		leak := make([]byte, 16<<10)
		for i := range leak {
			leak[i] = 1
		}
		p.leak = append(p.leak, leak)
	}
	if p.fault == "load-files" && p.calls%50 == 0 {
		file, _ := os.Open(os.DevNull)
		p.files = append(p.files, file)
	}
	name, ok := p.handles[f.Model]
	if !ok && p.fault == "handle-unknown" {
		name, ok = "bell", true
	}
	if !ok {
		fail(protocol.Invalid, "no such handle")
		return
	}
	m := fakeModels[slices.IndexFunc(fakeModels, func(m protocol.Model) bool { return m.Name == name })]
	columns := m.Dim
	if m.Is(protocol.KindSimulator) {
		columns = m.Parameters
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if !t.Shared {
			continue
		}
		memory := p.regions[t.Region]
		n, _ := t.Bytes()
		if memory == nil && p.fault == "hostile-region" {
			panic("no memory")
		}
		if memory == nil || t.Offset+n > uint64(len(memory.Data)) {
			fail(protocol.Invalid, "no such memory")
			return
		}
		t.Data = memory.Data[t.Offset : t.Offset+n]
	}
	x := protocol.Find(f.Tensors, protocol.NameX)
	if x == nil && p.fault == "tensor-missing" {
		empty := protocol.Of(protocol.NameX, m.Element(), columns, 0)
		x = &empty
	}
	if x == nil {
		fail(protocol.Invalid, "no points")
		return
	}
	n := int(x.Shape[1])
	lax := p.fault == "shape-wrong" || p.fault == "rank-wrong" || p.fault == "dtype-wrong"
	if !x.Is(m.Element(), columns, n) && !lax {
		fail(protocol.Invalid, "points of another form")
		return
	}
	if lax && !x.Is(m.Element(), columns, n) {
		*x = protocol.Of(protocol.NameX, m.Element(), columns, 0)
		n = 0
	}
	if m.MaxBatch > 0 && n > m.MaxBatch {
		if p.fault == "batch-over" {
			os.Exit(1)
		}
		fail(protocol.Invalid, "too many points")
		return
	}
	if n == 0 && p.fault == "batch-empty" {
		fail(protocol.Invalid, "no points")
		return
	}
	able := wantOf(&m)
	if f.Want == 0 && p.fault == "want-nothing" {
		os.Exit(1)
	}
	if f.Want == 0 || f.Want&^able != 0 && p.fault != "want-wrong" {
		fail(protocol.Invalid, "what is wanted is not there")
		return
	}
	if p.fault == "tensor-unknown" && protocol.Find(f.Tensors, "later") != nil {
		fail(protocol.Invalid, "an unknown tensor")
		return
	}
	sigma := protocol.Find(f.Tensors, protocol.NameSigma)
	if m.Noise && sigma == nil && p.fault != "level-missing" {
		fail(protocol.Invalid, "no noise level")
		return
	}
	label := protocol.Find(f.Tensors, "label")
	if m.Noise && label == nil && p.fault != "given-missing" {
		fail(protocol.Invalid, "no label")
		return
	}
	points := make([]float64, columns*n)
	protocol.Get(points, m.Element(), x.Data)
	levels := []float64{1}
	if sigma != nil {
		levels = make([]float64, sigma.Shape[0])
		protocol.Get(levels, m.Element(), sigma.Data)
	}
	if label != nil && label.Rank == 2 && p.fault == "given-of-rows" {
		fail(protocol.Invalid, "a label for all")
		return
	}
	if m.Name == "slow" {
		for at := 0; at < n; at += 64 {
			time.Sleep(2 * time.Millisecond)
			p.lock.Lock()
			stop := p.cancelled[f.Sequence] && p.fault != "time-cancel"
			p.lock.Unlock()
			if stop {
				fail(protocol.Cancelled, "nobody waits")
				return
			}
			if f.Time > 0 && time.Duration(f.Time) < time.Duration(at/64)*2*time.Millisecond && p.fault != "time-deadline" {
				fail(protocol.Deadline, "too late")
				return
			}
		}
	}
	p.compute(m, f, reply, points, levels, n, fail)
}

// compute is the mathematics of the models, and its faults.
func (p *fake) compute(m protocol.Model, f, reply *protocol.Frame, points, levels []float64, n int, fail func(code, message string)) {
	logp, out, status := make([]float64, n), make([]float64, m.Dim*n), make([]byte, n)
	for i := range n {
		finite := true
		for k := i; k < len(points); k += n {
			finite = finite && points[k]-points[k] == 0 && math.Abs(points[k]) < 1e100
		}
		if !finite && p.fault == "value" {
			fail(protocol.Internal, "a strange point")
			return
		}
		if !finite && p.fault != "value-nan-is-told" && !m.Is(protocol.KindSimulator) {
			status[i] = protocol.Numerical
			continue
		}
		sum := 0.0
		for j := range m.Dim {
			if m.Is(protocol.KindSimulator) {
				seed, row := f.Seed, f.First+uint64(i)
				switch p.fault {
				case "simulate-same-seed":
					seed += uint64(p.calls)
				case "simulate-other-seed":
					seed = 0
				case "simulate-rows":
					row = uint64(i) + uint64(n)
				}
				h := (seed*0x9e3779b97f4a7c15 ^ row*0xbf58476d1ce4e5b9 ^ uint64(j)) * 0x94d049bb133111eb
				out[j*n+i] = points[i] + float64(h>>11)*0x1p-53
				continue
			}
			v := points[j*n+i]
			variance := 1.0
			if m.Noise {
				level := levels[0]
				if len(levels) > 1 && p.fault != "score-level-of-rows" {
					level = levels[i]
				}
				variance += level * level
			}
			sum += v * v / variance
			out[j*n+i] = -v / variance
		}
		logp[i] = -sum / 2
		if m.Name == "edge" {
			logp[i] += points[i]*2 - 1 // about 2, cut at 0
			out[i] += 2
			if points[i] < 0 && p.fault != "value-out-of-support" {
				status[i] = protocol.OutOfSupport
			}
		}
		if p.fault == "value-nan-is-told" && !finite {
			logp[i], out[i] = 0, 0
		}
		switch p.fault {
		case "row-alone", "row-in-a-large-batch":
			logp[i] += 1e-3 * float64(n)
			out[i] += 1e-3 * float64(n)
		case "row-order":
			out[i] += 1e-3 * float64(i)
		case "row-repeat", "bits-after-an-error", "order-of-models", "open-twice":
			out[i] += 1e-3 * float64(p.calls)
		case "bits-after-a-restart":
			out[i] += 1e-3 * float64(os.Getpid()%1000)
		case "gradient-differences", "score-differences":
			out[i] *= 1.01
		case "score-far-out":
			for j := range m.Dim {
				out[j*n+i] = -out[j*n+i]
			}
		case "logp-alone":
			if f.Want == protocol.LogP {
				logp[i]++
			}
		case "gradient-alone":
			if f.Want == protocol.Grad {
				out[i]++
			}
		case "score-levels":
			if m.Noise && levels[0] == m.SigmaMax {
				out[i] = math.NaN()
			}
		case "batch-one", "batch-preferred":
			status[i] = protocol.Numerical
		}
	}
	if p.fault == "row-beside-nan" && slices.Contains(status, protocol.Numerical) {
		for i := range logp {
			logp[i], out[i] = math.NaN(), math.NaN()
		}
	}
	if p.fault == "time-is-told" {
		reply.Time = uint64(time.Hour)
	}
	if p.fault == "batch-max" && n == m.MaxBatch {
		fail(protocol.Internal, "out of memory")
		return
	}
	shift := 0.0
	add := func(name string, values []float64, shape ...int) {
		t := protocol.Of(name, m.Element(), shape...)
		room := -1
		for i := range f.Tensors {
			if f.Tensors[i].Room && f.Tensors[i].Name == name {
				room = i
			}
		}
		if room >= 0 {
			t = f.Tensors[room]
			t.Room = false
			if p.fault == "memory-same-bits" {
				shift = 1
			}
			for i := range values {
				values[i] += shift
			}
			protocol.Put(t.Data, m.Element(), values)
		} else {
			t.Data = make([]byte, uint64(len(values))*m.Element().Size())
			protocol.Put(t.Data, m.Element(), values)
		}
		reply.Tensors = append(reply.Tensors, t)
	}
	if f.Want&protocol.LogP != 0 {
		add(protocol.NameLogP, logp, n)
	}
	switch {
	case f.Want&protocol.Grad != 0:
		add(protocol.NameGrad, out, m.Dim, n)
	case f.Want&protocol.Score != 0:
		add(protocol.NameScore, out, m.Dim, n)
	case f.Want&protocol.Simulate != 0:
		add(protocol.NameDraw, out, m.Dim, n)
	}
	if slices.ContainsFunc(status, func(s byte) bool { return s != 0 }) {
		t := protocol.Of(protocol.NameStatus, protocol.Uint8, n)
		t.Data = status
		reply.Tensors = append(reply.Tensors, t)
	}
}
