package main

// The tutorial's U-Net of 129,697 parameters on digits, in float32 on both sides and with direct convolution on ours
// unless its form says otherwise. A folder with
// digits is given by -digits.

// passes are the rows of one pass of the network, or one step of its training.
func passes(narrow, wide, stretch float64) []row {
	return []row{
		{
			name: "PyTorch, its best", program: "unet_torch.py", precision: "float32",
			candidates: []candidate{
				{"cl", "none", 2, true}, {"compile-cl", "none", 2, true}, {"compile", "none", 2, true}, {"nchw", "none", 2, true},
				{"cl", "none", 2, false}, {"compile-cl", "none", 2, false}, {"cl", "none", 1, false}, {"compile-max", "none", 2, true},
			},
			narrow: narrow, wide: wide, stretch: stretch,
		},
		{
			name: "JAX, its best", program: "unet_jax.py", precision: "float32",
			candidates: []candidate{
				{"nhwc-shard", "none", 1, false}, {"nhwc", "none", 2, false}, {"nhwc-shard", "w512", 1, false}, {"im2col-shard", "none", 1, false},
			},
			narrow: narrow, wide: wide, stretch: stretch,
		},
	}
}

// both cores, or one.
func unetForms() []ourForm {
	return []ourForm{
		{"two workers, float32", nil},
		{"one worker", []string{"-workers", "1"}},
		{"two workers, AVX2", []string{"-backend", "avx2"}},
		{"two workers, Winograd by name", []string{"-conv", "winograd"}},
	}
}

// and in bfloat16, which is not for training.
func unetScoreForms() []ourForm {
	return append(unetForms(), ourForm{"two workers, bf16 by name", []string{"-conv", "bf16"}})
}

var unetTraining = workload{
	name:  "unet-train",
	title: "U-Net, one training step at batch 120: batch, noise, gradient and Adam",
	check: interval{0.3, 0.9}, // the loss of the last batch, some tens of steps from the initial weights
	ours:  unetForms(),
	rows:  passes(1.4, 1.7, 2.5),
	part:  "train",
}

// The root mean square of the output on an input that the peers share is 21.2358 at batch 10, 20.3827 at batch 100.
var unetForward10 = workload{
	name:  "unet-forward10",
	title: "U-Net, one pass of 10 images",
	check: interval{19, 23},
	ours:  unetScoreForms(),
	rows:  passes(2, 2.1, 3.5),
	part:  "forward10",
}

var unetForward100 = workload{
	name:  "unet-forward100",
	title: "U-Net, one pass of 100 images",
	check: interval{19, 23},
	ours:  unetScoreForms(),
	rows:  passes(1.6, 2, 3.5),
	part:  "forward100",
}

var unetSampling = workload{
	name:  "unet-sample",
	title: "U-Net, annealed Langevin, 10 images x 10 levels x 100 steps, the whole sampling call",
	check: interval{0.05, 0.15}, // the mean pixel
	ours:  unetScoreForms(),
	rows:  passes(1.8, 1.8, 3.2),
	part:  "sample",
}
