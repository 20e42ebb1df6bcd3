package density_test

import (
	"context"
	"fmt"
	"log"

	"github.com/scorefield/infer/autodiff"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/random"
)

// The zero value is the donut of the tutorial: the radius 2.6 and the width 0.033.
func ExampleDonut() {
	d := density.Donut{}
	x, err := lanes.FromPoints([][]float64{{2.6, 0}, {0, 0}})
	if err != nil {
		log.Fatal(err)
	}
	logp, score := make([]float64, x.Len()), lanes.New(x.Len(), d.Dim())
	if err := d.LogProbGrad(context.Background(), logp, score, x); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("log p %.3f and %.3f; the score at the centre is %v\n", logp[0], logp[1], score.Point(1, nil))

	mean, variance := d.RadiusMoments()
	fmt.Printf("log Z %.9f, E r %.9f, Var r %.9f\n", d.LogNormaliser(), mean, variance)
	// Output:
	// log p -0.000 and -204.848; the score at the centre is [0 0]
	// log Z 1.660129596, E r 2.606346154, Var r 0.016459726
}

// Exact draws are addressed by stream and particle: those of particles 500 to 501 are the same in every block.
func ExampleExact() {
	draws := lanes.New(1000, 2)
	stream := random.New(1, random.Exact)
	if err := (density.Banana{}).Sample(context.Background(), draws, stream, 0); err != nil {
		log.Fatal(err)
	}
	two := lanes.New(2, 2)
	if err := (density.Banana{}).Sample(context.Background(), two, stream, 500); err != nil {
		log.Fatal(err)
	}
	fmt.Println(two.Row(0)[1] == draws.Row(0)[501])
	// Output: true
}

func ExampleNewCorrelatedNormal() {
	d, err := density.NewCorrelatedNormal([]float64{1, -1}, [][]float64{{4, 1}, {1, 1}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("entropy %.4f nats\n", d.Entropy())
	_, err = density.NewCorrelatedNormal([]float64{0, 0}, [][]float64{{1, 2}, {2, 1}})
	fmt.Println(err)
	// Output:
	// entropy 3.3872 nats
	// correlated normal: the covariance is not positive definite: pivot 1 is -3, and has to be positive and finite
}

// A quarter of the mass on the donut, the rest in a normal law around its centre.
func ExampleMixture() {
	d, err := density.Mixture([]float64{1, 3}, density.Donut{}, density.Normal{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("variance of a coordinate %.6f\n", d.(density.Moments).Covariance()[0][0])
	// Output: variance of a coordinate 1.601187
}

// A rate has to be positive. Its logarithm does not, and is what the sampler sees; Map turns draws of the
// logarithm into draws of the rate, which has the mean 3.
func ExampleTransform() {
	rate, err := density.Parse("where(x > 0, 2*log(x) - x, log(0))", 1, nil)
	if err != nil {
		log.Fatal(err)
	}
	d, err := density.Transform(rate, func(x autodiff.Value) (y, logDeterminant autodiff.Value) {
		return x.Exp(), x.Index(0)
	})
	if err != nil {
		log.Fatal(err)
	}
	run := mcmc.Run{Start: mcmc.Normal{Coordinates: 1}, Kernel: mcmc.MALA{Density: d}, Tune: true, Particles: 10_000, Seed: 1}
	if err := run.To(context.Background(), 200); err != nil {
		log.Fatal(err)
	}
	x := run.Positions()
	rates := lanes.New(x.Len(), 1)
	if err := d.Map(rates, x); err != nil {
		log.Fatal(err)
	}
	mean := 0.0
	for _, v := range rates.Row(0)[:rates.Len()] {
		mean += v / float64(rates.Len())
	}
	fmt.Printf("mean rate %.1f\n", mean)
	// Output: mean rate 3.0
}

func ExampleCatalogue() {
	for _, e := range density.Catalogue()[:3] {
		fmt.Printf("%-16s %s\n", e.Name, e.Description)
	}
	// Output:
	// donut            a ring of radius 2.6 and standard deviation 0.128
	// rings            three concentric rings of radius 1.2, 2.4 and 3.6
	// ring-and-normal  the donut and a normal law in its middle, half of the mass each
}
