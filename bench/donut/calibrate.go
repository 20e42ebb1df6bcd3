package main

import (
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/scorefield/infer/backends"
)

// peaks is the FMA peak of one core in 512-bit and in 256-bit, GF/s of float64; 0 for what the machine lacks.
func peaks() (wide, half float64) {
	for _, t := range backends.Available() {
		switch t.Name {
		case "avx512":
			wide = backends.Peak(t, 300*time.Millisecond) / 1e9
		case "avx2":
			half = backends.Peak(t, 300*time.Millisecond) / 1e9
		}
	}
	return wide, half
}

// calibrate is the lowest FMA peak of any core while all of them are busy, GF/s of float64.
func calibrate() float64 {
	least := math.Inf(1)
	var mu sync.Mutex
	var cores sync.WaitGroup
	for range runtime.NumCPU() {
		cores.Go(func() {
			p := backends.Peak(backends.Current(), 100*time.Millisecond) / 1e9
			mu.Lock()
			defer mu.Unlock()
			least = min(least, p)
		})
	}
	cores.Wait()
	return least
}
