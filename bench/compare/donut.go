package main

// donut is Langevin on a density that is written down. Fast-math is left out of the peers' forms: it changes results.
var donut = workload{
	name:  "donut",
	title: "Donut, Langevin with step 1e-2, 10,000 particles x 1,000 steps, the whole sampling call",
	// The radial variance of Langevin at step 1e-2 is 0.0236259, its standard error at 10,000 particles 0.00033.
	check: interval{0.0223, 0.0250},
	ours: []ourForm{
		{"text density, float64", nil},
		{"built-in density", []string{"-density", "builtin"}},
		{"text density, one worker", []string{"-workers", "1"}},
		{"text density, AVX2", []string{"-backend", "avx2"}},
		{"text density, AVX2, one worker", []string{"-backend", "avx2", "-workers", "1"}},
	},
	rows: []row{
		{
			name: "JAX float64, jit and scan, one device", program: "donut_jax.py", precision: "float64",
			candidates: []candidate{
				{"scan-t-nopart", "w512", 1, false}, {"scan-t", "w512", 1, false}, {"scan-t-nopart-chunk", "w512", 1, false},
				{"scan-t-rbg", "none", 2, false}, {"scan-t-unsafe_rbg", "none", 2, false},
			},
			narrow: 6, wide: 12, stretch: 17,
		},
		{
			name: "JAX float64 over two host devices", program: "donut_jax.py", precision: "float64",
			candidates: []candidate{
				{"shard-t-nopart", "w512", 1, false}, {"shard-t-nopart-chunk", "w512", 1, false}, {"shard-t", "w512", 1, false},
			},
			narrow: 4.5, wide: 7.5, stretch: 10,
		},
		{
			name: "JAX float32 (its default), one device", program: "donut_jax.py", precision: "float32",
			candidates: []candidate{
				{"scan-t-nopart-chunk", "w512", 1, false}, {"scan-t-nopart", "w512", 1, false}, {"scan-t", "w512", 1, false},
			},
			narrow: 2.2, wide: 2.9, stretch: 3.8,
		},
		{
			name: "JAX float32 over two host devices", program: "donut_jax.py", precision: "float32",
			candidates: []candidate{
				{"shard-t-nopart-chunk", "w512", 1, false}, {"shard-t-nopart", "w512", 1, false}, {"shard-t", "w512", 1, false},
			},
			narrow: 1.2, wide: 1.4, stretch: 2.2,
		},
		{
			name: "PyTorch float64, its best", program: "donut_torch.py", precision: "float64",
			candidates: []candidate{
				{"compile-aten", "none", 1, false}, {"compile-aten-chunk", "none", 1, false}, {"analytic-t", "none", 1, false},
				{"analytic", "none", 2, true}, {"compile", "none", 2, true},
			},
			narrow: 12, wide: 24, stretch: 32,
		},
		{
			name: "PyTorch float32, its best", program: "donut_torch.py", precision: "float32",
			candidates: []candidate{
				{"compile-aten-chunk", "none", 1, false}, {"compile-aten", "none", 1, false}, {"analytic-t", "none", 1, false},
			},
		},
		{
			name: "JAX float32, the tutorial's form", program: "donut_jax.py", precision: "float32",
			candidates: []candidate{{"loop", "none", 1, false}},
		},
		{
			name: "JAX float64, the tutorial's form", program: "donut_jax.py", precision: "float64",
			candidates: []candidate{{"loop", "none", 1, false}},
		},
		{
			name: "PyTorch float32, the tutorial's form", program: "donut_torch.py", precision: "float32",
			candidates: []candidate{{"autograd", "none", 1, false}},
		},
	},
}
