// Package protocol is what infer and its plug-ins say to each other, infer.plugin.v1: the messages, their two encodings,
// gRPC ([infer_plugin_v1.proto]) and frames ([frames.md]), and the shared memory that tensors may lie in.
//
// Package plugins is the host's side, package plugins/sdk that of a plug-in in Go. A plug-in's author needs neither this package
// nor Go: the two files are the specification.
//
// [infer_plugin_v1.proto]: https://github.com/scorefield/infer/blob/main/plugins/protocol/infer_plugin_v1.proto
// [frames.md]: https://github.com/scorefield/infer/blob/main/plugins/protocol/frames.md
package protocol

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// The environment of a plug-in.
const (
	CookieVariable   = "INFER_PLUGIN_COOKIE"
	Cookie           = "b7e0c1a5-infer-plugin-v1"
	VersionsVariable = "INFER_PLUGIN_PROTOCOL" // versions that the host speaks, with commas
	FDVariable       = "INFER_PLUGIN_FD"       // the descriptor of the socket for frames
	ParentVariable   = "INFER_PLUGIN_PARENT"   // the host's process number
	FD               = 3                       // what FDVariable says
)

// Capabilities that both sides may have. A plug-in's are in its [Info], the host's in [Welcome].
const (
	Shm    = "shm"    // tensors in shared memory, by frames
	Frames = "frames" // a gRPC plug-in that takes frames too
)

// Kinds of models.
const (
	KindDensity   = "density"
	KindScore     = "score"
	KindSimulator = "simulator"
)

// What a network's SCORE is.
const (
	ParamScore = "score"
	ParamEps   = "eps" // the noise of x = x0 + sigma eps: the score is -eps / sigma
	ParamX0    = "x0"  // the denoised point: the score is (x0 - x) / sigma^2
)

// Info is what a plug-in says of itself.
type Info struct {
	Protocol     int      `json:"protocol"`
	Name         string   `json:"name"`
	Version      string   `json:"version,omitempty"`
	SDK          string   `json:"sdk,omitempty"`
	Licence      string   `json:"licence,omitempty"`
	Build        string   `json:"build,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Models       []Model  `json:"models"`
}

// Has says whether the plug-in has a capability.
func (i *Info) Has(capability string) bool { return slices.Contains(i.Capabilities, capability) }

// Model is what a plug-in says of one of its models. frames.md has what each member means.
type Model struct {
	Name           string   `json:"name"`
	Kinds          []string `json:"kinds"`
	Dim            int      `json:"dim"`
	Gradient       bool     `json:"gradient,omitempty"`
	DType          string   `json:"dtype,omitempty"`
	Names          []string `json:"names,omitempty"`
	Noise          bool     `json:"noise,omitempty"`
	SigmaMin       float64  `json:"sigma_min,omitempty"`
	SigmaMax       float64  `json:"sigma_max,omitempty"`
	ScoreParam     string   `json:"score_param,omitempty"`
	Given          []Given  `json:"given,omitempty"`
	Parameters     int      `json:"parameters,omitempty"`
	MaxBatch       int      `json:"max_batch,omitempty"`
	PreferredBatch int      `json:"preferred_batch,omitempty"`
	MaxInflight    int      `json:"max_inflight,omitempty"`
	Deterministic  bool     `json:"deterministic,omitempty"`
	Low            []*Bound `json:"low,omitempty"`
	High           []*Bound `json:"high,omitempty"`
	Device         string   `json:"device,omitempty"`
}

// Bound is a finite bound of the support of a coordinate.
type Bound float64

// Given is a conditioning vector of a score.
type Given struct {
	Name string `json:"name"`
	Dim  int    `json:"dim"`
}

// Is says whether the model is of a kind.
func (m *Model) Is(kind string) bool { return slices.Contains(m.Kinds, kind) }

// Float32 says whether the model's tensors are float32.
func (m *Model) Float32() bool { return m.DType == "float32" }

// Element is the type of the model's numbers.
func (m *Model) Element() DType {
	if m.Float32() {
		return Float32
	}
	return Float64
}

// Welcome is the host's answer to an [Info].
type Welcome struct {
	Protocol     int      `json:"protocol"`
	Host         string   `json:"host"`
	Capabilities []string `json:"capabilities"`
	MaxBody      uint64   `json:"max_body"`
}

// Open asks for a model.
type Open struct {
	Handle uint32          `json:"-"`
	Model  string          `json:"model"`
	Config json.RawMessage `json:"config,omitempty"`
}

// Codes of errors.
const (
	Invalid     = "invalid"
	Unavailable = "unavailable"
	Internal    = "internal"
	Cancelled   = "cancelled"
	Deadline    = "deadline"
)

// Error is a plug-in's answer where it has no other. After it the connection goes on.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Error is the plug-in's message and its hint.
func (e *Error) Error() string {
	message := e.Message
	if message == "" {
		message = "an error without a message (" + e.Code + ")"
	}
	if e.Hint != "" {
		message += ": " + e.Hint
	}
	return message
}

// Want says what an evaluation is to bring.
type Want uint16

// The wants, bits.
const (
	LogP Want = 1 << iota
	Grad
	Score
	Simulate
)

// Status of a row.
const (
	OK           = 0
	OutOfSupport = 1
	Numerical    = 2
	Failed       = 3
)

// Names of tensors.
const (
	NameX      = "x"
	NameSigma  = "sigma"
	NameLogP   = "logp"
	NameGrad   = "grad"
	NameScore  = "score"
	NameDraw   = "draw"
	NameStatus = "status"
)

// Bounds of what is taken from the other side.
const (
	MaxHeader  = 1 << 20 // bytes of JSON
	MaxTensors = 32      // of a message
	MaxRank    = 4
	MaxBody    = 1 << 30 // bytes of tensors in a message, where the host sets no other limit
	MaxModels  = 256
	MaxDim     = 1 << 24
	MaxName    = 16 // bytes of the name of a tensor
)

// CheckName says what is wrong with the name of a plug-in or of a model.
func CheckName(name string) error {
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if len(name) < 1 || len(name) > 64 || name[0] == '-' || strings.Trim(name, characters) != "" {
		return fmt.Errorf("the name %s: use 1 to 64 of the characters a-z, 0-9 and -, the first of them no -", clip(name))
	}
	return nil
}

// clip quotes what somebody else wrote, the first part of it.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// Check says what is wrong with an Info that a plug-in sent. Its version is not looked at; see [Negotiate].
func (i *Info) Check() error {
	if err := CheckName(i.Name); err != nil {
		return fmt.Errorf("plug-in: %w", err)
	}
	if len(i.Models) == 0 || len(i.Models) > MaxModels {
		return fmt.Errorf("%d models: a plug-in has 1 to %d", len(i.Models), MaxModels)
	}
	seen := map[string]bool{}
	for k := range i.Models {
		m := &i.Models[k]
		if err := m.Check(); err != nil {
			return err
		}
		if seen[m.Name] {
			return fmt.Errorf("two models have the name %s", m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

// Check says what is wrong with a Model that a plug-in sent, and writes what its absent members stand for.
func (m *Model) Check() error {
	if err := CheckName(m.Name); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	fail := func(format string, arguments ...any) error {
		return fmt.Errorf("model %s: %s", m.Name, fmt.Sprintf(format, arguments...))
	}
	if len(m.Kinds) == 0 {
		return fail("no kind: give %s, %s or %s", KindDensity, KindScore, KindSimulator)
	}
	for _, kind := range m.Kinds {
		if kind != KindDensity && kind != KindScore && kind != KindSimulator {
			return fail("kind %s: use %s, %s or %s", clip(kind), KindDensity, KindScore, KindSimulator)
		}
	}
	if m.DType == "" {
		m.DType = "float64"
	}
	if m.DType != "float64" && m.DType != "float32" {
		return fail("dtype %s: use float64 or float32", clip(m.DType))
	}
	if m.ScoreParam == "" {
		m.ScoreParam = ParamScore
	}
	switch m.ScoreParam {
	case ParamScore:
	case ParamEps, ParamX0:
		if !m.Noise {
			return fail("score_param %s needs a noise level: set noise", m.ScoreParam)
		}
	default:
		return fail("score_param %s: use %s, %s or %s", clip(m.ScoreParam), ParamScore, ParamEps, ParamX0)
	}
	if m.MaxInflight == 0 {
		m.MaxInflight = 2
	}
	if m.PreferredBatch == 0 {
		m.PreferredBatch = 8192
	}
	for _, number := range []struct {
		name            string
		value, low, top int
	}{
		{"dim", m.Dim, 0, MaxDim}, {"parameters", m.Parameters, 0, MaxDim},
		{"max_batch", m.MaxBatch, 0, math.MaxInt32}, {"preferred_batch", m.PreferredBatch, 1, math.MaxInt32},
		{"max_inflight", m.MaxInflight, 1, 8},
	} {
		if number.value < number.low || number.value > number.top {
			return fail("%s is %d: give %d to %d", number.name, number.value, number.low, number.top)
		}
	}
	if m.MaxBatch > 0 {
		m.PreferredBatch = min(m.PreferredBatch, m.MaxBatch)
	}
	if m.Is(KindSimulator) && m.Parameters == 0 && m.Dim != 0 {
		return fail("a simulator of 0 parameters: give at least 1")
	}
	for _, list := range []struct {
		name string
		n    int
	}{{"names", len(m.Names)}, {"low", len(m.Low)}, {"high", len(m.High)}} {
		if list.n != 0 && m.Dim != 0 && list.n != m.Dim {
			return fail("%d %s for %d coordinates: give one a coordinate", list.n, list.name, m.Dim)
		}
	}
	if !(m.SigmaMin >= 0) || !(m.SigmaMax >= 0) || m.SigmaMax > 0 && m.SigmaMin > m.SigmaMax || math.IsInf(m.SigmaMax, 0) || math.IsInf(m.SigmaMin, 0) {
		return fail("noise levels from %v to %v: give positive numbers, the smaller first", m.SigmaMin, m.SigmaMax)
	}
	if len(m.Given) > MaxTensors-8 {
		return fail("%d conditioning vectors: at most %d", len(m.Given), MaxTensors-8)
	}
	for k, g := range m.Given {
		if g.Name == "" || len(g.Name) > MaxName || slices.Contains([]string{NameX, NameSigma, NameLogP, NameGrad, NameScore, NameDraw, NameStatus}, g.Name) || strings.ContainsFunc(g.Name, func(r rune) bool { return r < '!' || r > '~' }) {
			return fail("conditioning vector %d has the name %s: use 1 to %d characters of ASCII, and none of the names of tensors", k, clip(g.Name), MaxName)
		}
		if g.Dim < 1 || g.Dim > MaxDim {
			return fail("conditioning vector %s of %d numbers: give 1 to %d", g.Name, g.Dim, MaxDim)
		}
	}
	return nil
}

// Negotiate says whether a plug-in that speaks a version can be used, and if not, which side to update.
func Negotiate(theirs int) error {
	switch {
	case theirs == Version:
		return nil
	case theirs > Version:
		return fmt.Errorf("it speaks version %d of the protocol of plug-ins, and this infer version %d: update infer, or install an older release of the plug-in", theirs, Version)
	}
	return fmt.Errorf("it speaks version %d of the protocol of plug-ins, and this infer version %d: update the plug-in, or use an older infer", theirs, Version)
}
