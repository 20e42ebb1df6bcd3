package quality

import (
	"context"
	"fmt"
	"math"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/internal/parallel"
	"github.com/scorefield/infer/random"
	"github.com/scorefield/infer/score/network"
	"github.com/scorefield/infer/score/train"
)

// Labelled is images of Height x Width pixels in [0, 1], row by row and image by image, with the class of each.
type Labelled struct {
	Height, Width int
	Pixels        []float32
	Labels        []int // from 0 on
	Classes       []string
}

func (l *Labelled) count() int { return len(l.Labels) }
func (l *Labelled) dim() int   { return l.Height * l.Width }

func (l *Labelled) check() error {
	if l.Height < 4 || l.Width < 4 || l.Height*l.Width > 1<<16 || l.count() == 0 || len(l.Pixels) != l.count()*l.dim() {
		return fmt.Errorf("quality: %d pixels and %d labels for images of %d x %d", len(l.Pixels), l.count(), l.Height, l.Width)
	}
	if len(l.Classes) < 2 {
		return fmt.Errorf("quality: %d classes: give at least 2", len(l.Classes))
	}
	for i, label := range l.Labels {
		if label < 0 || label >= len(l.Classes) {
			return fmt.Errorf("quality: the label of image %d is %d: classes are 0 to %d", i, label, len(l.Classes)-1)
		}
	}
	return nil
}

// Training is how a classifier is trained. Zeros stand for the values that are named.
type Training struct {
	Epochs  int     // passes over the images; 40
	Batch   int     // 64
	Rate    float64 // of Adam, highest; 2e-3
	Shift   int     // images are moved by up to as many pixels, anew each time; 2
	Mirror  bool    // half of the images are mirrored
	Seed    uint64
	Workers int
	// Progress is told the mean loss of an epoch, and may be nil.
	Progress func(epoch int, loss float64)
}

// The streams of a purpose, by what is drawn.
const (
	streamOrder = 101 + iota
	streamShift
)

// convolutional is the classifier's network: three sizes of image, 16, 32 and 64 channels, the mean over the smallest size, and a
// hidden layer, which is the features.
func convolutional(p *network.Params, x autodiff.Value, height, width, classes int) (features, logits autodiff.Value) {
	layer := func(name string, h autodiff.Value, channels, step int) autodiff.Value {
		in := p.In(name)
		w := in.Tensor("weight", network.HeNormal, 3, 3, h.Shape()[2], channels)
		b := in.Tensor("bias", network.Zeros, channels)
		return h.Conv(w, b, backends.Window{Size: 3, Step: step, Up: 1, Before: 1}).ReLU()
	}
	h := layer("conv0", x.Reshape(height, width, 1), 16, 1)
	h = layer("conv1", h, 32, 2)
	h = layer("conv2", h, 32, 1)
	h = layer("conv3", h, 64, 2)
	h = layer("conv4", h, 64, 1)
	pixels := h.Shape()[0] * h.Shape()[1]
	features = p.Dense("hidden", h.SumPixels().Scale(1/float64(pixels)), 64, network.HeNormal).ReLU()
	return features, p.Dense("output", features, classes, network.LecunNormal)
}

// trainGroups is the number of parts of a batch, whose gradients are summed in their order.
const trainGroups = 8

// Train trains a classifier. The same images, training and seed give the same bits, on any machine and any number of workers.
func Train(ctx context.Context, data *Labelled, t Training) (*Classifier, error) {
	if err := data.check(); err != nil {
		return nil, err
	}
	if t.Epochs == 0 {
		t.Epochs = 40
	}
	if t.Batch == 0 {
		t.Batch = min(64, data.count())
	}
	if t.Rate == 0 {
		t.Rate = 2e-3
	}
	if t.Shift == 0 {
		t.Shift = 2
	}
	if t.Epochs < 1 || t.Batch < 1 || t.Batch > data.count() || !(t.Rate > 0 && t.Rate < 1) || t.Shift < 0 || t.Shift > data.Height/4 {
		return nil, fmt.Errorf("quality: a classifier's training of %d epochs, batch %d of %d images, rate %v and shift %d: all are positive, the batch within the images", t.Epochs, t.Batch, data.count(), t.Rate, t.Shift)
	}
	r, err := newTrainer(data, t)
	if err != nil {
		return nil, err
	}
	for epoch := range t.Epochs {
		loss, err := r.epoch(ctx, epoch)
		if err != nil {
			return nil, err
		}
		if t.Progress != nil {
			t.Progress(epoch, loss)
		}
	}
	return r.classifier()
}

type trainer struct {
	Training
	data     *Labelled
	params   *network.Params
	program  *autodiff.RowProgram
	offsets  []int
	weights  []float32
	first    []float32
	second   []float32
	gradient [trainGroups][]float32
	step     int
	steps    int
}

func newTrainer(data *Labelled, t Training) (*trainer, error) {
	g := autodiff.NewGraph()
	r := &trainer{Training: t, data: data, params: network.NewParams(g), steps: t.Epochs * (data.count() / t.Batch)}
	x, label := g.Input(inputImage, data.dim()), g.Input("label", len(data.Classes))
	_, logits := convolutional(r.params, x, data.Height, data.Width, len(data.Classes))
	if err := r.params.Err(); err != nil {
		return nil, fmt.Errorf("quality: classifier: %w", err)
	}
	loss := logits.LogSumExp().Sub(logits.Dot(label)) // cross entropy
	gradients, err := autodiff.Gradient(loss.Scale(1/float64(t.Batch)), r.params.Values()...)
	if err != nil {
		return nil, fmt.Errorf("quality: classifier: %w", err)
	}
	r.program, err = autodiff.CompileRows(append([]autodiff.Value{loss}, gradients...), []autodiff.Value{x, label}, r.params.Values())
	if err != nil {
		return nil, fmt.Errorf("quality: classifier: %w", err)
	}
	length := 0
	for _, v := range r.params.Values() {
		r.offsets = append(r.offsets, length)
		length += v.Size()
	}
	r.weights, r.first, r.second = make([]float32, length), make([]float32, length), make([]float32, length)
	for i := range r.gradient {
		r.gradient[i] = make([]float32, length)
	}
	return r, r.params.Initialise(r.slices(r.weights), random.New(t.Seed, random.Weights))
}

func (r *trainer) slices(values []float32) [][]float32 {
	s := make([][]float32, len(r.offsets))
	for i, v := range r.params.Values() {
		s[i] = values[r.offsets[i]:][:v.Size():v.Size()]
	}
	return s
}

// epoch goes through the images once, in an order of its own.
func (r *trainer) epoch(ctx context.Context, epoch int) (float64, error) {
	order := r.order(epoch)
	batches := len(order) / r.Batch
	losses := make([]float64, batches)
	for b := range batches {
		loss, err := r.batch(ctx, order[b*r.Batch:][:r.Batch])
		if err != nil {
			return 0, err
		}
		losses[b] = loss
	}
	return parallel.Sum(losses) / float64(batches), nil
}

// order is a permutation of the images (Fisher and Yates).
func (r *trainer) order(epoch int) []int {
	stream := random.New(r.Seed, random.Batch).Sub(streamOrder)
	order := make([]int, r.data.count())
	for i := range order {
		order[i] = i
	}
	for i := len(order) - 1; i > 0; i-- {
		w, _, _, _ := stream.Words(uint64(i), uint64(epoch), 0)
		j := int(uint64(w) * uint64(i+1) >> 32)
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// batch takes a step along the gradient for some images.
func (r *trainer) batch(ctx context.Context, images []int) (float64, error) {
	kernels := &backends.Current().F32
	groups := min(trainGroups, len(images))
	var losses [trainGroups]float64
	err := parallel.Do(parallel.Workers(r.Workers), groups, func(_, i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		losses[i] = r.group(i, images[len(images)*i/groups:len(images)*(i+1)/groups])
		return nil
	})
	if err != nil {
		return 0, err
	}
	sum := r.gradient[0]
	for i := 1; i < groups; i++ {
		kernels.Add.VV(sum, sum, r.gradient[i])
	}
	var loss float64
	for _, l := range losses {
		loss += l
	}
	if loss-loss != 0 {
		return 0, fmt.Errorf("quality: the loss of the classifier is %v at step %d: take a lower rate than %v", loss, r.step, r.Rate)
	}
	passed := float64(r.step) / float64(r.steps)
	rate := r.Rate * min(1, 10*(passed+0.001)) * 0.5 * (1 + backends.Cos(math.Pi*passed))
	n := float64(r.step + 1)
	kernels.Adam(r.weights, r.first, r.second, sum, 0.1, 0.001,
		float32(rate/(1-backends.Pow(0.9, n))), float32(1/(1-backends.Pow(0.999, n))), 1e-8, float32(rate*weightDecay))
	r.step++
	return loss / float64(len(images)), nil
}

const weightDecay = 0.01

// group computes the gradient for a part of a batch.
func (r *trainer) group(i int, images []int) float64 {
	dim, classes := r.data.dim(), len(r.data.Classes)
	x, labels, losses := make([]float32, len(images)*dim), make([]float32, len(images)*classes), make([]float32, len(images))
	for k, image := range images {
		r.shifted(x[k*dim:][:dim], image)
		labels[k*classes+r.data.Labels[image]] = 1
	}
	outputs := append([][]float32{losses}, r.slices(r.gradient[i])...)
	r.program.Run(len(images), outputs, [][]float32{x, labels}, r.slices(r.weights))
	var loss float64
	for _, l := range losses {
		loss += float64(l)
	}
	return loss
}

// shifted is an image moved by some pixels, with zeros where it was not.
func (r *trainer) shifted(dst []float32, image int) {
	h, w := r.data.Height, r.data.Width
	a, b, c, _ := random.New(r.Seed, random.Batch).Sub(streamShift).Words(uint64(image), uint64(r.step), 0)
	span := uint64(2*r.Shift + 1)
	dy, dx := int(uint64(a)*span>>32)-r.Shift, int(uint64(b)*span>>32)-r.Shift
	mirror := r.Mirror && c&1 == 1
	from := r.data.Pixels[image*h*w:][:h*w]
	for y := range h {
		for x := range w {
			sy, sx := y-dy, x-dx
			var v float32
			if sy >= 0 && sy < h && sx >= 0 && sx < w {
				if mirror {
					sx = w - 1 - sx
				}
				v = from[sy*w+sx]
			}
			dst[y*w+x] = v
		}
	}
}

func (r *trainer) classifier() (*Classifier, error) {
	g := autodiff.NewGraph()
	params := network.NewParams(g)
	x := g.Input(inputImage, r.data.dim())
	features, logits := convolutional(params, x, r.data.Height, r.data.Width, len(r.data.Classes))
	formula, err := autodiff.Encode(autodiff.Formula{Inputs: []autodiff.Value{x}, Params: params.Values(),
		Outputs: []autodiff.Output{{Name: outputFeatures, Value: features}, {Name: outputLogits, Value: logits}}, Epoch: train.Epoch})
	if err != nil {
		return nil, fmt.Errorf("quality: classifier: %w", err)
	}
	weights := map[string][]float32{}
	for i, name := range params.Names() {
		weights[name] = r.slices(r.weights)[i]
	}
	return newClassifier(formula, weights, ClassifierInfo{Classes: r.data.Classes, Rows: r.data.count(), Seed: r.Seed, Epochs: r.Epochs})
}

// Accuracy is the share of images whose likeliest class is their own. With the result noted, the classifier says so of itself.
func (c *Classifier) Accuracy(ctx context.Context, data *Labelled, workers int) (float64, error) {
	if err := data.check(); err != nil {
		return 0, err
	}
	result, err := c.Classify(ctx, data.Pixels, workers)
	if err != nil {
		return 0, err
	}
	right := 0
	for i, label := range data.Labels {
		if class, _ := result.Class(i); class == label {
			right++
		}
	}
	return float64(right) / float64(data.count()), nil
}

// WithInfo is the classifier with another account of itself.
func (c *Classifier) WithInfo(info ClassifierInfo) (*Classifier, error) {
	with := *c
	with.info = info
	return &with, with.sum()
}
