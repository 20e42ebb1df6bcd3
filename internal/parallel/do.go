// Package parallel is what runs and training share: work handed to goroutines by an atomic counter ([Do]),
// sums that do not depend on who added what ([Sum]), and counters that workers may bump at every step
// ([Counter]).
//
//	err := parallel.Do(workers, len(blocks), func(worker, i int) error {
//		return advance(blocks[i])
//	})
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Workers is the number of workers that a wish stands for: itself, or, for 0, what the machine allows this
// process at the moment.
func Workers(wish int) int {
	if wish > 0 {
		return wish
	}
	return runtime.GOMAXPROCS(0)
}

// Do calls f(worker, i) once for every i from 0 to n-1, on at most the given number of workers, of which the
// caller is number 0. An item is taken when a worker is free, in order of i. After the first error no new
// item begins; Do waits for those under way and returns the error of the smallest i. A panic in f is raised
// again in the caller, with the stack it had.
func Do(workers, n int, f func(worker, i int) error) error {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			if err := f(0, i); err != nil {
				return err
			}
		}
		return nil
	}
	job := &job{n: int64(n), f: f}
	var wait sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		wait.Go(func() { job.work(worker) })
	}
	job.work(0)
	wait.Wait()
	if job.panicked != nil {
		panic(job.panicked)
	}
	return job.err
}

type job struct {
	n    int64
	f    func(worker, i int) error
	next atomic.Int64
	stop atomic.Bool

	mu       sync.Mutex // guards what follows
	failed   int64
	err      error
	panicked any
}

func (j *job) work(worker int) {
	defer func() {
		if value := recover(); value != nil {
			j.stop.Store(true)
			j.mu.Lock()
			defer j.mu.Unlock()
			if j.panicked == nil {
				j.panicked = fmt.Sprintf("%v\n\n%s", value, debug.Stack())
			}
		}
	}()
	for !j.stop.Load() {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		if err := j.f(worker, int(i)); err != nil {
			j.stop.Store(true)
			j.mu.Lock()
			if j.err == nil || i < j.failed {
				j.err, j.failed = err, i
			}
			j.mu.Unlock()
		}
	}
}

// Counter is a number that one worker bumps often and others read seldom. It fills a cache line, so
// neighbours in a slice do not slow each other down.
type Counter struct {
	atomic.Uint64
	_ [56]byte
}

// Total is the sum of the counters.
func Total(counters []Counter) uint64 {
	var total uint64
	for i := range counters {
		total += counters[i].Load()
	}
	return total
}
