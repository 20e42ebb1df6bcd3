package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/models"
	"github.com/scorefield/infer/score"
)

// shipped are the models that come with the program.
var shipped = models.Shipped()

// loadModel reads the model that --model names: one that comes with the program, or a file.
func loadModel(name string) (*score.Model, error) {
	if isDensity(name) {
		m, err := shipped.Model(name)
		if errors.Is(err, models.ErrUnknown) {
			known := shipped.Names()
			if len(known) == 0 {
				return nil, usage("unknown model %q: give the file that infer train wrote, as in --model ./%s.safetensors", name, name)
			}
			return nil, fmt.Errorf("%w (a model that infer train wrote is a file, as in --model ./%s.safetensors)", oneOf("model", name, known), name)
		}
		return m, err
	}
	m, err := score.Load(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, data(fmt.Errorf("--model %s: there is no such file", name))
	}
	if err != nil {
		return nil, data(err)
	}
	return m, nil
}

// isImages says whether a model's points are images.
func isImages(m *score.Model) bool { return m != nil && len(m.Info().Shape) == 2 }

// drawing is how a model says that it is best sampled.
func drawing(m *score.Model) score.Drawing {
	if d := m.Info().Drawing; d != nil {
		return *d
	}
	return score.Drawing{}
}

func defaultSampler(m *score.Model) string {
	switch d := drawing(m); {
	case d.Sampler != "" && (d.Sampler == samplerLangevin) != m.IsConditional():
		return d.Sampler
	case !m.IsConditional():
		return samplerLangevin
	case isImages(m):
		return samplerHeun
	}
	return samplerAnnealed
}

// chooseLearned fills in what a learned score leaves open: what it says itself, else what is usual.
func chooseLearned(set *settings, m *score.Model, changed func(name string) bool) error {
	info, d := m.Info(), drawing(m)
	own := d.Sampler == set.Sampler // the model's own way of sampling
	set.Shape, set.Range = info.Shape, info.Range
	if isImages(m) && !changed("particles") {
		set.Particles = defaultImages
	}
	switch set.Sampler {
	case samplerAnnealed, samplerHeun:
		if set.SigmaMax == 0 {
			set.SigmaMax = info.High
			if own && d.High > 0 {
				set.SigmaMax = d.High
			}
		}
		if set.SigmaMin == 0 {
			set.SigmaMin = info.Low
			if own && d.Low > 0 {
				set.SigmaMin = d.Low
			}
		}
		if !(set.SigmaMax > 0 && set.SigmaMin > 0) {
			return usage("%s does not say its noise levels: give --sigma-max and --sigma-min", set.Model)
		}
		if own && !changed("keep-noise") {
			set.KeepNoise = d.KeepNoise
		}
	}
	if own && d.Uniform && !changed("init") {
		set.Init = initUniform
	}
	if own && d.Half && set.Convention == "" {
		set.Convention = conventionHalf
	}
	if own && d.Step > 0 && set.Step == 0 && d.Half == (set.Convention == conventionHalf) {
		set.Step = d.Step
	}
	if !changed("steps") {
		switch {
		case own && d.Steps > 0:
			set.Steps = uint64(d.Steps)
		case set.Sampler == samplerAnnealed:
			set.Steps = defaultLevelSteps
		case set.Sampler == samplerHeun:
			set.Steps = defaultHeunSteps
		}
	}
	switch {
	case set.Sampler == samplerHeun:
		if set.Steps < 1 || set.Steps > mostHeunSteps {
			return usage("--steps %d: heun takes 1 to %s, a noise level each; 18 is usual", set.Steps, spelling.Grouped(mostHeunSteps))
		}
		if set.Steps == 1 && set.KeepNoise {
			return usage("--steps 1 with --keep-noise: the one step is the denoising that is left out; take 2 steps, or leave --keep-noise out")
		}
		set.Levels = int(set.Steps)
	case set.Sampler == samplerAnnealed && set.Steps < 1:
		return usage("--steps 0: annealed takes at least 1 at each noise level; %d are usual", defaultLevelSteps)
	case own && d.Levels > 0 && !changed("levels"):
		set.Levels = d.Levels
	}
	return chooseClasses(set, m, changed)
}

// chooseClasses reads --class and --guidance.
func chooseClasses(set *settings, m *score.Model, changed func(name string) bool) error {
	if m.GivenSize() == 0 {
		for _, name := range []string{"class", "guidance"} {
			if changed(name) {
				return usage("--%s: %s has no classes", name, set.Model)
			}
		}
		set.Guidance = 0
		return nil
	}
	set.ClassCount = m.GivenSize()
	if !(set.Guidance >= 0 && set.Guidance <= 1000) {
		return usage("--guidance %s: give a number from 0 to 1000; 1 is no guidance, 2 makes images more typical of their class", number(set.Guidance))
	}
	if set.classes == "" {
		return nil
	}
	names := m.Info().Classes
	set.Classes = nil
	for _, word := range strings.Split(set.classes, ",") {
		word = strings.TrimSpace(word)
		class := -1
		for k, name := range names {
			if strings.EqualFold(name, word) {
				class = k
			}
		}
		if k, err := strconv.Atoi(word); class < 0 && err == nil && k >= 0 && k < m.GivenSize() {
			class = k
		}
		if class < 0 && len(names) == 0 {
			return usage("--class %s: %s has %d classes: give a number from 0 to %d", word, set.Model, m.GivenSize(), m.GivenSize()-1)
		}
		if _, err := strconv.Atoi(word); class < 0 && err == nil { // no class with a similar name is meant
			return usage("--class %s: %s has %d classes, numbered from 0 to %d: %s", word, set.Model, len(names), len(names)-1, strings.Join(names, ", "))
		}
		if class < 0 {
			return oneOf("class", word, names)
		}
		set.Classes = append(set.Classes, class)
	}
	return nil
}

// classesOf is which class each particle has.
func classesOf(s settings, m *score.Model) score.Classes {
	c := score.Classes{Fixed: s.Classes, Shares: m.Info().Shares, Seed: s.Seed}
	if len(c.Shares) == 0 {
		for range m.GivenSize() {
			c.Shares = append(c.Shares, 1)
		}
	}
	return c
}

// className is what a class is called.
func className(m *score.Model, k int) string {
	if names := m.Info().Classes; k < len(names) {
		return names[k]
	}
	return strconv.Itoa(k)
}

// modelKernel makes the kernel for a learned score.
func modelKernel(s settings, m *score.Model) (mcmc.Kernel, error) {
	switch {
	case s.Sampler == samplerMALA:
		return nil, usage("--sampler mala needs log p to accept or reject, and a learned score has none: use %s", defaultSampler(m))
	case s.Sampler == samplerLangevin && m.IsConditional():
		return nil, usage("--sampler langevin follows one score, and %s holds one for each noise level: use %s", s.Model, defaultSampler(m))
	case s.Sampler != samplerLangevin && !m.IsConditional():
		return nil, usage("--sampler %s needs a score for each noise level, and %s holds one: use langevin", s.Sampler, s.Model)
	}
	var family score.NoiseConditional = m
	if m.GivenSize() > 0 {
		guided, err := score.Guided(m, classesOf(s, m), s.Guidance)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		family = guided
	}
	switch s.Sampler {
	case samplerLangevin:
		return mcmc.Langevin{Score: family.At(m.Info().Sigma), Step: s.Step, Convention: s.convention()}, nil
	case samplerHeun:
		levels, err := score.PowerLevels(s.SigmaMax, s.SigmaMin, s.Levels, score.EDMRho)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		return &mcmc.Heun{Score: family, Levels: levels, KeepNoise: s.KeepNoise}, nil
	}
	levels, err := score.Geometric(s.SigmaMax, s.SigmaMin, s.Levels)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return &mcmc.Annealed{Score: family, Levels: levels, Steps: int(s.Steps), Step: s.Step, Convention: s.convention(), KeepNoise: s.KeepNoise}, nil
}

// blurred is about the law of a model's data under noise of a level that drowns it: where a run along falling noise begins.
func blurred(m *score.Model, sigma float64) mcmc.Normal {
	info := m.Info()
	law := mcmc.Normal{Coordinates: m.Dim(), Mean: info.Mean, Scale: make([]float64, m.Dim())}
	for j := range law.Scale {
		law.Scale[j] = sigma
		if j < len(info.SD) {
			law.Scale[j] = math.Sqrt(math.FMA(sigma, sigma, float64(info.SD[j]*info.SD[j])))
		}
	}
	return law
}

// blackAndWhite are the numbers of black and white in the range that a model states; 0 and 1 where it states none.
func blackAndWhite(stated []float64) (black, white float64) {
	if len(stated) == 2 {
		return stated[0], stated[1]
	}
	return 0, 1
}
