// Package plugins runs models that live in programs of their own, in any language.
//
// [Open] starts a plug-in; the [Plugin] has its models as the interfaces of packages density and score, and nothing that
// samples them can tell:
//
//	p, err := plugins.Open(ctx, plugins.Options{Command: []string{"./my-score"}})
//	defer p.Close()
//	d, err := p.Density(ctx, "donut", nil)    // a density.Density, Differentiable if the model knows its gradient
//
// A plug-in leads a process group of its own, with a short environment, no standard input, and its output drained. Every call
// has a deadline. A plug-in that dies, hangs or answers nonsense is killed with all its children, started again at most
// Restarts times in ten minutes, and asked the same batch again: an answer is a function of the question, so the run goes on
// to the same bits. What cannot be helped is an [*Error], which has the last lines of the plug-in's log.
//
// A plug-in is code that runs with the rights of whoever starts it. Checksums ([Options].Files) say that it is the code that
// was installed, no more.
//
// Package plugins/protocol has the messages, package plugins/sdk makes plug-ins in Go.
package plugins

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scorefield/infer/plugins/protocol"
)

// Options say how to run a plug-in. Only Command has to be set.
type Options struct {
	// Name is what errors call the plug-in; empty means the last part of Command's program.
	Name string
	// Command is the program and its arguments. A name without a slash is looked up in PATH, and never in the current
	// folder; a path that is not absolute is taken from Dir.
	Command []string
	// Dir is the folder to run in; empty means the current one.
	Dir string
	// Files are the files of Dir that the plug-in consists of, with their sums. If there are any, they are copied to a
	// private folder, and what was copied is hashed and run, in that folder: no other file of Dir is seen. A sum that differs
	// is an [*Error] that wraps a [*SumError].
	Files []File
	// Packages are of Python, by the paths of their files, and are lent to a plug-in that brings none: PYTHONPATH names the private
	// folder with them, which goes when the plug-in ends.
	Packages map[string][]byte
	// Environment are names of variables that the plug-in gets of the host's, besides [Inherited].
	Environment []string
	// Set are variables that the plug-in gets, NAME=VALUE.
	Set []string

	StartTimeout time.Duration // until the first message; 0 means 10 s
	CallTimeout  time.Duration // of an evaluation; 0 means 60 s
	StopTimeout  time.Duration // of each step of ending it: asking, SIGTERM, SIGKILL; 0 means 2 s
	SlowAfter    time.Duration // a call that takes longer is reported to Warn, once; 0 means 5 s
	// Restarts is how often the plug-in is started again in ten minutes; 0 means 3, and a negative number never.
	Restarts int

	Kind      Kind      // how it speaks; the zero value finds out
	Transport Transport // how evaluations travel; the zero value takes the fastest that both sides know
	// Log gets what the plug-in writes to standard error, as it comes; nil for nobody. The last lines are kept in any case.
	Log io.Writer
	// Warn gets a line when something is slow or was started again; nil for nobody.
	Warn func(line string)
	// Host is what the host calls itself, "infer 0.5.0"; empty means "infer".
	Host string

	above []string // variables that stand above all others; for Launch
}

// File is a file of a plug-in and the SHA-256 that it must have.
type File struct {
	Path   string // relative to Options.Dir, with slashes, inside it
	SHA256 string // 64 hexadecimal digits
}

// Kind is how a plug-in speaks to the host.
type Kind string

// The kinds.
const (
	AnyKind    Kind = ""       // whichever it begins with
	GRPCKind   Kind = "grpc"   // gRPC, after the handshake of hashicorp/go-plugin
	FramesKind Kind = "frames" // frames over an inherited socket
)

// Transport is how evaluations travel.
type Transport string

// The transports.
const (
	AnyTransport    Transport = ""       // the first of shm, frames and grpc that both sides know
	GRPCTransport   Transport = "grpc"   // in messages of gRPC
	FramesTransport Transport = "frames" // in frames
	ShmTransport    Transport = "shm"    // in frames, the numbers in shared memory
)

// Inherited are the variables of the host's environment that every plug-in gets. A name that ends with * stands for all that
// begin so.
var Inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"}

// withDefaults are the options with their zero values filled in.
func (o Options) withDefaults() Options {
	o.StartTimeout = cmp.Or(o.StartTimeout, 10*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, 60*time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, 2*time.Second)
	o.SlowAfter = cmp.Or(o.SlowAfter, 5*time.Second)
	o.Restarts = max(0, cmp.Or(o.Restarts, 3))
	o.Host = cmp.Or(o.Host, "infer")
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if o.Name == "" && len(o.Command) > 0 {
		o.Name = o.Command[0][strings.LastIndex(o.Command[0], "/")+1:]
	}
	return o
}

// check says what is wrong with the options.
func (o *Options) check() error {
	if len(o.Command) == 0 || o.Command[0] == "" {
		return errors.New("a plug-in without a command: give the program to start")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"start", o.StartTimeout}, {"call", o.CallTimeout}, {"stop", o.StopTimeout}, {"slow", o.SlowAfter}} {
		if d.value < 0 {
			return fmt.Errorf("plug-in %s: the %s timeout is %v: give a positive duration", o.Name, d.name, d.value)
		}
	}
	if !slices.Contains([]Kind{AnyKind, GRPCKind, FramesKind}, o.Kind) {
		return fmt.Errorf("plug-in %s: kind %q: use %q or %q", o.Name, o.Kind, GRPCKind, FramesKind)
	}
	if !slices.Contains([]Transport{AnyTransport, GRPCTransport, FramesTransport, ShmTransport}, o.Transport) {
		return fmt.Errorf("plug-in %s: transport %q: use %q, %q or %q", o.Name, o.Transport, GRPCTransport, FramesTransport, ShmTransport)
	}
	for _, set := range o.Set {
		if name, _, ok := strings.Cut(set, "="); !ok || name == "" {
			return fmt.Errorf("plug-in %s: the variable %q: write NAME=VALUE", o.Name, set)
		}
	}
	return checkFiles(o.Name, o.Files)
}

// Plugin is a plug-in that runs. It is safe for concurrent use.
type Plugin struct {
	options Options
	info    protocol.Info

	lock     sync.Mutex
	session  *session      // the one that runs, nil between two
	starting chan struct{} // holds a token while somebody starts it
	restarts []time.Time
	cause    *Error // why the last session broke
	failure  error  // why it is not started again
	closed   bool

	usage usage
}

// Open starts a plug-in and learns what it is. The context bounds the start alone. Errors of the plug-in are [*Error].
func Open(ctx context.Context, options Options) (*Plugin, error) {
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	s, err := start(ctx, &options)
	if err != nil {
		return nil, err
	}
	return &Plugin{options: options, info: s.info, session: s, starting: make(chan struct{}, 1)}, nil
}

// Info is what the plug-in says of itself.
func (p *Plugin) Info() protocol.Info { return p.info }

// Transport is how evaluations travel: what both sides agreed on.
func (p *Plugin) Transport() Transport {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.session == nil {
		return p.options.Transport
	}
	return p.session.transport
}

// Process is the number of the plug-in's process, 0 when none runs.
func (p *Plugin) Process() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.session == nil {
		return 0
	}
	return p.session.process.pid()
}

// LogTail is the last lines that the plug-in wrote to standard error.
func (p *Plugin) LogTail() []string {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.session == nil {
		return nil
	}
	return p.session.process.log.lines()
}

// Ping asks the plug-in whether it is there.
func (p *Plugin) Ping(ctx context.Context) error {
	return p.try(ctx, func(ctx context.Context, s *session) error { return s.link.ping(ctx) })
}

// Close ends the plug-in: it is asked to, and if it does not, killed. It waits at most three StopTimeouts; calls that are under
// way fail. To close twice does nothing.
func (p *Plugin) Close() error {
	p.lock.Lock()
	s := p.session
	p.session, p.closed = nil, true
	p.lock.Unlock()
	if s != nil {
		s.end()
	}
	return nil
}

// find is the model of a name and a kind; an empty name means the only one.
func (p *Plugin) find(name, kind string) (*protocol.Model, error) {
	var names []string
	var found *protocol.Model
	for i := range p.info.Models {
		m := &p.info.Models[i]
		if !m.Is(kind) {
			continue
		}
		names = append(names, m.Name)
		if name == m.Name || name == "" {
			found = m
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("plug-in %s has no %s, only %s", p.options.Name, kind, p.list())
	case found == nil:
		return nil, fmt.Errorf("plug-in %s has no %s of the name %q: it has %s", p.options.Name, kind, name, strings.Join(names, ", "))
	case name == "" && len(names) > 1:
		return nil, fmt.Errorf("plug-in %s has %d models that are a %s: name one of %s", p.options.Name, len(names), kind, strings.Join(names, ", "))
	}
	return found, nil
}

// list is the plug-in's models with their kinds.
func (p *Plugin) list() string {
	var b strings.Builder
	for i, m := range p.info.Models {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", m.Name, strings.Join(m.Kinds, ", "))
	}
	return b.String()
}

// Config is the settings of a model, a JSON object, or nil.
type Config = json.RawMessage
