package cli

import (
	"math"
	"slices"
	"testing"
)

// corners is the standard deviation of the pixels in the corners of images, which no digit reaches.
func corners(t *testing.T, args ...string) float64 {
	t.Helper()
	table, _ := drawn(t, []int{0}, append([]string{"--model", "mnist", "--seed", "1", "--particles", "16"}, args...)...)
	var values []float64
	for _, y := range []int{0, 1, 2, 25, 26, 27} {
		for _, x := range []int{0, 1, 2, 25, 26, 27} {
			values = append(values, points(table, y*28+x)...)
		}
	}
	return math.Sqrt(momentsOf(values).variance)
}

// The last noise level stays in the background of a picture, unless the last step takes it away.
func TestTheLastStepCleansTheBackground(t *testing.T) {
	const least = 0.065 * 0.3081
	with, without := corners(t), corners(t, "--keep-noise")
	t.Logf("with the last step %.4f, without %.4f", with, without)
	if math.Abs(without/least-1) > 0.1 || with > least/4 {
		t.Errorf("the background has a standard deviation of %.4f with the last step and %.4f without it, for a least noise level of %.4f", with, without, least)
	}
}

// The first image of a seed is the same alone and among others.
func TestADigitDoesNotDependOnTheOthers(t *testing.T) {
	one, _ := drawn(t, []int{0}, "--model", "mnist", "--seed", "7", "--particles", "1")
	many, _ := drawn(t, []int{0}, "--model", "mnist", "--seed", "7", "--particles", "16")
	if !slices.Equal(one.Points.Point(0, nil), many.Points.Point(0, nil)) {
		t.Error("image 0 of 1 and image 0 of 16 differ")
	}
	if slices.Equal(many.Points.Point(0, nil), many.Points.Point(1, nil)) {
		t.Error("image 1 is image 0")
	}
}
