//go:build !race

package densitytest

const raceDetector = false
