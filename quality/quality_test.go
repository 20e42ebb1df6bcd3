package quality

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/scorefield/infer/lanes"
)

// gaussians are n vectors with independent coordinates of the given means and standard deviations.
func gaussians(r *rand.Rand, n int, mean, sd []float64) []float64 {
	out := make([]float64, 0, n*len(mean))
	for range n {
		for j, m := range mean {
			u, v := 1-r.Float64(), r.Float64()
			out = append(out, m+sd[j]*math.Sqrt(-2*math.Log(u))*math.Cos(2*math.Pi*v))
		}
	}
	return out
}

func TestFrechetOfDiagonalLawsIsKnown(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	meanA, sdA := []float64{0, 1, -2}, []float64{1, 0.5, 2}
	meanB, sdB := []float64{1, 1, -1}, []float64{2, 0.5, 1}
	want := 0.0
	for j := range meanA {
		want += (meanA[j]-meanB[j])*(meanA[j]-meanB[j]) + (sdA[j]-sdB[j])*(sdA[j]-sdB[j])
	}
	const n = 200_000
	got, err := FID(gaussians(r, n, meanA, sdA), gaussians(r, n, meanB, sdB), 3)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got-want) > 0.05 { // standard error about 0.012
		t.Errorf("FID %v, want %v", got, want)
	}
}

// Correlated features: with moments given exactly, both orders and a rotation give the same number.
func TestFrechetDoesNotChangeUnderRotation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	a := gaussians(r, 500, []float64{0, 0}, []float64{3, 1})
	b := gaussians(r, 500, []float64{1, 0}, []float64{1, 2})
	turn := func(x []float64, angle float64) []float64 {
		out := make([]float64, len(x))
		s, c := math.Sincos(angle)
		for i := 0; i < len(x); i += 2 {
			out[i], out[i+1] = c*x[i]-s*x[i+1], s*x[i]+c*x[i+1]
		}
		return out
	}
	plain, _ := FID(a, b, 2)
	back, _ := FID(b, a, 2)
	turned, _ := FID(turn(a, 0.7), turn(b, 0.7), 2)
	other, _ := FID(turn(a, 0.7), b, 2)
	if math.Abs(plain-back) > 1e-9 || math.Abs(plain-turned) > 1e-9 {
		t.Errorf("FID %v, exchanged %v, turned %v", plain, back, turned)
	}
	if math.Abs(plain-other) < 0.1 {
		t.Errorf("FID %v does not see a rotation of one set", plain)
	}
}

// Fewer images than features, and identical sets: finite, real, and 0 where it is 0.
func TestFrechetIsFiniteWithFewImages(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	mean, sd := make([]float64, 64), make([]float64, 64)
	for j := range sd {
		sd[j] = 1
	}
	sd[3] = 0 // a feature that is constant
	few, many := gaussians(r, 50, mean, sd), gaussians(r, 1000, mean, sd)
	d, err := FID(few, many, 64)
	if err != nil || math.IsNaN(d) || math.IsInf(d, 0) || d <= 0 {
		t.Errorf("FID of 50 images with 64 features: %v, %v", d, err)
	}
	if same, _ := FID(many, many, 64); same > 1e-9 {
		t.Errorf("FID of a set against itself: %v", same)
	}
	if _, err := FID(few[:64], many, 64); err == nil {
		t.Error("one image has no covariance")
	}
}

func TestKernelDistanceIsUnbiased(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	mean, sd := make([]float64, 8), []float64{1, 1, 1, 1, 1, 1, 1, 1}
	var sum, squares float64
	const rounds = 200
	for range rounds {
		d, _, err := KID(gaussians(r, 40, mean, sd), gaussians(r, 60, mean, sd), 8)
		if err != nil {
			t.Fatal(err)
		}
		sum += d
		squares += d * d
	}
	m := sum / rounds
	z := m / math.Sqrt((squares/rounds-m*m)/rounds)
	t.Logf("mean %v, z %.2f", m, z)
	if math.Abs(z) > 4 {
		t.Errorf("the kernel distance of two sets of one law has mean %v, z %.2f", m, z)
	}
	moved := []float64{1, 0, 0, 0, 0, 0, 0, 0}
	d, e, _ := KID(gaussians(r, 1000, mean, sd), gaussians(r, 1000, moved, sd), 8)
	if d < 4*e {
		t.Errorf("a moved law has kernel distance %v +- %v", d, e)
	}
}

func TestPrecisionAndRecallTellMissingFromWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	wide := gaussians(r, 600, []float64{0, 0}, []float64{1, 1})
	narrow := gaussians(r, 600, []float64{0, 0}, []float64{0.2, 0.2})
	far := gaussians(r, 600, []float64{50, 0}, []float64{1, 1})
	check := func(name string, draws []float64, lowP, highP, lowR, highR float64) {
		p, c, err := precisionRecall(context.Background(), draws, wide, 2, 2)
		if err != nil || p < lowP || p > highP || c < lowR || c > highR {
			t.Errorf("%s: precision %v, recall %v, %v", name, p, c, err)
		}
	}
	check("same law", gaussians(r, 600, []float64{0, 0}, []float64{1, 1}), 0.9, 1, 0.9, 1)
	check("narrow", narrow, 0.95, 1, 0, 0.3)
	check("far", far, 0, 0, 0, 0)
}

func TestNearestDistancesAreThoseOfALoop(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	images, others := make([]float32, 70*5), make([]float32, 130*5)
	for i := range images {
		images[i] = r.Float32()
	}
	for i := range others {
		others[i] = r.Float32()
	}
	got, err := nearestDistances(context.Background(), images, others, 5, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		best := math.Inf(1)
		for k := 0; k < len(others); k += 5 {
			var s float64
			for j := range 5 {
				d := float64(images[i*5+j]) - float64(others[k+j])
				s += d * d
			}
			best = min(best, math.Sqrt(s))
		}
		if math.Abs(got[i]-best) > 1e-9 {
			t.Fatalf("image %d: %v, want %v", i, got[i], best)
		}
	}
}

// The squared distance of a vector and its copy is a difference of sums that are not rounded alike; theirs is 0 all the same.
func TestCopiesAreAtADistanceOfZero(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	images := make([]float32, 40*784)
	for i := range images {
		images[i] = float32(r.IntN(256)) / 255
	}
	got, err := nearestDistances(context.Background(), images[:30*784], images, 784, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range got {
		if d != 0 {
			t.Fatalf("the copy of image %d is %v from it", i, d)
		}
	}
}

// The standard error is the standard deviation of the estimate, for sets of one law and for sets that differ.
func TestTheErrorOfTheKernelDistanceIsItsSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	sd := []float64{1, 1, 1, 1}
	for _, moved := range []float64{0, 1} {
		const rounds = 400
		var sum, squares, errors float64
		for range rounds {
			d, e, err := KID(gaussians(r, 60, []float64{moved, 0, 0, 0}, sd), gaussians(r, 480, []float64{0, 0, 0, 0}, sd), 4)
			if err != nil {
				t.Fatal(err)
			}
			sum += d
			squares += d * d
			errors += e * e
		}
		m := sum / rounds
		ratio := math.Sqrt(errors/rounds) / math.Sqrt(squares/rounds-m*m)
		t.Logf("moved by %v: distance %.4f, its error over its spread %.3f", moved, m, ratio)
		if math.Abs(ratio-1) > 0.2 { // the spread is known to 1/sqrt(2 rounds), 3.5 %, and is of no normal law
			t.Errorf("moved by %v: the standard error is %.3f of the spread", moved, ratio)
		}
	}
}

func TestTheMeanDeviationOfAShareIsThatOfItsLaw(t *testing.T) {
	for _, c := range []struct {
		n int
		p float64
	}{{20, 0.1}, {20, 0.004}, {50, 0.5}, {7, 0.999}, {30, 0}, {30, 1}} {
		want, ways := 0.0, 1.0
		for k := range c.n + 1 {
			want += ways * math.Pow(c.p, float64(k)) * math.Pow(1-c.p, float64(c.n-k)) * math.Abs(float64(k)/float64(c.n)-c.p)
			ways *= float64(c.n-k) / float64(k+1)
		}
		if got := meanDeviation(c.n, c.p); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d trials of %v: %v, want %v", c.n, c.p, got, want)
		}
	}
	if got := meanDeviation(10_000, 0.1); math.Abs(got/math.Sqrt(2*0.09/(math.Pi*10_000))-1) > 1e-3 {
		t.Errorf("10,000 trials of 0.1: %v, which is not that of a normal law", got)
	}
}

// Draws of the law of the others are too near as often as the chance says, whatever the number of others, and with copies among them.
func TestTheChanceOfBeingTooNear(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	uniform := func(n int, copies float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = max(0, r.Float64()-copies)
		}
		return x
	}
	for _, c := range []struct {
		others int
		copies float64
	}{{20, 0}, {999, 0}, {1000, 0}, {4500, 0}, {2000, 0.3}} {
		const rounds = 400
		var sum, squares, chances float64
		for range rounds {
			share, chance := tooNear(uniform(500, c.copies), uniform(c.others, c.copies))
			sum += share - chance
			squares += (share - chance) * (share - chance)
			chances += chance
		}
		m := sum / rounds
		z := m / math.Sqrt((squares/rounds-m*m)/rounds)
		t.Logf("%d others, copies %v: by chance %.5f, off by %.5f, z %.2f", c.others, c.copies, chances/rounds, m, z)
		if math.Abs(z) > 4 {
			t.Errorf("%d others, copies %v: by chance %v are too near, which is off by %v, z %.2f", c.others, c.copies, chances/rounds, m, z)
		}
	}
	if share, chance := tooNear([]float64{0, 0, 0, 1}, append(uniform(98, 0), 0)); share != 0.75 || chance != 0.01 {
		t.Errorf("three copies of four: a share of %v is too near, by chance %v", share, chance)
	}
}

// strokes are images of 28 x 28 with a bar at a place and of a slope by their number.
func strokes(r *rand.Rand, count int) []float32 {
	var pixels []float32
	for range count {
		at, slope := 8+12*r.Float64(), r.Float64()-0.5
		for y := range 28 {
			for x := range 28 {
				pixels = append(pixels, float32(max(0, 1.5-math.Abs(float64(x)-at-slope*float64(y-14)))/1.5))
			}
		}
	}
	return pixels
}

func TestRealDrawsAreAsReal(t *testing.T) {
	c, err := Open("digits")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(19, 20))
	training, heldOut := strokes(r, 60), strokes(r, 30)
	report, err := Evaluate(context.Background(), c, heldOut, training, heldOut, 1)
	if err != nil {
		t.Fatal(err)
	}
	if report.FID != report.Real.FID || report.KID != report.Real.KID || report.NearestRatio != 1 || report.NoiseSigma != 0 || report.TooNear != 1.0/30 || report.Variation != 0 {
		t.Errorf("held-out images are not as real as themselves: %+v", report)
	}
	for k, share := range report.Histogram {
		if count := math.Round(30 * share); share != count/30 {
			t.Errorf("class %d: a share of %v is no number of 30 images", k, share)
		}
	}
}

// Images that no noise makes as bad get no number that says otherwise.
func TestDrawsWorseThanAllNoise(t *testing.T) {
	c, err := Open("digits")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(21, 22))
	training, heldOut := strokes(r, 60), strokes(r, 30)
	white := make([]float32, 30*784)
	for i := range white {
		white[i] = 1
	}
	report, err := Evaluate(context.Background(), c, white, training, heldOut, 1)
	if err != nil {
		t.Fatal(err)
	}
	if report.NoiseSigma != MostNoise {
		t.Errorf("white images have FID %v, as noise of %v", report.FID, report.NoiseSigma)
	}
}

func TestFeaturesThatAreNoVectorsAreRefused(t *testing.T) {
	good := []float64{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		features []float64
		length   int
		word     string
	}{
		{good, 0, "vectors of 0 features"}, {good, 4, "6 numbers as vectors of 4"}, {good[:2], 2, "at least 2 images"}, {nil, 2, "0 numbers"},
		{[]float64{1, 2, 3, math.NaN()}, 2, "feature 1 of image 1 is NaN"}, {[]float64{1, 2, 1e200, 3}, 2, "feature 0 of image 1 is 1e+200"},
	} {
		_, fid := FID(c.features, c.features, c.length)
		_, _, kid := KID(c.features, c.features, c.length)
		for _, err := range []error{fid, kid} {
			if err == nil || !strings.Contains(err.Error(), c.word) {
				t.Errorf("error %v, want one with %q", err, c.word)
			}
		}
	}
	large := []float64{1e38, -1e38, 3e38, 2e38, 0, 1e38, 3e37, 0}
	fid, err := FID(large, large[2:], 2)
	kid, _, other := KID(large, large[2:], 2)
	if err != nil || other != nil || fid-fid != 0 || kid-kid != 0 {
		t.Errorf("large features: FID %v, %v; KID %v, %v", fid, err, kid, other)
	}
	if _, err := Denoising(context.Background(), normalScore(1), []float64{1}, make([]float32, 9), make([]float32, 9), -3); err == nil {
		t.Error("images of -3 pixels")
	}
}

func TestWhatOverflowsIsAnError(t *testing.T) {
	digits, err := Open("digits")
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]float32{}
	for i, name := range digits.names {
		for _, v := range digits.weights[i] {
			weights[name] = append(weights[name], v*1e20)
		}
	}
	large, err := newClassifier(digits.formula, weights, digits.info)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(23, 24))
	if _, err := large.Classify(context.Background(), strokes(r, 2), 1); err == nil || !strings.Contains(err.Error(), "weights are too large") {
		t.Errorf("features that are not finite: %v", err)
	}
	nowhere := func(_ context.Context, dst, _ *lanes.Block, _ float64) error {
		dst.Row(0)[0] = math.NaN()
		return nil
	}
	if _, err := Denoising(context.Background(), nowhere, []float64{0.5}, strokes(r, 2), strokes(r, 2), 784); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("a score that is no number: %v", err)
	}
}
