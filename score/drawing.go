package score

import "fmt"

// Drawing is how a model is best sampled, as its recipe says. A zero leaves the choice to whoever samples.
type Drawing struct {
	Sampler string  `json:"sampler,omitempty"` // heun, annealed or langevin
	High    float64 `json:"high,omitempty"`    // the first noise level
	Low     float64 `json:"low,omitempty"`     // the last
	Levels  int     `json:"levels,omitempty"`  // of annealed Langevin
	Steps   int     `json:"steps,omitempty"`   // transitions: at each level for annealed Langevin, else in all
	Step    float64 `json:"step,omitempty"`    // of Langevin; at the last level, if annealed
	// Half says that Step s means a move by s/2 times the score with noise of variance s, not by s with 2 s.
	Half bool `json:"half,omitempty"`
	// Uniform starts at pixels that are uniform over the range of the data, not at noise of the first level.
	Uniform   bool `json:"uniform,omitempty"`
	KeepNoise bool `json:"keep_noise,omitempty"` // leaves out the last, denoising step
}

func (d Drawing) check() error {
	switch d.Sampler {
	case "", "heun", "annealed", "langevin":
	default:
		return fmt.Errorf("its sampler is %q: there are heun, annealed and langevin", d.Sampler)
	}
	for _, v := range []float64{d.High, d.Low, d.Step} {
		if !(v >= 0) || !isFinite(v) {
			return fmt.Errorf("a noise level or step of its sampler is %v: give a positive number, or 0 for none", v)
		}
	}
	if d.High != 0 && d.Low >= d.High {
		return fmt.Errorf("the noise levels of its sampler go from %v to %v: they fall", d.High, d.Low)
	}
	if d.Levels < 0 || d.Levels > maxLevels || d.Steps < 0 || d.Steps > 1<<40 {
		return fmt.Errorf("its sampler has %d levels and %d steps: neither is negative, or more than a computer can do", d.Levels, d.Steps)
	}
	return nil
}
