package score

import (
	"fmt"

	"github.com/scorefield/infer/backends"
)

// EDMRho is the exponent of [PowerLevels] for images (Karras et al. 2022, 2206.00364, table 1): most levels are low ones.
const EDMRho = 7

// PowerLevels is a schedule for a solver along falling noise: count levels from high down to low,
//
//	sigma_i = (high^(1/rho) + i/(count-1) (low^(1/rho) - high^(1/rho)))^rho,    i = 0 ... count-1,
//
// equation 5 of Karras et al. 2022, 2206.00364. With rho 1 they are evenly spread, with a large one nearly a geometric schedule.
// A single level is high.
func PowerLevels(high, low float64, count int, rho float64) (List, error) {
	if err := checkRange(low, high); err != nil {
		return nil, err
	}
	if count < 1 || count > maxLevels {
		return nil, fmt.Errorf("score: %d noise levels from %v to %v: give 1 to %d", count, high, low, maxLevels)
	}
	if !(rho >= 1 && rho <= 1000) {
		return nil, fmt.Errorf("score: noise levels with rho %v: give a number from 1 to 1000, %d for images", rho, EDMRho)
	}
	levels := make(List, count)
	from, to := backends.Pow(high, 1/rho), backends.Pow(low, 1/rho)
	for i := 1; i < count-1; i++ {
		share := float64(i) / float64(count-1)
		levels[i] = backends.Pow(from+float64(share*(to-from)), rho)
	}
	if count > 1 {
		levels[count-1] = low
	}
	levels[0] = high
	for i := 1; i < count; i++ {
		if levels[i] >= levels[i-1] {
			return nil, fmt.Errorf("score: %d noise levels from %v to %v cannot be told apart: give fewer, or a wider range", count, high, low)
		}
	}
	return levels, nil
}
