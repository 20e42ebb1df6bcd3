package main

// candidate is one form of a peer's program.
type candidate struct {
	variant string
	tune    string // extra flags for XLA, "none" or "w512"
	threads int
	spin    bool // OpenMP threads that spin while they wait (PyTorch)
}

// row is a line of the table: a peer at a precision, in the best of some forms.
type row struct {
	name       string
	program    string // in bench/peers
	precision  string
	candidates []candidate
	// By how much ours must be faster, on a narrow and on a wide machine, and what a wide one should reach;
	// 0 where nothing is asked.
	narrow, wide, stretch float64
}

// rows are the comparisons. Fast-math is left out: it changes results.
var rows = []row{
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
}

// our forms, compared among themselves; the first is the one that meets the peers.
var ourForms = []ourForm{
	{"text density", nil},
	{"built-in density", []string{"-density", "builtin"}},
	{"text density, one worker", []string{"-workers", "1"}},
	{"text density, AVX2", []string{"-backend", "avx2"}},
	{"text density, AVX2, one worker", []string{"-backend", "avx2", "-workers", "1"}},
}

type ourForm struct {
	name      string
	arguments []string
}
