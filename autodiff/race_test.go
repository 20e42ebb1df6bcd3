//go:build race

package autodiff

// raceEnabled: the race detector drops pooled memory on purpose.
const raceEnabled = true
