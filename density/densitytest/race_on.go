//go:build race

package densitytest

const raceDetector = true
