package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/scorefield/infer/mcmc"
)

// settings are all that a run's draws depend on. They are stored in every file of draws, and [rerunCommand] reads them back.
// What does not change a draw (backend, workers, size of blocks) is no part of them, so that the file of a seed is the
// same on every machine.
type settings struct {
	Program   string             `json:"program"` // infer
	Version   string             `json:"version"`
	Epoch     int                `json:"epoch"`
	Density   string             `json:"density,omitempty"` // a built-in by name, or else
	LogP      string             `json:"logp,omitempty"`    // a formula
	Constants map[string]float64 `json:"constants,omitempty"`
	Model     string             `json:"model,omitempty"`        // a learned score's file
	ModelHash string             `json:"model_sha256,omitempty"` // of its content
	Dim       int                `json:"dim"`
	Shape     []int              `json:"shape,omitempty"` // of a point that is an image: rows, columns
	Range     []float64          `json:"range,omitempty"` // of its pixels: black, white; 0 and 1 if empty
	Sampler   string             `json:"sampler"`
	// Step is the step size; tuned says that it was set on pilots, and is 0 before that.
	Step       float64 `json:"step"`
	Convention string  `json:"convention,omitempty"` // of the step: half, or empty for full
	Tuned      bool    `json:"tuned,omitempty"`
	Steps      uint64  `json:"steps"` // transitions; of an annealed run, at each level
	// Levels noise levels fall from SigmaMax to SigmaMin: geometrically in an annealed run, with the exponent of
	// score.EDMRho in one of Heun's method.
	Levels    int     `json:"levels,omitempty"`
	SigmaMax  float64 `json:"sigma_max,omitempty"`
	SigmaMin  float64 `json:"sigma_min,omitempty"`
	KeepNoise bool    `json:"keep_noise,omitempty"`
	// Classes are taken in turn by the particles; empty where each draws its own, with the shares of the training data.
	Classes    []int   `json:"classes,omitempty"`
	ClassCount int     `json:"class_count,omitempty"` // how many the model knows
	Guidance   float64 `json:"guidance,omitempty"`    // its weight: 1 is the score of the class, 0 forgets it
	// Convolution is how the model's convolutions are computed, by its name; empty for direct.
	Convolution string `json:"conv,omitempty"`
	Particles   int    `json:"particles"`
	Seed        uint64 `json:"seed"`
	Init        string `json:"init"`                  // normal, uniform or a file
	InitHash    string `json:"init_sha256,omitempty"` // of that file's points
	// Plugin is the plug-in that Density or Model names; nil for what is built in.
	Plugin *pluginUse `json:"plugin,omitempty"`

	seedGiven bool   // by a flag, which the file need not know
	classes   string // as --class says
	plugins   pluginFlags
}

const (
	samplerMALA     = "mala"
	samplerLangevin = "langevin"
	samplerAnnealed = "annealed"
	samplerHeun     = "heun"

	conventionFull = "full"
	conventionHalf = "half"

	defaultParticles = 10_000
	defaultImages    = 16
	defaultSteps     = 1_000
	// tutorialStep is the step of the tutorial whose donut this project reproduces: what langevin takes unless told.
	tutorialStep = 1e-2

	defaultLevels     = 24
	defaultLevelSteps = 50
	// defaultHeunSteps are those of Karras et al. (2022) for images: 35 evaluations.
	defaultHeunSteps = 18
	mostHeunSteps    = 100_000
	// annealedStep is the step at the last level over its variance: in the range of NCSNv2's design for few steps a level.
	annealedStep = 0.1
)

var samplers = []listed{
	{samplerMALA, "Metropolis-adjusted Langevin: exact; its step size is tuned on pilot particles"},
	{samplerLangevin, "unadjusted Langevin: needs the score alone; biased by its step size, which is reported"},
	{samplerAnnealed, "Langevin along falling noise levels, for a learned score that is given them; a last step denoises"},
	{samplerHeun, "Heun's method along the probability flow of falling noise levels: few steps, for images"},
}

// encode is the text that a file of draws holds.
func (s settings) encode() []byte {
	text, err := json.Marshal(s)
	if err != nil { // numbers and texts always have a form
		panic(err)
	}
	return text
}

// decodeSettings reads what encode wrote.
func decodeSettings(text []byte) (settings, error) {
	var s settings
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("its settings cannot be read: %w", err)
	}
	if s.Program != "infer" {
		return s, fmt.Errorf("its settings are those of %q, not of infer", s.Program)
	}
	if s.Epoch != mcmc.Epoch {
		return s, fmt.Errorf("its draws are of epoch %d, this version makes those of epoch %d: only a version of that epoch repeats them (%s made them)", s.Epoch, mcmc.Epoch, s.Version)
	}
	return s, nil
}

// arguments is the command line that stands for the settings.
func (s settings) arguments() []string {
	args := []string{"infer", "sample"}
	switch {
	case s.Plugin != nil:
		args = append(args, s.Plugin.arguments(s)...)
	case s.Model != "":
		args = append(args, "--model", s.Model)
	case s.LogP != "":
		args = append(args, "--logp", s.LogP, "--dim", strconv.Itoa(s.Dim))
		for _, name := range slices.Sorted(maps.Keys(s.Constants)) {
			args = append(args, "--const", name+"="+number(s.Constants[name]))
		}
	default:
		args = append(args, "--density", s.Density, "--dim", strconv.Itoa(s.Dim))
	}
	args = append(args, "--sampler", s.Sampler)
	if !s.Tuned && s.Sampler != samplerHeun {
		args = append(args, "--step", number(s.Step))
	}
	if s.Convention != "" || s.Model != "" && s.Sampler != samplerHeun { // a model may have a choice of its own
		args = append(args, "--convention", s.convention().String())
	}
	args = append(args, "--steps", strconv.FormatUint(s.Steps, 10), "--particles", strconv.Itoa(s.Particles), "--seed", strconv.FormatUint(s.Seed, 10))
	if s.Sampler == samplerAnnealed {
		args = append(args, "--levels", strconv.Itoa(s.Levels))
	}
	if s.Sampler == samplerAnnealed || s.Sampler == samplerHeun {
		args = append(args, "--sigma-max", number(s.SigmaMax), "--sigma-min", number(s.SigmaMin), "--keep-noise="+strconv.FormatBool(s.KeepNoise))
	}
	if len(s.Classes) > 0 {
		var words []string
		for _, k := range s.Classes {
			words = append(words, strconv.Itoa(k))
		}
		args = append(args, "--class", strings.Join(words, ","))
	}
	if s.ClassCount > 0 && s.Guidance != 1 {
		args = append(args, "--guidance", number(s.Guidance))
	}
	if s.Convolution != "" {
		args = append(args, "--conv", s.Convolution)
	}
	if s.Init != initNormal || s.Model != "" {
		args = append(args, "--init", s.Init)
	}
	return args
}

// convention is what the step size means.
func (s settings) convention() mcmc.Convention {
	if s.Convention == conventionHalf {
		return mcmc.StepHalf
	}
	return mcmc.StepFull
}

// isImages says whether the draws are images.
func (s settings) isImages() bool { return len(s.Shape) == 2 }

// number is the shortest text that reads back to the same bits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// shell quotes a command line for a POSIX shell.
func shell(args []string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		plain := a != "" && strings.IndexFunc(a, func(r rune) bool {
			return !(r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./=:,+%@", r)))
		}) < 0
		if plain {
			b.WriteString(a)
		} else {
			b.WriteString("'" + strings.ReplaceAll(a, "'", `'\''`) + "'")
		}
	}
	return b.String()
}

// parseConstants reads --const name=value.
func parseConstants(list []string) (map[string]float64, error) {
	constants := map[string]float64{}
	for _, item := range list {
		name, text, ok := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if !ok || err != nil || math.IsNaN(value) || math.IsInf(value, 0) || strings.ContainsAny(text, "_xX") {
			return nil, usage("--const %q: write name=number, as in --const w=0.033", item)
		}
		if _, twice := constants[name]; twice {
			return nil, usage("--const %s is given twice", name)
		}
		constants[name] = value
	}
	if len(constants) == 0 {
		return nil, nil
	}
	return constants, nil
}
