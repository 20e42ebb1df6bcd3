//go:build !race

package mcmctest

// raceDetector says that the race detector, which allocates, is at work.
const raceDetector = false
