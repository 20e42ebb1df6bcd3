// Package quality says how good draws of images are, by figures that stand beside what real images get:
//
//	report, err := quality.Evaluate(ctx, classifier, draws, training, heldOut, 0)
//	fmt.Println(report.FID, report.Real.FID, report.NoiseSigma)
//
// The ruler is a small [Classifier] of the data set, trained and fixed before any generator is judged by it. In the space of its
// features, draws are compared with the training images by the distance of Fréchet ([FID]), by the kernel distance ([KID]), and by
// precision and recall. Held-out images, as many as the draws, are compared with the same training images: that is the floor of
// every figure, and no figure is without it. The classifier's confidence, its histogram of classes, and the distance of every draw to the
// nearest training image say whether the draws are clear, fair and new. [Denoising] judges a score itself, level by level, without
// sampling.
//
// Images are slices of pixels in [0, 1], row by row and image by image; pixels outside are clipped, as in a picture.
package quality

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/random"
)

// Figures are the figures of a set of images against the training images.
type Figures struct {
	FID        float64   `json:"fid"`       // 0 is best
	KID        float64   `json:"kid"`       // 0 in the mean for images of the same law
	KIDError   float64   `json:"kid_error"` // its standard error
	Precision  float64   `json:"precision"` // share of these that lie among the training images
	Recall     float64   `json:"recall"`    // share of training images, as many as these, that lie among these
	Confidence float64   `json:"confidence"`
	Histogram  []float64 `json:"histogram"` // shares of the classes
	// Nearest is the median distance to the nearest training image, in pixels.
	Nearest float64 `json:"nearest"`
}

// Report is what [Evaluate] finds. Each figure of the draws has that of real images beside it.
type Report struct {
	Count    int    `json:"count"`    // of draws that were judged, and of held-out images
	Training int    `json:"training"` // images
	Ruler    string `json:"ruler"`    // checksum of the classifier
	Figures
	Real Figures `json:"real"` // of the held-out images
	// NoiseSigma is the standard deviation of the noise that, put on the held-out images, gives them the FID of the draws: a
	// figure that depends little on the classifier. It is 0 where the draws are as near as real images, and at most [MostNoise],
	// which stands for that and more.
	NoiseSigma float64 `json:"noise_sigma"`
	// Variation is the total variation between the classes of the draws and of all held-out images, Chance its mean for as many fair draws.
	Variation float64 `json:"variation"`
	Chance    float64 `json:"variation_by_chance"`
	// NearestRatio is the median distance of a draw to its nearest training image over that of a held-out image. TooNear is the share of
	// draws that are as near as one held-out image in a thousand, or as the nearest where they are fewer, or nearer; TooNearChance its
	// mean for fair draws.
	NearestRatio  float64  `json:"nearest_ratio"`
	TooNear       float64  `json:"too_near"`
	TooNearChance float64  `json:"too_near_by_chance"`
	Classes       []string `json:"classes,omitempty"`
}

// MostNoise is the largest standard deviation of noise that draws are compared with: with as much, images are black and white noise.
const MostNoise = 1.0

// LeastImages is the least number of draws and of held-out images that can be judged.
const LeastImages = 20

// judged is a set of images and what the classifier says of it.
type judged struct {
	pixels  []float32
	result  *Classified
	moments *moments
}

// Evaluate judges draws by their figures against training images, and gives held-out images the same treatment: the first of both,
// as many as there are of either. Worker numbers change nothing; 0 means all.
func Evaluate(ctx context.Context, c *Classifier, draws, training, heldOut []float32, workers int) (*Report, error) {
	for _, set := range []struct {
		name   string
		pixels []float32
	}{{"draws", draws}, {"training images", training}, {"held-out images", heldOut}} {
		if len(set.pixels)%c.dim != 0 || len(set.pixels)/c.dim < LeastImages {
			return nil, fmt.Errorf("quality: %d pixels of %s for a classifier of images of %d pixels: give at least %d whole images", len(set.pixels), set.name, c.dim, LeastImages)
		}
	}
	count := min(len(draws), len(heldOut)) / c.dim
	all, err := c.Classify(ctx, heldOut, workers)
	if err != nil {
		return nil, err
	}
	reference, err := judge(ctx, c, training, workers)
	if err != nil {
		return nil, err
	}
	r := &Report{Count: count, Training: reference.result.Count(), Ruler: c.sha256, Classes: c.info.Classes}
	var distances [2][]float64
	var mine *judged
	for i, pixels := range [][]float32{draws[:count*c.dim], heldOut[:count*c.dim]} {
		set, err := judge(ctx, c, pixels, workers)
		if err != nil {
			return nil, err
		}
		if distances[i], err = nearestDistances(ctx, pixels, training, c.dim, workers); err != nil {
			return nil, err
		}
		figures, err := set.against(ctx, reference, c, workers)
		if err != nil {
			return nil, err
		}
		figures.Nearest = median(distances[i])
		if i == 0 {
			r.Figures, mine = figures, set
		} else {
			r.Real = figures
		}
	}
	if r.Real.Nearest == 0 {
		return nil, errors.New("quality: at least half of the held-out images are training images too, so that nothing says how far real images are: hold out others")
	}
	if r.FID > r.Real.FID {
		if r.NoiseSigma, err = noiseSigma(ctx, c, heldOut[:count*c.dim], reference.moments, r.FID, workers); err != nil {
			return nil, err
		}
	}
	shares := histogram(all)
	for k, share := range histogram(mine.result) {
		r.Variation += float64(math.Abs(share-shares[k]) / 2)
		r.Chance += float64(meanDeviation(count, shares[k]) / 2)
	}
	r.NearestRatio = r.Nearest / r.Real.Nearest
	r.TooNear, r.TooNearChance = tooNear(distances[0], distances[1])
	return r, nil
}

// tooNear is the share of distances that are no longer than one in a thousand of others, or than the shortest where they are fewer; and its
// mean where all are of one law: the next distance is as likely to take any of the ranks among n others, of which there are n + 1. Copies,
// at a distance of 0, count even if others are copies too.
func tooNear(distances, others []float64) (share, chance float64) {
	limit := stat.Quantile(0.001, stat.Empirical, slices.Sorted(slices.Values(others)), nil)
	count := func(values []float64) (n float64) {
		for _, d := range values {
			if d <= limit {
				n++
			}
		}
		return n
	}
	return count(distances) / float64(len(distances)), count(others) / float64(len(others)+1)
}

// meanDeviation is the mean distance from p of the share of successes in n trials of probability p (de Moivre 1730):
// 2 v/n C(n, v) p^v (1-p)^(n-v+1), v the least whole number above n p.
func meanDeviation(n int, p float64) float64 {
	if p <= 0 || p >= 1 {
		return 0
	}
	trials := float64(n)
	v := math.Floor(float64(trials*p)) + 1
	ways := backends.Lgamma(trials+1) - backends.Lgamma(v+1) - backends.Lgamma(trials-v+1)
	return float64(2 * v / trials * backends.Exp(math.FMA(v, backends.Log(p), math.FMA(trials-v+1, backends.Log1p(-p), ways))))
}

func judge(ctx context.Context, c *Classifier, pixels []float32, workers int) (*judged, error) {
	result, err := c.Classify(ctx, pixels, workers)
	if err != nil {
		return nil, err
	}
	m, err := momentsOf(result.Features, c.length)
	return &judged{pixels, result, m}, err
}

// against are the figures of a set, but for distances in pixels.
func (j *judged) against(ctx context.Context, reference *judged, c *Classifier, workers int) (f Figures, err error) {
	if f.FID, err = frechet(j.moments, reference.moments); err != nil {
		return f, err
	}
	if f.KID, f.KIDError, err = KID(j.result.Features, reference.result.Features, c.length); err != nil {
		return f, err
	}
	// Recall depends on how many there are: compare as many.
	as := min(len(reference.result.Features), len(j.result.Features))
	f.Precision, f.Recall, err = precisionRecall(ctx, j.result.Features, reference.result.Features[:as], c.length, workers)
	if err != nil {
		return f, err
	}
	f.Histogram = histogram(j.result)
	for i := range j.result.Count() {
		_, p := j.result.Class(i)
		f.Confidence += p
	}
	f.Confidence /= float64(j.result.Count())
	return f, nil
}

func histogram(c *Classified) []float64 {
	shares := make([]float64, c.classes)
	for i := range c.Count() {
		class, _ := c.Class(i)
		shares[class]++
	}
	for k := range shares {
		shares[k] /= float64(c.Count())
	}
	return shares
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// noiseSigma finds the noise by halving, up to MostNoise.
func noiseSigma(ctx context.Context, c *Classifier, images []float32, reference *moments, target float64, workers int) (float64, error) {
	stream := random.New(0, random.Probe).Sub(1)
	noise := lanes.New(len(images), 1)
	stream.Normal(noise, 0, 0)
	z := noise.Row(0)
	noised := make([]float32, len(images))
	distance := func(sigma float64) (float64, error) {
		for i, v := range images {
			noised[i] = v + float32(sigma*z[i])
		}
		j, err := judge(ctx, c, noised, workers)
		if err != nil {
			return 0, err
		}
		return frechet(j.moments, reference)
	}
	low, high := 0.0, MostNoise
	if d, err := distance(high); err != nil || d < target {
		return high, err
	}
	for range 14 {
		middle := float64((low + high) / 2)
		if low == 0 {
			middle = float64(high / 4)
		}
		d, err := distance(middle)
		if err != nil {
			return 0, err
		}
		if d < target {
			low = middle
		} else {
			high = middle
		}
	}
	if low == 0 {
		return 0, nil
	}
	return (low + high) / 2, nil
}

// Level is how well a score denoises at a noise level.
type Level struct {
	Sigma float64 `json:"sigma"`
	// HeldOut and Training are the mean squared error of the denoised image, x + sigma^2 s, over that of the noised one, on
	// held-out and on training images: 1 is to do nothing. A HeldOut far above Training is a score that has learned its
	// images by heart.
	HeldOut       float64 `json:"held_out"`
	HeldOutError  float64 `json:"held_out_error"` // standard errors
	Training      float64 `json:"training"`
	TrainingError float64 `json:"training_error"`
}

// Denoiser computes the scores of noised images, which are rows of the index given, at a noise level.
type Denoiser func(ctx context.Context, dst, x *lanes.Block, sigma float64) error

// Denoising judges a score by its denoising error at some noise levels, on as many held-out as training images, at most 1,000 of
// each. The noise is the same for every score.
func Denoising(ctx context.Context, score Denoiser, sigmas []float64, training, heldOut []float32, dim int) ([]Level, error) {
	count := min(len(training), len(heldOut), 1000*dim) / max(dim, 1)
	if dim < 1 || count < 2 {
		return nil, fmt.Errorf("quality: denoising error on %d images of %d pixels: give at least 2, of at least 1", count, dim)
	}
	levels := make([]Level, len(sigmas))
	for k, sigma := range sigmas {
		if !(sigma > 0) || math.IsInf(sigma, 1) {
			return nil, fmt.Errorf("quality: denoising error at noise level %v: give a positive number", sigma)
		}
		l := &levels[k]
		l.Sigma = sigma
		var err error
		if l.HeldOut, l.HeldOutError, err = denoisingError(ctx, score, sigma, heldOut[:count*dim], dim, uint64(k)); err != nil {
			return nil, err
		}
		if l.Training, l.TrainingError, err = denoisingError(ctx, score, sigma, training[:count*dim], dim, uint64(k)); err != nil {
			return nil, err
		}
	}
	return levels, nil
}

func denoisingError(ctx context.Context, score Denoiser, sigma float64, images []float32, dim int, step uint64) (mean, standardError float64, err error) {
	n := len(images) / dim
	noise, x, s := lanes.New(n, dim), lanes.New(n, dim), lanes.New(n, dim)
	random.New(0, random.Probe).Sub(2).Normal(noise, 0, step)
	for j := range dim {
		for i, z := range noise.Row(j)[:n] {
			x.Row(j)[i] = float64(images[i*dim+j]) + float64(sigma*z)
		}
	}
	if err := score(ctx, s, x, sigma); err != nil {
		return 0, 0, err
	}
	errors := make([]float64, n)
	for j := range dim {
		for i, z := range noise.Row(j)[:n] {
			e := z + float64(sigma*s.Row(j)[i]) // (denoised - clean)/sigma
			errors[i] = math.FMA(e, e/float64(dim), errors[i])
		}
	}
	mean, sd := stat.MeanStdDev(errors, nil)
	if sd-sd != 0 {
		return 0, 0, fmt.Errorf("quality: denoising error at noise level %v: a score is not finite", sigma)
	}
	return mean, sd / math.Sqrt(float64(n)), nil
}
