//go:build race

package density

// raceEnabled: the race detector drops pooled memory on purpose.
const raceEnabled = true
