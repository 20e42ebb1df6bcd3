//go:build race

package scoretest

// raceEnabled says whether the race detector is at work.
const raceEnabled = true
