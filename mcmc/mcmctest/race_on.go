//go:build race

package mcmctest

// raceDetector says that the race detector is at work, which allocates.
const raceDetector = true
