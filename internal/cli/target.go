package cli

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score"
)

const (
	initNormal  = "normal"
	initUniform = "uniform"
)

// goal is what is sampled: a density, or a learned score.
type goal struct {
	density density.Density // nil for a learned score
	model   *score.Model    // nil for a density
	hosted  *hosted         // the plug-in that has it, or nil
}

func (g goal) dim() int {
	if g.hosted != nil {
		return g.hosted.model.Dim
	}
	if g.model != nil {
		return g.model.Dim()
	}
	return g.density.Dim()
}

// aim finds what settings name, and notes a model's hash in them.
func aim(s *settings) (goal, error) {
	if s.Model == "" {
		d, err := target(*s)
		return goal{density: d}, err
	}
	m, err := loadModel(s.Model)
	if err != nil {
		return goal{}, err
	}
	if s.ModelHash != "" && s.ModelHash != m.SHA256() {
		return goal{}, data(fmt.Errorf("%s is another model than the draws were made with: its SHA-256 is %s, theirs was %s", s.Model, m.SHA256(), s.ModelHash))
	}
	s.ModelHash = m.SHA256()
	if m, err = withConvolution(m, s.Model, s.Convolution); err != nil {
		return goal{}, err
	}
	return goal{model: m}, nil
}

// target makes the density that settings name.
func target(s settings) (density.Density, error) {
	if s.LogP != "" {
		d, err := density.Parse(s.LogP, s.Dim, s.Constants)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		return d, nil
	}
	var names []string
	for _, entry := range density.Catalogue() {
		if entry.Name == s.Density {
			d, err := entry.New(s.Dim)
			if err != nil {
				return nil, &codedError{exitUsage, err}
			}
			return d, nil
		}
		names = append(names, entry.Name)
	}
	return nil, oneOf("density", s.Density, names)
}

// kernel makes the kernel that settings name for a goal.
func kernel(s settings, g goal) (mcmc.Kernel, error) {
	if g.model != nil {
		return modelKernel(s, g.model)
	}
	if g.hosted.isScore() {
		return g.hosted.kernel(s)
	}
	gradient, ok := g.density.(density.Differentiable)
	if !ok {
		return nil, usage("--sampler %s needs the gradient of log p, which density %s does not know", s.Sampler, s.Density)
	}
	step := s.Step
	if s.Tuned && step == 0 {
		step = 1 // the pilots set it
	}
	switch s.Sampler {
	case samplerLangevin:
		return mcmc.Langevin{Score: score.Of(gradient), Step: step, Convention: s.convention()}, nil
	case samplerMALA:
		return mcmc.MALA{Density: gradient, Step: step}, nil
	}
	return nil, usage("--sampler %s follows noise levels, which a density has none of: use mala or langevin", s.Sampler)
}

// start makes the law of the first positions, and notes a file's hash in the settings.
func start(s *settings, g goal) (mcmc.Sampler, error) {
	switch s.Init {
	case initNormal:
		if s.Sampler == samplerAnnealed || s.Sampler == samplerHeun {
			if g.hosted.isScore() {
				return g.hosted.start(s), nil
			}
			return blurred(g.model, s.SigmaMax), nil
		}
		return mcmc.Normal{Coordinates: s.Dim}, nil
	case initUniform:
		law := mcmc.Uniform{Low: make([]float64, s.Dim), High: make([]float64, s.Dim)}
		low, high := -1.0, 1.0
		if isImages(g.model) {
			low, high = blackAndWhite(g.model.Info().Range)
		}
		for j := range s.Dim {
			law.Low[j], law.High[j] = low, high
		}
		return law, nil
	}
	if _, err := os.Stat(s.Init); errors.Is(err, os.ErrNotExist) && filepath.Ext(s.Init) == "" && !strings.ContainsRune(s.Init, filepath.Separator) {
		return nil, oneOf("start", s.Init, []string{initNormal, initUniform, "a file of points (.npy, .npz or .csv)"})
	}
	options := draws.Options{AllowNonFinite: true}
	if s.isImages() {
		options.PointAxes = 1 // the other axes are those of an image
	}
	t, err := draws.Read(s.Init, options)
	if errors.Is(err, os.ErrNotExist) {
		return nil, data(fmt.Errorf("--init %s: there is no such file", s.Init))
	}
	if err != nil {
		return nil, data(err)
	}
	x := t.Points
	if x.Dim() != s.Dim {
		return nil, usage("--init %s: its points have %d columns, the density has dimension %d", s.Init, x.Dim(), s.Dim)
	}
	if s.isImages() && len(t.Shape) > 1 && (t.Shape[0] != s.Shape[0] || t.Shape[1] != s.Shape[1]) {
		return nil, usage("--init %s: it has images of %d x %d pixels, the model draws %d x %d", s.Init, t.Shape[0], t.Shape[1], s.Shape[0], s.Shape[1])
	}
	if x.Len() < s.Particles {
		return nil, usage("--init %s: it has %d points for %d particles: ask for --particles %d", s.Init, x.Len(), s.Particles, x.Len())
	}
	for i := range s.Particles {
		for j := range x.Dim() {
			if v := x.Row(j)[i]; v-v != 0 {
				return nil, data(&mcmc.ParticleError{Particle: uint64(i), Point: x.Point(i, nil), Wrong: s.Init + " has " + number(v) + " in column " + number(float64(j))})
			}
		}
	}
	hash := pointsHash(x)
	if s.InitHash != "" && s.InitHash != hash {
		return nil, data(errors.New(s.Init + " has other points than those the draws began at"))
	}
	s.InitHash = hash
	return mcmc.Points{X: x, Name: hash[:12]}, nil
}

// pointsHash is the SHA-256 of the points' coordinates, point by point.
func pointsHash(x *lanes.Block) string {
	h := sha256.New()
	var b [8]byte
	for i := range x.Len() {
		for j := range x.Dim() {
			binary.LittleEndian.PutUint64(b[:], math.Float64bits(x.Row(j)[i]))
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
