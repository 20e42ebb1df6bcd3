package main

// training is the tutorial's network: denoising score matching at one noise level, with Adam.
var training = workload{
	name:  "mlp-train",
	title: "Learned score, 10,000 training steps of the 2-32-32-32-2 network at batch 100: batch, noise, gradient and Adam, on one core",
	// The floor is 85.19 for data like these, and one set of data moves it by a few tenths.
	check: interval{84.9, 86.5},
	ours: []ourForm{
		{"one worker, float32", nil},
		{"one worker, AVX2", []string{"-backend", "avx2"}},
	},
	rows: []row{
		{
			name: "JAX, all steps in one lax.scan", program: "mlp_jax.py", precision: "float32",
			candidates: []candidate{
				{"scan-flat-predraw", "w512", 1, false}, {"scan-predraw", "w512", 1, false}, {"scan-flat-predraw", "none", 1, false},
				{"scan-predraw", "none", 1, false}, {"scan-flat", "w512", 1, false}, {"scan-nopart", "w512", 1, false},
			},
			narrow: 2, wide: 2.6, stretch: 3.5,
		},
		{
			name: "JAX, one lax.scan and its compilation", program: "mlp_jax.py", precision: "float32", cold: true, repeats: 1,
			candidates: []candidate{
				{"scan-flat-predraw", "none", 2, false}, {"scan-flat-predraw", "none", 1, false}, {"scan-flat-predraw", "w512", 1, false},
				{"scan-flat", "w512", 1, false}, {"scan-flat", "none", 2, false},
			},
			narrow: 6, wide: 13, stretch: 18,
		},
		{
			name: "JAX, a loop of jitted steps", program: "mlp_jax.py", precision: "float32", repeats: 3,
			candidates: []candidate{{"loop", "w512", 1, false}, {"loop", "none", 2, false}, {"loop", "none", 1, false}},
			narrow:     10, wide: 10, stretch: 14,
		},
		{
			name: "PyTorch with its own Adam", program: "mlp_torch.py", precision: "float32", repeats: 2,
			candidates: []candidate{
				{"eager-fused", "none", 1, false}, {"compile", "none", 1, false}, {"eager", "none", 1, false}, {"eager-fused", "none", 2, true},
			},
			narrow: 20, wide: 25, stretch: 35,
		},
		{
			name: "PyTorch, an Adam by hand, ten steps compiled together", program: "mlp_torch.py", precision: "float32",
			candidates: []candidate{{"compile-all-chunk", "none", 1, false}},
		},
		{
			name: "JAX, the tutorial's form", program: "mlp_jax.py", precision: "float32", repeats: 1,
			candidates: []candidate{{"loop-tutorial", "none", 1, false}},
		},
	},
}

// sampling is Langevin on the score that the network has learned.
var sampling = workload{
	name:  "mlp-sample",
	title: "Learned score, Langevin with step 1e-2 on it, 10,000 particles x 1,000 steps, the whole sampling call",
	// A perfect score gives 0.0394; the networks of all programs are a little off.
	check: interval{0.038, 0.044},
	ours: []ourForm{
		{"two workers, network float32, points float64", nil},
		{"one worker", []string{"-workers", "1"}},
		{"two workers, AVX2", []string{"-backend", "avx2"}},
	},
	rows: []row{
		{
			name: "JAX, jit and scan, one device", program: "mlp_jax.py", precision: "float32",
			candidates: []candidate{
				{"sample-t", "w512", 1, false}, {"sample-block", "w512", 1, false}, {"sample-t", "none", 1, false},
				{"sample", "w512", 1, false},
			},
			narrow: 1.8, wide: 2.6, stretch: 3.6,
		},
		{
			name: "JAX over two host devices", program: "mlp_jax.py", precision: "float32",
			candidates: []candidate{
				{"sample-shard-t", "w512", 1, false}, {"sample-shard-block", "w512", 1, false}, {"sample-shard-t", "none", 1, false},
			},
			narrow: 1.3, wide: 1.5, stretch: 2,
		},
		{
			name: "PyTorch, its best", program: "mlp_torch.py", precision: "float32",
			candidates: []candidate{
				{"sample-compile", "none", 2, true}, {"sample-compile-t", "none", 2, true}, {"sample-compile", "none", 1, false},
				{"sample-compile-t", "none", 1, false}, {"sample-max", "none", 1, false}, {"sample-block", "none", 1, false},
			},
			narrow: 2.5, wide: 3.4, stretch: 4.4,
		},
		{
			name: "JAX float64 over two host devices", program: "mlp_jax.py", precision: "float64",
			candidates: []candidate{{"sample-shard-t", "w512", 1, false}},
		},
	},
}
