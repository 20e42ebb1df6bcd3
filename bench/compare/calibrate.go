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

// calibrate is the rate of multiply-adds that the slowest core keeps up while all of them are busy, GF/s of float64; 0
// without vectors. Unlike a peak it is a mean over a tenth of a second, so that a neighbour shows.
func calibrate() float64 {
	least := math.Inf(1)
	var mu sync.Mutex
	var cores sync.WaitGroup
	for range runtime.NumCPU() {
		cores.Go(func() {
			p := sustained(backends.Current(), 100*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			least = min(least, p)
		})
	}
	cores.Wait()
	return least
}

func sustained(t *backends.Table, d time.Duration) float64 {
	var stretches, times float64
	for end := time.Now().Add(d); time.Now().Before(end); stretches++ {
		rate := backends.Peak(t, 0) // a single stretch
		if rate == 0 {
			return 0
		}
		times += 1 / rate
	}
	return stretches / times / 1e9
}
